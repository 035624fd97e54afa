//! `/.well-known/jwks.json` (RFC 7517), and the same of the edges.

use std::sync::{Arc, LazyLock};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::route::{Credential, Refusal, Surface, foreign, get, list, object};
use crate::{app::App, feed::edge_keys, keyring::JWKS_MAX_AGE};

/// The documents under `/.well-known`.
pub fn surface() -> Surface {
    const AWAY: Refusal =
        Refusal { status: 503, code: "", about: "The store is away; there is no body." };
    const NO_KEYS: Refusal =
        Refusal { status: 503, code: "", about: "No key has been read yet; there is no body." };
    let of_edge = json!({ "kid": "…", "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": "…" });
    let of_edges = list("keys", foreign("", "", of_edge), "JSON Web Keys (RFC 7517).");
    let key = json!({ "kid": "2026-03", "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "x": "…", "y": "…" });
    let keys = list("keys", foreign("", "", key), "JSON Web Keys (RFC 7517).");
    Surface::new(
        "Keys",
        vec![
            get("/.well-known/jwks.json", Credential::Anybody, jwks)
                .does("The public keys", "What tokens are signed with, now and soon.")
                .answers(200, object([keys]))
                .refuses([NO_KEYS]),
            get("/.well-known/edge-jwks.json", Credential::Anybody, edge_jwks)
                .does(
                    "The public keys of the edges",
                    "What they sign `X-Auth-Assertion` with. Every site has them too, at \
                    `/.signalbox/jwks.json`.",
                )
                .answers(200, object([of_edges]))
                .refuses([AWAY]),
        ],
    )
}

/// GET /.well-known/jwks.json
async fn jwks(State(app): State<Arc<App>>) -> Response {
    let keys = app.keys.document();
    if keys.is_empty() {
        let headers = [(header::RETRY_AFTER, "1")];
        return (StatusCode::SERVICE_UNAVAILABLE, headers).into_response();
    }
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, cache_control().clone()),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    ];
    (headers, keys).into_response()
}

/// GET /.well-known/edge-jwks.json
async fn edge_jwks(State(app): State<Arc<App>>) -> Response {
    let Ok(keys) = edge_keys::all(&app).await else {
        let headers = [(header::RETRY_AFTER, "1")];
        return (StatusCode::SERVICE_UNAVAILABLE, headers).into_response();
    };
    // Short: a new edge signs with its key at once.
    let headers =
        [(header::CACHE_CONTROL, "public, max-age=30"), (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")];
    (headers, axum::Json(keys)).into_response()
}

/// For how long the answer may be kept.
fn cache_control() -> &'static HeaderValue {
    static VALUE: LazyLock<HeaderValue> = LazyLock::new(|| {
        HeaderValue::try_from(format!("public, max-age={}", JWKS_MAX_AGE.as_secs()))
            .unwrap_or(HeaderValue::from_static("public"))
    });
    &VALUE
}
