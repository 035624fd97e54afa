//! Where an access token is good (RFC 8707).

use jwks::site::{Site, SiteStatus};

use super::{OAuthError, OAuthResult, params::Params, scope::OPENID};
use crate::{app::App, domain::client::Client};

/// PURE: whether `client` may ask for tokens that are good at `resource`: it is registered for it,
/// or it is this server, whose userinfo anybody may ask who may ask for anything.
#[must_use]
pub fn may_ask_for(issuer: &str, client: &Client, resource: &str) -> bool {
    resource == issuer || client.metadata.audiences.iter().any(|audience| audience == resource)
}

/// PURE: where a client asks that the tokens of a new grant be good: where its request says; else at
/// its first audience, or at this server where it has none. Who asks for OpenID Connect and names
/// nothing asks for userinfo too (OpenID Connect Core section 5.3): few libraries know that it is to
/// be named.
///
/// # Errors
/// [`OAuthError::InvalidTarget`] for what it is not registered for.
pub fn asked(
    issuer: &str,
    client: &Client,
    scope: &str,
    params: &Params,
) -> OAuthResult<Vec<String>> {
    let named = named(params, |resource| may_ask_for(issuer, client, resource))?;
    if !named.is_empty() {
        return Ok(named);
    }
    let mut audience: Vec<String> =
        client.metadata.audiences.first().cloned().into_iter().collect();
    let at_userinfo = audience.is_empty() || scope.split(' ').any(|one| one == OPENID);
    if at_userinfo && audience.iter().all(|one| one != issuer) {
        audience.push(issuer.to_owned());
    }
    Ok(audience)
}

/// PURE: the audience of an access token of a grant: the resources that the token request names,
/// which must be among those `granted`; else all of them.
///
/// # Errors
/// [`OAuthError::InvalidTarget`].
pub fn of(granted: &[String], params: &Params) -> OAuthResult<Vec<String>> {
    let named = named(params, |resource| granted.iter().any(|one| one == resource))?;
    Ok(if named.is_empty() { granted.to_vec() } else { named })
}

/// Whether a request names where its tokens are to be good.
#[must_use]
pub fn is_named(params: &Params) -> bool {
    params.all("resource").next().is_some()
}

/// Of these `places` those where tokens may be good at this moment: none is a site that is switched
/// off. Whoever `named` such a one is refused, and is not given less than they named.
///
/// # Errors
/// [`OAuthError::InvalidTarget`], also where no place is left; when the store fails.
pub async fn switched_on(app: &App, places: &[String], named: bool) -> OAuthResult<Vec<String>> {
    let sites = sites(app, places).await?;
    let is_off = |place: &str| {
        let mut sites = sites.iter().flatten().filter(|site| site.base_url == place);
        sites.any(|site| site.status == SiteStatus::Inactive)
    };
    let left: Vec<String> = places.iter().filter(|place| !is_off(place)).cloned().collect();
    if left.is_empty() || named && left.len() < places.len() {
        return Err(OAuthError::InvalidTarget("resource is switched off".into()));
    }
    Ok(left)
}

/// The sites that these places are, each in its place. This server itself is left out: what a token
/// of a client opens there is userinfo, which says no more than the client was granted.
///
/// # Errors
/// When the store fails.
pub async fn sites(app: &App, places: &[String]) -> OAuthResult<Vec<Option<Site>>> {
    let places = || places.iter().filter(|place| **place != app.issuer);
    if places().next().is_none() {
        return Ok(Vec::new());
    }
    let sites = app.identity.list_sites().await?;
    let find = |place: &String| sites.iter().find(|site| site.base_url == *place).cloned();
    Ok(places().map(find).collect())
}

/// The resources that a request names, each once.
fn named(params: &Params, may: impl Fn(&str) -> bool) -> OAuthResult<Vec<String>> {
    let mut named: Vec<String> = Vec::new();
    for resource in params.all("resource") {
        if !may(resource) {
            return Err(OAuthError::InvalidTarget(
                "resource is none that is registered for the client, or that was granted".into(),
            ));
        }
        if !named.iter().any(|one| one == resource) {
            named.push(resource.to_owned());
        }
    }
    Ok(named)
}
