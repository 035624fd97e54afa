//! The engine: the state machines of `oxide_auth`, which hold the order and the conditions of RFC
//! 6749 and RFC 7636. This folder alone names that crate.
//!
//! Its machines do no I/O: they say what they need, and we answer from what was gathered before.
//! What a one-time value stood for is gathered by consuming it, so each function here is one pure
//! decision. Our store decides about codes and refresh tokens, and our mint builds the answers.

pub mod authorization;
pub mod token;

use oxide_auth::code_grant::error::AccessTokenErrorType;

use super::OAuthError;

/// What the engine says no with, in our words.
fn refusal(kind: AccessTokenErrorType) -> OAuthError {
    match kind {
        AccessTokenErrorType::InvalidRequest => {
            OAuthError::request("a required parameter is missing or malformed")
        }
        AccessTokenErrorType::InvalidGrant => {
            OAuthError::grant("the grant is not this client's, or does not fit this request")
        }
        AccessTokenErrorType::InvalidScope => {
            OAuthError::InvalidScope("the scope exceeds what was granted, or is malformed".into())
        }
        AccessTokenErrorType::UnsupportedGrantType => {
            OAuthError::UnsupportedGrantType("the grant type is not known here".into())
        }
        AccessTokenErrorType::UnauthorizedClient => {
            OAuthError::UnauthorizedClient("the client may not use this grant".into())
        }
        AccessTokenErrorType::InvalidClient => {
            OAuthError::InvalidClient("the client is not known".into())
        }
    }
}

/// A machine that is not where its description says.
fn astray() -> OAuthError {
    OAuthError::Internal("the engine is in a state it cannot be in".to_owned())
}
