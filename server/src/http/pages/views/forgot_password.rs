//! A forgotten password: where the link for a new one is mailed.

use askama::Template;

use super::{Form, Look, Policy, Problem, View, problem::field_problem};
use crate::auth::error::FieldProblem;

/// `/forgot-password`. Field: `email`.
#[derive(Template)]
#[template(path = "pages/forgot_password.html")]
pub struct ForgotPassword<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Where it goes.
    pub form: Form<'v>,
    /// Filled in: what was typed before, or the client's hint.
    pub email: &'v str,
    /// Why it is shown again.
    pub problem: Option<Problem>,
    /// The same, of the field.
    pub problems: &'v [FieldProblem],
    /// The page to sign in at, on the same way.
    pub sign_in: &'v str,
}

impl ForgotPassword<'_> {
    fn wrong(&self) -> String {
        field_problem(self.look, self.problems, "email")
    }
}

impl View for ForgotPassword<'_> {
    fn policy(&self) -> Policy {
        Policy::default().with_scripts()
    }
}

/// The same for every address: whether there is an account shows nowhere but in its mailbox.
#[derive(Template)]
#[template(path = "pages/forgot_password_sent.html")]
pub struct ForgotPasswordSent<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// The page to sign in at, on the same way.
    pub sign_in: &'v str,
}

impl View for ForgotPasswordSent<'_> {}
