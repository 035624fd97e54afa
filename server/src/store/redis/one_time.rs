//! One-time tokens: one key for each owner and purpose, so that a newer token takes the older
//! one's place. The value is the token's hash, a space, and the row as JSON.

use std::sync::LazyLock;

use jwks::Time;
use redis::{Script, cmd};
use uuid::Uuid;

use super::{Redis, broken, kept_until, ttl_millis};
use crate::{
    domain::{
        one_time::{OneTime, Purpose},
        secret::SecretHash,
    },
    store::StoreResult,
};

static CONSUME: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("consume_one_time.lua")));

pub(super) async fn put(store: &Redis, one_time: &OneTime) -> StoreResult<()> {
    let text = serde_json::to_string(one_time).map_err(broken)?;
    let value = format!("{} {text}", one_time.hash.to_text());
    let key = store.keys.one_time(one_time.purpose, one_time.owner);
    let ttl = ttl_millis(kept_until(one_time.expires_at));
    store.link.query(cmd("SET").arg(key).arg(value).arg("PX").arg(ttl)).await
}

pub(super) async fn find(
    store: &Redis,
    purpose: Purpose,
    owner: Uuid,
    hash: &SecretHash,
    now: Time,
) -> StoreResult<Option<OneTime>> {
    living(store.link.query(cmd("GET").arg(store.keys.one_time(purpose, owner))).await?, hash, now)
}

pub(super) async fn consume(
    store: &Redis,
    purpose: Purpose,
    owner: Uuid,
    hash: &SecretHash,
    now: Time,
) -> StoreResult<Option<OneTime>> {
    let mut act = CONSUME.prepare_invoke();
    act.key(store.keys.one_time(purpose, owner)).arg(hash.to_text());
    living(store.link.invoke(&act).await?, hash, now)
}

fn living(value: Option<String>, hash: &SecretHash, now: Time) -> StoreResult<Option<OneTime>> {
    let Some(value) = value else { return Ok(None) };
    let (_, text) = value.split_once(' ').ok_or_else(|| broken("not a one-time token"))?;
    let one_time: OneTime = serde_json::from_str(text).map_err(broken)?;
    Ok((one_time.hash == *hash && one_time.expires_at > now).then_some(one_time))
}
