use std::sync::Arc;

use jwks::{
    forwarding::Forwarding,
    policy::{Policy, Require},
    site::{Branding, Site, SiteStatus, is_loopback},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{AdminError, AdminResult, event};
use crate::{
    app::App,
    config::EdgeSection,
    domain::audit::{Action, Event},
    store::identity::SitePut,
};

/// What is said of a site that is reached by https, where these settings have no edge that speaks it.
const NEEDS_TLS: &str = "the edge has no edge.tls_listen here: set it, with a certificate for this \
                         host, or have a proxy before the edge end TLS";

/// A site as an operator describes it: what is left out gets a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteDraft {
    /// Its name for programs.
    pub site_key: String,
    /// Its name for people.
    #[serde(default)]
    pub name: String,
    /// Where people reach it; `None`: its first host, at the edge's port where that is loopback.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Host names it answers to.
    pub hosts: Vec<String>,
    /// Where requests go.
    pub upstreams: Vec<String>,
    /// Whether it is served.
    #[serde(default)]
    pub status: SiteStatus,
    /// How it looks.
    #[serde(default)]
    pub branding: Branding,
    /// What it asks; a second factor where nothing is said.
    #[serde(default)]
    pub policy: Policy,
    /// How requests travel to its upstreams.
    #[serde(default)]
    pub forwarding: Forwarding,
    /// Whether the caller's own `Authorization` is passed on.
    #[serde(default)]
    pub forward_credentials: bool,
}

impl SiteDraft {
    /// The site it describes, behind the edge of `edge`.
    #[must_use]
    pub fn into_site(self, edge: &EdgeSection) -> Site {
        let hosts: Vec<String> = self.hosts.iter().map(|host| host.to_lowercase()).collect();
        let base_url = self.base_url.unwrap_or_else(|| {
            hosts.first().map(|host| default_base_url(host, edge)).unwrap_or_default()
        });
        Site {
            name: if self.name.is_empty() { self.site_key.clone() } else { self.name },
            site_key: self.site_key,
            base_url: base_url.trim_end_matches('/').to_owned(),
            hosts,
            upstreams: self.upstreams,
            status: self.status,
            branding: self.branding,
            policy: self.policy,
            forwarding: self.forwarding,
            version: 0,
            forward_credentials: self.forward_credentials,
        }
    }
}

/// On this machine at the edge's port, of TLS where it has one; elsewhere by https at the usual port.
fn default_base_url(host: &str, edge: &EdgeSection) -> String {
    let local = is_loopback(host);
    match edge.tls_listen {
        _ if !local => format!("https://{host}"),
        Some(tls) => format!("https://{host}:{}", tls.port()),
        None => format!("http://{host}:{}", edge.listen.port()),
    }
}

/// Stores a new site. Every connected edge serves it at once.
pub(super) async fn create(app: &Arc<App>, draft: SiteDraft) -> AdminResult<Value> {
    let site = draft.into_site(&app.config.edge);
    site.validate().map_err(|errors| {
        let told: Vec<String> =
            errors.iter().map(|error| format!("{} {}", error.field, error.message)).collect();
        AdminError::invalid("site", told.join("; "))
    })?;
    let now = app.clock.now();
    let mut event = event(Action::PolicyUpdated, now, details(&site));
    event.site_key = Some(site.site_key.clone());
    Ok(json!(create_site(app, site, &event).await?))
}

/// As [`create`], and says what to do next.
pub(super) async fn protect(app: &Arc<App>, draft: SiteDraft) -> AdminResult<Value> {
    let site = create(app, draft).await?;
    let mut told = json!({
        "siteKey": site["site_key"],
        "open": site["base_url"],
        "upstream": site["upstreams"][0],
        "require": site["policy"]["require"],
    });
    let is_https = site["base_url"].as_str().is_some_and(|url| url.starts_with("https://"));
    if is_https && app.config.edge.tls_listen.is_none() {
        told["note"] = NEEDS_TLS.into();
    }
    Ok(told)
}

/// Every site, as it is served.
pub(super) async fn list(app: &Arc<App>) -> AdminResult<Value> {
    Ok(json!(app.identity.list_sites().await?))
}

