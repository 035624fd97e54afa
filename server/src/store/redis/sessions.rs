//! Sessions and their refresh families.

use std::{cmp::Reverse, sync::LazyLock};

use jwks::Time;
use redis::{Script, ScriptInvocation, cmd};
use uuid::Uuid;

use super::{Redis, broken, ttl_millis};
use crate::{
    domain::session::{NewFamily, Proof, RefreshedSession, Rotated, Rotation, Session},
    store::StoreResult,
};

static OPEN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("open_session.lua")));
static LIST: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("list_sessions.lua")));
static TOUCH: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("touch_session.lua")));
static RAISE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("raise_session.lua")));
static CLOSE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("close_session.lua")));
static CLOSE_ALL: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("close_sessions.lua")));
static ADD_FAMILY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("add_family.lua")));
static ROTATE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("rotate_refresh.lua")));

/// What a session is read from: the row as it was opened, then what has changed since.
type Fields = (String, String, i64);
const FIELDS: [&str; 3] = ["data", "proof", "last_active_at"];

pub(super) async fn open(
    store: &Redis,
    session: &Session,
    family: Option<&NewFamily>,
    keep: u32,
) -> StoreResult<Vec<Uuid>> {
    let mut act = OPEN.prepare_invoke();
    act.key(store.keys.session(session.user_id, session.sid))
        .key(store.keys.session_index(session.user_id))
        .arg(session.sid.to_string())
        .arg(serde_json::to_string(session).map_err(broken)?)
        .arg(serde_json::to_string(&session.proof).map_err(broken)?)
        .arg(session.last_active_at.millis())
        .arg(session.expires_at.millis())
        .arg(ttl_millis(session.expires_at.since(session.created_at)));
    if let Some(family) = family {
        name_family(&mut act, family);
    }
    act.arg(store.keys.session_prefix(session.user_id))
        .arg(session.created_at.millis())
        .arg(keep.saturating_sub(1));
    names(&store.link.invoke::<Vec<String>>(&act).await?)
}

pub(super) async fn find(
    store: &Redis,
    user_id: Uuid,
    sid: Uuid,
    now: Time,
) -> StoreResult<Option<Session>> {
    let (data, proof, last_active_at): (Option<String>, Option<String>, Option<i64>) =
        store.link.query(cmd("HMGET").arg(store.keys.session(user_id, sid)).arg(&FIELDS)).await?;
    let (Some(data), Some(proof), Some(last_active_at)) = (data, proof, last_active_at) else {
        return Ok(None);
    };
    let session = read((data, proof, last_active_at))?;
    Ok((session.expires_at > now).then_some(session))
}

pub(super) async fn list(store: &Redis, user_id: Uuid, now: Time) -> StoreResult<Vec<Session>> {
    let mut act = LIST.prepare_invoke();
    act.key(store.keys.session_index(user_id))
        .arg(store.keys.session_prefix(user_id))
        .arg(now.millis());
    let rows: Vec<Fields> = store.link.invoke(&act).await?;
    let mut sessions = rows.into_iter().map(read).collect::<StoreResult<Vec<_>>>()?;
    sessions.sort_by_key(|session| Reverse((session.created_at, session.sid)));
    Ok(sessions)
}

pub(super) async fn touch(store: &Redis, user_id: Uuid, sid: Uuid, now: Time) -> StoreResult<bool> {
    let mut act = TOUCH.prepare_invoke();
    act.key(store.keys.session(user_id, sid)).arg(now.millis());
    store.link.invoke(&act).await
}

pub(super) async fn raise(
    store: &Redis,
    user_id: Uuid,
    sid: Uuid,
    proof: &Proof,
    family: &NewFamily,
    now: Time,
) -> StoreResult<Option<Session>> {
    let mut act = RAISE.prepare_invoke();
    act.key(store.keys.session(user_id, sid))
        .arg(now.millis())
        .arg(serde_json::to_string(proof).map_err(broken)?);
    name_family(&mut act, family);
    store.link.invoke::<Option<Fields>>(&act).await?.map(read).transpose()
}

pub(super) async fn close(store: &Redis, user_id: Uuid, sid: Uuid) -> StoreResult<bool> {
    let mut act = CLOSE.prepare_invoke();
    act.key(store.keys.session(user_id, sid))
        .key(store.keys.session_index(user_id))
        .arg(sid.to_string());
    store.link.invoke(&act).await
}

pub(super) async fn close_all(
    store: &Redis,
    user_id: Uuid,
    except: Option<Uuid>,
) -> StoreResult<Vec<Uuid>> {
    let mut act = CLOSE_ALL.prepare_invoke();
    act.key(store.keys.session_index(user_id))
        .arg(store.keys.session_prefix(user_id))
        .arg(except.map(|sid| sid.to_string()).unwrap_or_default());
    names(&store.link.invoke::<Vec<String>>(&act).await?)
}

pub(super) async fn add_family(
    store: &Redis,
    user_id: Uuid,
    sid: Uuid,
    family: &NewFamily,
    now: Time,
) -> StoreResult<bool> {
    let mut act = ADD_FAMILY.prepare_invoke();
    act.key(store.keys.session(user_id, sid)).arg(now.millis());
    name_family(&mut act, family);
    store.link.invoke(&act).await
}

pub(super) async fn rotate(store: &Redis, rotation: &Rotation, now: Time) -> StoreResult<Rotated> {
    let mut act = ROTATE.prepare_invoke();
    act.key(store.keys.session(rotation.user_id, rotation.sid))
        .arg(rotation.family_id.to_string())
        .arg(&rotation.client_id)
        .arg(rotation.presented.to_text())
        .arg(rotation.successor.to_text())
        .arg(now.millis())
        .arg(now.plus(rotation.ttl).millis())
        .arg(now.minus(rotation.retry_window).millis());
    let (outcome, fields, scope, expires_at): (
        String,
        Option<Fields>,
        Option<String>,
        Option<i64>,
    ) = store.link.invoke(&act).await?;
    let refreshed = match (fields, scope, expires_at) {
        (Some(fields), Some(scope), Some(expires_at)) => Some(RefreshedSession {
            session: read(fields)?,
            scope,
            granted: None,
            expires_at: Time::from_millis(expires_at),
        }),
        _ => None,
    };
    match (outcome.as_str(), refreshed) {
        ("fresh", Some(refreshed)) => Ok(Rotated::Fresh(refreshed)),
        ("retried", Some(refreshed)) => Ok(Rotated::Retried(refreshed)),
        ("reused", _) => Ok(Rotated::Reused),
        ("wrong_client", _) => Ok(Rotated::WrongClient),
        ("unknown", _) => Ok(Rotated::Unknown),
        _ => Err(broken("a rotation with no outcome")),
    }
}

fn names(sids: &[String]) -> StoreResult<Vec<Uuid>> {
    sids.iter().map(|sid| Uuid::parse_str(sid).map_err(broken)).collect()
}

fn name_family(act: &mut ScriptInvocation<'_>, family: &NewFamily) {
    act.arg(family.id.to_string())
        .arg(&family.client_id)
        .arg(&family.scope)
        .arg(family.hash.to_text())
        .arg(family.expires_at.millis());
}

fn read((data, proof, last_active_at): Fields) -> StoreResult<Session> {
    let mut session: Session = serde_json::from_str(&data).map_err(broken)?;
    session.proof = serde_json::from_str(&proof).map_err(broken)?;
    session.last_active_at = Time::from_millis(last_active_at);
    Ok(session)
}
