//! Pushed authorization requests (RFC 9126).

use std::time::Duration;

use jwks::Time;

use super::{OAuthError, OAuthResult, authorize::validate, engine, params::Params};
use crate::{
    app::App,
    auth::{origin::Origin, throttle},
    clock::random,
    domain::{
        authorization::{AuthorizationRequest, RequestKind},
        client::Client,
        secret::{OpaqueToken, TokenKind},
    },
    oauth::clients,
};

/// What a `request_uri` of ours begins with (section 2.2).
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// How long one lives: as long as somebody may take to sign in for it, since it is spent only then.
pub const PUSHED_TTL: Duration = Duration::from_secs(600);

/// A pushed request, as its client hears of it.
pub struct Pushed {
    /// `request_uri`.
    pub request_uri: String,
    /// Its life.
    pub expires_in: Duration,
}

/// Keeps a request of `client`, who proved to be it.
///
/// # Errors
/// As an authorization request's; `invalid_request` where it names a `request_uri` itself (section
/// 2.1); [`OAuthError::TooMany`].
pub async fn push(
    app: &App,
    origin: &Origin,
    client: &Client,
    params: &Params,
) -> OAuthResult<Pushed> {
    if params.get("request_uri").is_some() {
        return Err(OAuthError::request("request_uri may not be pushed"));
    }
    let now = app.clock.now();
    // Whoever authenticated by a header, or an assertion, need not name itself again.
    let mut pairs: Vec<(String, String)> =
        params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if params.get("client_id").is_none() {
        pairs.push(("client_id".to_owned(), client.client_id.clone()));
    }
    let params = Params::new(pairs);
    let request = validate(app, &params, Some(client), now).await.map_err(|r| r.reason())?;
    throttle::count_push(app, origin, client, now).await?;
    let token = OpaqueToken::new(TokenKind::Pushed, &[], random());
    let request = AuthorizationRequest {
        pushed: Some(token.hash()),
        expires_at: now.plus(PUSHED_TTL),
        ..request
    };
    app.sessions.keep_request(RequestKind::Pushed, &token.hash(), &request).await?;
    Ok(Pushed { request_uri: format!("{PREFIX}{}", token.as_str()), expires_in: PUSHED_TTL })
}

/// What names a pushed request in `params`.
#[must_use]
pub fn named(params: &Params) -> Option<&str> {
    params.get("request_uri")?.strip_prefix(PREFIX)
}

/// The pushed request that `params` name, as one that came at `now`. It is not spent yet. What else
/// they say counts for nothing (section 4).
///
/// # Errors
/// `invalid_request_uri` for one that is unknown, spent, over, or another client's; what is wrong
/// may be told nobody but whoever looks at the page.
pub async fn find(app: &App, params: &Params, now: Time) -> OAuthResult<AuthorizationRequest> {
    let unknown =
        || OAuthError::InvalidRequestUri("the pushed request is unknown, used or over".into());
    if params.all("request_uri").count() > 1 || params.all("client_id").count() > 1 {
        return Err(OAuthError::request("request_uri or client_id is given twice"));
    }
    let client_id =
        params.get("client_id").ok_or_else(|| OAuthError::request("client_id is missing"))?;
    let name = named(params).unwrap_or_default();
    let token = OpaqueToken::parse(TokenKind::Pushed, name).ok_or_else(unknown)?;
    let request = app.sessions.find_request(RequestKind::Pushed, &token.hash(), now).await?;
    let request = request.filter(|request| request.client_id == client_id).ok_or_else(unknown)?;
    let client = clients::find(app, client_id).await?.ok_or_else(unknown)?;
    if !engine::authorization::is_registered(&client, &request.redirect_uri) {
        return Err(unknown());
    }
    // What is asked to be of now is to be of the visit.
    Ok(AuthorizationRequest { created_at: now, ..request })
}
