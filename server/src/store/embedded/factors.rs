//! Second factors and backup codes.

use jwks::{Time, cutoff::CutOff, policy::Method};
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::{
    audit,
    cached::{Cached, named, number_opt, stored, time, time_opt},
    cut_offs,
    fault::Fault,
    passkeys,
    writer::Tx,
};
use crate::{
    domain::{
        audit::Event,
        factor::{BackupCode, Factor},
    },
    store::identity::{Confirmation, Confirmed, Consumed, FactorChange, FactorEdit, Guess},
};

/// Every factor of a person, the preferred one first, then oldest first.
pub(super) fn list(connection: &Connection, user_id: Uuid) -> Result<Vec<Factor>, Fault> {
    let sql = "SELECT id, user_id, method, name, sealed_secret, confirmed_at, created_at,
             last_used_at, last_step, guesses_in_a_row
         FROM factors WHERE user_id = ?1 ORDER BY is_preferred DESC, created_at, id";
    Ok(connection.all(sql, [user_id], read)?)
}

/// Stores factors and codes as they stand.
pub(super) fn insert(tx: &Tx<'_>, factors: &[Factor], codes: &[BackupCode]) -> Result<(), Fault> {
    for factor in factors {
        tx.run(
            "INSERT INTO factors (id, user_id, method, name, sealed_secret, confirmed_at,
                 created_at, last_used_at, last_step, guesses_in_a_row)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                factor.id,
                factor.user_id,
                factor.method.as_str(),
                factor.name,
                factor.sealed_secret,
                factor.confirmed_at.map(Time::millis),
                factor.created_at.millis(),
                factor.last_used_at.map(Time::millis),
                factor.last_step.map(stored),
                factor.guesses_in_a_row,
            ],
        )?;
    }
    for code in codes {
        tx.run(
            "INSERT INTO backup_codes (factor_id, prefix, hash, used_at) VALUES (?1, ?2, ?3, ?4)",
            params![code.factor_id, code.prefix, code.hash, code.used_at.map(Time::millis)],
        )?;
    }
    Ok(())
}

/// Adds factors in the place of what was unconfirmed of their methods, or, with codes, of
/// everything that was; codes go with factors.
pub(super) fn enrol(
    tx: &Tx<'_>,
    user_id: Uuid,
    factors: &[Factor],
    codes: &[BackupCode],
) -> Result<(), Fault> {
    for factor in factors {
        tx.run(
            "DELETE FROM factors WHERE user_id = ?1 AND (method = ?2 OR ?3) AND confirmed_at IS NULL",
            params![user_id, factor.method.as_str(), !codes.is_empty()],
        )?;
    }
    insert(tx, factors, codes)
}

/// Confirms a factor and the backup codes that came with it.
pub(super) fn confirm(
    tx: &Tx<'_>,
    confirmation: &Confirmation,
    now: Time,
    event: &Event,
) -> Result<Confirmed, Fault> {
    let Confirmation {
        user_id,
        id,
        expected_epoch,
        name,
        step,
        replaces,
        proves_phone,
        passkey,
        cut_offs,
    } = confirmation;
    let confirmed_at = tx.one(
        "SELECT confirmed_at FROM factors WHERE id = ?1 AND user_id = ?2",
        [id, user_id],
        |row| time_opt(row, 0),
    )?;
    match confirmed_at {
        None => return Ok(Confirmed::Gone),
        Some(Some(_)) => return Ok(Confirmed::Already),
        Some(None) => {}
    }
    let as_expected = tx.any(
        "SELECT 1 FROM users WHERE id = ?1 AND factor_epoch = ?2",
        params![user_id, stored(*expected_epoch)],
    )?;
    if !as_expected {
        return Ok(Confirmed::Overtaken);
    }
    if let Some(passkey) = passkey
        && !passkeys::insert(tx, passkey)?
    {
        return Ok(Confirmed::Taken);
    }
    tx.run(
        "UPDATE users SET factor_epoch = factor_epoch + 1, updated_at = ?2,
             phone_verified_at = CASE WHEN phone = ?3 THEN coalesce(phone_verified_at, ?2)
                 ELSE phone_verified_at END
         WHERE id = ?1",
        params![user_id, now.millis(), proves_phone],
    )?;
    if *replaces {
        let lost = "DELETE FROM factors WHERE user_id = ?1 AND confirmed_at IS NOT NULL";
        tx.run(lost, [user_id])?;
    }
    tx.run(
        "UPDATE factors SET confirmed_at = ?2, last_used_at = ?2, guesses_in_a_row = 0,
             name = coalesce(?3, name), last_step = coalesce(?4, last_step)
         WHERE id = ?1",
        params![id, now.millis(), name, step.map(stored)],
    )?;
    // Codes come with a person's first factor, and were made with it. What lies here unconfirmed
    // of another time, or beside a factor that counts already, is of another set-up, and may not
    // have been shown to who confirms now.
    tx.run(
        "UPDATE factors SET confirmed_at = ?2
         WHERE user_id = ?1 AND method = ?3 AND confirmed_at IS NULL
             AND created_at = (SELECT created_at FROM factors WHERE id = ?4) AND NOT EXISTS
             (SELECT 1 FROM factors f WHERE f.user_id = ?1 AND f.id <> ?4 AND f.method <> ?3
                 AND f.confirmed_at IS NOT NULL)",
        params![user_id, now.millis(), Method::BackupCode.as_str(), id],
    )?;
    cut_offs::put(tx, cut_offs, event)?;
    Ok(Confirmed::Confirmed)
}

