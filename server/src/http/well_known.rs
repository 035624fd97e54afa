//! `/.well-known/jwks.json` (RFC 7517).

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};

use crate::app::App;

/// How long a client may keep the key set: shorter than a new key is published before it signs.
const CACHE: &str = "public, max-age=300";

/// GET /.well-known/jwks.json
pub async fn jwks(State(app): State<Arc<App>>) -> Response {
    let keys = app.keys.published().to_jwks();
    if keys.keys.is_empty() {
        let headers = [(header::RETRY_AFTER, "1")];
        return (StatusCode::SERVICE_UNAVAILABLE, headers).into_response();
    }
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, CACHE),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (headers, serde_json::to_string(&keys).unwrap_or_default()).into_response()
}
