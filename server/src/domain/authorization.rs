//! An authorization request on its way to a code, the code, and what a grant carries on.

use std::collections::BTreeMap;

use jwks::Time;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{secret::SecretHash, session::Proof};

/// How an answer travels to the client (OAuth 2.0 Multiple Response Types section 2.1, Form Post
/// Response Mode).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of the redirect.
    #[default]
    Query,
    /// In its fragment.
    Fragment,
    /// In a form that the browser posts.
    FormPost,
}

impl ResponseMode {
    /// Every mode, in the order discovery lists them. A new one is one row here and one arm in
    /// `http/oauth/response_mode.rs`.
    pub const ALL: [Self; 3] = [Self::Query, Self::Fragment, Self::FormPost];

    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
        }
    }
}

/// What a client asks the sign-in to be like (OpenID Connect Core section 3.1.2.1, `prompt`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Nobody is to be asked anything.
    None,
    /// A sign-in of now.
    Login,
    /// A consent of now.
    Consent,
    /// A choice of the account.
    SelectAccount,
}

/// One claim that is asked for by name (OpenID Connect Core section 5.5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimRequest {
    /// Whether the client cannot do without it.
    #[serde(default)]
    pub essential: bool,
    /// The value it wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// The values it takes, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Value>,
}

/// The `claims` parameter (OpenID Connect Core section 5.5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimsRequest {
    /// What userinfo is to hold; `None` in the place of a request: voluntary.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub userinfo: BTreeMap<String, Option<ClaimRequest>>,
    /// What the ID token is to hold.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub id_token: BTreeMap<String, Option<ClaimRequest>>,
}

/// An authorization request that was found good: the client and the redirect URI are its own, and
/// every parameter was read. Kept while somebody signs in, or as pushed (RFC 9126).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client_id: String,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// Whether the request named it: only then must the token request (RFC 6749 section 4.1.3).
    pub names_redirect_uri: bool,
    /// How it goes.
    pub response_mode: ResponseMode,
    /// Unchanged, whatever it is.
    pub state: Option<String>,
    /// What is asked for and may be, space-separated.
    pub scope: String,
    /// For the ID token, unchanged.
    pub nonce: Option<String>,
    /// What PKCE keeps with the code, as the engine wrote it; `None`: no challenge came.
    pub pkce: Option<String>,
    /// `prompt`.
    pub prompt: Vec<Prompt>,
    /// How old the sign-in may be, seconds.
    pub max_age: Option<u64>,
    /// Levels asked for, best first.
    pub acr_values: Vec<String>,
    /// Claims asked for by name.
    pub claims: ClaimsRequest,
    /// Who will likely sign in, as typed.
    pub login_hint: Option<String>,
    /// Who must be signed in: the subject of `id_token_hint`.
    pub subject_hint: Option<Uuid>,
    /// Languages for the pages, best first (BCP 47).
    pub ui_locales: Vec<String>,
    /// Where the access token is to be good (RFC 8707): as it says, or by default.
    pub resource: Vec<String>,
    /// The request at a site that leads a browser here, as its method and path: of an edge alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_of: Option<String>,
    /// The request that was pushed and led here: spent when a code is issued.
    pub pushed: Option<SecretHash>,
    /// The session of the browser that goes on: the one that was chosen, or signed in to, last.
    pub chosen: Option<Uuid>,
    /// The session whose owner signed in, or proved who they are again, for this very request. As
    /// `chosen` it counts in no browser but the one that holds that session.
    pub signed_in: Option<Uuid>,
    /// The session whose owner allowed what this very request asks. Likewise.
    pub allowed: Option<Uuid>,
    /// Whether a code was issued: `pushed` is spent by this very flow then.
    pub is_done: bool,
    /// When it came.
    pub created_at: Time,
    /// When it is over.
    pub expires_at: Time,
}

impl AuthorizationRequest {
    /// Whether `scope` is asked for.
    #[must_use]
    pub fn asks(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|asked| asked == scope)
    }

    /// Whether this is asked of the sign-in.
    #[must_use]
    pub fn prompts(&self, prompt: Prompt) -> bool {
        self.prompt.contains(&prompt)
    }

    /// Notes what was done for it.
    pub fn note(&mut self, done: Done) {
        match done {
            Done::Chosen(sid) => self.chosen = Some(sid),
            // Who signs in goes on, whoever was chosen before.
            Done::SignedIn(sid) => (self.signed_in, self.chosen) = (Some(sid), Some(sid)),
            Done::Allowed(sid) => self.allowed = Some(sid),
            Done::Answered => self.is_done = true,
        }
    }
}

/// What was done for a request while it was on its way. A session counts where its own browser
/// comes, and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// This session was chosen.
    Chosen(Uuid),
    /// This session's owner signed in, or proved who they are again.
    SignedIn(Uuid),
    /// This session's owner allowed what is asked.
    Allowed(Uuid),
    /// A code was issued.
    Answered,
}

/// Why a request is kept. One kind is never taken for another (rule 35).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// Pushed by its client; named by a `request_uri`.
    Pushed,
    /// Somebody is signing in for it; named by the `flow` of the pages.
    Flow,
}

impl RequestKind {
    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pushed => "pushed",
            Self::Flow => "flow",
        }
    }
}

/// What was granted to a client. It rests with the code, then with the refresh family, so that no
/// refresh raises what the person had proved (rule 3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// Names the grant: the claim `grant_id` of its access tokens, the id of its refresh family,
    /// and what a cut-off of kind `grant` names.
    pub grant_id: Uuid,
    /// How the person had signed in.
    pub proof: Proof,
    /// Where access tokens may be good: at least one place.
    pub resource: Vec<String>,
    /// Claims asked for by name.
    pub claims: ClaimsRequest,
    /// The session that ID tokens name: the one whose end the client hears of. With
    /// `offline_access` the refresh tokens rest on a session of their own, which outlives it
    /// (OpenID Connect Back-Channel Logout section 2.7).
    pub id_sid: Uuid,
}

/// An authorization code, under its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// Whose it is.
    pub client_id: String,
    /// Where it was sent.
    pub redirect_uri: String,
    /// Whether the request named that.
    pub names_redirect_uri: bool,
    /// The person.
    pub user_id: Uuid,
    /// The browser's session.
    pub sid: Uuid,
    /// What was granted, space-separated.
    pub scope: String,
    /// For the ID token.
    pub nonce: Option<String>,
    /// What PKCE kept.
    pub pkce: Option<String>,
    /// What tokens will rest on.
    pub granted: Granted,
    /// When it was issued.
    pub issued_at: Time,
    /// When it dies: 60 seconds later.
    pub expires_at: Time,
}

/// How the redemption of a code went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// This call redeemed it.
    Redeemed(Box<Code>),
    /// It was redeemed before: every token that came of it is to end (RFC 6749 section 4.1.2).
    Spent(Box<Code>),
    /// No such code, or its life is over.
    Unknown,
}
