//! Answers of the OAuth endpoints, and the ONE table from a reason to its error code.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::call::Call;
use crate::{
    http::pages::{
        answer as page,
        views::{ErrorPage, Look},
    },
    oauth::OAuthError,
};

/// How long to wait where a store is away.
const SOON: Duration = Duration::from_secs(1);

/// A reason on the wire: what redirects and JSON answers say of it.
pub struct Row {
    /// The status, where the answer is no redirect.
    pub status: StatusCode,
    /// `error`.
    pub code: &'static str,
    /// `error_description`.
    pub text: String,
    /// `WWW-Authenticate`.
    challenge: Option<String>,
    retry_after: Option<Duration>,
}

impl Row {
    fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self { status, code, text: described(&text.into()), challenge: None, retry_after: None }
    }

    fn bad(code: &'static str, text: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, text)
    }

    fn challenging(mut self, challenge: impl Into<String>) -> Self {
        self.challenge = Some(challenge.into());
        self
    }

    fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait.max(SOON));
        self
    }

    /// `response` with the header fields that go with the reason.
    fn finish(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        let challenge = self.challenge.as_ref().and_then(|text| HeaderValue::try_from(text).ok());
        if let Some(challenge) = challenge {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        response
    }
}

/// What RFC 6749 section 5.2 allows in `error_description`.
fn described(text: &str) -> String {
    let allowed = |c: char| (' '..='~').contains(&c) && !['"', '\\'].contains(&c);
    text.chars().map(|c| if allowed(c) { c } else { '?' }).collect()
}

/// Every reason, answered. No `_`: a new reason does not compile until it has its row.
#[must_use]
pub fn row(error: &OAuthError) -> Row {
    use OAuthError as E;
    match error {
        E::InvalidRequest(text) => Row::bad("invalid_request", text),
        // Each 401 says how to do better (RFC 9110 section 15.5.2), whatever was tried.
        E::InvalidClient(text) => {
            Row::new(StatusCode::UNAUTHORIZED, "invalid_client", text.as_ref())
                .challenging("Basic realm=\"signalbox\"")
        }
        E::InvalidGrant(text) => Row::bad("invalid_grant", text),
        E::UnauthorizedClient(text) => Row::bad("unauthorized_client", text),
        E::UnsupportedGrantType(text) => Row::bad("unsupported_grant_type", text),
        E::InvalidScope(text) => Row::bad("invalid_scope", text),
        E::InvalidTarget(text) => Row::bad("invalid_target", text),
        E::AccessDenied(text) => Row::bad("access_denied", text),
        E::UnsupportedResponseType(text) => Row::bad("unsupported_response_type", text),
        E::LoginRequired(text) => Row::bad("login_required", text),
        E::InteractionRequired(text) => Row::bad("interaction_required", text),
        E::ConsentRequired(text) => Row::bad("consent_required", text),
        E::AccountSelectionRequired(text) => Row::bad("account_selection_required", text),
        E::UnmetAuthenticationRequirements(text) => {
            Row::bad("unmet_authentication_requirements", text)
        }
        E::InvalidRequestUri(text) => Row::bad("invalid_request_uri", text),
        E::RequestNotSupported(text) => Row::bad("request_not_supported", text),
        E::RequestUriNotSupported(text) => Row::bad("request_uri_not_supported", text),
        E::RegistrationNotSupported(text) => Row::bad("registration_not_supported", text),
        // Who showed nothing is told what to show, and of no error (RFC 6750 section 3.1).
        E::InvalidToken(None) => {
            Row::new(StatusCode::UNAUTHORIZED, "invalid_token", "an access token is needed")
                .challenging("Bearer")
        }
        E::InvalidToken(Some(text)) => {
            let row = Row::new(StatusCode::UNAUTHORIZED, "invalid_token", text.as_ref());
            let text = &row.text;
            let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{text}\"");
            row.challenging(challenge)
        }
        E::InsufficientScope(scope) => {
            let text = format!("the scope {scope} is needed");
            Row::new(StatusCode::FORBIDDEN, "insufficient_scope", text)
                .challenging(format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\""))
        }
        E::InvalidRedirectUri(text) => Row::bad("invalid_redirect_uri", text),
        E::InvalidClientMetadata(text) => Row::bad("invalid_client_metadata", text),
        E::UnapprovedSoftwareStatement(text) => Row::bad("unapproved_software_statement", text),
        E::AuthorizationPending => {
            Row::bad("authorization_pending", "the person has not answered yet")
        }
        E::SlowDown => Row::bad("slow_down", "wait five seconds longer between two polls"),
        E::ExpiredToken => Row::bad("expired_token", "the device code is over; ask for another"),
        E::NotFound => Row::new(StatusCode::NOT_FOUND, "not_found", "there is no such thing here"),
        E::TooMany { retry_after } => Row::new(
            StatusCode::TOO_MANY_REQUESTS,
            "temporarily_unavailable",
            "too many tries; wait a while",
        )
        .after(*retry_after),
        E::Unavailable(_) => Row::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "the server is busy or waits for a store; try again in a moment",
        )
        .after(SOON),
        E::Internal(_) => Row::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "something went wrong; the request id names it in the log",
        ),
    }
}

