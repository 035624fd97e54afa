//! The password once more, of somebody who is signed in.

use askama::Template;

use super::{Form, Look, Person, Policy, Problem, View};

/// Field `password`; `button[name=cancel]` goes no further.
#[derive(Template)]
#[template(path = "pages/confirm_password.html")]
pub struct ConfirmPassword<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Where it goes.
    pub form: Form<'v>,
    /// Whose it is.
    pub who: Person<'v>,
    /// Why it is shown again.
    pub problem: Option<Problem>,
}

impl View for ConfirmPassword<'_> {
    fn policy(&self) -> Policy {
        Policy::default().with_scripts()
    }
}
