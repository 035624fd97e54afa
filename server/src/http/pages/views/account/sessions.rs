//! `/account/sessions`: where somebody is signed in.

use askama::Template;

use super::{Section, Shell, When};
use crate::http::pages::views::{Look, View};

/// `button[name=end]`: a session's id, or `others`.
#[derive(Template)]
#[template(path = "pages/account/sessions.html")]
pub struct Sessions<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Its frame.
    pub shell: Shell<'v>,
    /// They, newest first.
    pub sessions: Vec<SessionRow>,
}

/// A session.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// Its name for programs.
    pub id: String,
    /// Whether it is the one of this very browser.
    pub is_current: bool,
    /// What it was opened with: a device; or a client that keeps one of its own.
    pub what: Opener,
    /// What it was opened on, in words; "" where that is not known.
    pub device: String,
    /// Where from.
    pub ip: String,
    /// Since when.
    pub since: When,
    /// When it last did anything.
    pub active: When,
    /// When it ends by itself.
    pub until: When,
    /// What the apps are called that took part in it.
    pub apps: Vec<String>,
}

impl SessionRow {
    fn is_app(&self) -> bool {
        matches!(self.what, Opener::App(_))
    }
}

/// What opened a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opener {
    /// Somebody on the pages of this server.
    Browser,
    /// A program, by the sign-in API.
    Api,
    /// An app that keeps its access while nobody is there.
    App(String),
}

impl Sessions<'_> {
    fn has_others(&self) -> bool {
        self.sessions.iter().any(|session| !session.is_current)
    }

    fn title(&self, session: &SessionRow) -> String {
        match &session.what {
            Opener::App(name) => name.clone(),
            _ if session.device.is_empty() => self.look.text("session-unknown"),
            _ => session.device.clone(),
        }
    }

    fn opened(&self, session: &SessionRow) -> String {
        match &session.what {
            Opener::Browser => self.look.text("session-browser"),
            Opener::Api => self.look.text("session-api"),
            Opener::App(_) => self.look.text("session-app"),
        }
    }

    fn apps(&self, session: &SessionRow) -> String {
        session.apps.join(", ")
    }
}

impl View for Sessions<'_> {}
