//! The crate `openidconnect` against a running provider: it discovers, builds the requests and
//! verifies the answers; this program only walks the pages as a browser does.
//!
//! Prints one line of JSON of what it saw; ends with an error if anything is wrong.

mod pages;

use std::{env, error::Error};

use openidconnect::{
    AuthenticationFlow, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest,
    IssuerUrl, LogoutRequest, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PostLogoutRedirectUrl,
    ProviderMetadataWithLogout, RedirectUrl, RequestTokenError, Scope, TokenResponse,
    core::{CoreClient, CoreErrorResponseType, CoreResponseType, CoreUserInfoClaims},
};
use serde_json::json;

use crate::pages::Browser;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let setting = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let needed = |name: &str| setting(name).ok_or_else(|| format!("{name} is not set"));
    let secret = setting("CLIENT_SECRET").map(ClientSecret::new);
    let redirect_uri = needed("REDIRECT_URI")?;
    let goodbye = needed("POST_LOGOUT_REDIRECT_URI")?;
    let agent = pages::agent();
    let http = |request: HttpRequest| pages::send(&agent, request);

    let issuer = IssuerUrl::new(needed("ISSUER")?)?;
    let metadata = ProviderMetadataWithLogout::discover(&issuer, &http)?;
    let end_session = metadata.additional_metadata().end_session_endpoint.clone();
    let end_session = end_session.ok_or("discovery names no end_session_endpoint")?;
    let client =
        CoreClient::from_provider_metadata(metadata, ClientId::new(needed("CLIENT_ID")?), secret)
            .set_redirect_uri(RedirectUrl::new(redirect_uri.clone())?);

    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let mut asked = client.authorize_url(
        AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
        CsrfToken::new_random,
        Nonce::new_random,
    );
    for scope in needed("SCOPE")?.split(' ').filter(|scope| *scope != "openid") {
        asked = asked.add_scope(Scope::new(scope.to_owned()));
    }
    let (url, state, nonce) = asked.set_pkce_challenge(challenge).url();

    let mut browser = Browser::new(needed("USERNAME")?, needed("PASSWORD")?, setting("CODE"));
    let answer = browser.walk(&url, &redirect_uri)?;
    let param = |name: &str| {
        answer.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    if param("state").as_deref() != Some(state.secret()) {
        return Err(format!("another state came back: {answer}").into());
    }
    // The library knows nothing of RFC 9207.
    if param("iss").as_deref() != Some(issuer.as_str()) {
        return Err(format!("another issuer answers: {answer}").into());
    }
    let code = param("code").ok_or_else(|| format!("no code: {answer}"))?;

    let tokens = client
        .exchange_code(AuthorizationCode::new(code))?
        .set_pkce_verifier(verifier)
        .request(&http)?;
    let id_token = tokens.id_token().ok_or("no ID token")?;
    let claims = id_token.claims(&client.id_token_verifier(), &nonce)?;
    if let Some(expected) = claims.access_token_hash() {
        let verifier = client.id_token_verifier();
        let algorithm = id_token.signing_alg()?;
        let key = id_token.signing_key(&verifier)?;
        let actual =
            openidconnect::AccessTokenHash::from_token(tokens.access_token(), algorithm, key)?;
        if actual != *expected {
            return Err("at_hash is another access token's".into());
        }
    }

    let subject = claims.subject().clone();
    let userinfo: CoreUserInfoClaims =
        client.user_info(tokens.access_token().clone(), Some(subject.clone()))?.request(&http)?;

    let refresh_token = tokens.refresh_token().ok_or("no refresh token")?;
    let renewed = client.exchange_refresh_token(refresh_token)?.request(&http)?;
    if renewed.access_token().secret() == tokens.access_token().secret() {
        return Err("a refresh gave the old access token".into());
    }
    if let Some(id_token) = renewed.id_token() {
        // OpenID Connect Core section 12.2: the nonce may be left out.
        let any = |_: Option<&Nonce>| Ok(());
        let again = id_token.claims(&client.id_token_verifier(), any)?;
        if *again.subject() != subject {
            return Err("a refresh gave another person's ID token".into());
        }
    }

    let state = CsrfToken::new_random();
    let url = LogoutRequest::from(end_session)
        .set_id_token_hint(id_token)
        .set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(goodbye.clone())?)
        .set_state(state.clone())
        .http_get_url();
    let left = browser.walk(&url, &goodbye)?;
    if !left.query_pairs().any(|(key, value)| key == "state" && value == *state.secret()) {
        return Err(format!("another state came back: {left}").into());
    }

    let newest = renewed.refresh_token().unwrap_or(refresh_token);
    let after = match client.exchange_refresh_token(newest)?.request(&http) {
        Err(RequestTokenError::ServerResponse(refusal)) => match refusal.error() {
            CoreErrorResponseType::InvalidGrant => "invalid_grant",
            other => return Err(format!("after the logout a refresh says {other}").into()),
        },
        Err(other) => return Err(other.into()),
        Ok(_) => return Err("after the logout a refresh still works".into()),
    };

    let seen = json!({
        "library": "openidconnect",
        "algorithm": id_token.signing_alg()?,
        "id_token": claims,
        "userinfo": userinfo,
        "scope": tokens.scopes().map(|all| all.iter().map(|s| s.as_str()).collect::<Vec<_>>()),
        "refreshed": true,
        "signed_out_to": goodbye,
        "after_logout": after,
    });
    println!("{seen}");
    Ok(())
}
