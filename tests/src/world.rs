//! A world: running processes with a folder, stores and a clock of their own.

use std::{
    fs::{self, DirBuilder},
    net::TcpListener,
    ops::Deref,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{
        LazyLock, Once,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Client;
use serde_json::json;
use tokio::sync::OnceCell;

use crate::{
    clock::{self, Clock},
    command::binary,
    document,
    edge::{DEMO, Edge},
    process::{Process, tail, until},
    rail::{Rail, client},
    stores::Stores,
};

/// Names the kind of world.
pub const KIND: &str = "SIGNALBOX_TEST_WORLD";

/// How long a start may take.
const READY: Duration = Duration::from_secs(30);
/// What the folders of worlds are called, in the folder for temporary files.
const FOLDER: &str = "signalbox-world";

/// Where the data of a world is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SQLite in the data folder.
    Embedded,
    /// Postgres and Redis.
    Deployed,
}

impl Kind {
    /// The kind that [`KIND`] names.
    ///
    /// # Panics
    /// When it names none.
    #[must_use]
    pub fn asked_for() -> Self {
        match std::env::var(KIND).as_deref() {
            Err(_) | Ok("embedded") => Self::Embedded,
            Ok("deployed") => Self::Deployed,
            Ok(other) => panic!("{KIND}: `{other}` is neither `embedded` nor `deployed`"),
        }
    }
}

/// A program of a world, which can be ended and started again.
pub struct Node {
    name: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    dir: PathBuf,
    /// What answers 200 once it is ready.
    ready: Vec<String>,
    /// What a line that it prints begins with once it is ready.
    prints: Option<&'static str>,
    process: Option<Process>,
}

impl Node {
    /// Starts it, and waits until it is ready.
    pub async fn start(&mut self) {
        self.launch();
        self.become_ready().await;
    }

    /// Changes a setting of its own, from its next start on.
    pub fn set(&mut self, setting: &str, value: impl ToString) {
        self.env.push((variable(setting), value.to_string()));
    }

    /// Starts it.
    pub fn launch(&mut self) {
        let log = self.log();
        self.process = Some(Process::start(&binary(), &self.args, &self.env, &self.dir, &log));
    }

    /// Waits until it is ready.
    ///
    /// # Panics
    /// When it ends instead, or takes too long.
    pub async fn become_ready(&mut self) {
        let client = client();
        let (log, ready, prints) = (self.log(), self.ready.clone(), self.prints);
        let process = self.process.as_mut().unwrap();
        let started_at = process.log_start();
        until(&format!("{} is ready", self.name), READY, async || {
            if let Some(status) = process.ended() {
                panic!("{status}\n{}", tail(&log));
            }
            let text = fs::read(&log).unwrap();
            let said = String::from_utf8_lossy(&text[started_at..]);
            let has_printed = |begin| said.lines().any(|line| line.starts_with(begin));
            if !prints.is_none_or(has_printed) {
                return None;
            }
            for address in &ready {
                if !answers(&client, address).await {
                    return None;
                }
            }
            Some(())
        })
        .await;
    }

    /// Its process.
    ///
    /// # Panics
    /// When it was not started.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().unwrap()
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&mut self) {
        self.process().kill();
    }

    /// Asks it to end (SIGTERM), and waits for that. It must end well.
    pub async fn end(&mut self) {
        self.process().signal("TERM");
        let status = self.process().wait(Duration::from_secs(8)).await;
        assert!(status.success(), "{status}\n{}", tail(&self.log()));
    }

    fn log(&self) -> PathBuf {
        self.dir.join(format!("{}.log", self.name))
    }
}

async fn answers(client: &Client, address: &str) -> bool {
    client.get(address).send().await.is_ok_and(|answer| answer.status() == 200)
}

/// How the parts of a world are spread over processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// `signalbox up`.
    Together,
    /// `signalbox serve`, `edge` and `demo`.
    Apart,
    /// The same, with two servers and an edge for each where the stores allow it.
    Replicas,
}

/// A world to be started.
pub struct Plan {
    layout: Layout,
    settings: Vec<(String, String)>,
    log_format: &'static str,
}

impl Plan {
    /// Sets a setting, `section.key`.
    #[must_use]
    pub fn set(mut self, setting: &str, value: impl ToString) -> Self {
        self.settings.push((variable(setting), value.to_string()));
        self
    }

