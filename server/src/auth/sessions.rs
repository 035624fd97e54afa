//! Sessions: list, end. Endings are durable in the identity store before anything else happens,
//! and reach the edges from there.

use std::time::Duration;

use jwks::{
    Time,
    cutoff::{CutOff, CutOffKind},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    bearer::Caller,
    devices,
    error::{AuthError, AuthResult},
    origin::Origin,
};
use crate::{
    app::App,
    clock::new_id,
    domain::{
        audit::{Action, Event},
        session::Session,
        tenant::in_tenant,
        user::{User, UserStatus},
    },
    store::identity::Subject,
};

/// How long after the life of the last access token an ending is remembered.
pub const GRACE: Duration = Duration::from_secs(60);

/// The ending of a session at `now`, remembered until its last access token is dead.
#[must_use]
pub fn session_end(app: &App, sid: Uuid, now: Time) -> CutOff {
    let life = Duration::from_secs(app.config.tokens.access_ttl);
    let until = now.plus(life).plus(GRACE);
    // A session that has ended issues nothing more. A token that says otherwise was issued by a
    // replica whose clock is ahead, or by a refresh that was under way: it is dead as well.
    CutOff { kind: CutOffKind::Session, id: sid.to_string(), at: until, until }
}

/// The ending at `now` of everything a person has, remembered until the last access token is dead.
#[must_use]
pub fn user_end(app: &App, user_id: Uuid, now: Time) -> CutOff {
    let life = Duration::from_secs(app.config.tokens.access_ttl);
    // Tokens tell the second they were issued in and no more. Up to the second before: else it
    // would end what the person gets who signs in anew at once. Whoever ends everything ends each
    // session by its own name as well, and with it what was issued in this very second.
    let at = Time::from_millis(Time::from_secs(now.secs()).millis() - 1);
    CutOff {
        kind: CutOffKind::User,
        id: user_id.to_string(),
        at,
        until: now.plus(life).plus(GRACE),
    }
}

/// PURE: the person behind `session` as they stand in its tenant, if what was `issued_at` then
/// still counts.
#[must_use]
pub fn standing(subject: &Subject, session: &Session, issued_at: Time) -> Option<User> {
    let counts = subject.user.status == UserStatus::Active
        && subject.session_cut_off.is_none()
        && subject.user_cut_off.as_ref().is_none_or(|cut| cut.at < issued_at);
    if counts { in_tenant(&subject.user, &subject.memberships, &session.tenant_id) } else { None }
}

/// Looks once more, with the session open, whether what it was opened on is still so. Somebody may
/// have changed the password or ended the account since the credentials were judged. They commit
/// first and list the sessions afterwards ([`end_all`]); a sign-in opens its session first and
/// looks afterwards. Whichever order the four fall in, either they list this session or this look
/// sees what they committed: no session outlives what it was opened on. So it is with whoever
/// revokes the trusted device that a session rests on.
///
/// # Errors
/// [`AuthError::InvalidToken`] when it is not so any more: the session is over, and whatever was
/// made for it is to be thrown away.
pub async fn look_again(
    app: &App,
    origin: &Origin,
    judged: &User,
    session: &Session,
    now: Time,
) -> AuthResult<()> {
    let subject = app.identity.find_subject(judged.id, session.sid).await?;
    let still = subject.filter(|subject| {
        subject.user.password_changed_at == judged.password_changed_at
            && subject.user.factor_epoch == judged.factor_epoch
            && standing(subject, session, session.created_at).is_some()
    });
    if let Some(subject) = still {
        let anew = devices::judge_anew(app, session.clone(), &subject.user, now).await?;
        if anew.proof.device_at == session.proof.device_at {
            return Ok(());
        }
    }
    end_stale(app, origin, judged.id, session.sid, now).await?;
    Err(AuthError::InvalidToken)
}

/// Ends a session that rests on what is not so any more.
///
/// # Errors
/// When a store fails.
pub async fn end_stale(
    app: &App,
    origin: &Origin,
    user_id: Uuid,
    sid: Uuid,
    now: Time,
) -> AuthResult<()> {
    let details = json!({ "sid": sid, "reason": "overtaken" });
    let event = origin.event_of(new_id(now), Action::SessionRevoked, Some(user_id), now, details);
    app.identity.cut_off(&[session_end(app, sid, now)], &event).await?;
    app.sessions.close_session(user_id, sid).await?;
    Ok(())
}

/// Writes down the ending of sessions that had to make room for `session`.
///
/// # Errors
/// When the store fails.
pub async fn make_room(
    app: &App,
    origin: &Origin,
    session: &Session,
    closed: &[Uuid],
    now: Time,
) -> AuthResult<()> {
    if closed.is_empty() {
        return Ok(());
    }
    let ends: Vec<CutOff> = closed.iter().map(|sid| session_end(app, *sid, now)).collect();
    let details = json!({ "sids": closed, "reason": "too_many", "for": session.sid });
    let event =
        origin.event_of(new_id(now), Action::SessionRevoked, Some(session.user_id), now, details);
    Ok(app.identity.cut_off(&ends, &event).await?)
}