/// Stores a site that was judged and is new.
///
/// # Errors
/// [`AdminError::Taken`] where its key or one of its hosts is in use; or the store fails.
pub async fn create_site(app: &App, mut site: Site, event: &Event) -> AdminResult<Site> {
    match app.identity.put_site(&site, true, event).await? {
        SitePut::Stored(version) | SitePut::Unchanged(version) => site.version = version,
        SitePut::Exists | SitePut::Overtaken => {
            return Err(AdminError::Taken { argument: "--site-key", name: site.site_key });
        }
        SitePut::HostTaken => {
            return Err(AdminError::Taken { argument: "--host", name: site.hosts.join(", ") });
        }
    }
    Ok(site)
}

/// Stores a site that was judged, in the place of this version. `None`: it is another one by now.
///
/// # Errors
/// [`AdminError::Taken`] where another site has one of its hosts; or the store fails.
pub async fn change_site(
    app: &App,
    mut site: Site,
    version: u64,
    event: &Event,
) -> AdminResult<Option<Site>> {
    match app.identity.replace_site(&site, version, event).await? {
        SitePut::Stored(version) | SitePut::Unchanged(version) => site.version = version,
        SitePut::Exists | SitePut::Overtaken => return Ok(None),
        SitePut::HostTaken => {
            return Err(AdminError::Taken { argument: "--host", name: site.hosts.join(", ") });
        }
    }
    Ok(Some(site))
}

/// What the audit log says of a change.
fn details(site: &Site) -> Value {
    json!({ "require": site.policy.require })
}

/// Stores the demo site, which `upstream` (`http://host:port`) answers. Its audience is the
/// issuer, so that the tour's tokens open it.
///
/// # Errors
/// [`AdminError::Taken`] when another site has its host; or the store fails.
pub async fn put_demo_site(app: &Arc<App>, upstream: &str) -> AdminResult<Site> {
    let draft = SiteDraft {
        site_key: "demo".into(),
        name: "Demo site".into(),
        base_url: None,
        hosts: vec!["demo.localhost".into()],
        upstreams: vec![upstream.to_owned()],
        status: SiteStatus::Active,
        branding: Branding::default(),
        policy: Policy { require: Require::TwoFactor, first_party: true, ..Policy::default() },
        forwarding: Forwarding::default(),
        forward_credentials: false,
    };
    let site = draft.into_site(&app.config.edge);
    let now = app.clock.now();
    let mut event = event(Action::PolicyUpdated, now, json!({ "require": site.policy.require }));
    event.site_key = Some(site.site_key.clone());
    match app.identity.put_site(&site, false, &event).await? {
        SitePut::HostTaken => {
            Err(AdminError::Taken { argument: "demo site", name: site.hosts.join(", ") })
        }
        SitePut::Stored(_) | SitePut::Unchanged(_) | SitePut::Exists | SitePut::Overtaken => {
            Ok(site)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(host: &str) -> SiteDraft {
        serde_json::from_value(json!({
            "site_key": "app",
            "hosts": [host],
            "upstreams": ["http://127.0.0.1:3000"],
        }))
        .unwrap()
    }

    #[test]
    fn a_new_site_asks_for_a_second_factor() {
        let site = draft("app.example.com").into_site(&EdgeSection::default());
        assert_eq!(site.policy.require, jwks::policy::Require::TwoFactor);
        assert_eq!(
            (site.base_url.as_str(), site.name.as_str()),
            ("https://app.example.com", "app")
        );
    }

    #[test]
    fn a_site_on_loopback_is_reached_at_the_edges_port() {
        assert_eq!(
            draft("App.localhost").into_site(&EdgeSection::default()).base_url,
            "http://app.localhost:8000"
        );
        assert_eq!(
            draft("127.0.0.1").into_site(&EdgeSection::default()).base_url,
            "http://127.0.0.1:8000"
        );
        let tls = EdgeSection {
            tls_listen: Some(([127, 0, 0, 1], 8443).into()),
            ..EdgeSection::default()
        };
        assert_eq!(draft("app.localhost").into_site(&tls).base_url, "https://app.localhost:8443");
        assert_eq!(
            draft("localhost.example").into_site(&EdgeSection::default()).base_url,
            "https://localhost.example"
        );
    }
}
