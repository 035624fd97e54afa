//! Second factor: a code of one of the methods that the person has, or a passkey.

use askama::Template;
use jwks::policy::Method;

use super::{ClientCard, Form, Look, Person, Policy, Problem, View};

/// Why a code is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It belongs to signing in.
    SignIn,
    /// More is asked than was proved so far.
    StepUp,
    /// What was proved is too old.
    Reauthentication,
}

/// `/mfa`. Field `code`, or `credential`, which the script puts in; checkbox `trust_device` (`on`); `button[name=method]` chooses another
/// method, or sends a mailed code again, and comes without either; so does `button[name=cancel]`,
/// which goes no further.
#[derive(Template)]
#[template(path = "pages/second_factor.html")]
pub struct SecondFactor<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Where both its forms go.
    pub form: Form<'v>,
    /// Who asks.
    pub client: Option<ClientCard<'v>>,
    /// Who is asked.
    pub who: Person<'v>,
    /// Why.
    pub reason: Reason,
    /// Every method the person can choose.
    pub methods: &'v [Method],
    /// The one whose code is asked for.
    pub method: Method,
    /// What a passkey is asked for with, in JSON, where one is.
    pub options: Option<&'v str>,
    /// Where a code went that was sent, masked.
    pub sent_to: Option<&'v str>,
    /// Whether trusting the device is offered.
    pub offers_trust: bool,
    /// Why it is shown again.
    pub problem: Option<Problem>,
}

/// A method among those that can be chosen.
pub(super) fn choice(look: &Look, method: Method) -> String {
    match method {
        Method::EmailOtp => look.text("method-mail"),
        Method::Sms => look.text("method-sms"),
        Method::BackupCode => look.text("method-backup"),
        Method::Hardware => look.text("method-hardware"),
        Method::Totp => look.text("method-totp"),
    }
}

impl SecondFactor<'_> {
    fn title(&self) -> String {
        self.look.text(match self.reason {
            Reason::SignIn => "second-factor-title",
            Reason::StepUp => "step-up-title",
            Reason::Reauthentication => "reauthenticate-title",
        })
    }

    fn ask(&self) -> String {
        match (self.method, self.sent_to) {
            (Method::EmailOtp, Some(address)) => {
                self.look.with("second-factor-mailed-to", "address", address)
            }
            (Method::EmailOtp, None) => self.look.text("second-factor-mailed"),
            (Method::Sms, Some(number)) => self.look.with("second-factor-sms-to", "number", number),
            (Method::Sms, None) => self.look.text("second-factor-sms"),
            (Method::BackupCode, _) => self.look.text("second-factor-backup"),
            (Method::Hardware, _) => self.look.text("second-factor-passkey"),
            (Method::Totp, _) => self.look.text("second-factor-totp"),
        }
    }

    fn choice(&self, method: &Method) -> String {
        choice(self.look, *method)
    }

    /// The other methods.
    fn others(&self) -> impl Iterator<Item = &Method> {
        self.methods.iter().filter(|method| **method != self.method)
    }

    /// Whether codes of this method are sent, and can be sent again.
    fn is_sent(&self) -> bool {
        matches!(self.method, Method::EmailOtp | Method::Sms)
    }

    /// Whether its codes are digits alone: telephones show the keys for them.
    fn is_numeric(&self) -> bool {
        self.method != Method::BackupCode
    }
}

impl View for SecondFactor<'_> {
    fn policy(&self) -> Policy {
        let policy = Policy::default().leading_to(self.form.leads_to);
        if self.options.is_some() { policy.with_scripts() } else { policy }
    }
}
