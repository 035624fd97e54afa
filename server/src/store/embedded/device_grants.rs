//! Devices that ask to be let in.

use std::time::Duration;

use jwks::Time;
use rusqlite::{Connection, params};

use super::{
    cached::{Cached, json, json_opt, time_opt},
    fault::Fault,
    sessions,
    writer::Tx,
};
use crate::domain::{
    device_grant::{DeviceDecision, DeviceGrant, Polled},
    secret::SecretHash,
};

/// Keeps the request of a device, if its user code is free.
pub(super) fn begin(tx: &Tx<'_>, device: &DeviceGrant) -> Result<bool, Fault> {
    let taken = "SELECT 1 FROM device_grants WHERE user_code = ?1 AND expires_at > ?2 LIMIT 1";
    if tx.any(taken, params![device.user_code, device.created_at.millis()])? {
        return Ok(false);
    }
    tx.run(
        "INSERT INTO device_grants (hash, user_code, body, hurried, expires_at, told_until)
         VALUES (?1, ?2, ?3, 0, ?4, ?5)",
        params![
            device.hash.as_bytes(),
            device.user_code,
            serde_json::to_string(device)?,
            device.expires_at.millis(),
            device.told_until().millis(),
        ],
    )?;
    Ok(true)
}

/// The request of that user code about which nothing was decided.
pub(super) fn find(
    connection: &Connection,
    user_code: &str,
    now: Time,
) -> Result<Option<DeviceGrant>, Fault> {
    let sql = "SELECT body FROM device_grants
         WHERE user_code = ?1 AND decision IS NULL AND expires_at > ?2";
    Ok(connection.one(sql, params![user_code, now.millis()], |row| json(row, 0))?)
}

/// Notes what the person said, once.
pub(super) fn decide(
    tx: &Tx<'_>,
    user_code: &str,
    decision: &DeviceDecision,
    now: Time,
) -> Result<bool, Fault> {
    let Some(device) = find(tx, user_code, now)? else { return Ok(false) };
    if let DeviceDecision::Allowed { user_id, sid, .. } = decision
        && !sessions::take_part(tx, *user_id, *sid, &device.client_id, now)?
    {
        return Ok(false);
    }
    tx.run(
        "UPDATE device_grants SET decision = ?2 WHERE hash = ?1",
        params![device.hash.as_bytes(), serde_json::to_string(decision)?],
    )?;
    Ok(true)
}

/// Polls for the decision. A yes is taken away by whoever hears it.
pub(super) fn poll(
    tx: &Tx<'_>,
    hash: &SecretHash,
    client_id: &str,
    interval: Duration,
    now: Time,
) -> Result<Polled, Fault> {
    let sql = "SELECT body, decision, polled_at, hurried FROM device_grants
         WHERE hash = ?1 AND told_until > ?2";
    let found = tx.one(sql, params![hash.as_bytes(), now.millis()], |row| {
        let (device, decision) = (json::<Box<DeviceGrant>>(row, 0)?, json_opt(row, 1)?);
        Ok((device, decision, time_opt(row, 2)?, row.get::<_, u32>(3)?))
    })?;
    let Some((device, decision, polled_at, hurried)) = found else { return Ok(Polled::Unknown) };
    if device.client_id != client_id {
        return Ok(Polled::Unknown);
    }
    if device.expires_at <= now {
        return Ok(Polled::Expired);
    }
    match decision {
        Some(DeviceDecision::Denied) => Ok(Polled::Denied),
        Some(allowed) => {
            tx.run("DELETE FROM device_grants WHERE hash = ?1", [hash.as_bytes()])?;
            Ok(Polled::Allowed(device, allowed))
        }
        None => {
            let wait = interval.saturating_mul(hurried.saturating_add(1));
            let hurries = polled_at.is_some_and(|before| now < before.plus(wait));
            tx.run(
                "UPDATE device_grants SET polled_at = max(coalesce(polled_at, ?2), ?2),
                     hurried = hurried + ?3 WHERE hash = ?1",
                params![hash.as_bytes(), now.millis(), hurries],
            )?;
            Ok(if hurries { Polled::TooFast } else { Polled::Pending })
        }
    }
}