/// Counts a guess, up to `limit` in a row.
pub(super) fn count_guess(tx: &Tx<'_>, id: Uuid, known: bool, limit: u32) -> Result<Guess, Fault> {
    let sql = match known {
        true => {
            "UPDATE factors SET known_guesses_in_a_row = known_guesses_in_a_row + 1
             WHERE id = ?1 AND known_guesses_in_a_row < ?2 RETURNING known_guesses_in_a_row"
        }
        false => {
            "UPDATE factors SET guesses_in_a_row = guesses_in_a_row + 1
             WHERE id = ?1 AND guesses_in_a_row < ?2 RETURNING guesses_in_a_row"
        }
    };
    let counted = tx.one(sql, params![id, limit], |row| row.get(0))?;
    Ok(match counted {
        Some(counted) => Guess::Counted(counted),
        None if exists(tx, id)? => Guess::Locked,
        None => Guess::Gone,
    })
}

/// Takes back one counted guess.
pub(super) fn forgive_guess(tx: &Tx<'_>, id: Uuid, known: bool) -> Result<(), Fault> {
    let sql = match known {
        true => {
            "UPDATE factors SET known_guesses_in_a_row = known_guesses_in_a_row - 1
             WHERE id = ?1 AND known_guesses_in_a_row > 0"
        }
        false => {
            "UPDATE factors SET guesses_in_a_row = guesses_in_a_row - 1
             WHERE id = ?1 AND guesses_in_a_row > 0"
        }
    };
    tx.run(sql, params![id])?;
    Ok(())
}

/// Notes that a factor was proved.
pub(super) fn proved(tx: &Tx<'_>, id: Uuid, now: Time) -> Result<(), Fault> {
    let sql = "UPDATE factors SET last_used_at = ?2, guesses_in_a_row = 0,
             known_guesses_in_a_row = 0 WHERE id = ?1";
    tx.run(sql, params![id, now.millis()])?;
    Ok(())
}

/// Spends a step and every older one.
pub(super) fn consume_step(tx: &Tx<'_>, id: Uuid, step: u64, now: Time) -> Result<Consumed, Fault> {
    let spent = tx.run(
        "UPDATE factors SET last_step = ?2, last_used_at = ?3, guesses_in_a_row = 0,
             known_guesses_in_a_row = 0
         WHERE id = ?1 AND (last_step IS NULL OR last_step < ?2)",
        params![id, stored(step), now.millis()],
    )?;
    Ok(match spent {
        0 if exists(tx, id)? => Consumed::Replayed,
        0 => Consumed::Gone,
        _ => Consumed::Consumed,
    })
}

