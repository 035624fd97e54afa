use std::{net::SocketAddr, path::PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

/// `[server]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSection {
    /// Address and port the server listens on.
    pub listen: SocketAddr,
    /// Where people and clients reach it: the issuer, and the beginning of every link. Never taken
    /// from a request. Unset: `http://localhost:<port>`, on loopback only.
    pub public_url: Option<Url>,
    /// Says that `listen`, though not a loopback address, is reached from this machine alone, as in
    /// a container whose port is published on 127.0.0.1. Lets `public_url` be `http://localhost`.
    pub published_on_loopback: bool,
    /// The certificate with which the server speaks TLS itself, and those that vouch for it: a PEM file,
    /// read anew when it changes. Unset: plain http, for this machine or a proxy before it.
    pub tls_cert: Option<PathBuf>,
    /// The private key of `tls_cert`: a PEM file that not everybody on the machine may read.
    pub tls_key: Option<PathBuf>,
    /// Networks of the proxies whose `X-Forwarded-For` is believed, such as `10.1.2.0/24`.
    pub trusted_proxies: Vec<IpNet>,
    /// The key that seals TOTP secrets and signing keys: 32 bytes, base64url. Unset: a key made at
    /// the first start and kept in the data folder as `sealing.key`.
    #[serde(skip_serializing)]
    pub sealing_key: Option<String>,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            published_on_loopback: false,
            tls_cert: None,
            tls_key: None,
            trusted_proxies: Vec::new(),
            sealing_key: None,
        }
    }
}
