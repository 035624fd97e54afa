//! The feed: one stream for each edge, read from the ordered sequence of the identity store.

pub mod edge_keys;
pub mod refusals;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jwks::{
    Time,
    feed::{Entry, Message},
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout_at},
};
use uuid::Uuid;

use crate::{
    clock::Clock,
    domain::{edge::EdgeRow, secret::SecretHash},
    store::{IdentityStore, StoreResult},
};

/// How often an edge hears that its view is current.
pub const HEARTBEAT: Duration = Duration::from_secs(1);
/// How many entries go out in one piece.
const BATCH: u32 = 500;

/// What is known of a connected edge.
#[derive(Clone, Debug)]
struct Connected {
    name: String,
    streams: u32,
    acknowledged: u64,
}

/// Serves the feed, and knows which edges follow it and how far they are.
pub struct Hub {
    store: Arc<dyn IdentityStore>,
    /// How many API keys an edge is told of at once.
    keys: u32,
    edges: Mutex<HashMap<Uuid, Connected>>,
    /// An edge has acknowledged something, or is gone.
    advanced: Notify,
}

impl Hub {
    /// Over the store that keeps the sequence; an edge is told of so many API keys at once.
    #[must_use]
    pub fn new(store: Arc<dyn IdentityStore>, keys: u32) -> Self {
        Self { store, keys, edges: Mutex::default(), advanced: Notify::new() }
    }

    /// Opens the stream of an edge that holds everything up to `after` of `epoch`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open(
        self: &Arc<Self>,
        edge: &EdgeRow,
        epoch: &str,
        after: u64,
        issuer: &str,
        clock: Clock,
    ) -> StoreResult<Stream> {
        // Taken before anything is read, so that nothing written meanwhile goes unnoticed.
        let mut changes = self.store.feed_changes();
        changes.mark_unchanged();
        let (current, head) = self.store.feed_head().await?;
        let continues = epoch == current && after != 0 && after <= head;
        let mut stream = Stream {
            hub: self.clone(),
            issuer: issuer.to_owned(),
            clock,
            changes,
            credential: edge.hash,
            seq: after,
            first: Vec::new(),
            _connection: Connection::new(self.clone(), edge),
        };
        if !continues {
            stream.first = stream.begin_anew().await?;
        }
        Ok(stream)
    }

    /// Notes that `edge` has taken in everything up to `seq`.
    pub fn acknowledge(&self, edge: Uuid, seq: u64) {
        if let Some(connected) = self.edges().get_mut(&edge) {
            connected.acknowledged = connected.acknowledged.max(seq);
        }
        self.advanced.notify_waiters();
    }

    /// How many edges follow the feed, and the lowest number all of them have acknowledged.
    #[must_use]
    pub fn followers(&self) -> (usize, Option<u64>) {
        let edges = self.edges();
        (edges.len(), edges.values().map(|edge| edge.acknowledged).min())
    }

    /// Waits until every edge that follows the feed has acknowledged everything up to `seq`, for at most
    /// `limit`. The names of those that have not, in order.
    pub async fn behind(&self, seq: u64, limit: Duration) -> Vec<String> {
        let deadline = Instant::now() + limit;
        loop {
            let advanced = self.advanced.notified();
            let mut behind: Vec<String> = self
                .edges()
                .values()
                .filter(|edge| edge.acknowledged < seq)
                .map(|edge| edge.name.clone())
                .collect();
            if behind.is_empty() || timeout_at(deadline, advanced).await.is_err() {
                behind.sort_unstable();
                return behind;
            }
        }
    }

    fn edges(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Connected>> {
        self.edges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts an edge as connected for as long as it lives.
struct Connection {
    hub: Arc<Hub>,
    edge: Uuid,
}

impl Connection {
    fn new(hub: Arc<Hub>, edge: &EdgeRow) -> Self {
        let unknown = || Connected { name: edge.name.clone(), streams: 0, acknowledged: 0 };
        hub.edges().entry(edge.id).or_insert_with(unknown).streams += 1;
        Self { hub, edge: edge.id }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut edges = self.hub.edges();
        if let Some(connected) = edges.get_mut(&self.edge) {
            connected.streams -= 1;
            if connected.streams == 0 {
                edges.remove(&self.edge);
            }
        }
        drop(edges);
        self.hub.advanced.notify_waiters();
    }
}

/// The stream of one edge.
pub struct Stream {
    hub: Arc<Hub>,
    issuer: String,
    clock: Clock,
    changes: watch::Receiver<u64>,
    credential: SecretHash,
    seq: u64,
    first: Vec<Message>,
    _connection: Connection,
}

impl Stream {
    /// The next messages: what is new, as soon as there is something, or a heartbeat. `None` once
    /// the credential it was opened with is good no more.
    ///
    /// # Errors
    /// When the store fails: the stream ends, and the edge comes back.
    pub async fn next(&mut self) -> StoreResult<Option<Vec<Message>>> {
        if !self.first.is_empty() {
            return Ok(Some(std::mem::take(&mut self.first)));
        }
        let entries = self.entries().await?;
        if !entries.is_empty() {
            return Ok(Some(entries));
        }
        // A closed channel means that the store is going; the heartbeat's pace does then.
        if let Ok(Err(_)) = tokio::time::timeout(HEARTBEAT, self.changes.changed()).await {
            tokio::time::sleep(HEARTBEAT).await;
        }
        if self.hub.store.find_edge(&self.credential).await?.is_none() {
            return Ok(None);
        }
        let entries = self.entries().await?;
        if !entries.is_empty() {
            return Ok(Some(entries));
        }
        let at: Time = self.clock.now();
        Ok(Some(vec![Message::Heartbeat { seq: self.seq, at }]))
    }

    /// What has been written since; everything, where the store has forgotten what came next.
    async fn entries(&mut self) -> StoreResult<Vec<Message>> {
        let entries: Vec<Entry> = self.hub.store.list_feed(self.seq, BATCH).await?;
        let Some((first, last)) = entries.first().zip(entries.last()) else {
            return Ok(Vec::new());
        };
        if first.seq != self.seq + 1 {
            return self.begin_anew().await;
        }
        self.seq = last.seq;
        Ok(entries.into_iter().map(Message::Entry).collect())
    }

    async fn begin_anew(&mut self) -> StoreResult<Vec<Message>> {
        let snapshot =
            self.hub.store.snapshot(&self.issuer, self.hub.keys, self.clock.now()).await?;
        self.seq = snapshot.seq;
        Ok(vec![Message::Snapshot(Box::new(snapshot))])
    }
}

#[cfg(test)]
mod tests;
