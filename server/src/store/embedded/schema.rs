//! Settings of the connections, and the schema.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use super::{cached::Cached, fault::Fault};

mod embedded {
    refinery::embed_migrations!("../migrations/sqlite");
}

/// How long a connection waits for another one's lock.
const PATIENCE: Duration = Duration::from_secs(5);
/// Above the number of different statements there are, so that none is parsed twice.
const STATEMENTS: usize = 192;

/// Sets up the one connection that writes. Every commit reaches the disk before it returns.
pub(super) fn prepare_writer(connection: &Connection) -> Result<(), Fault> {
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA journal_size_limit = 67108864;
         PRAGMA trusted_schema = OFF;",
    )?;
    Ok(())
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch("PRAGMA trusted_schema = OFF;")?;
    Ok(connection)
}

/// Brings the database up to this program's schema, and gives a new one its epoch. A database
/// with a schema that this program does not know is refused, not touched.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Fault> {
    embedded::migrations::runner()
        .set_abort_missing(true)
        .set_abort_divergent(true)
        .run(connection)
        .map_err(refused)?;
    connection.run(
        "INSERT INTO meta (name, value) VALUES ('feed_epoch', ?1) ON CONFLICT (name) DO NOTHING",
        [Uuid::new_v4().to_string()],
    )?;
    Ok(())
}

/// Brings an empty database to the schema of version `version` and no further, as an older
/// program left it.
#[cfg(test)]
pub(super) fn migrate_to(connection: &mut Connection, version: refinery::SchemaVersion) {
    let target = refinery::Target::Version(version);
    embedded::migrations::runner().set_target(target).run(connection).unwrap();
}

fn refused(error: refinery::Error) -> Fault {
    use refinery::error::Kind;
    match error.kind() {
        Kind::MissingVersion(migration) => Fault::Unreadable(format!(
            "the database is newer than this program: it has migration {migration}"
        )),
        Kind::DivergentVersion(applied, _) => Fault::Unreadable(format!(
            "the database was made by another program: migration {applied} differs"
        )),
        _ => Fault::Unreadable(format!("the schema could not be brought up to date: {error}")),
    }
}
