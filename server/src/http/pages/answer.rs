//! How pages are sent: what they may load, and what they say when something is wrong.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::views::{Look, Message, Problem, View};
use crate::{
    app::App,
    auth::{AuthError, error::FieldProblem},
    store::StoreError,
};

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

/// Sends a form, shown again where there is a problem.
pub fn form(problem: Option<Problem>, view: &impl View) -> Response {
    let sent = page(problem.map_or(StatusCode::OK, Problem::status), view);
    waiting(sent, problem.and_then(Problem::retry_after))
}

/// Says when to come again (rules 19 and 36).
fn waiting(mut response: Response, wait: Option<Duration>) -> Response {
    if let Some(wait) = wait {
        let seconds = HeaderValue::from(wait.as_secs().max(1));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// The status of a form that shows these problems.
pub const fn status_of(problems: &[FieldProblem]) -> StatusCode {
    if problems.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
}

/// A page that says one thing: the texts `KEY-title` and `KEY-text`.
pub fn message(look: &Look, status: StatusCode, key: &str) -> Response {
    let (title, text) = (look.text(&format!("{key}-title")), look.text(&format!("{key}-text")));
    page(status, &Message { look, title: &title, text: &text })
}

/// The ONE table from a reason to its page. Fields are shown beside their inputs, and never
/// arrive here.
pub fn error(look: &Look, request_id: &str, reason: &AuthError) -> Response {
    use StatusCode as S;
    let (status, key) = match reason {
        AuthError::InvalidToken => (S::BAD_REQUEST, "page-link-over"),
        AuthError::Conflict(_) => (S::CONFLICT, "page-conflict"),
        AuthError::TooMany { .. } => (S::TOO_MANY_REQUESTS, "page-too-many"),
        AuthError::UnderWay => (S::CONFLICT, "page-under-way"),
        AuthError::Busy | AuthError::Store(StoreError::Unavailable { .. }) => {
            (S::SERVICE_UNAVAILABLE, "page-unavailable")
        }
        AuthError::Forbidden
        | AuthError::NoCredential
        | AuthError::WrongCredentials
        | AuthError::AddressNotVerified
        | AuthError::StepUpRequired { .. } => (S::FORBIDDEN, "page-forbidden"),
        AuthError::Invalid(_)
        | AuthError::MethodNotOffered(_)
        | AuthError::WrongCode
        | AuthError::FactorLocked
        | AuthError::NotFound => (S::BAD_REQUEST, "page-invalid"),
        AuthError::Store(StoreError::Broken { .. }) | AuthError::Internal(_) => {
            (S::INTERNAL_SERVER_ERROR, "page-broken")
        }
    };
    if status.is_server_error() {
        tracing::error!(request_id, cause = ?reason, "page failed");
    } else {
        tracing::info!(request_id, cause = ?reason, "page refused");
    }
    let wait = Problem::of(reason).and_then(Problem::retry_after);
    waiting(message(look, status, key), wait)
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
    fn whoever_has_to_wait_is_told_how_long() {
        let look = Look::of(&HeaderMap::new(), &[]);
        let view = Message { look: &look, title: "t", text: "t" };
        let told = |response: &Response| {
            let wait = response.headers().get(header::RETRY_AFTER);
            (response.status().as_u16(), wait.map(|wait| wait.to_str().unwrap().to_owned()))
        };
        let retry_after = Duration::from_secs(90);
        let many = form(Some(Problem::TooMany { retry_after }), &view);
        assert_eq!(told(&many), (429, Some("90".to_owned())));
        assert_eq!(told(&form(Some(Problem::Busy), &view)), (503, Some("1".to_owned())));
        assert_eq!(told(&form(Some(Problem::WrongCode), &view)), (422, None));
        assert_eq!(told(&form(None, &view)), (200, None));
        assert_eq!(told(&error(&look, "r", &AuthError::Busy)), (503, Some("1".to_owned())));
        let many = AuthError::TooMany { retry_after, limit: 10 };
        assert_eq!(told(&error(&look, "r", &many)), (429, Some("90".to_owned())));
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
