//! Edges: who may read the feed.

use jwks::{Time, key_set::Jwk, record::Refused};
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

/// An edge that follows the feed of one of the servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follower {
    /// The edge's name for people.
    pub name: String,
    /// It has taken in everything up to this number of the feed.
    pub acknowledged: u64,
    /// Until then it counts as following, unless it is noted again.
    pub until: Time,
}

/// The public half of a key with which an edge signs assertions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeKey {
    /// Whose it is.
    pub edge_id: Uuid,
    /// Its name (`kid`).
    pub kid: String,
    /// The key.
    pub jwk: Jwk,
    /// When the edge last told of it.
    pub told_at: Time,
}

/// What an edge refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeRefusal {
    /// The edge's name for people.
    pub edge: String,
    /// What it was.
    pub refused: Refused,
}
