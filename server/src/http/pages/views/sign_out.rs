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
    /// Who will be signed out: everybody who is signed in in this browser.
    pub people: Vec<Person<'v>>,
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
    /// Who was signed out.
    pub ended: Vec<Person<'v>>,
    /// Who is signed in still.
    pub left: Vec<Person<'v>>,
    /// The clients' addresses, with `iss` and `sid` where they asked for them.
    pub frames: Vec<String>,
    /// Where it goes on, and the name of the client that is there.
    pub continue_to: Option<(&'v str, &'v str)>,
}

impl SignedOut<'_> {
    /// Whoever is signed in besides must not take the news for theirs.
    fn title(&self) -> String {
        match self.ended.as_slice() {
            [who] if !self.left.is_empty() => {
                self.look.with("signed-out-one-title", "address", who.address)
            }
            _ => self.look.text("signed-out-title"),
        }
    }
}

impl View for SignedOut<'_> {
    fn policy(&self) -> Policy {
        Policy::default().framing(&self.frames).with_scripts()
    }
}
