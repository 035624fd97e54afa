use serde::{Deserialize, Serialize};

/// `[identity]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentitySection {
    /// `embedded` (SQLite in the data folder) or `postgres://user:password@host/database`.
    #[serde(skip_serializing)]
    pub url: String,
}

impl Default for IdentitySection {
    fn default() -> Self {
        Self { url: "embedded".into() }
    }
}
