use serde::{Deserialize, Serialize};

/// `[sessions]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionsSection {
    /// `embedded` (SQLite in the data folder), `redis://host:port` or `rediss://host:port`.
    #[serde(skip_serializing)]
    pub url: String,
}

impl Default for SessionsSection {
    fn default() -> Self {
        Self { url: "embedded".into() }
    }
}
