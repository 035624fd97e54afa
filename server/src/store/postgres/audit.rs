//! The log.

use jwks::Time;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    Postgres, broken,
    cells::{Cells, stored},
};
use crate::{
    domain::audit::{AuditRow, Event},
    store::StoreResult,
};

pub(super) async fn append(store: &Postgres, event: &Event) -> StoreResult<()> {
    store.commit_with(store.transaction().await?, &[], event).await
}

pub(super) async fn list(store: &Postgres, after: u64, limit: u32) -> StoreResult<Vec<AuditRow>> {
    let rows = store
        .act()
        .await?
        .rows(
            "SELECT seq, event, hash FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2",
            &[&stored(after), &i64::from(limit)],
        )
        .await?;
    rows.iter().map(read).collect()
}

pub(super) async fn list_about(
    store: &Postgres,
    user_id: Uuid,
    since: Time,
    after: Option<(Time, u64)>,
    limit: u32,
) -> StoreResult<Vec<AuditRow>> {
    let (at, seq) = after.map_or((i64::MAX, i64::MAX), |(at, seq)| (at.millis(), stored(seq)));
    let rows = store
        .act()
        .await?
        .rows(
            "SELECT seq, event, hash FROM audit
             WHERE user_id = $1 AND at >= $2 AND (at, seq) < ($3, $4)
             ORDER BY at DESC, seq DESC LIMIT $5",
            &[&user_id, &since.millis(), &at, &seq, &i64::from(limit)],
        )
        .await?;
    rows.iter().map(read).collect()
}

pub(super) async fn count_about(
    store: &Postgres,
    user_id: Uuid,
    since: Time,
    most: u32,
) -> StoreResult<u64> {
    let sql = "SELECT count(*) AS rows FROM
         (SELECT 1 FROM audit WHERE user_id = $1 AND at >= $2 LIMIT $3) about";
    let params: [&(dyn ToSql + Sync); 3] = [&user_id, &since.millis(), &i64::from(most)];
    let row = store.act().await?.row(sql, &params).await?;
    Cells(&row.ok_or_else(|| broken("a count has no row"))?).count("rows")
}

fn read(row: &Row) -> StoreResult<AuditRow> {
    let cells = Cells(row);
    Ok(AuditRow { seq: cells.count("seq")?, event: cells.json("event")?, hash: cells.get("hash")? })
}
