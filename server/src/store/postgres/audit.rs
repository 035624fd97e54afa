//! The log.

use super::{
    Postgres,
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
    rows.iter()
        .map(|row| {
            let cells = Cells(row);
            Ok(AuditRow {
                seq: cells.count("seq")?,
                event: cells.json("event")?,
                hash: cells.get("hash")?,
            })
        })
        .collect()
}
