//! Re-authentication: the password of somebody who is signed in.

use askama::Template;

use super::{ClientCard, Form, Look, Person, Policy, Problem, View};

/// Field `password`.
#[derive(Template)]
#[template(path = "pages/reauthenticate.html")]
pub struct Reauthenticate<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Where it goes.
    pub form: Form<'v>,
    /// Who asks.
    pub client: Option<ClientCard<'v>>,
    /// Who is signed in.
    pub who: Person<'v>,
    /// Why it is shown again.
    pub problem: Option<Problem>,
}

impl View for Reauthenticate<'_> {
    fn policy(&self) -> Policy {
        Policy::default().leading_to(self.form.leads_to).with_scripts()
    }
}
