//! Site policy: what a site asks of those who call it.

use std::{fmt, net::IpAddr, str::FromStr, time::Duration};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::validate::is_mapped;

/// How sure we are who somebody is; the order is the strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// One factor.
    #[serde(rename = "urn:signalbox:1fa")]
    OneFactor,
    /// Two factors.
    #[serde(rename = "urn:signalbox:2fa")]
    TwoFactor,
    /// A phishing-resistant proof (WebAuthn).
    #[serde(rename = "urn:signalbox:phr")]
    PhishingResistant,
}

impl Level {
    /// The `acr` value.
    #[must_use]
    pub const fn acr(self) -> &'static str {
        match self {
            Self::OneFactor => "urn:signalbox:1fa",
            Self::TwoFactor => "urn:signalbox:2fa",
            Self::PhishingResistant => "urn:signalbox:phr",
        }
    }

    /// The level an `acr` value names.
    #[must_use]
    pub fn from_acr(acr: &str) -> Option<Self> {
        [Self::OneFactor, Self::TwoFactor, Self::PhishingResistant]
            .into_iter()
            .find(|level| level.acr() == acr)
    }
}

/// What a site asks for before anybody gets through.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Require {
    /// Nothing.
    Public,
    /// A sign-in.
    SignedIn,
    /// A second factor: what a new site asks for.
    #[default]
    #[serde(rename = "2fa")]
    TwoFactor,
    /// A passkey or security key.
    PhishingResistant,
}

impl Require {
    /// The level to reach; `None` for a public site.
    #[must_use]
    pub const fn level(self) -> Option<Level> {
        match self {
            Self::Public => None,
            Self::SignedIn => Some(Level::OneFactor),
            Self::TwoFactor => Some(Level::TwoFactor),
            Self::PhishingResistant => Some(Level::PhishingResistant),
        }
    }

    /// As it is written in policies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::SignedIn => "signed_in",
            Self::TwoFactor => "2fa",
            Self::PhishingResistant => "phishing_resistant",
        }
    }
}

impl fmt::Display for Require {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Require {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::Public, Self::SignedIn, Self::TwoFactor, Self::PhishingResistant]
            .into_iter()
            .find(|require| require.as_str() == name)
            .ok_or_else(|| {
                format!("`{name}` is not one of public, signed_in, 2fa, phishing_resistant")
            })
    }
}

