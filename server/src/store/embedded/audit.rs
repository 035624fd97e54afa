//! The audit log.

use jwks::Time;
use rusqlite::{Connection, Row, params};
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
        "INSERT INTO audit (seq, id, event, hash, user_id, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            stored(seq),
            event.id,
            serde_json::to_string(event)?,
            chain(&previous, seq, event),
            event.user_id,
            event.at.millis(),
        ],
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
    Ok(connection.all(sql, params![stored(after), limit], read)?)
}

/// Rows about a person, newest first.
pub(super) fn list_about(
    connection: &Connection,
    user_id: Uuid,
    since: Time,
    after: Option<(Time, u64)>,
    limit: u32,
) -> Result<Vec<AuditRow>, Fault> {
    let (at, seq) = after.map_or((i64::MAX, i64::MAX), |(at, seq)| (at.millis(), stored(seq)));
    let sql = "SELECT seq, event, hash FROM audit
         WHERE user_id = ?1 AND at >= ?2 AND (at, seq) < (?3, ?4)
         ORDER BY at DESC, seq DESC LIMIT ?5";
    Ok(connection.all(sql, params![user_id, since.millis(), at, seq, limit], read)?)
}

/// How many there are, up to `most`.
pub(super) fn count_about(
    connection: &Connection,
    user_id: Uuid,
    since: Time,
    most: u32,
) -> Result<u64, Fault> {
    let sql = "SELECT count(*) FROM
         (SELECT 1 FROM audit WHERE user_id = ?1 AND at >= ?2 LIMIT ?3)";
    let count =
        connection.one(sql, params![user_id, since.millis(), most], |row| number(row, 0))?;
    Ok(count.unwrap_or_default())
}

fn read(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow { seq: number(row, 0)?, event: json(row, 1)?, hash: row.get(2)? })
}
