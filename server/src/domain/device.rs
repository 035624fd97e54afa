//! Devices their owners trust: a second factor proved there once counts for a while, where a
//! policy says so (rule 26).

use jwks::Time;
use uuid::Uuid;

use super::{secret::SecretHash, user::User};

/// A trusted device of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedDevice {
    /// Its name for programs.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// Hash of its token.
    pub hash: SecretHash,
    /// Its name for people: what its agent is, in a few words.
    pub name: String,
    /// `User-Agent`, cut to 256 bytes.
    pub user_agent: String,
    /// The address it was trusted from.
    pub ip: String,
    /// The owner's `factor_epoch` when it was trusted; with any other it is trusted no more.
    pub factor_epoch: u64,
    /// When the second factor was proved on it.
    pub created_at: Time,
    /// When somebody last signed in with it.
    pub last_used_at: Time,
    /// When it is over, whatever a policy says.
    pub expires_at: Time,
}

impl TrustedDevice {
    /// Whether `user`, its owner, trusts it at `now`: neither its time is over, nor was the
    /// password or a factor changed since. How long that counts is a policy's to say.
    #[must_use]
    pub fn is_trusted_by(&self, user: &User, now: Time) -> bool {
        self.user_id == user.id && self.factor_epoch == user.factor_epoch && now < self.expires_at
    }
}
