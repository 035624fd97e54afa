use std::fmt;

use serde::{Deserialize, Serialize};

/// What is wrong with a setting, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The setting, as `section.key`, or the file.
    pub setting: String,
    /// What is wrong. Never the value of a secret.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Problem {
    /// A problem of `setting`.
    pub fn new(
        setting: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { setting: setting.into(), what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.setting, self.what, self.remedy)
    }
}
