//! Sessions and their refresh families.

use std::{cmp::Reverse, sync::LazyLock};

use jwks::Time;
use redis::{Script, ScriptInvocation, cmd};
use uuid::Uuid;

use super::{Redis, broken, ttl_millis};
use crate::{
    domain::{
        authorization::Granted,
        secret::SecretHash,
        session::{
            FamilyAdded, FoundRefresh, NewFamily, Proof, RefreshedSession, Rotated, Rotation,
            Session,
        },
    },
    store::StoreResult,
};

static OPEN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("open_session.lua")));
static LIST: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("list_sessions.lua")));
static TOUCH: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("touch_session.lua")));
static RAISE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("raise_session.lua")));
static RAISE_BROWSER: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("raise_browser.lua")));
static TAKE_PART: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("take_part.lua")));
static CLOSE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("close_session.lua")));
static CLOSE_ALL: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("close_sessions.lua")));
static ADD_FAMILY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("add_family.lua")));
static ROTATE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("rotate_refresh.lua")));

/// The fields of a session that may not be there.
type Row = (Option<String>, Option<String>, Option<i64>, Option<String>, Option<String>);

/// What a session is read from: the row as it was opened, then what has changed since.
type Fields = (String, String, i64, Option<String>, Option<String>);
const FIELDS: [&str; 5] = ["data", "proof", "last_active_at", "browser", "clients"];

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
        .arg(ttl_millis(session.expires_at.since(session.created_at)))
        .arg(store.keys.session_prefix(session.user_id))
        .arg(session.created_at.millis())
        .arg(keep.saturating_sub(1))
        .arg(list_of(&session.clients))
        .arg(session.browser.as_ref().map(SecretHash::to_text).unwrap_or_default())
        .arg(&session.client_id);
    if let Some(family) = family {
        name_family(&mut act, family)?;
    }
    names(&store.link.invoke::<Vec<String>>(&act).await?)
}

pub(super) async fn find(
    store: &Redis,
    user_id: Uuid,
    sid: Uuid,
    now: Time,
) -> StoreResult<Option<Session>> {
    let row: Row =
        store.link.query(cmd("HMGET").arg(store.keys.session(user_id, sid)).arg(&FIELDS)).await?;
    living(row, now)
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
    name_family(&mut act, family)?;
    store.link.invoke::<Option<Fields>>(&act).await?.map(read).transpose()
}

pub(super) async fn raise_browser(
    store: &Redis,
    user_id: Uuid,
    sid: Uuid,
    presented: &SecretHash,
    proof: &Proof,
    browser: &SecretHash,
    now: Time,
) -> StoreResult<Option<Session>> {
    let mut act = RAISE_BROWSER.prepare_invoke();
    act.key(store.keys.session(user_id, sid))
        .arg(now.millis())
        .arg(presented.to_text())
        .arg(serde_json::to_string(proof).map_err(broken)?)
        .arg(browser.to_text());
    store.link.invoke::<Option<Fields>>(&act).await?.map(read).transpose()
}

