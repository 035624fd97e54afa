//! The client that every edge is: it signs people in at sites. Nobody registers it: what it may do
//! follows from the sites there are, and it shows the credential that an edge reads the feed with.

use std::{sync::Arc, time::Duration};

use jwks::{
    Time,
    policy::Policy,
    site::{Site, SiteStatus},
    site_session::{CALLBACK, CLIENT_ID, GRANT_TYPE, SIGNED_OUT, origins},
};

use super::{OAuthError, OAuthResult, grants::authorization_code};
use crate::{
    app::App,
    domain::{
        client::{Client, ClientAuthMethod, Metadata, Registrar},
        secret::{OpaqueToken, TokenKind},
        session::Proof,
    },
    store::StoreResult,
};

/// Its name where no site is in question.
const NAME: &str = "Sites";

/// The client, for the sites that are served now.
///
/// # Errors
/// When the store fails.
pub async fn read(app: &App) -> StoreResult<Client> {
    let mut sites = app.identity.list_sites().await?;
    sites.retain(|site| site.status == SiteStatus::Active);
    let at = |path: &str| -> Vec<String> {
        sites.iter().flat_map(origins).map(|origin| format!("{origin}{path}")).collect()
    };
    let began = Time::from_millis(0);
    Ok(Client {
        client_id: CLIENT_ID.to_owned(),
        secret: None,
        registration_token: None,
        registrar: Registrar::Operator,
        metadata: Metadata {
            redirect_uris: at(CALLBACK),
            post_logout_redirect_uris: at(SIGNED_OUT),
            token_endpoint_auth_method: ClientAuthMethod::ClientSecretBasic,
            grant_types: vec![authorization_code::TYPE.to_owned(), GRANT_TYPE.to_owned()],
            response_types: vec!["code".to_owned()],
            client_name: Some(NAME.to_owned()),
            scope: Some("openid profile email".to_owned()),
            id_token_signed_response_alg: Some(app.config.tokens.algorithm),
            require_pkce: true,
            first_party: true,
            audiences: sites.iter().map(|site| site.base_url.clone()).collect(),
            ..Metadata::default()
        },
        created_at: began,
        updated_at: began,
    })
}

/// The same client, called as the site is to which somebody is on their way with this request.
///
/// # Errors
/// When the store fails.
pub async fn called(
    app: &App,
    client: Arc<Client>,
    resource: &[String],
) -> StoreResult<Arc<Client>> {
    if !is(&client) {
        return Ok(client);
    }
    let site = site_of(app, |place| resource.iter().any(|one| one == place)).await?;
    let Some(site) = site.filter(|site| !site.name.is_empty()) else { return Ok(client) };
    let mut client = (*client).clone();
    client.metadata.client_name = Some(site.name);
    Ok(Arc::new(client))
}

/// Whether `client` is it.
#[must_use]
pub fn is(client: &Client) -> bool {
    client.client_id == CLIENT_ID
}

/// Whether `presented` is the credential of an edge.
///
/// # Errors
/// When the store fails.
pub async fn shows_credential(app: &App, presented: &str) -> StoreResult<bool> {
    match OpaqueToken::parse(TokenKind::Edge, presented) {
        Some(token) => Ok(app.identity.find_edge(&token.hash()).await?.is_some()),
        None => Ok(false),
    }
}

/// Holds a request of it against itself: its tokens are good at the one site to which its answer
/// goes.
///
/// # Errors
/// [`OAuthError::InvalidTarget`]; when the store fails.
pub async fn judge(app: &App, redirect_uri: &str, resource: &[String]) -> OAuthResult<()> {
    let is_there = |site: &Site| {
        resource == std::slice::from_ref(&site.base_url)
            && origins(site).any(|origin| format!("{origin}{CALLBACK}") == redirect_uri)
    };
    match app.identity.list_sites().await?.iter().any(is_there) {
        true => Ok(()),
        false => Err(OAuthError::InvalidTarget("resource is not the site of the answer".into())),
    }
}

/// The site that a token for it is good at, where it is served.
///
/// # Errors
/// When the store fails.
pub async fn site_of(app: &App, is_good_at: impl Fn(&str) -> bool) -> StoreResult<Option<Site>> {
    let sites = app.identity.list_sites().await?;
    let is_it = |site: &Site| site.status == SiteStatus::Active && is_good_at(&site.base_url);
    Ok(sites.into_iter().find(is_it))
}

/// The same client, whose tokens live no longer at a site of this policy than a session may rest, or
/// may go on after this proof. `None`: it may not go on.
#[must_use]
pub fn for_session(
    client: &Arc<Client>,
    policy: &Policy,
    proof: &Proof,
    now: Time,
) -> Option<Arc<Client>> {
    let left = match policy.session_absolute {
        Some(absolute) => {
            let end = proof.auth_time.plus(Duration::from_secs(absolute));
            let left = (end > now).then(|| end.since(now).as_secs());
            Some(left.filter(|left| *left > 0)?)
        }
        None => None,
    };
    let Some(life) = [left, policy.session_idle].into_iter().flatten().min() else {
        return Some(client.clone());
    };
    let mut client = (**client).clone();
    client.metadata.access_token_ttl = Some(life);
    Some(Arc::new(client))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jwks::policy::Level;

    #[test]
    fn a_token_lives_no_longer_than_its_session_may_rest_or_last() {
        let client = Arc::new(Client {
            client_id: CLIENT_ID.into(),
            secret: None,
            registration_token: None,
            registrar: Registrar::Operator,
            metadata: Metadata::default(),
            created_at: Time::from_secs(1),
            updated_at: Time::from_secs(1),
        });
        let proof = Proof {
            acr: Level::TwoFactor,
            amr: Vec::new(),
            auth_time: Time::from_secs(1000),
            device_at: None,
            model: None,
        };
        let life = |idle, absolute, now| {
            let policy =
                Policy { session_idle: idle, session_absolute: absolute, ..Policy::default() };
            for_session(&client, &policy, &proof, Time::from_secs(now))
                .map(|client| client.metadata.access_token_ttl)
        };
        assert_eq!(life(None, None, 1_000_000), Some(None));
        assert_eq!(life(Some(60), None, 1_000_000), Some(Some(60)));
        assert_eq!(life(Some(60), Some(600), 1100), Some(Some(60)));
        assert_eq!(life(Some(60), Some(600), 1590), Some(Some(10)));
        for over in [1600, 1601, 1_000_000] {
            assert_eq!(life(Some(60), Some(600), over), None, "{over}");
        }
    }
}
