//! The one verifier, for server and edge.

pub use crate::verified_token::{LEEWAY, VerifiedToken};

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
