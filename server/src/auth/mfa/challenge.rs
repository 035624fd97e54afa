//! Challenges: what has to be sent or shown before a factor can be proved. An authenticator app
//! and backup codes need nothing.

use jwks::policy::Method;

use super::{Standing, email};
use crate::{
    app::App,
    auth::{
        error::{AuthError, AuthResult},
        login::{find_site, offered, policy_for, usable_methods},
        origin::Origin,
    },
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
) -> AuthResult<Option<email::Sent>> {
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
    let by_mail = |factor: &&crate::domain::factor::Factor| {
        factor.is_confirmed() && factor.method == Method::EmailOtp
    };
    match factors.iter().find(by_mail) {
        Some(factor) if method == Method::EmailOtp => {
            let challenge = standing.challenge();
            email::send(app, origin, &user, factor.id, &challenge, now).await.map(Some)
        }
        _ => Ok(None),
    }
}
