//! Second factors.

use jwks::{Time, policy::Method};
use uuid::Uuid;

/// A second factor of a person. Backup codes are one factor with many codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    /// Its name for programs.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// Its kind.
    pub method: Method,
    /// Its name for people.
    pub name: String,
    /// The sealed secret (TOTP), empty where there is none. Sealed with the factor's id.
    pub sealed_secret: Vec<u8>,
    /// When it was confirmed; a factor counts only then.
    pub confirmed_at: Option<Time>,
    /// When it was set up.
    pub created_at: Time,
    /// When it last proved anything.
    pub last_used_at: Option<Time>,
    /// The newest TOTP step ever accepted: that one and all older ones are spent.
    pub last_step: Option<u64>,
    /// Guesses counted since the last right one.
    pub guesses_in_a_row: u32,
}

impl Factor {
    /// Whether it counts.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        self.confirmed_at.is_some()
    }
}

/// One backup code of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupCode {
    /// The factor (of method [`Method::BackupCode`]) it belongs to.
    pub factor_id: Uuid,
    /// The part that selects the row; not secret, unique within the factor.
    pub prefix: String,
    /// PHC string of the whole code.
    pub hash: String,
    /// When it was used.
    pub used_at: Option<Time>,
}
