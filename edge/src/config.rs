//! What an edge must be told before it starts.

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc};

use ipnet::IpNet;
use jwks::Time;
use url::Url;

use crate::{limits::Limits, tls::CertificateFiles};

/// A source of the present instant.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// A source of the process's figures in the Prometheus text format. The composition root gives
/// it, because one process has one recorder and may hold a server as well.
pub type Figures = Arc<dyn Fn() -> String + Send + Sync>;

/// Everything an edge needs, read once at the start.
#[derive(Clone)]
pub struct EdgeConfig {
    /// Where requests come in. Port 0 takes any free port; see
    /// [`EdgeHandle::listen`](crate::EdgeHandle::listen).
    pub listen: Vec<SocketAddr>,
    /// Where requests come in over TLS, by HTTP/2 or HTTP/1.1.
    pub tls_listen: Vec<SocketAddr>,
    /// Where callers without TLS are sent on to https.
    pub redirect_listen: Vec<SocketAddr>,
    /// The certificates of `tls_listen`; the first serves names for which there is none.
    pub certificates: Vec<CertificateFiles>,
    /// For how many seconds browsers that came by TLS are told to come by TLS alone; 0: nothing is
    /// said.
    pub hsts: u64,
    /// The authorities that vouch for upstreams, in a PEM file; `None`: the system's.
    pub upstream_ca: Option<PathBuf>,
    /// What one caller may take.
    pub limits: Limits,
    /// Where health and figures are served; `None`: nowhere.
    pub admin_listen: Option<SocketAddr>,
    /// The server whose feed this edge follows (`http` or `https`).
    pub server_url: Url,
    /// The edge's credential at the server. A secret: it is in no log and no `Debug` output.
    pub credential: String,
    /// Where the last view is kept between runs.
    pub data_dir: PathBuf,
    /// Threads that serve requests, at least 1.
    pub threads: usize,
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How many verified tokens are remembered.
    pub token_cache: usize,
    /// Whether every request gets a log line, not only the refused ones.
    pub access_log: bool,
    /// The present instant.
    pub clock: Clock,
    /// The figures served at `/metrics` of the admin listener.
    pub figures: Figures,
}

impl fmt::Debug for EdgeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EdgeConfig")
            .field("listen", &self.listen)
            .field("tls_listen", &self.tls_listen)
            .field("redirect_listen", &self.redirect_listen)
            .field("certificates", &self.certificates)
            .field("hsts", &self.hsts)
            .field("upstream_ca", &self.upstream_ca)
            .field("limits", &self.limits)
            .field("admin_listen", &self.admin_listen)
            .field("server_url", &self.server_url.as_str())
            .field("credential", &"(hidden)")
            .field("data_dir", &self.data_dir)
            .field("threads", &self.threads)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("token_cache", &self.token_cache)
            .field("access_log", &self.access_log)
            .finish_non_exhaustive()
    }
}
