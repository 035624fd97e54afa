//! Edges: who may read the feed.

use jwks::Time;
use uuid::Uuid;

use super::secret::SecretHash;

/// An edge and the hash of its credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeRow {
    /// Its name for programs.
    pub id: Uuid,
    /// Its name for people, unique.
    pub name: String,
    /// Hash of the credential.
    pub hash: SecretHash,
    /// When it was made.
    pub created_at: Time,
}
