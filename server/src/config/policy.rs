use jwks::policy::{Policy, Require, TrustedDevice};
use serde::{Deserialize, Serialize};

/// `[policy]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicySection {
    /// What holds for clients and site keys without a site of their own: a sign-in is asked for,
    /// and trusted devices count for 30 days.
    pub default: Policy,
    /// How long after an admin made it a recovery link begins to count, seconds; at most 7 days. The
    /// owner is told when it is made, and this is the time they have to say that it was not them.
    pub recovery_delay: u64,
}

impl Default for PolicySection {
    fn default() -> Self {
        Self {
            default: Policy {
                require: Require::SignedIn,
                trusted_device: TrustedDevice { days: 30 },
                ..Policy::default()
            },
            recovery_delay: 3600,
        }
    }
}