/// The kinds of second factor, as they are named on every surface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Method {
    /// Time-based one-time passwords (RFC 6238).
    Totp,
    /// A code by SMS.
    Sms,
    /// A code by mail.
    EmailOtp,
    /// Passkeys and security keys (WebAuthn).
    Hardware,
    /// One of ten codes on paper.
    BackupCode,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 5] =
        [Self::Totp, Self::Sms, Self::EmailOtp, Self::Hardware, Self::BackupCode];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "TOTP",
            Self::Sms => "SMS",
            Self::EmailOtp => "EMAIL_OTP",
            Self::Hardware => "HARDWARE",
            Self::BackupCode => "BACKUP_CODE",
        }
    }

    /// The `amr` values that show this method was used, and no other was: those of RFC 8176
    /// section 2 where it has one (`otp` is a generator's code there, RFC 4226 and RFC 6238),
    /// else our own.
    #[must_use]
    pub const fn amr(self) -> &'static [&'static str] {
        match self {
            Self::Totp => &["otp"],
            Self::Sms => &["sms"],
            Self::EmailOtp => &["email"],
            Self::Hardware => &["hwk", "swk"],
            Self::BackupCode => &["backup"],
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who may enter. An empty list of a kind leaves that kind open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Allow {
    /// One of these roles is needed.
    pub roles: Vec<String>,
    /// The person is one of these (`sub`).
    pub users: Vec<String>,
    /// The person belongs to one of these tenants.
    pub tenants: Vec<String>,
    /// The caller's address lies in one of these networks.
    pub networks: Vec<IpNet>,
}

impl Allow {
    /// Whether it asks who the caller is, and not only where.
    #[must_use]
    pub fn names_people(&self) -> bool {
        !(self.roles.is_empty() && self.users.is_empty() && self.tenants.is_empty())
    }

    /// Whether it lets in whoever this is, wherever they are: every kind that lists anybody names
    /// them. `sub`: the person; `tenant`: the one they act in, if they do in any.
    #[must_use]
    pub fn names<'r>(
        &self,
        sub: &str,
        mut roles: impl Iterator<Item = &'r str>,
        tenant: Option<&str>,
    ) -> bool {
        let lists = |list: &[String], value: &str| list.iter().any(|listed| listed == value);
        let role = self.roles.is_empty() || roles.any(|role| lists(&self.roles, role));
        let user = self.users.is_empty() || lists(&self.users, sub);
        let tenant =
            self.tenants.is_empty() || tenant.is_some_and(|tenant| lists(&self.tenants, tenant));
        role && user && tenant
    }

    /// Whether it lets in callers at this address, whoever they are.
    #[must_use]
    pub fn takes_from(&self, peer: IpAddr) -> bool {
        takes_from(&self.networks, peer)
    }
}

/// Whether one of `networks` holds this address; an empty list holds every one. A listener for both
/// families of addresses sees those of IPv4 as `::ffff:a.b.c.d`.
#[must_use]
pub fn takes_from(networks: &[IpNet], peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    networks.is_empty() || networks.iter().any(|network| network.contains(&peer))
}

/// Reads a network in CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3), or one address.
/// `None` also for what no caller is compared with: addresses of IPv4 written as those of IPv6.
#[must_use]
pub fn read_network(text: &str) -> Option<IpNet> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    let network = address.or_else(|_| text.parse::<IpNet>()).ok()?;
    (!is_mapped(&network)).then(|| network.trunc())
}

/// Whether this is one scope (RFC 6749 section 3.3).
#[must_use]
pub fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_graphic() && c != b'"' && c != b'\\')
}

/// Which kinds of credential a site takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Accept {
    /// The site's own browser session.
    pub session: bool,
    /// Bearer access tokens. Where they are not accepted, `Authorization` belongs to the
    /// application and is not judged.
    pub bearer: bool,
    /// API keys, and the scopes one must have; unset: no API keys.
    pub api_key: Option<ApiKeyRule>,
    /// Access tokens of clients that speak for themselves (client_credentials), and the scopes
    /// one must have; unset: no such tokens.
    pub client: Option<ApiKeyRule>,
    /// Bearer tokens only when bound to a key by DPoP; cannot be set yet.
    pub dpop_only: bool,
}

impl Default for Accept {
    fn default() -> Self {
        Self { session: true, bearer: true, api_key: None, client: None, dpop_only: false }
    }
}

/// What a credential without a person must carry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiKeyRule {
    /// All of these scopes.
    pub scopes: Vec<String>,
}

/// Whether trusted devices stand in for the second factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrustedDevice {
    /// How many days a trusted device counts; 0: it does not count.
    pub days: u32,
}

impl TrustedDevice {
    /// How old the second factor proved on a trusted device may be; `None`: devices do not count.
    #[must_use]
    pub const fn span(self) -> Option<Duration> {
        match self.days {
            0 => None,
            days => Some(Duration::from_secs(days as u64 * 24 * 3600)),
        }
    }
}

/// What a site asks of passkeys and security keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebAuthn {
    /// Whether the authenticator must have verified its owner, by PIN, finger or face, where it is
    /// proved beside a password.
    pub user_verification: bool,
    /// The models that count, by AAGUID; empty: every one. They are asked for attestation when they
    /// are set up for the site; what it says is not traced to its maker.
    pub models: Vec<Uuid>,
}

/// How a site's people sign in, or reset a password, on the JSON surfaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By a link in a mail.
    #[default]
    Link,
    /// By a code in a mail.
    Code,
    /// Not at all.
    Off,
}

