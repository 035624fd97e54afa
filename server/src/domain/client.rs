//! OAuth clients: what is registered of them (RFC 7591 section 2, and the logout specifications of
//! OpenID Connect), and what an operator may say besides.

use jwks::{Algorithm, Time};
use serde::{Deserialize, Serialize};

use super::secret::SecretHash;

/// How a client proves who it is (RFC 7591 section 2, OpenID Connect Core section 9). Exactly the
/// registered one counts (rule 16).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthMethod {
    /// A public client: it has nothing to prove itself with.
    None,
    /// HTTP Basic, percent-encoded (RFC 6749 section 2.3.1).
    #[default]
    ClientSecretBasic,
    /// In the body.
    ClientSecretPost,
    /// A JWT signed with a key of its own (RFC 7523 section 2.2).
    PrivateKeyJwt,
}

impl ClientAuthMethod {
    /// Every method, in the order discovery lists them.
    pub const ALL: [Self; 4] =
        [Self::ClientSecretBasic, Self::ClientSecretPost, Self::PrivateKeyJwt, Self::None];

    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }
}

/// Whether redirect URIs may be those of an app on somebody's own machine (OpenID Connect Dynamic
/// Registration section 2, RFC 8252).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationType {
    /// On a web server.
    #[default]
    Web,
    /// On somebody's machine: loopback addresses with any port, or a scheme of its own.
    Native,
}

/// The metadata of a client, as RFC 7591 section 2 names them. What is absent has the default of
/// its document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// Where answers may go: compared byte for byte, but for the port of a native app's loopback
    /// address.
    pub redirect_uris: Vec<String>,
    /// How it proves who it is.
    pub token_endpoint_auth_method: ClientAuthMethod,
    /// What assertions are signed with; any of ours where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<Algorithm>,
    /// The grants it may use, by the names of their `grant_type`.
    pub grant_types: Vec<String>,
    /// Always `code`, where it may use authorization codes.
    pub response_types: Vec<String>,
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// Its home page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// Its picture: fetched by the server and served by it (rule 32).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// Its privacy policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// Its terms of service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// The scopes it may ask for, space-separated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Mail addresses of people responsible for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// Where its keys are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Its keys (a JWK Set), in the place of `jwks_uri`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<serde_json::Value>,
    /// Names its software.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    /// The version of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
    /// Web or native.
    pub application_type: ApplicationType,
    /// What its ID tokens are signed with; RS256 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<Algorithm>,
    /// What its userinfo is signed with; absent: it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<Algorithm>,
    /// How old a sign-in may be where its requests do not say, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<u64>,
    /// Whether its ID tokens must show `auth_time`; ours always do.
    pub require_auth_time: bool,
    /// The levels asked for where its requests do not say, best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub default_acr_values: Vec<String>,
    /// Where a sign-in is begun by somebody else (OpenID Connect Core section 4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initiate_login_uri: Option<String>,
    /// Where people may be sent after signing out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    /// Where logout tokens go (OpenID Connect Back-Channel Logout section 2.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Whether they must name the session; ours always do.
    pub backchannel_logout_session_required: bool,
    /// What is framed when somebody signs out (OpenID Connect Front-Channel Logout section 2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_uri: Option<String>,
    /// Whether `iss` and `sid` are added to it.
    pub frontchannel_logout_session_required: bool,
    /// Whether its requests must be pushed (RFC 9126 section 6).
    pub require_pushed_authorization_requests: bool,
    /// Whether its requests must show a code challenge. A public client's always must.
    pub require_pkce: bool,
    /// Whether its assertions must name the issuer as their audience. Those of others may name the
    /// token endpoint, or the endpoint they are sent to (rule 16).
    pub require_issuer_audience: bool,
    /// Whether it is the operator's own: nobody is asked for consent.
    pub first_party: bool,
    /// Audiences (RFC 8707 resources) it may ask for. The first is that of its access tokens where
    /// a request names none; without any, the issuer is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// Life of its access tokens, seconds; absent: `tokens.access_ttl`. Never longer than that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_ttl: Option<u64>,
    /// Life of its ID tokens, seconds; absent: `tokens.id_ttl`. Never longer than that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_ttl: Option<u64>,
    /// Life of its refresh tokens, seconds; absent: `tokens.refresh_ttl`. Never longer than that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token_ttl: Option<u64>,
}

/// Who registered a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registrar {
    /// An operator or an admin.
    Operator,
    /// It registered itself (RFC 7591); it manages itself too (RFC 7592), and says nothing of
    /// `first_party`, `audiences` and lifetimes.
    Itself,
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its name for programs, unique for ever.
    pub client_id: String,
    /// What the store keeps of its secret: a MAC under the installation's key, because an operator
    /// may have chosen the secret.
    pub secret: Option<SecretHash>,
    /// Hash of the token with which it manages itself (RFC 7592 section 3).
    pub registration_token: Option<SecretHash>,
    /// Who registered it.
    pub registrar: Registrar,
    /// What is registered.
    pub metadata: Metadata,
    /// When it was registered.
    pub created_at: Time,
    /// When that last changed. Names the version: a change says which one it replaces.
    pub updated_at: Time,
}

impl Client {
    /// Whether it has nothing to prove itself with (RFC 6749 section 2.1).
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.metadata.token_endpoint_auth_method == ClientAuthMethod::None
    }

    /// Whether it may use the grant of this `grant_type`.
    #[must_use]
    pub fn may_use(&self, grant_type: &str) -> bool {
        self.metadata.grant_types.iter().any(|registered| registered == grant_type)
    }

    /// Its name for people: what it was registered with, else its id.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metadata.client_name.as_deref().unwrap_or(&self.client_id)
    }

    /// What its ID tokens are signed with.
    #[must_use]
    pub fn id_token_algorithm(&self) -> Algorithm {
        self.metadata.id_token_signed_response_alg.unwrap_or(Algorithm::RS256)
    }

    /// Whether a code challenge must come with its requests (rule 12).
    #[must_use]
    pub fn must_use_pkce(&self) -> bool {
        self.is_public() || self.metadata.require_pkce
    }

    /// Whether it wants to hear when a session ends that it took part in.
    #[must_use]
    pub fn hears_of_endings(&self) -> bool {
        self.metadata.backchannel_logout_uri.is_some()
    }
}

/// A token with which clients register themselves (RFC 7591 section 3, "initial access token").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialAccess {
    /// Hash of it.
    pub hash: SecretHash,
    /// Its name for people.
    pub name: String,
    /// When it was made.
    pub created_at: Time,
    /// When it is over.
    pub expires_at: Time,
}
