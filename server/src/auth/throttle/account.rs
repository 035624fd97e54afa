//! What people do with an account of theirs, and how many they make.

use jwks::Time;
use uuid::Uuid;

use super::{WINDOW, count};
use crate::{
    app::App,
    auth::{error::AuthResult, origin::Origin},
};

/// How often a person may change what they say of themselves.
const PROFILE_CHANGES: u32 = 30;
/// How many factors, or sets of backup codes, a person may set up.
const ENROLMENTS: u32 = 10;
/// How many API keys a person may make.
const API_KEYS: u32 = 30;
/// How often a password is weighed for a person who is choosing one.
const WEIGHINGS: u32 = 200;

/// Counts one registration from this network.
///
/// # Errors
/// [`AuthError::TooMany`](super::AuthError::TooMany) when the budget is used up.
pub async fn count_registration(app: &App, origin: &Origin, now: Time) -> AuthResult<()> {
    let key = format!("reg-net:{}", origin.network());
    count(app, key, app.config.limits.register_per_network, WINDOW, now).await.map(drop)
}

/// Counts one password that is chosen by a mailed link, from this network: weighing and hashing
/// one is dear.
///
/// # Errors
/// [`AuthError::TooMany`](super::AuthError::TooMany) when the budget is used up.
pub async fn count_reset(app: &App, origin: &Origin, now: Time) -> AuthResult<()> {
    let key = format!("reset-net:{}", origin.network());
    count(app, key, app.config.limits.register_per_network, WINDOW, now).await.map(drop)
}

/// Counts one set-up of a factor, or of new backup codes, by this person: it costs ten hashes.
///
/// # Errors
/// [`AuthError::TooMany`](super::AuthError::TooMany) when the budget is used up.
pub async fn count_enrolment(app: &App, user_id: Uuid, now: Time) -> AuthResult<()> {
    count(app, format!("enrol:{user_id}"), ENROLMENTS, WINDOW, now).await.map(drop)
}

/// Counts one API key that this person makes: each is told to them by a letter.
///
/// # Errors
/// [`AuthError::TooMany`](super::AuthError::TooMany) when the budget is used up.
pub async fn count_api_key(app: &App, user_id: Uuid, now: Time) -> AuthResult<()> {
    count(app, format!("api-key:{user_id}"), API_KEYS, WINDOW, now).await.map(drop)
}

/// Counts one change of a profile by this person: a new user name could be a guess at somebody
/// else's.
///
/// # Errors
/// [`AuthError::TooMany`](super::AuthError::TooMany) when the budget is used up.
pub async fn count_profile(app: &App, user_id: Uuid, now: Time) -> AuthResult<()> {
    count(app, format!("profile:{user_id}"), PROFILE_CHANGES, WINDOW, now).await.map(drop)
}

/// Counts one password that this person asks to have weighed, while they type it.
///
/// # Errors
/// [`AuthError::TooMany`](super::AuthError::TooMany) when the budget is used up.
pub async fn count_weighing(app: &App, user_id: Uuid, now: Time) -> AuthResult<()> {
    count(app, format!("weigh:{user_id}"), WEIGHINGS, WINDOW, now).await.map(drop)
}
