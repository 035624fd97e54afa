//! Trusted devices.

use jwks::{Time, cutoff::CutOff};
use rusqlite::{Connection, Row, named_params, params};
use uuid::Uuid;

use super::{
    cached::{Cached, hash, number, stored, time},
    cut_offs,
    fault::Fault,
    writer::Tx,
};
use crate::domain::{audit::Event, device::TrustedDevice};

/// The columns of a device, in the order [`read`] takes them.
macro_rules! columns {
    () => {
        "id, user_id, hash, name, user_agent, ip, factor_epoch, created_at, last_used_at, \
         expires_at"
    };
}

/// Adds a device; what is over or too many of the person's goes.
pub(super) fn trust(tx: &Tx<'_>, device: &TrustedDevice, keep: u32) -> Result<(), Fault> {
    tx.run(
        "DELETE FROM trusted_devices WHERE user_id = ?1 AND (expires_at <= ?2 OR factor_epoch <> ?3)",
        params![device.user_id, device.created_at.millis(), stored(device.factor_epoch)],
    )?;
    tx.run(
        "DELETE FROM trusted_devices WHERE user_id = ?1 AND id IN
             (SELECT id FROM trusted_devices WHERE user_id = ?1
              ORDER BY last_used_at DESC, id DESC LIMIT -1 OFFSET ?2)",
        params![device.user_id, keep.saturating_sub(1)],
    )?;
    tx.run(
        concat!(
            "INSERT INTO trusted_devices (",
            columns!(),
            ") VALUES (:id, :user_id, :hash, :name, :user_agent, :ip, :factor_epoch, :created_at,
                 :last_used_at, :expires_at)"
        ),
        named_params! {
            ":id": device.id,
            ":user_id": device.user_id,
            ":hash": device.hash.as_bytes(),
            ":name": device.name,
            ":user_agent": device.user_agent,
            ":ip": device.ip,
            ":factor_epoch": stored(device.factor_epoch),
            ":created_at": device.created_at.millis(),
            ":last_used_at": device.last_used_at.millis(),
            ":expires_at": device.expires_at.millis(),
        },
    )?;
    Ok(())
}

/// That device of the person.
pub(super) fn find(
    connection: &Connection,
    user_id: Uuid,
    id: Uuid,
) -> Result<Option<TrustedDevice>, Fault> {
    let sql =
        concat!("SELECT ", columns!(), " FROM trusted_devices WHERE user_id = ?1 AND id = ?2");
    Ok(connection.one(sql, [user_id, id], read)?)
}

/// Notes that a device was used.
pub(super) fn touch(tx: &Tx<'_>, user_id: Uuid, id: Uuid, now: Time) -> Result<(), Fault> {
    tx.run(
        "UPDATE trusted_devices SET last_used_at = max(last_used_at, ?3)
         WHERE user_id = ?1 AND id = ?2",
        params![user_id, id, now.millis()],
    )?;
    Ok(())
}

/// Every device of the person, last used first.
pub(super) fn list(connection: &Connection, user_id: Uuid) -> Result<Vec<TrustedDevice>, Fault> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM trusted_devices WHERE user_id = ?1 ORDER BY last_used_at DESC, id DESC"
    );
    Ok(connection.all(sql, [user_id], read)?)
}

/// Removes the person's devices of these ids, and ends what rests on them; how many there were.
pub(super) fn remove(
    tx: &Tx<'_>,
    user_id: Uuid,
    ids: &[Uuid],
    cut_offs: &[CutOff],
    event: &Event,
) -> Result<u64, Fault> {
    let mut removed = 0;
    for id in ids {
        let sql = "DELETE FROM trusted_devices WHERE user_id = ?1 AND id = ?2";
        removed += tx.run(sql, [user_id, *id])? as u64;
    }
    if removed > 0 || !cut_offs.is_empty() {
        cut_offs::put(tx, cut_offs, event)?;
    }
    Ok(removed)
}

fn read(row: &Row<'_>) -> rusqlite::Result<TrustedDevice> {
    Ok(TrustedDevice {
        id: row.get(0)?,
        user_id: row.get(1)?,
        hash: hash(row, 2)?,
        name: row.get(3)?,
        user_agent: row.get(4)?,
        ip: row.get(5)?,
        factor_epoch: number(row, 6)?,
        created_at: time(row, 7)?,
        last_used_at: time(row, 8)?,
        expires_at: time(row, 9)?,
    })
}
