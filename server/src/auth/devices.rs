//! Trusted devices: a second factor proved on one counts there for as long as a policy says
//! (rule 26). What rests on one says so, and never passes for a present second factor.

use std::time::Duration;

use jwks::{
    Time,
    cutoff::CutOff,
    policy::{Level, Policy},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    bearer::Caller,
    error::{AuthError, AuthResult},
    origin::Origin,
    sessions::session_end,
};
use crate::{
    app::App,
    clock::{new_id, random},
    domain::{
        audit::{Action, Event},
        device::TrustedDevice,
        secret::{OpaqueToken, TokenKind},
        session::{Proof, Session},
        user::User,
    },
};

/// How long a device is kept, whatever a policy says.
pub const LIFE: Duration = Duration::from_secs(365 * 24 * 3600);
/// The most trusted devices of one person.
const KEPT: u32 = 20;

/// Trusts the device that `origin` speaks of, on which a second factor was proved at `now` by
/// `user`, whose factors stand at `factor_epoch`. Its token.
///
/// # Errors
/// When a store fails.
pub async fn trust(
    app: &App,
    origin: &Origin,
    user: &User,
    factor_epoch: u64,
    now: Time,
) -> AuthResult<OpaqueToken> {
    let id = new_id(now);
    let token = OpaqueToken::new(TokenKind::Device, &[id], random());
    let device = TrustedDevice {
        id,
        user_id: user.id,
        hash: token.hash(),
        name: origin.device(),
        user_agent: origin.user_agent.clone(),
        ip: origin.ip.to_canonical().to_string(),
        factor_epoch,
        created_at: now,
        last_used_at: now,
        expires_at: now.plus(LIFE),
    };
    let details = json!({ "device": id, "name": device.name });
    let event = origin.event_of(id, Action::DeviceTrusted, Some(user.id), now, details);
    app.identity.append_event(&event).await?;
    app.identity.trust_device(&device, KEPT).await?;
    Ok(token)
}

/// The device of a presented token, if it is `owner`'s; trusted any more or not.
///
/// # Errors
/// When the store fails.
pub async fn recognise(
    app: &App,
    owner: Option<&User>,
    presented: Option<&str>,
) -> AuthResult<Option<TrustedDevice>> {
    let token = presented.and_then(|text| OpaqueToken::parse(TokenKind::Device, text));
    let Some(token) = token else { return Ok(None) };
    let &[id] = token.names() else { return Ok(None) };
    // Nobody has no devices, and is asked for them all the same: the time tells nothing.
    let owner = owner.map_or_else(Uuid::nil, |owner| owner.id);
    let device = app.identity.find_device(owner, id).await?;
    Ok(device.filter(|device| device.hash == token.hash()))
}

/// What a password proves on a trusted device: one factor now, and when there was a second one.
#[must_use]
pub fn proof(device: &TrustedDevice, now: Time) -> Proof {
    Proof {
        acr: Level::OneFactor,
        amr: ["pwd", "device"].map(ToOwned::to_owned).to_vec(),
        auth_time: now,
        device_at: Some(device.created_at),
        model: None,
    }
}

/// `session` as it stands now: what rests on a device that is trusted no more has one factor.
///
/// # Errors
/// When the store fails.
pub async fn judge_anew(
    app: &App,
    mut session: Session,
    user: &User,
    now: Time,
) -> AuthResult<Session> {
    if let Some(proved_at) = session.proof.device_at {
        let devices = app.identity.list_devices(user.id).await?;
        let is_trusted = |device: &TrustedDevice| {
            device.created_at == proved_at && device.is_trusted_by(user, now)
        };
        if !devices.iter().any(is_trusted) {
            session.proof.device_at = None;
        }
    }
    Ok(session)
}

