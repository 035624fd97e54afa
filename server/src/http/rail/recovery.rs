//! `/forgot-password`, `/reset-password`, `/change-password`.

use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use super::{answer::RailError, call::Call};
use crate::auth::{bearer::Place, new_password};

/// POST /forgot-password
pub async fn forgot(call: Call) -> Response {
    let result = try_forgot(&call).await;
    call.end(result)
}

async fn try_forgot(call: &Call) -> Result<Response, RailError> {
    let mut body = call.body()?;
    let email = body.string("email");
    body.finish()?;
    new_password::forgot(&call.app, &call.origin, &email).await?;
    Ok(call.answer(StatusCode::ACCEPTED, json!({ "accepted": true })))
}

/// POST /reset-password
pub async fn reset(call: Call) -> Response {
    let result = try_reset(&call).await;
    call.end(result)
}

async fn try_reset(call: &Call) -> Result<Response, RailError> {
    let mut body = call.body()?;
    let (token, password) = (body.string("token"), body.string("password"));
    body.finish()?;
    new_password::reset(&call.app, &call.origin, &token, &password).await?;
    Ok(call.answer(StatusCode::OK, json!({ "passwordChanged": true })))
}

/// POST /change-password
pub async fn change(call: Call) -> Response {
    let result = try_change(&call).await;
    call.end(result)
}

async fn try_change(call: &Call) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    let mut body = call.body()?;
    let (current, new) = (body.string("currentPassword"), body.string("newPassword"));
    body.finish()?;
    new_password::change(&call.app, &call.origin, &caller, &current, &new).await?;
    Ok(call.answer(StatusCode::OK, json!({ "passwordChanged": true })))
}
