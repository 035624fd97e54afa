//! `/.well-known/jwks.json` (RFC 7517).

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};

use crate::{app::App, config::KEY_SET_TTL};

/// GET /.well-known/jwks.json
pub async fn jwks(State(app): State<Arc<App>>) -> Response {
    let keys = app.keys.published().to_jwks();
    if keys.keys.is_empty() {
        let headers = [(header::RETRY_AFTER, "1")];
        return (StatusCode::SERVICE_UNAVAILABLE, headers).into_response();
    }
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        // Shorter than a new key is published before it signs.
        (header::CACHE_CONTROL, format!("public, max-age={KEY_SET_TTL}")),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*".to_owned()),
    ];
    (headers, serde_json::to_string(&keys).unwrap_or_default()).into_response()
}
