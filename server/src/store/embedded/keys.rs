//! Signing keys.

use jwks::{Algorithm, Time, feed::Change};
use rusqlite::{Connection, Row, params};

use super::{
    audit,
    cached::{Cached, named, time, time_opt},
    fault::Fault,
    feed,
    writer::Tx,
};
use crate::{
    domain::{audit::Event, key::KeyRow},
    store::identity::KeyAdded,
};

/// Publishes a key if the newest of its algorithm is the expected one.
pub(super) fn add(
    tx: &Tx<'_>,
    key: &KeyRow,
    expected: Option<&str>,
    predecessor_expires_at: Option<Time>,
    event: &Event,
) -> Result<KeyAdded, Fault> {
    let newest: Option<String> = tx.one(
        "SELECT kid FROM signing_keys WHERE algorithm = ?1
         ORDER BY published_at DESC, seq DESC LIMIT 1",
        [key.algorithm.as_str()],
        |row| row.get(0),
    )?;
    if newest.as_deref() != expected {
        return Ok(KeyAdded::Raced);
    }
    if let Some(predecessor) = newest {
        tx.run(
            "UPDATE signing_keys SET expires_at = ?2 WHERE kid = ?1",
            params![predecessor, predecessor_expires_at.map(Time::millis)],
        )?;
    }
    tx.run(
        "INSERT INTO signing_keys
             (kid, algorithm, sealed, public_jwk, published_at, active_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            key.kid,
            key.algorithm.as_str(),
            key.sealed,
            key.public_jwk,
            key.published_at.millis(),
            key.active_at.millis(),
            key.expires_at.map(Time::millis),
        ],
    )?;
    let published = Change::Keys(serde_json::from_str(&public_set(tx, key.published_at)?)?);
    feed::append(tx, event.at, &published)?;
    audit::append(tx, event)?;
    Ok(KeyAdded::Added)
}

/// Every key that is not expired at `now`, oldest first.
pub(super) fn list(connection: &Connection, now: Time) -> Result<Vec<KeyRow>, Fault> {
    let sql = "SELECT kid, algorithm, sealed, public_jwk, published_at, active_at, expires_at
         FROM signing_keys WHERE expires_at IS NULL OR expires_at > ?1 ORDER BY published_at, seq";
    Ok(connection.all(sql, [now.millis()], read)?)
}

/// The public keys that are not expired at `now`: a JWK set (RFC 7517 section 5), JSON.
pub(super) fn public_set(connection: &Connection, now: Time) -> Result<String, Fault> {
    let keys: Vec<String> = list(connection, now)?.into_iter().map(|key| key.public_jwk).collect();
    Ok(format!("{{\"keys\":[{}]}}", keys.join(",")))
}

fn read(row: &Row<'_>) -> rusqlite::Result<KeyRow> {
    Ok(KeyRow {
        kid: row.get(0)?,
        algorithm: named(row, 1, |name| name.parse::<Algorithm>().ok())?,
        sealed: row.get(2)?,
        public_jwk: row.get(3)?,
        published_at: time(row, 4)?,
        active_at: time(row, 5)?,
        expires_at: time_opt(row, 6)?,
    })
}
