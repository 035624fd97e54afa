//! The audit log.

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::{
    cached::{Cached, json, number, stored},
    fault::Fault,
    writer::Tx,
};
use crate::domain::audit::{AuditRow, Event, GENESIS, chain};

/// Appends an event, chained to the row before it, unless one of its id is there.
pub(super) fn append(tx: &Tx<'_>, event: &Event) -> Result<(), Fault> {
    if tx.any("SELECT 1 FROM audit WHERE id = ?1", [event.id])? {
        return Ok(());
    }
    let last = tx.one("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", [], |row| {
        Ok((number(row, 0)?, row.get::<_, String>(1)?))
    })?;
    let (seq, previous) = last.unwrap_or_else(|| (0, GENESIS.to_owned()));
    let seq = seq + 1;
    tx.run(
        "INSERT INTO audit (seq, id, event, hash) VALUES (?1, ?2, ?3, ?4)",
        params![stored(seq), event.id, serde_json::to_string(event)?, chain(&previous, seq, event)],
    )?;
    Ok(())
}

/// Appends an event about the person `user_id`.
pub(super) fn append_about(tx: &Tx<'_>, event: &Event, user_id: Uuid) -> Result<(), Fault> {
    append(tx, &Event { user_id: Some(user_id), ..event.clone() })
}

/// Rows after `seq`, in order.
pub(super) fn list(
    connection: &Connection,
    after: u64,
    limit: u32,
) -> Result<Vec<AuditRow>, Fault> {
    let sql = "SELECT seq, event, hash FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    Ok(connection.all(sql, params![stored(after), limit], |row| {
        Ok(AuditRow { seq: number(row, 0)?, event: json(row, 1)?, hash: row.get(2)? })
    })?)
}
