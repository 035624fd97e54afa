//! The one verifier, for server and edge.
//!
//! jsonwebtoken checks the signature and nothing else: its own validation knows neither `typ` nor
//! `crit`, and reads a clock of its own.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny},
};

use crate::{
    Time,
    claims::{ACCESS_TOKEN_TYPE, AccessClaims},
    key_set::KeySet,
};

pub use crate::verified_token::{LEEWAY, VerifiedToken};

/// The longest token that is looked at.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Why a token does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a compact JWS, too long, or claims missing or of the wrong type.
    #[error("malformed")]
    Malformed,
    /// The header names a type that is not meant for this place.
    #[error("wrong token type")]
    WrongType,
    /// The header names a critical extension.
    #[error("unknown critical header")]
    Critical,
    /// No key of that name. The one case where asking for newer keys may help.
    #[error("unknown key")]
    UnknownKey,
    /// The header's algorithm is not the key's.
    #[error("algorithm does not match the key")]
    WrongAlgorithm,
    /// The signature does not fit.
    #[error("bad signature")]
    BadSignature,
    /// Somebody else's token.
    #[error("wrong issuer")]
    WrongIssuer,
    /// Its life is over.
    #[error("expired")]
    Expired,
    /// Its life has not begun, or it comes from the future.
    #[error("not yet valid")]
    NotYetValid,
}

impl TokenError {
    /// A word for logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "token_malformed",
            Self::WrongType => "token_wrong_type",
            Self::Critical => "token_critical_header",
            Self::UnknownKey => "token_unknown_key",
            Self::WrongAlgorithm => "token_wrong_algorithm",
            Self::BadSignature => "token_bad_signature",
            Self::WrongIssuer => "token_wrong_issuer",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
        }
    }
}

/// Verifies an access token (RFC 9068 section 4) but for its audience, which is judged where it
/// is used.
///
/// # Errors
/// What is wrong with it, judged in the order form, type, critical extensions, key, algorithm,
/// signature, claims, issuer, times.
pub fn verify_access_token(
    keys: &KeySet,
    issuer: &str,
    token: &str,
    now: Time,
) -> Result<VerifiedToken, TokenError> {
    let claims: AccessClaims = verify_signed(keys, ACCESS_TOKEN_TYPE, token)?;
    if claims.iss != issuer {
        return Err(TokenError::WrongIssuer);
    }
    let verified = VerifiedToken::from_claims(&claims)?;
    verified.check_times(now)?;
    Ok(verified)
}

/// Verifies form, type and signature of a token of type `typ` and reads its claims, which the
/// caller has yet to judge: issuer, audience and times.
///
/// # Errors
/// As [`verify_access_token`], up to the claims.
pub fn verify_signed<C: DeserializeOwned>(
    keys: &KeySet,
    typ: &str,
    token: &str,
) -> Result<C, TokenError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(TokenError::Malformed)?;
    // No part can hide a further dot: it is not in the alphabet.
    let header: Header = read_json(&decode_base64url(header)?)?;
    let claims = decode_base64url(claims)?;
    decode_base64url(signature)?;

    if !header.typ.is_some_and(|sent| is_type(&sent, typ)) {
        return Err(TokenError::WrongType);
    }
    if header.crit.is_some() {
        return Err(TokenError::Critical);
    }
    let key = header
        .kid
        .and_then(|kid| keys.find(&kid))
        .ok_or(TokenError::UnknownKey)?;
    if header.alg != key.algorithm.as_str() {
        return Err(TokenError::WrongAlgorithm);
    }
    let algorithm = key.algorithm.jose();
    jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key.decoding, algorithm)
        .ok()
        .filter(|fits| *fits)
        .ok_or(TokenError::BadSignature)?;
    read_json(&claims)
}

/// What we read of a JOSE header (RFC 7515 section 4.1). `jwk`, `jku`, `x5u` and `x5c` are not
/// here: a key is named by `kid` and by nothing else. A member that is here and comes twice is
/// refused.
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    #[serde(default, deserialize_with = "is_present")]
    crit: Option<IgnoredAny>,
}

/// Present is present, even as `null`.
fn is_present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<IgnoredAny>, D::Error> {
    IgnoredAny::deserialize(value).map(Some)
}

/// Whether `sent` is the media type `wanted`: in any case, with or without `application/` (RFC
/// 7515 section 4.1.9).
fn is_type(sent: &str, wanted: &str) -> bool {
    const PREFIX: &str = "application/";
    let name = match sent.split_at_checked(PREFIX.len()) {
        Some((prefix, name)) if prefix.eq_ignore_ascii_case(PREFIX) => name,
        _ => sent,
    };
    name.eq_ignore_ascii_case(wanted)
}

fn decode_base64url(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::Malformed)
}

fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, TokenError> {
    serde_json::from_slice(bytes).map_err(|_| TokenError::Malformed)
}
