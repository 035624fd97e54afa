//! What a client is told of the person behind its access token (OpenID Connect Core section 5.3).

use serde_json::{Map, Value};

use super::{
    OAuthError, OAuthResult, claims, clients,
    liveness::{self, Bearer},
    scope,
};
use crate::{app::App, tokens::mint_userinfo};

/// What is told.
pub enum Told {
    /// As JSON.
    Plain(Map<String, Value>),
    /// Signed, because the client is registered so: a JWT.
    Signed(String),
}

/// The claims that the scopes of the access token ask for, and those that were asked for by name,
/// which the token carries; `sub` always.
///
/// # Errors
/// [`OAuthError::InvalidToken`] for a token that does not count or is not meant for this server,
/// [`OAuthError::InsufficientScope`] for one without `openid`.
pub async fn userinfo(app: &App, token: &str) -> OAuthResult<Told> {
    let now = app.clock.now();
    let invalid =
        || OAuthError::InvalidToken(Some("the token is unknown, expired or ended".into()));
    let keys = app.keys.published();
    let token =
        app.verdicts.get_or_verify(&keys, &app.issuer, token, now).map_err(|_| invalid())?;
    if !token.has_audience(&app.issuer) {
        return Err(OAuthError::InvalidToken(Some("the token is meant for somebody else".into())));
    }
    let bearer = liveness::bearer(app, &token).await?.ok_or_else(invalid)?;
    let (Bearer::Person(person), true) = (bearer, token.has_scope(scope::OPENID)) else {
        return Err(OAuthError::InsufficientScope(scope::OPENID));
    };
    let (user, _) = *person;
    let client = clients::find(app, token.client_id()).await?.ok_or_else(invalid)?;
    let mut told = claims::by_scope(&user, token.scope());
    told.extend(claims::by_name(&user, token.userinfo_claims()));
    told.insert("sub".to_owned(), token.sub().into());
    match client.metadata.userinfo_signed_response_alg {
        None => Ok(Told::Plain(told)),
        Some(algorithm) => {
            Ok(Told::Signed(mint_userinfo(app, &client, algorithm, told, now).await?))
        }
    }
}
