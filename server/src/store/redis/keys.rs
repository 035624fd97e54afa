//! The names of keys: `sb:<type>:{<hash tag>}…`. The type keeps one kind from being taken for
//! another; the tag in braces keeps the keys of one act in one slot of a cluster.

use uuid::Uuid;

use crate::domain::{
    one_time::Purpose,
    secret::{SecretHash, sha256_hex},
};

/// The longest throttle key that goes into a name as it is.
const LONGEST_THROTTLE_KEY: usize = 128;

/// What the names of all sessions of a person begin with.
pub(super) fn session_prefix(user_id: Uuid) -> String {
    format!("sb:s:{{{user_id}}}:")
}

/// A session and its families: a hash.
pub(super) fn session(user_id: Uuid, sid: Uuid) -> String {
    format!("{}{sid}", session_prefix(user_id))
}

/// The sessions of a person: a sorted set of their names by their ends.
pub(super) fn session_index(user_id: Uuid) -> String {
    format!("sb:u:{{{user_id}}}")
}

/// Half a sign-in: a string.
pub(super) fn login(hash: &SecretHash) -> String {
    format!("sb:l:{{{}}}", hash.to_text())
}

/// A one-time token: a string.
pub(super) fn one_time(purpose: Purpose, owner: Uuid) -> String {
    format!("sb:o:{{{owner}}}:{}", purpose.as_str())
}

/// Counted tries: a sorted set by instant. A key longer than the contract allows is named by its
/// hash, so that the name's length never depends on what somebody typed.
pub(super) fn throttle(key: &str) -> String {
    if key.len() > LONGEST_THROTTLE_KEY {
        format!("sb:t:{{#{}}}", sha256_hex(key.as_bytes()))
    } else {
        format!("sb:t:{{{key}}}")
    }
}
