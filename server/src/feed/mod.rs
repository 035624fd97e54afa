//! The feed: one stream for each edge, read from the ordered sequence of the identity store.
//!
//! The numbers of the sequence are the same at every server, so a server can tell by them how far the edges
//! of the others are: each notes its own in the session store.

pub mod edge_keys;
pub mod refusals;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jwks::{
    Time,
    feed::{Entry, Message},
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout, timeout_at},
};

use crate::{
    clock::Clock,
    domain::{
        edge::{EdgeRow, Follower},
        secret::SecretHash,
    },
    store::{IdentityStore, SessionStore, StoreResult},
};

/// How often an edge hears that its view is current.
pub const HEARTBEAT: Duration = Duration::from_secs(1);
/// How many entries go out in one piece.
const BATCH: u32 = 500;

/// How long an edge counts as following that no server notes any more: it may be on its way to another
/// one, and lets people in meanwhile.
const FOLLOWS_FOR: Duration = Duration::from_secs(3);
/// How soon whoever waits looks again for what the edges of other servers have acknowledged.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// What is known of an edge that is connected to this server.
#[derive(Debug, Default)]
struct Connected {
    streams: u32,
    acknowledged: u64,
}

/// Serves the feed, and knows which edges follow it and how far they are.
pub struct Hub {
    identity: Arc<dyn IdentityStore>,
    sessions: Arc<dyn SessionStore>,
    clock: Clock,
    /// How many API keys an edge is told of at once.
    keys: u32,
    /// Those that are connected to this server, by name.
    edges: Mutex<HashMap<String, Connected>>,
    /// An edge has acknowledged something here.
    advanced: Notify,
    /// An edge has come.
    arrived: Notify,
}

impl Hub {
    /// Over the store that keeps the sequence, and the one in which all servers note their edges; an edge
    /// is told of so many API keys at once.
    #[must_use]
    pub fn new(
        identity: Arc<dyn IdentityStore>,
        sessions: Arc<dyn SessionStore>,
        clock: Clock,
        keys: u32,
    ) -> Self {
        let (edges, advanced, arrived) = (Mutex::default(), Notify::new(), Notify::new());
        Self { identity, sessions, clock, keys, edges, advanced, arrived }
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
    ) -> StoreResult<Stream> {
        // Taken before anything is read, so that nothing written meanwhile goes unnoticed.
        let mut changes = self.identity.feed_changes();
        changes.mark_unchanged();
        let (current, head) = self.identity.feed_head().await?;
        let continues = epoch == current && after != 0 && after <= head;
        let mut stream = Stream {
            hub: self.clone(),
            issuer: issuer.to_owned(),
            changes,
            credential: edge.hash,
            checked: Instant::now(),
            seq: after,
            first: Vec::new(),
            _connection: Connection::new(self.clone(), &edge.name),
        };
        if !continues {
            stream.first = stream.begin_anew().await?;
        }
        Ok(stream)
    }

    /// Notes that the edge of this name has taken in everything up to `seq`, whichever server it follows,
    /// for those who wait at any.
    ///
    /// # Errors
    /// When the store fails: they do not know of it yet.
    pub async fn acknowledge(&self, name: &str, seq: u64) -> StoreResult<()> {
        if let Some(connected) = self.edges().get_mut(name) {
            connected.acknowledged = connected.acknowledged.max(seq);
        }
        self.advanced.notify_waiters();
        self.note(&[(name.to_owned(), seq)]).await
    }

    /// Notes the edges that are connected here, for those who wait elsewhere, for as long as it is polled:
    /// each when it comes, and all of them again and again.
    pub async fn note_followers(&self) {
        loop {
            if let Err(error) = self.note(&self.connected()).await {
                tracing::debug!(%error, "the edges that follow could not be noted");
            }
            drop(timeout(HEARTBEAT, self.arrived.notified()).await);
        }
    }

