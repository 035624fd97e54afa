//! Signing out: the question, and what comes after it.

use askama::Template;

use super::{ClientCard, Form, Look, Person, Policy, View};

/// `/end_session`: `button[name=decision]`, values `logout` and `stay`.
#[derive(Template)]
#[template(path = "pages/sign_out.html")]
pub struct SignOut<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Where it goes.
    pub form: Form<'v>,
    /// Who asks, where that is known.
    pub client: Option<ClientCard<'v>>,
    /// Who is signed in; `None`: nobody, as far as this browser knows.
    pub who: Option<Person<'v>>,
}

impl View for SignOut<'_> {
    fn policy(&self) -> Policy {
        Policy::default().leading_to(self.form.leads_to)
    }
}

/// Signed out: holds an element `signed-out`, frames what clients registered for it (OpenID
/// Connect Front-Channel Logout section 2), then goes on by itself where there is somewhere to go.
#[derive(Template)]
#[template(path = "pages/signed_out.html")]
pub struct SignedOut<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// The clients' addresses, with `iss` and `sid` where they asked for them.
    pub frames: Vec<String>,
    /// Where it goes on, and the name of the client that is there.
    pub continue_to: Option<(&'v str, &'v str)>,
}

impl View for SignedOut<'_> {
    fn policy(&self) -> Policy {
        Policy::default().framing(&self.frames).with_scripts()
    }
}
