//! The edge: a reverse proxy that judges every request by what it already holds in memory.
//!
//! [`start`] runs it on threads of its own: pingora serves requests, one more thread follows the
//! server's feed. pingora makes its own runtimes, so nothing here may run inside another one.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod admin;
mod assertion;
mod backchannel;
mod brand;
mod come_back;
mod config;
mod connection;
mod cookies;
mod exchange;
mod facts;
mod feed;
mod flow;
mod form;
mod forward_auth;
mod frames;
mod headers;
mod holding;
mod ids;
mod journal;
mod judge;
mod kept_form;
mod key_lookup;
mod key_uses;
mod language;
mod limits;
mod listener;
mod metrics;
mod open;
mod own;
mod page;
mod path;
mod proxy;
mod query;
mod rate;
mod reason;
mod refusals;
mod renewal;
mod reply;
mod session;
mod sign_in;
mod sign_out;
mod snapshot;
mod teller;
mod tls;
mod to_https;
mod upstream;
mod whole_file;

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use async_trait::async_trait;
use ipnet::IpNet;
use jwks::verdict_cache::VerdictCache;
use pingora::{
    proxy::http_proxy,
    server::{RunArgs, Server, ShutdownSignal, ShutdownSignalWatch, configuration::ServerConf},
    services::listening::Service,
};
use tokio::sync::{Semaphore, watch};

pub use config::{Clock, EdgeConfig, Figures};
pub use limits::Limits;
pub use own::{Access, OWN, Own, OwnPath};
pub use tls::{CertificateError, CertificateFiles};

use crate::{
    admin::Admin,
    assertion::Assertions,
    backchannel::Backchannel,
    connection::{Connections, Door, Unread},
    exchange::UnderWay,
    feed::Follower,
    holding::Held,
    key_lookup::KeyLookup,
    key_uses::KeyUses,
    limits::Visitors,
    listener::Bound,
    open::OpenExchanges,
    proxy::Edge,
    rate::Rates,
    refusals::Refusals,
    renewal::Renewals,
    reply::Replies,
    session::Sessions,
    teller::Teller,
    tls::Certificates,
    upstream::Health,
};

/// How long [`EdgeHandle::shutdown`] waits for requests under way.
const LAST_REQUESTS: Duration = Duration::from_millis(4500);
/// How long pingora's threads live on after they were told to stop, seconds: until the process
/// ends. They have nothing left to do, but must not end before: pingora 0.9.1 keeps the runtime
/// of a thread in a table by thread number, numbers are given again, and the threads of the next
/// edge in the same process would be sent to the runtime of the one before.
const GRACE_SECONDS: u64 = 100 * 365 * 24 * 3600;
/// Connections to upstreams that are kept for the next request.
const KEPT_CONNECTIONS: usize = 512;

