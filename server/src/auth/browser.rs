//! Sessions of browsers: what a browser holds of one, and who is behind it.
//!
//! A browser holds an opaque token for each session it is signed in to (`TokenKind::Browser`, in one
//! cookie, the one used last first). Its hash lies in the session's row, so that ending the session
//! ends it too; a step up replaces it (rule 4).

use jwks::{Time, policy::Level};
use serde_json::json;
use uuid::Uuid;

use super::{
    bearer, devices,
    error::{AuthError, AuthResult},
    origin::Origin,
    sessions::{look_again, session_end, standing},
};
use crate::{
    app::App,
    clock::random,
    domain::{
        audit::Action,
        secret::{OpaqueToken, TokenKind},
        session::{Proof, Session},
        user::User,
    },
};

/// The most sessions that one browser holds; a further one pushes out the one used longest ago.
pub const SESSIONS_IN_A_BROWSER: usize = 5;
/// What stands between two tokens in what a browser holds. No token has it.
const BETWEEN: char = '~';

/// A live session of a browser.
#[derive(Clone)]
pub struct BrowserSession {
    /// The person, as they stand now in the tenant of the session.
    pub user: User,
    /// The session, as it is now.
    pub session: Session,
    /// What the browser holds of it.
    pub token: OpaqueToken,
}

impl BrowserSession {
    /// Asks for a proof of at least `level`, at most `max_age` seconds old at `now`.
    ///
    /// # Errors
    /// [`AuthError::StepUpRequired`].
    pub fn require(&self, level: Level, max_age: u64, now: Time) -> AuthResult<()> {
        let proof = &self.session.proof;
        bearer::require(Some(proof.acr), Some(proof.auth_time), (level, max_age), now)
    }
}

/// The live sessions of a browser, the one used last first.
#[derive(Clone, Default)]
pub struct Browser {
    /// They.
    pub sessions: Vec<BrowserSession>,
}

impl Browser {
    /// The session used last.
    #[must_use]
    pub fn current(&self) -> Option<&BrowserSession> {
        self.sessions.first()
    }

    /// The session of this name.
    #[must_use]
    pub fn find(&self, sid: Uuid) -> Option<&BrowserSession> {
        self.sessions.iter().find(|held| held.session.sid == sid)
    }

    /// The session of this person, in the tenant they stand in.
    #[must_use]
    pub fn session_of(&self, user: &User) -> Option<&BrowserSession> {
        let is_theirs = |held: &&BrowserSession| {
            held.user.id == user.id && held.session.tenant_id == user.tenant_id
        };
        self.sessions.iter().find(is_theirs)
    }

    /// The same browser, with `held` as the one used last, in the place of what it held of that
    /// person before; and what it pushed out: an older session of theirs, or one too many.
    #[must_use]
    pub fn with(self, held: BrowserSession) -> (Self, Vec<BrowserSession>) {
        let is_theirs = |one: &BrowserSession| {
            one.user.id == held.user.id && one.session.tenant_id == held.session.tenant_id
        };
        let others = self.without(held.session.sid).sessions;
        let (mut pushed_out, others): (Vec<_>, Vec<_>) = others.into_iter().partition(is_theirs);
        let mut sessions = vec![held];
        sessions.extend(others);
        pushed_out.extend(sessions.drain(SESSIONS_IN_A_BROWSER.min(sessions.len())..));
        (Self { sessions }, pushed_out)
    }

    /// The same browser without that session.
    #[must_use]
    pub fn without(mut self, sid: Uuid) -> Self {
        self.sessions.retain(|held| held.session.sid != sid);
        self
    }

    /// What it holds, as one text: the cookie's value.
    #[must_use]
    pub fn held(&self) -> String {
        let tokens: Vec<&str> = self.sessions.iter().map(|held| held.token.as_str()).collect();
        tokens.join(&BETWEEN.to_string())
    }

