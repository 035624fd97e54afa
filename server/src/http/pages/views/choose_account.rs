//! Account chooser: which of those who are signed in goes on.

use askama::Template;

use super::{ClientCard, Form, Look, Person, Policy, View};

/// An account that can be chosen.
#[derive(Clone, Debug, Default)]
pub struct Account<'v> {
    /// What the button says: the session.
    pub sid: &'v str,
    /// Whose it is.
    pub who: Person<'v>,
}

/// `button[name=account]`: a session, or `other` for none of these.
#[derive(Template)]
#[template(path = "pages/choose_account.html")]
pub struct ChooseAccount<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Where it goes.
    pub form: Form<'v>,
    /// Who asks.
    pub client: Option<ClientCard<'v>>,
    /// Those who are signed in in this browser.
    pub accounts: Vec<Account<'v>>,
}

impl View for ChooseAccount<'_> {
    fn policy(&self) -> Policy {
        Policy::default().leading_to(self.form.leads_to)
    }
}
