//! A person.

use jwks::Time;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Where an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// Nobody has proved the mail address yet.
    Pending,
    /// May sign in.
    Active,
    /// May not, until an admin says so.
    Disabled,
    /// The owner said "this wasn't me"; may not, until they choose a new password by mail.
    Blocked,
}

impl UserStatus {
    /// As it is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Blocked => "blocked",
        }
    }

    /// The status stored as `name`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Pending, Self::Active, Self::Disabled, Self::Blocked]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

/// The tenant everybody belongs to who was not invited into another.
pub const DEFAULT_TENANT: &str = "default";
/// The role that opens the admin surface.
pub const ADMIN_ROLE: &str = "admin";

/// A person's row. Passwords and factors are kept beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The person, everywhere: `user.id`, `sub`, `auth_user_id`, `X-Auth-User`. UUID version 7.
    pub id: Uuid,
    /// The tenant they are at home in. In what [`super::tenant::in_tenant`] gives: the tenant they
    /// act in, and `roles` are those they have there.
    pub tenant_id: String,
    /// Where the account stands.
    pub status: UserStatus,
    /// The mail address as the person wrote it (trimmed, NFC).
    pub email: String,
    /// The address as it is compared: see [`crate::domain::login::normalise_address`].
    pub email_key: String,
    /// When the address was proved; `None`: never.
    pub email_verified_at: Option<Time>,
    /// A user name, where one was given.
    pub username: Option<String>,
    /// The user name as it is compared: NFC, lower case.
    pub username_key: Option<String>,
    /// Whole name.
    pub name: String,
    /// Given name.
    pub given_name: Option<String>,
    /// Family name.
    pub family_name: Option<String>,
    /// A second address, for recovery.
    pub backup_email: Option<String>,
    /// BCP 47 language tag.
    pub locale: Option<String>,
    /// E.164.
    pub phone: Option<String>,
    /// When the number was proved.
    pub phone_verified_at: Option<Time>,
    /// The code RUAL's clients show beside a person.
    pub rual_code: Option<String>,
    /// RUAL's `_meta.guid`: 64 hexadecimal digits, stable.
    pub guid: String,
    /// Roles.
    pub roles: Vec<String>,
    /// The other standard claims of OpenID Connect Core section 5.1 (`nickname`, `address`, …).
    pub claims: serde_json::Map<String, serde_json::Value>,
    /// PHC string of the password; `None`: none was ever chosen.
    pub password_hash: Option<String>,
    /// When the password was last set.
    pub password_changed_at: Option<Time>,
    /// Counts changes of password or factors: what trusted devices are bound to.
    pub factor_epoch: u64,
    /// When the row was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// When the person last signed in.
    pub last_login_at: Option<Time>,
}

impl User {
    /// Whether the person may enter the admin surface (a second factor is asked for besides).
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.roles.iter().any(|role| role == ADMIN_ROLE)
    }

    /// What links and codes are bound to that any change of password, factors or address is to end.
    /// No blank is in it.
    #[must_use]
    pub fn binding(&self) -> String {
        let password = self.password_changed_at.map_or(0, Time::millis);
        format!("{}:{password}:{}", self.factor_epoch, self.email_key)
    }
}
