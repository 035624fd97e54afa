//! Whether a token that was signed here is still good: what only the stores know of it.

use jwks::{cutoff::CutOffKind, verify::VerifiedToken};
use uuid::Uuid;

use super::{OAuthResult, clients};
use crate::{
    app::App,
    auth::sessions::standing,
    domain::{session::Session, user::User},
    store::StoreResult,
};

/// Who a live access token speaks for.
pub enum Bearer {
    /// A person in a session, as both stand now.
    Person(Box<(User, Session)>),
    /// A client, for itself.
    Client,
}

/// Who `token` speaks for, whose signature and times were found good; `None`: it, or what it rests
/// on, has ended.
///
/// # Errors
/// When a store fails.
pub async fn bearer(app: &App, token: &VerifiedToken) -> OAuthResult<Option<Bearer>> {
    let now = app.clock.now();
    let bearer = if token.is_client() {
        clients::find(app, token.client_id()).await?.map(|_| Bearer::Client)
    } else {
        person(app, token, now).await?
    };
    if bearer.is_none() || is_cut_off(app, token).await? { Ok(None) } else { Ok(bearer) }
}

async fn person(app: &App, token: &VerifiedToken, now: jwks::Time) -> StoreResult<Option<Bearer>> {
    let sid = token.sid().and_then(|sid| Uuid::parse_str(sid).ok());
    let (Ok(user_id), Some(sid)) = (Uuid::parse_str(token.sub()), sid) else { return Ok(None) };
    let Some(session) = app.sessions.find_session(user_id, sid, now).await? else {
        return Ok(None);
    };
    let subject = app.identity.find_subject(user_id, sid).await?;
    let user = subject.and_then(|subject| standing(&subject, &session, token.issued_at()));
    Ok(user.map(|user| Bearer::Person(Box::new((user, session)))))
}

/// Whether the token itself was ended, its grant, or everything of its client.
async fn is_cut_off(app: &App, token: &VerifiedToken) -> StoreResult<bool> {
    let mut named = vec![
        (CutOffKind::Token, token.jti().to_owned()),
        (CutOffKind::Client, token.client_id().to_owned()),
    ];
    named.extend(token.grant_id().map(|id| (CutOffKind::Grant, id.to_owned())));
    let ends = app.identity.find_cut_offs(&named).await?;
    Ok(ends.iter().any(|end| token.issued_at() <= end.at))
}
