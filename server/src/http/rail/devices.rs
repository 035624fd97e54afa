//! `/devices`: those that are trusted.

use axum::{extract::Path, response::Response};
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    answer::{self, RailError},
    call::Call,
    rfc3339,
};
use crate::{
    auth::{AuthError, bearer::Place, devices},
    domain::device::TrustedDevice,
    http::cookies,
};

/// GET /devices
pub async fn list(call: Call) -> Response {
    let result = try_list(&call).await;
    call.end(result)
}

async fn try_list(call: &Call) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    let (page, per_page) = call.page()?;
    let presented = call.cookie(cookies::DEVICE);
    let own = devices::recognise(&call.app, Some(&caller.user), presented).await?;
    let rests_on = caller.session.proof.device_at;
    let is_current = |device: &TrustedDevice| {
        rests_on == Some(device.created_at) || own.as_ref().is_some_and(|own| own.id == device.id)
    };
    let listed = devices::list(&call.app, &caller).await?;
    let items = listed.iter().map(|one| device(one, is_current(one))).collect();
    Ok(answer::list(&call.origin.request_id, items, page, per_page))
}

/// DELETE /devices/:id
pub async fn revoke(path: Path<String>, call: Call) -> Response {
    let result = try_revoke(&call, &path.0).await;
    call.end(result)
}

async fn try_revoke(call: &Call, id: &str) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    let id = Uuid::parse_str(id).map_err(|_| AuthError::NotFound)?;
    devices::revoke(&call.app, &call.origin, &caller, id).await?;
    Ok(call.answer(StatusCode::OK, json!({ "id": id, "revoked": true })))
}

/// DELETE /devices: all of them
pub async fn revoke_all(call: Call) -> Response {
    let result = try_revoke_all(&call).await;
    call.end(result)
}

async fn try_revoke_all(call: &Call) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    let revoked = devices::revoke_all(&call.app, &call.origin, &caller).await?;
    Ok(call.answer(StatusCode::OK, json!({ "revoked": revoked })))
}

fn device(device: &TrustedDevice, is_current: bool) -> Value {
    json!({
        "id": device.id,
        "current": is_current,
        "name": device.name,
        "userAgent": device.user_agent,
        "ip": device.ip,
        "createdAt": rfc3339(device.created_at),
        "lastUsedAt": rfc3339(device.last_used_at),
        "expiresAt": rfc3339(device.expires_at),
    })
}
