//! Sessions, the proofs they rest on, and refresh families.

use jwks::{Time, policy::Level};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{authorization::Granted, secret::SecretHash};

/// How, how strongly and when a person proved who they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The level reached.
    pub acr: Level,
    /// The methods (RFC 8176).
    pub amr: Vec<String>,
    /// When.
    pub auth_time: Time,
    /// When a second factor was proved on the trusted device that stood in for one (`amr` names
    /// it `device` then): policies say for how long that counts. Not a second factor by itself.
    #[serde(default)]
    pub device_at: Option<Time>,
    /// The model (AAGUID) of the passkey that was proved, as that said when it was set up.
    #[serde(default)]
    pub model: Option<Uuid>,
}

/// A signed-in session of a person: the same row under every surface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its name (`sid`). UUID version 7.
    pub sid: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// The tenant it was opened for.
    pub tenant_id: String,
    /// The surface or OAuth client that opened it.
    pub client_id: String,
    /// The site its tokens are for, where one was named.
    pub site_key: Option<String>,
    /// What it rests on.
    pub proof: Proof,
    /// Whether it outlives a working day.
    pub remember: bool,
    /// When it was opened.
    pub created_at: Time,
    /// When it last did anything.
    pub last_active_at: Time,
    /// Its absolute end.
    pub expires_at: Time,
    /// Where it was opened from.
    pub ip: String,
    /// The caller's `User-Agent`, cut to 256 bytes.
    pub user_agent: String,
    /// What that agent is, in a few words.
    pub device: String,
    /// Hash of what the browser holds of it; `None`: no browser does.
    #[serde(default)]
    pub browser: Option<SecretHash>,
    /// The OAuth clients that took part in it, in the order they came.
    #[serde(default)]
    pub clients: Vec<String>,
}

/// A refresh family to be made: one line of refresh tokens of one session and client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFamily {
    /// Its name: part of every token of it and shown nowhere else, so whoever presents it has
    /// seen a token of the family.
    pub id: Uuid,
    /// The surface or client its tokens are good at.
    pub client_id: String,
    /// Scopes granted, space-separated; empty on the JSON surfaces.
    pub scope: String,
    /// Hash of the first token.
    pub hash: SecretHash,
    /// When that token dies.
    pub expires_at: Time,
    /// What was granted to an OAuth client; `None` on the JSON surfaces.
    pub granted: Option<Granted>,
}

/// How the adding of a family to a session went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FamilyAdded {
    /// It is there; the session, as it is.
    Added(Box<Session>),
    /// Its client has as many living ones in this session as it may. Nothing changed: whoever asked ends
    /// these first, which were used longest ago, the ending that edges hear of before the family.
    Full(Vec<Uuid>),
    /// There is no such session.
    NoSession,
}

/// A refresh family that lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The session it rests on.
    pub sid: Uuid,
    /// Its name.
    pub id: Uuid,
    /// The surface or client its tokens are good at.
    pub client_id: String,
    /// Scopes granted, space-separated.
    pub scope: String,
    /// What was granted to an OAuth client.
    pub granted: Option<Granted>,
    /// When its live token dies.
    pub expires_at: Time,
    /// When that took the place of the one before; `None`: it is the first.
    pub rotated_at: Option<Time>,
}

/// A refresh to be made.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The person the token names.
    pub user_id: Uuid,
    /// The session the token names.
    pub sid: Uuid,
    /// The family the token names.
    pub family_id: Uuid,
    /// The surface or client that presents it.
    pub client_id: String,
    /// Hash of the presented token.
    pub presented: SecretHash,
    /// Hash of its successor.
    pub successor: SecretHash,
    /// How long the successor lives, at most to the session's absolute end.
    pub ttl: std::time::Duration,
    /// How long after a rotation the spent token may be presented once more (rule 14).
    pub retry_window: std::time::Duration,
}

/// How a refresh went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// The successor is the family's one live token.
    Fresh(RefreshedSession),
    /// The token was spent less than the retry window ago and its successor never used: the new
    /// successor is the one live token, the unused one is dead.
    Retried(RefreshedSession),
    /// A token of the family that is neither live nor retryable. Nothing changed: whoever asked
    /// ends the session, the ending that edges hear of first, so that no crash leaves half of it.
    Reused,
    /// The token is another client's. Nothing changed.
    WrongClient,
    /// No such session or family, or the token's or session's life is over. Nothing changed.
    Unknown,
}

/// What a refresh gives back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshedSession {
    /// The session, `last_active_at` brought up to date.
    pub session: Session,
    /// Scopes of the family.
    pub scope: String,
    /// What was granted with them.
    pub granted: Option<Granted>,
    /// When the successor dies.
    pub expires_at: Time,
}

/// A refresh token that is alive, or the one its family spent last, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRefresh {
    /// The session it rests on.
    pub session: Session,
    /// Whose it is.
    pub client_id: String,
    /// Its scopes.
    pub scope: String,
    /// What was granted with them.
    pub granted: Option<Granted>,
    /// When the live token dies.
    pub expires_at: Time,
    /// When it was first spent; `None`: it is the live one.
    pub spent_at: Option<Time>,
}
