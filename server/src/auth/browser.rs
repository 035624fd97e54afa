//! Sessions of browsers: what a browser holds of one, and who is behind it.
//!
//! A browser holds an opaque token for each session it is signed in to (`TokenKind::Browser`, in one
//! cookie, the one used last first). Its hash lies in the session's row, so that ending the session
//! ends it too; a step up replaces it (rule 4).

use super::error::AuthResult;
use crate::{
    app::App,
    domain::{secret::OpaqueToken, session::Session, user::User},
};

/// The most sessions that one browser holds; a further one pushes out the one used longest ago.
pub const SESSIONS_IN_A_BROWSER: usize = 5;

/// A live session of a browser.
pub struct BrowserSession {
    /// The person, as they stand now in the tenant of the session.
    pub user: User,
    /// The session, as it is now.
    pub session: Session,
    /// What the browser holds of it.
    pub token: OpaqueToken,
}

/// The live sessions of a browser, the one used last first.
#[derive(Default)]
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
}

/// Reads what a browser holds (the cookie's value): the sessions of it that are alive and whose
/// people may still sign in. Whatever else is in it counts for nothing.
///
/// # Errors
/// When a store fails.
pub async fn read(app: &App, held: Option<&str>) -> AuthResult<Browser> {
    let _ = (app, held);
    todo!()
}
