//! Throttles: the counted tries of a key, by instant.

use std::{sync::LazyLock, time::Duration};

use jwks::Time;
use redis::Script;

use super::{Redis, broken, ttl_millis};
use crate::store::{StoreResult, sessions::Budget};

static COUNT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("count_try.lua")));
static FORGIVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("forgive_try.lua")));

pub(super) async fn count(
    store: &Redis,
    key: &str,
    limit: u32,
    window: Duration,
    now: Time,
) -> StoreResult<Budget> {
    let mut act = COUNT.prepare_invoke();
    act.key(store.keys.throttle(key))
        .arg(now.millis())
        .arg(now.minus(window).millis())
        .arg(limit)
        .arg(ttl_millis(window));
    let (allowed, counted, oldest): (bool, u32, Option<String>) = store.link.invoke(&act).await?;
    let oldest = match oldest {
        Some(member) => instant(&member)?,
        None => now,
    };
    Ok(Budget { allowed, remaining: limit.saturating_sub(counted), reset_at: oldest.plus(window) })
}

pub(super) async fn forgive(store: &Redis, key: &str, at: Time) -> StoreResult<()> {
    let mut act = FORGIVE.prepare_invoke();
    act.key(store.keys.throttle(key)).arg(at.millis());
    store.link.invoke(&act).await
}

/// The instant of a member `<instant>:<number>`.
fn instant(member: &str) -> StoreResult<Time> {
    member
        .split_once(':')
        .and_then(|(millis, _)| millis.parse().ok())
        .map(Time::from_millis)
        .ok_or_else(|| broken("not a counted try"))
}