    /// Until when it is worth holding beyond the browser's own end: only where each of its people
    /// asked to be remembered, the longest.
    #[must_use]
    pub fn remembered_until(&self) -> Option<Time> {
        let is_remembered = self.sessions.iter().all(|held| held.session.remember);
        let ends = self.sessions.iter().map(|held| held.session.expires_at);
        ends.max().filter(|_| is_remembered)
    }
}

/// Reads what a browser holds (the cookie's value): the sessions of it that are alive and whose
/// people may still sign in. Whatever else is in it counts for nothing.
///
/// # Errors
/// When a store fails.
pub async fn read(app: &App, held: Option<&str>) -> AuthResult<Browser> {
    let now = app.clock.now();
    let mut browser = Browser::default();
    let tokens = held.unwrap_or_default().split(BETWEEN).take(SESSIONS_IN_A_BROWSER);
    for token in tokens.filter_map(|text| OpaqueToken::parse(TokenKind::Browser, text)) {
        let &[user_id, sid] = token.names() else { continue };
        if browser.find(sid).is_some() {
            continue;
        }
        // Side by side: most of what browsers hold is alive.
        let (session, subject) = tokio::try_join!(
            app.sessions.find_session(user_id, sid, now),
            app.identity.find_subject(user_id, sid),
        )?;
        let hash = token.hash();
        let Some(session) = session.filter(|session| session.browser == Some(hash)) else {
            continue;
        };
        let user = subject.and_then(|subject| standing(&subject, &session, session.created_at));
        let Some(user) = user else { continue };
        let session = devices::judge_anew(app, session, &user, now).await?;
        browser.sessions.push(BrowserSession { user, session, token });
    }
    Ok(browser)
}

/// What a browser will hold of session `sid`.
#[must_use]
pub fn new_token(user_id: Uuid, sid: Uuid) -> OpaqueToken {
    OpaqueToken::new(TokenKind::Browser, &[user_id, sid], random())
}

/// Gives the session of a browser a new proof, and the browser a new token for it: who held the
/// one before does not rise with the session.
///
/// # Errors
/// [`AuthError::InvalidToken`] when the session ended meanwhile, or was raised beside this; or
/// when what `user` was judged by has changed.
pub async fn raise(
    app: &App,
    origin: &Origin,
    user: &User,
    held: &BrowserSession,
    proof: &Proof,
    now: Time,
) -> AuthResult<BrowserSession> {
    let sid = held.session.sid;
    let details = json!({ "sid": sid, "amr": proof.amr, "step_up": true });
    let event = origin.event(Action::LoginSuccess, Some(user), now, details);
    app.identity.record_login(user.id, now, &event).await?;
    let token = new_token(user.id, sid);
    let presented = held.token.hash();
    let session =
        app.sessions.raise_browser(user.id, sid, &presented, proof, &token.hash(), now).await?;
    let session = session.ok_or(AuthError::InvalidToken)?;
    look_again(app, origin, user, &session, now).await?;
    Ok(BrowserSession { user: user.clone(), session, token })
}

/// Signs a browser out of one session, and ends every token of it.
///
/// # Errors
/// When a store fails.
pub async fn end(app: &App, origin: &Origin, held: &BrowserSession) -> AuthResult<()> {
    let now = app.clock.now();
    let sid = held.session.sid;
    let event = origin.event(Action::Logout, Some(&held.user), now, json!({ "sid": sid }));
    app.identity.cut_off(&[session_end(app, sid, now)], &event).await?;
    app.sessions.close_session(held.user.id, sid).await?;
    Ok(())
}

/// Ends a session that its browser holds no longer, since nobody could sign out of it any more. One
/// that was raised meanwhile is held by what another tab was given, and goes on.
///
/// # Errors
/// When a store fails.
pub async fn let_go(app: &App, origin: &Origin, held: &BrowserSession) -> AuthResult<()> {
    let (user_id, sid, now) = (held.user.id, held.session.sid, app.clock.now());
    let session = app.sessions.find_session(user_id, sid, now).await?;
    if session.is_some_and(|session| session.browser == Some(held.token.hash())) {
        end(app, origin, held).await?;
    }
    Ok(())
}
