//! Settings: one struct and one file a section, with the default and the meaning beside the field.

pub mod check;
mod edge;
mod identity;
mod limits;
pub mod load;
mod mail;
mod outgoing;
mod password;
mod policy;
mod problem;
pub mod reference;
mod registration;
mod server;
mod sessions;
mod sms;
mod telemetry;
mod tokens;

use jwks::site::Site;
use serde::{Deserialize, Serialize};
use url::Url;

pub use self::edge::{Certificate, EdgeLimits, EdgeSection};
pub use identity::IdentitySection;
pub use limits::LimitsSection;
pub use mail::MailSection;
pub use outgoing::OutgoingSection;
pub use password::PasswordSection;
pub use policy::PolicySection;
pub use problem::Problem;
pub use registration::{RegistrationMode, RegistrationSection};
pub use server::ServerSection;
pub use sessions::SessionsSection;
pub use sms::{SmsFormat, SmsMethod, SmsSection};
pub use telemetry::TelemetrySection;
pub use tokens::TokensSection;

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The token server.
    pub server: ServerSection,
    /// The edge.
    pub edge: EdgeSection,
    /// Where identity is kept.
    pub identity: IdentitySection,
    /// Where sessions are kept.
    pub sessions: SessionsSection,
    /// How mail leaves.
    pub mail: MailSection,
    /// How messages to telephones leave: codes by SMS.
    pub sms: SmsSection,
    /// Lifetimes and algorithms.
    pub tokens: TokensSection,
    /// Rules for passwords, and what hashing them costs.
    pub password: PasswordSection,
    /// How often anybody may try within 15 minutes, where nothing else is said.
    pub limits: LimitsSection,
    /// What is asked where no site says otherwise.
    pub policy: PolicySection,
    /// What the server fetches from, or posts to, addresses that a client registered.
    pub outgoing: OutgoingSection,
    /// Clients that register themselves.
    pub registration: RegistrationSection,
    /// Traces.
    pub telemetry: TelemetrySection,
    /// A site behind the edge; may stand there several times. They are stored at start; sites made by
    /// command stay beside them.
    pub sites: Vec<Site>,
}

impl Config {
    /// Where people and clients reach the server: `server.public_url`, or `localhost` with the port it
    /// listens on.
    #[must_use]
    pub fn public_url(&self) -> Url {
        self.server.public_url.clone().unwrap_or_else(|| {
            let scheme = if self.server.tls_cert.is_some() { "https" } else { "http" };
            local_url(scheme, self.server.listen.port())
        })
    }
}

#[allow(clippy::expect_used, reason = "a port is a number")]
fn local_url(scheme: &str, port: u16) -> Url {
    format!("{scheme}://localhost:{port}").parse().expect("a host and a port make an address")
}
