//! What counts once. Beside the marks of each slot lies since when they are remembered, and one
//! script looks at both: wherever marks are lost, that is lost with them (rule 37).

use std::sync::LazyLock;

use jwks::Time;
use redis::Script;

use super::{LONGEST, Redis, broken, ttl_millis};
use crate::{
    domain::secret::SecretHash,
    store::{StoreResult, sessions::Marked},
};

static MARK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("mark_once.lua")));

pub(super) async fn once(
    store: &Redis,
    key: &SecretHash,
    issued_at: Time,
    until: Time,
    now: Time,
) -> StoreResult<Marked> {
    let mut act = MARK.prepare_invoke();
    act.key(store.keys.mark(key))
        .key(store.keys.memory_of(key))
        .arg(issued_at.millis())
        .arg(until.millis())
        .arg(now.millis())
        .arg(ttl_millis(until.since(now)))
        .arg(ttl_millis(LONGEST));
    match store.link.invoke::<String>(&act).await?.as_str() {
        "first" => Ok(Marked::First),
        "again" => Ok(Marked::Again),
        "before_memory" => Ok(Marked::BeforeMemory),
        _ => Err(broken("a mark with no outcome")),
    }
}