/// What the edge does when its view is older than the site allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnStale {
    /// Refuse everything.
    #[default]
    Deny,
    /// Go on with what it holds.
    Allow,
}

/// How many requests a minute are passed on; each counts at one edge. 0: as many as come. A full
/// minute's worth may come at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// To the site, of everybody together.
    pub site: u32,
    /// Of one person, whatever shows who it is.
    pub person: u32,
    /// Of one API key, or of one client that speaks for itself.
    pub key: u32,
    /// From one address (IPv6: one network of 64 bits).
    pub network: u32,
}

impl Limits {
    /// Whether anything is limited at all.
    #[must_use]
    pub fn are_set(&self) -> bool {
        *self != Self::default()
    }
}

/// What a site asks of its callers. Spans are whole seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// The level.
    pub require: Require,
    /// Second factors that count here; empty: every confirmed one. Matters where two are required.
    /// A backup code stands for no other factor: it counts where it is listed.
    pub allowed_factors: Vec<Method>,
    /// Whether trusted devices count. Where two factors are required and `allowed_factors` lists
    /// any, they do not: a device does not tell which factor was proved on it.
    pub trusted_device: TrustedDevice,
    /// What is asked of passkeys and security keys.
    pub webauthn: WebAuthn,
    /// How old the proof may be, seconds; unset: as old as the session.
    pub max_auth_age: Option<u64>,
    /// How long a session may rest, seconds; unset: as the server says.
    pub session_idle: Option<u64>,
    /// How long a session may last, seconds; unset: as the server says.
    pub session_absolute: Option<u64>,
    /// Who may enter.
    pub allow: Allow,
    /// With what.
    pub accept: Accept,
    /// How often.
    pub limits: Limits,
    /// What is different for some paths and methods; the first that matches wins.
    pub rules: Vec<Rule>,
    /// Whether tokens whose audience is the issuer are accepted.
    pub first_party: bool,
    /// How people sign in on the JSON surfaces.
    pub login_mode: Mode,
    /// How people reset a password on the JSON surfaces.
    pub reset_mode: Mode,
    /// How old the edge's view may be, seconds.
    pub max_staleness: u64,
    /// What happens when it is older.
    pub on_stale: OnStale,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            require: Require::default(),
            allowed_factors: Vec::new(),
            trusted_device: TrustedDevice::default(),
            webauthn: WebAuthn::default(),
            max_auth_age: None,
            session_idle: None,
            session_absolute: None,
            allow: Allow::default(),
            accept: Accept::default(),
            limits: Limits::default(),
            rules: Vec::new(),
            first_party: false,
            login_mode: Mode::default(),
            reset_mode: Mode::default(),
            max_staleness: 300,
            on_stale: OnStale::default(),
        }
    }
}

impl Policy {
    /// How long a trusted device counts where it counts longest; `None`: nowhere.
    #[must_use]
    pub fn longest_trust(&self) -> Option<Duration> {
        let of_rules = self.rules.iter().filter_map(|rule| rule.trusted_device);
        of_rules.chain([self.trusted_device]).filter_map(TrustedDevice::span).max()
    }

    /// The oldest view this policy lives with.
    #[must_use]
    pub const fn max_staleness(&self) -> Duration {
        Duration::from_secs(self.max_staleness)
    }
}

/// What is different for some paths and methods of a site. Exactly one of `path` and `prefix`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// This path and no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// This path and everything below it; matches whole segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// These methods; empty: every method. GET speaks for HEAD too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// The level instead of the site's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require: Option<Require>,
    /// The factors instead of the site's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_factors: Option<Vec<Method>>,
    /// Whether trusted devices count, instead of the site's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_device: Option<TrustedDevice>,
    /// The age of the proof instead of the site's, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_auth_age: Option<u64>,
    /// Who may enter, instead of the site's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Allow>,
    /// With what, instead of the site's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<Accept>,
}