    /// Waits until every edge that follows the feed, of this server or another, has acknowledged everything
    /// up to `seq`, for at most `limit`. The names of those that have not, in order.
    ///
    /// # Errors
    /// When the store fails: nobody can say.
    pub async fn behind(&self, seq: u64, limit: Duration) -> StoreResult<Vec<String>> {
        let deadline = Instant::now() + limit;
        loop {
            let advanced = self.advanced.notified();
            let behind = self.behind_now(seq).await?;
            let now = Instant::now();
            if behind.is_empty() || now >= deadline {
                return Ok(behind);
            }
            drop(timeout_at(deadline.min(now + LOOK_AGAIN), advanced).await);
        }
    }

    async fn behind_now(&self, seq: u64) -> StoreResult<Vec<String>> {
        let mut edges: BTreeMap<String, u64> = self.connected().into_iter().collect();
        for follower in self.sessions.list_followers(self.clock.now()).await? {
            let acknowledged = edges.entry(follower.name).or_default();
            *acknowledged = follower.acknowledged.max(*acknowledged);
        }
        edges.retain(|_, acknowledged| *acknowledged < seq);
        Ok(edges.into_keys().collect())
    }

    async fn note(&self, edges: &[(String, u64)]) -> StoreResult<()> {
        let now = self.clock.now();
        let follower = |(name, acknowledged): &(String, u64)| Follower {
            name: name.clone(),
            acknowledged: *acknowledged,
            until: now.plus(FOLLOWS_FOR),
        };
        let followers: Vec<Follower> = edges.iter().map(follower).collect();
        self.sessions.note_followers(&followers, now).await
    }

    /// The edges that are connected here, and what each has acknowledged.
    fn connected(&self) -> Vec<(String, u64)> {
        self.edges().iter().map(|(name, edge)| (name.clone(), edge.acknowledged)).collect()
    }

    fn edges(&self) -> std::sync::MutexGuard<'_, HashMap<String, Connected>> {
        self.edges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts an edge as connected for as long as it lives.
struct Connection {
    hub: Arc<Hub>,
    name: String,
}

impl Connection {
    fn new(hub: Arc<Hub>, name: &str) -> Self {
        hub.edges().entry(name.to_owned()).or_default().streams += 1;
        hub.arrived.notify_one();
        Self { hub, name: name.to_owned() }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut edges = self.hub.edges();
        if let Some(connected) = edges.get_mut(&self.name) {
            connected.streams -= 1;
            if connected.streams == 0 {
                edges.remove(&self.name);
            }
        }
    }
}

/// The stream of one edge.
pub struct Stream {
    hub: Arc<Hub>,
    issuer: String,
    changes: watch::Receiver<u64>,
    credential: SecretHash,
    /// When it was last seen that the credential is good.
    checked: Instant,
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
        // However much there is to say.
        if self.checked.elapsed() >= HEARTBEAT && !self.is_good().await? {
            return Ok(None);
        }
        if !self.first.is_empty() {
            return Ok(Some(std::mem::take(&mut self.first)));
        }
        let entries = self.entries().await?;
        if !entries.is_empty() {
            return Ok(Some(entries));
        }
        // A closed channel means that the store is going; the heartbeat's pace does then.
        if let Ok(Err(_)) = timeout(HEARTBEAT, self.changes.changed()).await {
            tokio::time::sleep(HEARTBEAT).await;
        }
        if !self.is_good().await? {
            return Ok(None);
        }
        let entries = self.entries().await?;
        if !entries.is_empty() {
            return Ok(Some(entries));
        }
        let at: Time = self.hub.clock.now();
        Ok(Some(vec![Message::Heartbeat { seq: self.seq, at }]))
    }

    async fn is_good(&mut self) -> StoreResult<bool> {
        self.checked = Instant::now();
        Ok(self.hub.identity.find_edge(&self.credential).await?.is_some())
    }

    /// What has been written since; everything, where the store has forgotten what came next.
    async fn entries(&mut self) -> StoreResult<Vec<Message>> {
        let entries: Vec<Entry> = self.hub.identity.list_feed(self.seq, BATCH).await?;
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
            self.hub.identity.snapshot(&self.issuer, self.hub.keys, self.hub.clock.now()).await?;
        self.seq = snapshot.seq;
        Ok(vec![Message::Snapshot(Box::new(snapshot))])
    }
}

#[cfg(test)]
mod tests;
