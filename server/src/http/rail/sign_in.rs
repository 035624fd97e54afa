//! `/login`, `/refresh`, `/reauthenticate`.

use axum::response::Response;
use http::StatusCode;
use jwks::policy::Method;
use serde_json::{Value, json};

use super::{answer::RailError, call::Call};
use crate::{
    auth::{
        bearer::Place,
        login::{HalfSignedIn, SignIn, SignedIn, TokenSet, sign_in},
        mfa::verify,
        refresh,
    },
    domain::user::User,
};

/// POST /login
pub async fn login(call: Call) -> Response {
    let result = try_login(&call).await;
    call.end(result)
}

async fn try_login(call: &Call) -> Result<Response, RailError> {
    let mut body = call.body()?;
    let request = SignIn {
        login: body.string("email"),
        password: body.string("password"),
        remember: body.optional_bool("rememberMe").unwrap_or(true),
        site_key: body.optional_string("siteKey"),
        tenant_id: call.tenant()?,
    };
    // Known devices have no budget of their own yet; the field is read so that clients may send it.
    body.optional_string("deviceToken");
    body.finish()?;
    let answer = match sign_in(&call.app, &call.origin, request).await? {
        SignedIn::Tokens(tokens) => signed_in(&tokens),
        SignedIn::Half(half) => half_signed_in(&half),
    };
    Ok(call.answer(StatusCode::OK, answer))
}

/// POST /refresh
pub async fn refresh(call: Call) -> Response {
    let result = try_refresh(&call).await;
    call.end(result)
}

async fn try_refresh(call: &Call) -> Result<Response, RailError> {
    let mut body = call.body()?;
    let token = body.string("refreshToken");
    let site_key = body.optional_string("siteKey");
    body.finish()?;
    let (site_key, tenant) = (site_key.as_deref(), call.tenant()?);
    let tokens =
        refresh::refresh(&call.app, &call.origin, &token, site_key, tenant.as_deref()).await?;
    Ok(call.answer(StatusCode::OK, signed_in(&tokens)))
}

/// POST /reauthenticate
pub async fn reauthenticate(call: Call) -> Response {
    let result = try_reauthenticate(&call).await;
    call.end(result)
}

async fn try_reauthenticate(call: &Call) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    let mut body = call.body()?;
    let password = body.string("password");
    body.finish()?;
    let tokens = verify::reauthenticate(&call.app, &call.origin, caller, &password).await?;
    Ok(call.answer(StatusCode::OK, signed_in(&tokens)))
}

/// The answer to whoever is signed in.
pub fn signed_in(tokens: &TokenSet) -> Value {
    json!({
        "accessToken": tokens.access_token,
        "refreshToken": tokens.refresh_token.as_str(),
        "idToken": tokens.id_token,
        "tokenType": "Bearer",
        "expiresIn": tokens.expires_in,
        "user": user(&tokens.user),
        "mfaRequired": false,
    })
}

fn half_signed_in(half: &HalfSignedIn) -> Value {
    let methods: Vec<&str> = half.methods.iter().copied().map(Method::as_str).collect();
    json!({
        "mfaRequired": true,
        "mfaToken": half.token.as_str(),
        "mfaMethods": methods,
        "defaultMfaMethod": methods.first(),
        "expiresIn": half.expires_in,
    })
}

/// A person, as this surface shows them.
pub fn user(user: &User) -> Value {
    json!({ "id": user.id, "email": user.email, "name": user.name, "roles": user.roles })
}
