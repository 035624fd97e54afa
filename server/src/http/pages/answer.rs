//! How pages are sent: what they may load, and what they say when something is wrong.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::views::View;
use crate::{
    app::App,
    auth::{AuthError, error::FieldProblem},
    store::StoreError,
};

/// A page that says one thing.
#[derive(Template)]
#[template(path = "message.html")]
struct Message<'m> {
    title: &'m str,
    text: &'m str,
}

impl View for Message<'_> {}

/// Sends a rendered page.
pub fn page(status: StatusCode, view: &impl View) -> Response {
    let policy = HeaderValue::try_from(view.policy().to_string());
    let (Ok(html), Ok(policy)) = (view.render(), policy) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    ];
    (status, headers, html).into_response()
}

/// What is wrong with a field; "" where nothing is.
pub fn problem<'p>(problems: &'p [FieldProblem], field: &str) -> &'p str {
    let problem = problems.iter().find(|problem| problem.field == field);
    problem.map_or("", |problem| problem.message.as_str())
}

/// The status of a form that shows these problems.
pub const fn status_of(problems: &[FieldProblem]) -> StatusCode {
    if problems.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
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
        AuthError::UnderWay => (S::CONFLICT, "Under way", "This is being done at this moment."),
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
    comes_from(&app.issuer, headers)
}

/// Our pages say `Referrer-Policy: no-referrer`, for which browsers send their forms with
/// `Origin: null` (Fetch, "append a request Origin header"). What no page can set speaks for such
/// a form, and only that: `Sec-Fetch-Site`.
fn comes_from(issuer: &str, headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if !matches!(site, None | Some(b"same-origin" | b"none")) {
        return false;
    }
    match headers.get(header::ORIGIN).map(HeaderValue::as_bytes) {
        None => true,
        Some(b"null") => site == Some(b"same-origin"),
        Some(origin) => origin == issuer.as_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_ours(origin: Option<&'static str>, site: Option<&'static str>) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        comes_from("https://id.example", &headers)
    }

    #[test]
    fn a_form_of_a_page_that_sends_no_referrer_is_known_by_its_fetch_metadata() {
        assert!(is_ours(Some("null"), Some("same-origin")));
        for site in [None, Some("none"), Some("same-site"), Some("cross-site")] {
            assert!(!is_ours(Some("null"), site), "{site:?}");
        }
    }

    #[test]
    fn a_form_of_another_origin_is_refused() {
        assert!(is_ours(None, None) && is_ours(Some("https://id.example"), Some("same-origin")));
        for origin in ["https://evil.example", "http://id.example", "https://id.example.evil"] {
            assert!(!is_ours(Some(origin), None), "{origin}");
            assert!(!is_ours(Some(origin), Some("same-origin")), "{origin}");
        }
        assert!(!is_ours(None, Some("cross-site")));
    }
}
