//! `/logout`, `/sessions`, `/me`.

use axum::{extract::Path, response::Response};
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    answer::{self, RailError},
    call::{Call, is_mfa_token},
    rfc3339,
};
use crate::{
    auth::{
        AuthError,
        bearer::Place,
        mfa,
        origin::RAIL,
        sessions,
        tenants::{self, Belongs},
    },
    domain::session::Session,
};

/// POST /logout
pub async fn log_out(call: Call) -> Response {
    let result = try_log_out(&call).await;
    call.end(result)
}

async fn try_log_out(call: &Call) -> Result<Response, RailError> {
    match call.bearer()? {
        // Half a sign-in can be given up as well.
        Some(token) if is_mfa_token(token) => {
            let standing = mfa::half_signed_in(&call.app, token, RAIL, None).await?;
            call.body()?.finish()?;
            mfa::give_up(&call.app, &standing).await?;
        }
        _ => {
            let caller = call.caller(Place::Anywhere).await?;
            call.body()?.finish()?;
            sessions::log_out(&call.app, &call.origin, &caller).await?;
        }
    }
    Ok(call.answer(StatusCode::OK, json!({ "loggedOut": true })))
}

/// GET /sessions
pub async fn list(call: Call) -> Response {
    let result = try_list(&call).await;
    call.end(result)
}

async fn try_list(call: &Call) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    let (page, per_page) = call.page()?;
    let sessions = sessions::list(&call.app, &caller).await?;
    let items = sessions.iter().map(|one| session(one, caller.session.sid)).collect();
    Ok(answer::list(&call.origin.request_id, items, page, per_page))
}

/// DELETE /sessions/:sessionId
pub async fn revoke(path: Path<String>, call: Call) -> Response {
    let result = try_revoke(&call, &path.0).await;
    call.end(result)
}

async fn try_revoke(call: &Call, sid: &str) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    let sid = Uuid::parse_str(sid).map_err(|_| AuthError::NotFound)?;
    sessions::revoke(&call.app, &call.origin, &caller, sid).await?;
    Ok(call.answer(StatusCode::OK, json!({ "id": sid, "revoked": true })))
}

/// DELETE /sessions: all others
pub async fn revoke_others(call: Call) -> Response {
    let result = try_revoke_others(&call).await;
    call.end(result)
}

async fn try_revoke_others(call: &Call) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    let revoked = sessions::revoke_others(&call.app, &call.origin, &caller).await?;
    Ok(call.answer(StatusCode::OK, json!({ "revoked": revoked })))
}

/// GET /me
pub async fn me(call: Call) -> Response {
    let result = try_me(&call).await;
    call.end(result)
}

async fn try_me(call: &Call) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    let tenants = tenants::of(&call.app, &caller).await?;
    let tenants: Vec<Value> = tenants
        .iter()
        .map(|Belongs { tenant, roles }| {
            json!({ "id": tenant.id, "name": tenant.name, "roles": roles })
        })
        .collect();
    let user = &caller.user;
    Ok(call.answer(
        StatusCode::OK,
        json!({
            "id": user.id,
            "email": user.email,
            "emailVerified": user.email_verified_at.is_some(),
            "username": user.username,
            "name": user.name,
            "givenName": user.given_name,
            "familyName": user.family_name,
            "locale": user.locale,
            "tenantId": user.tenant_id,
            "status": user.status.as_str(),
            "roles": user.roles,
            "tenants": tenants,
            "createdAt": rfc3339(user.created_at),
            "lastLoginAt": user.last_login_at.map(rfc3339),
        }),
    ))
}

fn session(session: &Session, current: Uuid) -> Value {
    json!({
        "id": session.sid,
        "current": session.sid == current,
        "createdAt": rfc3339(session.created_at),
        "lastActiveAt": rfc3339(session.last_active_at),
        "expiresAt": rfc3339(session.expires_at),
        "ip": session.ip,
        "userAgent": session.user_agent,
        "device": session.device,
        "client": session.client_id,
        "amr": session.proof.amr,
    })
}
