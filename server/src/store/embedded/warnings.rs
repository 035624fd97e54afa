//! What people were told, and what becomes of an account whose owner denies it.

use jwks::{Time, cutoff::CutOff};
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::{
    api_keys,
    cached::{Cached, hash, stored, time, time_opt},
    cut_offs,
    fault::Fault,
    writer::Tx,
};
use crate::{
    domain::{
        audit::Event,
        login::Address,
        warning::{Denial, Warning},
    },
    store::identity::Denied,
};

/// Keeps a warning.
pub(super) fn put(tx: &Tx<'_>, warning: &Warning) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO warnings (id, user_id, hash, email, email_key, lost_factor, created_at,
             expires_at, used_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            warning.id,
            warning.user_id,
            warning.hash.as_bytes(),
            warning.address.display,
            warning.address.key,
            warning.lost_factor,
            warning.created_at.millis(),
            warning.expires_at.millis(),
            warning.used_at.map(Time::millis),
        ],
    )?;
    Ok(())
}

/// The warning of this id, if it is not over.
pub(super) fn find(connection: &Connection, id: Uuid, now: Time) -> Result<Option<Warning>, Fault> {
    let sql = "SELECT id, user_id, hash, email, email_key, lost_factor, created_at, expires_at,
             used_at
         FROM warnings WHERE id = ?1 AND expires_at > ?2";
    Ok(connection.one(sql, params![id, now.millis()], read)?)
}

/// Whether a warning that is not over tells this person of the loss of a factor.
pub(super) fn has_lost_factor(
    connection: &Connection,
    user_id: Uuid,
    now: Time,
) -> Result<bool, Fault> {
    let sql =
        "SELECT 1 FROM warnings WHERE user_id = ?1 AND lost_factor AND expires_at > ?2 LIMIT 1";
    Ok(connection.any(sql, params![user_id, now.millis()])?)
}

/// Does what the denial says, if the account is what it was decided on.
pub(super) fn deny(
    tx: &Tx<'_>,
    denial: &Denial,
    cut_offs: &[CutOff],
    now: Time,
    event: &Event,
) -> Result<Denied, Fault> {
    let Denial {
        warning_id,
        user_id,
        expected_epoch,
        status,
        restored,
        gives_way,
        remove,
        numbers_after,
    } = denial;
    let told_at = tx.one(
        "SELECT created_at FROM warnings WHERE id = ?1 AND user_id = ?2 AND used_at IS NULL",
        params![warning_id, user_id],
        |row| row.get::<_, i64>(0),
    )?;
    let Some(told_at) = told_at else { return Ok(Denied::Spent) };
    let stands = "SELECT 1 FROM users WHERE id = ?1 AND factor_epoch = ?2";
    if !tx.any(stands, params![user_id, stored(*expected_epoch)])? {
        return Ok(Denied::Overtaken);
    }
    if let Some(address) = restored {
        let is_held = "SELECT 1 FROM users WHERE email_key = ?1 AND id <> ?2
             AND NOT (id IS ?3 AND status = 'pending' AND password_hash IS NOT NULL
                 AND roles = '[]')";
        if tx.any(is_held, params![address.key, user_id, gives_way])? {
            return Ok(Denied::Overtaken);
        }
        let gives_way_now = "DELETE FROM users WHERE id = ?1 AND email_key = ?2 AND id <> ?3";
        tx.run(gives_way_now, params![gives_way, address.key, user_id])?;
        tx.run(
            "DELETE FROM warnings WHERE user_id = ?1 AND email_key <> ?2 AND created_at >= ?3",
            params![user_id, address.key, told_at],
        )?;
    }
    tx.run(
        "UPDATE users SET status = ?2, factor_epoch = factor_epoch + 1, updated_at = ?3,
             email = coalesce(?4, email), email_key = coalesce(?5, email_key),
             email_verified_at = CASE WHEN ?5 IS NULL THEN email_verified_at ELSE ?3 END,
             phone = CASE WHEN phone_verified_at > ?6 THEN NULL ELSE phone END,
             phone_verified_at = CASE WHEN phone_verified_at > ?6 THEN NULL
                                      ELSE phone_verified_at END
         WHERE id = ?1",
        params![
            user_id,
            status.as_str(),
            now.millis(),
            restored.as_ref().map(|address| &address.display),
            restored.as_ref().map(|address| &address.key),
            numbers_after.millis(),
        ],
    )?;
    for factor in remove {
        tx.run("DELETE FROM factors WHERE id = ?1 AND user_id = ?2", [factor, user_id])?;
    }
    tx.run("DELETE FROM trusted_devices WHERE user_id = ?1", [user_id])?;
    tx.run("DELETE FROM places WHERE user_id = ?1", [user_id])?;
    tx.run("UPDATE warnings SET used_at = ?2 WHERE id = ?1", params![warning_id, now.millis()])?;
    cut_offs::put(tx, cut_offs, event)?;
    api_keys::tell_if_any(tx, *user_id, event.at)?;
    Ok(Denied::Denied)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Warning> {
    Ok(Warning {
        id: row.get(0)?,
        user_id: row.get(1)?,
        hash: hash(row, 2)?,
        address: Address { display: row.get(3)?, key: row.get(4)? },
        lost_factor: row.get(5)?,
        created_at: time(row, 6)?,
        expires_at: time(row, 7)?,
        used_at: time_opt(row, 8)?,
    })
}
