//! Challenges: what has to be sent or shown before a factor can be proved. An authenticator app
//! and backup codes need nothing.

use jwks::policy::Method;

use super::{Standing, sent};
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

/// Begins a challenge of `method`: what was sent for it, if anything.
///
/// # Errors
/// [`AuthError::MethodNotOffered`] with the methods that this person can prove here;
/// [`AuthError::TooMany`] when too many codes were sent.
pub async fn challenge(
    app: &App,
    origin: &Origin,
    standing: &Standing,
    method: Method,
) -> AuthResult<Option<Sent>> {
    let now = app.clock.now();
    let user = standing.person(app).await?;
    let factors = app.identity.list_factors(user.id).await?;
    let usable = match standing {
        Standing::Half(_, login) => {
            let site = find_site(app, login.site_key.as_deref()).await?;
            offered(&policy_for(app, site.as_ref()).without_rules(), usable_methods(&factors))
        }
        Standing::Full(_) | Standing::Browser(_) => usable_methods(&factors),
    };
    if !usable.contains(&method) {
        return Err(AuthError::MethodNotOffered(usable));
    }
    if !sent::is_sent(method) {
        return Ok(None);
    }
    let of_method = |factor: &&Factor| factor.is_confirmed() && factor.method == method;
    let Some(factor) = factors.iter().find(of_method) else { return Ok(None) };
    match sent::send(app, origin, &user, factor, &standing.challenge(), now).await {
        Ok(sent) => Ok(Some(sent)),
        Err(AuthError::MethodNotOffered(_)) => {
            let others = usable.into_iter().filter(|other| *other != method);
            Err(AuthError::MethodNotOffered(others.collect()))
        }
        Err(error) => Err(error),
    }
}
