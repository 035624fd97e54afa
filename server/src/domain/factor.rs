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

    /// Whether it counts, and not only in the place of another one as backup codes do.
    #[must_use]
    pub fn counts_by_itself(&self) -> bool {
        self.is_confirmed() && self.method != Method::BackupCode
    }
}

/// Most characters of a factor's name.
pub const NAME_LIMIT: usize = 64;

/// Whether a factor may be called so: at most [`NAME_LIMIT`] characters, none of them a control
/// character.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.chars().count() <= NAME_LIMIT && !name.chars().any(char::is_control)
}

/// PURE: which factors go when those of `ids` are removed: the backup codes with the last of those that
/// they stand in for.
#[must_use]
pub fn going_with(factors: &[Factor], ids: &[Uuid]) -> Vec<Uuid> {
    let goes = |factor: &&Factor| ids.contains(&factor.id);
    let stands_in = |factor: &&Factor| factor.method == Method::BackupCode;
    let is_one = |factor: &Factor| factor.counts_by_itself() && !ids.contains(&factor.id);
    let is_last = factors.iter().any(|factor| goes(&factor)) && !factors.iter().any(is_one);
    let going = factors.iter().filter(|factor| goes(factor) || is_last && stands_in(factor));
    going.map(|factor| factor.id).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::samples::factor;

    #[test]
    fn backup_codes_go_with_the_last_factor_they_stand_in_for() {
        let user_id = Uuid::from_u128(1);
        let of =
            |method| Factor { confirmed_at: Some(Time::from_secs(1)), ..factor(user_id, method) };
        let (phone, key, codes) = (of(Method::Totp), of(Method::Hardware), of(Method::BackupCode));
        let all = [phone.clone(), key.clone(), codes.clone()];
        assert_eq!(going_with(&all, &[phone.id]), [phone.id]);
        assert_eq!(going_with(&all, &[phone.id, key.id]), [phone.id, key.id, codes.id]);
        let waits = Factor { confirmed_at: None, ..key };
        let two = [phone.clone(), waits, codes.clone()];
        assert_eq!(going_with(&two, &[phone.id]), [phone.id, codes.id]);
        // Where none of them goes, nothing does.
        assert_eq!(going_with(&[codes], &[phone.id]), [] as [Uuid; 0]);
        assert_eq!(going_with(&all, &[]), [] as [Uuid; 0]);
    }

    #[test]
    fn a_name_is_short_and_can_be_shown() {
        assert!(is_name(&"ä".repeat(NAME_LIMIT)));
        assert!(!is_name(&"a".repeat(NAME_LIMIT + 1)));
        assert!(!is_name("a\u{7}b"));
    }
}
