use serde::{Deserialize, Serialize};

/// `[password]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordSection {
    /// Fewest characters.
    pub min_length: usize,
    /// Most characters.
    pub max_length: usize,
    /// The least zxcvbn score, 0 to 4.
    pub min_score: u8,
    /// Argon2id memory, KiB; at least 19456.
    pub memory_kib: u32,
    /// Argon2id passes; at least 2.
    pub iterations: u32,
    /// Threads that hash; 0: one for each core, at most 4. Each holds `memory_kib`.
    pub threads: usize,
    /// How many hashes may wait; beyond that: 503 with Retry-After.
    pub queue: usize,
}

impl Default for PasswordSection {
    fn default() -> Self {
        Self {
            min_length: 8,
            max_length: 128,
            min_score: 2,
            memory_kib: 19_456,
            iterations: 2,
            threads: 0,
            queue: 64,
        }
    }
}
