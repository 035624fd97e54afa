//! Requests that may be sent again: one key for each. The value is the instant it is over, then,
//! once the request was carried out, its mark and the answer, each after a space.

use std::sync::LazyLock;

use jwks::Time;
use redis::{Script, cmd};

use super::{Redis, broken, kept_until, ttl_millis};
use crate::{
    domain::secret::SecretHash,
    store::{StoreResult, sessions::Repeat},
};

static BEGIN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("begin_request.lua")));
static DROP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("drop_request.lua")));

pub(super) async fn begin(
    store: &Redis,
    key: &SecretHash,
    claimed_until: Time,
    now: Time,
) -> StoreResult<Repeat> {
    let mut act = BEGIN.prepare_invoke();
    act.key(store.keys.request(key))
        .arg(claimed_until.millis())
        .arg(now.millis())
        .arg(ttl_millis(claimed_until.since(now)));
    let Some(value) = store.link.invoke::<Option<String>>(&act).await? else {
        return Ok(Repeat::First);
    };
    let mut parts = value.splitn(3, ' ').skip(1);
    match (parts.next(), parts.next()) {
        (None, _) => Ok(Repeat::UnderWay),
        (Some(mark), Some(answer)) => Ok(Repeat::Done {
            mark: SecretHash::from_text(mark).ok_or_else(|| broken("not a request's mark"))?,
            answer: answer.to_owned(),
        }),
        (Some(_), None) => Err(broken("a request without its answer")),
    }
}

pub(super) async fn finish(
    store: &Redis,
    key: &SecretHash,
    mark: &SecretHash,
    answer: &str,
    expires_at: Time,
) -> StoreResult<()> {
    let value = format!("{} {} {answer}", expires_at.millis(), mark.to_text());
    let ttl = ttl_millis(kept_until(expires_at));
    let key = store.keys.request(key);
    store.link.query(cmd("SET").arg(key).arg(value).arg("PX").arg(ttl)).await
}

pub(super) async fn forget(store: &Redis, key: &SecretHash) -> StoreResult<()> {
    let mut act = DROP.prepare_invoke();
    act.key(store.keys.request(key));
    store.link.invoke(&act).await
}
