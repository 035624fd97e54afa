//! `/account/security` and what belongs to it: password, factors, backup codes.

use askama::Template;
use jwks::policy::Method;

use super::{Shell, When};
use crate::{
    auth::error::FieldProblem,
    http::pages::views::{Look, Policy, Problem, View, problem::field_problem},
};

/// What guards the account.
#[derive(Template)]
#[template(path = "pages/account/security.html")]
pub struct Security<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Its frame.
    pub shell: Shell<'v>,
    /// When the password was last set; `None`: there is none.
    pub password_set: Option<When>,
    /// The factors, oldest first, without the backup codes.
    pub factors: Vec<FactorRow>,
    /// What may be added.
    pub offers: Vec<Method>,
    /// How many backup codes are left; `None`: there are none to be had.
    pub codes_left: Option<u32>,
}

/// A factor.
#[derive(Clone, Debug)]
pub struct FactorRow {
    /// Its name for programs.
    pub id: String,
    /// Its kind.
    pub method: Method,
    /// What its owner calls it.
    pub name: String,
    /// Whether sign-in begins with it.
    pub is_default: bool,
    /// Of a passkey: whether it can be on other devices too.
    pub is_synced: Option<bool>,
    /// Since when it counts.
    pub since: When,
    /// When it last proved anything.
    pub used: Option<When>,
}

impl FactorRow {
    /// Its kind, in words.
    fn kind(&self, look: &Look) -> String {
        kind(look, self.method)
    }

    /// Its picture, as [`super::Section::picture`].
    fn picture(&self) -> &'static str {
        picture(self.method)
    }
}

/// A method of proving, in words.
pub(super) fn kind(look: &Look, method: Method) -> String {
    match method {
        Method::Totp => look.text("factor-totp"),
        Method::Sms => look.text("factor-sms"),
        Method::EmailOtp => look.text("factor-mail"),
        Method::Hardware => look.text("factor-hardware"),
        Method::BackupCode => look.text("overview-codes"),
    }
}

const fn picture(method: Method) -> &'static str {
    match method {
        Method::Totp => "M7.5 3h9v18h-9zM10.5 18h3M10 8.5h4M10 11.5h4",
        Method::Sms => "M4 5h16v11H11l-4.5 4v-4H4zM8 10.5h.01M12 10.5h.01M16 10.5h.01",
        Method::EmailOtp => "M3.5 6h17v12h-17zM4 7l8 6 8-6",
        Method::Hardware => {
            "M8 15.5a3.75 3.75 0 1 0 0-7.5 3.75 3.75 0 0 0 0 7.5M11.7 11.75H21v3M17.5 11.75v2.5"
        }
        Method::BackupCode => "M5 4h14v16H5zM8.5 9h7M8.5 12.5h7M8.5 16h4",
    }
}

impl Security<'_> {
    fn offer(&self, method: &Method) -> String {
        match method {
            Method::Totp => self.look.text("add-totp"),
            Method::Sms => self.look.text("add-sms"),
            Method::EmailOtp => self.look.text("add-mail"),
            Method::Hardware | Method::BackupCode => self.look.text("add-hardware"),
        }
    }

    fn offer_why(&self, method: &Method) -> String {
        match method {
            Method::Totp => self.look.text("add-totp-why"),
            Method::Sms => self.look.text("add-sms-why"),
            Method::EmailOtp => self.look.text("add-mail-why"),
            Method::Hardware | Method::BackupCode => self.look.text("add-hardware-why"),
        }
    }

    fn offer_picture(&self, method: &Method) -> &'static str {
        picture(*method)
    }

    fn offer_path(&self, method: &Method) -> String {
        format!("/account/security/add/{}", method.as_str())
    }

    fn left(&self, codes: &u32) -> String {
        self.look.count("codes-left", "n", u64::from(*codes))
    }
}

impl View for Security<'_> {}

/// One factor: field `name`; `button[name=act]`, values `rename`, `prefer`, `remove`.
#[derive(Template)]
#[template(path = "pages/account/factor.html")]
pub struct FactorPage<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Its frame.
    pub shell: Shell<'v>,
    /// It.
    pub factor: FactorRow,
    /// Whether it is the only one: the backup codes go with it.
    pub is_last: bool,
    /// The name, as typed before.
    pub name: &'v str,
    /// Why it is shown again.
    pub problems: &'v [FieldProblem],
}

impl FactorPage<'_> {
    fn path(&self) -> String {
        format!("/account/security/factors/{}", self.factor.id)
    }

    fn problem(&self, field: &str) -> String {
        field_problem(self.look, self.problems, field)
    }
}

impl View for FactorPage<'_> {}

/// New backup codes, shown this once: to be copied, printed, or kept as a file.
#[derive(Template)]
#[template(path = "pages/account/codes.html")]
pub struct NewCodes<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Its frame.
    pub shell: Shell<'v>,
    /// They.
    pub codes: &'v [String],
}

impl View for NewCodes<'_> {
    fn policy(&self) -> Policy {
        Policy::default().with_scripts()
    }
}

/// A new password: fields `current`, `password`.
#[derive(Template)]
#[template(path = "pages/account/password.html")]
pub struct NewPassword<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Its frame.
    pub shell: Shell<'v>,
    /// What is wrong with the new one.
    pub problems: &'v [FieldProblem],
    /// How hard the one that was refused is to guess, 0 to 4.
    pub strength: Option<u8>,
    /// Why it is shown again, whatever the new one is.
    pub problem: Option<Problem>,
}

impl NewPassword<'_> {
    fn problem(&self, field: &str) -> String {
        // What is wrong with the new one is of a field that has its own name elsewhere.
        field_problem(
            self.look,
            self.problems,
            if field == "password" { "new_password" } else { field },
        )
    }

    fn strength_name(&self, strength: &u8) -> String {
        match strength {
            0 | 1 => self.look.text("strength-1"),
            2 => self.look.text("strength-2"),
            3 => self.look.text("strength-3"),
            _ => self.look.text("strength-4"),
        }
    }
}

impl View for NewPassword<'_> {
    fn policy(&self) -> Policy {
        Policy::default().with_scripts().calling_home()
    }
}
