//! What people keep of themselves: `/api/v1/account`.

mod activity;
mod addresses;
pub(crate) mod api_keys;
mod apps;

use serde_json::Value;
use tests::{
    Answer,
    rail::{Rail, send},
};

/// Calls an endpoint of the account with a bearer.
pub(crate) async fn call(rail: &Rail, bearer: &str, method: &str, path: &str) -> Answer {
    let path = format!("/api/v1/account{path}");
    send(rail.request_root(method, &path).bearer_auth(bearer)).await
}

/// The same, with a body.
pub(crate) async fn post(rail: &Rail, bearer: &str, path: &str, body: &Value) -> Answer {
    let path = format!("/api/v1/account{path}");
    send(rail.request_root("POST", &path).bearer_auth(bearer).json(body)).await
}
