//! `/.well-known/jwks.json` (RFC 7517).

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};

use crate::{app::App, keyring::JWKS_MAX_AGE};

/// GET /.well-known/jwks.json
pub async fn jwks(State(app): State<Arc<App>>) -> Response {
    let keys = app.keys.published().to_jwks();
    if keys.keys.is_empty() {
        let headers = [(header::RETRY_AFTER, "1")];
        return (StatusCode::SERVICE_UNAVAILABLE, headers).into_response();
    }
    let cache = format!("public, max-age={}", JWKS_MAX_AGE.as_secs());
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, cache.as_str()),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (headers, serde_json::to_string(&keys).unwrap_or_default()).into_response()
}
