//! `/register`, `/verify-email`, `/resend-verification`.

use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use super::{answer::RailError, call::Call};
use crate::auth::registration::{self, Registration};

/// POST /register
pub async fn register(call: Call) -> Response {
    let result = try_register(&call).await;
    call.end(result)
}

async fn try_register(call: &Call) -> Result<Response, RailError> {
    let mut body = call.body()?;
    let request = Registration {
        email: body.string("email"),
        password: body.string("password"),
        name: body.string("name"),
        tenant_id: body.optional_string("tenantId"),
        invitation: body.optional_string("invitation"),
        repeatable: call.repeatable()?,
    };
    body.finish()?;
    let done = registration::register(&call.app, &call.origin, request).await?;
    let status = if done.proved { "active" } else { "pending" };
    Ok(call.answer(StatusCode::CREATED, json!({ "email": done.email, "status": status })))
}

/// POST /verify-email
pub async fn verify_email(call: Call) -> Response {
    let result = try_verify_email(&call).await;
    call.end(result)
}

async fn try_verify_email(call: &Call) -> Result<Response, RailError> {
    let mut body = call.body()?;
    let token = body.string("token");
    body.finish()?;
    let user = registration::verify_email(&call.app, &call.origin, &token).await?;
    Ok(call.answer(StatusCode::OK, json!({ "email": user.email, "status": "active" })))
}

/// POST /resend-verification
pub async fn resend(call: Call) -> Response {
    let result = try_resend(&call).await;
    call.end(result)
}

async fn try_resend(call: &Call) -> Result<Response, RailError> {
    let mut body = call.body()?;
    let email = body.string("email");
    body.finish()?;
    registration::resend_verification(&call.app, &call.origin, &email).await?;
    Ok(call.answer(StatusCode::ACCEPTED, json!({ "accepted": true })))
}
