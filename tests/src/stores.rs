//! The stores of a deployed world: a database of its own on the given Postgres server, and a Redis
//! server of its own, each reached over a link that can be cut.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::{
    link::Link,
    process::{Process, until},
    world::free_port,
};

/// Names the Postgres server.
pub const POSTGRES: &str = "SIGNALBOX_TEST_POSTGRES";

/// A database and a Redis.
pub struct Stores {
    server: String,
    database: String,
    /// The way to Postgres.
    pub postgres: Link,
    /// The way to Redis.
    pub redis: Link,
    dir: PathBuf,
    redis_port: u16,
    redis_process: Option<Process>,
}

impl Stores {
    /// Makes a database called `name`, and starts a Redis that keeps its log in `dir`.
    ///
    /// # Panics
    /// When [`POSTGRES`] is not set, or either cannot be had.
    pub async fn start(name: &str, dir: &Path) -> Self {
        let server = std::env::var(POSTGRES)
            .unwrap_or_else(|_| panic!("set {POSTGRES} to the address of a Postgres server"));
        let database = name.to_owned();
        run_sql(&server, &format!("create database {database} template template0"));
        let postgres = Link::to(postgres_address(&server));
        let redis_port = free_port();
        let redis = Link::to(SocketAddr::from(([127, 0, 0, 1], redis_port)));
        let mut stores = Self {
            server,
            database,
            postgres,
            redis,
            dir: dir.to_owned(),
            redis_port,
            redis_process: None,
        };
        stores.start_redis().await;
        stores
    }

    /// `identity.url`.
    #[must_use]
    pub fn identity_url(&self) -> String {
        let user = self.server.split_once("://").unwrap().1;
        let user = user.rsplit_once('@').map_or("postgres", |(user, _)| user);
        format!("postgres://{user}@127.0.0.1:{}/{}", self.postgres.port(), self.database)
    }

    /// `sessions.url`.
    #[must_use]
    pub fn sessions_url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.redis.port())
    }

    /// Starts Redis; it is empty.
    pub async fn start_redis(&mut self) {
        let port = self.redis_port.to_string();
        let args = ["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"];
        let args: Vec<String> = args.map(str::to_owned).to_vec();
        let log = self.dir.join("redis.log");
        let program = Path::new("redis-server");
        self.redis_process = Some(Process::start(program, &args, &[], &self.dir, &log));
        until("redis answers", Duration::from_secs(10), async || {
            (self.ask_redis("PING").await? == "+PONG").then_some(())
        })
        .await;
    }

    /// Empties Redis, which goes on.
    ///
    /// # Panics
    /// When it does not.
    pub async fn empty_redis(&self) {
        assert_eq!(self.ask_redis("FLUSHALL").await.as_deref(), Some("+OK"));
    }

    /// Ends every connection to the database from its side, as a restart of Postgres does.
    pub fn end_postgres_connections(&self) {
        let end = format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}'",
            self.database
        );
        run_sql(&self.server, &end);
    }

    /// The first line of Redis' answer to a command, asked beside the link.
    async fn ask_redis(&self, command: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.redis_port)).await.ok()?;
        stream.write_all(format!("{command}\r\n").as_bytes()).await.ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await.ok()?;
        Some(line.trim_end().to_owned())
    }

    /// Ends Redis. What it held is lost.
    pub fn stop_redis(&mut self) {
        self.redis_process = None;
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        let drop_it = format!("drop database if exists {} with (force)", self.database);
        drop(psql(&self.server, &drop_it).output());
    }
}

fn run_sql(server: &str, sql: &str) {
    let done = psql(server, sql).output().unwrap();
    assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
}

fn psql(server: &str, sql: &str) -> Command {
    let mut command = Command::new("psql");
    command.args([server, "--no-psqlrc", "--quiet", "--command", sql]);
    command
}

fn postgres_address(server: &str) -> SocketAddr {
    let authority = server.split_once("://").unwrap().1.split(['/', '?']).next().unwrap();
    let host = authority.rsplit('@').next().unwrap();
    let host = if host.contains(':') { host.to_owned() } else { format!("{host}:5432") };
    host.to_socket_addrs().unwrap().next().unwrap()
}
