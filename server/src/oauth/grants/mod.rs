//! Grants: for what a client gets tokens (RFC 6749 section 4). One file and one row each.

pub mod authorization_code;
pub mod client_credentials;
pub mod device_code;
pub mod opening;
pub mod refresh_token;
mod remaining;
mod site_session;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jwks::Time;

use super::{OAuthError, OAuthResult, client_auth, params::Params};
use crate::{app::App, auth::origin::Origin, domain::client::Client};

/// A token request of a client that has shown who it is, and may use this grant.
pub struct TokenRequest<'r> {
    /// The application.
    pub app: &'r App,
    /// Where it comes from; `client_id` is the client's.
    pub origin: Origin,
    /// The client.
    pub client: Arc<Client>,
    /// What it says.
    pub params: &'r Params,
    /// When it came.
    pub now: Time,
}

/// What a client gets (RFC 6749 section 5.1).
pub struct Issued {
    /// The access token.
    pub access_token: String,
    /// Its life, seconds.
    pub expires_in: u64,
    /// What it is good for, space-separated.
    pub scope: String,
    /// The refresh token, where there is one.
    pub refresh_token: Option<String>,
    /// The ID token, where OpenID Connect was asked for.
    pub id_token: Option<String>,
}

type Grant = for<'r> fn(&'r TokenRequest<'r>) -> BoxFuture<'r, OAuthResult<Issued>>;

/// Every grant, by its `grant_type`.
const GRANTS: &[(&str, Grant)] = &[
    (authorization_code::TYPE, |request| Box::pin(authorization_code::issue(request))),
    (refresh_token::TYPE, |request| Box::pin(refresh_token::issue(request))),
    (client_credentials::TYPE, |request| Box::pin(client_credentials::issue(request))),
    (device_code::TYPE, |request| Box::pin(device_code::issue(request))),
    (site_session::TYPE, |request| Box::pin(site_session::issue(request))),
];

/// The names of the grants that clients may register for, as `grant_type` says them: all but the
/// edge's own.
pub fn names() -> impl Iterator<Item = &'static str> {
    GRANTS.iter().map(|(name, _)| *name).filter(|name| *name != site_session::TYPE)
}

/// Answers a token request. `authorization`: the value of the `Authorization` header; `endpoint`: the
/// path it came to.
///
/// # Errors
/// [`OAuthError`], by RFC 6749 section 5.2.
pub async fn issue(
    app: &App,
    origin: Origin,
    authorization: Option<&str>,
    params: &Params,
    endpoint: &str,
) -> OAuthResult<Issued> {
    let client = client_auth::authenticate(app, &origin, authorization, params, endpoint).await?;
    let wanted = params.get("grant_type");
    let wanted = wanted.ok_or_else(|| OAuthError::request("grant_type is missing"))?;
    let grant = GRANTS.iter().find(|(name, _)| *name == wanted).map(|(_, grant)| grant);
    let grant = grant.ok_or_else(|| {
        OAuthError::UnsupportedGrantType("the grant type is not known here".into())
    })?;
    if !client.may_use(wanted) {
        return Err(OAuthError::UnauthorizedClient(
            "the client is not registered for this grant type".into(),
        ));
    }
    let origin = Origin { client_id: client.client_id.clone(), ..origin };
    let request = TokenRequest { app, origin, client, params, now: app.clock.now() };
    grant(&request).await
}

#[cfg(test)]
mod tests;
