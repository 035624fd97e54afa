//! How pages are sent: what they may load, and what they say when something is wrong.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{app::App, auth::AuthError, store::StoreError};

/// Everything from here, nothing inline, nobody's frame (rule 32). Pictures may be data: QR codes.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A page that says one thing.
#[derive(Template)]
#[template(path = "message.html")]
struct Message<'m> {
    title: &'m str,
    text: &'m str,
}

/// Sends a rendered page.
pub fn page(status: StatusCode, template: &impl Template) -> Response {
    let Ok(html) = template.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    (status, headers, html).into_response()
}

/// A page that says one thing.
pub fn message(status: StatusCode, title: &str, text: &str) -> Response {
    page(status, &Message { title, text })
}

/// The ONE table from a reason to its page. Fields are shown beside their inputs, and never
/// arrive here.
pub fn error(request_id: &str, reason: &AuthError) -> Response {
    use StatusCode as S;
    let (status, title, text) = match reason {
        AuthError::InvalidToken => (
            S::BAD_REQUEST,
            "This link does not work any more",
            "It is spent, too old, or a newer one was sent. Ask for a new one.",
        ),
        AuthError::Conflict(_) => (S::CONFLICT, "Nothing to do", "This has been done already."),
        AuthError::TooMany { .. } => {
            (S::TOO_MANY_REQUESTS, "Too many tries", "Wait a few minutes, then try again.")
        }
        AuthError::Busy | AuthError::Store(StoreError::Unavailable { .. }) => {
            (S::SERVICE_UNAVAILABLE, "Not available at this moment", "Try again in a few seconds.")
        }
        AuthError::Forbidden
        | AuthError::NoCredential
        | AuthError::WrongCredentials
        | AuthError::AddressNotVerified
        | AuthError::StepUpRequired { .. } => (S::FORBIDDEN, "Not allowed", "You may not do this."),
        AuthError::Invalid(_)
        | AuthError::MethodNotOffered(_)
        | AuthError::WrongCode
        | AuthError::FactorLocked
        | AuthError::NotFound => {
            (S::BAD_REQUEST, "This cannot be done", "Go back, check what you entered, try again.")
        }
        AuthError::Store(StoreError::Broken { .. }) | AuthError::Internal(_) => (
            S::INTERNAL_SERVER_ERROR,
            "Something went wrong",
            "It has been written to the log. Try again later.",
        ),
    };
    if status.is_server_error() {
        tracing::error!(request_id, cause = ?reason, "page failed");
    } else {
        tracing::info!(request_id, cause = ?reason, "page refused");
    }
    let mut response = message(status, title, text);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// Whether a form was sent from a page of ours: its `Origin`, where a browser names one, is the
/// issuer's.
pub fn is_same_origin(app: &App, headers: &HeaderMap) -> bool {
    let cross_site =
        headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    let foreign = headers
        .get(header::ORIGIN)
        .is_some_and(|origin| origin.as_bytes() != app.issuer.as_bytes() && origin != "null");
    let opaque = headers.get(header::ORIGIN).is_some_and(|origin| origin == "null");
    !cross_site && !foreign && !opaque
}
