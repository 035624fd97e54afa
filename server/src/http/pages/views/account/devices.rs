//! `/account/devices`: what stands in for the second step.

use askama::Template;

use super::{Section, Shell, When};
use crate::http::pages::views::{Look, View};

/// `button[name=end]`: a device's id, or `all`.
#[derive(Template)]
#[template(path = "pages/account/devices.html")]
pub struct Devices<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Its frame.
    pub shell: Shell<'v>,
    /// They, last used first.
    pub devices: Vec<DeviceRow>,
}

/// A trusted device.
#[derive(Clone, Debug)]
pub struct DeviceRow {
    /// Its name for programs.
    pub id: String,
    /// Whether it is this very one.
    pub is_current: bool,
    /// What it is, in words; "" where that is not known.
    pub name: String,
    /// Where it was trusted from.
    pub ip: String,
    /// Since when it is trusted.
    pub since: When,
    /// When somebody last signed in with it.
    pub used: When,
    /// When it counts nowhere any more.
    pub until: When,
}

impl Devices<'_> {
    fn title(&self, device: &DeviceRow) -> String {
        match device.name.as_str() {
            "" => self.look.text("session-unknown"),
            name => name.to_owned(),
        }
    }
}

impl View for Devices<'_> {}
