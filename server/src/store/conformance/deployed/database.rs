//! A database of a test's own.

use std::sync::Arc;

use tokio_postgres::NoTls;
use url::Url;
use uuid::Uuid;

use super::{postgres_url, relay::Relay};
use crate::store::postgres::Postgres;

/// A database, dropped with this.
pub(super) struct Database {
    admin_url: String,
    name: String,
}

impl Database {
    /// Makes an empty database.
    pub(super) async fn make() -> Self {
        let name = format!("signalbox_test_{}", Uuid::new_v4().simple());
        let admin_url = postgres_url();
        run(&admin_url, &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        Self { admin_url, name }
    }

    /// Makes a database with our schema, and a store on it.
    pub(super) async fn with_store() -> (Arc<Postgres>, Self) {
        let database = Self::make().await;
        let store = Postgres::new(&database.url()).unwrap();
        store.migrate().await.unwrap();
        (store, database)
    }

    /// Where it is.
    pub(super) fn url(&self) -> String {
        let mut url = Url::parse(&self.admin_url).unwrap();
        url.set_path(&self.name);
        url.to_string()
    }

    /// Where it is for who comes through a relay.
    pub(super) fn url_through(&self, relay: &Relay) -> String {
        let mut url = Url::parse(&self.url()).unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(relay.port())).unwrap();
        url.to_string()
    }

    /// A relay to its server.
    pub(super) async fn relay(&self) -> Relay {
        Relay::to(&self.admin_url, 5432).await
    }

    /// Runs statements in it.
    pub(super) async fn run(&self, sql: &str) {
        run(&self.url(), sql).await;
    }
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
        let _left_behind = dropping.join();
    }
}

async fn run(url: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
}
