//! What is done after the answer: errands, and the deliveries they end in.

use std::time::Duration;

use jwks::Time;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{audit::Event, login::Address};

/// How long an errand that is not a letter yet is worth carrying out.
pub const ERRAND_TTL: Duration = Duration::from_secs(30 * 60);
/// How long news of an account is worth sending.
pub const NEWS_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// After the first failure; each further one doubles it.
const FIRST_DELAY: Duration = Duration::from_secs(5);
const LONGEST_DELAY: Duration = Duration::from_secs(60 * 60);

/// A message to a person. It may hold a link or a code: never to be logged, so it has no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Address.
    pub to: String,
    /// Subject, one line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// From when on it is not worth sending.
    pub expires_at: Time,
}

/// A message to a telephone. It holds a code: never to be logged, so it has no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// The number, E.164.
    pub to: String,
    /// The message.
    pub text: String,
    /// From when on it is not worth sending.
    pub expires_at: Time,
}

/// A message to a client: that a session it took part in is over. It holds a token: never to be
/// logged, so it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Notice {
    /// The client.
    pub client_id: String,
    /// Where it hears of it.
    pub uri: String,
    /// The logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4).
    pub logout_token: String,
}

/// What an errand ends in.
#[derive(Clone, PartialEq, Eq)]
pub enum Delivery {
    /// To a person, by mail.
    Letter(Letter),
    /// To a person, by SMS.
    Text(Text),
    /// To a client, by HTTP.
    Notice(Notice),
}

/// What a request leaves to be done after its answer, the same for every address: whether anybody
/// has that address is found out when the errand is carried out, where no caller can time it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Errand {
    /// A letter that is ready.
    Letter(Letter),
    /// A message that is ready.
    Text(Text),
    /// Mail a verification link to the pending account of this address, if there is one.
    VerifyEmail(Address),
    /// Mail a link to choose a new password to the owner of this address, if there is one, and log
    /// `event` as theirs.
    ResetPassword {
        /// As typed.
        address: Address,
        /// That somebody asked for it.
        event: Box<Event>,
    },
    /// Tell the owner of this address that somebody registered it again.
    AlreadyRegistered(Address),
    /// Mail a code that proves an address to somebody who wants to make it theirs; or, where it is
    /// somebody else's, tell its owner.
    ProveAddress {
        /// Who wants it.
        user_id: Uuid,
        /// As typed.
        address: Address,
        /// The code.
        code: String,
        /// From when on the code is good for nothing.
        until: Time,
    },
    /// Tell a client that a session it took part in is over (OpenID Connect Back-Channel Logout
    /// section 2.5).
    Logout {
        /// Which client.
        client_id: String,
        /// Whose session.
        user_id: Uuid,
        /// The session, as the client's ID tokens named it.
        sid: Uuid,
        /// From when on it is not worth telling.
        until: Time,
    },
}

impl Errand {
    /// From when on an errand queued at `queued_at` is not worth carrying out.
    #[must_use]
    pub fn expires_at(&self, queued_at: Time) -> Time {
        match self {
            Self::Letter(letter) => letter.expires_at,
            Self::Text(text) => text.expires_at,
            Self::Logout { until, .. } | Self::ProveAddress { until, .. } => *until,
            Self::VerifyEmail(_) | Self::ResetPassword { .. } | Self::AlreadyRegistered(_) => {
                queued_at.plus(ERRAND_TTL)
            }
        }
    }
}

/// An errand as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrandRow {
    /// Its name, and its letter's: unique.
    pub id: Uuid,
    /// The [`Errand`], JSON, sealed with the id.
    pub sealed: Vec<u8>,
    /// When it was queued.
    pub queued_at: Time,
    /// From when on it may be claimed.
    pub due_at: Time,
    /// How many times it was claimed. Names the claim: whoever holds an older one has lost it.
    pub attempts: u32,
    /// From when on it is not worth carrying out.
    pub expires_at: Time,
    /// The session whose end it waits for: a cut-off of that makes it due at once, and clears
    /// this. Until then it is no part of the backlog.
    pub waits_for: Option<Uuid>,
}

/// How long to wait after so many failed attempts: twice as long each time, at most an hour, and
/// no longer than half of what `remains` of its life, so that the last tries are not the late
/// ones. `dice` (any number) spreads the tries. `None`: another try is not worth it.
#[must_use]
pub fn retry_delay(attempts: u32, remains: Duration, dice: u8) -> Option<Duration> {
    if remains < 2 * FIRST_DELAY {
        return None;
    }
    let doubled = FIRST_DELAY.saturating_mul(1 << attempts.saturating_sub(1).min(20));
    let delay = doubled.min(LONGEST_DELAY).min(remains / 2);
    // Between three and five quarters of it.
    Some(delay * (384 + u32::from(dice)) / 512)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[test]
    fn tries_come_twice_as_late_each_time_and_at_least_once_an_hour() {
        let after = |attempts| retry_delay(attempts, DAY, 128).unwrap().as_secs();
        assert_eq!([1, 2, 3, 4, 10, 11, 4000].map(after), [5, 10, 20, 40, 2560, 3600, 3600]);
    }

    #[test]
    fn tries_are_spread() {
        let hour = |dice| retry_delay(30, DAY, dice).unwrap();
        assert_eq!(hour(0), Duration::from_secs(2700));
        assert!(hour(255) > Duration::from_secs(4490) && hour(255) < Duration::from_secs(4500));
    }

    #[test]
    fn a_try_falls_within_the_time_in_which_it_is_worth_it() {
        let mut remains = Duration::from_secs(1800);
        let mut tries = 0;
        while let Some(delay) = retry_delay(tries + 1, remains, 255) {
            assert!(delay < remains);
            remains -= delay;
            tries += 1;
        }
        assert!(remains < Duration::from_secs(10) && tries > 8, "{remains:?} after {tries}");
    }
}
