//! Enrolment of an authenticator by somebody who must have a second factor.

use askama::Template;

use super::{Form, Look, Person, Policy, Problem, View};

/// Field `code`; `button[name=cancel]` goes no further.
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
    /// Why it is shown again.
    pub problem: Option<Problem>,
}

impl View for Enrol<'_> {
    fn policy(&self) -> Policy {
        Policy::default().leading_to(self.form.leads_to).with_scripts()
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
    /// The codes.
    pub codes: &'v [String],
}

impl View for EnrolDone<'_> {
    fn policy(&self) -> Policy {
        Policy::default().leading_to(self.form.leads_to).with_scripts()
    }
}
