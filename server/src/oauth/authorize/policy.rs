//! What is asked where the tokens of a request will be good.

use jwks::{
    policy::Policy,
    site::{Site, SiteStatus},
};

use crate::{app::App, domain::authorization::AuthorizationRequest, oauth::OAuthResult};

/// The sites that these places are, each in its place. This server itself is left out: what a token
/// of a client opens there is userinfo, which says no more than the client was granted.
///
/// # Errors
/// When the store fails.
pub async fn sites(app: &App, resources: &[String]) -> OAuthResult<Vec<Option<Site>>> {
    let places = || resources.iter().filter(|resource| **resource != app.issuer);
    if places().next().is_none() {
        return Ok(Vec::new());
    }
    let sites = app.identity.list_sites().await?;
    let find = |resource: &String| sites.iter().find(|site| site.base_url == *resource).cloned();
    Ok(places().map(find).collect())
}

/// What a request's tokens will open.
pub struct Places {
    /// What is asked there: the policies of sites, the default one for everything else.
    pub policies: Vec<Policy>,
    /// The site whose policy asks most, if any is a site: what a sign-in is asked by.
    pub site: Option<Site>,
}

/// The places where the tokens of `request` will be good.
///
/// # Errors
/// When the store fails.
pub async fn places(app: &App, request: &AuthorizationRequest) -> OAuthResult<Places> {
    let default = &app.config.policy.default;
    let sites = sites(app, &request.resource).await?;
    let mut policies: Vec<Policy> = Vec::new();
    for site in &sites {
        policies.push(site.as_ref().map_or(default, |site| &site.policy).clone());
    }
    if policies.is_empty() {
        policies.push(default.clone());
    }
    let open = sites.into_iter().flatten().filter(|site| site.status == SiteStatus::Active);
    let site = open.max_by_key(|site| site.policy.require);
    Ok(Places { policies, site })
}
