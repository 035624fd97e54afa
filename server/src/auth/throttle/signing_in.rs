//! Guesses at what people sign in with.

use jwks::Time;
use uuid::Uuid;

use super::{Counted, DEVICES_TOGETHER, MINUTE, WINDOW, count};
use crate::{
    app::App,
    auth::{error::AuthResult, known_device::KnownDevice, origin::Origin},
    domain::{secret::sha256_hex, user::User},
};

/// What budgets call an account: by what was typed, or by its address where it is known.
#[must_use]
pub fn account_name(login_key: &str) -> String {
    sha256_hex(login_key.as_bytes())
}

/// Counts one password at the account `login_key` (what was typed, known or not; the address of
/// `user` where it is somebody's) and from this network. A device that has signed in to the account
/// with its present password has a budget of its own instead: no flood from elsewhere uses it up
/// (rule 22). All such devices together have one as well: there may be any number of them.
///
/// # Errors
/// [`AuthError::TooMany`](super::AuthError::TooMany) when a budget is used up.
pub async fn count_password(
    app: &App,
    origin: &Origin,
    login_key: &str,
    user: Option<&User>,
    now: Time,
) -> AuthResult<Vec<Counted>> {
    let limits = &app.config.limits;
    let account = account_name(login_key);
    let is_of = |known: &&KnownDevice| user.is_some_and(|user| known.is_of(user));
    if let Some(device) = origin.known.as_ref().filter(is_of) {
        let own = format!("pw-dev:{}:{account}", device.id.simple());
        let own = count(app, own, limits.password_per_account, WINDOW, now).await?;
        let all = format!("pw-devs:{account}");
        let limit = limits.password_per_account.saturating_mul(DEVICES_TOGETHER);
        let all = count(app, all, limit, WINDOW, now).await?;
        return Ok(vec![own, all]);
    }
    let network = format!("pw-net:{}", origin.network());
    let network = count(app, network, limits.password_per_network, WINDOW, now).await?;
    let account = format!("pw-acct:{account}");
    let account = count(app, account, limits.password_per_account, WINDOW, now).await?;
    Ok(vec![network, account])
}

/// Counts one passkey that somebody signs in with alone: of this device, where it has signed in before,
/// or else of this network. No budget of passwords or codes is touched, and none of them this one
/// (rule 22).
///
/// # Errors
/// [`AuthError::TooMany`](super::AuthError::TooMany) when the budget is used up.
pub async fn count_passkey(app: &App, origin: &Origin, now: Time) -> AuthResult<Counted> {
    let key = match &origin.known {
        Some(device) => format!("pk-dev:{}", device.id.simple()),
        None => format!("pk-net:{}", origin.network()),
    };
    count(app, key, app.config.limits.password_per_network, WINDOW, now).await
}

/// Counts one passkey that is asked for from this network, of nobody in particular: each is kept for
/// five minutes.
///
/// # Errors
/// [`AuthError::TooMany`](super::AuthError::TooMany) when the budget is used up.
pub async fn count_passkey_challenge(app: &App, origin: &Origin, now: Time) -> AuthResult<()> {
    let key = format!("pk-ask-net:{}", origin.network());
    let limit = app.config.limits.requests_per_network;
    count(app, key, limit, MINUTE, now).await.map(drop)
}

/// Counts one code at a factor of `user`. A device that has signed in to the account with its
/// present password has a budget of its own, as with passwords: whoever knows the password and
/// types wrong codes elsewhere does not keep the owner from typing a right one.
///
/// # Errors
/// [`AuthError::TooMany`](super::AuthError::TooMany) when a budget is used up.
pub async fn count_code(
    app: &App,
    origin: &Origin,
    user: &User,
    factor: Uuid,
    now: Time,
) -> AuthResult<Vec<Counted>> {
    let limit = app.config.limits.code_per_factor;
    let Some(device) = origin.known.as_ref().filter(|known| known.is_of(user)) else {
        return Ok(vec![count(app, format!("code:{factor}"), limit, WINDOW, now).await?]);
    };
    let own = format!("code-dev:{}:{factor}", device.id.simple());
    let own = count(app, own, limit, WINDOW, now).await?;
    let all = format!("code-devs:{factor}");
    let all = count(app, all, limit.saturating_mul(DEVICES_TOGETHER), WINDOW, now).await?;
    Ok(vec![own, all])
}

/// Counts one code with which this person confirms a factor: of the person, and not of the factor,
/// since setting one up anew gives no further guesses.
///
/// # Errors
/// [`AuthError::TooMany`](super::AuthError::TooMany) when the budget is used up.
pub async fn count_confirmation(app: &App, user_id: Uuid, now: Time) -> AuthResult<Counted> {
    let limit = app.config.limits.code_per_factor;
    count(app, format!("code:{user_id}"), limit, WINDOW, now).await
}
