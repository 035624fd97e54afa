//! Pages behind mailed and printed links.

use askama::Template;

use super::{Form, Look, Person, Policy, Problem, View, problem::field_problem};
use crate::auth::{
    error::FieldProblem,
    invitations::{Guest, Invitation},
    setup,
};

/// `/setup`: the first admin, with password and authenticator in one form.
#[derive(Template)]
#[template(path = "pages/setup.html")]
pub struct Setup<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// The link's.
    pub token: &'v str,
    /// The authenticator to add.
    pub form: &'v setup::Form,
    /// As typed before.
    pub email: &'v str,
    /// As typed before.
    pub name: &'v str,
    /// Why it is shown again.
    pub problems: &'v [FieldProblem],
}

impl Setup<'_> {
    fn problem(&self, field: &str) -> String {
        field_problem(self.look, self.problems, field)
    }
}

impl View for Setup<'_> {
    fn policy(&self) -> Policy {
        Policy::default().with_scripts()
    }
}

/// The first admin is there: the backup codes, shown once.
#[derive(Template)]
#[template(path = "pages/setup_done.html")]
pub struct SetupDone<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// The admin's address.
    pub email: &'v str,
    /// The codes.
    pub codes: &'v [String],
}

impl View for SetupDone<'_> {
    fn policy(&self) -> Policy {
        Policy::default().with_scripts()
    }
}

/// `/verify-email`: a button that proves the address.
#[derive(Template)]
#[template(path = "pages/verify_email.html")]
pub struct VerifyEmail<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// The link's.
    pub token: &'v str,
}

impl View for VerifyEmail<'_> {}

/// `/not-me`: a button that ends everything of an account, and closes it.
#[derive(Template)]
#[template(path = "pages/not_me.html")]
pub struct NotMe<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// The link's.
    pub token: &'v str,
    /// Where its letter went.
    pub address: &'v str,
}

impl View for NotMe<'_> {}

/// `/recovery`: field `password`.
#[derive(Template)]
#[template(path = "pages/recovery.html")]
pub struct Recovery<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Where it goes.
    pub form: Form<'v>,
    /// Whose factors are lost.
    pub who: Person<'v>,
    /// Why it is shown again.
    pub problem: Option<Problem>,
}

impl View for Recovery<'_> {
    fn policy(&self) -> Policy {
        Policy::default().with_scripts()
    }
}

/// `/recovery`, before its link is good.
#[derive(Template)]
#[template(path = "pages/recovery_waits.html")]
pub struct RecoveryWaits<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Whose factors are lost.
    pub who: Person<'v>,
    /// From when on it is.
    pub opens_at: &'v str,
}

impl View for RecoveryWaits<'_> {}

/// `/reset-password`: a new password.
#[derive(Template)]
#[template(path = "pages/reset_password.html")]
pub struct ResetPassword<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// The link's.
    pub token: &'v str,
    /// Whose password.
    pub email: &'v str,
    /// Why it is shown again.
    pub problems: &'v [FieldProblem],
}

impl ResetPassword<'_> {
    fn problem(&self, field: &str) -> String {
        field_problem(self.look, self.problems, field)
    }
}

impl View for ResetPassword<'_> {
    fn policy(&self) -> Policy {
        Policy::default().with_scripts()
    }
}

/// `/invitation`: whoever has an account is asked for neither name nor password.
#[derive(Template)]
#[template(path = "pages/invitation.html")]
pub struct Invited<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// The link's.
    pub token: &'v str,
    /// Who is invited, to what.
    pub invitation: &'v Invitation,
    /// As typed before, or as the inviter wrote it.
    pub name: &'v str,
    /// Why it is shown again.
    pub problems: &'v [FieldProblem],
}

impl Invited<'_> {
    const fn has_account(&self) -> bool {
        matches!(self.invitation.guest, Guest::Member(_))
    }

    fn problem(&self, field: &str) -> String {
        field_problem(self.look, self.problems, field)
    }
}

impl View for Invited<'_> {
    fn policy(&self) -> Policy {
        let policy = Policy::default();
        if self.has_account() { policy } else { policy.with_scripts() }
    }
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "pages/message.html")]
pub struct Message<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// In a few words.
    pub title: &'v str,
    /// In a sentence.
    pub text: &'v str,
}

impl View for Message<'_> {}
