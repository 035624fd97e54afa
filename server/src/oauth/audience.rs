//! Where an access token is good (RFC 8707).

use super::{OAuthError, OAuthResult, params::Params};
use crate::{app::App, domain::client::Client};

/// PURE: whether `client` may ask for tokens that are good at `resource`: it is registered for it,
/// or it is this server, whose userinfo anybody may ask who may ask for anything.
#[must_use]
pub fn may_ask_for(issuer: &str, client: &Client, resource: &str) -> bool {
    resource == issuer || client.metadata.audiences.iter().any(|audience| audience == resource)
}

/// The audience of an access token: the resources that the request names, which must be among those
/// that were `granted` (none: those the client is registered for); else what was granted; else the
/// client's first audience; else this server.
///
/// # Errors
/// [`OAuthError::InvalidTarget`].
pub fn of(
    app: &App,
    client: &Client,
    granted: &[String],
    params: &Params,
) -> OAuthResult<Vec<String>> {
    let mut asked: Vec<String> = Vec::new();
    for resource in params.all("resource") {
        let may = if granted.is_empty() {
            may_ask_for(&app.issuer, client, resource)
        } else {
            granted.iter().any(|one| one == resource)
        };
        if !may {
            return Err(OAuthError::InvalidTarget("resource is not one that was granted".into()));
        }
        if !asked.iter().any(|one| one == resource) {
            asked.push(resource.to_owned());
        }
    }
    if !asked.is_empty() {
        return Ok(asked);
    }
    if !granted.is_empty() {
        return Ok(granted.to_vec());
    }
    let first = client.metadata.audiences.first().cloned();
    Ok(vec![first.unwrap_or_else(|| app.issuer.clone())])
}
