//! Edges and their credentials.

use rusqlite::{Connection, params};

use super::{
    audit,
    cached::{Cached, hash, time},
    fault::Fault,
    writer::Tx,
};
use crate::domain::{audit::Event, edge::EdgeRow, secret::SecretHash};

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

/// Replaces the credential of the edge of this name, or registers it.
pub(super) fn renew(tx: &Tx<'_>, edge: &EdgeRow, event: &Event) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO edges (id, name, hash, created_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET hash = excluded.hash",
        params![edge.id, edge.name, edge.hash.as_bytes(), edge.created_at.millis()],
    )?;
    audit::append(tx, event)
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
