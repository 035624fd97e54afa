//! The end of a grant to a client: of its access tokens, its refresh tokens, and of the session that
//! they rest on where it is the grant's own.

use std::time::Duration;

use jwks::{
    Time,
    cutoff::{CutOff, CutOffKind},
};
use uuid::Uuid;

use crate::{
    app::App,
    auth::sessions::{GRACE, session_end},
    clock::made_at,
    domain::audit::Event,
    store::StoreResult,
};

/// The ending of a grant at `now`, remembered until its last access token is dead.
#[must_use]
pub fn cut_off(app: &App, grant_id: Uuid, now: Time) -> CutOff {
    let until = now.plus(Duration::from_secs(app.config.tokens.access_ttl)).plus(GRACE);
    // As of a session: nothing more is issued for it, whatever a clock says.
    CutOff { kind: CutOffKind::Grant, id: grant_id.to_string(), at: until, until }
}

/// Whether the session that a grant rests on is its own: such a one is named as the grant is.
#[must_use]
pub fn is_own_session(sid: Uuid, grant_id: Uuid) -> bool {
    sid == grant_id
}

/// Ends a grant that rests on the session `sid`: first what everybody looks at, then its refresh
/// tokens.
///
/// # Errors
/// When a store fails.
pub async fn end(
    app: &App,
    user_id: Uuid,
    sid: Uuid,
    grant_id: Uuid,
    event: &Event,
    now: Time,
) -> StoreResult<()> {
    let mut ends = vec![cut_off(app, grant_id, now)];
    if is_own_session(sid, grant_id) {
        ends.push(session_end(app, sid, now));
    }
    app.identity.cut_off(&ends, event).await?;
    close(app, user_id, sid, grant_id).await
}

/// Closes what the refresh tokens of a grant rest on, once its end is written down.
///
/// # Errors
/// When a store fails.
pub async fn close(app: &App, user_id: Uuid, sid: Uuid, grant_id: Uuid) -> StoreResult<()> {
    if is_own_session(sid, grant_id) {
        app.sessions.close_session(user_id, sid).await?;
    } else {
        app.sessions.remove_family(user_id, sid, grant_id).await?;
    }
    Ok(())
}

/// What ends a grant to a client and is no session or person: its own ending, and that of everything
/// of the client.
#[must_use]
pub fn endings(client_id: &str, grant_id: Uuid) -> [(CutOffKind, String); 2] {
    [(CutOffKind::Grant, grant_id.to_string()), (CutOffKind::Client, client_id.to_owned())]
}

/// PURE: whether one of these [`endings`] fell after the grant was given; its name tells when.
#[must_use]
pub fn is_over(grant_id: Uuid, ended: &[CutOff]) -> bool {
    let given_at = made_at(grant_id);
    ended.iter().any(|end| given_at <= end.at)
}
