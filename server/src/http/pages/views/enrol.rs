//! Enrolment of an authenticator, or a passkey, by somebody who must have a second factor.

use askama::Template;
use jwks::policy::Method;

use super::{Form, Look, Person, Policy, Problem, View};

/// Field `code`; `button[name=method]` sets up another one, `button[name=cancel]` goes no further.
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
    /// Whether a passkey would do.
    pub offers_passkeys: bool,
    /// Why it is shown again.
    pub problem: Option<Problem>,
}

impl View for Enrol<'_> {
    fn policy(&self) -> Policy {
        Policy::default().leading_to(self.form.leads_to).with_scripts()
    }
}

/// Fields `name`, and `credential`, which the script puts in; buttons as of [`Enrol`].
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
    /// Whether an authenticator app would do.
    pub offers_authenticator: bool,
    /// Why it is shown again.
    pub problem: Option<Problem>,
}

impl View for EnrolPasskey<'_> {
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
    /// What was set up.
    pub method: Method,
    /// The codes.
    pub codes: &'v [String],
}

impl EnrolDone<'_> {
    fn title(&self) -> String {
        self.look.text(match self.method {
            Method::Hardware => "enrol-passkey-done-title",
            _ => "enrol-done-title",
        })
    }

    fn text(&self) -> String {
        self.look.text(match self.method {
            Method::Hardware => "enrol-passkey-done-text",
            _ => "enrol-done-text",
        })
    }
}

impl View for EnrolDone<'_> {
    fn policy(&self) -> Policy {
        Policy::default().leading_to(self.form.leads_to).with_scripts()
    }
}
