use serde::{Deserialize, Serialize};

/// Who may register a client at `/register` (RFC 7591 section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationMode {
    /// Whoever shows an initial access token (`signalbox admin create-initial-access-token`).
    #[default]
    Token,
    /// Anybody.
    Open,
    /// Nobody.
    Off,
}

/// `[registration]`: clients that register themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistrationSection {
    /// Who may: whoever shows an initial access token, anybody, or nobody.
    pub mode: RegistrationMode,
}
