//! Edges.

use jwks::{Time, record::Refused};
use uuid::Uuid;

use super::{Postgres, broken, cells::Cells};
use crate::{
    domain::{
        audit::Event,
        edge::{EdgeKey, EdgeRefusal, EdgeRow},
        secret::SecretHash,
    },
    store::{
        StoreResult,
        identity::{EDGE_KEYS_KEPT, REFUSALS_KEPT},
    },
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
    act.change(
        "DELETE FROM edge_keys WHERE edge_id = (SELECT id FROM edges WHERE name = $1)",
        &[&edge.name],
    )
    .await?;
    store.commit_with(act, &[], event).await
}

pub(super) async fn remove(store: &Postgres, name: &str, event: &Event) -> StoreResult<bool> {
    let mut act = store.transaction().await?;
    if act.change("DELETE FROM edges WHERE name = $1", &[&name]).await? == 0 {
        act.roll_back().await?;
        return Ok(false);
    }
    store.commit_with(act, &[], event).await?;
    Ok(true)
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

pub(super) async fn put_key(store: &Postgres, key: &EdgeKey) -> StoreResult<bool> {
    let jwk = serde_json::to_string(&key.jwk).map_err(broken)?;
    let mut act = store.transaction().await?;
    let kept = act
        .change(
            "INSERT INTO edge_keys (edge_id, kid, jwk, told_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (kid) DO UPDATE
                 SET told_at = greatest(edge_keys.told_at, excluded.told_at)
                 WHERE edge_keys.edge_id = excluded.edge_id",
            &[&key.edge_id, &key.kid, &jwk, &key.told_at.millis()],
        )
        .await?;
    if kept == 0 {
        act.roll_back().await?;
        return Ok(false);
    }
    act.change(
        "DELETE FROM edge_keys WHERE edge_id = $1 AND kid IN
             (SELECT kid FROM edge_keys WHERE edge_id = $1 ORDER BY told_at DESC, kid OFFSET $2)",
        &[&key.edge_id, &i64::from(EDGE_KEYS_KEPT)],
    )
    .await?;
    act.commit().await?;
    Ok(true)
}

pub(super) async fn list_keys(store: &Postgres, since: Time) -> StoreResult<Vec<EdgeKey>> {
    let rows = store
        .act()
        .await?
        .rows(
            "SELECT edge_id, kid, jwk, told_at FROM edge_keys WHERE told_at > $1
             ORDER BY edge_id, kid",
            &[&since.millis()],
        )
        .await?;
    let read = |cells: &Cells<'_>| {
        Ok(EdgeKey {
            edge_id: cells.get("edge_id")?,
            kid: cells.get("kid")?,
            jwk: cells.json("jwk")?,
            told_at: cells.time("told_at")?,
        })
    };
    rows.iter().map(|row| read(&Cells(row))).collect()
}

pub(super) async fn keep_refusals(
    store: &Postgres,
    edge_id: Uuid,
    refused: &[Refused],
    since: Time,
) -> StoreResult<()> {
    let mut act = store.transaction().await?;
    for one in refused {
        let body = serde_json::to_string(one).map_err(broken)?;
        act.change(
            "INSERT INTO refusals (id, edge_id, at, anonymous, body) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO NOTHING",
            &[&one.id, &edge_id, &one.at.millis(), &one.is_anonymous(), &body],
        )
        .await?;
    }
    act.change(
        "DELETE FROM refusals WHERE edge_id = $1 AND at <= $2",
        &[&edge_id, &since.millis()],
    )
    .await?;
    act.change(
        "DELETE FROM refusals WHERE id IN
             (SELECT id FROM refusals WHERE edge_id = $1 ORDER BY anonymous, at DESC OFFSET $2)",
        &[&edge_id, &i64::from(REFUSALS_KEPT)],
    )
    .await?;
    act.commit().await
}

pub(super) async fn find_refusal(
    store: &Postgres,
    id: &str,
    since: Time,
) -> StoreResult<Option<EdgeRefusal>> {
    let row = store
        .act()
        .await?
        .row(
            "SELECT edges.name, refusals.body FROM refusals
             JOIN edges ON edges.id = refusals.edge_id
             WHERE refusals.id = $1 AND refusals.at > $2",
            &[&id, &since.millis()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let cells = Cells(&row);
    Ok(Some(EdgeRefusal { edge: cells.get("name")?, refused: cells.json("body")? }))
}
