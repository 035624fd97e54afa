//! The keys of clients: registered with them, or fetched from where they are (`jwks_uri`).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jwks::{Time, foreign::ForeignKeys};
use serde_json::Value;
use tokio::sync::Mutex as AsyncMutex;

use crate::{app::App, domain::client::Client};

/// The shortest time between two fetches for one client, whatever came meanwhile (rule 9).
const FETCH_INTERVAL: Duration = Duration::from_secs(30);
/// How long fetched keys are used without asking again: a key that a client took away is dead by
/// then.
const FRESH: Duration = Duration::from_secs(600);
/// The most clients whose keys are held.
const CLIENTS: usize = 10_000;

/// The fetched keys of each client.
#[derive(Default)]
pub struct ClientKeys(Mutex<HashMap<String, Arc<AsyncMutex<Fetched>>>>);

#[derive(Default)]
struct Fetched {
    /// Where they are from.
    uri: String,
    keys: Option<Arc<ForeignKeys>>,
    fetched_at: Option<Time>,
    tried_at: Option<Time>,
}

impl ClientKeys {
    fn of(&self, client_id: &str) -> Arc<AsyncMutex<Fetched>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= CLIENTS && !held.contains_key(client_id) {
            held.clear();
        }
        held.entry(client_id.to_owned()).or_default().clone()
    }
}

/// The keys of `client`; none where it has none or they cannot be had. `anew`: a key is wanted that
/// is not among those held.
pub async fn find(app: &App, client: &Client, anew: bool, now: Time) -> Option<Arc<ForeignKeys>> {
    let Some(uri) = &client.metadata.jwks_uri else {
        let registered = client.metadata.jwks.as_ref()?;
        return ForeignKeys::from_document(registered).map(Arc::new);
    };
    let entry = app.client_keys.of(&client.client_id);
    // Whoever comes while somebody fetches waits here, and has what was fetched.
    let mut held = entry.lock().await;
    if held.uri != *uri {
        *held = Fetched { uri: uri.clone(), ..Fetched::default() };
    }
    let is_fresh = held.fetched_at.is_some_and(|at| now.since(at) < FRESH);
    let may_try = held.tried_at.is_none_or(|at| now.since(at) >= FETCH_INTERVAL);
    if (anew || !is_fresh) && may_try {
        held.tried_at = Some(now);
        if let Some(keys) = fetch(app, client, uri).await {
            held.keys = Some(Arc::new(keys));
            held.fetched_at = Some(now);
        } else if !is_fresh {
            held.keys = None;
        }
    }
    held.keys.clone()
}

async fn fetch(app: &App, client: &Client, uri: &str) -> Option<ForeignKeys> {
    let document = match app.outgoing.get(uri).await {
        Ok(document) => document,
        Err(error) => {
            tracing::warn!(client_id = client.client_id, %error, "a client's keys cannot be had");
            return None;
        }
    };
    let keys = serde_json::from_slice::<Value>(&document).ok();
    let keys = keys.as_ref().and_then(ForeignKeys::from_document);
    if keys.is_none() {
        tracing::warn!(client_id = client.client_id, "a client's jwks_uri gives no key set");
    }
    keys
}
