//! Pending logins. One command is one act here; `GETDEL` gives the value to exactly one caller.

use jwks::Time;
use redis::cmd;

use super::{Redis, broken, ttl_millis};
use crate::{
    domain::{login::PendingLogin, secret::SecretHash},
    store::StoreResult,
};

pub(super) async fn begin(
    store: &Redis,
    hash: &SecretHash,
    login: &PendingLogin,
) -> StoreResult<()> {
    let text = serde_json::to_string(login).map_err(broken)?;
    let ttl = ttl_millis(login.expires_at.since(login.created_at));
    store.link.query(cmd("SET").arg(store.keys.login(hash)).arg(text).arg("PX").arg(ttl)).await
}

pub(super) async fn find(
    store: &Redis,
    hash: &SecretHash,
    now: Time,
) -> StoreResult<Option<PendingLogin>> {
    living(store.link.query(cmd("GET").arg(store.keys.login(hash))).await?, now)
}

pub(super) async fn consume(
    store: &Redis,
    hash: &SecretHash,
    now: Time,
) -> StoreResult<Option<PendingLogin>> {
    living(store.link.query(cmd("GETDEL").arg(store.keys.login(hash))).await?, now)
}

fn living(text: Option<String>, now: Time) -> StoreResult<Option<PendingLogin>> {
    let Some(text) = text else { return Ok(None) };
    let login: PendingLogin = serde_json::from_str(&text).map_err(broken)?;
    Ok((login.expires_at > now).then_some(login))
}
