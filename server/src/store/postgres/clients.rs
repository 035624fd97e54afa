//! Clients, and the tokens with which they register themselves.

use std::time::Duration;

use jwks::{Time, cutoff::CutOff};

use super::{Postgres, act::Act, broken, cells::Cells, feed, journal::CHANNEL};
use crate::{
    domain::{
        audit::Event,
        client::{Client, InitialAccess},
        secret::SecretHash,
    },
    store::{StoreResult, identity::ClientChanged},
};

/// What a client that was removed leaves behind keeps its id from being given again.
pub(super) async fn create(store: &Postgres, client: &Client, event: &Event) -> StoreResult<bool> {
    let mut act = store.transaction().await?;
    let made = act
        .change(
            "INSERT INTO clients (client_id, body, updated_at) VALUES ($1, $2, $3)
             ON CONFLICT (client_id) DO NOTHING",
            &[&client.client_id, &text(client)?, &client.updated_at.millis()],
        )
        .await?;
    if made == 0 {
        act.roll_back().await?;
        return Ok(false);
    }
    store.commit_with(act, &[], event).await?;
    Ok(true)
}

pub(super) async fn find(store: &Postgres, client_id: &str) -> StoreResult<Option<Client>> {
    // Anybody may ask for anything, and Postgres has no such text.
    if client_id.contains('\0') {
        return Ok(None);
    }
    let sql = "SELECT body FROM clients WHERE client_id = $1 AND body IS NOT NULL";
    let row = store.act().await?.row(sql, &[&client_id]).await?;
    row.map(|row| Cells(&row).json("body")).transpose()
}

pub(super) async fn list(store: &Postgres, after: &str, limit: u32) -> StoreResult<Vec<Client>> {
    let after = after.split('\0').next().unwrap_or_default();
    let sql = "SELECT body FROM clients WHERE client_id > $1 AND body IS NOT NULL
         ORDER BY client_id LIMIT $2";
    let rows = store.act().await?.rows(sql, &[&after, &i64::from(limit)]).await?;
    rows.iter().map(|row| Cells(row).json("body")).collect()
}

pub(super) async fn count(store: &Postgres) -> StoreResult<u64> {
    let sql = "SELECT count(*) AS clients FROM clients WHERE body IS NOT NULL";
    let row = store.act().await?.row(sql, &[]).await?;
    Cells(&row.ok_or_else(|| broken("a count has no row"))?).count("clients")
}

pub(super) async fn replace(
    store: &Postgres,
    client: &Client,
    expected: Time,
    cut_offs: &[CutOff],
    event: &Event,
) -> StoreResult<ClientChanged> {
    let mut act = store.transaction().await?;
    let sql = "SELECT body FROM clients WHERE client_id = $1 AND body IS NOT NULL FOR UPDATE";
    let Some(row) = act.row(sql, &[&client.client_id]).await? else {
        act.roll_back().await?;
        return Ok(ClientChanged::Gone);
    };
    let held: Client = Cells(&row).json("body")?;
    if held.updated_at != expected {
        act.roll_back().await?;
        return Ok(ClientChanged::Overtaken);
    }
    let client = Client {
        created_at: held.created_at,
        updated_at: client.updated_at.max(expected.plus(Duration::from_millis(1))),
        ..client.clone()
    };
    act.change(
        "UPDATE clients SET body = $2, updated_at = $3 WHERE client_id = $1",
        &[&client.client_id, &text(&client)?, &client.updated_at.millis()],
    )
    .await?;
    commit(store, act, cut_offs, event).await
}

pub(super) async fn remove(
    store: &Postgres,
    client_id: &str,
    cut_offs: &[CutOff],
    event: &Event,
) -> StoreResult<ClientChanged> {
    if client_id.contains('\0') {
        return Ok(ClientChanged::Gone);
    }
    let mut act = store.transaction().await?;
    let sql = "UPDATE clients SET body = NULL, updated_at = NULL
         WHERE client_id = $1 AND body IS NOT NULL";
    if act.change(sql, &[&client_id]).await? == 0 {
        act.roll_back().await?;
        return Ok(ClientChanged::Gone);
    }
    act.change("DELETE FROM consents WHERE client_id = $1", &[&client_id]).await?;
    commit(store, act, cut_offs, event).await
}

/// What every change of a client ends with. Whoever follows the feed looks again, even where it
/// says nothing new.
async fn commit(
    store: &Postgres,
    mut act: Act,
    cut_offs: &[CutOff],
    event: &Event,
) -> StoreResult<ClientChanged> {
    let changes = feed::write_cut_offs(&mut act, cut_offs, event).await?;
    act.rows("SELECT pg_notify($1, '')", &[&CHANNEL]).await?;
    store.commit_with(act, &changes, event).await?;
    store.grown.send_modify(|times| *times += 1);
    Ok(ClientChanged::Changed)
}

pub(super) async fn create_initial_access(
    store: &Postgres,
    access: &InitialAccess,
    event: &Event,
) -> StoreResult<()> {
    let mut act = store.transaction().await?;
    act.change(
        "INSERT INTO initial_access_tokens (hash, name, created_at, expires_at)
         VALUES ($1, $2, $3, $4)",
        &[
            &access.hash.as_bytes().as_slice(),
            &access.name,
            &access.created_at.millis(),
            &access.expires_at.millis(),
        ],
    )
    .await?;
    store.commit_with(act, &[], event).await
}

pub(super) async fn find_initial_access(
    store: &Postgres,
    hash: &SecretHash,
    now: Time,
) -> StoreResult<Option<InitialAccess>> {
    let sql = "SELECT name, created_at, expires_at FROM initial_access_tokens
         WHERE hash = $1 AND expires_at > $2";
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
        [&hash.as_bytes().as_slice(), &now.millis()];
    let row = store.act().await?.row(sql, &params).await?;
    row.map(|row| {
        let cells = Cells(&row);
        Ok(InitialAccess {
            hash: *hash,
            name: cells.get("name")?,
            created_at: cells.time("created_at")?,
            expires_at: cells.time("expires_at")?,
        })
    })
    .transpose()
}

fn text(client: &Client) -> StoreResult<String> {
    serde_json::to_string(client).map_err(broken)
}
