//! How a site's requests travel to its upstreams.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The largest head that is accepted anywhere, bytes: request line and header fields.
pub const MAX_HEAD: u64 = 16 * 1024;

/// How a site's requests travel to its upstreams. Spans are whole seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Forwarding {
    /// What each upstream is asked, by GET, to learn whether it is well: any 2xx or 3xx says so. Unset:
    /// it is well if it takes connections.
    pub health_path: Option<String>,
    /// How often each upstream is checked, seconds. One that is dead is checked every second.
    pub health_interval: u64,
    /// How long connecting to an upstream may take, seconds; TLS included.
    pub connect_timeout: u64,
    /// How long an upstream may be silent before its answer and within it, seconds. Does not hold for
    /// WebSockets and for what asks for `text/event-stream`.
    pub read_timeout: u64,
    /// The largest body of a request, bytes; unset: any.
    pub max_body: Option<u64>,
    /// The largest request line and header fields together, bytes.
    pub max_head: u64,
}

impl Default for Forwarding {
    fn default() -> Self {
        Self {
            health_path: None,
            health_interval: 5,
            connect_timeout: 5,
            read_timeout: 120,
            max_body: None,
            max_head: MAX_HEAD,
        }
    }
}

impl Forwarding {
    /// [`Self::health_interval`].
    #[must_use]
    pub const fn health_interval(&self) -> Duration {
        Duration::from_secs(self.health_interval)
    }

    /// [`Self::connect_timeout`].
    #[must_use]
    pub const fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout)
    }

    /// [`Self::read_timeout`].
    #[must_use]
    pub const fn read_timeout(&self) -> Duration {
        Duration::from_secs(self.read_timeout)
    }
}
