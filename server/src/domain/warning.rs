//! What people are told of their accounts, and may deny: "this wasn't me".

use std::time::Duration;

use jwks::Time;
use uuid::Uuid;

use super::{factor::Factor, login::Address, secret::SecretHash, user::UserStatus};

/// How long the link of a letter is good: whoever reads their mail once a week finds it so.
pub const LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Whether a denial at `now` takes this factor away: it was set up since the oldest letter was
/// written that can still be denied.
#[must_use]
pub fn is_new(factor: &Factor, now: Time) -> bool {
    factor.confirmed_at.is_none_or(|confirmed_at| confirmed_at.plus(LIFE) > now)
}

/// A letter that told somebody of a change, and holds a link for whoever did not make it. Every
/// letter has its own; each is good once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Its name; the link's token names it.
    pub id: Uuid,
    /// Who was told.
    pub user_id: Uuid,
    /// Hash of the token.
    pub hash: SecretHash,
    /// Where the letter went. Whoever has its link reads that mailbox.
    pub address: Address,
    /// Whether it told of a factor that went, and that had been there for longer than [`LIFE`]: the
    /// owner's own, which no letter of this week could have denied.
    pub lost_factor: bool,
    /// When the letter was written.
    pub created_at: Time,
    /// From when on its link is dead.
    pub expires_at: Time,
    /// When its link was used.
    pub used_at: Option<Time>,
}

/// What becomes of an account whose owner denies what they were told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The warning, which is used by this.
    pub warning_id: Uuid,
    /// Whose account.
    pub user_id: Uuid,
    /// The account's `factor_epoch`: any other, and it changed meanwhile.
    pub expected_epoch: u64,
    /// Where the account stands from then on.
    pub status: UserStatus,
    /// The address that it gets back, proved: the one that the warning went to. What was mailed
    /// elsewhere since then is worth nothing any more.
    pub restored: Option<Address>,
    /// An account that nobody has proved yet, which has that address and goes.
    pub gives_way: Option<Uuid>,
    /// Factors that go, with their codes.
    pub remove: Vec<Uuid>,
    /// A telephone number that was proved after this goes.
    pub numbers_after: Time,
}
