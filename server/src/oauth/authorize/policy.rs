//! What is asked where the tokens of a request will be good.

use jwks::{
    policy::Policy,
    site::{Site, SiteStatus},
};

use crate::{
    app::App,
    oauth::{OAuthResult, audience},
};

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
    let sites = audience::sites(app, resources).await?;
    let mut policies: Vec<Policy> = Vec::new();
    for site in &sites {
        policies.push(site.as_ref().map_or(default, |site| &site.policy).clone());
    }
    if policies.is_empty() {
        policies.push(default.clone());
    }
    let open = sites.into_iter().flatten().filter(|site| site.status == SiteStatus::Active);
    let asks = |site: &Site| (site.policy.require, !site.policy.webauthn.models.is_empty());
    let site = open.max_by_key(asks);
    Ok(Places { policies, site })
}
