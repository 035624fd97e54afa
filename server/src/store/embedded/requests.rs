//! Requests that may be sent again.

use jwks::Time;
use rusqlite::params;

use super::{
    cached::{Cached, hash},
    fault::Fault,
    writer::Tx,
};
use crate::{domain::secret::SecretHash, store::sessions::Repeat};

/// Claims a request, unless it is claimed or carried out.
pub(super) fn begin(
    tx: &Tx<'_>,
    key: &SecretHash,
    claimed_until: Time,
    now: Time,
) -> Result<Repeat, Fault> {
    let claimed = tx.run(
        "INSERT INTO requests (key, expires_at) VALUES (?1, ?2)
         ON CONFLICT (key) DO UPDATE SET mark = NULL, answer = NULL, expires_at = excluded.expires_at
         WHERE requests.expires_at <= ?3",
        params![key.as_bytes(), claimed_until.millis(), now.millis()],
    )?;
    if claimed == 1 {
        return Ok(Repeat::First);
    }
    let sql = "SELECT mark, answer FROM requests WHERE key = ?1 AND answer IS NOT NULL";
    let done = tx.one(sql, params![key.as_bytes()], |row| {
        Ok(Repeat::Done { mark: hash(row, 0)?, answer: row.get(1)? })
    })?;
    Ok(done.unwrap_or(Repeat::UnderWay))
}

/// Keeps the answer of a request.
pub(super) fn finish(
    tx: &Tx<'_>,
    key: &SecretHash,
    mark: &SecretHash,
    answer: &str,
    expires_at: Time,
) -> Result<(), Fault> {
    tx.run(
        "INSERT OR REPLACE INTO requests (key, mark, answer, expires_at) VALUES (?1, ?2, ?3, ?4)",
        params![key.as_bytes(), mark.as_bytes(), answer, expires_at.millis()],
    )?;
    Ok(())
}

/// Gives up a claim.
pub(super) fn forget(tx: &Tx<'_>, key: &SecretHash) -> Result<(), Fault> {
    tx.run("DELETE FROM requests WHERE key = ?1 AND answer IS NULL", params![key.as_bytes()])?;
    Ok(())
}
