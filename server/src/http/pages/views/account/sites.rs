//! `/account/sites`: where somebody may go.

use askama::Template;

use super::{Section, Shell};
use crate::http::pages::views::{Look, View};

/// Links to sites.
#[derive(Template)]
#[template(path = "pages/account/sites.html")]
pub struct Sites<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Its frame.
    pub shell: Shell<'v>,
    /// They, by name.
    pub sites: Vec<SiteRow>,
}

/// A site that somebody may open.
#[derive(Clone, Debug)]
pub struct SiteRow {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub address: String,
    /// What stands in the place of a picture.
    pub initial: String,
    /// Whether it asks for more than was shown so far.
    pub asks_more: bool,
}

impl View for Sites<'_> {}
