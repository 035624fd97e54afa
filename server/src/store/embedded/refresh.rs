//! Refresh families.

use jwks::Time;
use rusqlite::params;
use uuid::Uuid;

use super::{
    cached::{Cached, hash, time, time_opt},
    fault::Fault,
    sessions,
    writer::Tx,
};
use crate::domain::{
    secret::SecretHash,
    session::{NewFamily, RefreshedSession, Rotated, Rotation},
};

struct Family {
    client_id: String,
    scope: String,
    live: SecretHash,
    expires_at: Time,
    spent: Option<SecretHash>,
    spent_at: Option<Time>,
}

/// Stores a family of a session that exists.
pub(super) fn insert(
    tx: &Tx<'_>,
    user_id: Uuid,
    sid: Uuid,
    family: &NewFamily,
) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO refresh_families (user_id, sid, id, client_id, scope, live_hash, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            user_id,
            sid,
            family.id,
            family.client_id,
            family.scope,
            family.hash.as_bytes(),
            family.expires_at.millis(),
        ],
    )?;
    Ok(())
}

/// Adds a family to a session, if there is one.
pub(super) fn add(
    tx: &Tx<'_>,
    user_id: Uuid,
    sid: Uuid,
    family: &NewFamily,
    now: Time,
) -> Result<bool, Fault> {
    if sessions::find(tx, user_id, sid, now)?.is_none() {
        return Ok(false);
    }
    insert(tx, user_id, sid, family)?;
    Ok(true)
}

/// Puts a family in the place of every one of its client.
pub(super) fn replace(
    tx: &Tx<'_>,
    user_id: Uuid,
    sid: Uuid,
    family: &NewFamily,
) -> Result<(), Fault> {
    let sql = "DELETE FROM refresh_families WHERE user_id = ?1 AND sid = ?2 AND client_id = ?3";
    tx.run(sql, params![user_id, sid, family.client_id])?;
    insert(tx, user_id, sid, family)
}

/// Rotates a refresh token.
pub(super) fn rotate(tx: &Tx<'_>, rotation: &Rotation, now: Time) -> Result<Rotated, Fault> {
    let Some(mut session) = sessions::find(tx, rotation.user_id, rotation.sid, now)? else {
        return Ok(Rotated::Unknown);
    };
    let Some(family) = find(tx, rotation)? else { return Ok(Rotated::Unknown) };
    if family.expires_at <= now {
        return Ok(Rotated::Unknown);
    }
    if family.client_id != rotation.client_id {
        return Ok(Rotated::WrongClient);
    }
    let fresh = family.live == rotation.presented;
    let retried = !fresh
        && family.spent == Some(rotation.presented)
        && family.spent_at.is_some_and(|at| now < at.plus(rotation.retry_window));
    if !fresh && !retried {
        return Ok(Rotated::Reused);
    }
    // A retry leaves the spent token and its time as they are: the window counts from the first
    // rotation, however often it is used.
    let spent_at = if fresh { Some(now) } else { family.spent_at };
    let expires_at = now.plus(rotation.ttl).min(session.expires_at);
    tx.run(
        "UPDATE refresh_families SET live_hash = ?4, expires_at = ?5, spent_hash = ?6, spent_at = ?7
         WHERE user_id = ?1 AND sid = ?2 AND id = ?3",
        params![
            rotation.user_id,
            rotation.sid,
            rotation.family_id,
            rotation.successor.as_bytes(),
            expires_at.millis(),
            rotation.presented.as_bytes(),
            spent_at.map(Time::millis),
        ],
    )?;
    sessions::touch(tx, rotation.user_id, rotation.sid, now)?;
    session.last_active_at = session.last_active_at.max(now);
    let refreshed = RefreshedSession { session, scope: family.scope, granted: None, expires_at };
    Ok(if fresh { Rotated::Fresh(refreshed) } else { Rotated::Retried(refreshed) })
}

fn find(tx: &Tx<'_>, rotation: &Rotation) -> Result<Option<Family>, Fault> {
    let sql = "SELECT client_id, scope, live_hash, expires_at, spent_hash, spent_at
         FROM refresh_families WHERE user_id = ?1 AND sid = ?2 AND id = ?3";
    Ok(tx.one(sql, [rotation.user_id, rotation.sid, rotation.family_id], |row| {
        let spent = row.get_ref(4)?.as_blob_or_null()?;
        Ok(Family {
            client_id: row.get(0)?,
            scope: row.get(1)?,
            live: hash(row, 2)?,
            expires_at: time(row, 3)?,
            spent: spent.and_then(SecretHash::from_slice),
            spent_at: time_opt(row, 5)?,
        })
    })?)
}
