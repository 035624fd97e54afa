//! Edges.

use super::{Postgres, broken, cells::Cells};
use crate::{
    domain::{audit::Event, edge::EdgeRow, secret::SecretHash},
    store::StoreResult,
};

pub(super) async fn create(store: &Postgres, edge: &EdgeRow, event: &Event) -> StoreResult<bool> {
    let mut act = store.transaction().await?;
    let made = act
        .change(
            "INSERT INTO edges (id, name, hash, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (name) DO NOTHING",
            &[&edge.id, &edge.name, &edge.hash.as_bytes().as_slice(), &edge.created_at.millis()],
        )
        .await?;
    if made == 0 {
        act.roll_back().await?;
        return Ok(false);
    }
    store.commit_with(act, &[], event).await?;
    Ok(true)
}

pub(super) async fn renew(store: &Postgres, edge: &EdgeRow, event: &Event) -> StoreResult<()> {
    let mut act = store.transaction().await?;
    act.change(
        "INSERT INTO edges (id, name, hash, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (name) DO UPDATE SET hash = excluded.hash",
        &[&edge.id, &edge.name, &edge.hash.as_bytes().as_slice(), &edge.created_at.millis()],
    )
    .await?;
    store.commit_with(act, &[], event).await
}

pub(super) async fn find(store: &Postgres, hash: &SecretHash) -> StoreResult<Option<EdgeRow>> {
    let row = store
        .act()
        .await?
        .row(
            "SELECT id, name, hash, created_at FROM edges WHERE hash = $1",
            &[&hash.as_bytes().as_slice()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let cells = Cells(&row);
    Ok(Some(EdgeRow {
        id: cells.get("id")?,
        name: cells.get("name")?,
        hash: SecretHash::from_slice(cells.get("hash")?)
            .ok_or_else(|| broken("an edge's hash is not a SHA-256"))?,
        created_at: cells.time("created_at")?,
    }))
}
