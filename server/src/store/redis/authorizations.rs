//! Authorization requests on their way, and the codes they become. The value of a code is `live` or
//! `spent`, the instant it is over (or forgotten), and the row as JSON.

use std::sync::LazyLock;

use jwks::Time;
use redis::{Script, cmd};

use super::{Redis, broken, sessions, ttl_millis};
use crate::{
    domain::{
        authorization::{AuthorizationRequest, Code, Done, Redeemed, RequestKind},
        secret::SecretHash,
    },
    store::StoreResult,
};

static REPLACE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("replace_request.lua")));
static REDEEM: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redeem_code.lua")));

pub(super) async fn keep(
    store: &Redis,
    kind: RequestKind,
    hash: &SecretHash,
    request: &AuthorizationRequest,
) -> StoreResult<()> {
    let text = serde_json::to_string(request).map_err(broken)?;
    let ttl = ttl_millis(request.expires_at.since(request.created_at));
    let key = store.keys.authorization(kind, hash);
    store.link.query(cmd("SET").arg(key).arg(text).arg("PX").arg(ttl)).await
}

pub(super) async fn find(
    store: &Redis,
    kind: RequestKind,
    hash: &SecretHash,
    now: Time,
) -> StoreResult<Option<AuthorizationRequest>> {
    living(store.link.query(cmd("GET").arg(store.keys.authorization(kind, hash))).await?, now)
}

/// The request is read and written as it was read, or read again: whatever somebody else noted
/// meanwhile stays. Each round that fails is one in which another one succeeded.
pub(super) async fn note(
    store: &Redis,
    hash: &SecretHash,
    done: Done,
    now: Time,
) -> StoreResult<Option<AuthorizationRequest>> {
    let key = store.keys.authorization(RequestKind::Flow, hash);
    loop {
        let text: Option<String> = store.link.query(cmd("GET").arg(&key)).await?;
        let Some(mut request) = living(text.clone(), now)? else { return Ok(None) };
        request.note(done);
        let noted = serde_json::to_string(&request).map_err(broken)?;
        let mut act = REPLACE.prepare_invoke();
        let ttl = ttl_millis(request.expires_at.since(now));
        act.key(&key).arg(text).arg(noted).arg(ttl);
        if store.link.invoke::<bool>(&act).await? {
            return Ok(Some(request));
        }
    }
}

/// `GETDEL` gives the value to exactly one caller.
pub(super) async fn consume(
    store: &Redis,
    kind: RequestKind,
    hash: &SecretHash,
    now: Time,
) -> StoreResult<Option<AuthorizationRequest>> {
    living(store.link.query(cmd("GETDEL").arg(store.keys.authorization(kind, hash))).await?, now)
}

fn living(text: Option<String>, now: Time) -> StoreResult<Option<AuthorizationRequest>> {
    let Some(text) = text else { return Ok(None) };
    let request: AuthorizationRequest = serde_json::from_str(&text).map_err(broken)?;
    Ok((request.expires_at > now).then_some(request))
}

/// The session and the code lie in slots of their own: two commands, the session first. Cut short
/// between them, a client is noted that has no code; the other way round a code could be redeemed
/// whose client never hears that the session has ended.
pub(super) async fn issue(store: &Redis, hash: &SecretHash, code: &Code) -> StoreResult<bool> {
    let Code { user_id, sid, client_id, issued_at, expires_at, .. } = code;
    if !sessions::take_part(store, *user_id, *sid, client_id, *issued_at).await? {
        return Ok(false);
    }
    let text = serde_json::to_string(code).map_err(broken)?;
    let value = format!("live {} {text}", expires_at.millis());
    let ttl = ttl_millis(expires_at.since(*issued_at));
    let key = store.keys.code(hash);
    store.link.query::<()>(cmd("SET").arg(key).arg(value).arg("PX").arg(ttl)).await?;
    Ok(true)
}

pub(super) async fn redeem(
    store: &Redis,
    hash: &SecretHash,
    remembered_until: Time,
    now: Time,
) -> StoreResult<Redeemed> {
    let mut act = REDEEM.prepare_invoke();
    act.key(store.keys.code(hash))
        .arg(now.millis())
        .arg(remembered_until.millis())
        .arg(ttl_millis(remembered_until.since(now)));
    let Some((state, code)) = store.link.invoke::<Option<(String, String)>>(&act).await? else {
        return Ok(Redeemed::Unknown);
    };
    let code = serde_json::from_str(&code).map_err(broken)?;
    match state.as_str() {
        "live" => Ok(Redeemed::Redeemed(code)),
        "spent" => Ok(Redeemed::Spent(code)),
        _ => Err(broken("a code that is neither live nor spent")),
    }
}
