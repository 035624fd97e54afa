//! A store that fails, for tests of what is done then.

use std::{path::Path, time::Duration};

use rusqlite::Connection;

/// While it lives, no person can be added to the store in a folder.
pub(crate) struct NoNewPeople(Connection);

impl NoNewPeople {
    /// Breaks the store in `dir`, beside whoever uses it.
    pub(crate) fn in_folder(dir: &Path) -> Self {
        let store = Connection::open(dir.join(super::FILE)).unwrap();
        store.busy_timeout(Duration::from_secs(5)).unwrap();
        let fault = "CREATE TRIGGER fault BEFORE INSERT ON users
            BEGIN SELECT RAISE(ABORT, 'the disk is on fire'); END";
        store.execute_batch(fault).unwrap();
        Self(store)
    }
}

impl Drop for NoNewPeople {
    fn drop(&mut self) {
        self.0.execute_batch("DROP TRIGGER fault").unwrap();
    }
}

/// While it lives, whoever looks for an API key in the store in a folder fails.
pub(crate) struct NoLookUpOfKeys(Connection);

impl NoLookUpOfKeys {
    /// Breaks the store in `dir`, beside whoever uses it.
    pub(crate) fn in_folder(dir: &Path) -> Self {
        let store = Connection::open(dir.join(super::FILE)).unwrap();
        store.busy_timeout(Duration::from_secs(5)).unwrap();
        store.execute_batch("ALTER TABLE api_keys RENAME TO hidden_api_keys").unwrap();
        Self(store)
    }
}

impl Drop for NoLookUpOfKeys {
    fn drop(&mut self) {
        self.0.execute_batch("ALTER TABLE hidden_api_keys RENAME TO api_keys").unwrap();
    }
}