/// Why an edge does not start.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// No address to listen at was given.
    #[error("the edge has no address to listen at; see the setting `edge.listen`")]
    NoListener,
    /// A network of trusted proxies holds every address.
    #[error("{0} trusts everybody; name the proxies in the setting `edge.trusted_proxies`")]
    EverybodyTrusted(IpNet),
    /// There is an address for TLS, and no certificate.
    #[error("the edge has no certificate to listen with; see the setting `edge.certificates`")]
    NoCertificate,
    /// A certificate cannot be used.
    #[error("edge.certificates: {0}")]
    Certificate(#[from] CertificateError),
    /// TLS cannot be spoken.
    #[error("the edge cannot speak TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The authorities for upstreams cannot be read.
    #[error("edge.upstream_ca: {path}: {source}")]
    UpstreamCa {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// No credential for the feed was given.
    #[error("the edge has no credential; see the setting `edge.credential`")]
    NoCredential,
    /// An address cannot be listened at.
    #[error("the edge cannot listen at {address} ({setting}): {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The setting it comes from.
        setting: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The data folder cannot be made.
    #[error("the edge's data folder {path} cannot be used: {source}")]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key that the edge signs with cannot be read, made or kept.
    #[error("the edge's key in {path} cannot be used: {source}")]
    Key {
        /// The data folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The feed's client cannot be made.
    #[error("the edge cannot make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// A thread cannot be started.
    #[error("the edge cannot start its threads: {0}")]
    Thread(#[source] io::Error),
}

/// A running edge. Dropped, it stops without waiting.
pub struct EdgeHandle {
    listen: Vec<SocketAddr>,
    tls_listen: Vec<SocketAddr>,
    redirect_listen: Vec<SocketAddr>,
    admin_listen: Option<SocketAddr>,
    held: Arc<Held>,
    under_way: Arc<UnderWay>,
    stop: watch::Sender<bool>,
    closed: watch::Receiver<bool>,
    saved: watch::Receiver<bool>,
}

impl EdgeHandle {
    /// Where requests come in: the actual addresses, also where port 0 was asked for.
    #[must_use]
    pub fn listen(&self) -> &[SocketAddr] {
        &self.listen
    }

    /// Where requests come in over TLS.
    #[must_use]
    pub fn tls_listen(&self) -> &[SocketAddr] {
        &self.tls_listen
    }

    /// Where callers are sent on to https.
    #[must_use]
    pub fn redirect_listen(&self) -> &[SocketAddr] {
        &self.redirect_listen
    }

    /// Where health and figures are served.
    #[must_use]
    pub const fn admin_listen(&self) -> Option<SocketAddr> {
        self.admin_listen
    }

    /// Waits until the edge holds a view. It listens from the beginning, and denies until then.
    pub async fn ready(&self) {
        self.held.first_view().await;
    }

    /// Waits until the server has told this edge what holds now. [`ready`](Self::ready) may be
    /// earlier: then the view is the one that was kept on disk.
    pub async fn current(&self) {
        self.held.first_word().await;
    }

    /// Stops: takes no more connections, lets requests under way finish, saves the view. Takes at
    /// most 5 s; what is not finished then ends with the process.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let finished = async {
            // Senders that are gone have nothing left to close or to save.
            let _ = self.closed.wait_for(|closed| *closed).await;
            self.under_way.none().await;
            let _ = self.saved.wait_for(|saved| *saved).await;
        };
        if tokio::time::timeout(LAST_REQUESTS, finished).await.is_err() {
            tracing::warn!("requests were still under way when the edge stopped");
        }
    }
}

impl Drop for EdgeHandle {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Starts an edge. When this returns it listens; see [`EdgeHandle::ready`] for more.
///
/// The process must have chosen its rustls provider before.
///
/// # Errors
/// What keeps it from starting, naming the setting.
pub fn start(config: EdgeConfig) -> Result<EdgeHandle, EdgeError> {
    check(&config)?;
    let certificates = Arc::new(Certificates::read(config.certificates.clone())?);
    let upstream_ca = config.upstream_ca.as_deref().map(authorities).transpose()?;
    fs::create_dir_all(&config.data_dir)
        .map_err(|source| EdgeError::DataDir { path: config.data_dir.clone(), source })?;

    let assertions = Assertions::open(&config.data_dir)
        .map_err(|source| EdgeError::Key { path: config.data_dir.clone(), source })?;
    let assertions = Arc::new(assertions);
    let refusals = Arc::new(Refusals::default());
    let held = Arc::new(Held::default());
    let figures = Arc::new(metrics::Figures::register());
    let under_way = Arc::new(UnderWay::default());
    let cache = Arc::new(VerdictCache::new(config.token_cache));
    let open = OpenExchanges::new(held.clone(), config.clock.clone());
    let key_uses = Arc::new(KeyUses::default());
    let (stop, stopped) = watch::channel(false);
    let (saving, saved) = watch::channel(false);

    let backchannel = Arc::new(Backchannel::new(&config)?);
    let key_lookup = Arc::new(KeyLookup::new(backchannel.clone()));
    let edge = Edge {
        held: held.clone(),
        cache: cache.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        clock: config.clock.clone(),
        access_log: config.access_log,
        replies: Replies::new(config.hsts),
        under_way: under_way.clone(),
        rates: Rates::default(),
        limits: config.limits.clone(),
        sessions: Sessions {
            renewals: Arc::new(Renewals::new(backchannel.clone())),
            forms: Semaphore::new(kept_form::AT_ONCE),
            backchannel: backchannel.clone(),
        },
        assertions: assertions.clone(),
        refusals: refusals.clone(),
        open: open.clone(),
        key_lookup: key_lookup.clone(),
        key_uses: key_uses.clone(),
    };
    let mut server = Server::new_with_opt_and_conf(None, server_conf(&config));
    let (listen, closed) = serve(&mut server, &config, edge, certificates.clone())?;
    let admin_listen = match config.admin_listen {
        Some(address) => {
            let (clock, text) = (config.clock.clone(), config.figures.clone());
            let (held, figures) = (held.clone(), figures.clone());
            let admin = Admin { held, clock, figures, cache, text };
            Some(serve_admin(&mut server, admin, address)?)
        }
        None => None,
    };

    let teller = Teller::new(backchannel, assertions, refusals);
    let follower = Follower::new(&config, held.clone(), figures, key_uses, key_lookup)?;
    let health = Health::new(held.clone(), upstream_ca.as_deref())?;
    let (feed, endings) = (own_runtime()?, own_runtime()?);
    let (watch, follow) = (stopped.clone(), stopped.clone());
    // What is open is closed at once, whatever keeps the feed's thread busy.
    spawn("edge-endings", move || endings.block_on(open.watch(watch)))?;
    spawn("edge-feed", move || {
        feed.block_on(async {
            tokio::spawn(health.run());
            tokio::spawn(certificates.follow());
            tokio::spawn(teller.run());
            follower.run(follow).await;
        });
        saving.send_replace(true);
    })?;
    spawn("edge", move || {
        server.run(RunArgs { shutdown_signal: Box::new(Stop(stopped)) });
    })?;
    let by = |door: Door| {
        listen.iter().filter(|(_, of)| *of == door).map(|(address, _)| *address).collect()
    };
    Ok(EdgeHandle {
        listen: by(Door::Plain),
        tls_listen: by(Door::Tls),
        redirect_listen: by(Door::Redirect),
        admin_listen,
        held,
        under_way,
        stop,
        closed,
        saved,
    })
}

/// Whether the settings fit one another.
fn check(config: &EdgeConfig) -> Result<(), EdgeError> {
    if config.listen.is_empty() && config.tls_listen.is_empty() {
        return Err(EdgeError::NoListener);
    }
    if config.credential.is_empty() {
        return Err(EdgeError::NoCredential);
    }
    if let Some(all) = config.trusted_proxies.iter().find(|net| net.prefix_len() == 0) {
        return Err(EdgeError::EverybodyTrusted(*all));
    }
    if !config.tls_listen.is_empty() && config.certificates.is_empty() {
        return Err(EdgeError::NoCertificate);
    }
    Ok(())
}

/// Where a service listens, and what for.
type Doors = Vec<(SocketAddr, Door)>;

/// Lets `server` serve the requests of sites. Gives where it listens, and what turns true once it does
/// no more.
fn serve(
    server: &mut Server,
    config: &EdgeConfig,
    edge: Edge,
    certificates: Arc<Certificates>,
) -> Result<(Doors, watch::Receiver<bool>), EdgeError> {
    let places: Vec<_> = [
        (&config.listen, "edge.listen", Door::Plain),
        (&config.tls_listen, "edge.tls_listen", Door::Tls),
        (&config.redirect_listen, "edge.redirect_listen", Door::Redirect),
    ]
    .into_iter()
    .flat_map(|(addresses, setting, door)| {
        addresses.iter().map(move |address| (*address, setting, door))
    })
    .collect();
    let (sockets, listen) = listener::bind(&places)?;
    let refusals = edge.refusals.clone();
    let acceptor = match config.tls_listen.is_empty() {
        true => None,
        false => Some(tls::acceptor(certificates)?),
    };
    let others = listen.iter().filter(|(_, door)| *door != Door::Plain);
    let connections = Connections::new(
        http_proxy(&Arc::new(server_conf(config)), edge),
        others.map(|(address, door)| (address.port(), *door)).collect(),
        acceptor,
        config.limits.clone(),
        Arc::new(Visitors::new(config.limits.connections, config.trusted_proxies.clone())),
        Unread { refusals, clock: config.clock.clone() },
    );
    let (closing, closed) = watch::channel(false);
    let requests = Service::new("edge".to_owned(), connections);
    server.add_service(Bound::new(requests, sockets, closing));
    Ok((listen, closed))
}

/// Lets `server` serve health and figures at `address`; gives the actual one.
fn serve_admin(
    server: &mut Server,
    admin: Admin,
    address: SocketAddr,
) -> Result<SocketAddr, EdgeError> {
    let (sockets, bound) = listener::bind(&[(address, "edge.admin_listen", Door::Plain)])?;
    let mut admin = Service::new("edge-admin".to_owned(), admin);
    admin.threads = Some(1);
    server.add_service(Bound::new(admin, sockets, watch::Sender::new(false)));
    Ok(bound.first().map_or(address, |(address, _)| *address))
}

fn own_runtime() -> Result<tokio::runtime::Runtime, EdgeError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(EdgeError::Thread)
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), EdgeError> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop).map_err(EdgeError::Thread)
}

