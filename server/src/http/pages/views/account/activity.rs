//! `/account/activity`: what happened lately.

use askama::Template;
use jwks::policy::Method;

use super::{Section, Shell, When, security::kind};
use crate::http::pages::views::{Look, View};

/// What happened, newest first.
#[derive(Template)]
#[template(path = "pages/account/activity.html")]
pub struct ActivityPage<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Its frame.
    pub shell: Shell<'v>,
    /// It.
    pub events: Vec<EventRow>,
    /// Where what comes after these is; `None`: there is no more.
    pub older: Option<String>,
    /// Whether newer ones were passed.
    pub is_newest: bool,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// What, as it is named on the wire.
    pub event: String,
    /// Whether somebody else who may did it.
    pub is_of_admin: bool,
    /// When.
    pub when: When,
    /// On what, in words; "" where that is not told.
    pub device: String,
    /// From where; "" where that is not told.
    pub ip: String,
    /// The app it is about.
    pub client: Option<String>,
    /// The method of the factor it is about, as it is named on the wire.
    pub method: Option<String>,
    /// What the thing it is about is called.
    pub name: Option<String>,
    /// Why, in a word of the wire.
    pub reason: Option<String>,
}

/// What the owner of an account should look at twice.
const ALARMING: [&str; 7] = [
    "auth.login.failed",
    "auth.refresh.reused",
    "auth.account.locked",
    "auth.account.blocked",
    "auth.recovery.issued",
    "auth.recovery.used",
    "oauth.code.reused",
];

impl EventRow {
    fn title(&self, look: &Look) -> String {
        look.find(&key("activity", &self.event), 0)
            .unwrap_or_else(|| look.with("activity-other", "event", &self.event))
    }

    /// What it is about, and why; whatever of that is told.
    fn about(&self, look: &Look) -> String {
        let method = self.method.as_deref().map(|method| {
            let known = Method::ALL.into_iter().find(|one| one.as_str() == method);
            known.map_or_else(|| method.to_owned(), |method| kind(look, method))
        });
        let why = self.reason.as_deref();
        let reason = why.and_then(|reason| look.find(&key("activity-reason", reason), 0));
        let told = [self.client.clone(), self.name.clone(), method, reason];
        told.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    fn is_alarming(&self) -> bool {
        ALARMING.contains(&self.event.as_str())
    }

    fn from(&self) -> String {
        let told = [&self.device, &self.ip].into_iter().filter(|told| !told.is_empty());
        told.cloned().collect::<Vec<_>>().join(" · ")
    }
}

/// The key of a text that is named by a word of the wire.
fn key(kind: &str, word: &str) -> String {
    let word = word.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    format!("{kind}-{}", word.to_ascii_lowercase())
}

impl View for ActivityPage<'_> {}
