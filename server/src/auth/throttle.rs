//! Budgets. A try is counted before it is judged; what turns out to be no guess is given back.
//! The keys name the thing that is guarded and not the surface: all surfaces share them (rule 21).

use std::time::Duration;

use jwks::Time;
use uuid::Uuid;

use super::{
    error::{AuthError, AuthResult},
    known_device::KnownDevice,
    meter,
    origin::Origin,
};
use crate::{
    app::App,
    domain::{client::Client, secret::sha256_hex, user::User},
};

/// The span that budgets are counted in.
pub const WINDOW: Duration = Duration::from_secs(15 * 60);
/// The span that messages are counted in, which cost.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How many devices' budgets all known devices of an account have together.
const DEVICES_TOGETHER: u32 = 5;

/// How many wrong secrets of one client may come from one network.
pub const CLIENT_SECRETS: u32 = 20;
/// How many clients may be registered with the initial access tokens of one name.
const CLIENTS_PER_TOKEN: u32 = 300;
/// How often a client may change what is registered of it: each time every server reads all its
/// clients anew.
const CLIENT_CHANGES: u32 = 60;
/// How often a person may change what they say of themselves.
const PROFILE_CHANGES: u32 = 30;
/// How often a password is weighed for a person who is choosing one.
const WEIGHINGS: u32 = 200;
/// The span that changes of a client are counted in.
const CHANGES_WINDOW: Duration = Duration::from_secs(60 * 60);
/// The span that requests and revocations are counted in, of which there are many.
const MINUTE: Duration = Duration::from_secs(60);
/// Forms that wait while somebody signs in, of one network and of all, within [`FORMS_WINDOW`]: each
/// may be a mebibyte, and is kept for as long.
const FORMS_PER_NETWORK: u32 = 20;
const FORMS_TOGETHER: u32 = 200;
const FORMS_WINDOW: Duration = Duration::from_secs(10 * 60);

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
/// [`AuthError::TooMany`] when a budget is used up.
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
/// [`AuthError::TooMany`] when the budget is used up.
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
/// [`AuthError::TooMany`] when the budget is used up.
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
/// [`AuthError::TooMany`] when a budget is used up.
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
/// [`AuthError::TooMany`] when the budget is used up.
pub async fn count_confirmation(app: &App, user_id: Uuid, now: Time) -> AuthResult<Counted> {
    let limit = app.config.limits.code_per_factor;
    count(app, format!("code:{user_id}"), limit, WINDOW, now).await
}

/// Counts one registration from this network.
///
/// # Errors
/// [`AuthError::TooMany`] when the budget is used up.
pub async fn count_registration(app: &App, origin: &Origin, now: Time) -> AuthResult<()> {
    let key = format!("reg-net:{}", origin.network());
    count(app, key, app.config.limits.register_per_network, WINDOW, now).await.map(drop)
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

/// Counts one password that is chosen by a mailed link, from this network: weighing and hashing
/// one is dear.
///
/// # Errors
/// [`AuthError::TooMany`] when the budget is used up.
pub async fn count_reset(app: &App, origin: &Origin, now: Time) -> AuthResult<()> {
    let key = format!("reset-net:{}", origin.network());
    count(app, key, app.config.limits.register_per_network, WINDOW, now).await.map(drop)
}

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

/// Counts one code sent to this person, and for a caller from this network.
///
/// # Errors
/// [`AuthError::TooMany`] when either budget is used up.
pub async fn count_sent_code(
    app: &App,
    origin: &Origin,
    user_id: Uuid,
    now: Time,
) -> AuthResult<()> {
    let limits = &app.config.limits;
    let person = format!("sent:{user_id}");
    count(app, person, limits.codes_sent_per_person, WINDOW, now).await?;
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

/// Counts one message to this number, and among all that leave from here. Numbers that were proved
/// (`is_proved`: by who asks) have budgets of their own, and half of the day's messages: whoever
/// names the number of somebody else keeps no code from its owner.
///
/// # Errors
/// [`AuthError::TooMany`] when a budget is used up.
pub async fn count_sms(app: &App, number: &str, is_proved: bool, now: Time) -> AuthResult<()> {
    let limits = &app.config.limits;
    let number = sha256_hex(number.as_bytes());
    if is_proved {
        let key = format!("sms:{number}");
        count(app, key, limits.codes_sent_per_number, WINDOW, now).await?;
    } else {
        let (key, daily) = (format!("sms-new:{number}"), format!("sms-new-day:{number}"));
        count(app, key, limits.codes_sent_per_number, WINDOW, now).await?;
        count(app, daily, limits.codes_sent_unproved_daily, DAY, now).await?;
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

/// Counts one set-up of a factor, or of new backup codes, by this person: it costs ten hashes.
///
/// # Errors
/// [`AuthError::TooMany`] when the budget is used up.
pub async fn count_enrolment(app: &App, user_id: Uuid, now: Time) -> AuthResult<()> {
    count(app, format!("enrol:{user_id}"), 10, WINDOW, now).await.map(drop)
}

/// Counts one API key that this person makes: each is told to them by a letter.
///
/// # Errors
/// [`AuthError::TooMany`] when the budget is used up.
pub async fn count_api_key(app: &App, user_id: Uuid, now: Time) -> AuthResult<()> {
    count(app, format!("api-key:{user_id}"), 30, WINDOW, now).await.map(drop)
}

/// Counts one change of a profile by this person: a new user name could be a guess at somebody
/// else's.
///
/// # Errors
/// [`AuthError::TooMany`] when the budget is used up.
pub async fn count_profile(app: &App, user_id: Uuid, now: Time) -> AuthResult<()> {
    count(app, format!("profile:{user_id}"), PROFILE_CHANGES, WINDOW, now).await.map(drop)
}

/// Counts one password that this person asks to have weighed, while they type it.
///
/// # Errors
/// [`AuthError::TooMany`] when the budget is used up.
pub async fn count_weighing(app: &App, user_id: Uuid, now: Time) -> AuthResult<()> {
    count(app, format!("weigh:{user_id}"), WEIGHINGS, WINDOW, now).await.map(drop)
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

/// Counts one form that is kept while somebody of this network signs in at a site.
///
/// # Errors
/// [`AuthError::TooMany`] when the budget is used up, of the network or of all together.
pub async fn count_kept_form(app: &App, origin: &Origin, now: Time) -> AuthResult<()> {
    let of_network = format!("form-net:{}", origin.network());
    count(app, of_network, FORMS_PER_NETWORK, FORMS_WINDOW, now).await?;
    count(app, "forms".to_owned(), FORMS_TOGETHER, FORMS_WINDOW, now).await.map(drop)
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