/// Notes that a client takes part in a session, and that the session did something. Says whether it
/// lives.
pub(super) async fn take_part(
    store: &Redis,
    user_id: Uuid,
    sid: Uuid,
    client_id: &str,
    now: Time,
) -> StoreResult<bool> {
    let mut act = TAKE_PART.prepare_invoke();
    act.key(store.keys.session(user_id, sid)).arg(now.millis()).arg(client_id);
    store.link.invoke(&act).await
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
    keep: u32,
    now: Time,
) -> StoreResult<FamilyAdded> {
    let mut act = ADD_FAMILY.prepare_invoke();
    act.key(store.keys.session(user_id, sid)).arg(now.millis());
    name_family(&mut act, family)?;
    act.arg(keep.saturating_sub(1));
    Ok(match store.link.invoke::<Option<(Vec<String>, Option<Fields>)>>(&act).await? {
        None => FamilyAdded::NoSession,
        Some((first, None)) => FamilyAdded::Full(names(&first)?),
        Some((_, Some(fields))) => FamilyAdded::Added(Box::new(read(fields)?)),
    })
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
    let (outcome, fields, scope, expires_at, granted): (
        String,
        Option<Fields>,
        Option<String>,
        Option<i64>,
        Option<String>,
    ) = store.link.invoke(&act).await?;
    let refreshed = match (fields, scope, expires_at) {
        (Some(fields), Some(scope), Some(expires_at)) => Some(RefreshedSession {
            session: read(fields)?,
            scope,
            granted: read_granted(granted)?,
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

pub(super) async fn find_refresh(
    store: &Redis,
    user_id: Uuid,
    sid: Uuid,
    family_id: Uuid,
    hash: &SecretHash,
    now: Time,
) -> StoreResult<Option<FoundRefresh>> {
    type Text = Option<String>;
    type Number = Option<i64>;
    type Found = (Text, Text, Number, Text, Text, Text, Text, Text, Number, Text, Text, Number);
    let mut ask = cmd("HMGET");
    ask.arg(store.keys.session(user_id, sid)).arg(&FIELDS).arg(&family_fields(family_id));
    let found: Found = store.link.query(&ask).await?;
    let (
        data,
        proof,
        active_at,
        browser,
        clients,
        client_id,
        scope,
        live,
        ends,
        granted,
        spent,
        at,
    ) = found;
    let (Some(client_id), Some(scope), Some(live), Some(ends)) = (client_id, scope, live, ends)
    else {
        return Ok(None);
    };
    let expires_at = Time::from_millis(ends);
    let is_it = |text: &str| SecretHash::from_text(text) == Some(*hash);
    let is_live = is_it(&live);
    if !(is_live || spent.is_some_and(|spent| is_it(&spent))) || expires_at <= now {
        return Ok(None);
    }
    let Some(session) = living((data, proof, active_at, browser, clients), now)? else {
        return Ok(None);
    };
    let granted = read_granted(granted)?;
    let spent_at = at.filter(|_| !is_live).map(Time::from_millis);
    Ok(Some(FoundRefresh { session, client_id, scope, granted, expires_at, spent_at }))
}

/// A family is some fields of its session: gone in one command.
pub(super) async fn remove_family(
    store: &Redis,
    user_id: Uuid,
    sid: Uuid,
    family_id: Uuid,
) -> StoreResult<bool> {
    let mut remove = cmd("HDEL");
    remove.arg(store.keys.session(user_id, sid)).arg(&family_fields(family_id));
    Ok(store.link.query::<u32>(&remove).await? > 0)
}

fn names(sids: &[String]) -> StoreResult<Vec<Uuid>> {
    sids.iter().map(|sid| Uuid::parse_str(sid).map_err(broken)).collect()
}

/// The fields of a family.
fn family_fields(id: Uuid) -> [String; 7] {
    ["client", "scope", "live", "expires_at", "granted", "spent", "spent_at"]
        .map(|field| format!("f:{id}:{field}"))
}

fn name_family(act: &mut ScriptInvocation<'_>, family: &NewFamily) -> StoreResult<()> {
    let granted = family.granted.as_ref().map(serde_json::to_string).transpose();
    act.arg(family.id.to_string())
        .arg(&family.client_id)
        .arg(&family.scope)
        .arg(family.hash.to_text())
        .arg(family.expires_at.millis())
        .arg(granted.map_err(broken)?.unwrap_or_default());
    Ok(())
}

/// What was granted to a family; empty, or not there at all in one of before: nothing.
fn read_granted(text: Option<String>) -> StoreResult<Option<Granted>> {
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| serde_json::from_str(&text).map_err(broken)).transpose()
}

/// Names as the scripts keep them: each with a NUL behind it, which no name holds.
fn list_of(names: &[String]) -> String {
    names.iter().flat_map(|name| [name.as_str(), "\0"]).collect()
}

fn living(row: Row, now: Time) -> StoreResult<Option<Session>> {
    let (Some(data), Some(proof), Some(last_active_at), browser, clients) = row else {
        return Ok(None);
    };
    let session = read((data, proof, last_active_at, browser, clients))?;
    Ok((session.expires_at > now).then_some(session))
}

fn read((data, proof, last_active_at, browser, clients): Fields) -> StoreResult<Session> {
    let mut session: Session = serde_json::from_str(&data).map_err(broken)?;
    session.proof = serde_json::from_str(&proof).map_err(broken)?;
    session.last_active_at = Time::from_millis(last_active_at);
    let browser = browser.map(|hash| SecretHash::from_text(&hash).ok_or("not a browser's hash"));
    session.browser = browser.transpose().map_err(broken)?;
    // A session of before has no such field.
    let clients = clients.unwrap_or_default();
    session.clients = clients.split_terminator('\0').map(str::to_owned).collect();
    Ok(session)
}
