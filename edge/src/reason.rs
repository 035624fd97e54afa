//! Why the edge answers in a request's stead, and what it says then.

use std::fmt::Write as _;

use http::StatusCode;
use jwks::{
    decide::{ChallengeReason, RefusalReason},
    facts::Malformed,
};

use crate::facts::TooLarge;

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
    /// 405: what is there takes these methods.
    Method(&'static [&'static str]),
    /// 408: it comes too slowly.
    TooSlow,
    /// 400: it turned out not to be whole.
    Broken,
    /// 501: the site takes no WebSockets.
    NoWebSockets,
    /// 403: another site's page asks for what only this one's may.
    ForeignSender,
    /// A sign-in did not come back as it went.
    Astray(&'static str),
    /// 429: too many requests; one more is welcome in so many seconds.
    TooMany(u64),
    /// 503: the server could not be asked of an API key.
    NotLookedUp,
    /// 403: only a proxy that is trusted may ask that.
    NotTrusted,
    /// 400: a proxy does not say which request it asks about.
    NoOriginal,
}

impl Reason {
    /// A word for logs and figures.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge(TooLarge::Head) => "head_too_large",
            Self::TooLarge(TooLarge::Path) => "path_too_long",
            Self::TooLarge(TooLarge::Body) => "body_too_large",
            Self::TooMany(_) => "too_many_requests",
            Self::NoView => "no_view",
            Self::Refusal(reason) => reason.as_str(),
            Self::Challenge(reason) => reason.as_str(),
            Self::NoSuchPage => "no_such_page",
            Self::Method(_) => "method",
            Self::TooSlow => "too_slow",
            Self::Broken => "broken",
            Self::NoWebSockets => "no_websockets",
            Self::ForeignSender => "foreign_sender",
            Self::Astray(why) => why,
            Self::NotLookedUp => "key_not_looked_up",
            Self::NotTrusted => "proxy_not_trusted",
            Self::NoOriginal => "no_original_request",
        }
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLarge(TooLarge::Head) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TooLarge(TooLarge::Path) => StatusCode::URI_TOO_LONG,
            Self::TooLarge(TooLarge::Body) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NoView | Self::NotLookedUp => StatusCode::SERVICE_UNAVAILABLE,
            Self::Challenge(_) => StatusCode::UNAUTHORIZED,
            Self::NoSuchPage => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken | Self::Astray(_) | Self::NoOriginal => StatusCode::BAD_REQUEST,
            Self::NoWebSockets => StatusCode::NOT_IMPLEMENTED,
            Self::ForeignSender | Self::NotTrusted => StatusCode::FORBIDDEN,
            // What is no status would be a fault of the decision.
            Self::Refusal(reason) => match StatusCode::from_u16(reason.status()) {
                Ok(status) => status,
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }

    /// Whether nobody can tell where on the connection the next request begins (RFC 9112 section
    /// 6.3), or the rest of this one is not worth reading.
    #[must_use]
    pub const fn ends_connection(self) -> bool {
        matches!(
            self,
            Self::TooLarge(_) | Self::Refusal(RefusalReason::Malformed(Malformed::Framing))
        )
    }

    /// The methods that are taken instead (RFC 9110 section 10.2.1).
    #[must_use]
    pub fn allows(self) -> Option<String> {
        match self {
            Self::Method(methods) => Some(methods.join(", ")),
            _ => None,
        }
    }

    /// The code and the words of the answer.
    #[must_use]
    pub const fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::TooLarge(TooLarge::Head) => {
                ("HEADERS_TOO_LARGE", "The request has more header fields than are accepted.")
            }
            Self::TooLarge(TooLarge::Path) => ("PATH_TOO_LONG", "The address is too long."),
            Self::TooLarge(TooLarge::Body) => {
                ("BODY_TOO_LARGE", "The request is larger than this site accepts.")
            }
            Self::TooMany(_) => {
                ("TOO_MANY_REQUESTS", "Too many requests have come. Please try again shortly.")
            }
            Self::NoView => ("NOT_READY", "This service is starting. Please try again shortly."),
            Self::NotLookedUp => (
                "KEY_NOT_CHECKED",
                "The API key cannot be checked at the moment. Please try again shortly.",
            ),
            Self::NoSuchPage => ("NOT_FOUND", "There is nothing at this address."),
            Self::Method(_) => ("METHOD_NOT_ALLOWED", "This method is not accepted here."),
            Self::TooSlow => ("TOO_SLOW", "The request came too slowly."),
            Self::Broken => ("BAD_REQUEST", "The request could not be read."),
            Self::NoWebSockets => ("NO_WEBSOCKETS", "The site cannot be reached by WebSocket."),
            Self::ForeignSender => ("FORBIDDEN", "A page of another site cannot ask for this."),
            Self::Astray(_) => ("SIGN_IN_OVER", "This sign-in did not come back as it went."),
            Self::NotTrusted => {
                ("PROXY_NOT_TRUSTED", "Only a proxy of edge.trusted_proxies may ask here.")
            }
            Self::NoOriginal => (
                "NO_ORIGINAL_REQUEST",
                "The proxy must name method, host and address of the request, each once.",
            ),
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
    #[must_use]
    pub fn challenge(self, realm: &str) -> Option<String> {
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
            | Self::Method(_)
            | Self::TooSlow
            | Self::Broken
            | Self::NoWebSockets
            | Self::ForeignSender
            | Self::Astray(_)
            | Self::TooMany(_)
            | Self::NotLookedUp
            | Self::NotTrusted
            | Self::NoOriginal
            | Self::Refusal(_) => {
                return None;
            }
        }
        Some(value)
    }
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
}
