//! Endings.

use jwks::{
    Time,
    cutoff::{CutOff, CutOffKind},
    feed::Change,
};
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::{
    api_keys, audit,
    cached::{Cached, named, time},
    errands,
    fault::Fault,
    feed,
    writer::Tx,
};
use crate::domain::audit::Event;

/// Writes endings, each with its feed entry, and the event. What waits for the end of a session is
/// due then.
pub(super) fn put(tx: &Tx<'_>, cut_offs: &[CutOff], event: &Event) -> Result<(), Fault> {
    for cut in cut_offs {
        let held = tx.one(
            "INSERT INTO cut_offs (kind, id, at, until) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (kind, id) DO UPDATE
             SET at = max(at, excluded.at), until = max(until, excluded.until)
             RETURNING at, until",
            params![cut.kind.as_str(), cut.id, cut.at.millis(), cut.until.millis()],
            |row| Ok((time(row, 0)?, time(row, 1)?)),
        )?;
        if cut.kind == CutOffKind::Session
            && let Ok(sid) = Uuid::parse_str(&cut.id)
        {
            errands::release(tx, sid, event.at)?;
        }
        let (at, until) = held.unwrap_or((cut.at, cut.until));
        if cut.kind == CutOffKind::User
            && let Ok(user_id) = Uuid::parse_str(&cut.id)
        {
            api_keys::remove_dead(tx, user_id, at)?;
        }
        feed::append(tx, event.at, &Change::CutOff(CutOff { at, until, ..cut.clone() }))?;
    }
    audit::append(tx, event)
}

/// Endings that matter at `now`, or did within [`CutOff::KEPT_BEYOND`].
pub(super) fn list(connection: &Connection, now: Time) -> Result<Vec<CutOff>, Fault> {
    let sql = "SELECT kind, id, at, until FROM cut_offs WHERE until > ?1 ORDER BY kind, id";
    Ok(connection.all(sql, [now.minus(CutOff::KEPT_BEYOND).millis()], read)?)
}

/// Those of these endings that were written, in the order they are named.
pub(super) fn find(
    connection: &Connection,
    named: &[(CutOffKind, String)],
) -> Result<Vec<CutOff>, Fault> {
    let sql = "SELECT kind, id, at, until FROM cut_offs WHERE kind = ?1 AND id = ?2";
    let mut found = Vec::new();
    for (kind, id) in named {
        found.extend(connection.one(sql, params![kind.as_str(), id], read)?);
    }
    Ok(found)
}

/// Whether that session was ended.
pub(super) fn has_ended(connection: &Connection, sid: Uuid) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM cut_offs WHERE kind = 'session' AND id = ?1";
    Ok(connection.any(sql, [sid.to_string()])?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<CutOff> {
    Ok(CutOff {
        kind: named(row, 0, CutOffKind::parse)?,
        id: row.get(1)?,
        at: time(row, 2)?,
        until: time(row, 3)?,
    })
}
