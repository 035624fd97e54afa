//! The pair of stores that the settings name: the only place that knows which.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jwks::Time;
use server::{
    app::App,
    clock::Clock,
    config::{Config, Problem},
    control,
    data_dir::{DataDir, Lock},
    doctor,
    store::{
        IdentityStore, SessionStore, StoreError, StoreResult, embedded::Embedded,
        postgres::Postgres, redis::Redis,
    },
};
use tokio::time::sleep;

use super::{Outcome, failure::Failure};

/// How long another command may hold the data folder.
pub const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// The pair of stores that the settings name.
pub struct Stores {
    pub identity: Arc<dyn IdentityStore>,
    pub sessions: Arc<dyn SessionStore>,
    postgres: Option<Arc<Postgres>>,
    redis: Option<Arc<Redis>>,
}

pub fn is_embedded(config: &Config) -> bool {
    [&config.identity.url, &config.sessions.url].into_iter().any(|url| url == "embedded")
}

impl Stores {
    /// Opens them; nothing is connected yet. Whoever opens the embedded one holds the lock.
    pub fn open(config: &Config, data: &DataDir) -> Result<Self, Failure> {
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
    pub async fn migrate(&self) -> StoreResult<()> {
        match &self.postgres {
            Some(postgres) => postgres.migrate().await,
            None => Ok(()),
        }
    }

    /// What is wrong with how they are set up, so that no server starts on them. A Redis that
    /// does not tell is believed.
    pub async fn judge(&self) -> StoreResult<Vec<Problem>> {
        let Some(redis) = &self.redis else { return Ok(Vec::new()) };
        match redis.eviction_policies().await {
            Err(error @ StoreError::Broken { .. }) => {
                tracing::warn!(%error, "sessions.url: its settings cannot be read");
                Ok(Vec::new())
            }
            policies => Ok(doctor::evicting(&policies?)),
        }
    }

    /// What they lack for production, and what is lacking in them.
    pub async fn examine(&self, ends_tls: bool, now: Time) -> Vec<Problem> {
        let mut found = Vec::new();
        if let Some(redis) = &self.redis {
            found.extend(doctor::redis(redis.facts().await, now));
        }
        if let Some(postgres) = &self.postgres {
            let facts = postgres.facts().await;
            let is_there = facts.is_ok();
            found.extend(doctor::postgres(facts, now));
            if !is_there {
                return found;
            }
        }
        found.extend(doctor::data(&*self.identity, ends_tls, now).await);
        found
    }
}

/// The process that holds the lock ends with it: it is never given back before.
pub fn keep(lock: Lock) {
    std::mem::forget(lock);
}

/// Takes the data folder for a server, where the embedded store needs that.
pub async fn take(data: &DataDir, config: &Config) -> Outcome {
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

pub fn assemble(config: Config, data: &DataDir, stores: &Stores) -> Result<Arc<App>, Failure> {
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
