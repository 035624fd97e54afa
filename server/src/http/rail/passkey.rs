//! `/passkey`, `/passkey/options`: sign-in with a passkey alone.

use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use super::{
    answer::RailError,
    call::Call,
    sign_in::{half_signed_in, signed_in, welcome},
};
use crate::auth::{
    login::SignedIn,
    passkey::{self, SignIn},
};

/// Whoever holds the challenge was asked: callers that are no browser have nothing else to show.
const BOUND_TO: &str = "";

/// POST /passkey/options
pub async fn ask(call: Call) -> Response {
    let result = try_ask(&call).await;
    call.end(result)
}

async fn try_ask(call: &Call) -> Result<Response, RailError> {
    call.body()?.finish()?;
    let asked = passkey::ask(&call.app, &call.origin, BOUND_TO).await?;
    let answer = json!({ "publicKey": asked.options, "expiresIn": asked.expires_in });
    Ok(call.answer(StatusCode::OK, answer))
}

/// POST /passkey
pub async fn sign_in(call: Call) -> Response {
    let result = try_sign_in(&call).await;
    call.end(result)
}

async fn try_sign_in(call: &Call) -> Result<Response, RailError> {
    let mut body = call.body()?;
    let credential = body.optional_object("credential");
    if credential.is_none() {
        body.problem("credential", "is missing");
    }
    let remember = body.optional_bool("rememberMe").unwrap_or(true);
    let site_key = body.optional_string("siteKey");
    let tenant_id = call.tenant()?;
    body.finish()?;
    let credential = &credential.unwrap_or_default();
    let request =
        SignIn { credential, bound_to: BOUND_TO, remember, site_key, tenant_id, browser: None };
    match passkey::sign_in(&call.app, &call.origin, request).await? {
        SignedIn::Whole(held) => {
            let tokens = held.tokens()?;
            welcome(call, &tokens, None, signed_in(&tokens))
        }
        SignedIn::Half(half) => Ok(call.answer(StatusCode::OK, half_signed_in(&half))),
    }
}
