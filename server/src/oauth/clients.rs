//! Clients in memory, as long as nothing says that they changed.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jwks::{
    Time,
    cutoff::{CutOff, CutOffKind},
    site_session::CLIENT_ID,
};
use tokio::sync::watch;

use super::site_client;
use crate::{app::App, domain::client::Client, store::StoreResult};

/// How long a client is believed to be as it was read, should nobody say otherwise.
const KEPT: Duration = Duration::from_secs(5);
/// How long after the life of the last access token an ending is remembered.
const GRACE: Duration = Duration::from_secs(60);
/// How many are kept.
const MOST: usize = 10_000;
/// Longer ids belong to nobody.
pub const ID_LIMIT: usize = 128;

/// The clients that were read lately. Nothing is remembered of ids that belong to nobody: whoever
/// registers is there at once.
pub struct ClientCache {
    /// Changes whenever anybody may have changed a client.
    feed: watch::Receiver<u64>,
    /// How often this process did: the feed may tell of that a moment later.
    own: AtomicU64,
    clients: RwLock<HashMap<Box<str>, Kept>>,
}

/// What is known at one moment of who changed what.
type Moment = (u64, u64);

struct Kept {
    client: Arc<Client>,
    moment: Moment,
    read_at: Time,
}

impl Kept {
    fn is_good(&self, moment: Moment, now: Time) -> bool {
        self.moment == moment && self.read_at <= now && now.since(self.read_at) < KEPT
    }
}

impl ClientCache {
    /// An empty one, which believes nothing that was read before `feed` changed.
    #[must_use]
    pub fn new(feed: watch::Receiver<u64>) -> Self {
        Self { feed, own: AtomicU64::new(0), clients: RwLock::default() }
    }

    /// Notes that this process changed a client.
    pub fn forget(&self) {
        self.own.fetch_add(1, Ordering::AcqRel);
    }

    fn moment(&self) -> Moment {
        (*self.feed.borrow(), self.own.load(Ordering::Acquire))
    }

    fn get(&self, client_id: &str, moment: Moment, now: Time) -> Option<Arc<Client>> {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        let kept = clients.get(client_id).filter(|kept| kept.is_good(moment, now))?;
        Some(kept.client.clone())
    }

    /// Keeps a client that was read after `moment`.
    fn keep(&self, client: &Arc<Client>, moment: Moment, now: Time) {
        let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MOST {
            clients.retain(|_, kept| kept.is_good(moment, now));
            if clients.len() >= MOST {
                clients.clear();
            }
        }
        let kept = Kept { client: client.clone(), moment, read_at: now };
        clients.insert(client.client_id.as_str().into(), kept);
    }
}

/// The ending of everything that was issued to a client that is removed at `now`, remembered until
/// the last access token is dead.
#[must_use]
pub fn client_end(app: &App, client_id: &str, now: Time) -> CutOff {
    let life = Duration::from_secs(app.config.tokens.access_ttl);
    let until = now.plus(life).plus(GRACE);
    // Its id is never given again: what says that it was issued later is dead as well.
    CutOff { kind: CutOffKind::Client, id: client_id.to_owned(), at: until, until }
}

/// The client of this id.
///
/// # Errors
/// When the store fails.
pub async fn find(app: &App, client_id: &str) -> StoreResult<Option<Arc<Client>>> {
    if client_id.is_empty() || client_id.len() > ID_LIMIT || client_id.contains('\0') {
        return Ok(None);
    }
    // Before the store is asked: what changes meanwhile makes the answer an old one.
    let moment = app.clients.moment();
    let now = app.clock.now();
    if let Some(client) = app.clients.get(client_id, moment, now) {
        return Ok(Some(client));
    }
    let found = match client_id {
        CLIENT_ID => Some(site_client::read(app).await?),
        _ => app.identity.find_client(client_id).await?,
    };
    let Some(client) = found.map(Arc::new) else {
        return Ok(None);
    };
    app.clients.keep(&client, moment, now);
    Ok(Some(client))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client::{Metadata, Registrar};

    fn client(client_id: &str) -> Arc<Client> {
        Arc::new(Client {
            client_id: client_id.to_owned(),
            secret: None,
            registration_token: None,
            registrar: Registrar::Operator,
            metadata: Metadata::default(),
            created_at: Time::from_secs(1),
            updated_at: Time::from_secs(1),
        })
    }

    fn at(millis: i64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn a_client_is_believed_for_five_seconds() {
        let (_feed, changes) = watch::channel(0);
        let cache = ClientCache::new(changes);
        let moment = cache.moment();
        cache.keep(&client("a"), moment, at(1000));
        assert!(cache.get("a", moment, at(5999)).is_some());
        assert!(cache.get("a", moment, at(6000)).is_none());
        // A clock that was put back makes nothing younger.
        assert!(cache.get("a", moment, at(999)).is_none());
        assert!(cache.get("b", moment, at(1000)).is_none());
    }

    #[test]
    fn a_change_by_anybody_ends_that_at_once() {
        let (feed, changes) = watch::channel(0);
        let cache = ClientCache::new(changes);
        cache.keep(&client("a"), cache.moment(), at(1000));
        cache.forget();
        assert!(cache.get("a", cache.moment(), at(1000)).is_none());
        cache.keep(&client("a"), cache.moment(), at(1000));
        feed.send_replace(1);
        assert!(cache.get("a", cache.moment(), at(1000)).is_none());
    }

    #[test]
    fn what_was_read_while_it_changed_is_not_believed() {
        let (_feed, changes) = watch::channel(0);
        let cache = ClientCache::new(changes);
        let before = cache.moment();
        cache.forget();
        cache.keep(&client("a"), before, at(1000));
        assert!(cache.get("a", cache.moment(), at(1000)).is_none());
    }

    #[test]
    fn no_number_of_clients_fills_the_memory() {
        let (_feed, changes) = watch::channel(0);
        let cache = ClientCache::new(changes);
        let moment = cache.moment();
        for number in 0..2 * MOST {
            cache.keep(&client(&number.to_string()), moment, at(1000));
        }
        assert!(cache.clients.read().unwrap().len() <= MOST);
        let last = (2 * MOST - 1).to_string();
        assert!(cache.get(&last, moment, at(1000)).is_some());
    }
}
