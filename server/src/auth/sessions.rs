//! Sessions: list, end. Endings are durable in the identity store before anything else happens,
//! and reach the edges from there.

use std::time::Duration;

use jwks::{
    Time,
    cutoff::{CutOff, CutOffKind},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    bearer::Caller,
    error::{AuthError, AuthResult},
    origin::Origin,
};
use crate::{
    app::App,
    domain::{audit::Action, session::Session, user::User},
};

/// How long after the life of the last access token an ending is remembered.
const GRACE: Duration = Duration::from_secs(60);

/// The ending of a session at `now`, remembered until its last access token is dead.
#[must_use]
pub fn session_end(app: &App, sid: Uuid, now: Time) -> CutOff {
    let life = Duration::from_secs(app.config.tokens.access_ttl);
    let until = now.plus(life).plus(GRACE);
    // A session that has ended issues nothing more. A token that says otherwise was issued by a
    // replica whose clock is ahead, or by a refresh that was under way: it is dead as well.
    CutOff { kind: CutOffKind::Session, id: sid.to_string(), at: until, until }
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
///
/// # Errors
/// When a store fails.
pub async fn end_several(
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
