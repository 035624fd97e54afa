//! What a person allowed a client.

use jwks::Time;
use uuid::Uuid;

/// A remembered consent: one for each person and client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Who.
    pub user_id: Uuid,
    /// To which client.
    pub client_id: String,
    /// The scopes, sorted.
    pub scopes: Vec<String>,
    /// Claims asked for by name beyond those of the scopes, sorted.
    pub claims: Vec<String>,
    /// Audiences (RFC 8707), sorted.
    pub resources: Vec<String>,
    /// When it was first given.
    pub created_at: Time,
    /// When it was last given.
    pub granted_at: Time,
}
