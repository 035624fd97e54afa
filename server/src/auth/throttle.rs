//! Budgets. A try is counted before it is judged; what turns out to be no guess is given back.
//! The keys name the thing that is guarded and not the surface: all surfaces share them (rule 21).

mod account;
mod owned;
mod sending;
mod signing_in;

use std::time::Duration;

use jwks::{Time, site_session::SIGN_IN_LIFE};
use uuid::Uuid;

use super::{
    error::{AuthError, AuthResult},
    meter,
    origin::Origin,
};
use crate::{
    app::App,
    domain::{client::Client, secret::sha256_hex},
};

pub use account::{
    count_api_key, count_enrolment, count_profile, count_registration, count_reset, count_weighing,
};
pub use sending::{
    count_new_address, count_sent_code, count_sms, may_mail, may_tell_of_copy, may_tell_of_place,
};
pub use signing_in::{
    account_name, count_code, count_confirmation, count_passkey, count_passkey_challenge,
    count_password,
};

/// The span that budgets are counted in.
pub const WINDOW: Duration = Duration::from_secs(15 * 60);

/// How many wrong secrets of one client may come from one network.
pub const CLIENT_SECRETS: u32 = 20;
/// How many clients may be registered with the initial access tokens of one name.
const CLIENTS_PER_TOKEN: u32 = 300;
/// How often a client may change what is registered of it: each time every server reads all its
/// clients anew.
const CLIENT_CHANGES: u32 = 60;
/// The span that changes of a client are counted in.
const CHANGES_WINDOW: Duration = Duration::from_secs(60 * 60);
/// The span that requests and revocations are counted in, of which there are many.
const MINUTE: Duration = Duration::from_secs(60);
/// Forms that wait while somebody signs in, of one network and of all, within [`FORMS_WINDOW`]: as long
/// as each is kept. Anybody may post them, so large ones, a mebibyte each, use up no room that most
/// forms need.
const FORMS_PER_NETWORK: u32 = 20;
const LARGE_FORMS_TOGETHER: u32 = 200;
const SMALL_FORMS_TOGETHER: u32 = 3000;
const FORMS_WINDOW: Duration = SIGN_IN_LIFE;
/// Most forms are smaller, bytes.
const SMALL_FORM: usize = 64 * 1024;

/// A counted try, which can be given back.
pub struct Counted {
    key: String,
    at: Time,
}

impl Counted {
    /// Gives the try back: it was no guess.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forgive(self, app: &App) -> AuthResult<()> {
        app.sessions.forgive_try(&self.key, self.at).await?;
        meter::take_back(&self.key);
        Ok(())
    }
}

/// Gives tries back: none of them was a guess.
///
/// # Errors
/// When the store fails.
pub async fn forgive_all(app: &App, counted: impl IntoIterator<Item = Counted>) -> AuthResult<()> {
    for counted in counted {
        counted.forgive(app).await?;
    }
    Ok(())
}

/// Counts one client that registers itself from this network.
///
/// # Errors
/// [`AuthError::TooMany`] when the budget is used up.
pub async fn count_client_registration(app: &App, origin: &Origin, now: Time) -> AuthResult<()> {
    let key = format!("client-net:{}", origin.network());
    count(app, key, app.config.limits.register_per_network, WINDOW, now).await.map(drop)
}

/// Counts one client that is registered with an initial access token of this name.
///
/// # Errors
/// [`AuthError::TooMany`] when the budget is used up.
pub async fn count_initial_access(app: &App, name: &str, now: Time) -> AuthResult<()> {
    let key = format!("client-token:{}", sha256_hex(name.as_bytes()));
    count(app, key, CLIENTS_PER_TOKEN, WINDOW, now).await.map(drop)
}

/// Counts one change of what is registered of a client, by itself.
///
/// # Errors
/// [`AuthError::TooMany`] when the budget is used up.
pub async fn count_client_change(app: &App, client_id: &str, now: Time) -> AuthResult<()> {
    let key = format!("client-change:{}", sha256_hex(client_id.as_bytes()));
    count(app, key, CLIENT_CHANGES, CHANGES_WINDOW, now).await.map(drop)
}

/// What the budget of a client's secret is called, for callers from this network.
#[must_use]
pub fn client_secret_key(client_id: &str, origin: &Origin) -> String {
    of_client("client", client_id, origin)
}

/// Counts one secret at the budget of this name: see [`client_secret_key`].
///
/// # Errors
/// [`AuthError::TooMany`] when the budget is used up.
pub async fn count_client_secret(app: &App, key: String, now: Time) -> AuthResult<Counted> {
    count(app, key, CLIENT_SECRETS, WINDOW, now).await
}

