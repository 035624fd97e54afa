//! Challenges: what has to be sent or shown before a factor can be proved. An authenticator app
//! and backup codes need nothing.

use jwks::policy::Method;

use serde_json::Value;

use super::{Standing, passkey, sent};
use crate::{
    app::App,
    auth::{
        error::{AuthError, AuthResult},
        login::{find_site, offered, policy_for, usable_methods},
        origin::Origin,
        sent_code::Sent,
    },
    domain::factor::Factor,
};

/// What was done for a challenge.
pub enum Begun {
    /// Nothing: the person has what it takes.
    Nothing,
    /// A code is on its way.
    Sent(Sent),
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
    if method == Method::Hardware {
        let challenge = standing.challenge();
        return Ok(Begun::Asked(passkey::ask(app, &user, &challenge, &asked, now).await?));
    }
    if !sent::is_sent(method) {
        return Ok(Begun::Nothing);
    }
    let of_method = |factor: &&Factor| factor.is_confirmed() && factor.method == method;
    let Some(factor) = factors.iter().find(of_method) else { return Ok(Begun::Nothing) };
    match sent::send(app, origin, &user, factor, &standing.challenge(), now).await {
        Ok(sent) => Ok(Begun::Sent(sent)),
        Err(AuthError::MethodNotOffered(_)) => {
            let others = usable.into_iter().filter(|other| *other != method);
            Err(AuthError::MethodNotOffered(others.collect()))
        }
        Err(error) => Err(error),
    }
}
