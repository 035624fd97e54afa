//! Guesses at what people sign in with.

use jwks::Time;
use uuid::Uuid;

use super::{Counted, MINUTE, WINDOW, count, owned::Owned};
use crate::{
    app::App,
    auth::{error::AuthResult, origin::Origin},
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
    let by = user.and_then(|user| origin.known_to(user));
    let own = Owned { name: "pw", of: account, by };
    if by.is_some() {
        return own.count(app, limits.password_per_account, WINDOW, now).await;
    }
    // The network first: what it may not do any more is not on the account's budget.
    let network = format!("pw-net:{}", origin.network());
    let network = count(app, network, limits.password_per_network, WINDOW, now).await?;
    let mut counted = own.count(app, limits.password_per_account, WINDOW, now).await?;
    counted.push(network);
    Ok(counted)
}

/// Counts one answer of a passkey, alone or beside a password: of this device, where it has signed in
/// before, or else of this network. No budget of passwords or codes is touched, and none of them this
/// one (rule 22).
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
    let own = Owned { name: "code", of: factor.to_string(), by: origin.known_to(user) };
    own.count(app, app.config.limits.code_per_factor, WINDOW, now).await
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
