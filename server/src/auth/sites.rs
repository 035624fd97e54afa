//! Which sites somebody may open.

use std::net::IpAddr;

use jwks::{
    policy::Level,
    site::{Site, SiteStatus},
};

use super::{bearer::Caller, error::AuthResult};
use crate::app::App;

/// A site that somebody may open.
#[derive(Clone, Debug)]
pub struct OpenSite {
    /// It.
    pub site: Site,
    /// Whether it asks for a stronger proof than they have shown.
    pub asks_more: bool,
}

/// The sites that the caller may open from `ip`, by name.
///
/// # Errors
/// When the store fails.
pub async fn list(app: &App, caller: &Caller, ip: IpAddr) -> AuthResult<Vec<OpenSite>> {
    let who = Who {
        sub: caller.user.id.to_string(),
        roles: &caller.user.roles,
        tenant: &caller.session.tenant_id,
        level: caller.level,
        ip: ip.to_canonical(),
    };
    let mut open: Vec<OpenSite> = app
        .identity
        .list_sites()
        .await?
        .into_iter()
        .filter_map(|site| open_to(site, &who))
        .collect();
    open.sort_by_cached_key(|open| (open.site.name.to_lowercase(), open.site.site_key.clone()));
    Ok(open)
}

/// Somebody, as policies judge them.
struct Who<'w> {
    sub: String,
    roles: &'w [String],
    tenant: &'w str,
    level: Option<Level>,
    ip: IpAddr,
}

/// PURE: what a site is to somebody who opens its front page in a browser; `None`: nothing.
fn open_to(site: Site, who: &Who<'_>) -> Option<OpenSite> {
    let asked = site.policy.effective("GET", "/");
    let roles = who.roles.iter().map(String::as_str);
    let networks = &asked.allow.networks;
    let is_let_in = asked.allow.names(&who.sub, roles, Some(who.tenant))
        && (networks.is_empty() || networks.iter().any(|network| network.contains(&who.ip)));
    let is_open = asked.accept.session || asked.require.level().is_none();
    let asks_more = asked.require.level() > who.level;
    (site.status == SiteStatus::Active && is_open && is_let_in)
        .then(|| OpenSite { asks_more, site: site.clone() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn opened(policy: Value) -> Option<bool> {
        let site: Site = serde_json::from_value(json!({
            "site_key": "app", "base_url": "https://app.test", "hosts": ["app.test"],
            "upstreams": ["http://127.0.0.1:1"], "policy": policy,
        }))
        .unwrap();
        let who = Who {
            sub: "ann".into(),
            roles: &["clerk".to_owned()],
            tenant: "acme",
            level: Some(Level::TwoFactor),
            ip: [192, 0, 2, 1].into(),
        };
        open_to(site, &who).map(|open| open.asks_more)
    }

    #[test]
    fn a_site_is_listed_for_those_whom_its_policy_lets_in() {
        for (policy, listed) in [
            (json!({}), Some(false)),
            (json!({ "require": "public" }), Some(false)),
            (json!({ "require": "phishing_resistant" }), Some(true)),
            (json!({ "allow": { "roles": ["clerk"], "tenants": ["acme"] } }), Some(false)),
            (json!({ "allow": { "roles": ["boss"] } }), None),
            (json!({ "allow": { "users": ["bob"] } }), None),
            (json!({ "allow": { "networks": ["192.0.2.0/24"] } }), Some(false)),
            (json!({ "allow": { "networks": ["10.0.0.0/8"] } }), None),
            (json!({ "accept": { "session": false } }), None),
            (json!({ "rules": [{ "path": "/", "allow": { "roles": ["boss"] } }] }), None),
        ] {
            assert_eq!(opened(policy.clone()), listed, "{policy}");
        }
    }
}
