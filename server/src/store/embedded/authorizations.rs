//! Authorization requests on their way, and the codes they become.

use jwks::Time;
use rusqlite::{Connection, params};

use super::{
    cached::{Cached, json},
    fault::Fault,
    sessions,
    writer::Tx,
};
use crate::domain::{
    authorization::{AuthorizationRequest, Code, Done, Redeemed, RequestKind},
    secret::SecretHash,
};

/// Keeps a request, in the place of an older state of it.
pub(super) fn keep(
    tx: &Tx<'_>,
    kind: RequestKind,
    hash: &SecretHash,
    request: &AuthorizationRequest,
) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO authorization_requests (kind, hash, body, expires_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (kind, hash) DO UPDATE
         SET body = excluded.body, expires_at = excluded.expires_at",
        params![
            kind.as_str(),
            hash.as_bytes(),
            serde_json::to_string(request)?,
            request.expires_at.millis(),
        ],
    )?;
    Ok(())
}

/// The request of that name.
pub(super) fn find(
    connection: &Connection,
    kind: RequestKind,
    hash: &SecretHash,
    now: Time,
) -> Result<Option<AuthorizationRequest>, Fault> {
    let sql = "SELECT body FROM authorization_requests
         WHERE kind = ?1 AND hash = ?2 AND expires_at > ?3";
    let params = params![kind.as_str(), hash.as_bytes(), now.millis()];
    Ok(connection.one(sql, params, |row| json(row, 0))?)
}

/// Notes what was done for the request of a flow.
pub(super) fn note(
    tx: &Tx<'_>,
    hash: &SecretHash,
    done: Done,
    now: Time,
) -> Result<Option<AuthorizationRequest>, Fault> {
    let kind = RequestKind::Flow;
    let Some(mut request) = find(tx, kind, hash, now)? else { return Ok(None) };
    request.note(done);
    keep(tx, kind, hash, &request)?;
    Ok(Some(request))
}

/// Takes it away.
pub(super) fn consume(
    tx: &Tx<'_>,
    kind: RequestKind,
    hash: &SecretHash,
    now: Time,
) -> Result<Option<AuthorizationRequest>, Fault> {
    let sql = "DELETE FROM authorization_requests
         WHERE kind = ?1 AND hash = ?2 AND expires_at > ?3 RETURNING body";
    let params = params![kind.as_str(), hash.as_bytes(), now.millis()];
    Ok(tx.one(sql, params, |row| json(row, 0))?)
}

/// Keeps a code of a session, and notes that its client takes part.
pub(super) fn issue(tx: &Tx<'_>, hash: &SecretHash, code: &Code) -> Result<bool, Fault> {
    if !sessions::take_part(tx, code.user_id, code.sid, &code.client_id, code.issued_at)? {
        return Ok(false);
    }
    tx.run(
        "INSERT INTO codes (hash, body, redeemed, expires_at) VALUES (?1, ?2, 0, ?3)",
        params![hash.as_bytes(), serde_json::to_string(code)?, code.expires_at.millis()],
    )?;
    Ok(true)
}

/// Redeems a code, and remembers that it was.
pub(super) fn redeem(
    tx: &Tx<'_>,
    hash: &SecretHash,
    remembered_until: Time,
    now: Time,
) -> Result<Redeemed, Fault> {
    let sql = "SELECT body, redeemed FROM codes WHERE hash = ?1 AND expires_at > ?2";
    let found = tx.one(sql, params![hash.as_bytes(), now.millis()], |row| {
        Ok((json::<Box<Code>>(row, 0)?, row.get::<_, bool>(1)?))
    })?;
    match found {
        None => Ok(Redeemed::Unknown),
        Some((code, true)) => Ok(Redeemed::Spent(code)),
        Some((code, false)) => {
            tx.run(
                "UPDATE codes SET redeemed = 1, expires_at = ?2 WHERE hash = ?1",
                params![hash.as_bytes(), remembered_until.millis()],
            )?;
            Ok(Redeemed::Redeemed(code))
        }
    }
}
