//! The edges that follow the feed: one hash, whose fields are their names. A value is the number an edge
//! has acknowledged, a space, and until when it follows.

use std::{collections::HashMap, sync::LazyLock};

use jwks::Time;
use redis::{Script, cmd};

use super::{Redis, SLACK, broken, ttl_millis};
use crate::{domain::edge::Follower, store::StoreResult};

static NOTE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("note_followers.lua")));

pub(super) async fn note(store: &Redis, followers: &[Follower], now: Time) -> StoreResult<()> {
    let Some(last) = followers.iter().map(|follower| follower.until).max() else {
        return Ok(());
    };
    let mut act = NOTE.prepare_invoke();
    act.key(store.keys.followers())
        .arg(now.millis())
        // A clock that is ahead takes away nobody who follows by another one.
        .arg(now.minus(SLACK).millis())
        .arg(ttl_millis(last.since(now)));
    for follower in followers {
        act.arg(&follower.name).arg(follower.acknowledged).arg(follower.until.millis());
    }
    store.link.invoke(&act).await
}

pub(super) async fn list(store: &Redis, now: Time) -> StoreResult<Vec<Follower>> {
    let rows: HashMap<String, String> =
        store.link.query(cmd("HGETALL").arg(store.keys.followers())).await?;
    let mut followers = Vec::with_capacity(rows.len());
    for (name, row) in rows {
        let read = row.split_once(' ').and_then(|(acknowledged, until)| {
            let until = Time::from_millis(until.parse().ok()?);
            Some(Follower { name, acknowledged: acknowledged.parse().ok()?, until })
        });
        followers.push(read.ok_or_else(|| broken("not an edge that follows"))?);
    }
    followers.retain(|follower| follower.until > now);
    followers.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(followers)
}
