//! The embedded pair: both stores in one SQLite file, `signalbox.db`, in the data folder.
//!
//! One thread writes, and every write that is acknowledged has reached the disk; writes that wait
//! together share one fsync (see [`writer`]). Reads go beside it, each on a connection of its own.

use std::{
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
    sync::Arc,
};

use jwks::Time;
use rusqlite::Connection;
use tokio::sync::watch;

use self::{
    fault::Fault,
    followers::Followers,
    readers::Readers,
    writer::{Tx, Writer},
};
use super::{StoreError, StoreResult};

mod api_keys;
mod audit;
mod authorizations;
mod cached;
mod clients;
mod consents;
mod cut_offs;
mod device_grants;
mod devices;
mod edges;
mod errands;
mod factors;
mod fault;
mod feed;
mod followers;
mod identity;
mod keys;
mod logins;
mod marks;
mod one_time;
mod passkeys;
mod places;
mod readers;
mod refresh;
mod requests;
mod schema;
mod sessions;
mod sites;
mod sweep;
mod tenants;
mod tries;
mod users;
mod warnings;
mod writer;

/// The database in the data folder.
const FILE: &str = "signalbox.db";
/// How an error names the store it came from.
const IDENTITY: &str = "identity";
const SESSION: &str = "session";

/// Both stores in one SQLite file.
pub struct Embedded {
    // In this order: SQLite folds the log into the database when the last connection closes, and
    // only if that one may write.
    readers: Arc<Readers>,
    writer: Writer,
    followers: Followers,
}

impl Embedded {
    /// Whether there is a database in folder `dir`.
    #[must_use]
    pub fn is_in(dir: &Path) -> bool {
        dir.join(FILE).exists()
    }

    /// Opens the stores in folder `dir`, which is made (mode 0700) where it does not exist, and
    /// brings the database (mode 0600) up to this program's schema.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the folder or the file cannot be used,
    /// [`StoreError::Broken`] when the database is not one of ours or is newer than this program.
    pub fn open(dir: &Path) -> StoreResult<Arc<Self>> {
        make_private(dir).map_err(|error| StoreError::Unavailable {
            store: IDENTITY,
            cause: format!("{}: {error}", dir.display()),
        })?;
        let open = || -> Result<Self, Fault> {
            let path = dir.join(FILE);
            let mut connection = Connection::open(&path)?;
            schema::prepare_writer(&connection)?;
            schema::migrate(&mut connection)?;
            Ok(Self {
                writer: Writer::start(connection)?,
                readers: Arc::new(Readers::of(path)),
                followers: Followers::default(),
            })
        };
        open().map(Arc::new).map_err(|fault| fault.of(IDENTITY))
    }

    /// How many times the writer has committed. One commit is one fsync, however many acts were
    /// in it.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    /// One atomic act on identity.
    async fn change<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> StoreResult<T> {
        self.writer.act(act).await.map_err(|fault| fault.of(IDENTITY))
    }

    /// One atomic act on sessions at `now`, by which what is over is swept away in time.
    async fn change_at<T: Send + 'static>(
        &self,
        now: Time,
        act: impl FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> StoreResult<T> {
        self.change_session(move |tx| {
            tx.note(now);
            act(tx)
        })
        .await
    }

    /// One atomic act on sessions.
    async fn change_session<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> StoreResult<T> {
        self.writer.act(act).await.map_err(|fault| fault.of(SESSION))
    }

    /// Finds a few rows by their keys: done on the spot, because it costs less than handing it to
    /// another thread would.
    fn find<T>(
        &self,
        store: &'static str,
        read: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> StoreResult<T> {
        self.readers.read(read).map_err(|fault| fault.of(store))
    }

    /// Reads what may be long: on a thread that may block.
    async fn list<T: Send + 'static>(
        &self,
        store: &'static str,
        read: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> StoreResult<T> {
        let readers = Arc::clone(&self.readers);
        tokio::task::spawn_blocking(move || readers.read(read))
            .await
            .unwrap_or_else(|error| Err(Fault::Lost(error.to_string())))
            .map_err(|fault| fault.of(store))
    }

    fn feed_watch(&self) -> watch::Receiver<u64> {
        self.writer.feed_changes()
    }
}

/// Makes the folder and the file in it, for the owner alone. SQLite gives its other files the
/// mode of the database.
fn make_private(dir: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(dir.join(FILE))?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

#[cfg(test)]
pub(crate) mod broken;
#[cfg(test)]
mod tests;
