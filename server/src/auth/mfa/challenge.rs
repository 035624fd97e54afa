//! Challenges: what has to be sent or shown before a factor can be proved. An authenticator app
//! and backup codes need nothing.

use jwks::policy::Method;

use serde_json::Value;

use super::{Standing, email, passkey};
use crate::{
    app::App,
    auth::{
        error::{AuthError, AuthResult},
        login::{find_site, offered, policy_for, usable_methods},
        origin::Origin,
    },
};

/// What was done for a challenge.
pub enum Begun {
    /// Nothing: the person has what it takes.
    Nothing,
    /// A code is on its way.
    Mailed(email::Sent),
    /// A passkey is asked for: the options of `navigator.credentials.get`.
    Asked(Value),
}

/// Begins a challenge of `method`. `site_key`: where somebody who is signed in is on their way to; half
/// a sign-in knows its own.
///
/// # Errors
/// [`AuthError::MethodNotOffered`] with the methods that this person can prove here;
/// [`AuthError::TooMany`] when too many codes were sent.
pub async fn challenge(
    app: &App,
    origin: &Origin,
    standing: &Standing,
    method: Method,
    site_key: Option<&str>,
) -> AuthResult<Begun> {
    let now = app.clock.now();
    let user = standing.person(app).await?;
    let factors = app.identity.list_factors(user.id).await?;
    let site_key = match standing {
        Standing::Half(_, login) => login.site_key.as_deref(),
        Standing::Full(_) | Standing::Browser(_) => site_key,
    };
    let site = find_site(app, site_key).await?;
    let asked = policy_for(app, site.as_ref()).without_rules();
    let usable = match standing {
        Standing::Half(..) => offered(&asked, usable_methods(&factors)),
        Standing::Full(_) | Standing::Browser(_) => usable_methods(&factors),
    };
    if !usable.contains(&method) {
        return Err(AuthError::MethodNotOffered(usable));
    }
    let by_mail = |factor: &&crate::domain::factor::Factor| {
        factor.is_confirmed() && factor.method == Method::EmailOtp
    };
    let challenge = standing.challenge();
    Ok(match (method, factors.iter().find(by_mail)) {
        (Method::EmailOtp, Some(factor)) => {
            Begun::Mailed(email::send(app, origin, &user, factor.id, &challenge, now).await?)
        }
        (Method::Hardware, _) => {
            Begun::Asked(passkey::ask(app, &user, &challenge, &asked, now).await?)
        }
        _ => Begun::Nothing,
    })
}
