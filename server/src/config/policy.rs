use jwks::policy::{Policy, Require};
use serde::{Deserialize, Serialize};

/// `[policy]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicySection {
    /// What holds for clients and site keys without a site of their own.
    pub default: Policy,
}

impl Default for PolicySection {
    fn default() -> Self {
        Self { default: Policy { require: Require::SignedIn, ..Policy::default() } }
    }
}
