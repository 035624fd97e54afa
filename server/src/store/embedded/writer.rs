//! The one thread that writes, with group commit.
//!
//! Acts come over a queue. The thread takes all that wait, carries each out within a savepoint of
//! one transaction, commits once, and only then answers: one fsync for the whole group, and
//! nobody is told of anything that is not on the disk. An act that fails, or panics, takes back
//! what it did itself and nothing else; if the commit fails, every act of the group has failed.

use std::{
    cell::Cell,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use jwks::Time;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::{cached::Cached, fault::Fault, sweep::Sweep};

/// The most acts one commit carries.
const GROUP: usize = 256;
/// The most acts that wait; beyond it those who ask wait to be let in.
const QUEUE: usize = 1024;

/// What an act writes through.
pub(super) struct Tx<'c> {
    connection: &'c Connection,
    feed_grew: Cell<bool>,
    now: Cell<Option<Time>>,
}

impl Tx<'_> {
    /// Says that the feed has grown, so that those who follow it are told after the commit.
    pub(super) fn feed_grew(&self) {
        self.feed_grew.set(true);
    }

    /// Says what time it is, for the sweep.
    pub(super) fn note(&self, now: Time) {
        self.now.set(self.now.get().max(Some(now)));
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

/// An act with its answer still to come, whatever the type of that.
trait Act: Send {
    /// Carries it out, once. Whether what it did is to be kept.
    fn carry_out(&mut self, tx: &Tx<'_>) -> bool;

    /// Tells whoever waits, who may have gone away; `Err`: the commit failed, for this cause.
    fn answer(self: Box<Self>, committed: Result<(), &str>);
}

struct Waiting<T, F> {
    act: Option<F>,
    outcome: Option<Result<T, Fault>>,
    answer: oneshot::Sender<Result<T, Fault>>,
}

impl<T, F> Act for Waiting<T, F>
where
    T: Send,
    F: FnOnce(&Tx<'_>) -> Result<T, Fault> + Send,
{
    fn carry_out(&mut self, tx: &Tx<'_>) -> bool {
        let Some(act) = self.act.take() else { return false };
        // Sound to go on after a panic: all that the act shares with others is the savepoint,
        // which is rolled back.
        let outcome = catch_unwind(AssertUnwindSafe(|| act(tx)))
            .unwrap_or_else(|_| Err(Fault::Unreadable("an act panicked".to_owned())));
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn answer(self: Box<Self>, committed: Result<(), &str>) {
        let answer = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(Fault::Lost("the act was not carried out".to_owned())),
            (Err(cause), _) => Err(Fault::Lost(cause.to_owned())),
        };
        let _gone = self.answer.send(answer);
    }
}

/// The handle of the writing thread, which ends with it after the acts that still wait.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Act>>>,
    thread: Option<JoinHandle<()>>,
    commits: Arc<AtomicU64>,
    feed: watch::Receiver<u64>,
}

impl Writer {
    /// Starts the thread on its connection.
    pub(super) fn start(connection: Connection) -> Result<Self, Fault> {
        let (queue, acts) = mpsc::channel(QUEUE);
        let (feed_sender, feed) = watch::channel(0);
        let commits = Arc::new(AtomicU64::new(0));
        let mut committer = Committer {
            connection,
            feed: feed_sender,
            commits: Arc::clone(&commits),
            sweep: Sweep::default(),
        };
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || committer.serve(acts))
            .map_err(|error| Fault::Lost(error.to_string()))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), commits, feed })
    }

    /// Carries `act` out, and answers when it is on the disk. Once it is in the queue it is
    /// carried out even if nobody waits any more.
    pub(super) async fn act<T, F>(&self, act: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let ended = || Fault::Lost("the writer has ended".to_owned());
        let (answer, outcome) = oneshot::channel();
        let waiting = Box::new(Waiting { act: Some(act), outcome: None, answer });
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        queue.send(waiting).await.map_err(|_| ended())?;
        outcome.await.map_err(|_| ended())?
    }

    /// How many times it has committed.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Changes after every commit by which the feed may have grown.
    pub(super) fn feed_changes(&self) -> watch::Receiver<u64> {
        self.feed.clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// What the thread owns.
struct Committer {
    connection: Connection,
    feed: watch::Sender<u64>,
    commits: Arc<AtomicU64>,
    sweep: Sweep,
}

impl Committer {
    fn serve(&mut self, mut acts: mpsc::Receiver<Box<dyn Act>>) {
        let mut group = Vec::with_capacity(GROUP);
        while acts.blocking_recv_many(&mut group, GROUP) > 0 {
            let committed = self.commit(&mut group).map_err(|error| {
                // Gone already if the error was one that SQLite itself rolls back for.
                if !self.connection.is_autocommit()
                    && let Err(error) = self.connection.execute_batch("ROLLBACK")
                {
                    tracing::error!(%error, "the embedded store could not roll back");
                }
                error.to_string()
            });
            match &committed {
                Ok(feed_grew) => {
                    self.commits.fetch_add(1, Ordering::Relaxed);
                    if *feed_grew {
                        self.feed.send_modify(|times| *times = times.wrapping_add(1));
                    }
                }
                Err(cause) => tracing::error!(cause, "the embedded store could not commit"),
            }
            for act in group.drain(..) {
                act.answer(committed.as_ref().map(|_| ()).map_err(String::as_str));
            }
        }
    }

    /// Carries out a group and commits it; whether the feed has grown.
    fn commit(&mut self, group: &mut [Box<dyn Act>]) -> rusqlite::Result<bool> {
        let connection = &self.connection;
        connection.run("BEGIN IMMEDIATE", [])?;
        let tx = Tx { connection, feed_grew: Cell::new(false), now: Cell::new(None) };
        for act in group {
            connection.run("SAVEPOINT act", [])?;
            if !act.carry_out(&tx) {
                connection.run("ROLLBACK TO act", [])?;
            }
            // Fails if SQLite has ended the whole transaction (a full disk): then nothing of the
            // group is kept, and the next act does not become a transaction of its own.
            connection.run("RELEASE act", [])?;
        }
        if let Some(now) = tx.now.get() {
            self.sweep.after_acts(connection, now)?;
        }
        connection.run("COMMIT", [])?;
        Ok(tx.feed_grew.get())
    }
}

#[cfg(test)]
mod tests;
