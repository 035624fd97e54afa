//! `/account`: how things stand.

use askama::Template;

use super::{Shell, When};
use crate::http::pages::views::{Look, View};

/// How things stand, in a few lines, and what would be better.
#[derive(Template)]
#[template(path = "pages/account/overview.html")]
pub struct Overview<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Its frame.
    pub shell: Shell<'v>,
    /// Whether they have proved their mail address.
    pub is_verified: bool,
    /// What would be better; empty where all is well.
    pub advice: Vec<Advice>,
    /// When the password was last set; `None`: there is none.
    pub password_set: Option<When>,
    /// How many factors they have, backup codes apart.
    pub factors: u64,
    /// How many backup codes are left; `None`: they have no factor that those stand in for.
    pub codes_left: Option<u64>,
    /// How many sessions they have, this one included.
    pub sessions: u64,
    /// How many devices they trust.
    pub devices: u64,
    /// Since when there is this account.
    pub since: When,
}

impl Overview<'_> {
    fn second_step(&self) -> String {
        self.look.count("overview-factors", "n", self.factors)
    }

    fn left(&self, codes: &u64) -> String {
        self.look.count("overview-left", "n", *codes)
    }

    fn places(&self) -> String {
        self.look.count("overview-sessions", "n", self.sessions)
    }

    fn trusted(&self) -> String {
        self.look.count("overview-devices", "n", self.devices)
    }
}

/// What would be better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// A second factor: there is none.
    SecondFactor,
    /// New backup codes: so few are left.
    BackupCodes(u64),
}

impl Advice {
    fn title(&self, look: &Look) -> String {
        match self {
            Self::SecondFactor => look.text("advice-second-factor"),
            Self::BackupCodes(0) => look.text("advice-no-codes"),
            Self::BackupCodes(left) => look.count("advice-few-codes", "n", *left),
        }
    }

    fn text(&self, look: &Look) -> String {
        match self {
            Self::SecondFactor => look.text("advice-second-factor-why"),
            Self::BackupCodes(_) => look.text("advice-codes-why"),
        }
    }
}

impl View for Overview<'_> {}
