//! Devices that ask to be let in (RFC 8628 section 3.3).

use askama::Template;

use super::{ClientCard, Form, Look, Person, Problem, View, consent::scopes};
use crate::oauth::scope::OFFLINE_ACCESS;

/// `/device`. Field `user_code`.
#[derive(Template)]
#[template(path = "pages/device_code.html")]
pub struct DeviceCode<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Where it goes.
    pub form: Form<'v>,
    /// Filled in, as the device showed it.
    pub user_code: &'v str,
    /// Why it is shown again.
    pub problem: Option<Problem>,
}

impl View for DeviceCode<'_> {}

/// Which device asks, for what: `button[name=decision]`, values `allow` and `deny`.
#[derive(Template)]
#[template(path = "pages/device_confirm.html")]
pub struct DeviceConfirm<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Where it goes.
    pub form: Form<'v>,
    /// Who asks.
    pub client: ClientCard<'v>,
    /// Who is asked.
    pub who: Person<'v>,
    /// The code, to be compared with the device's.
    pub user_code: &'v str,
    /// The scopes asked for.
    pub scopes: Vec<&'v str>,
    /// Where the device will act for the person (RFC 8707), beyond this server.
    pub audiences: Vec<&'v str>,
}

impl DeviceConfirm<'_> {
    fn asks(&self) -> Vec<String> {
        scopes(self.look, &self.scopes)
    }

    fn is_offline(&self) -> bool {
        self.scopes.contains(&OFFLINE_ACCESS)
    }
}

impl View for DeviceConfirm<'_> {}

/// What was said, and that the page can be closed.
#[derive(Template)]
#[template(path = "pages/device_done.html")]
pub struct DeviceDone<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Whether the device was let in.
    pub is_allowed: bool,
}

impl View for DeviceDone<'_> {}
