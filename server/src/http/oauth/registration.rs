//! /register and its management addresses.

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    answer::{self, end},
    call::Call,
};
use crate::{
    app::App,
    http::route::{Credential, Route, delete, get, post, put},
    oauth::{
        OAuthResult,
        registration::{self, Shown},
    },
};

/// The rows.
pub fn routes() -> Vec<Route> {
    use Credential::{InitialAccess, Registration};
    vec![
        post("/register", InitialAccess, register),
        get("/register/{client_id}", Registration, read),
        put("/register/{client_id}", Registration, replace),
        delete("/register/{client_id}", Registration, remove),
    ]
}

/// POST /register (RFC 7591 section 3.1)
async fn register(call: Call) -> Response {
    end(try_register(&call).await)
}

async fn try_register(call: &Call) -> OAuthResult<Response> {
    let shown =
        registration::register(&call.app, &call.origin, call.bearer()?, call.json()).await?;
    Ok(answer::json(StatusCode::CREATED, &body(&call.app, &shown)))
}

/// GET /register/{client_id} (RFC 7592 section 2.1)
async fn read(client_id: Path<String>, call: Call) -> Response {
    end(try_read(&call, &client_id.0).await)
}

async fn try_read(call: &Call, client_id: &str) -> OAuthResult<Response> {
    let shown = registration::read(&call.app, client_id, call.bearer()?).await?;
    Ok(answer::json(StatusCode::OK, &body(&call.app, &shown)))
}

/// PUT /register/{client_id} (RFC 7592 section 2.2)
async fn replace(client_id: Path<String>, call: Call) -> Response {
    end(try_replace(&call, &client_id.0).await)
}

async fn try_replace(call: &Call, client_id: &str) -> OAuthResult<Response> {
    let (app, origin) = (&call.app, &call.origin);
    let shown = registration::replace(app, origin, client_id, call.bearer()?, call.json()).await?;
    Ok(answer::json(StatusCode::OK, &body(app, &shown)))
}

/// DELETE /register/{client_id} (RFC 7592 section 2.3)
async fn remove(client_id: Path<String>, call: Call) -> Response {
    end(try_remove(&call, &client_id.0).await)
}

async fn try_remove(call: &Call, client_id: &str) -> OAuthResult<Response> {
    registration::remove(&call.app, &call.origin, client_id, call.bearer()?).await?;
    let headers = [(http::header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::NO_CONTENT, headers).into_response())
}

/// The client information response (RFC 7591 section 3.2.1, RFC 7592 section 3).
fn body(app: &App, shown: &Shown) -> Value {
    let mut body = registration::described(&shown.client, shown.secret.as_deref());
    let path = format!("/register/{}", shown.client.client_id);
    body["registration_client_uri"] = json!(app.link(&path));
    body["registration_access_token"] = json!(shown.token);
    body
}
