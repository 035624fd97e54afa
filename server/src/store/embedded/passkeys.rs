//! The credentials of passkeys and security keys.

use jwks::Time;
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::{cached::Cached, factors, fault::Fault, writer::Tx};
use crate::{
    domain::passkey::{Passkey, PasskeyUse},
    store::identity::Consumed,
};

const COLUMNS: &str = "p.factor_id, f.user_id, p.credential_id, p.record, p.model,
     p.backup_eligible, p.backed_up, p.discoverable, p.user_verified, p.counter
     FROM passkeys p JOIN factors f ON f.id = p.factor_id";

/// Stores one. `false`: another one is called the same.
pub(super) fn insert(tx: &Tx<'_>, passkey: &Passkey) -> Result<bool, Fault> {
    let inserted = tx.run(
        "INSERT INTO passkeys (factor_id, credential_id, record, model, backup_eligible,
             backed_up, discoverable, user_verified, counter)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (credential_id) DO NOTHING",
        params![
            passkey.factor_id,
            passkey.credential_id,
            passkey.record,
            passkey.model,
            passkey.backup_eligible,
            passkey.backed_up,
            passkey.discoverable,
            passkey.user_verified,
            passkey.counter,
        ],
    )?;
    Ok(inserted > 0)
}

/// Those of a person, the factor set up first first.
pub(super) fn list(connection: &Connection, user_id: Uuid) -> Result<Vec<Passkey>, Fault> {
    let sql = format!("SELECT {COLUMNS} WHERE f.user_id = ?1 ORDER BY f.created_at, f.id");
    Ok(connection.all(&sql, [user_id], read)?)
}

/// The one that is called so.
pub(super) fn find(
    connection: &Connection,
    credential_id: &[u8],
) -> Result<Option<Passkey>, Fault> {
    let sql = format!("SELECT {COLUMNS} WHERE p.credential_id = ?1");
    Ok(connection.one(&sql, [credential_id], read)?)
}

/// Notes a use, if it counts further than the last one, or neither of them counts.
pub(super) fn spend(
    tx: &Tx<'_>,
    factor_id: Uuid,
    used: PasskeyUse,
    now: Time,
) -> Result<Consumed, Fault> {
    let noted = tx.run(
        "UPDATE passkeys SET counter = ?2, backed_up = ?3
         WHERE factor_id = ?1 AND (counter < ?2 OR (counter = 0 AND ?2 = 0))",
        params![factor_id, used.counter, used.backed_up],
    )?;
    if noted == 0 {
        let is_there = tx.any("SELECT 1 FROM passkeys WHERE factor_id = ?1", [factor_id])?;
        return Ok(if is_there { Consumed::Replayed } else { Consumed::Gone });
    }
    factors::proved(tx, factor_id, now)?;
    Ok(Consumed::Consumed)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Passkey> {
    Ok(Passkey {
        factor_id: row.get(0)?,
        user_id: row.get(1)?,
        credential_id: row.get(2)?,
        record: row.get(3)?,
        model: row.get(4)?,
        backup_eligible: row.get(5)?,
        backed_up: row.get(6)?,
        discoverable: row.get(7)?,
        user_verified: row.get(8)?,
        counter: row.get(9)?,
    })
}
