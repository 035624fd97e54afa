//! A device that asks to be let in (RFC 8628).

use std::time::Duration;

use jwks::Time;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{authorization::Granted, secret::SecretHash};

/// A request of a device, under the hash of its device code; found by its user code too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceGrant {
    /// Hash of the device code.
    pub hash: SecretHash,
    /// What the person types, as it is compared: letters alone, upper case.
    pub user_code: String,
    /// Who asks.
    pub client_id: String,
    /// What is asked for, space-separated.
    pub scope: String,
    /// Where the access token is to be good: as it says, or by default.
    pub resource: Vec<String>,
    /// When it came.
    pub created_at: Time,
    /// When it is over.
    pub expires_at: Time,
}

impl DeviceGrant {
    /// Until when the device is told that its request is over (`expired_token`), and not that
    /// there is none: for as long again as it lived.
    #[must_use]
    pub fn told_until(&self) -> Time {
        self.expires_at.plus(self.expires_at.since(self.created_at))
    }
}

/// What the person said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceDecision {
    /// Yes.
    Allowed {
        /// Who.
        user_id: Uuid,
        /// In which session.
        sid: Uuid,
        /// What tokens will rest on.
        granted: Box<Granted>,
    },
    /// No.
    Denied,
}

/// How a poll went (RFC 8628 section 3.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Polled {
    /// Nothing was said yet.
    Pending,
    /// It polls faster than its interval, which is longer from now on.
    TooFast,
    /// The person said yes, and this call took the grant: no other one gets it.
    Allowed(Box<DeviceGrant>, DeviceDecision),
    /// The person said no.
    Denied,
    /// No such device code of this client, or it is over.
    Unknown,
    /// Its life is over.
    Expired,
}

/// How long between two polls at first; each that comes too soon adds as much (RFC 8628
/// section 3.5).
pub const POLL_INTERVAL: Duration = Duration::from_secs(5);
