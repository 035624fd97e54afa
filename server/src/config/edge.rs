use std::net::SocketAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

/// `[edge]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeSection {
    /// Address and port the edge listens on.
    pub listen: SocketAddr,
    /// Where it finds the server, whose feed it follows. Unset: the server of the same process.
    pub server_url: Option<Url>,
    /// What it shows the server (`signalbox admin create-edge`). Unset: `up` makes its own.
    #[serde(skip_serializing)]
    pub credential: Option<String>,
    /// Address and port of health and metrics.
    pub admin_listen: Option<SocketAddr>,
    /// Networks of the proxies in front of it whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Worker threads; 0: one for each core.
    pub threads: usize,
    /// How many verified tokens are remembered.
    pub token_cache: usize,
    /// Whether every request is logged, and not refusals alone.
    pub access_log: bool,
}

impl Default for EdgeSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            server_url: None,
            credential: None,
            admin_listen: Some(SocketAddr::from(([127, 0, 0, 1], 8001))),
            trusted_proxies: Vec::new(),
            threads: 0,
            token_cache: 100_000,
            access_log: false,
        }
    }
}
