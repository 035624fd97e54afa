//! What people were told, and what becomes of an account whose owner denies it.

use jwks::{Time, cutoff::CutOff};
use uuid::Uuid;

use super::{
    Postgres, api_keys, broken,
    cells::{Cells, millis, stored},
    feed,
    users::lock_person,
};
use crate::{
    domain::{
        audit::Event,
        login::Address,
        secret::SecretHash,
        user::UserStatus,
        warning::{Denial, Warning},
    },
    store::{StoreResult, identity::Denied},
};

pub(super) async fn put(store: &Postgres, warning: &Warning) -> StoreResult<()> {
    store
        .act()
        .await?
        .change(
            "INSERT INTO warnings (id, user_id, hash, email, email_key, lost_factor, created_at,
                 expires_at, used_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            &[
                &warning.id,
                &warning.user_id,
                &warning.hash.as_bytes().as_slice(),
                &warning.address.display,
                &warning.address.key,
                &warning.lost_factor,
                &warning.created_at.millis(),
                &warning.expires_at.millis(),
                &millis(warning.used_at),
            ],
        )
        .await
        .map(drop)
}

pub(super) async fn find(store: &Postgres, id: Uuid, now: Time) -> StoreResult<Option<Warning>> {
    let row = store
        .act()
        .await?
        .row(
            "SELECT id, user_id, hash, email, email_key, lost_factor, created_at, expires_at, used_at
             FROM warnings WHERE id = $1 AND expires_at > $2",
            &[&id, &now.millis()],
        )
        .await?;
    row.map(|row| read(&Cells(&row))).transpose()
}

pub(super) async fn has_lost_factor(
    store: &Postgres,
    user_id: Uuid,
    now: Time,
) -> StoreResult<bool> {
    let row = store
        .act()
        .await?
        .row(
            "SELECT 1 FROM warnings WHERE user_id = $1 AND lost_factor AND expires_at > $2 LIMIT 1",
            &[&user_id, &now.millis()],
        )
        .await?;
    Ok(row.is_some())
}

pub(super) async fn deny(
    store: &Postgres,
    denial: &Denial,
    cut_offs: &[CutOff],
    now: Time,
    event: &Event,
) -> StoreResult<Denied> {
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
    let mut act = store.transaction().await?;
    // Acts on what belongs to a person come one after the other.
    lock_person(&mut act, *user_id).await?;
    let told_at = act
        .row(
            "UPDATE warnings SET used_at = $3
             WHERE id = $1 AND user_id = $2 AND used_at IS NULL RETURNING created_at",
            &[warning_id, user_id, &now.millis()],
        )
        .await?;
    let told_at: Option<i64> = told_at.map(|row| Cells(&row).get("created_at")).transpose()?;
    let Some(told_at) = told_at else {
        act.roll_back().await?;
        return Ok(Denied::Spent);
    };
    if let Some(address) = restored {
        act.change(
            "DELETE FROM users
             WHERE id = $1 AND email_key = $2 AND status = $3 AND id <> $4
                 AND password_hash IS NOT NULL AND roles = '{}'",
            &[gives_way, &address.key, &UserStatus::Pending.as_str(), user_id],
        )
        .await?;
    }
    let changed = act
        .change_unless_taken(
            "UPDATE users SET status = $2, factor_epoch = factor_epoch + 1, updated_at = $3,
                 email = coalesce($4, email), email_key = coalesce($5, email_key),
                 email_verified_at = CASE WHEN $5::text IS NULL THEN email_verified_at
                                          ELSE $3::bigint END,
                 phone = CASE WHEN phone_verified_at > $7 THEN NULL ELSE phone END,
                 phone_verified_at = CASE WHEN phone_verified_at > $7 THEN NULL
                                          ELSE phone_verified_at END
             WHERE id = $1 AND factor_epoch = $6",
            &[
                user_id,
                &status.as_str(),
                &now.millis(),
                &restored.as_ref().map(|address| &address.display),
                &restored.as_ref().map(|address| &address.key),
                &stored(*expected_epoch),
                &numbers_after.millis(),
            ],
        )
        .await?;
    if changed != Some(1) {
        act.roll_back().await?;
        return Ok(Denied::Overtaken);
    }
    if let Some(address) = restored {
        act.change(
            "DELETE FROM warnings
             WHERE user_id = $1 AND email_key <> $2 AND created_at >= $3",
            &[user_id, &address.key, &told_at],
        )
        .await?;
    }
    // Codes before their factor, as whoever spends a code locks them.
    act.change(
        "DELETE FROM backup_codes WHERE factor_id IN
             (SELECT id FROM factors WHERE user_id = $1 AND id = ANY ($2))",
        &[user_id, remove],
    )
    .await?;
    act.change("DELETE FROM factors WHERE user_id = $1 AND id = ANY ($2)", &[user_id, remove])
        .await?;
    act.change("DELETE FROM trusted_devices WHERE user_id = $1", &[user_id]).await?;
    act.change("DELETE FROM places WHERE user_id = $1", &[user_id]).await?;
    let mut changes = feed::write_cut_offs(&mut act, cut_offs, event).await?;
    changes.extend(api_keys::told_if_any(&mut act, *user_id, event.at).await?);
    store.commit_with(act, &changes, event).await?;
    Ok(Denied::Denied)
}

fn read(cells: &Cells<'_>) -> StoreResult<Warning> {
    Ok(Warning {
        id: cells.get("id")?,
        user_id: cells.get("user_id")?,
        hash: SecretHash::from_slice(cells.get("hash")?)
            .ok_or_else(|| broken("a warning's hash is not a SHA-256"))?,
        address: Address { display: cells.get("email")?, key: cells.get("email_key")? },
        lost_factor: cells.get("lost_factor")?,
        created_at: cells.time("created_at")?,
        expires_at: cells.time("expires_at")?,
        used_at: cells.time_if_any("used_at")?,
    })
}
