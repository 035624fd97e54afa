//! The composition root of the one binary: it alone picks the stores, and it alone knows that
//! there is an edge.

mod cli;
mod ending;
mod failure;

use std::{
    fmt::Display,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdListener},
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Parser;
use edge::{EdgeConfig, EdgeHandle};
use jwks::Time;
use server::{
    admin::{self, AdminCommand},
    app::App,
    auth::mfa::totp,
    clock::Clock,
    config::{
        Config,
        check::{self, Part},
        load::load,
    },
    control::{self, Answer},
    data_dir::{DataDir, Lock},
    demo, figures,
    http::listener,
    logs,
    router::router,
    store::{
        IdentityStore, SessionStore, StoreResult, embedded::Embedded, postgres::Postgres,
        redis::Redis,
    },
};
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    task::JoinHandle,
    time::{sleep, timeout},
};
use url::Url;

use crate::{
    cli::{Cli, Command, Global},
    ending::Ending,
    failure::Failure,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long what was asked before the end may take to be answered.
const GRACE: Duration = Duration::from_secs(3);
/// How long requests through the edge may take then.
const EDGE_GRACE: Duration = Duration::from_secs(4);
/// How long tasks that are still running then may take to let go.
const LAST_GRACE: Duration = Duration::from_millis(500);
/// How long to wait before a store that does not answer is asked again.
const RETRY: Duration = Duration::from_millis(500);
/// How long another command may hold the data folder.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

type Outcome = Result<(), Failure>;

fn main() -> ExitCode {
    // One TLS provider in the whole process. It can only be there already, and be the same.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            drop(writeln!(io::stderr(), "{failure}"));
            failure.exit_code()
        }
    }
}

fn run(cli: Cli) -> Outcome {
    let Cli { global, command } = cli;
    let long_running = matches!(
        command,
        Command::Up(_) | Command::Serve(_) | Command::Edge(_) | Command::Demo { .. }
    );
    logs::start(global.log, if long_running { "info" } else { "warn" }).map_err(Failure::usage)?;
    match command {
        Command::Up(addresses) => {
            let config = settings(&global, Part::Server, |config| {
                addresses.server.apply(config);
                addresses.edge.apply(config);
            })?;
            block_on(up(config, &global.data))
        }
        Command::Serve(addresses) => {
            let config = settings(&global, Part::Server, |config| addresses.apply(config))?;
            block_on(serve(config, &global.data))
        }
        Command::Edge(address) => {
            let config = settings(&global, Part::Edge, |config| address.apply(config))?;
            block_on(edge_alone(config, &global.data))
        }
        Command::Migrate => {
            let config = settings(&global, Part::Server, |_| {})?;
            block_on(migrate(&config, &global.data))
        }
        Command::CheckConfig => {
            let config = settings(&global, Part::Server, |_| {})?;
            let problems = DataDir::inspect(&global.data, config.server.sealing_key.as_deref());
            if problems.is_empty() { say("ok") } else { Err(problems.into()) }
        }
        Command::Admin(admin) => {
            let config = settings(&global, Part::Server, |_| {})?;
            block_on(administer(config, &global.data, admin.into_command()?))
        }
        Command::Keys(keys) => {
            let config = settings(&global, Part::Server, |_| {})?;
            block_on(administer(config, &global.data, keys.into_command()))
        }
        Command::Demo { listen } => block_on(demo_alone(listen)),
        Command::Totp { secret, at, next } => show_code(&secret, at.as_deref(), next),
    }
}

fn settings(
    global: &Global,
    part: Part,
    flags: impl FnOnce(&mut Config),
) -> Result<Config, Failure> {
    let mut config = load(global.config.as_deref(), std::env::vars_os().filter_map(as_text))?;
    flags(&mut config);
    let problems = check::judge(&config, part);
    if problems.is_empty() { Ok(config) } else { Err(problems.into()) }
}

/// No setting has a name or a value that is not UTF-8.
fn as_text((name, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
}

fn block_on(work: impl Future<Output = Outcome>) -> Outcome {
    let runtime = Runtime::new().map_err(Failure::failed)?;
    let outcome = runtime.block_on(work);
    // Tasks hold the stores; the embedded one folds its log into its file when it is let go.
    runtime.shutdown_timeout(LAST_GRACE);
    outcome
}

fn say(line: impl Display) -> Outcome {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        // Whoever has stopped reading wants no more.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::failed(error)),
        _ => Ok(()),
    }
}

// ---- stores ---------------------------------------------------------------------------------

