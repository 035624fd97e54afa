//! Devices that ask to be let in. What can change of one is a hash under its user code, where person
//! and device meet; what a device asks for lies under its device code too, which leads there and
//! stays for as long as the device may be told that its time is over.

use std::{sync::LazyLock, time::Duration};

use jwks::Time;
use redis::{Script, cmd};

use super::{Redis, broken, sessions, ttl_millis};
use crate::{
    domain::{
        device_grant::{DeviceDecision, DeviceGrant, Polled},
        secret::SecretHash,
    },
    store::StoreResult,
};

static BEGIN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("begin_device.lua")));
static DECIDE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("decide_device.lua")));
static POLL: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("poll_device.lua")));

/// The user code first: cut short before the device code is kept, nobody can poll for the yes.
pub(super) async fn begin(store: &Redis, device: &DeviceGrant) -> StoreResult<bool> {
    let text = serde_json::to_string(device).map_err(broken)?;
    let mut act = BEGIN.prepare_invoke();
    act.key(store.keys.user_code(&device.user_code))
        .arg(device.created_at.millis())
        .arg(device.hash.to_text())
        .arg(device.expires_at.millis())
        .arg(&text)
        .arg(ttl_millis(device.expires_at.since(device.created_at)));
    if !store.link.invoke::<bool>(&act).await? {
        return Ok(false);
    }
    let ttl = ttl_millis(device.told_until().since(device.created_at));
    let key = store.keys.device_code(&device.hash);
    store.link.query::<()>(cmd("SET").arg(key).arg(text).arg("PX").arg(ttl)).await?;
    Ok(true)
}

pub(super) async fn find(
    store: &Redis,
    user_code: &str,
    now: Time,
) -> StoreResult<Option<DeviceGrant>> {
    let key = store.keys.user_code(user_code);
    let (text, answer): (Option<String>, Option<String>) =
        store.link.query(cmd("HMGET").arg(key).arg(&["data", "answer"])).await?;
    let (Some(text), None) = (text, answer) else { return Ok(None) };
    let device: DeviceGrant = serde_json::from_str(&text).map_err(broken)?;
    Ok((device.expires_at > now).then_some(device))
}

/// The session first, which lies in another slot: cut short, a client is noted that has no yes; the
/// other way round it could have a yes and never hear that the session has ended.
pub(super) async fn decide(
    store: &Redis,
    user_code: &str,
    decision: &DeviceDecision,
    now: Time,
) -> StoreResult<bool> {
    let Some(device) = find(store, user_code, now).await? else { return Ok(false) };
    let answer = match decision {
        DeviceDecision::Denied => "no",
        DeviceDecision::Allowed { user_id, sid, .. } => {
            if !sessions::take_part(store, *user_id, *sid, &device.client_id, now).await? {
                return Ok(false);
            }
            "yes"
        }
    };
    let mut act = DECIDE.prepare_invoke();
    act.key(store.keys.user_code(user_code))
        .arg(now.millis())
        .arg(device.hash.to_text())
        .arg(answer)
        .arg(serde_json::to_string(decision).map_err(broken)?);
    store.link.invoke(&act).await
}

pub(super) async fn poll(
    store: &Redis,
    hash: &SecretHash,
    client_id: &str,
    interval: Duration,
    now: Time,
) -> StoreResult<Polled> {
    let key = store.keys.device_code(hash);
    let Some(text) = store.link.query::<Option<String>>(cmd("GET").arg(&key)).await? else {
        return Ok(Polled::Unknown);
    };
    let device: DeviceGrant = serde_json::from_str(&text).map_err(broken)?;
    if device.client_id != client_id || device.told_until() <= now {
        return Ok(Polled::Unknown);
    }
    if device.expires_at <= now {
        return Ok(Polled::Expired);
    }
    let mut act = POLL.prepare_invoke();
    act.key(store.keys.user_code(&device.user_code))
        .arg(now.millis())
        .arg(hash.to_text())
        .arg(u64::try_from(interval.as_millis()).unwrap_or(u64::MAX));
    let (outcome, decision): (String, Option<String>) = store.link.invoke(&act).await?;
    match (outcome.as_str(), decision) {
        ("allowed", Some(decision)) => {
            // What leads to nothing any more. Left behind, it gives nobody anything.
            store.link.query::<()>(cmd("DEL").arg(&key)).await?;
            let decision = serde_json::from_str(&decision).map_err(broken)?;
            Ok(Polled::Allowed(Box::new(device), decision))
        }
        ("denied", _) => Ok(Polled::Denied),
        ("pending", _) => Ok(Polled::Pending),
        ("too_fast", _) => Ok(Polled::TooFast),
        ("unknown", _) => Ok(Polled::Unknown),
        _ => Err(broken("a poll with no outcome")),
    }
}