/// A JSON answer that nobody keeps (RFC 6749 section 5.1).
#[must_use]
pub fn json(status: StatusCode, body: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::PRAGMA, HeaderValue::from_static("no-cache")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, body.to_string()).into_response()
}

/// Answers and logs an error, once.
#[must_use]
pub fn error(error: &OAuthError) -> Response {
    let row = logged(error);
    let body = match error {
        OAuthError::InvalidToken(None) => json!({}),
        _ => json!({ "error": row.code, "error_description": row.text }),
    };
    row.finish(json(row.status, &body))
}

/// The same as a page, where nobody may be sent anywhere (rule 11).
#[must_use]
pub fn error_page(look: &Look, request_id: &str, error: &OAuthError) -> Response {
    let mut row = logged(error);
    // No browser is asked for credentials here, so 401 would say too much (RFC 9110 section 15.5.2).
    if row.status == StatusCode::UNAUTHORIZED {
        (row.status, row.challenge) = (StatusCode::BAD_REQUEST, None);
    }
    let view = ErrorPage { look, code: row.code, details: &row.text, request_id, back: None };
    row.finish(page::page(row.status, &view))
}

/// The same for a request of which nothing could be read.
#[must_use]
pub fn refused_page(call: &Call, error: &OAuthError) -> Response {
    error_page(&Look::of(&call.headers, &[]), &call.origin.request_id, error)
}

/// The row of a reason, which is logged.
pub fn logged(error: &OAuthError) -> Row {
    let row = row(error);
    if row.status.is_server_error() {
        tracing::error!(code = row.code, cause = %error, "request failed");
    } else {
        tracing::info!(code = row.code, cause = %error, "request refused");
    }
    row
}

/// The answer to a request, whatever came of it.
#[must_use]
pub fn end(result: Result<Response, OAuthError>) -> Response {
    result.unwrap_or_else(|refused| error(&refused))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_has_no_character_that_ends_a_quotation_or_a_line() {
        assert_eq!(described("a \"b\" \\ c\r\nd é"), "a ?b? ? c??d ?");
    }

    #[test]
    fn who_shows_no_token_is_challenged_without_an_error_code() {
        let challenge = |error| row(&error).challenge.unwrap();
        assert_eq!(challenge(OAuthError::InvalidToken(None)), "Bearer");
        let client = OAuthError::InvalidClient("no client authentication came".into());
        assert_eq!(challenge(client), "Basic realm=\"signalbox\"");
        assert_eq!(
            challenge(OAuthError::InvalidToken(Some("it is \"spent\"".into()))),
            "Bearer error=\"invalid_token\", error_description=\"it is ?spent?\""
        );
        assert_eq!(
            challenge(OAuthError::InsufficientScope("openid")),
            "Bearer error=\"insufficient_scope\", scope=\"openid\""
        );
    }
}
