//! The deployed pair on real servers, which the environment names:
//! `SIGNALBOX_TEST_POSTGRES` (a `postgres://` URL of a server where databases may be made) and
//! `SIGNALBOX_TEST_REDIS` (a `redis://` URL, or several separated by commas for a cluster).

pub mod relay;

use std::sync::Arc;

use tokio_postgres::NoTls;
use uuid::Uuid;

use crate::store::{postgres::Postgres, redis::Redis};

/// A store on a database of its own, which goes with it.
pub struct FreshPostgres {
    /// The store.
    pub store: Arc<Postgres>,
    /// The database.
    pub database: Database,
}

/// A database of a test's own, dropped with this.
pub struct Database {
    admin_url: String,
    name: String,
}

/// The URL of the Postgres server.
pub fn postgres_url() -> String {
    std::env::var("SIGNALBOX_TEST_POSTGRES").expect("SIGNALBOX_TEST_POSTGRES names a server")
}

/// The URL of Redis.
pub fn redis_url() -> String {
    std::env::var("SIGNALBOX_TEST_REDIS").expect("SIGNALBOX_TEST_REDIS names a server")
}

/// A migrated store on an empty database.
pub async fn fresh_postgres() -> FreshPostgres {
    let database = Database::make().await;
    let store = Postgres::new(&database.url()).unwrap();
    store.migrate().await.unwrap();
    FreshPostgres { store, database }
}

/// The store on the shared Redis: names of rows are unique, so tests do not meet there.
pub fn redis() -> Arc<Redis> {
    Redis::new(&redis_url()).unwrap()
}

impl Database {
    /// Makes an empty database.
    pub async fn make() -> Self {
        let name = format!("signalbox_test_{}", Uuid::new_v4().simple());
        let admin_url = postgres_url();
        run(&admin_url, &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        Self { admin_url, name }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        let mut url = url::Url::parse(&self.admin_url).unwrap();
        url.set_path(&self.name);
        url.to_string()
    }

    /// Where it is for who comes through a relay.
    pub fn url_through(&self, relay: &relay::Relay) -> String {
        let mut url = url::Url::parse(&self.url()).unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(relay.port())).unwrap();
        url.to_string()
    }

    /// The address of its server.
    pub fn server(&self) -> String {
        address(&self.admin_url, 5432)
    }

    /// Runs statements in it.
    pub async fn run(&self, sql: &str) {
        run(&self.url(), sql).await;
    }
}

/// `host:port` of a URL.
pub fn address(url: &str, default_port: u16) -> String {
    let url = url::Url::parse(url).unwrap();
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(default_port))
}

impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let url = self.admin_url.clone();
        let dropping = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(run(&url, &sql));
        });
        // A test that has failed already says more than a database left behind.
        let _ = dropping.join();
    }
}

async fn run(url: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
}
