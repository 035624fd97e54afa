//! Mails and messages, which go to somebody and cost.

use std::time::Duration;

use jwks::Time;
use uuid::Uuid;

use super::{Counted, WINDOW, count, owned::Owned};
use crate::{
    app::App,
    auth::{
        error::{AuthError, AuthResult},
        origin::Origin,
    },
    domain::{secret::sha256_hex, user::User},
};

/// The span that messages are counted in, which cost.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How many letters a day tell somebody that a passkey of theirs may have been copied.
const COPIES_TOLD: u32 = 3;

/// Whether one more mail may go to this address. Never an error: the answer to the caller is the
/// same either way.
///
/// # Errors
/// When the store fails.
pub async fn may_mail(app: &App, address_key: &str, now: Time) -> AuthResult<bool> {
    let key = format!("mail:{}", sha256_hex(address_key.as_bytes()));
    let limit = app.config.limits.mail_per_address;
    Ok(app.sessions.count_try(&key, limit, WINDOW, now).await?.allowed)
}

/// Whether one more letter about a sign-in may go to this person.
///
/// # Errors
/// When the store fails.
pub async fn may_tell_of_place(app: &App, user_id: Uuid, now: Time) -> AuthResult<bool> {
    let limit = app.config.limits.mail_per_address;
    Ok(app.sessions.count_try(&format!("place:{user_id}"), limit, WINDOW, now).await?.allowed)
}

/// Whether one more letter about a passkey that may have been copied may go to this person.
///
/// # Errors
/// When the store fails.
pub async fn may_tell_of_copy(app: &App, user_id: Uuid, now: Time) -> AuthResult<bool> {
    let key = format!("copied:{user_id}");
    Ok(app.sessions.count_try(&key, COPIES_TOLD, DAY, now).await?.allowed)
}

/// Counts one code sent to this person, and for a caller from this network. A device that has signed
/// in to the account with its present password has a budget of its own, as with codes that are
/// typed: whoever knows the password and has codes sent keeps none from the owner (rule 22).
///
/// # Errors
/// [`AuthError::TooMany`] when either budget is used up.
pub async fn count_sent_code(app: &App, origin: &Origin, user: &User, now: Time) -> AuthResult<()> {
    let limits = &app.config.limits;
    let own = Owned { name: "sent", of: user.id.to_string(), by: origin.known_to(user) };
    own.count(app, limits.codes_sent_per_person, WINDOW, now).await?;
    let network = format!("sent-net:{}", origin.network());
    count(app, network, limits.codes_sent_per_network, WINDOW, now).await.map(drop)
}

/// Counts one code sent to a mail address that is nobody's yet, or somebody else's: by the address,
/// known or not. So many a day are no more guesses than that, by however many people.
///
/// # Errors
/// [`AuthError::TooMany`] when a budget is used up.
pub async fn count_new_address(app: &App, address_key: &str, now: Time) -> AuthResult<()> {
    let limits = &app.config.limits;
    let address = sha256_hex(address_key.as_bytes());
    count(app, format!("sent-to:{address}"), limits.mail_per_address, WINDOW, now).await?;
    let daily = limits.codes_sent_unproved_daily;
    count(app, format!("sent-to-day:{address}"), daily, DAY, now).await.map(drop)
}

/// Counts one message to this number for this person, and among all that leave from here. Numbers
/// that were proved (`is_proved`: by who asks) have budgets of their own, and half of the day's
/// messages: whoever names the number of somebody else keeps no code from its owner. A device that
/// is known has its own as well.
///
/// # Errors
/// [`AuthError::TooMany`] when a budget is used up.
pub async fn count_sms(
    app: &App,
    origin: &Origin,
    user: &User,
    number: &str,
    is_proved: bool,
    now: Time,
) -> AuthResult<()> {
    let limits = &app.config.limits;
    let (number, by) = (sha256_hex(number.as_bytes()), origin.known_to(user));
    if is_proved {
        let own = Owned { name: "sms", of: number.clone(), by };
        own.count(app, limits.codes_sent_per_number, WINDOW, now).await?;
        let day = Owned { name: "sms-day", of: number, by };
        day.count(app, limits.sms_daily_per_person, DAY, now).await?;
    } else {
        let (key, daily) = (format!("sms-new:{number}"), format!("sms-new-day:{number}"));
        count(app, key, limits.codes_sent_per_number, WINDOW, now).await?;
        count(app, daily, limits.codes_sent_unproved_daily, DAY, now).await?;
    }
    let person = Owned { name: "sms-person", of: user.id.to_string(), by };
    person.count(app, limits.sms_daily_per_person, DAY, now).await?;
    if !is_proved {
        let half = limits.sms_daily.div_ceil(2);
        ceiling(count(app, "sms-new-all".to_owned(), half, DAY, now).await)?;
    }
    ceiling(count(app, "sms-all".to_owned(), limits.sms_daily, DAY, now).await)
}

/// Whoever runs the server has to hear of a day's messages that are used up: nobody else can do
/// anything about it.
fn ceiling(counted: AuthResult<Counted>) -> AuthResult<()> {
    if matches!(counted, Err(AuthError::TooMany { .. })) {
        metrics::counter!("signalbox_sms_refused_total").increment(1);
        tracing::warn!("the day's messages to telephones are used up (limits.sms_daily)");
    }
    counted.map(drop)
}
