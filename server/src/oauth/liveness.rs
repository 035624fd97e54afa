//! Whether a token that was signed here is still good: what only the stores know of it.

use jwks::{
    cutoff::{CutOff, CutOffKind},
    verify::VerifiedToken,
};
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
    if token.is_client() { client(app, token).await } else { Ok(person(app, token, now).await?) }
}

async fn client(app: &App, token: &VerifiedToken) -> OAuthResult<Option<Bearer>> {
    if clients::find(app, token.client_id()).await?.is_none() {
        return Ok(None);
    }
    let ends = app.identity.find_cut_offs(&endings(token)).await?;
    Ok((!is_ended(token, &ends)).then_some(Bearer::Client))
}

/// The two stores are asked side by side: most tokens that come are alive.
async fn person(app: &App, token: &VerifiedToken, now: jwks::Time) -> StoreResult<Option<Bearer>> {
    let sid = token.sid().and_then(|sid| Uuid::parse_str(sid).ok());
    let (Ok(user_id), Some(sid)) = (Uuid::parse_str(token.sub()), sid) else { return Ok(None) };
    let endings = endings(token);
    let (session, subject) = tokio::try_join!(
        app.sessions.find_session(user_id, sid, now),
        app.identity.find_subject_and_ends(user_id, sid, &endings),
    )?;
    let (Some(session), Some(subject)) = (session, subject) else { return Ok(None) };
    if is_ended(token, &subject.ended) {
        return Ok(None);
    }
    let user = standing(&subject, &session, token.issued_at());
    Ok(user.map(|user| Bearer::Person(Box::new((user, session)))))
}

/// What ends a token and is no session or person: itself, its grant, everything of its client,
/// everything that its person granted that.
fn endings(token: &VerifiedToken) -> Vec<(CutOffKind, String)> {
    let mut named = vec![
        (CutOffKind::Token, token.jti().to_owned()),
        (CutOffKind::Client, token.client_id().to_owned()),
    ];
    if let Some(id) = token.grant_id() {
        named.push((CutOffKind::Grant, id.to_owned()));
        named.push((CutOffKind::Consent, token.consent_id().to_owned()));
    }
    named
}

fn is_ended(token: &VerifiedToken, ends: &[CutOff]) -> bool {
    ends.iter().any(|end| match end.kind {
        CutOffKind::Consent => token.granted_at().is_some_and(|given_at| given_at <= end.at),
        _ => token.issued_at() <= end.at,
    })
}
