//! Enrolment of a second factor.

use askama::Template;
use jwks::policy::Method;

use super::{Form, Look, Person, Policy, Problem, View, problem::field_problem, second_factor};
use crate::auth::error::FieldProblem;

/// An authenticator. Fields `code`, `name`; `button[name=method]` chooses another method, and comes without
/// `code`; so does `button[name=cancel]`, which goes no further.
#[derive(Template)]
#[template(path = "pages/enrol.html")]
pub struct Enrol<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Where it goes.
    pub form: Form<'v>,
    /// Whose it will be.
    pub who: Person<'v>,
    /// The QR code, a data URL.
    pub qr_code: &'v str,
    /// The same key, to be typed (base32).
    pub secret: &'v str,
    /// The other methods.
    pub others: &'v [Method],
    /// Why it is shown again.
    pub problem: Option<Problem>,
}

impl Enrol<'_> {
    fn choice(&self, method: &Method) -> String {
        second_factor::choice(self.look, *method)
    }
}

impl View for Enrol<'_> {
    fn policy(&self) -> Policy {
        Policy::default().leading_to(self.form.leads_to).with_scripts()
    }
}

/// A passkey. Fields `name`, and `credential`, which the script puts in; the buttons of [`Enrol`].
#[derive(Template)]
#[template(path = "pages/enrol_passkey.html")]
pub struct EnrolPasskey<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Where it goes.
    pub form: Form<'v>,
    /// Whose it will be.
    pub who: Person<'v>,
    /// What it is made by, in JSON.
    pub options: &'v str,
    /// The other methods.
    pub others: &'v [Method],
    /// Why it is shown again.
    pub problem: Option<Problem>,
}

impl EnrolPasskey<'_> {
    fn choice(&self, method: &Method) -> String {
        second_factor::choice(self.look, *method)
    }
}

impl View for EnrolPasskey<'_> {
    fn policy(&self) -> Policy {
        Policy::default().leading_to(self.form.leads_to).with_scripts()
    }
}

/// Codes by SMS: which number they go to. Field `phone`; the buttons of [`Enrol`].
#[derive(Template)]
#[template(path = "pages/enrol_phone.html")]
pub struct EnrolPhone<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Where it goes.
    pub form: Form<'v>,
    /// Whose it will be.
    pub who: Person<'v>,
    /// What was typed.
    pub phone: &'v str,
    /// The number, masked, that is meant where none is typed; "" where one must be.
    pub own: &'v str,
    /// What is wrong with what was typed.
    pub problems: &'v [FieldProblem],
    /// The other methods.
    pub others: &'v [Method],
    /// Why it is shown again.
    pub problem: Option<Problem>,
}

impl EnrolPhone<'_> {
    fn problem(&self, field: &str) -> String {
        field_problem(self.look, self.problems, field)
    }

    fn choice(&self, method: &Method) -> String {
        second_factor::choice(self.look, *method)
    }
}

impl View for EnrolPhone<'_> {
    fn policy(&self) -> Policy {
        Policy::default().leading_to(self.form.leads_to)
    }
}

/// Codes that are sent: the first one. Field `code`; the buttons of [`Enrol`], of which the one of the
/// method itself sends another code, and `button[name=anew]` asks for another number.
#[derive(Template)]
#[template(path = "pages/enrol_sent.html")]
pub struct EnrolSent<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Where it goes.
    pub form: Form<'v>,
    /// Whose it will be.
    pub who: Person<'v>,
    /// By mail or by SMS.
    pub method: Method,
    /// Where the code went, masked.
    pub sent_to: &'v str,
    /// The other methods.
    pub others: &'v [Method],
    /// Why it is shown again.
    pub problem: Option<Problem>,
}

impl EnrolSent<'_> {
    fn title(&self) -> String {
        match self.method {
            Method::Sms => self.look.text("enrol-sms-title"),
            _ => self.look.text("enrol-mail-title"),
        }
    }

    fn ask(&self) -> String {
        match self.method {
            Method::Sms => self.look.with("second-factor-sms-to", "number", self.sent_to),
            _ => self.look.with("second-factor-mailed-to", "address", self.sent_to),
        }
    }

    fn choice(&self, method: &Method) -> String {
        second_factor::choice(self.look, *method)
    }
}

impl View for EnrolSent<'_> {
    fn policy(&self) -> Policy {
        Policy::default().leading_to(self.form.leads_to)
    }
}

/// The backup codes, shown once, and the way on.
#[derive(Template)]
#[template(path = "pages/enrol_done.html")]
pub struct EnrolDone<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Where it goes on.
    pub form: Form<'v>,
    /// Whose codes they are: their mail address.
    pub address: &'v str,
    /// What was set up.
    pub method: Method,
    /// The codes.
    pub codes: &'v [String],
}

impl EnrolDone<'_> {
    fn title(&self) -> String {
        match self.method {
            Method::Sms => self.look.text("enrol-sms-done-title"),
            Method::EmailOtp => self.look.text("enrol-mail-done-title"),
            Method::Hardware => self.look.text("enrol-passkey-done-title"),
            _ => self.look.text("enrol-done-title"),
        }
    }

    fn text(&self) -> String {
        match self.method {
            Method::Sms | Method::EmailOtp => self.look.text("enrol-sent-done-text"),
            Method::Hardware => self.look.text("enrol-passkey-done-text"),
            _ => self.look.text("enrol-done-text"),
        }
    }
}

impl View for EnrolDone<'_> {
    fn policy(&self) -> Policy {
        Policy::default().leading_to(self.form.leads_to).with_scripts()
    }
}
