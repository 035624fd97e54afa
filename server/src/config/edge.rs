use std::{net::SocketAddr, path::PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

/// `[edge]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeSection {
    /// Address and port the edge listens on.
    pub listen: SocketAddr,
    /// Address and port the edge listens on for TLS (HTTP/2 and HTTP/1.1).
    pub tls_listen: Option<SocketAddr>,
    /// The certificates of `tls_listen`, chosen by the name that is asked for; the first serves all other
    /// names. `signalbox tls local` makes some for this machine.
    pub certificates: Vec<Certificate>,
    /// Address and port at which callers without TLS are sent to the same address with https.
    pub redirect_listen: Option<SocketAddr>,
    /// For how many seconds browsers that came by TLS are told to come by TLS alone
    /// (`Strict-Transport-Security`); 0: they are told nothing.
    pub hsts: u64,
    /// The authorities that vouch for upstreams: a PEM file. Unset: those of the system.
    pub upstream_ca: Option<PathBuf>,
    /// Where it finds the server, whose feed it follows. Unset: the server of the same process.
    pub server_url: Option<Url>,
    /// What it shows the server (`signalbox admin create-edge`). Unset: `up` makes its own.
    #[serde(skip_serializing)]
    pub credential: Option<String>,
    /// Address and port of health and metrics.
    pub admin_listen: Option<SocketAddr>,
    /// Networks of the proxies in front of it: they say who calls (`X-Forwarded-For`, `-Proto`), may ask
    /// about any request at `/.signalbox/auth`, and have no limit of connections.
    pub trusted_proxies: Vec<IpNet>,
    /// Worker threads; 0: one for each core.
    pub threads: usize,
    /// How many verified tokens are remembered.
    pub token_cache: usize,
    /// Whether every request is logged: a line with what was decided and where its time went. Refusals are
    /// logged always.
    pub access_log: bool,
    /// What one caller may take.
    pub limits: EdgeLimits,
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
            access_log: true,
            tls_listen: None,
            certificates: Vec::new(),
            redirect_listen: None,
            hsts: 31_536_000,
            upstream_ca: None,
            limits: EdgeLimits::default(),
        }
    }
}

/// `[[edge.certificates]]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The certificate, and those that vouch for it: a PEM file, read anew when it changes.
    pub certificate: PathBuf,
    /// Its private key: a PEM file that not everybody on the machine may read.
    pub key: PathBuf,
}

/// `[edge.limits]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeLimits {
    /// How long the head of a request may take from its first byte, seconds; a TLS handshake has as
    /// long.
    pub head_timeout: u64,
    /// How long a connection may rest between requests, seconds.
    pub idle_timeout: u64,
    /// How long a caller may take nothing of its answer, seconds.
    pub write_timeout: u64,
    /// How many bytes a second the body of a request must bring on the average, once 10 seconds have
    /// passed; 0: any. Does not hold for gRPC and WebSockets.
    pub body_rate: u64,
    /// Connections of one address (IPv6: of one network of 64 bits) at once; 0: any. Trusted proxies
    /// have as many as they like.
    pub connections_per_address: u32,
    /// Requests at once on one HTTP/2 connection.
    pub http2_streams: u32,
    /// How many frames that bring nothing (resets, pings, settings, priorities, empty data) an HTTP/2
    /// connection may send within 10 seconds before it is closed.
    pub http2_frames: u32,
}

impl Default for EdgeLimits {
    fn default() -> Self {
        Self {
            head_timeout: 10,
            idle_timeout: 60,
            write_timeout: 60,
            body_rate: 240,
            connections_per_address: 1024,
            http2_streams: 100,
            http2_frames: 300,
        }
    }
}
