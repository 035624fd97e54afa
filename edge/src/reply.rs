//! What the edge itself answers: refusals, failures of upstreams, and the few pages of its own.

use std::{fmt::Write as _, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use jwks::{
    decide::{ChallengeReason, RefusalReason},
    facts::Malformed,
};
use pingora::{http::ResponseHeader, proxy::Session};
use serde_json::json;

use crate::{facts::TooLarge, ids};

/// How long the rest of a refused request is read, so that the answer arrives before the
/// connection closes.
const DRAIN: Duration = Duration::from_millis(500);
/// When to come back after a 503, seconds.
const RETRY_AFTER: u32 = 5;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto 0;\
padding:0 1.5rem;color:#1c2430;background:#fff}h1{font-size:1.5rem;margin:0 0 .5rem}\
p{margin:.5rem 0}code{font-size:.9em;color:#5a6472}\
@media(prefers-color-scheme:dark){body{color:#e6e9ee;background:#14181f}code{color:#98a2b0}}";

/// Why the edge answers in a request's stead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The request is too large to be looked at.
    TooLarge(TooLarge),
    /// 503: no view has come yet.
    NoView,
    /// The decision.
    Refusal(RefusalReason),
    /// The decision: something the caller can mend.
    Challenge(ChallengeReason),
    /// 404: below `/.signalbox/` there is nothing of that name.
    NoSuchPage,
    /// 405: what is there is only for reading.
    ReadOnly,
}

impl Reason {
    /// A word for logs and figures.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge(TooLarge::Head) => "head_too_large",
            Self::TooLarge(TooLarge::Path) => "path_too_long",
            Self::NoView => "no_view",
            Self::Refusal(reason) => reason.as_str(),
            Self::Challenge(reason) => reason.as_str(),
            Self::NoSuchPage => "no_such_page",
            Self::ReadOnly => "read_only",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::TooLarge(TooLarge::Head) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TooLarge(TooLarge::Path) => StatusCode::URI_TOO_LONG,
            Self::NoView => StatusCode::SERVICE_UNAVAILABLE,
            Self::Challenge(_) => StatusCode::UNAUTHORIZED,
            Self::NoSuchPage => StatusCode::NOT_FOUND,
            Self::ReadOnly => StatusCode::METHOD_NOT_ALLOWED,
            Self::Refusal(reason) => match reason {
                RefusalReason::Malformed(_) | RefusalReason::ConflictingCredentials => {
                    StatusCode::BAD_REQUEST
                }
                RefusalReason::UnknownHost => StatusCode::MISDIRECTED_REQUEST,
                RefusalReason::Inactive | RefusalReason::Stale => StatusCode::SERVICE_UNAVAILABLE,
                RefusalReason::CredentialNotAccepted => StatusCode::UNAUTHORIZED,
                RefusalReason::Network | RefusalReason::NotAllowed | RefusalReason::Scope => {
                    StatusCode::FORBIDDEN
                }
            },
        }
    }

    /// Whether nobody can tell where on the connection the next request begins (RFC 9112 section
    /// 6.3), or whether it is worth waiting for.
    const fn ends_connection(self) -> bool {
        matches!(
            self,
            Self::TooLarge(_) | Self::Refusal(RefusalReason::Malformed(Malformed::Framing))
        )
    }

    /// The code and the words of the answer.
    const fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::TooLarge(TooLarge::Head) => {
                ("HEADERS_TOO_LARGE", "The request has more header fields than are accepted.")
            }
            Self::TooLarge(TooLarge::Path) => ("PATH_TOO_LONG", "The address is too long."),
            Self::NoView => ("NOT_READY", "This service is starting. Please try again shortly."),
            Self::NoSuchPage => ("NOT_FOUND", "There is nothing at this address."),
            Self::ReadOnly => ("METHOD_NOT_ALLOWED", "This address can only be read."),
            Self::Refusal(reason) => match reason {
                RefusalReason::Malformed(Malformed::Path) => (
                    "BAD_PATH",
                    "The address can be read in more than one way and is not accepted.",
                ),
                RefusalReason::Malformed(Malformed::Framing) => (
                    "BAD_REQUEST",
                    "The request can be read in more than one way and is not accepted.",
                ),
                RefusalReason::UnknownHost => {
                    ("UNKNOWN_HOST", "No site of this name is served here.")
                }
                RefusalReason::Inactive => {
                    ("SITE_INACTIVE", "This site is switched off at the moment.")
                }
                RefusalReason::Stale => (
                    "TEMPORARILY_UNAVAILABLE",
                    "Access cannot be checked at the moment. Please try again shortly.",
                ),
                RefusalReason::ConflictingCredentials => {
                    ("CONFLICTING_CREDENTIALS", "The request carries more than one credential.")
                }
                RefusalReason::CredentialNotAccepted => {
                    ("CREDENTIAL_NOT_ACCEPTED", "This site does not take this kind of credential.")
                }
                RefusalReason::Network => {
                    ("FORBIDDEN", "This site cannot be reached from your network.")
                }
                RefusalReason::NotAllowed => {
                    ("FORBIDDEN", "You are signed in, but you may not enter here.")
                }
                RefusalReason::Scope => {
                    ("INSUFFICIENT_SCOPE", "The credential lacks a scope that is needed here.")
                }
            },
            Self::Challenge(reason) => match reason {
                ChallengeReason::NotSignedIn => {
                    ("UNAUTHORIZED", "You need to sign in to enter here.")
                }
                ChallengeReason::InvalidToken(_) => {
                    ("INVALID_TOKEN", "The access token is not valid.")
                }
                ChallengeReason::ApiKey(_) => ("INVALID_API_KEY", "The API key is not valid here."),
                ChallengeReason::Ended => {
                    ("SESSION_ENDED", "The session has ended. Please sign in again.")
                }
                ChallengeReason::WrongAudience => {
                    ("INVALID_TOKEN", "The access token is for another place.")
                }
                ChallengeReason::Insufficient { .. } => {
                    ("STEP_UP_REQUIRED", "You need a stronger or fresher sign-in to enter here.")
                }
            },
        }
    }

    /// `WWW-Authenticate` (RFC 6750 section 3, RFC 9470 section 3); `None` unless the status
    /// is 401, or 403 for want of a scope.
    fn challenge(self, realm: &str) -> Option<String> {
        let mut value = format!("Bearer realm=\"{realm}\"");
        let invalid = |value: &mut String, why: &dyn std::fmt::Display| {
            let _ = write!(value, ", error=\"invalid_token\", error_description=\"{why}\"");
        };
        match self {
            Self::Challenge(ChallengeReason::NotSignedIn)
            | Self::Refusal(RefusalReason::CredentialNotAccepted) => {}
            Self::Challenge(ChallengeReason::InvalidToken(why)) => invalid(&mut value, &why),
            Self::Challenge(ChallengeReason::ApiKey(_)) => {
                invalid(&mut value, &"the API key is not valid here")
            }
            Self::Challenge(ChallengeReason::Ended) => {
                invalid(&mut value, &"the session has ended")
            }
            Self::Challenge(ChallengeReason::WrongAudience) => {
                invalid(&mut value, &"wrong audience")
            }
            Self::Challenge(ChallengeReason::Insufficient { acr, max_age }) => {
                let _ = write!(
                    value,
                    ", error=\"insufficient_user_authentication\", error_description=\"a stronger \
                     or fresher sign-in is needed\", acr_values=\"{}\"",
                    acr.acr()
                );
                if let Some(max_age) = max_age {
                    let _ = write!(value, ", max_age={max_age}");
                }
            }
            Self::Refusal(RefusalReason::Scope) => value.push_str(", error=\"insufficient_scope\""),
            Self::TooLarge(_)
            | Self::NoView
            | Self::NoSuchPage
            | Self::ReadOnly
            | Self::Refusal(_) => {
                return None;
            }
        }
        Some(value)
    }
}

