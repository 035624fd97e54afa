//! `/account/email` and `/account/phone`: another mail address, another telephone number.

use askama::Template;

use super::Shell;
use crate::{
    auth::error::FieldProblem,
    http::pages::views::{Look, Policy, Problem, View, problem::field_problem},
};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// By mail.
    Email,
    /// By telephone.
    Phone,
}

impl Reach {
    /// Where it is changed.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Email => "/account/email",
            Self::Phone => "/account/phone",
        }
    }

    /// What the field is called, and what is wrong with it.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
        }
    }
}

/// One of them: field `email` or `phone`, with `button[name=act]`, value `begin`; then field `code`,
/// values `confirm`, `anew`; and `remove`.
#[derive(Template)]
#[template(path = "pages/account/address.html")]
pub struct AddressPage<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Its frame.
    pub shell: Shell<'v>,
    /// Which.
    pub reach: Reach,
    /// What it is now, and whether it is proved; `None`: there is none.
    pub present: Option<(String, bool)>,
    /// Whether another one can be asked for here.
    pub can_change: bool,
    /// Where a code went, masked; `None`: none was asked for.
    pub sent_to: Option<String>,
    /// As typed before.
    pub typed: &'v str,
    /// What is wrong with that.
    pub problems: &'v [FieldProblem],
    /// Why it is shown again, whatever was typed.
    pub problem: Option<Problem>,
}

impl AddressPage<'_> {
    fn title(&self) -> String {
        match self.reach {
            Reach::Email => self.look.text("email-change"),
            Reach::Phone => self.look.text("phone-change"),
        }
    }

    fn why(&self) -> String {
        match self.reach {
            Reach::Email => self.look.text("email-change-why"),
            Reach::Phone => self.look.text("phone-change-why"),
        }
    }

    fn what(&self) -> String {
        match self.reach {
            Reach::Email => self.look.text("field-email"),
            Reach::Phone => self.look.text("profile-phone"),
        }
    }

    fn label(&self) -> String {
        match self.reach {
            Reach::Email => self.look.text("email-new"),
            Reach::Phone => self.look.text("phone-new"),
        }
    }

    fn ask(&self, sent_to: &str) -> String {
        match self.reach {
            Reach::Email => self.look.with("second-factor-mailed-to", "address", sent_to),
            Reach::Phone => self.look.with("second-factor-sms-to", "number", sent_to),
        }
    }

    fn is_phone(&self) -> bool {
        self.reach == Reach::Phone
    }

    fn may_remove(&self) -> bool {
        self.is_phone() && self.present.is_some()
    }

    fn wrong(&self) -> String {
        field_problem(self.look, self.problems, self.reach.field())
    }
}

impl View for AddressPage<'_> {
    fn policy(&self) -> Policy {
        Policy::default().with_scripts()
    }
}
