//! Errands.

use jwks::Time;
use uuid::Uuid;

use super::{Postgres, broken, cells::Cells};
use crate::{
    domain::errand::ErrandRow,
    store::{StoreResult, identity::Backlog},
};

pub(super) async fn queue(store: &Postgres, errand: &ErrandRow) -> StoreResult<()> {
    store
        .act()
        .await?
        .change(
            "INSERT INTO errands (id, sealed, queued_at, due_at, attempts, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                &errand.id,
                &errand.sealed,
                &errand.queued_at.millis(),
                &errand.due_at.millis(),
                &i64::from(errand.attempts),
                &errand.expires_at.millis(),
            ],
        )
        .await
        .map(drop)
}

/// What another replica is claiming at this moment is passed over.
pub(super) async fn claim(
    store: &Postgres,
    now: Time,
    lease_end: Time,
    limit: u32,
) -> StoreResult<Vec<ErrandRow>> {
    let rows = store
        .act()
        .await?
        .rows(
            "WITH due AS MATERIALIZED (
                 SELECT id FROM errands WHERE due_at <= $1
                 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
             )
             UPDATE errands SET attempts = attempts + 1, due_at = $2
             FROM due WHERE errands.id = due.id
             RETURNING errands.id, sealed, queued_at, due_at, attempts, expires_at",
            &[&now.millis(), &lease_end.millis(), &i64::from(limit)],
        )
        .await?;
    let claimed: StoreResult<Vec<ErrandRow>> = rows
        .iter()
        .map(|row| {
            let cells = Cells(row);
            Ok(ErrandRow {
                id: cells.get("id")?,
                sealed: cells.get("sealed")?,
                queued_at: cells.time("queued_at")?,
                due_at: cells.time("due_at")?,
                attempts: cells.count("attempts")?,
                expires_at: cells.time("expires_at")?,
                waits_for: None,
            })
        })
        .collect();
    let mut claimed = claimed?;
    claimed.sort_by_key(|errand| (errand.queued_at, errand.id));
    Ok(claimed)
}

pub(super) async fn rewrite(
    store: &Postgres,
    id: Uuid,
    attempts: u32,
    sealed: &[u8],
    expires_at: Time,
) -> StoreResult<bool> {
    let changed = store
        .act()
        .await?
        .change(
            "UPDATE errands SET sealed = $3, expires_at = $4 WHERE id = $1 AND attempts = $2",
            &[&id, &i64::from(attempts), &sealed, &expires_at.millis()],
        )
        .await?;
    Ok(changed > 0)
}

pub(super) async fn defer(
    store: &Postgres,
    id: Uuid,
    attempts: u32,
    due_at: Time,
) -> StoreResult<bool> {
    let changed = store
        .act()
        .await?
        .change(
            "UPDATE errands SET due_at = $3 WHERE id = $1 AND attempts = $2",
            &[&id, &i64::from(attempts), &due_at.millis()],
        )
        .await?;
    Ok(changed > 0)
}

pub(super) async fn finish(store: &Postgres, id: Uuid) -> StoreResult<()> {
    store.act().await?.change("DELETE FROM errands WHERE id = $1", &[&id]).await.map(drop)
}

pub(super) async fn backlog(store: &Postgres) -> StoreResult<Backlog> {
    let row = store
        .act()
        .await?
        .row("SELECT count(*) AS waiting, min(queued_at) AS oldest FROM errands", &[])
        .await?
        .ok_or_else(|| broken("a count has no row"))?;
    let cells = Cells(&row);
    Ok(Backlog { waiting: cells.count("waiting")?, oldest: cells.time_if_any("oldest")? })
}