/// The pair of stores that the settings name.
struct Stores {
    identity: Arc<dyn IdentityStore>,
    sessions: Arc<dyn SessionStore>,
    postgres: Option<Arc<Postgres>>,
    redis: Option<Arc<Redis>>,
}

fn is_embedded(config: &Config) -> bool {
    [&config.identity.url, &config.sessions.url].into_iter().any(|url| url == "embedded")
}

impl Stores {
    /// Opens them; nothing is connected yet. Whoever opens the embedded one holds the lock.
    fn open(config: &Config, data: &DataDir) -> Result<Self, Failure> {
        let named =
            |setting: &'static str| move |error| Failure::failed(format!("{setting}: {error}"));
        let embedded = if is_embedded(config) {
            Some(Embedded::open(data.path()).map_err(named("--data"))?)
        } else {
            None
        };
        let (mut postgres, mut redis) = (None, None);
        let identity: Arc<dyn IdentityStore> = match &embedded {
            Some(embedded) if config.identity.url == "embedded" => embedded.clone(),
            _ => postgres
                .insert(Postgres::new(&config.identity.url).map_err(named("identity.url"))?)
                .clone(),
        };
        let sessions: Arc<dyn SessionStore> = match &embedded {
            Some(embedded) if config.sessions.url == "embedded" => embedded.clone(),
            _ => redis
                .insert(Redis::new(&config.sessions.url).map_err(named("sessions.url"))?)
                .clone(),
        };
        Ok(Self { identity, sessions, postgres, redis })
    }

    /// Brings them to this version. The embedded one was when it was opened; Redis has none.
    async fn migrate(&self) -> StoreResult<()> {
        match &self.postgres {
            Some(postgres) => postgres.migrate().await,
            None => Ok(()),
        }
    }

    /// Logs what an operator should know about how they are set up.
    async fn report_warnings(&self) {
        let Some(redis) = &self.redis else { return };
        match redis.warnings().await {
            Ok(warnings) => warnings.iter().for_each(|warning| tracing::warn!("{warning}")),
            Err(error) => tracing::warn!(%error, "sessions.url: its settings cannot be read"),
        }
    }
}

/// The process that holds the lock ends with it: it is never given back before.
fn keep(lock: Lock) {
    std::mem::forget(lock);
}

/// Takes the data folder for a server, where the embedded store needs that.
async fn take(data: &DataDir, config: &Config) -> Outcome {
    if !is_embedded(config) {
        return Ok(());
    }
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        if let Some(lock) = data.lock(Duration::ZERO)? {
            keep(lock);
            return Ok(());
        }
        if control::is_served(data.path()).await || Instant::now() > deadline {
            return Err(Failure::failed(format!(
                "--data: another signalbox runs on {} (stop it, or name another folder)",
                data.path().display()
            )));
        }
        sleep(Duration::from_millis(20)).await;
    }
}

// ---- commands on data -----------------------------------------------------------------------

async fn migrate(config: &Config, data: &Path) -> Outcome {
    let data = DataDir::open(data)?;
    take(&data, config).await?;
    Stores::open(config, &data)?.migrate().await.map_err(Failure::failed)?;
    say("ok")
}

async fn administer(config: Config, data: &Path, command: AdminCommand) -> Outcome {
    let data = DataDir::open(data)?;
    match carry_out(config, &data, command).await? {
        Answer::Done(value) => say(format!("{value:#}")),
        Answer::Refused { usage: true, message } => Err(Failure::usage(message)),
        Answer::Refused { usage: false, message } => Err(Failure::Failed(message)),
    }
}

/// Carries a command out here, or has the running server do it that holds the embedded store.
async fn carry_out(
    config: Config,
    data: &DataDir,
    command: AdminCommand,
) -> Result<Answer, Failure> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    while is_embedded(&config) {
        if let Some(lock) = data.lock(Duration::ZERO)? {
            keep(lock);
            break;
        }
        let asked = control::ask(data.path(), &command).await;
        if let Some(answer) = asked.map_err(|error| Failure::failed(format!("--data: {error}")))? {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            return Err(Failure::failed(format!(
                "--data: {} is held by a process that does not answer (end it, or try again)",
                data.path().display()
            )));
        }
        sleep(Duration::from_millis(20)).await;
    }
    let stores = Stores::open(&config, data)?;
    stores.migrate().await.map_err(Failure::failed)?;
    let app = assemble(config, data, &stores)?;
    Ok(admin::execute(&app, command).await.into())
}

