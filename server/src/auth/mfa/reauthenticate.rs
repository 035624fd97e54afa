//! A fresh proof of who somebody is, who has no second factor: their password.

use jwks::{Time, policy::Level};

use super::verify::raise;
use crate::{
    app::App,
    auth::{
        bearer::{Caller, FRESH},
        browser::{self, BrowserSession},
        error::{AuthError, AuthResult},
        login::{TokenSet, find_open_site, usable_methods},
        origin::Origin,
        password,
    },
    domain::{session::Proof, user::User},
};

/// A fresh proof by password, for somebody who has no factor.
///
/// # Errors
/// [`AuthError::StepUpRequired`] when the person has one: a password does not stand for it.
/// [`AuthError::WrongCredentials`] for a wrong password; as [`find_open_site`] for the site of the
/// session.
pub async fn reauthenticate(
    app: &App,
    origin: &Origin,
    caller: Caller,
    password: &str,
) -> AuthResult<TokenSet> {
    let now = app.clock.now();
    let site = find_open_site(app, caller.session.site_key.as_deref()).await?;
    let proof = prove_password(app, origin, &caller.user, password, now).await?;
    raise(app, origin, caller.user, &caller.session, proof, site.as_ref(), now).await
}

/// The same of the session of a browser.
///
/// # Errors
/// As [`reauthenticate`]; [`AuthError::InvalidToken`] when the session ended meanwhile.
pub async fn reauthenticate_in_browser(
    app: &App,
    origin: &Origin,
    held: &BrowserSession,
    password: &str,
) -> AuthResult<BrowserSession> {
    let now = app.clock.now();
    let proof = prove_password(app, origin, &held.user, password, now).await?;
    browser::raise(app, origin, &held.user, held, &proof, now).await
}

/// Judges the password of somebody who is signed in and has no factor.
async fn prove_password(
    app: &App,
    origin: &Origin,
    user: &User,
    typed: &str,
    now: Time,
) -> AuthResult<Proof> {
    let factors = app.identity.list_factors(user.id).await?;
    if !usable_methods(&factors).is_empty() {
        return Err(AuthError::StepUpRequired { acr: Level::TwoFactor, max_age: FRESH });
    }
    password::prove(app, origin, user, typed, "reauthenticate", now).await?;
    Ok(Proof {
        acr: Level::OneFactor,
        amr: vec!["pwd".to_owned()],
        auth_time: now,
        device_at: None,
        model: None,
    })
}