fn authorities(path: &Path) -> Result<Vec<reqwest::Certificate>, EdgeError> {
    upstream::read_authorities(path)
        .map_err(|source| EdgeError::UpstreamCa { path: path.to_owned(), source })
}

fn server_conf(config: &EdgeConfig) -> ServerConf {
    // pingora's own names are the same for every process of the machine.
    let own = |name: &str| config.data_dir.join(name).to_string_lossy().into_owned();
    ServerConf {
        threads: config.threads.max(1),
        // One runtime for each thread: the largest gain in cost per request that was measured.
        work_stealing: false,
        grace_period_seconds: Some(GRACE_SECONDS),
        graceful_shutdown_timeout_seconds: Some(0),
        upstream_keepalive_pool_size: KEPT_CONNECTIONS,
        ca_file: config.upstream_ca.as_ref().map(|path| path.to_string_lossy().into_owned()),
        pid_file: own("edge.pid"),
        upgrade_sock: own("edge-upgrade.sock"),
        ..ServerConf::default()
    }
}

/// Tells pingora when to stop. Signals are the process's business, not the edge's.
struct Stop(watch::Receiver<bool>);

#[async_trait]
impl ShutdownSignalWatch for Stop {
    async fn recv(&self) -> ShutdownSignal {
        // A sender that is gone means the same.
        let _ = self.0.clone().wait_for(|stop| *stop).await;
        ShutdownSignal::GracefulTerminate
    }
}
