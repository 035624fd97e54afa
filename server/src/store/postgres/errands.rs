//! Errands.

use jwks::{Time, cutoff::CutOffKind};
use uuid::Uuid;

use super::{Postgres, act::Act, broken, cells::Cells};
use crate::{
    domain::errand::ErrandRow,
    store::{StoreResult, identity::Backlog},
};

/// One that waits is queued while nobody ends its session: either it finds the ending, or the
/// ending finds it.
pub(super) async fn queue(store: &Postgres, errand: &ErrandRow) -> StoreResult<()> {
    let Some(sid) = errand.waits_for else {
        return insert(&mut store.act().await?, errand).await;
    };
    let mut act = store.transaction().await?;
    hold(&mut act, &[sid]).await?;
    let ended = act
        .row(
            "SELECT 1 FROM cut_offs WHERE kind = $1 AND id = $2",
            &[&CutOffKind::Session.as_str(), &sid.to_string()],
        )
        .await?;
    match ended {
        None => insert(&mut act, errand).await?,
        Some(_) => {
            let due_at = errand.due_at.min(errand.queued_at);
            insert(&mut act, &ErrandRow { waits_for: None, due_at, ..errand.clone() }).await?;
        }
    }
    act.commit().await
}

async fn insert(act: &mut Act, errand: &ErrandRow) -> StoreResult<()> {
    act.change(
        "INSERT INTO errands (id, sealed, queued_at, due_at, attempts, expires_at, waits_for)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING",
        &[
            &errand.id,
            &errand.sealed,
            &errand.queued_at.millis(),
            &errand.due_at.millis(),
            &i64::from(errand.attempts),
            &errand.expires_at.millis(),
            &errand.waits_for,
        ],
    )
    .await
    .map(drop)
}

/// Keeps others from ending these sessions (which are in order) and from queueing what waits for
/// their ends, until the transaction is over.
pub(super) async fn hold(act: &mut Act, sids: &[Uuid]) -> StoreResult<()> {
    if !sids.is_empty() {
        let sql = "SELECT pg_advisory_xact_lock(hashtextextended(sid::text, 0))
             FROM unnest($1::uuid[]) sid";
        act.rows(sql, &[&sids]).await?;
    }
    Ok(())
}

/// Makes what waits for the ends of these sessions due.
pub(super) async fn release(act: &mut Act, sids: &[Uuid], at: Time) -> StoreResult<()> {
    if !sids.is_empty() {
        let sql = "UPDATE errands SET due_at = least(due_at, $2), waits_for = NULL
             WHERE waits_for = ANY ($1)";
        act.change(sql, &[&sids, &at.millis()]).await?;
    }
    Ok(())
}

/// Makes these errands due if they wait, as if their sessions had ended. In order, so that no two
/// acts wait for one another.
pub(super) async fn wake(act: &mut Act, ids: &[Uuid], at: Time) -> StoreResult<()> {
    if !ids.is_empty() {
        let sql = "WITH waiting AS MATERIALIZED (
                 SELECT id FROM errands WHERE id = ANY ($1) AND waits_for IS NOT NULL
                 ORDER BY id FOR UPDATE
             )
             UPDATE errands SET due_at = least(due_at, $2), waits_for = NULL
             FROM waiting WHERE errands.id = waiting.id";
        act.change(sql, &[&ids, &at.millis()]).await?;
    }
    Ok(())
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
             UPDATE errands SET attempts = attempts + 1, due_at = $2, waits_for = NULL
             FROM due WHERE errands.id = due.id
             RETURNING errands.id, sealed, queued_at, due_at, attempts, expires_at,
                 waits_for",
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
                waits_for: cells.get("waits_for")?,
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
        .row(
            "SELECT count(*) AS waiting, min(queued_at) AS oldest FROM errands
             WHERE waits_for IS NULL",
            &[],
        )
        .await?
        .ok_or_else(|| broken("a count has no row"))?;
    let cells = Cells(&row);
    Ok(Backlog { waiting: cells.count("waiting")?, oldest: cells.time_if_any("oldest")? })
}