/// Answers in the edge's own name.
pub struct Replies {
    page_policy: HeaderValue,
}

impl Default for Replies {
    fn default() -> Self {
        let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        let page_policy = HeaderValue::try_from(policy)
            .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"));
        Self { page_policy }
    }
}

impl Replies {
    /// Refuses a request under a fresh decision id, which it gives back. `realm` names the site;
    /// `page`: a person looks at the answer.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn refuse(
        &self,
        session: &mut Session,
        reason: Reason,
        realm: &str,
        page: bool,
    ) -> pingora::Result<String> {
        let decision = ids::decision_id();
        let status = reason.status();
        let (code, message) = reason.text();
        if reason.ends_connection() {
            session.set_keepalive(None);
        }
        let mut head = head(status, 10)?;
        if let Some(challenge) = reason.challenge(realm) {
            head.insert_header(header::WWW_AUTHENTICATE, challenge)?;
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            head.insert_header(header::RETRY_AFTER, RETRY_AFTER)?;
        }
        if reason == Reason::ReadOnly {
            head.insert_header(header::ALLOW, HeaderValue::from_static("GET, HEAD"))?;
        }
        head.insert_header("X-Signalbox-Decision", decision.as_str())?;
        let body = self.body(&mut head, status, code, message, Some(&decision), page)?;
        send(session, head, body).await?;
        Ok(decision)
    }

    /// Says that the site behind the edge failed: 502, 504, or 500 where the edge did.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn fail(
        &self,
        session: &mut Session,
        status: StatusCode,
        page: bool,
    ) -> pingora::Result<()> {
        let (code, message) = match status {
            StatusCode::BAD_GATEWAY => ("BAD_GATEWAY", "The site did not answer properly."),
            StatusCode::GATEWAY_TIMEOUT => ("GATEWAY_TIMEOUT", "The site took too long to answer."),
            StatusCode::BAD_REQUEST => ("BAD_REQUEST", "The request could not be read."),
            _ => ("INTERNAL_ERROR", "Something went wrong on our side."),
        };
        let mut head = head(status, 8)?;
        let body = self.body(&mut head, status, code, message, None, page)?;
        session.set_keepalive(None);
        send(session, head, body).await
    }

    fn body(
        &self,
        head: &mut ResponseHeader,
        status: StatusCode,
        code: &str,
        message: &str,
        decision: Option<&str>,
        page: bool,
    ) -> pingora::Result<Bytes> {
        let body = if page {
            head.insert_header(
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/html; charset=utf-8"),
            )?;
            head.insert_header(header::CONTENT_SECURITY_POLICY, self.page_policy.clone())?;
            head.insert_header(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"))?;
            head.insert_header(
                header::X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            )?;
            document(status, message, decision)
        } else {
            head.insert_header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))?;
            json_refusal(code, message, decision)
        };
        head.insert_header(header::CONTENT_LENGTH, body.len())?;
        Ok(body.into())
    }
}