/// Counts one user code (RFC 8628 section 5.1) that this person typed, and from this network.
///
/// # Errors
/// [`AuthError::TooMany`] when either budget is used up.
pub async fn count_user_code(
    app: &App,
    origin: &Origin,
    user_id: Uuid,
    now: Time,
) -> AuthResult<[Counted; 2]> {
    let limits = &app.config.limits;
    let network = format!("ucode-net:{}", origin.network());
    let network = count(app, network, limits.password_per_network, WINDOW, now).await?;
    let person = format!("ucode:{user_id}");
    let person = count(app, person, limits.code_per_factor, WINDOW, now).await?;
    Ok([network, person])
}

/// Counts one device that asks to be let in, from this network: its client may be a public one, and
/// anybody.
///
/// # Errors
/// [`AuthError::TooMany`] when the budget is used up.
pub async fn count_device(app: &App, origin: &Origin, now: Time) -> AuthResult<()> {
    let key = format!("device-net:{}", origin.network());
    count(app, key, app.config.limits.register_per_network, WINDOW, now).await.map(drop)
}

fn requests_key(origin: &Origin) -> String {
    format!("request-net:{}", origin.network())
}

/// Counts one authorization request from this network, which is kept while somebody signs in.
///
/// # Errors
/// [`AuthError::TooMany`] when the budget is used up.
pub async fn count_request(app: &App, origin: &Origin, now: Time) -> AuthResult<()> {
    let limit = app.config.limits.requests_per_network;
    count(app, requests_key(origin), limit, MINUTE, now).await.map(drop)
}

/// Gives a request back that was counted at `at`: somebody signed in for it. From elsewhere than it
/// came from, it stays counted.
///
/// # Errors
/// When the store fails.
pub async fn forgive_request(app: &App, origin: &Origin, at: Time) -> AuthResult<()> {
    Counted { key: requests_key(origin), at }.forgive(app).await
}

/// Counts one form of so many bytes that is kept while somebody of this network signs in at a site.
///
/// # Errors
/// [`AuthError::TooMany`] when the budget is used up, of the network or of all together.
pub async fn count_kept_form(
    app: &App,
    origin: &Origin,
    bytes: usize,
    now: Time,
) -> AuthResult<()> {
    let of_network = format!("form-net:{}", origin.network());
    count(app, of_network, FORMS_PER_NETWORK, FORMS_WINDOW, now).await?;
    let (of_all, together) = match bytes <= SMALL_FORM {
        true => ("forms-small", SMALL_FORMS_TOGETHER),
        false => ("forms-large", LARGE_FORMS_TOGETHER),
    };
    count(app, of_all.to_owned(), together, FORMS_WINDOW, now).await.map(drop)
}

/// Counts one request that `client` pushes, which is kept until it is used: of a public client, as
/// one of this network, since it may be anybody.
///
/// # Errors
/// [`AuthError::TooMany`] when the budget is used up.
pub async fn count_push(app: &App, origin: &Origin, client: &Client, now: Time) -> AuthResult<()> {
    if client.is_public() {
        return count_request(app, origin, now).await;
    }
    let key = of_client("request", &client.client_id, origin);
    count(app, key, app.config.limits.requests_per_client, MINUTE, now).await.map(drop)
}

/// Counts one token of this client that is revoked from this network: each is remembered by every
/// server and edge.
///
/// # Errors
/// [`AuthError::TooMany`] when the budget is used up.
pub async fn count_revocation(
    app: &App,
    origin: &Origin,
    client_id: &str,
    now: Time,
) -> AuthResult<()> {
    let key = of_client("revoked", client_id, origin);
    count(app, key, app.config.limits.revocations_per_client, MINUTE, now).await.map(drop)
}

/// What a budget of a client is called, for callers from this network.
fn of_client(what: &str, client_id: &str, origin: &Origin) -> String {
    format!("{what}:{}:{}", sha256_hex(client_id.as_bytes()), origin.network())
}

async fn count(
    app: &App,
    key: String,
    limit: u32,
    window: Duration,
    now: Time,
) -> AuthResult<Counted> {
    let budget = app.sessions.count_try(&key, limit, window, now).await?;
    let retry_after = budget.reset_at.since(now).max(Duration::from_secs(1));
    meter::note(&key, limit, budget, retry_after);
    if budget.allowed {
        Ok(Counted { key, at: now })
    } else {
        Err(AuthError::TooMany { retry_after, limit })
    }
}
