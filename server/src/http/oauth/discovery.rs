//! The metadata of the authorization server, and the pictures of its clients.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::header;

use super::answer;
use crate::{
    app::App,
    http::route::{Credential::Anybody, Route, get},
    oauth::logos,
};

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![
        get("/.well-known/openid-configuration", Anybody, metadata),
        get("/.well-known/oauth-authorization-server", Anybody, metadata),
        get("/clients/{client_id}/logo", Anybody, logo),
    ]
}

/// GET /.well-known/openid-configuration, GET /.well-known/oauth-authorization-server
async fn metadata(State(app): State<Arc<App>>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=300"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, app.discovery.clone()).into_response()
}

/// GET /clients/{client_id}/logo
async fn logo(State(app): State<Arc<App>>, client_id: Path<String>) -> Response {
    let logo = match logos::find(&app, &client_id.0).await {
        Ok(logo) => logo,
        Err(refused) => return answer::error(&refused),
    };
    // It came from a stranger: whatever a browser makes of it, it runs nothing.
    let headers = [
        (header::CONTENT_TYPE, logo.media),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    (headers, logo.bytes).into_response()
}