    /// Sets a variable of the environment that is no setting.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Has every line of the log be a JSON object.
    #[must_use]
    pub fn json_log(mut self) -> Self {
        self.log_format = "json";
        self
    }

    /// Server, edge and demo site in processes of their own.
    #[must_use]
    pub fn apart(mut self) -> Self {
        self.layout = Layout::Apart;
        self
    }

    /// Two servers on the same stores, each with an edge; one of each where there can be no more.
    #[must_use]
    pub fn replicas(mut self) -> Self {
        self.layout = Layout::Replicas;
        self
    }

    /// Starts it, and waits until it is ready.
    pub async fn start(self) -> World {
        let mut world = World::prepare(self.settings).await;
        world.log_format = self.log_format;
        match self.layout {
            Layout::Together => world.start_together().await,
            Layout::Apart => world.start_apart(1).await,
            Layout::Replicas => {
                let count = if world.kind() == Kind::Deployed { 2 } else { 1 };
                world.start_apart(count).await;
            }
        }
        world
    }
}

/// A setting as an environment variable.
#[must_use]
pub fn variable(setting: &str) -> String {
    format!("SIGNALBOX__{}", setting.replace('.', "__").to_uppercase())
}

/// A running world. It ends when it is dropped.
pub struct World {
    /// Servers and edges first, so that they end before their stores.
    servers: Vec<Node>,
    edges: Vec<Node>,
    demo: OnceCell<(Node, String)>,
    server_ports: Vec<u16>,
    edge_ports: Vec<u16>,
    edge_admin_ports: Vec<u16>,
    stores: Option<Stores>,
    settings: Vec<(String, String)>,
    log_format: &'static str,
    clock: Clock,
    dir: PathBuf,
}

impl World {
    /// A world of its own, with the default settings, in one process.
    pub async fn start() -> Self {
        Self::plan().start().await
    }

    /// A world of its own, to be described.
    #[must_use]
    pub fn plan() -> Plan {
        let mut plan =
            Plan { layout: Layout::Together, settings: Vec::new(), log_format: "pretty" };
        // Everybody here comes from one network.
        for limit in ["password_per_network", "register_per_network", "codes_sent_per_network"] {
            plan = plan.set(&format!("limits.{limit}"), 1_000_000);
        }
        plan
    }

    /// The world that tests share which need no other: its clock stands still, in that nobody
    /// can put it forward.
    pub async fn shared() -> Shared {
        static WORLD: OnceCell<World> = OnceCell::const_new();
        Shared(WORLD.get_or_init(Self::start).await)
    }

    async fn prepare(settings: Vec<(String, String)>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        static SWEPT: Once = Once::new();
        SWEPT.call_once(sweep);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", std::process::id());
        let dir = scratch(&number.to_string());
        let clock = Clock::new(&dir);
        let mut world = Self {
            servers: Vec::new(),
            edges: Vec::new(),
            demo: OnceCell::new(),
            server_ports: Vec::new(),
            edge_ports: Vec::new(),
            edge_admin_ports: Vec::new(),
            stores: None,
            settings,
            log_format: "pretty",
            clock,
            dir,
        };
        let clock = world.clock.file().display().to_string();
        world.settings.push((clock::VARIABLE.into(), clock));
        if Kind::asked_for() == Kind::Deployed {
            let database = format!("signalbox_{}", name.replace('-', "_"));
            let stores = Stores::start(&database, &world.dir).await;
            world.set("identity.url", stores.identity_url());
            world.set("sessions.url", stores.sessions_url());
            world.set("server.sealing_key", sealing_key());
            world.stores = Some(stores);
        }
        world
    }

    fn set(&mut self, setting: &str, value: impl ToString) {
        self.settings.push((variable(setting), value.to_string()));
    }

    async fn start_together(&mut self) {
        let [server, edge, admin] = [free_port(), free_port(), free_port()];
        self.server_ports.push(server);
        self.edge_ports.push(edge);
        self.edge_admin_ports.push(admin);
        self.set("edge.admin_listen", on_loopback(admin));
        if self.kind() == Kind::Deployed {
            // Commands speak for this server too.
            self.set("server.public_url", format!("http://localhost:{server}"));
            self.set("edge.listen", on_loopback(edge));
        }
        let addresses = [on_loopback(server), on_loopback(edge)];
        let args = ["up", "--listen", &addresses[0], "--edge-listen", &addresses[1]];
        let ready = [ready(server), ready(admin)];
        let mut node = self.node("up", &args, 0, &ready, &[]);
        node.prints = Some("demo ");
        node.start().await;
        self.servers.push(node);
    }

