//! Sign-in: user name and password, or a passkey.

use askama::Template;

use super::{ClientCard, Form, Look, Policy, Problem, View};

/// `/login`. Fields: `username`, `password`, `remember` (checkbox, `on`); or `credential`, which the
/// script puts in.
#[derive(Template)]
#[template(path = "pages/sign_in.html")]
pub struct SignIn<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Where it goes.
    pub form: Form<'v>,
    /// Who asks; `None`: somebody signs in to Signalbox itself.
    pub client: Option<ClientCard<'v>>,
    /// Filled in: what was typed before, or the client's hint.
    pub username: &'v str,
    /// Whether passkeys are offered, to browsers that have some.
    pub offers_passkeys: bool,
    /// Whether staying signed in is offered.
    pub offers_remember: bool,
    /// Whether it is ticked: whoever signs in again is asked to change nothing.
    pub remembers: bool,
    /// Why it is shown again.
    pub problem: Option<Problem>,
    /// The page for those who forgot their password.
    pub forgot: &'v str,
}

impl View for SignIn<'_> {
    fn policy(&self) -> Policy {
        let policy = Policy::default().leading_to(self.form.leads_to);
        if self.offers_passkeys {
            policy.with_scripts().calling_home()
        } else {
            policy.with_scripts()
        }
    }
}
