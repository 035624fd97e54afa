//! Who calls a use case of an account: somebody with a bearer token, on the server's own surfaces, or
//! with a browser's session.

use std::time::Duration;

use jwks::{Time, policy::Level};
use uuid::Uuid;

use super::{
    browser::BrowserSession,
    error::{AuthError, AuthResult},
    sessions::standing,
};
use crate::{
    app::App,
    domain::{session::Session, user::User},
};

/// How old a proof may be where factors, passwords and addresses change (rule 24), seconds.
pub const FRESH: u64 = 300;

/// Where a token must be meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The server itself (`aud` is the issuer).
    Issuer,
    /// Anywhere: only for calls that take power away.
    Anywhere,
}

/// Somebody with a live session: by a valid token of it, or in a browser that holds it.
#[derive(Clone)]
pub struct Caller {
    /// The person, as they stand now in the tenant of the session.
    pub user: User,
    /// The session, as it is now.
    pub session: Session,
    /// The level that the credential shows: a token from before a step up shows the older one.
    pub level: Option<Level>,
    /// When that was proved.
    pub proved_at: Option<Time>,
}

impl From<&BrowserSession> for Caller {
    /// What a browser holds shows what the session rests on now.
    fn from(held: &BrowserSession) -> Self {
        let proof = &held.session.proof;
        Self {
            user: held.user.clone(),
            session: held.session.clone(),
            level: Some(proof.acr),
            proved_at: Some(proof.auth_time),
        }
    }
}

impl Caller {
    /// Asks for a proof of at least `level`, at most `max_age` seconds old at `now`.
    ///
    /// # Errors
    /// [`AuthError::StepUpRequired`].
    pub fn require(&self, level: Level, max_age: u64, now: Time) -> AuthResult<()> {
        require(self.level, self.proved_at, (level, max_age), now)
    }
}

/// Asks of a proof, of `reached` and `proved_at`, for a level, and how old it may be (seconds).
///
/// # Errors
/// [`AuthError::StepUpRequired`].
pub fn require(
    reached: Option<Level>,
    proved_at: Option<Time>,
    (level, max_age): (Level, u64),
    now: Time,
) -> AuthResult<()> {
    let strong = reached.is_some_and(|reached| reached >= level);
    let max = Duration::from_secs(max_age);
    let fresh = proved_at.is_some_and(|proved_at| now.since(proved_at) <= max);
    if strong && fresh { Ok(()) } else { Err(AuthError::StepUpRequired { acr: level, max_age }) }
}

/// Judges a bearer token of surface `client_id`: signature and claims, then session and person as
/// they are now. Stricter than the edge can be, and dearer: three look-ups.
///
/// # Errors
/// [`AuthError::InvalidToken`].
pub async fn authenticate(
    app: &App,
    token: &str,
    client_id: &str,
    place: Place,
) -> AuthResult<Caller> {
    let now = app.clock.now();
    let token = app
        .verdicts
        .get_or_verify(&app.keys.published(), &app.issuer, token, now)
        .map_err(|_| AuthError::InvalidToken)?;
    if token.client_id() != client_id
        || (place == Place::Issuer && !token.has_audience(&app.issuer))
    {
        return Err(AuthError::InvalidToken);
    }
    let user_id = Uuid::parse_str(token.sub()).map_err(|_| AuthError::InvalidToken)?;
    let sid = token.sid().and_then(|sid| Uuid::parse_str(sid).ok());
    let sid = sid.ok_or(AuthError::InvalidToken)?;
    let session =
        app.sessions.find_session(user_id, sid, now).await?.ok_or(AuthError::InvalidToken)?;
    let subject = app.identity.find_subject(user_id, sid).await?.ok_or(AuthError::InvalidToken)?;
    let user = standing(&subject, &session, token.issued_at()).ok_or(AuthError::InvalidToken)?;
    Ok(Caller { user, session, level: token.level(), proved_at: token.auth_time() })
}
