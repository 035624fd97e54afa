//! What the tokens say: access tokens after RFC 9068, ID tokens after OpenID Connect Core 1.0
//! section 2.

use serde::{Deserialize, Serialize};

use crate::policy::Level;

/// `typ` of an access token (RFC 9068 section 2.1).
pub const ACCESS_TOKEN_TYPE: &str = "at+jwt";
/// `typ` of an ID token.
pub const ID_TOKEN_TYPE: &str = "JWT";

/// `aud`: one string, or several (RFC 7519 section 4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One audience, written as a string.
    One(String),
    /// Several audiences, written as an array.
    Many(Vec<String>),
}

impl Audience {
    /// Whether `wanted` is among them, compared byte for byte.
    #[must_use]
    pub fn contains(&self, wanted: &str) -> bool {
        match self {
            Self::One(one) => one == wanted,
            Self::Many(many) => many.iter().any(|one| one == wanted),
        }
    }

    /// Whether there is one, and none that is not among `accepted`, compared byte for byte.
    #[must_use]
    pub fn is_within(&self, accepted: &[String]) -> bool {
        match self {
            Self::One(one) => accepted.contains(one),
            Self::Many(many) => !many.is_empty() && many.iter().all(|one| accepted.contains(one)),
        }
    }
}

/// The claims of an access token (RFC 9068 section 2.2). `exp`, `iat` and `auth_time` are seconds
/// since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Issuer.
    pub iss: String,
    /// The person, or the client where no person stands behind the token.
    pub sub: String,
    /// Where the token is good.
    pub aud: Audience,
    /// End of life.
    pub exp: i64,
    /// Issued at.
    pub iat: i64,
    /// Not before, where set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// The token's own name. Ours are UUIDs of version 7, whose milliseconds order the token
    /// against an ending of the same second.
    pub jti: String,
    /// Who asked for it: an OAuth client, or the surface (`rail`, `rual`, `auth2:<site_key>`).
    pub client_id: String,
    /// Space-separated scopes (RFC 6749 section 3.3).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// When the person last proved who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// The level reached (`urn:signalbox:1fa`, `urn:signalbox:2fa`, `urn:signalbox:phr`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// How it was reached (RFC 8176, and values of our own: see [`crate::policy::Method::amr`];
    /// `device` for a trusted device).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// When a second factor was proved on the trusted device that stood in for one. A claim of
    /// our own: `acr` does not speak of it, and each site decides how long it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_time: Option<i64>,
    /// The model (AAGUID, WebAuthn Level 3 section 6.5.1) of the passkey that was proved, where a place
    /// that the token opens lists the models that count. A claim of our own, and in no other token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The session it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The grant to a client that it came of: what a client's revocation ends. A claim of our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<String>,
    /// The person's tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// The person's roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The person's mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The person's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What userinfo is to say beyond what the scopes ask for: names of claims, space-separated
    /// (OpenID Connect Core 1.0 section 5.5). A claim of our own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub userinfo_claims: String,
}

impl AccessClaims {
    /// The level this token proves; `None` for a token that speaks of no sign-in.
    #[must_use]
    pub fn level(&self) -> Option<Level> {
        self.acr.as_deref().and_then(Level::from_acr)
    }
}

/// The claims of an ID token (OpenID Connect Core 1.0 section 2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdClaims {
    /// Issuer.
    pub iss: String,
    /// The person.
    pub sub: String,
    /// The client.
    pub aud: String,
    /// End of life, seconds.
    pub exp: i64,
    /// Issued at, seconds.
    pub iat: i64,
    /// When the person last proved who they are, seconds.
    pub auth_time: i64,
    /// The client's nonce, unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The level reached.
    pub acr: String,
    /// How it was reached (RFC 8176).
    pub amr: Vec<String>,
    /// The session.
    pub sid: String,
    /// Left half of a digest of the access token, base64url (section 3.1.3.6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<String>,
    /// Claims that were asked for by name (section 5.5); none of those above.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

/// `typ` of a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4).
pub const LOGOUT_TOKEN_TYPE: &str = "logout+jwt";
/// The one member of `events` in a logout token.
pub const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The claims of a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogoutClaims {
    /// Issuer.
    pub iss: String,
    /// The person.
    pub sub: String,
    /// The client.
    pub aud: String,
    /// Issued at, seconds.
    pub iat: i64,
    /// End of life, seconds.
    pub exp: i64,
    /// The token's own name.
    pub jti: String,
    /// [`LOGOUT_EVENT`], with an empty object.
    pub events: serde_json::Value,
    /// The session that ended.
    pub sid: String,
}
