//! Half sign-ins.

use jwks::Time;
use rusqlite::{Connection, params};

use super::{
    cached::{Cached, json},
    fault::Fault,
    writer::Tx,
};
use crate::domain::{login::PendingLogin, secret::SecretHash};

/// Keeps one.
pub(super) fn begin(tx: &Tx<'_>, hash: &SecretHash, login: &PendingLogin) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO pending_logins (hash, body, expires_at) VALUES (?1, ?2, ?3)",
        params![hash.as_bytes(), serde_json::to_string(login)?, login.expires_at.millis()],
    )?;
    Ok(())
}

/// The one of that token.
pub(super) fn find(
    connection: &Connection,
    hash: &SecretHash,
    now: Time,
) -> Result<Option<PendingLogin>, Fault> {
    let sql = "SELECT body FROM pending_logins WHERE hash = ?1 AND expires_at > ?2";
    Ok(connection.one(sql, params![hash.as_bytes(), now.millis()], |row| json(row, 0))?)
}

/// Takes the one of that token away.
pub(super) fn consume(
    tx: &Tx<'_>,
    hash: &SecretHash,
    now: Time,
) -> Result<Option<PendingLogin>, Fault> {
    let sql = "DELETE FROM pending_logins WHERE hash = ?1 AND expires_at > ?2 RETURNING body";
    Ok(tx.one(sql, params![hash.as_bytes(), now.millis()], |row| json(row, 0))?)
}