fn assemble(config: Config, data: &DataDir, stores: &Stores) -> Result<Arc<App>, Failure> {
    let sealing_key = data.sealing_key(config.server.sealing_key.as_deref())?;
    App::assemble(
        config,
        data.path().to_owned(),
        Clock::system(),
        stores.identity.clone(),
        stores.sessions.clone(),
        sealing_key,
    )
    .map_err(Failure::usage)
}

fn show_code(secret: &str, at: Option<&str>, next: bool) -> Outcome {
    let at = match at {
        None => Clock::system().now(),
        Some(text) => instant(text).ok_or_else(|| {
            Failure::usage(
                "--at: neither seconds since 1970 nor RFC 3339 (such as 2026-01-01T00:00:00Z)",
            )
        })?,
    };
    let at = if next { at.plus(Duration::from_secs(totp::STEP)) } else { at };
    let secret: String = secret.chars().filter(|c| !c.is_whitespace() && *c != '=').collect();
    let code = totp::code_at(&secret.to_uppercase(), at).ok_or_else(|| {
        Failure::usage("SECRET: not a TOTP secret (base32, as shown when the factor was set up)")
    })?;
    say(code)
}

fn instant(text: &str) -> Option<Time> {
    match text.parse() {
        Ok(secs) => Some(Time::from_secs(secs)),
        Err(_) => {
            let stamp: jiff::Timestamp = text.parse().ok()?;
            Some(Time::from_millis(stamp.as_millisecond()))
        }
    }
}

// ---- the server -----------------------------------------------------------------------------

/// A server that answers, though its stores may not yet.
struct Server {
    app: Arc<App>,
    stores: Stores,
    serving: JoinHandle<()>,
}

impl Server {
    async fn start(mut config: Config, data: &DataDir, ending: Ending) -> Result<Self, Failure> {
        figures::install().map_err(Failure::failed)?;
        take(data, &config).await?;
        let listener = bind("server.listen", "--listen", config.server.listen).await?;
        config.server.listen = listener.local_addr().map_err(Failure::failed)?;
        let stores = Stores::open(&config, data)?;
        let embedded = is_embedded(&config);
        let app = assemble(config, data, &stores)?;
        if embedded {
            let socket = control::listen(data.path())
                .map_err(|error| Failure::failed(format!("--data: control socket: {error}")))?;
            let app = app.clone();
            tokio::spawn(control::serve(socket, move |command| {
                let app = app.clone();
                async move { admin::execute(&app, command).await.into() }
            }));
        }
        tokio::spawn(figures::keep_up());
        let serving =
            tokio::spawn(listener::serve(listener, router(app.clone()), ending.asked(), GRACE));
        Ok(Self { app, stores, serving })
    }

    /// Waits until the stores have answered and everything in them that a server needs is there;
    /// from then on keeps up with them.
    async fn become_ready(&self) {
        while let Err(error) = self.prepare().await {
            tracing::warn!(error, "not ready, trying again");
            sleep(RETRY).await;
        }
        self.stores.report_warnings().await;
        tokio::spawn(self.app.clone().keep_current());
    }

    async fn prepare(&self) -> Result<(), String> {
        self.stores.migrate().await.map_err(|error| error.to_string())?;
        self.app.prepare().await.map_err(|error| error.to_string())
    }
}

async fn bind(setting: &str, flag: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::failed(format!("{setting}: {address}: {error} (choose another with {flag})"))
    })
}

async fn serve(config: Config, data: &Path) -> Outcome {
    let data = DataDir::open(data)?;
    let ending = Ending::listen().map_err(Failure::failed)?;
    let server = Server::start(config, &data, ending.clone()).await?;
    say(format!("server  {}", server.app.issuer))?;
    tokio::select! {
        () = ending.clone().asked() => {}
        () = server.become_ready() => tracing::info!("ready"),
    }
    drop(server.serving.await);
    Ok(())
}

// ---- the edge -------------------------------------------------------------------------------

async fn edge_alone(config: Config, data: &Path) -> Outcome {
    let data = DataDir::open(data)?;
    let ending = Ending::listen().map_err(Failure::failed)?;
    figures::install().map_err(Failure::failed)?;
    tokio::spawn(figures::keep_up());
    let (Some(server_url), Some(credential)) =
        (config.edge.server_url.clone(), config.edge.credential.clone())
    else {
        return Err(check::judge(&config, Part::Edge).into());
    };
    let edge = start_edge(&config, &data, server_url, credential)?;
    say(format!("edge    {}", local_address(config.edge.listen)))?;
    ending.asked().await;
    end_edge(edge).await;
    Ok(())
}

