//! `/login`, `/refresh`, `/reauthenticate`.

use axum::response::Response;
use http::{StatusCode, header};
use jwks::policy::Method;
use serde_json::{Value, json};

use super::{answer::RailError, call::Call};
use crate::{
    auth::{
        bearer::Place,
        devices, known_device,
        login::{HalfSignedIn, SignIn, SignedIn, TokenSet, sign_in},
        mfa::reauthenticate,
        refresh,
    },
    domain::{secret::OpaqueToken, user::User},
    http::cookies,
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
        device_token: body
            .optional_string("deviceToken")
            .or_else(|| call.cookie(cookies::DEVICE).map(ToOwned::to_owned)),
        tenant_id: call.tenant()?,
        browser: None,
    };
    body.finish()?;
    match sign_in(&call.app, &call.origin, request).await? {
        SignedIn::Whole(held) => {
            let tokens = held.tokens()?;
            welcome(call, &tokens, None, signed_in(&tokens))
        }
        SignedIn::Half(half) => Ok(call.answer(StatusCode::OK, half_signed_in(&half))),
    }
}

/// The answer that ends a sign-in: the device is known from then on, and trusted where it was to
/// be.
///
/// # Errors
/// When sealing fails.
pub fn welcome(
    call: &Call,
    tokens: &TokenSet,
    device: Option<&OpaqueToken>,
    mut answer: Value,
) -> Result<Response, RailError> {
    let app = &call.app;
    let mark = known_device::mark(app, &call.origin, &tokens.user, app.clock.now())?;
    let mut carried = vec![cookies::set(app, cookies::KNOWN, &mark, known_device::LIFE)];
    if let Some(device) = device {
        answer["deviceToken"] = device.as_str().into();
        carried.push(cookies::set(app, cookies::DEVICE, device.as_str(), devices::LIFE));
    }
    let mut response = call.answer(StatusCode::OK, answer);
    for cookie in carried.into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
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
    let tokens = reauthenticate::reauthenticate(&call.app, &call.origin, caller, &password).await?;
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

/// The answer to whoever is half signed in.
pub fn half_signed_in(half: &HalfSignedIn) -> Value {
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