    async fn start_apart(&mut self, count: usize) {
        self.server_ports = (0..count).map(|_| free_port()).collect();
        self.edge_ports = (0..count).map(|_| free_port()).collect();
        self.edge_admin_ports = (0..count).map(|_| free_port()).collect();
        self.set("server.public_url", format!("http://localhost:{}", self.server_ports[0]));
        let upstream = self.upstream().await;
        for number in 0..count {
            let port = self.server_ports[number];
            let name = format!("serve-{number}");
            let args = ["serve", "--listen", &on_loopback(port)];
            let mut node = self.node(&name, &args, number, &[ready(port)], &[]);
            node.start().await;
            self.servers.push(node);
        }
        let site = json!({
            "site_key": "demo",
            "name": "Demo site",
            "base_url": format!("http://{DEMO}:{}", self.edge_ports[0]),
            "hosts": [DEMO],
            "upstreams": [upstream],
            "policy": { "require": "2fa", "first_party": true },
        });
        self.create_site(&site).await;
        for number in 0..count {
            let name = format!("edge-{number}");
            let made = self.signalbox(&["admin", "create-edge", "--name", &name]).await.json();
            let (port, admin) = (self.edge_ports[number], self.edge_admin_ports[number]);
            let server = format!("http://127.0.0.1:{}", self.server_ports[number]);
            let own = [
                ("edge.credential", made["credential"].as_str().unwrap().to_owned()),
                ("edge.server_url", server),
                ("edge.admin_listen", on_loopback(admin)),
            ];
            let args = ["edge", "--edge-listen", &on_loopback(port)];
            let mut node = self.node(&name, &args, count + number, &[ready(admin)], &own);
            node.start().await;
            self.edges.push(node);
        }
    }

    /// The address of a demo site that stands behind no site yet.
    pub async fn upstream(&self) -> String {
        let start = async || {
            let listen = on_loopback(free_port());
            let address = format!("http://{listen}");
            let mut demo = self.node(
                "demo",
                &["demo", "--listen", &listen],
                0,
                std::slice::from_ref(&address),
                &[],
            );
            demo.start().await;
            (demo, address)
        };
        self.demo.get_or_init(start).await.1.clone()
    }

    /// A program with the data folder of this number.
    fn node(
        &self,
        name: &str,
        args: &[&str],
        folder: usize,
        ready: &[String],
        own: &[(&str, String)],
    ) -> Node {
        let data = self.data_dir(folder).display().to_string();
        let args = args
            .iter()
            .copied()
            .chain(["--data", &data, "--log", self.log_format])
            .map(str::to_owned)
            .collect();
        let own = own.iter().map(|(setting, value)| (variable(setting), value.clone()));
        Node {
            name: name.to_owned(),
            args,
            env: self.settings.iter().cloned().chain(own).collect(),
            dir: self.dir.clone(),
            ready: ready.to_vec(),
            prints: None,
            process: None,
        }
    }

