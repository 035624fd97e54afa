//! `/account/apps`: whom somebody has let in, and to what.

use askama::Template;

use super::{Section, Shell, When};
use crate::{
    http::pages::views::{Look, View, consent::scopes},
    oauth::scope::OFFLINE_ACCESS,
};

/// `button[name=end]`: an app's `client_id`.
#[derive(Template)]
#[template(path = "pages/account/apps.html")]
pub struct Apps<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Its frame.
    pub shell: Shell<'v>,
    /// They, by name.
    pub apps: Vec<AppRow>,
}

/// An app that was let in.
#[derive(Clone, Debug)]
pub struct AppRow {
    /// Its `client_id`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where this server serves its picture.
    pub logo: Option<String>,
    /// What stands in the place of that.
    pub initial: String,
    /// Whether whoever runs this server let it in for everybody.
    pub is_first_party: bool,
    /// What it may, as scopes.
    pub scopes: Vec<String>,
    /// Since when.
    pub since: When,
    /// When it last got tokens anew, as far as that is known.
    pub used: Option<When>,
}

impl Apps<'_> {
    /// What an app may, in plain words.
    fn may(&self, app: &AppRow) -> Vec<String> {
        let names: Vec<&str> = app.scopes.iter().map(String::as_str).collect();
        let mut words = scopes(self.look, &names);
        if names.contains(&OFFLINE_ACCESS) {
            words.push(self.look.text("scope-offline-access"));
        }
        words
    }

    fn sure(&self, app: &AppRow) -> String {
        self.look.with("app-end-what", "client", &app.name)
    }
}

impl View for Apps<'_> {}
