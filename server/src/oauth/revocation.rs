//! Tokens that a client gives back (RFC 7009).

use std::time::Duration;

use jwks::{
    Time,
    cutoff::{CutOff, CutOffKind},
    site_session,
    verify::{VerifiedToken, read_access_token},
};
use serde_json::json;

use super::{OAuthError, OAuthResult, client_auth, grant_end, params::Params, site_client};
use crate::{
    app::App,
    auth::{
        origin::Origin,
        refresh_token::{self, FamilyName},
        sessions::GRACE,
        throttle,
    },
    domain::{
        audit::Action,
        client::Client,
        secret::{OpaqueToken, SecretHash},
    },
};

/// Ends a token. With a refresh token the grant ends, and every access token of it (section 2.1); an
/// access token ends alone. Nothing happens for a token that is unknown or over already, and nothing
/// for one of another client, which hears no more of it than of any other (section 2.2).
///
/// # Errors
/// [`OAuthError::InvalidClient`], [`OAuthError::InvalidRequest`] without a token,
/// [`OAuthError::TooMany`].
pub async fn revoke(
    app: &App,
    origin: &Origin,
    authorization: Option<&str>,
    params: &Params,
    endpoint: &str,
) -> OAuthResult<()> {
    let client = client_auth::authenticate(app, origin, authorization, params, endpoint).await?;
    let origin = &Origin { client_id: client.client_id.clone(), ..origin.clone() };
    let token = params.get("token").ok_or_else(|| OAuthError::request("token is missing"))?;
    // The form says what it is; `token_type_hint` cannot know better.
    match refresh_token::read(app, token) {
        Some((token, family)) => refresh_token(app, origin, &client, &token, family).await,
        None => access_token(app, origin, &client, token).await,
    }
}

async fn refresh_token(
    app: &App,
    origin: &Origin,
    client: &Client,
    token: &OpaqueToken,
    family: FamilyName,
) -> OAuthResult<()> {
    let now = app.clock.now();
    let FamilyName { user_id, sid, family_id } = family;
    // The one spent last as well: whoever lost the answer to a refresh has no later one to give back.
    let found = app.sessions.find_refresh(user_id, sid, family_id, &token.hash(), now).await?;
    if found.is_none_or(|found| found.client_id != client.client_id) {
        return Ok(());
    }
    throttle::count_revocation(app, origin, &client.client_id, now).await?;
    let details = json!({ "grant_id": family_id, "kind": "refresh_token" });
    let act = SecretHash::of(&format!("revoked\n{family_id}")).to_id();
    let event = origin.event_of(act, Action::TokenRevoked, Some(user_id), now, details);
    Ok(grant_end::end(app, user_id, sid, family_id, &event, now).await?)
}

/// Ends a browser's session at a site, of which this is one token: every other one, and every renewal.
async fn session_at_site(app: &App, origin: &Origin, token: &VerifiedToken) -> OAuthResult<()> {
    let now = app.clock.now();
    let named =
        (token.sub().parse(), token.sid().map(str::parse), token.grant_id().map(str::parse));
    let (Ok(user_id), Some(Ok(sid)), Some(Ok(grant_id))) = named else { return Ok(()) };
    let details = json!({ "grant_id": grant_id, "kind": "site_session" });
    let act = SecretHash::of(&format!("revoked\n{grant_id}")).to_id();
    let event = origin.event_of(act, Action::TokenRevoked, Some(user_id), now, details);
    Ok(grant_end::end(app, user_id, sid, grant_id, &event, now).await?)
}

async fn access_token(app: &App, origin: &Origin, client: &Client, token: &str) -> OAuthResult<()> {
    let now = app.clock.now();
    let keys = app.keys.published();
    if site_client::is(client) {
        let read = read_access_token(&keys, &app.issuer, token).ok();
        return match read.filter(site_session::is_of_session) {
            Some(token) => session_at_site(app, origin, &token).await,
            None => Ok(()),
        };
    }
    let Ok(token) = app.verdicts.get_or_verify(&keys, &app.issuer, token, now) else {
        return Ok(());
    };
    if token.client_id() != client.client_id {
        return Ok(());
    }
    throttle::count_revocation(app, origin, &client.client_id, now).await?;
    let until: Time = token.expires_at().plus(GRACE).max(now.plus(Duration::from_secs(1)));
    let end = CutOff { kind: CutOffKind::Token, id: token.jti().to_owned(), at: until, until };
    let user_id = (!token.is_client()).then(|| token.sub().parse().ok()).flatten();
    let details = json!({ "jti": token.jti(), "kind": "access_token" });
    let act = SecretHash::of(&format!("revoked\n{}", token.jti())).to_id();
    let event = origin.event_of(act, Action::TokenRevoked, user_id, now, details);
    Ok(app.identity.cut_off(&[end], &event).await?)
}
