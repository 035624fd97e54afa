use serde::{Deserialize, Serialize};

/// `[mail]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailSection {
    /// `capture` (shown at /dev/outbox, on loopback only), `smtps://user:password@host:port`,
    /// `smtp://user:password@host:port?tls=required`, or `smtp://host:port` on loopback.
    #[serde(skip_serializing)]
    pub url: String,
    /// The sender.
    pub from: String,
}

impl Default for MailSection {
    fn default() -> Self {
        Self { url: "capture".into(), from: "Signalbox <signalbox@localhost>".into() }
    }
}
