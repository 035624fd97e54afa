//! Personal API keys.

use jwks::{Time, cutoff::CutOff};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Postgres, broken,
    cells::{Cells, millis, stored},
    feed,
};
use crate::{
    domain::{api_key::ApiKey, audit::Event, secret::SecretHash},
    store::{StoreResult, identity::ApiKeyMade},
};

/// The columns of a key.
macro_rules! columns {
    () => {
        "id, user_id, hash, name, scopes, sites, created_at, expires_at, last_used_at"
    };
}

/// The person is held until the commit: nobody counts their keys meanwhile, or changes what the key
/// was judged by.
pub(super) async fn create(
    store: &Postgres,
    key: &ApiKey,
    expected_epoch: u64,
    dead_until: Option<Time>,
    most: u32,
    event: &Event,
) -> StoreResult<ApiKeyMade> {
    let mut act = store.transaction().await?;
    let sql = "SELECT 1 FROM users WHERE id = $1 AND status = 'active' AND factor_epoch = $2
         FOR NO KEY UPDATE";
    if act.row(sql, &[&key.user_id, &stored(expected_epoch)]).await?.is_none() {
        act.roll_back().await?;
        return Ok(ApiKeyMade::Overtaken);
    }
    let (now, dead) = (key.created_at.millis(), millis(dead_until));
    act.change(
        "DELETE FROM api_keys WHERE user_id = $1 AND (expires_at <= $2 OR created_at <= $3)",
        &[&key.user_id, &now, &dead],
    )
    .await?;
    let made = act
        .change(
            concat!(
                "INSERT INTO api_keys (",
                columns!(),
                ") SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
                 WHERE (SELECT count(*) FROM api_keys WHERE user_id = $2) < $10"
            ),
            &[
                &key.id,
                &key.user_id,
                &key.hash.as_bytes().as_slice(),
                &key.name,
                &key.scopes,
                &key.sites,
                &now,
                &key.expires_at.millis(),
                &millis(key.last_used_at),
                &i64::from(most),
            ],
        )
        .await?;
    if made == 0 {
        act.roll_back().await?;
        return Ok(ApiKeyMade::TooMany);
    }
    store.commit_with(act, &[], event).await?;
    Ok(ApiKeyMade::Made)
}

pub(super) async fn find(store: &Postgres, id: Uuid) -> StoreResult<Option<ApiKey>> {
    let sql = concat!("SELECT ", columns!(), " FROM api_keys WHERE id = $1");
    let row = store.act().await?.row(sql, &[&id]).await?;
    row.as_ref().map(read).transpose()
}

pub(super) async fn list(store: &Postgres, user_id: Uuid) -> StoreResult<Vec<ApiKey>> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM api_keys WHERE user_id = $1 ORDER BY created_at DESC, id DESC"
    );
    let rows = store.act().await?.rows(sql, &[&user_id]).await?;
    rows.iter().map(read).collect()
}

pub(super) async fn revoke(
    store: &Postgres,
    user_id: Uuid,
    id: Uuid,
    cut_offs: &[CutOff],
    event: &Event,
) -> StoreResult<bool> {
    let mut act = store.transaction().await?;
    let sql = "DELETE FROM api_keys WHERE id = $1 AND user_id = $2";
    if act.change(sql, &[&id, &user_id]).await? == 0 {
        act.roll_back().await?;
        return Ok(false);
    }
    let changes = feed::write_cut_offs(&mut act, cut_offs, event).await?;
    store.commit_with(act, &changes, event).await?;
    Ok(true)
}

/// In the order of their ids, so that no two batches wait for one another.
pub(super) async fn note_uses(store: &Postgres, uses: &[(Uuid, Time)]) -> StoreResult<()> {
    let (ids, times): (Vec<Uuid>, Vec<i64>) =
        uses.iter().map(|(id, at)| (*id, at.millis())).unzip();
    let sql = "WITH used AS MATERIALIZED (
             SELECT api_keys.id, newest.at FROM api_keys JOIN (
                 SELECT id, max(at) AS at
                 FROM unnest($1::uuid[], $2::bigint[]) AS given (id, at) GROUP BY id
             ) newest USING (id)
             ORDER BY api_keys.id FOR UPDATE OF api_keys
         )
         UPDATE api_keys SET last_used_at = greatest(last_used_at, used.at)
         FROM used WHERE api_keys.id = used.id";
    store.act().await?.change(sql, &[&ids, &times]).await.map(drop)
}

fn read(row: &Row) -> StoreResult<ApiKey> {
    let cells = Cells(row);
    Ok(ApiKey {
        id: cells.get("id")?,
        user_id: cells.get("user_id")?,
        hash: SecretHash::from_slice(cells.get("hash")?)
            .ok_or_else(|| broken("an API key's hash is not a SHA-256"))?,
        name: cells.get("name")?,
        scopes: cells.get("scopes")?,
        sites: cells.get("sites")?,
        created_at: cells.time("created_at")?,
        expires_at: cells.time("expires_at")?,
        last_used_at: cells.time_if_any("last_used_at")?,
    })
}
