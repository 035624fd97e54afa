//! Errands.

use jwks::Time;
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::{
    cached::{Cached, number, time, time_opt},
    cut_offs,
    fault::Fault,
    writer::Tx,
};
use crate::{domain::errand::ErrandRow, store::identity::Backlog};

/// Keeps an errand, unless it is kept already. What it would wait for may have come.
pub(super) fn queue(tx: &Tx<'_>, errand: &ErrandRow) -> Result<(), Fault> {
    let (mut waits_for, mut due_at) = (errand.waits_for, errand.due_at);
    if let Some(sid) = waits_for
        && cut_offs::has_ended(tx, sid)?
    {
        waits_for = None;
        due_at = due_at.min(errand.queued_at);
    }
    tx.run(
        "INSERT INTO errands (id, sealed, queued_at, due_at, attempts, expires_at, waits_for)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING",
        params![
            errand.id,
            errand.sealed,
            errand.queued_at.millis(),
            due_at.millis(),
            errand.attempts,
            errand.expires_at.millis(),
            waits_for,
        ],
    )?;
    Ok(())
}

/// Makes what waits for the end of a session due.
pub(super) fn release(tx: &Tx<'_>, sid: Uuid, at: Time) -> Result<(), Fault> {
    tx.run(
        "UPDATE errands SET due_at = min(due_at, ?2), waits_for = NULL WHERE waits_for = ?1",
        params![sid, at.millis()],
    )?;
    Ok(())
}

/// Makes an errand due that waits, as if the session had ended.
pub(super) fn wake(tx: &Tx<'_>, id: Uuid, at: Time) -> Result<(), Fault> {
    tx.run(
        "UPDATE errands SET due_at = min(due_at, ?2), waits_for = NULL
         WHERE id = ?1 AND waits_for IS NOT NULL",
        params![id, at.millis()],
    )?;
    Ok(())
}

/// Whether any errand is due: a claim is a write, and mostly there is nothing to write.
pub(super) fn any_due(connection: &Connection, now: Time) -> Result<bool, Fault> {
    Ok(connection.any("SELECT 1 FROM errands WHERE due_at <= ?1 LIMIT 1", [now.millis()])?)
}

/// Claims errands that are due.
pub(super) fn claim(
    tx: &Tx<'_>,
    now: Time,
    lease_end: Time,
    limit: u32,
) -> Result<Vec<ErrandRow>, Fault> {
    let mut claimed = tx.all(
        "UPDATE errands SET attempts = attempts + 1, due_at = ?2, waits_for = NULL
         WHERE id IN
             (SELECT id FROM errands WHERE due_at <= ?1 ORDER BY due_at LIMIT ?3)
         RETURNING id, sealed, queued_at, due_at, attempts, expires_at, waits_for",
        params![now.millis(), lease_end.millis(), limit],
        read,
    )?;
    claimed.sort_by_key(|errand| (errand.queued_at, errand.id));
    Ok(claimed)
}

/// Puts other content into a claimed errand.
pub(super) fn rewrite(
    tx: &Tx<'_>,
    id: Uuid,
    attempts: u32,
    sealed: &[u8],
    expires_at: Time,
) -> Result<bool, Fault> {
    let changed = tx.run(
        "UPDATE errands SET sealed = ?3, expires_at = ?4 WHERE id = ?1 AND attempts = ?2",
        params![id, attempts, sealed, expires_at.millis()],
    )?;
    Ok(changed > 0)
}

/// Puts a claimed errand off.
pub(super) fn defer(tx: &Tx<'_>, id: Uuid, attempts: u32, due_at: Time) -> Result<bool, Fault> {
    let changed = tx.run(
        "UPDATE errands SET due_at = ?3 WHERE id = ?1 AND attempts = ?2",
        params![id, attempts, due_at.millis()],
    )?;
    Ok(changed > 0)
}

/// Removes an errand.
pub(super) fn finish(tx: &Tx<'_>, id: Uuid) -> Result<(), Fault> {
    tx.run("DELETE FROM errands WHERE id = ?1", [id])?;
    Ok(())
}

/// How many wait, and since when.
pub(super) fn backlog(connection: &Connection) -> Result<Backlog, Fault> {
    let sql = "SELECT count(*), min(queued_at) FROM errands WHERE waits_for IS NULL";
    let found = connection
        .one(sql, [], |row| Ok(Backlog { waiting: number(row, 0)?, oldest: time_opt(row, 1)? }))?;
    Ok(found.unwrap_or_default())
}

fn read(row: &Row<'_>) -> rusqlite::Result<ErrandRow> {
    Ok(ErrandRow {
        id: row.get(0)?,
        sealed: row.get(1)?,
        queued_at: time(row, 2)?,
        due_at: time(row, 3)?,
        attempts: row.get(4)?,
        expires_at: time(row, 5)?,
        waits_for: row.get(6)?,
    })
}
