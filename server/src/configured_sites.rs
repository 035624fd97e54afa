//! Sites of the configuration file, stored at start beside those made by command.

use jwks::Time;
use serde_json::json;

use crate::{
    app::App,
    clock::new_id,
    domain::audit::{Action, Event},
    store::{StoreResult, identity::SitePut},
};

/// Stores every configured site that differs from what is stored.
///
/// # Errors
/// When the store fails.
pub async fn store(app: &App) -> StoreResult<()> {
    let now = app.clock.now();
    for site in &app.config.sites {
        let event = event(&site.site_key, now);
        match app.identity.put_site(site, false, &event).await? {
            SitePut::Stored(version) => {
                tracing::info!(site = site.site_key, version, "site stored from the configuration");
            }
            SitePut::HostTaken => {
                tracing::error!(
                    site = site.site_key,
                    "sites.hosts: another stored site answers to one of these hosts; left as it was"
                );
            }
            SitePut::Unchanged(_) | SitePut::Exists | SitePut::Overtaken => {}
        }
    }
    Ok(())
}

fn event(site_key: &str, now: Time) -> Event {
    Event {
        id: new_id(now),
        at: now,
        action: Action::PolicyUpdated,
        actor: None,
        user_id: None,
        site_key: Some(site_key.to_owned()),
        client_id: None,
        ip: None,
        user_agent: None,
        request_id: None,
        details: json!({ "source": "configuration" }),
    }
}
