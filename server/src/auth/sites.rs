//! Which sites somebody may open.

use std::{net::IpAddr, time::Duration};

use jwks::{
    Time,
    policy::Require,
    site::{Site, SiteStatus},
};

use super::{bearer::Caller, error::AuthResult, mfa::evidence};
use crate::{app::App, domain::session::Proof};

/// A site that somebody may open.
#[derive(Clone, Debug)]
pub struct OpenSite {
    /// It.
    pub site: Site,
    /// Whether it asks for another proof than they have shown: a stronger one, by another factor, or a
    /// fresher one.
    pub asks_more: bool,
}

/// The sites that the caller, who holds their session in a browser, may open from `ip`, by name.
///
/// # Errors
/// When the store fails.
pub async fn list(app: &App, caller: &Caller, ip: IpAddr) -> AuthResult<Vec<OpenSite>> {
    let who = Who {
        sub: caller.user.id.to_string(),
        roles: &caller.user.roles,
        tenant: &caller.session.tenant_id,
        proof: &caller.session.proof,
        ip,
    };
    let now = app.clock.now();
    let mut open: Vec<OpenSite> = app
        .identity
        .list_sites()
        .await?
        .into_iter()
        .filter_map(|site| open_to(site, &who, now))
        .collect();
    open.sort_by_cached_key(|open| (open.site.name.to_lowercase(), open.site.site_key.clone()));
    Ok(open)
}

/// Somebody, as policies judge them.
struct Who<'w> {
    sub: String,
    roles: &'w [String],
    tenant: &'w str,
    proof: &'w Proof,
    ip: IpAddr,
}

/// PURE: what a site is to somebody who opens its front page in a browser; `None`: nothing.
fn open_to(site: Site, who: &Who<'_>, now: Time) -> Option<OpenSite> {
    let asked = site.policy.effective("GET", "/");
    let is_public = asked.require == Require::Public;
    let roles = who.roles.iter().map(String::as_str);
    let is_let_in =
        asked.allow.names(&who.sub, roles, Some(who.tenant)) && asked.allow.takes_from(who.ip);
    let is_open = asked.accept.session || is_public;
    let is_fresh = asked
        .max_auth_age
        .is_none_or(|most| now.since(who.proof.auth_time) <= Duration::from_secs(most));
    let is_enough = is_public || (is_fresh && evidence::is_met(&asked, who.proof, now));
    (site.status == SiteStatus::Active && is_open && is_let_in)
        .then(|| OpenSite { asks_more: !is_enough, site: site.clone() })
}

#[cfg(test)]
mod tests {
    use jwks::policy::Level;
    use serde_json::{Value, json};

    use super::*;

    const NOW: Time = Time::from_secs(1_800_000_000);

    fn opened(policy: Value) -> Option<bool> {
        let site: Site = serde_json::from_value(json!({
            "site_key": "app", "base_url": "https://app.test", "hosts": ["app.test"],
            "upstreams": ["http://127.0.0.1:1"], "policy": policy,
        }))
        .unwrap();
        let proof = Proof {
            acr: Level::TwoFactor,
            amr: ["pwd", "otp", "mfa"].map(String::from).to_vec(),
            auth_time: NOW.minus(Duration::from_secs(600)),
            device_at: None,
            model: None,
        };
        let who = Who {
            sub: "ann".into(),
            roles: &["clerk".to_owned()],
            tenant: "acme",
            proof: &proof,
            ip: "::ffff:192.0.2.1".parse().unwrap(),
        };
        open_to(site, &who, NOW).map(|open| open.asks_more)
    }

    #[test]
    fn a_site_is_listed_for_those_whom_its_policy_lets_in() {
        for (policy, listed) in [
            (json!({}), Some(false)),
            (json!({ "require": "public" }), Some(false)),
            (json!({ "require": "public", "max_auth_age": 60 }), Some(false)),
            (json!({ "require": "phishing_resistant" }), Some(true)),
            (json!({ "allowed_factors": ["TOTP"] }), Some(false)),
            (json!({ "allowed_factors": ["HARDWARE"] }), Some(true)),
            (json!({ "max_auth_age": 600 }), Some(false)),
            (json!({ "max_auth_age": 599 }), Some(true)),
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
