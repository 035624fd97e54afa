//! Edges and their credentials.

use jwks::{Time, record::Refused};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::{
    audit,
    cached::{Cached, hash, json, time},
    fault::Fault,
    writer::Tx,
};
use crate::{
    domain::{
        audit::Event,
        edge::{EdgeKey, EdgeRefusal, EdgeRow},
        secret::SecretHash,
    },
    store::identity::{EDGE_KEYS_KEPT, REFUSALS_KEPT},
};

/// Registers an edge, if its name is free.
pub(super) fn create(tx: &Tx<'_>, edge: &EdgeRow, event: &Event) -> Result<bool, Fault> {
    let made = tx.run(
        "INSERT INTO edges (id, name, hash, created_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO NOTHING",
        params![edge.id, edge.name, edge.hash.as_bytes(), edge.created_at.millis()],
    )?;
    if made == 0 {
        return Ok(false);
    }
    audit::append(tx, event)?;
    Ok(true)
}

/// Replaces the credential of the edge of this name, which loses its keys, or registers it.
pub(super) fn renew(tx: &Tx<'_>, edge: &EdgeRow, event: &Event) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO edges (id, name, hash, created_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET hash = excluded.hash",
        params![edge.id, edge.name, edge.hash.as_bytes(), edge.created_at.millis()],
    )?;
    tx.run(
        "DELETE FROM edge_keys WHERE edge_id = (SELECT id FROM edges WHERE name = ?1)",
        [&edge.name],
    )?;
    audit::append(tx, event)
}

/// Removes the edge of this name, with all that it told.
pub(super) fn remove(tx: &Tx<'_>, name: &str, event: &Event) -> Result<bool, Fault> {
    if tx.run("DELETE FROM edges WHERE name = ?1", [name])? == 0 {
        return Ok(false);
    }
    audit::append(tx, event)?;
    Ok(true)
}

/// The edge whose credential hashes to `secret`.
pub(super) fn find(connection: &Connection, secret: &SecretHash) -> Result<Option<EdgeRow>, Fault> {
    let sql = "SELECT id, name, hash, created_at FROM edges WHERE hash = ?1";
    Ok(connection.one(sql, [secret.as_bytes()], |row| {
        Ok(EdgeRow {
            id: row.get(0)?,
            name: row.get(1)?,
            hash: hash(row, 2)?,
            created_at: time(row, 3)?,
        })
    })?)
}

/// Keeps a key of an edge, if no other has one of this name.
pub(super) fn put_key(tx: &Tx<'_>, key: &EdgeKey) -> Result<bool, Fault> {
    let jwk = serde_json::to_string(&key.jwk)?;
    let kept = tx.run(
        "INSERT INTO edge_keys (edge_id, kid, jwk, told_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (kid) DO UPDATE SET told_at = max(told_at, excluded.told_at)
             WHERE edge_id = excluded.edge_id",
        params![key.edge_id, key.kid, jwk, key.told_at.millis()],
    )?;
    if kept == 0 {
        return Ok(false);
    }
    tx.run(
        "DELETE FROM edge_keys WHERE edge_id = ?1 AND kid IN
             (SELECT kid FROM edge_keys WHERE edge_id = ?1 ORDER BY told_at DESC, kid
              LIMIT -1 OFFSET ?2)",
        params![key.edge_id, EDGE_KEYS_KEPT],
    )?;
    Ok(true)
}

/// The keys of all edges that were told of after `since`.
pub(super) fn list_keys(connection: &Connection, since: Time) -> Result<Vec<EdgeKey>, Fault> {
    let sql = "SELECT edge_id, kid, jwk, told_at FROM edge_keys WHERE told_at > ?1
         ORDER BY edge_id, kid";
    Ok(connection.all(sql, [since.millis()], |row| {
        Ok(EdgeKey {
            edge_id: row.get(0)?,
            kid: row.get(1)?,
            jwk: json(row, 2)?,
            told_at: time(row, 3)?,
        })
    })?)
}

/// Keeps what an edge refused, and forgets what it is too late or too much for.
pub(super) fn keep_refusals(
    tx: &Tx<'_>,
    edge_id: Uuid,
    refused: &[Refused],
    since: Time,
) -> Result<(), Fault> {
    for one in refused {
        tx.run(
            "INSERT INTO refusals (id, edge_id, at, anonymous, body) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO NOTHING",
            params![
                one.id,
                edge_id,
                one.at.millis(),
                one.is_anonymous(),
                serde_json::to_string(one)?
            ],
        )?;
    }
    tx.run(
        "DELETE FROM refusals WHERE edge_id = ?1 AND at <= ?2",
        params![edge_id, since.millis()],
    )?;
    tx.run(
        "DELETE FROM refusals WHERE id IN
             (SELECT id FROM refusals WHERE edge_id = ?1 ORDER BY anonymous, at DESC
              LIMIT -1 OFFSET ?2)",
        params![edge_id, REFUSALS_KEPT],
    )?;
    Ok(())
}

/// What was refused under this id after `since`.
pub(super) fn find_refusal(
    connection: &Connection,
    id: &str,
    since: Time,
) -> Result<Option<EdgeRefusal>, Fault> {
    let sql = "SELECT edges.name, refusals.body FROM refusals
         JOIN edges ON edges.id = refusals.edge_id WHERE refusals.id = ?1 AND refusals.at > ?2";
    Ok(connection.one(sql, params![id, since.millis()], |row| {
        Ok(EdgeRefusal { edge: row.get(0)?, refused: json(row, 1)? })
    })?)
}
