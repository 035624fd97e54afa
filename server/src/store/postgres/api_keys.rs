//! Personal API keys.

use jwks::{Time, api_key::KeyHolder, cutoff::CutOff, feed::Change};
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    Postgres,
    act::Act,
    broken,
    cells::{Cells, millis, stored},
    feed,
    users::lock_person,
};
use crate::{
    domain::{
        api_key::{ApiKey, by_person, without_keys},
        audit::Event,
        secret::SecretHash,
        user::UserStatus,
    },
    store::{StoreResult, identity::ApiKeyMade},
};

/// The columns of a key.
macro_rules! columns {
    () => {
        "id, user_id, hash, name, scopes, sites, networks, created_at, expires_at, last_used_at"
    };
}

/// Keys with their owners.
macro_rules! holders {
    () => {
        "SELECT k.id, k.user_id, k.hash, k.name, k.scopes, k.sites, k.networks, k.created_at,
             k.expires_at, k.last_used_at, u.email, u.name AS person, u.roles, u.tenant_id, u.status
         FROM api_keys k JOIN users u ON u.id = k.user_id"
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
    let networks: Vec<String> = key.networks.iter().map(ToString::to_string).collect();
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
                ") SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
                 WHERE (SELECT count(*) FROM api_keys WHERE user_id = $2) < $11"
            ),
            &[
                &key.id,
                &key.user_id,
                &key.hash.as_bytes().as_slice(),
                &key.name,
                &key.scopes,
                &key.sites,
                &networks,
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
    let told = told(&mut act, key.user_id, event.at).await?;
    store.commit_with(act, &[told], event).await?;
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

/// Keys of a person or of everybody, by id, newest first.
pub(super) async fn page(
    store: &Postgres,
    owner: Option<Uuid>,
    after: Option<Uuid>,
    skip: u64,
    limit: u32,
) -> StoreResult<Vec<ApiKey>> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM api_keys WHERE ($1::uuid IS NULL OR user_id = $1) AND id < $2
         ORDER BY id DESC LIMIT $3 OFFSET $4"
    );
    let after = after.unwrap_or(Uuid::max());
    let params: [&(dyn ToSql + Sync); 4] = [&owner, &after, &i64::from(limit), &stored(skip)];
    let rows = store.act().await?.rows(sql, &params).await?;
    rows.iter().map(read).collect()
}

/// How many they are.
pub(super) async fn count(
    store: &Postgres,
    owner: Option<Uuid>,
    after: Option<Uuid>,
) -> StoreResult<u64> {
    let sql = "SELECT count(*) AS keys FROM api_keys
         WHERE ($1::uuid IS NULL OR user_id = $1) AND id < $2";
    let after = after.unwrap_or(Uuid::max());
    let row = store.act().await?.row(sql, &[&owner, &after]).await?;
    Cells(&row.ok_or_else(|| broken("a count has no row"))?).count("keys")
}

pub(super) async fn revoke(
    store: &Postgres,
    user_id: Uuid,
    id: Uuid,
    cut_offs: &[CutOff],
    event: &Event,
) -> StoreResult<bool> {
    let mut act = store.transaction().await?;
    lock_person(&mut act, user_id).await?;
    let sql = "DELETE FROM api_keys WHERE id = $1 AND user_id = $2";
    if act.change(sql, &[&id, &user_id]).await? == 0 {
        act.roll_back().await?;
        return Ok(false);
    }
    let mut changes = feed::write_cut_offs(&mut act, cut_offs, event).await?;
    changes.push(told(&mut act, user_id, event.at).await?);
    store.commit_with(act, &changes, event).await?;
    Ok(true)
}

/// Everybody with keys that are good at `now`, by person, up to so many keys; and whether there are
/// more.
pub(super) async fn holders(
    act: &mut Act,
    most: u32,
    now: Time,
) -> StoreResult<(Vec<KeyHolder>, bool)> {
    let sql = concat!(holders!(), " WHERE k.expires_at > $1 ORDER BY k.user_id, k.id LIMIT $2");
    let rows = act.rows(sql, &[&now.millis(), &(i64::from(most) + 1)]).await?;
    let told = rows.iter().take(most as usize).map(read_holder).collect::<StoreResult<_>>()?;
    Ok((by_person(told), rows.len() > most as usize))
}

/// The person whose key this is, with those that are good at `now`.
pub(super) async fn holder_of(
    store: &Postgres,
    key: Uuid,
    now: Time,
) -> StoreResult<Option<KeyHolder>> {
    match find(store, key).await? {
        Some(found) => holder(&mut store.act().await?, found.user_id, now).await,
        None => Ok(None),
    }
}

/// What edges are to be told now of a person and their keys, whose row the act holds.
async fn told(act: &mut Act, user_id: Uuid, at: Time) -> StoreResult<Change> {
    let holder = holder(act, user_id, at).await?.unwrap_or_else(|| without_keys(user_id));
    Ok(Change::KeyHolder(Box::new(holder)))
}

/// The same of a person who has keys. What an edge is told of others would tell it nothing.
pub(super) async fn told_if_any(
    act: &mut Act,
    user_id: Uuid,
    at: Time,
) -> StoreResult<Option<Change>> {
    let holder = holder(act, user_id, at).await?;
    Ok(holder.map(|holder| Change::KeyHolder(Box::new(holder))))
}

/// A person with the keys that are good at `now`, if there are any.
pub(super) async fn holder(
    act: &mut Act,
    user_id: Uuid,
    now: Time,
) -> StoreResult<Option<KeyHolder>> {
    let sql = concat!(holders!(), " WHERE k.user_id = $1 AND k.expires_at > $2 ORDER BY k.id");
    let rows = act.rows(sql, &[&user_id, &now.millis()]).await?;
    Ok(by_person(rows.iter().map(read_holder).collect::<StoreResult<_>>()?).pop())
}

/// Removes what an ending, at `ended_at`, of everything of a person leaves dead: it would come to life
/// again when the ending is forgotten. The act holds the person's row.
pub(super) async fn remove_dead(act: &mut Act, user_id: Uuid, ended_at: Time) -> StoreResult<()> {
    let dead = jwks::api_key::dead_until(ended_at).millis();
    let sql = "DELETE FROM api_keys WHERE user_id = $1 AND created_at <= $2";
    act.change(sql, &[&user_id, &dead]).await.map(drop)
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

/// A row's person, with its key and no other.
fn read_holder(row: &Row) -> StoreResult<KeyHolder> {
    let (key, cells) = (read(row)?, Cells(row));
    Ok(KeyHolder {
        user_id: key.user_id,
        email: cells.get("email")?,
        name: cells.get("person")?,
        roles: cells.get("roles")?,
        tenant_id: cells.get("tenant_id")?,
        active: cells.named("status", UserStatus::parse)? == UserStatus::Active,
        keys: vec![key.record()],
    })
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
        networks: cells
            .get::<Vec<&str>>("networks")?
            .into_iter()
            .map(|network| {
                network.parse().map_err(|_| broken(format!("`{network}` is no network")))
            })
            .collect::<StoreResult<_>>()?,
        created_at: cells.time("created_at")?,
        expires_at: cells.time("expires_at")?,
        last_used_at: cells.time_if_any("last_used_at")?,
    })
}