/// The names of a person's sessions but `except`, and their endings.
///
/// # Errors
/// When the store fails.
pub async fn endings(
    app: &App,
    user_id: Uuid,
    except: Option<Uuid>,
    now: Time,
) -> AuthResult<Vec<(Uuid, CutOff)>> {
    let sessions = app.sessions.list_sessions(user_id, now).await?;
    let sids = sessions.iter().map(|session| session.sid).filter(|sid| Some(*sid) != except);
    Ok(sids.map(|sid| (sid, session_end(app, sid, now))).collect())
}

/// Ends every session of a person but `except`, after a change that ended what they rest on.
/// `known` were ended by that change itself. What was opened beside it is found only now: see
/// [`look_again`].
///
/// # Errors
/// When a store fails.
pub async fn end_all(
    app: &App,
    origin: &Origin,
    user_id: Uuid,
    except: Option<Uuid>,
    known: &[(Uuid, CutOff)],
    now: Time,
) -> AuthResult<()> {
    let event =
        |details| origin.event_of(new_id(now), Action::SessionRevoked, Some(user_id), now, details);
    end_all_by(app, user_id, except, known, event, now).await
}

/// As [`end_all`]. `event`: what the log says, by these details, of what is found only now.
///
/// # Errors
/// When a store fails.
pub async fn end_all_by(
    app: &App,
    user_id: Uuid,
    except: Option<Uuid>,
    known: &[(Uuid, CutOff)],
    event: impl FnOnce(Value) -> Event,
    now: Time,
) -> AuthResult<()> {
    let all = endings(app, user_id, except, now).await?;
    let is_known = |sid: &Uuid| known.iter().any(|(known, _)| known == sid);
    let (sids, ends): (Vec<Uuid>, Vec<CutOff>) =
        all.into_iter().filter(|(sid, _)| !is_known(sid)).unzip();
    if !ends.is_empty() {
        let event = event(json!({ "sids": sids, "reason": "overtaken" }));
        app.identity.cut_off(&ends, &event).await?;
    }
    for sid in known.iter().map(|(sid, _)| sid).chain(&sids) {
        app.sessions.close_session(user_id, *sid).await?;
    }
    Ok(())
}

/// The caller's sessions, newest first.
///
/// # Errors
/// When the store fails.
pub async fn list(app: &App, caller: &Caller) -> AuthResult<Vec<Session>> {
    Ok(app.sessions.list_sessions(caller.user.id, app.clock.now()).await?)
}

/// Ends one of the caller's sessions, and every token of it.
///
/// # Errors
/// [`AuthError::NotFound`] when it is not a live session of theirs.
pub async fn revoke(app: &App, origin: &Origin, caller: &Caller, sid: Uuid) -> AuthResult<()> {
    let now = app.clock.now();
    let session = app.sessions.find_session(caller.user.id, sid, now).await?;
    session.ok_or(AuthError::NotFound)?;
    end(app, origin, caller, sid, Action::SessionRevoked, now).await
}

/// Ends every session of the caller but the one that asks; how many.
///
/// # Errors
/// When a store fails.
pub async fn revoke_others(app: &App, origin: &Origin, caller: &Caller) -> AuthResult<usize> {
    let now = app.clock.now();
    let sessions = app.sessions.list_sessions(caller.user.id, now).await?;
    let others: Vec<Uuid> = sessions
        .iter()
        .map(|session| session.sid)
        .filter(|sid| *sid != caller.session.sid)
        .collect();
    end_several(app, origin, &caller.user, &others, now).await?;
    Ok(others.len())
}

/// Ends these sessions of a person, in one act.
async fn end_several(
    app: &App,
    origin: &Origin,
    user: &User,
    sids: &[Uuid],
    now: Time,
) -> AuthResult<()> {
    let ends: Vec<CutOff> = sids.iter().map(|sid| session_end(app, *sid, now)).collect();
    let details = json!({ "sids": sids });
    let event = origin.event(Action::SessionRevoked, Some(user), now, details);
    app.identity.cut_off(&ends, &event).await?;
    for sid in sids {
        app.sessions.close_session(user.id, *sid).await?;
    }
    Ok(())
}

/// Signs the caller out: ends this session, and every token of it.
///
/// # Errors
/// When a store fails.
pub async fn log_out(app: &App, origin: &Origin, caller: &Caller) -> AuthResult<()> {
    end(app, origin, caller, caller.session.sid, Action::Logout, app.clock.now()).await
}

async fn end(
    app: &App,
    origin: &Origin,
    caller: &Caller,
    sid: Uuid,
    action: Action,
    now: Time,
) -> AuthResult<()> {
    let event = origin.event(action, Some(&caller.user), now, json!({ "sid": sid }));
    app.identity.cut_off(&[session_end(app, sid, now)], &event).await?;
    app.sessions.close_session(caller.user.id, sid).await?;
    Ok(())
}
