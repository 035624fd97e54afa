//! Forms that wait while whoever posted them at a site signs in: sealed by the edge, with a key that
//! only the browser holds, and given back once, to whichever edge the browser comes back to.

use std::net::IpAddr;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use jwks::{
    Time,
    site_session::{CLIENT_ID, LARGEST_SEALED_FORM, SIGN_IN_LIFE},
};

use super::OAuthResult;
use crate::{
    app::App,
    auth::{origin::Origin, throttle},
    domain::{
        one_time::{OneTime, Purpose},
        secret::SecretHash,
    },
};

/// The most that is kept of one, bytes.
pub const LARGEST: usize = LARGEST_SEALED_FORM;

/// Keeps what was `sealed` of a form of somebody at this address under `name`, which nobody guesses.
///
/// # Errors
/// [`super::OAuthError::TooMany`] when as many are kept as may be; when a store fails.
pub async fn keep(app: &App, ip: IpAddr, name: &str, sealed: &[u8], now: Time) -> OAuthResult<()> {
    let origin = Origin {
        ip,
        user_agent: String::new(),
        request_id: String::new(),
        client_id: CLIENT_ID.to_owned(),
        known: None,
    };
    throttle::count_kept_form(app, &origin, sealed.len(), now).await?;
    let hash = SecretHash::of(name);
    let kept = OneTime {
        purpose: Purpose::KeptForm,
        owner: hash.to_id(),
        hash,
        bound_to: STANDARD_NO_PAD.encode(sealed),
        expires_at: now.plus(SIGN_IN_LIFE),
    };
    Ok(app.sessions.put_one_time(&kept).await?)
}

/// Takes it away. Exactly one caller gets it; `None`: it is over, or was taken.
///
/// # Errors
/// When the store fails.
pub async fn take(app: &App, name: &str, now: Time) -> OAuthResult<Option<Vec<u8>>> {
    let hash = SecretHash::of(name);
    let taken = app.sessions.consume_one_time(Purpose::KeptForm, hash.to_id(), &hash, now).await?;
    Ok(taken.and_then(|kept| STANDARD_NO_PAD.decode(kept.bound_to).ok()))
}
