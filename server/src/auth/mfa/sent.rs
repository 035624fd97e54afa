//! Factors whose codes are sent: by mail to the address of the account, by SMS to the factor's own
//! number. What a code is bound to, and where it goes, is all they differ in.

use jwks::{Time, policy::Method};

use super::sms;
use crate::{
    app::App,
    auth::{
        error::{AuthError, AuthResult},
        origin::Origin,
        sent_code::{Ask, Destination, Sent, require_sms},
        throttle,
    },
    domain::{factor::Factor, one_time::Purpose, user::User},
};

/// Whether codes of this method are sent.
#[must_use]
pub const fn is_sent(method: Method) -> bool {
    matches!(method, Method::EmailOtp | Method::Sms)
}

/// Sends a code of `factor` for `challenge`; the one sent for it before is dead.
///
/// # Errors
/// [`AuthError::TooMany`] when too many were sent; [`AuthError::MethodNotOffered`] where none can be.
pub async fn send(
    app: &App,
    origin: &Origin,
    user: &User,
    factor: &Factor,
    challenge: &str,
    now: Time,
) -> AuthResult<Sent> {
    let destination = destination(app, factor)?;
    throttle::count_sent_code(app, origin, user, now).await?;
    if let Destination::Phone(number) = &destination {
        let is_proved = factor.is_confirmed() || sms::proved(user).as_ref() == Some(number);
        throttle::count_sms(app, origin, user, number.as_str(), is_proved, now).await?;
    }
    let code = ask(factor, challenge).make(app, destination.binding(user), now).await?;
    destination.send(app, user, &code, now).await
}

/// Whether `typed` is the code of `factor` for `challenge`, which is consumed by that.
///
/// # Errors
/// When the store fails.
pub async fn consume(
    app: &App,
    user: &User,
    factor: &Factor,
    challenge: &str,
    typed: &str,
    now: Time,
) -> AuthResult<bool> {
    let sent = ask(factor, challenge).consume(app, typed, now).await?;
    let Some(bound_to) = sent else { return Ok(false) };
    Ok(bound_to == destination(app, factor)?.binding(user))
}

fn destination(app: &App, factor: &Factor) -> AuthResult<Destination> {
    match factor.method {
        Method::EmailOtp => Ok(Destination::Mail),
        Method::Sms => {
            require_sms(app)?;
            Ok(Destination::Phone(sms::number(app, factor)?))
        }
        Method::Totp | Method::Hardware | Method::BackupCode => {
            Err(AuthError::Internal("codes of this method are not sent".to_owned()))
        }
    }
}

/// No code of another factor, session or half sign-in is ever compared with it.
fn ask(factor: &Factor, challenge: &str) -> Ask {
    Ask::named(Purpose::SentCode, format!("sent-code:{}:{challenge}", factor.id))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn no_two_challenges_share_a_place() {
        let factor = |id| Factor {
            id: Uuid::from_u128(id),
            user_id: Uuid::nil(),
            method: Method::Sms,
            name: String::new(),
            sealed_secret: Vec::new(),
            confirmed_at: None,
            created_at: Time::from_secs(0),
            last_used_at: None,
            last_step: None,
            guesses_in_a_row: 0,
        };
        let (one, other) = (factor(1), factor(2));
        let places = [
            ask(&one, "session:a").owner,
            ask(&one, "session:b").owner,
            ask(&one, "login:a").owner,
            ask(&other, "session:a").owner,
        ];
        for (at, place) in places.iter().enumerate() {
            assert!(!places[..at].contains(place));
        }
    }
}
