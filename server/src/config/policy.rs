use jwks::policy::{Policy, Require, TrustedDevice};
use serde::{Deserialize, Serialize};

/// `[policy]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicySection {
    /// What holds for clients and site keys without a site of their own: a sign-in is asked for,
    /// and trusted devices count for 30 days.
    pub default: Policy,
}

impl Default for PolicySection {
    fn default() -> Self {
        Self {
            default: Policy {
                require: Require::SignedIn,
                trusted_device: TrustedDevice { days: 30 },
                ..Policy::default()
            },
        }
    }
}