/// The code of `prefix`, used or not.
pub(super) fn find_code(
    connection: &Connection,
    factor_id: Uuid,
    prefix: &str,
) -> Result<Option<BackupCode>, Fault> {
    let sql = "SELECT factor_id, prefix, hash, used_at FROM backup_codes
         WHERE factor_id = ?1 AND prefix = ?2";
    Ok(connection.one(sql, params![factor_id, prefix], |row| {
        Ok(BackupCode {
            factor_id: row.get(0)?,
            prefix: row.get(1)?,
            hash: row.get(2)?,
            used_at: time_opt(row, 3)?,
        })
    })?)
}

/// Spends a code.
pub(super) fn consume_code(
    tx: &Tx<'_>,
    factor_id: Uuid,
    prefix: &str,
    now: Time,
) -> Result<Consumed, Fault> {
    let spent = tx.run(
        "UPDATE backup_codes SET used_at = ?3
         WHERE factor_id = ?1 AND prefix = ?2 AND used_at IS NULL",
        params![factor_id, prefix, now.millis()],
    )?;
    if spent == 0 {
        let held = find_code(tx, factor_id, prefix)?.is_some();
        return Ok(if held { Consumed::Replayed } else { Consumed::Gone });
    }
    tx.run(
        "UPDATE factors SET last_used_at = ?2, guesses_in_a_row = 0, known_guesses_in_a_row = 0
         WHERE id = ?1",
        params![factor_id, now.millis()],
    )?;
    Ok(Consumed::Consumed)
}

/// Changes a person's factors, if they still are what the change was made for.
pub(super) fn change(
    tx: &Tx<'_>,
    change: &FactorChange,
    cut_offs: &[CutOff],
    now: Time,
    event: &Event,
) -> Result<bool, Fault> {
    for id in &change.remove {
        let sql = "SELECT 1 FROM factors WHERE id = ?1 AND user_id = ?2";
        if !tx.any(sql, [*id, change.user_id])? {
            return Ok(false);
        }
    }
    let changed = tx.run(
        "UPDATE users SET factor_epoch = factor_epoch + 1, updated_at = ?3
         WHERE id = ?1 AND factor_epoch = ?2",
        params![change.user_id, stored(change.expected_epoch), now.millis()],
    )?;
    if changed == 0 {
        return Ok(false);
    }
    for id in &change.remove {
        tx.run("DELETE FROM factors WHERE id = ?1", [id])?;
    }
    insert(tx, &change.add, &change.codes)?;
    cut_offs::put(tx, cut_offs, event)?;
    Ok(true)
}

/// Renames a confirmed factor, or puts it first.
pub(super) fn edit(tx: &Tx<'_>, edit: &FactorEdit, event: &Event) -> Result<bool, Fault> {
    let renamed = tx.run(
        "UPDATE factors SET name = coalesce(?3, name)
         WHERE id = ?1 AND user_id = ?2 AND confirmed_at IS NOT NULL",
        params![edit.id, edit.user_id, edit.name],
    )?;
    if renamed == 0 {
        return Ok(false);
    }
    if edit.prefer {
        let sql = "UPDATE factors SET is_preferred = (id = ?1) WHERE user_id = ?2";
        tx.run(sql, params![edit.id, edit.user_id])?;
    }
    audit::append(tx, event)?;
    Ok(true)
}

/// How many codes of a factor are unused.
pub(super) fn count_codes(connection: &Connection, factor_id: Uuid) -> Result<u32, Fault> {
    let sql = "SELECT count(*) FROM backup_codes WHERE factor_id = ?1 AND used_at IS NULL";
    Ok(connection.one(sql, [factor_id], |row| row.get(0))?.unwrap_or(0))
}

fn exists(tx: &Tx<'_>, id: Uuid) -> Result<bool, Fault> {
    Ok(tx.any("SELECT 1 FROM factors WHERE id = ?1", [id])?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Factor> {
    Ok(Factor {
        id: row.get(0)?,
        user_id: row.get(1)?,
        method: named(row, 2, |name| Method::ALL.into_iter().find(|one| one.as_str() == name))?,
        name: row.get(3)?,
        sealed_secret: row.get(4)?,
        confirmed_at: time_opt(row, 5)?,
        created_at: time(row, 6)?,
        last_used_at: time_opt(row, 7)?,
        last_step: number_opt(row, 8)?,
        guesses_in_a_row: row.get(9)?,
    })
}
