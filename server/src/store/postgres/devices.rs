//! Trusted devices.

use jwks::{Time, cutoff::CutOff};
use uuid::Uuid;

use super::{
    Postgres, broken,
    cells::{Cells, stored},
    feed,
    users::lock_person,
};
use crate::{
    domain::{audit::Event, device::TrustedDevice, secret::SecretHash},
    store::StoreResult,
};

/// The columns of a device.
macro_rules! columns {
    () => {
        "id, user_id, hash, name, user_agent, ip, factor_epoch, created_at, last_used_at,
         expires_at"
    };
}

pub(super) async fn trust(store: &Postgres, device: &TrustedDevice, keep: u32) -> StoreResult<()> {
    let mut act = store.transaction().await?;
    lock_person(&mut act, device.user_id).await?;
    act.change(
        "DELETE FROM trusted_devices
         WHERE user_id = $1 AND (expires_at <= $2 OR factor_epoch <> $3)",
        &[&device.user_id, &device.created_at.millis(), &stored(device.factor_epoch)],
    )
    .await?;
    act.change(
        "DELETE FROM trusted_devices WHERE user_id = $1 AND id IN
             (SELECT id FROM trusted_devices WHERE user_id = $1
              ORDER BY last_used_at DESC, id DESC OFFSET $2)",
        &[&device.user_id, &i64::from(keep.saturating_sub(1))],
    )
    .await?;
    let sql = concat!(
        "INSERT INTO trusted_devices (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    );
    act.change(
        sql,
        &[
            &device.id,
            &device.user_id,
            &device.hash.as_bytes().as_slice(),
            &device.name,
            &device.user_agent,
            &device.ip,
            &stored(device.factor_epoch),
            &device.created_at.millis(),
            &device.last_used_at.millis(),
            &device.expires_at.millis(),
        ],
    )
    .await?;
    act.commit().await
}

pub(super) async fn find(
    store: &Postgres,
    user_id: Uuid,
    id: Uuid,
) -> StoreResult<Option<TrustedDevice>> {
    let sql =
        concat!("SELECT ", columns!(), " FROM trusted_devices WHERE user_id = $1 AND id = $2");
    let row = store.act().await?.row(sql, &[&user_id, &id]).await?;
    row.map(|row| read(&Cells(&row))).transpose()
}

pub(super) async fn touch(store: &Postgres, user_id: Uuid, id: Uuid, now: Time) -> StoreResult<()> {
    let sql = "UPDATE trusted_devices SET last_used_at = greatest(last_used_at, $3)
         WHERE user_id = $1 AND id = $2";
    store.act().await?.change(sql, &[&user_id, &id, &now.millis()]).await.map(drop)
}

pub(super) async fn list(store: &Postgres, user_id: Uuid) -> StoreResult<Vec<TrustedDevice>> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM trusted_devices WHERE user_id = $1 ORDER BY last_used_at DESC, id DESC"
    );
    let rows = store.act().await?.rows(sql, &[&user_id]).await?;
    rows.iter().map(|row| read(&Cells(row))).collect()
}

pub(super) async fn remove(
    store: &Postgres,
    user_id: Uuid,
    ids: &[Uuid],
    cut_offs: &[CutOff],
    event: &Event,
) -> StoreResult<u64> {
    let mut act = store.transaction().await?;
    lock_person(&mut act, user_id).await?;
    let sql = "DELETE FROM trusted_devices WHERE user_id = $1 AND id = ANY ($2)";
    let removed = act.change(sql, &[&user_id, &ids]).await?;
    if removed == 0 && cut_offs.is_empty() {
        act.roll_back().await?;
    } else {
        let changes = feed::write_cut_offs(&mut act, cut_offs, event).await?;
        store.commit_with(act, &changes, event).await?;
    }
    Ok(removed)
}

fn read(cells: &Cells<'_>) -> StoreResult<TrustedDevice> {
    Ok(TrustedDevice {
        id: cells.get("id")?,
        user_id: cells.get("user_id")?,
        hash: SecretHash::from_slice(cells.get("hash")?)
            .ok_or_else(|| broken("a device's hash is not a SHA-256"))?,
        name: cells.get("name")?,
        user_agent: cells.get("user_agent")?,
        ip: cells.get("ip")?,
        factor_epoch: cells.count("factor_epoch")?,
        created_at: cells.time("created_at")?,
        last_used_at: cells.time("last_used_at")?,
        expires_at: cells.time("expires_at")?,
    })
}