fn start_edge(
    config: &Config,
    data: &DataDir,
    server_url: Url,
    credential: String,
) -> Result<EdgeHandle, Failure> {
    let section = &config.edge;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let clock = Clock::system();
    edge::start(EdgeConfig {
        listen: vec![section.listen],
        admin_listen: section.admin_listen,
        server_url,
        credential,
        data_dir: data.path().to_owned(),
        threads: if section.threads == 0 { cores } else { section.threads },
        trusted_proxies: section.trusted_proxies.clone(),
        token_cache: section.token_cache,
        access_log: section.access_log,
        clock: Arc::new(move || clock.now()),
        figures: Arc::new(figures::render),
    })
    .map_err(|error| {
        Failure::failed(format!("edge.listen: {error} (choose another with --edge-listen)"))
    })
}

/// Lets requests under way end, within what a process has to end.
async fn end_edge(edge: EdgeHandle) {
    drop(timeout(EDGE_GRACE, edge.shutdown()).await);
}

// ---- the demo site --------------------------------------------------------------------------

async fn demo_alone(listen: SocketAddr) -> Outcome {
    let ending = Ending::listen().map_err(Failure::failed)?;
    let listener = bind("demo", "--listen", listen).await?;
    say(format!("demo    {}", local_address(listener.local_addr().map_err(Failure::failed)?)))?;
    listener::serve(listener, demo::router(), ending.asked(), GRACE).await;
    Ok(())
}

// ---- everything in one process ----------------------------------------------------------------

async fn up(mut config: Config, data: &Path) -> Outcome {
    let data = DataDir::open(data)?;
    let ending = Ending::listen().map_err(Failure::failed)?;
    if config.edge.listen.port() == 0 {
        config.edge.listen = free_port(config.edge.listen).map_err(Failure::failed)?;
    }
    say(format!("data    {}", data.path().display()))?;
    let server = Server::start(config, &data, ending.clone()).await?;
    tokio::select! {
        () = ending.clone().asked() => return Ok(()),
        () = server.become_ready() => {}
    }
    let demo = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Failure::failed)?;
    let upstream = format!("http://{}", demo.local_addr().map_err(Failure::failed)?);
    let demo = tokio::spawn(listener::serve(demo, demo::router(), ending.clone().asked(), GRACE));

    let app = &server.app;
    let site = admin::put_demo_site(app, &upstream).await.map_err(Failure::failed)?;
    let section = &app.config.edge;
    let credential = match &section.credential {
        Some(credential) => credential.clone(),
        None => {
            let token = admin::renew_edge(app, "up").await.map_err(Failure::failed)?;
            token.as_str().to_owned()
        }
    };
    let server_url = match &section.server_url {
        Some(url) => url.clone(),
        None => inside_address(app.config.server.listen)?,
    };
    let edge = start_edge(&app.config, &data, server_url, credential)?;
    wait_for(&edge, &ending).await;

    say(format!("server  {}", app.issuer))?;
    say(format!("edge    {}", local_address(section.listen)))?;
    say(format!("demo    {}   (policy: {})", site.base_url, site.policy.require))?;
    if app.mailer.outbox().is_some() {
        say(format!("outbox  {}", app.link("/dev/outbox")))?;
    }
    if let Ok(link) = admin::execute(app, AdminCommand::SetupLink).await {
        let url = link["url"].as_str().unwrap_or_default();
        say(format!("admin   {url}   (valid 30 minutes; again: signalbox admin setup-link)"))?;
    }

    ending.asked().await;
    end_edge(edge).await;
    drop(tokio::join!(server.serving, demo));
    Ok(())
}

/// An address on which nobody listens at this moment.
fn free_port(address: SocketAddr) -> io::Result<SocketAddr> {
    StdListener::bind(address)?.local_addr()
}

/// Where a process on this machine reaches a listener.
fn inside_address(listen: SocketAddr) -> Result<Url, Failure> {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    Url::parse(&format!("http://{}", SocketAddr::new(ip, listen.port()))).map_err(Failure::failed)
}

/// Where a person on this machine reaches a listener.
fn local_address(listen: SocketAddr) -> String {
    if listen.ip().is_loopback() || listen.ip().is_unspecified() {
        format!("http://localhost:{}", listen.port())
    } else {
        format!("http://{listen}")
    }
}

/// Waits until the edge knows its sites as they are now (the demo site has moved since the last
/// run), or the process is asked to end.
async fn wait_for(edge: &EdgeHandle, ending: &Ending) {
    tokio::select! {
        () = edge.current() => {}
        () = ending.clone().asked() => {}
    }
}
