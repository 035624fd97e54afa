//! Signing keys and their life, which is a matter of times alone: no step of a rotation can be
//! lost, because a rotation is one row.

use jwks::{Algorithm, Time};

/// A signing key as the store keeps it. The row itself is the publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// RFC 7638 thumbprint.
    pub kid: String,
    /// Its one algorithm.
    pub algorithm: Algorithm,
    /// The private key, sealed with its kid.
    pub sealed: Vec<u8>,
    /// The public key: one JWK, JSON.
    pub public_jwk: String,
    /// When it was made, and so published.
    pub published_at: Time,
    /// From when on it signs.
    pub active_at: Time,
    /// When its last token is dead and it leaves the published set; `None` while it has no
    /// successor.
    pub expires_at: Option<Time>,
}
