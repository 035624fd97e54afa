//! Refresh families.

use jwks::Time;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::{
    cached::{Cached, hash, json_opt, time, time_opt},
    fault::Fault,
    sessions,
    writer::Tx,
};
use crate::{
    clock::made_at,
    domain::{
        authorization::Granted,
        secret::SecretHash,
        session::{FamilyAdded, FoundRefresh, NewFamily, RefreshedSession, Rotated, Rotation},
    },
};

struct Family {
    client_id: String,
    scope: String,
    live: SecretHash,
    expires_at: Time,
    spent: Option<SecretHash>,
    spent_at: Option<Time>,
    granted: Option<Granted>,
}

/// Stores a family of a session that exists.
pub(super) fn insert(
    tx: &Tx<'_>,
    user_id: Uuid,
    sid: Uuid,
    family: &NewFamily,
) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO refresh_families
             (user_id, sid, id, client_id, scope, live_hash, expires_at, granted)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            user_id,
            sid,
            family.id,
            family.client_id,
            family.scope,
            family.hash.as_bytes(),
            family.expires_at.millis(),
            family.granted.as_ref().map(serde_json::to_string).transpose()?,
        ],
    )?;
    Ok(())
}

/// Adds a family to a session, which its token does not outlive, unless its client has as many living
/// ones as it may. Those whose life is over make room.
pub(super) fn add(
    tx: &Tx<'_>,
    user_id: Uuid,
    sid: Uuid,
    family: &NewFamily,
    keep: u32,
    now: Time,
) -> Result<FamilyAdded, Fault> {
    let Some(session) = sessions::find(tx, user_id, sid, now)? else {
        return Ok(FamilyAdded::NoSession);
    };
    let over = "DELETE FROM refresh_families WHERE user_id = ?1 AND sid = ?2 AND expires_at <= ?3";
    tx.run(over, params![user_id, sid, now.millis()])?;
    let sql = "SELECT id, spent_at FROM refresh_families
         WHERE user_id = ?1 AND sid = ?2 AND client_id = ?3";
    let mut others = tx.all(sql, params![user_id, sid, family.client_id], |row| {
        let id: Uuid = row.get(0)?;
        let begun_at = made_at(id);
        Ok((time_opt(row, 1)?.map_or(begun_at, |at| at.max(begun_at)), id))
    })?;
    let kept = usize::try_from(keep.saturating_sub(1)).unwrap_or(usize::MAX);
    if others.len() > kept {
        others.sort_unstable();
        others.truncate(others.len() - kept);
        return Ok(FamilyAdded::Full(others.into_iter().map(|(_, id)| id).collect()));
    }
    let expires_at = family.expires_at.min(session.expires_at);
    insert(tx, user_id, sid, &NewFamily { expires_at, ..family.clone() })?;
    Ok(FamilyAdded::Added(Box::new(session)))
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
    let (user_id, sid, id) = (rotation.user_id, rotation.sid, rotation.family_id);
    let Some(family) = find(tx, user_id, sid, id)? else { return Ok(Rotated::Unknown) };
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
    let Family { scope, granted, .. } = family;
    let refreshed = RefreshedSession { session, scope, granted, expires_at };
    Ok(if fresh { Rotated::Fresh(refreshed) } else { Rotated::Retried(refreshed) })
}

/// The token of that hash: the live one, or the one spent last.
pub(super) fn find_token(
    connection: &Connection,
    user_id: Uuid,
    sid: Uuid,
    id: Uuid,
    presented: &SecretHash,
    now: Time,
) -> Result<Option<FoundRefresh>, Fault> {
    let Some(family) = find(connection, user_id, sid, id)? else { return Ok(None) };
    let is_live = family.live == *presented;
    if !(is_live || family.spent == Some(*presented)) || family.expires_at <= now {
        return Ok(None);
    }
    let spent_at = family.spent_at.filter(|_| !is_live);
    let Some(session) = sessions::find(connection, user_id, sid, now)? else { return Ok(None) };
    let Family { client_id, scope, granted, expires_at, .. } = family;
    Ok(Some(FoundRefresh { session, client_id, scope, granted, expires_at, spent_at }))
}

/// Removes a family. Says whether it was there.
pub(super) fn remove(tx: &Tx<'_>, user_id: Uuid, sid: Uuid, id: Uuid) -> Result<bool, Fault> {
    let sql = "DELETE FROM refresh_families WHERE user_id = ?1 AND sid = ?2 AND id = ?3";
    Ok(tx.run(sql, [user_id, sid, id])? == 1)
}

fn find(
    connection: &Connection,
    user_id: Uuid,
    sid: Uuid,
    id: Uuid,
) -> Result<Option<Family>, Fault> {
    let sql = "SELECT client_id, scope, live_hash, expires_at, spent_hash, spent_at, granted
         FROM refresh_families WHERE user_id = ?1 AND sid = ?2 AND id = ?3";
    Ok(connection.one(sql, [user_id, sid, id], |row| {
        let spent = row.get_ref(4)?.as_blob_or_null()?;
        Ok(Family {
            client_id: row.get(0)?,
            scope: row.get(1)?,
            live: hash(row, 2)?,
            expires_at: time(row, 3)?,
            spent: spent.and_then(SecretHash::from_slice),
            spent_at: time_opt(row, 5)?,
            granted: json_opt(row, 6)?,
        })
    })?)
}
