//! The credentials of passkeys and security keys.

use jwks::Time;
use uuid::Uuid;

use super::{Postgres, act::Act, cells::Cells, factors};
use crate::{
    domain::passkey::{Passkey, PasskeyUse},
    store::{StoreResult, identity::Consumed},
};

const COLUMNS: &str = "p.factor_id, f.user_id, p.credential_id, p.record, p.model,
     p.backup_eligible, p.backed_up, p.discoverable, p.user_verified, p.counter
     FROM passkeys p JOIN factors f ON f.id = p.factor_id";

/// Stores one. `false`: another one is called the same.
pub(super) async fn insert(act: &mut Act, passkey: &Passkey) -> StoreResult<bool> {
    let inserted = act
        .change(
            "INSERT INTO passkeys (factor_id, credential_id, record, model, backup_eligible,
                 backed_up, discoverable, user_verified, counter)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (credential_id) DO NOTHING",
            &[
                &passkey.factor_id,
                &passkey.credential_id,
                &passkey.record,
                &passkey.model,
                &passkey.backup_eligible,
                &passkey.backed_up,
                &passkey.discoverable,
                &passkey.user_verified,
                &i64::from(passkey.counter),
            ],
        )
        .await?;
    Ok(inserted > 0)
}

pub(super) async fn list(store: &Postgres, user_id: Uuid) -> StoreResult<Vec<Passkey>> {
    let sql = format!("SELECT {COLUMNS} WHERE f.user_id = $1 ORDER BY f.created_at, f.id");
    let rows = store.act().await?.rows(&sql, &[&user_id]).await?;
    rows.iter().map(|row| read(&Cells(row))).collect()
}

pub(super) async fn find(store: &Postgres, credential_id: &[u8]) -> StoreResult<Option<Passkey>> {
    let sql = format!("SELECT {COLUMNS} WHERE p.credential_id = $1");
    let row = store.act().await?.row(&sql, &[&credential_id]).await?;
    row.map(|row| read(&Cells(&row))).transpose()
}

/// Notes a use, if it counts further than the last one, or neither of them counts.
pub(super) async fn spend(
    store: &Postgres,
    factor_id: Uuid,
    used: PasskeyUse,
    now: Time,
) -> StoreResult<Consumed> {
    let mut act = store.transaction().await?;
    // Factor before passkey, as every act that removes a factor takes them.
    if !factors::proved(&mut act, factor_id, now).await? {
        act.roll_back().await?;
        return Ok(Consumed::Gone);
    }
    let noted = act
        .change(
            "UPDATE passkeys SET counter = $2, backed_up = $3
             WHERE factor_id = $1 AND (counter < $2 OR (counter = 0 AND $2 = 0))",
            &[&factor_id, &i64::from(used.counter), &used.backed_up],
        )
        .await?;
    if noted > 0 {
        act.commit().await?;
        return Ok(Consumed::Consumed);
    }
    let there = act.row("SELECT 1 FROM passkeys WHERE factor_id = $1", &[&factor_id]).await?;
    act.roll_back().await?;
    Ok(if there.is_some() { Consumed::Replayed } else { Consumed::Gone })
}

fn read(row: &Cells<'_>) -> StoreResult<Passkey> {
    Ok(Passkey {
        factor_id: row.get("factor_id")?,
        user_id: row.get("user_id")?,
        credential_id: row.get("credential_id")?,
        record: row.get("record")?,
        model: row.get("model")?,
        backup_eligible: row.get("backup_eligible")?,
        backed_up: row.get("backed_up")?,
        discoverable: row.get("discoverable")?,
        user_verified: row.get("user_verified")?,
        counter: row.count("counter")?,
    })
}
