//! An error that may not be told to the client by a redirect (rule 11).

use askama::Template;

use super::{Look, View};

/// At the address where it happened; the element `error-code` holds the code.
#[derive(Template)]
#[template(path = "pages/error.html")]
pub struct ErrorPage<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// The code, as the client would have heard it.
    pub code: &'v str,
    /// `error_description`: for developers.
    pub details: &'v str,
    /// Names the request in the log.
    pub request_id: &'v str,
    /// A way back, where one is known to be good.
    pub back: Option<&'v str>,
}

impl ErrorPage<'_> {
    /// What it means for the person who sees it.
    fn explanation(&self) -> String {
        let key = format!("error-{}", self.code.replace('_', "-"));
        self.look.find(&key, 0).unwrap_or_else(|| self.look.text("error-other"))
    }
}

impl View for ErrorPage<'_> {}
