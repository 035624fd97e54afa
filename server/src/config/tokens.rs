use jwks::Algorithm;
use serde::{Deserialize, Serialize};

/// `[tokens]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokensSection {
    /// What access tokens are signed with: `ES256`, `EdDSA`, `RS256` or `PS256`.
    pub algorithm: Algorithm,
    /// Life of an access token, seconds.
    pub access_ttl: u64,
    /// Life of an ID token, seconds.
    pub id_ttl: u64,
    /// Life of a refresh token, seconds; each rotation gives it again.
    pub refresh_ttl: u64,
    /// The absolute end of a session, seconds after its beginning.
    pub session_ttl: u64,
    /// The end of a session whose owner did not ask to be remembered, seconds.
    pub short_session_ttl: u64,
    /// How long after a rotation the spent token may be presented once more, seconds; at most 300.
    pub refresh_retry: u64,
    /// The longest life of a personal API key, seconds, and its life where nothing is said; at most
    /// 365 days.
    pub api_key_ttl: u64,
    /// How long a half-signed-in state lives, seconds; at most 600.
    pub login_ttl: u64,
    /// How long a new signing key is published before it signs, seconds; at least 335, because
    /// clients may keep the key set for 300.
    pub key_lead: u64,
    /// The age at which a signing key is given a successor, seconds; 0: by command alone.
    pub key_rotation: u64,
}

impl Default for TokensSection {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::ES256,
            access_ttl: 3600,
            id_ttl: 3600,
            refresh_ttl: 7 * 24 * 3600,
            session_ttl: 30 * 24 * 3600,
            short_session_ttl: 12 * 3600,
            refresh_retry: 60,
            api_key_ttl: 90 * 24 * 3600,
            login_ttl: 600,
            key_lead: 600,
            key_rotation: 90 * 24 * 3600,
        }
    }
}
