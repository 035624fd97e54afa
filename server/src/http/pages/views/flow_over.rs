//! A flow that is over: it took too long, or was finished in another tab.

use askama::Template;

use super::{Look, View};

/// Explains itself, and offers the way on.
#[derive(Template)]
#[template(path = "pages/flow_over.html")]
pub struct FlowOver<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// The client it was for, where that is known.
    pub client: Option<&'v str>,
    /// Where that client is, or begins a sign-in.
    pub link: Option<&'v str>,
}

impl View for FlowOver<'_> {}