/// The devices on which the caller is not asked for a second factor, wherever that may be, last used
/// first. Each is over (`expires_at`) when the last policy that counts it does so no more.
///
/// # Errors
/// When the store fails.
pub async fn list(app: &App, caller: &Caller) -> AuthResult<Vec<TrustedDevice>> {
    let now = app.clock.now();
    let mut devices = app.identity.list_devices(caller.user.id).await?;
    if devices.is_empty() {
        return Ok(devices);
    }
    let sites = app.identity.list_sites().await?;
    let policies = sites.iter().map(|site| &site.policy).chain([&app.config.policy.default]);
    let longest = policies.filter_map(Policy::longest_trust).max();
    for device in &mut devices {
        let counted = device.created_at.plus(longest.unwrap_or_default());
        device.expires_at = device.expires_at.min(counted);
    }
    devices.retain(|device| device.is_trusted_by(&caller.user, now));
    Ok(devices)
}

/// Trusts a device of the caller's no more, and ends the sessions that rest on it.
///
/// # Errors
/// [`AuthError::NotFound`] when it is none of theirs.
pub async fn revoke(app: &App, origin: &Origin, caller: &Caller, id: Uuid) -> AuthResult<()> {
    let now = app.clock.now();
    let user = &caller.user;
    let device = app.identity.find_device(user.id, id).await?.ok_or(AuthError::NotFound)?;
    let rests = |proved_at| proved_at == device.created_at;
    let act = |action, details| origin.event(action, Some(user), now, details);
    forget(app, user, &[device.id], rests, act, now).await.map(drop)
}

/// Trusts no device of the caller's any more, and ends the sessions that rest on one; how many
/// devices there were.
///
/// # Errors
/// When a store fails.
pub async fn revoke_all(app: &App, origin: &Origin, caller: &Caller) -> AuthResult<u64> {
    let now = app.clock.now();
    let user = &caller.user;
    let act = |action, details| origin.event(action, Some(user), now, details);
    forget_all(app, user, act, now).await
}

/// Trusts no device of `user` any more, and ends the sessions that rest on one; how many devices
/// there were. `act`: what the audit log tells of it, by action and details.
///
/// # Errors
/// When a store fails.
pub async fn forget_all(
    app: &App,
    user: &User,
    act: impl Fn(Action, Value) -> Event + Send,
    now: Time,
) -> AuthResult<u64> {
    let devices = app.identity.list_devices(user.id).await?;
    let ids: Vec<Uuid> = devices.iter().map(|device| device.id).collect();
    // Whatever rests on one, be it gone already.
    forget(app, user, &ids, |_| true, act, now).await
}

/// Removes devices, and ends in the same act the sessions that rest on one, by when it was trusted.
/// What was opened beside it is found only now: see [`super::sessions::look_again`].
async fn forget(
    app: &App,
    user: &User,
    ids: &[Uuid],
    rests: impl Fn(Time) -> bool + Send,
    act: impl Fn(Action, Value) -> Event + Send,
    now: Time,
) -> AuthResult<u64> {
    let resting = async || -> AuthResult<Vec<Uuid>> {
        let sessions = app.sessions.list_sessions(user.id, now).await?;
        let rests = |session: &&Session| session.proof.device_at.is_some_and(&rests);
        Ok(sessions.iter().filter(rests).map(|session| session.sid).collect())
    };
    let ends = |sids: &[Uuid]| -> Vec<CutOff> {
        sids.iter().map(|sid| session_end(app, *sid, now)).collect()
    };
    let known = resting().await?;
    let event = act(Action::DeviceRevoked, json!({ "devices": ids, "sids": known }));
    let removed = app.identity.remove_devices(user.id, ids, &ends(&known), &event).await?;
    let mut beside = resting().await?;
    beside.retain(|sid| !known.contains(sid));
    if !beside.is_empty() {
        let event = act(Action::SessionRevoked, json!({ "sids": beside }));
        app.identity.cut_off(&ends(&beside), &event).await?;
    }
    for sid in known.into_iter().chain(beside) {
        app.sessions.close_session(user.id, sid).await?;
    }
    Ok(removed)
}
