//! An authorization response that the browser posts (OAuth 2.0 Form Post Response Mode).

use askama::Template;

use super::{Look, Policy, View};

/// Posts itself by a script of ours; its button does without.
#[derive(Template)]
#[template(path = "pages/form_post.html")]
pub struct FormPost<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// The redirect URI.
    pub action: &'v str,
    /// The response: name and value.
    pub fields: Vec<(&'v str, &'v str)>,
}

impl View for FormPost<'_> {
    fn policy(&self) -> Policy {
        Policy::default().leading_to(Some(self.action)).with_scripts()
    }
}
