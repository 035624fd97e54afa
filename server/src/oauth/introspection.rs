//! What a token is good for (RFC 7662).

use std::time::Duration;

use jwks::verify::VerifiedToken;
use serde_json::{Map, Value, json};

use super::{OAuthError, OAuthResult, client_auth, grant_end, liveness, params::Params};
use crate::{
    app::App,
    auth::{
        origin::Origin,
        refresh_token::{self, FamilyName},
        sessions::standing,
    },
    domain::{client::Client, secret::OpaqueToken, session::FoundRefresh},
};

/// Tells a client what a token is good for at this moment; of one that is good for nothing, only that
/// (section 2.2). Access tokens are told about to every client that has credentials: whoever holds one
/// reads in it what is told here, but for whether it was ended, and resource servers are clients like
/// others. Refresh tokens are told about to the client alone that they were issued to.
///
/// # Errors
/// [`OAuthError::InvalidClient`] without client authentication, or of a client without credentials
/// (section 2.1).
pub async fn introspect(
    app: &App,
    origin: &Origin,
    authorization: Option<&str>,
    params: &Params,
    endpoint: &str,
) -> OAuthResult<Map<String, Value>> {
    let client = client_auth::authenticate(app, origin, authorization, params, endpoint).await?;
    if client.is_public() {
        let text = "a client without credentials is not told about tokens";
        return Err(OAuthError::InvalidClient(text.into()));
    }
    let token = params.get("token").ok_or_else(|| OAuthError::request("token is missing"))?;
    // The form says what it is; `token_type_hint` cannot know better.
    let told = match refresh_token::read(app, token) {
        Some((token, family)) => refresh_token(app, &client, &token, family).await?,
        None => access_token(app, token).await?,
    };
    Ok(told.unwrap_or_else(|| Map::from_iter([("active".to_owned(), false.into())])))
}

async fn access_token(app: &App, token: &str) -> OAuthResult<Option<Map<String, Value>>> {
    let now = app.clock.now();
    let keys = app.keys.published();
    let Ok(token) = app.verdicts.get_or_verify(&keys, &app.issuer, token, now) else {
        return Ok(None);
    };
    let bearer = liveness::bearer(app, &token).await?;
    Ok(bearer.map(|_| describe(app, &token)))
}

fn describe(app: &App, token: &VerifiedToken) -> Map<String, Value> {
    let audiences: Vec<&str> = token.audiences().collect();
    let mut told = Map::new();
    let mut tell = |name: &str, value: Value| {
        let is_empty = value.as_str().is_some_and(str::is_empty)
            || value.as_array().is_some_and(Vec::is_empty);
        if !value.is_null() && !is_empty {
            told.insert(name.to_owned(), value);
        }
    };
    tell("active", true.into());
    tell("token_type", "Bearer".into());
    tell("iss", app.issuer.clone().into());
    tell("sub", token.sub().into());
    tell("aud", if let [one] = *audiences { one.into() } else { json!(audiences) });
    tell("client_id", token.client_id().into());
    tell("scope", token.scope().into());
    tell("iat", token.issued_at().secs().into());
    tell("exp", token.expires_at().secs().into());
    tell("jti", token.jti().into());
    tell("auth_time", token.auth_time().map(jwks::Time::secs).into());
    tell("acr", token.level().map(jwks::policy::Level::acr).into());
    tell("amr", token.amr().collect());
    tell("sid", token.sid().into());
    tell("tenant_id", token.tenant_id().into());
    tell("roles", token.roles().collect());
    told
}

async fn refresh_token(
    app: &App,
    client: &Client,
    token: &OpaqueToken,
    family: FamilyName,
) -> OAuthResult<Option<Map<String, Value>>> {
    let now = app.clock.now();
    let FamilyName { user_id, sid, family_id } = family;
    let live = app.sessions.find_refresh(user_id, sid, family_id, &token.hash(), now).await?;
    let is_theirs = |live: &FoundRefresh| live.client_id == client.client_id;
    let Some(live) = live.filter(|live| live.spent_at.is_none() && is_theirs(live)) else {
        return Ok(None);
    };
    let endings = grant_end::endings(user_id, &client.client_id, family_id);
    let subject = app.identity.find_subject_and_ends(user_id, sid, &endings).await?;
    let stands = subject.is_some_and(|subject| {
        standing(&subject, &live.session, live.session.created_at).is_some()
            && !grant_end::is_over(family_id, &subject.ended)
    });
    if !stands {
        return Ok(None);
    }
    let left = live.expires_at.since(now).max(Duration::from_secs(1));
    let told = json!({
        "active": true,
        "iss": app.issuer,
        "sub": user_id,
        "client_id": live.client_id,
        "scope": live.scope,
        "exp": now.plus(left).secs(),
        "sid": sid,
    });
    Ok(told.as_object().cloned())
}
