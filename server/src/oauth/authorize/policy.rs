//! What is asked where the tokens of a request will be good.

use jwks::{
    policy::Policy,
    site::{Site, SiteStatus},
};

use crate::{
    app::App,
    oauth::{OAuthError, OAuthResult},
};

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

/// Refuses a site that is switched off.
///
/// # Errors
/// [`OAuthError::InvalidTarget`]; when the store fails.
pub async fn refuse_inactive(app: &App, resources: &[String]) -> OAuthResult<()> {
    let sites = sites(app, resources).await?;
    match sites.iter().flatten().any(|site| site.status == SiteStatus::Inactive) {
        true => Err(OAuthError::InvalidTarget("resource is switched off".into())),
        false => Ok(()),
    }
}

/// What a request's tokens will open.
pub struct Places {
    /// What is asked there: the policies of sites, the default one for everything else.
    pub policies: Vec<Policy>,
    /// The site whose policy asks most, if any is a site: what a sign-in is asked by.
    pub site: Option<Site>,
}

/// The places where tokens for these `resources` will be good.
///
/// # Errors
/// When the store fails.
pub async fn places(app: &App, resources: &[String]) -> OAuthResult<Places> {
    let default = &app.config.policy.default;
    let sites = sites(app, resources).await?;
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
