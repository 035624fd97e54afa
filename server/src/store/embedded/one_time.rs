//! One-time tokens.

use jwks::Time;
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::{
    cached::{Cached, hash, named, time},
    fault::Fault,
    writer::Tx,
};
use crate::domain::{
    one_time::{OneTime, Purpose},
    secret::SecretHash,
};

/// Keeps one, in the place of an older one of the same purpose and owner.
pub(super) fn put(tx: &Tx<'_>, one_time: &OneTime) -> Result<(), Fault> {
    tx.run(
        "INSERT OR REPLACE INTO one_time_tokens (purpose, owner, hash, bound_to, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            one_time.purpose.as_str(),
            one_time.owner,
            one_time.hash.as_bytes(),
            one_time.bound_to,
            one_time.expires_at.millis(),
        ],
    )?;
    Ok(())
}

/// The one of this purpose and owner, if the hash is the same.
pub(super) fn find(
    connection: &Connection,
    purpose: Purpose,
    owner: Uuid,
    presented: &SecretHash,
    now: Time,
) -> Result<Option<OneTime>, Fault> {
    let found = connection.one(
        "SELECT purpose, owner, hash, bound_to, expires_at FROM one_time_tokens
         WHERE purpose = ?1 AND owner = ?2 AND expires_at > ?3",
        params![purpose.as_str(), owner, now.millis()],
        read,
    )?;
    Ok(found.filter(|one_time| one_time.hash == *presented))
}

/// Takes it away.
pub(super) fn consume(
    tx: &Tx<'_>,
    purpose: Purpose,
    owner: Uuid,
    presented: &SecretHash,
    now: Time,
) -> Result<Option<OneTime>, Fault> {
    let found = find(tx, purpose, owner, presented, now)?;
    if found.is_some() {
        tx.run(
            "DELETE FROM one_time_tokens WHERE purpose = ?1 AND owner = ?2",
            params![purpose.as_str(), owner],
        )?;
    }
    Ok(found)
}

fn read(row: &Row<'_>) -> rusqlite::Result<OneTime> {
    Ok(OneTime {
        purpose: named(row, 0, Purpose::parse)?,
        owner: row.get(1)?,
        hash: hash(row, 2)?,
        bound_to: row.get(3)?,
        expires_at: time(row, 4)?,
    })
}