    /// Where its data is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        if self.stores.is_some() { Kind::Deployed } else { Kind::Embedded }
    }

    /// The folder of this world.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The data folder of the server of this number.
    #[must_use]
    pub fn data_dir(&self, number: usize) -> PathBuf {
        self.dir.join(format!("data-{number}"))
    }

    /// The settings of every process, as environment.
    #[must_use]
    pub fn settings(&self) -> Vec<(String, String)> {
        self.settings.clone()
    }

    /// The clock.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Puts the clock of every process forward. Only a world of one's own has one to move.
    pub fn advance(&mut self, by: Duration) {
        self.clock.advance(by);
    }

    /// Waits until every edge has heard that its view is current, by the clock as it is now.
    pub async fn caught_up(&self) {
        let client = client();
        for number in 0..self.edge_count() {
            let ready = format!("{}/health/ready", self.edge_admin(number));
            until("the edge is fresh", READY, async || {
                answers(&client, &ready).await.then_some(())
            })
            .await;
        }
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://localhost:{}", self.server_ports[0])
    }

    /// A client of the first server.
    #[must_use]
    pub fn rail(&self) -> Rail {
        self.rail_of(0)
    }

    /// A client of one of the servers, in turn.
    #[must_use]
    pub fn rail_of(&self, number: usize) -> Rail {
        let port = self.server_port(number);
        let address = format!("http://127.0.0.1:{port}");
        document::belongs_to_a_server(&address);
        Rail::new(address)
    }

    /// The port of one of the servers, in turn.
    #[must_use]
    pub fn server_port(&self, number: usize) -> u16 {
        self.server_ports[number % self.server_ports.len()]
    }

    /// How many servers there are.
    #[must_use]
    pub const fn server_count(&self) -> usize {
        self.server_ports.len()
    }

    /// A caller of the first edge.
    #[must_use]
    pub fn edge(&self) -> Edge {
        self.edge_of(0)
    }

    /// A caller of one of the edges, in turn.
    #[must_use]
    pub fn edge_of(&self, number: usize) -> Edge {
        Edge::new(self.edge_ports[number % self.edge_ports.len()])
    }

    /// How many edges there are.
    #[must_use]
    pub const fn edge_count(&self) -> usize {
        self.edge_ports.len()
    }

    /// Where an edge tells about itself.
    #[must_use]
    pub fn edge_admin(&self, number: usize) -> String {
        format!("http://127.0.0.1:{}", self.edge_admin_ports[number])
    }

    /// The process of the first server (and of everything else, where that is one).
    pub fn server_node(&mut self) -> &mut Node {
        &mut self.servers[0]
    }

    /// The process of one of the servers, in turn.
    pub fn server_node_of(&mut self, number: usize) -> &mut Node {
        let count = self.servers.len();
        &mut self.servers[number % count]
    }

    /// The process of the first edge.
    ///
    /// # Panics
    /// When it has none of its own.
    pub fn edge_node(&mut self) -> &mut Node {
        &mut self.edges[0]
    }

    /// The process of one of the edges, in turn.
    ///
    /// # Panics
    /// When they have none of their own.
    pub fn edge_node_of(&mut self, number: usize) -> &mut Node {
        let count = self.edges.len();
        &mut self.edges[number % count]
    }

    /// The stores of a deployed world.
    ///
    /// # Panics
    /// In an embedded one.
    #[must_use]
    pub fn stores(&self) -> &Stores {
        self.stores.as_ref().unwrap()
    }

    /// The same, to be started and stopped.
    ///
    /// # Panics
    /// In an embedded one.
    pub fn stores_mut(&mut self) -> &mut Stores {
        self.stores.as_mut().unwrap()
    }

    /// Everything that its processes have said.
    #[must_use]
    pub fn log(&self) -> String {
        self.logs().iter().map(|log| fs::read_to_string(log).unwrap()).collect()
    }

    fn logs(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.dir).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|file| file.extension().is_some_and(|end| end == "log")).collect()
    }

    fn show_logs(&self) {
        for log in self.logs() {
            eprintln!("{}", tail(&log));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if thread::panicking() {
            self.show_logs();
        }
        self.servers.clear();
        self.edges.clear();
        self.demo.take();
        self.stores = None;
        drop(fs::remove_dir_all(&self.dir));
    }
}

/// The world that tests share.
pub struct Shared(&'static World);

impl Deref for Shared {
    type Target = World;

    fn deref(&self) -> &World {
        self.0
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.show_logs();
        }
    }
}

/// A port on loopback that nobody listens on, and that nobody else here is given: below those the
/// system hands out to callers, each once.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 10_000;
    static NEXT: LazyLock<AtomicU32> =
        LazyLock::new(|| AtomicU32::new(std::process::id().wrapping_mul(1_009)));
    (0..COUNT)
        .map(|_| FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}

fn on_loopback(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn ready(port: u16) -> String {
    format!("http://127.0.0.1:{port}/health/ready")
}

fn sealing_key() -> String {
    let mut key = [0; 32];
    aws_lc_rs::rand::fill(&mut key).unwrap();
    URL_SAFE_NO_PAD.encode(key)
}

/// A new folder of this process, which nobody else looks into. What is left of it when the process
/// is gone, the next one removes.
///
/// # Panics
/// When there is one of this name.
#[must_use]
pub fn scratch(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("{FOLDER}-{}-{name}", std::process::id()));
    DirBuilder::new().mode(0o700).create(&dir).unwrap();
    dir
}

/// Removes what worlds of processes that are gone have left: a shared world is never dropped.
fn sweep() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix(FOLDER) else { continue };
        let process = rest.trim_start_matches('-').split('-').next().unwrap_or_default();
        if !Path::new("/proc").join(process).exists() {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}
