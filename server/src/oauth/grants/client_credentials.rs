//! Clients that speak for themselves (RFC 6749 section 4.4).

use super::{Issued, TokenRequest};
use crate::{
    oauth::{OAuthError, OAuthResult, audience, engine, scope},
    tokens,
};

/// Its `grant_type`.
pub const TYPE: &str = "client_credentials";

/// Issues an access token; nobody is signed in, so there is neither a refresh token nor an ID token
/// (section 4.4.3).
///
/// # Errors
/// [`OAuthError::UnauthorizedClient`] for a public client, [`OAuthError::InvalidScope`],
/// [`OAuthError::InvalidTarget`].
pub async fn issue(request: &TokenRequest<'_>) -> OAuthResult<Issued> {
    let TokenRequest { app, client, params, now, .. } = request;
    if client.is_public() {
        return Err(OAuthError::UnauthorizedClient(
            "a client without credentials cannot speak for itself".into(),
        ));
    }
    // The scopes of OpenID Connect ask for something of a person.
    let registered = client.metadata.scope.as_deref().unwrap_or_default().split(' ');
    let own: Vec<&str> = registered.filter(|one| !scope::STANDARD.contains(one)).collect();
    let scope = engine::token::client_credentials(params, client, &own.join(" "))?;
    let asked = audience::asked(&app.issuer, client, &scope, params)?;
    let audience = audience::switched_on(app, &asked, audience::is_named(params)).await?;
    let minted = tokens::mint_for_client(app, client, &scope, &audience, *now).await?;
    Ok(Issued {
        access_token: minted.access_token,
        expires_in: minted.expires_in,
        scope,
        refresh_token: None,
        id_token: None,
    })
}
