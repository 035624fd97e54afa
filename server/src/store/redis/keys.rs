//! The names of keys: `<space>:<type>:{<hash tag>}…`. The type keeps one kind from being taken
//! for another; the tag in braces keeps the keys of one act in one slot of a cluster.

use uuid::Uuid;

use crate::domain::{
    authorization::RequestKind,
    one_time::Purpose,
    secret::{SecretHash, sha256_hex},
};

/// The longest throttle key that goes into a name as it is.
const LONGEST_THROTTLE_KEY: usize = 128;

/// In so many parts of a cluster at most what counts once is remembered.
const MEMORIES: u8 = 16;

/// Makes the names of one key space.
pub(super) struct Keys {
    space: String,
}

impl Keys {
    pub(super) fn of(space: &str) -> Self {
        Self { space: space.to_owned() }
    }

    /// What the names of all sessions of a person begin with.
    pub(super) fn session_prefix(&self, user_id: Uuid) -> String {
        format!("{}:s:{{{user_id}}}:", self.space)
    }

    /// A session and its families: a hash.
    pub(super) fn session(&self, user_id: Uuid, sid: Uuid) -> String {
        format!("{}{sid}", self.session_prefix(user_id))
    }

    /// The sessions of a person: a sorted set of their names by their ends.
    pub(super) fn session_index(&self, user_id: Uuid) -> String {
        format!("{}:u:{{{user_id}}}", self.space)
    }

    /// Half a sign-in: a string.
    pub(super) fn login(&self, hash: &SecretHash) -> String {
        format!("{}:l:{{{}}}", self.space, hash.to_text())
    }

    /// A one-time token: a string.
    pub(super) fn one_time(&self, purpose: Purpose, owner: Uuid) -> String {
        format!("{}:o:{{{owner}}}:{}", self.space, purpose.as_str())
    }

    /// A request that may be sent again: a string.
    pub(super) fn request(&self, key: &SecretHash) -> String {
        format!("{}:r:{{{}}}", self.space, key.to_text())
    }

    /// An authorization request: a string.
    pub(super) fn authorization(&self, kind: RequestKind, hash: &SecretHash) -> String {
        format!("{}:a:{{{}}}:{}", self.space, hash.to_text(), kind.as_str())
    }

    /// An authorization code: a string.
    pub(super) fn code(&self, hash: &SecretHash) -> String {
        format!("{}:c:{{{}}}", self.space, hash.to_text())
    }

    /// A device that asks, by its user code: a hash. Named by the code's own hash, so that the name's
    /// length never depends on what somebody typed.
    pub(super) fn user_code(&self, user_code: &str) -> String {
        format!("{}:d:{{{}}}", self.space, SecretHash::of(user_code).to_text())
    }

    /// A device that asks, by the hash of its device code: a string.
    pub(super) fn device_code(&self, hash: &SecretHash) -> String {
        format!("{}:e:{{{}}}", self.space, hash.to_text())
    }

    /// That something came which counts once: a string.
    pub(super) fn mark(&self, key: &SecretHash) -> String {
        format!("{}:m:{{m{}}}:{}", self.space, memory(key), key.to_text())
    }

    /// Since when marks are remembered that lie where this one does: a string.
    pub(super) fn memory_of(&self, key: &SecretHash) -> String {
        self.memory(memory(key))
    }

    /// All of those.
    pub(super) fn memories(&self) -> Vec<String> {
        (0..MEMORIES).map(|number| self.memory(number)).collect()
    }

    fn memory(&self, number: u8) -> String {
        format!("{}:b:{{m{number}}}", self.space)
    }

    /// The edges that follow the feed: a hash.
    pub(super) fn followers(&self) -> String {
        format!("{}:f:{{feed}}", self.space)
    }

    /// Counted tries: a sorted set by instant. A key longer than the contract allows is named by
    /// its hash, so that the name's length never depends on what somebody typed.
    pub(super) fn throttle(&self, key: &str) -> String {
        if key.len() > LONGEST_THROTTLE_KEY {
            format!("{}:t:{{#{}}}", self.space, sha256_hex(key.as_bytes()))
        } else {
            format!("{}:t:{{{key}}}", self.space)
        }
    }
}

fn memory(key: &SecretHash) -> u8 {
    key.as_bytes()[0] % MEMORIES
}