/// Sends `value` as it is: 200 and JSON.
///
/// # Errors
/// The caller is gone.
pub async fn json(session: &mut Session, value: &serde_json::Value) -> pingora::Result<()> {
    let body = Bytes::from(value.to_string());
    let mut head = head(StatusCode::OK, 4)?;
    head.insert_header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))?;
    head.insert_header(header::CONTENT_LENGTH, body.len())?;
    send(session, head, body).await
}

/// The bytes of a refusal of something that is no request at all, with its decision id.
#[must_use]
pub fn raw_refusal(status: StatusCode) -> (Vec<u8>, String) {
    let decision = ids::decision_id();
    let (code, message) = match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            ("METHOD_NOT_ALLOWED", "This method is not accepted here.")
        }
        _ => ("BAD_REQUEST", "The request could not be read."),
    };
    let body = json_refusal(code, message, Some(&decision));
    let text = format!(
        "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         X-Signalbox-Decision: {decision}\r\nConnection: close\r\n\r\n{body}",
        status.as_str(),
        status.canonical_reason().unwrap_or_default(),
        body.len(),
    );
    (text.into_bytes(), decision)
}

fn head(status: StatusCode, fields: usize) -> pingora::Result<ResponseHeader> {
    let mut head = ResponseHeader::build(status, Some(fields))?;
    head.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))?;
    Ok(head)
}

fn json_refusal(code: &str, message: &str, decision: Option<&str>) -> String {
    let mut value = json!({ "error": { "code": code, "message": message } });
    if let Some(decision) = decision {
        value["decision"] = decision.into();
    }
    value.to_string()
}

/// A page that loads nothing. All its words are the edge's own, so nothing needs escaping.
fn document(status: StatusCode, message: &str, decision: Option<&str>) -> String {
    let title = match status {
        StatusCode::UNAUTHORIZED => "Please sign in",
        StatusCode::FORBIDDEN => "No entry",
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::MISDIRECTED_REQUEST => "No such site",
        StatusCode::SERVICE_UNAVAILABLE => "Not available",
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => "The site does not answer",
        _ if status.is_client_error() => "This request was not accepted",
        _ => "Something went wrong",
    };
    let reference = decision
        .map(|id| format!("<p>If you ask for help, name this reference: <code>{id}</code></p>"))
        .unwrap_or_default();
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><main><h1>{title}</h1><p>{message}</p>{reference}</main></body></html>"
    )
}

async fn send(session: &mut Session, head: ResponseHeader, body: Bytes) -> pingora::Result<()> {
    let has_more = !session.is_body_done();
    if has_more {
        // What follows on this connection is the body of a request that nobody has taken.
        session.set_keepalive(None);
    }
    let is_head = session.req_header().method == Method::HEAD;
    session.write_response_header(Box::new(head), is_head).await?;
    if !is_head {
        session.write_response_body(Some(body), true).await?;
    }
    if has_more && !session.req_header().headers.contains_key(header::EXPECT) {
        // Closing with bytes unread would reset the connection and could take the answer along.
        session.set_total_drain_timeout(Some(DRAIN));
        let _ = session.drain_request_body().await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jwks::{policy::Level, verify::TokenError};

    use super::*;

    #[test]
    fn challenges_say_what_is_missing() {
        let challenge = |reason| Reason::Challenge(reason).challenge("App").unwrap();
        assert_eq!(challenge(ChallengeReason::NotSignedIn), "Bearer realm=\"App\"");
        assert_eq!(
            challenge(ChallengeReason::InvalidToken(TokenError::Expired)),
            "Bearer realm=\"App\", error=\"invalid_token\", error_description=\"expired\""
        );
        let asked =
            challenge(ChallengeReason::Insufficient { acr: Level::TwoFactor, max_age: Some(300) });
        assert!(asked.contains("error=\"insufficient_user_authentication\""));
        assert!(asked.ends_with("acr_values=\"urn:signalbox:2fa\", max_age=300"));
        assert!(Reason::Refusal(RefusalReason::NotAllowed).challenge("App").is_none());
    }

    #[test]
    fn pages_allow_their_own_style_and_nothing_else() {
        let replies = Replies::default();
        let policy = replies.page_policy.to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(!policy.contains("unsafe"));
        let page = document(StatusCode::FORBIDDEN, "No.", Some("d_x"));
        assert!(page.contains(&format!("<style>{STYLE}</style>")));
        assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("href="));
    }
}
