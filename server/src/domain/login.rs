//! Half a sign-in, and the names people type.

use std::time::Duration;

use jwks::{Time, policy::Method};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use super::user::{DEFAULT_TENANT, User};

/// What a half-signed-in person may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outstanding {
    /// Prove a second factor.
    Verify,
    /// Set one up, having none.
    Enrol,
}

/// A sign-in whose password (or passkey) was right and whose second factor is outstanding. It opens nothing
/// but its own verify, challenge, set-up and logout calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingLogin {
    /// Who is half signed in.
    pub user_id: Uuid,
    /// What is outstanding.
    pub outstanding: Outstanding,
    /// The surface or client that began it; no other continues it.
    pub client_id: String,
    /// The tenant it is for. One begun before there was more than one is for the only one.
    #[serde(default = "default_tenant")]
    pub tenant_id: String,
    /// The site the tokens will be for.
    pub site_key: Option<String>,
    /// What counts.
    pub methods: Vec<Method>,
    /// What was shown in it so far, as `amr` values.
    #[serde(default = "password")]
    pub shown: Vec<String>,
    /// When a second factor was proved in it that does not count where the tokens will be for:
    /// one that does may be set up then, for as long as that proof is fresh.
    #[serde(default)]
    pub factor_proved_at: Option<Time>,
    /// Whether it was begun by a recovery link: the factor that is set up takes the place of every
    /// other one.
    #[serde(default)]
    pub recovers: bool,
    /// [`User::password_changed_at`](super::user::User::password_changed_at) of the row that the
    /// password was judged by.
    #[serde(default)]
    pub password_changed_at: Option<Time>,
    /// [`User::factor_epoch`](super::user::User::factor_epoch) of that row.
    #[serde(default)]
    pub factor_epoch: u64,
    /// Whether the session will outlive a working day.
    pub remember: bool,
    /// When that was.
    pub created_at: Time,
    /// When it is over.
    pub expires_at: Time,
}

impl PendingLogin {
    /// One of `user` at `now`, who has shown their password, on the surface or by the client
    /// `client_id`. It is over after `life`, and rests on the password and the factors of this row.
    #[must_use]
    pub fn begun(
        user: &User,
        outstanding: Outstanding,
        client_id: &str,
        life: Duration,
        now: Time,
    ) -> Self {
        Self {
            user_id: user.id,
            outstanding,
            client_id: client_id.to_owned(),
            tenant_id: user.tenant_id.clone(),
            site_key: None,
            methods: Vec::new(),
            shown: password(),
            factor_proved_at: None,
            recovers: false,
            password_changed_at: user.password_changed_at,
            factor_epoch: user.factor_epoch,
            remember: false,
            created_at: now,
            expires_at: now.plus(life),
        }
    }
}

fn password() -> Vec<String> {
    vec!["pwd".to_owned()]
}

fn default_tenant() -> String {
    DEFAULT_TENANT.to_owned()
}

/// A mail address as typed (trimmed, NFC) and as compared (lower case, domain in IDNA ASCII).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// For people and mail.
    pub display: String,
    /// For comparing.
    pub key: String,
}

/// Normalises a mail address once, for good (rule 28): trim, NFC, domain in IDNA lower case,
/// compared case-insensitively. `None` when it is not an address that mail can be sent to.
#[must_use]
pub fn normalise_address(typed: &str) -> Option<Address> {
    let display: String = typed.trim().nfc().collect();
    if display.len() > 254 || display.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return None;
    }
    let (local, domain) = display.rsplit_once('@')?;
    let plain = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    if local.is_empty()
        || local.len() > 64
        || !local.chars().all(plain)
        || local.starts_with('.')
        || local.ends_with('.')
        || local.contains("..")
    {
        return None;
    }
    let domain = idna::domain_to_ascii_strict(domain).ok()?;
    if domain.is_empty() || domain.len() > 253 || domain.starts_with('.') || domain.ends_with('.') {
        return None;
    }
    Some(Address { key: format!("{}@{domain}", local.to_lowercase()), display })
}

/// An address with so much left that its owner knows it: `a•••@e•••.com`.
#[must_use]
pub fn masked_address(address: &str) -> String {
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let top = domain.rsplit_once('.').map_or_else(String::new, |(_, top)| format!(".{top}"));
    format!("{}•••@{}•••{top}", first(local), first(domain))
}

/// A user name as it is compared: trimmed, NFC, lower case.
#[must_use]
pub fn username_key(typed: &str) -> String {
    typed.trim().nfc().collect::<String>().to_lowercase()
}

/// What somebody typed to sign in, as it is looked up: an address where it is one, else a user
/// name. Never fails: what can be neither simply names nobody.
#[must_use]
pub fn login_key(typed: &str) -> String {
    normalise_address(typed).map_or_else(|| username_key(typed), |address| address.key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_compared_without_case_and_in_ascii() {
        let one = normalise_address(" Ada@BÜCHER.example ").unwrap();
        let other = normalise_address("ada@xn--bcher-kva.example").unwrap();
        assert_eq!(one.key, other.key);
        assert_eq!(one.display, "Ada@BÜCHER.example");
    }

    #[test]
    fn an_address_is_shown_to_those_who_know_it() {
        assert_eq!(masked_address("ada@example.com"), "a•••@e•••.com");
        assert_eq!(masked_address("ü@bücher.co.uk"), "ü•••@b•••.uk");
        assert_eq!(masked_address("root@localhost"), "r•••@l•••");
    }

    #[test]
    fn composed_and_decomposed_letters_are_one_address() {
        let composed = normalise_address("jos\u{e9}@example.com").unwrap();
        let decomposed = normalise_address("jose\u{301}@example.com").unwrap();
        assert_eq!(composed, decomposed);
    }

    #[test]
    fn what_no_mail_can_reach_is_no_address() {
        for bad in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "a b@example.com",
            "a@b\0.c",
            "a\n@b.c",
            ".a@b.c",
            "a..b@c.d",
            "a@-b.c",
        ] {
            assert_eq!(normalise_address(bad), None, "{bad:?}");
        }
    }
}
