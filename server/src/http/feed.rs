//! `/feed` and what edges say back: for edges alone.

use std::sync::Arc;

use axum::{
    body::{Body, to_bytes},
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream;
use http::{HeaderMap, StatusCode, header};
use jwks::{Time, feed::Message, key_set::Jwk, record::Refused};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    BODY_TIME,
    route::{Credential, Surface, get, post},
};
use crate::{
    app::App,
    domain::{
        edge::EdgeRow,
        secret::{OpaqueToken, TokenKind},
    },
    feed::{edge_keys, refusals},
    store::StoreResult,
};

/// Largest acknowledgement, bytes.
const ACKNOWLEDGEMENT_LIMIT: usize = 1024;
/// Largest key, bytes.
const KEY_LIMIT: usize = 2048;
/// Largest batch of refusals, bytes.
const REFUSALS_LIMIT: usize = 4 * 1024 * 1024;
/// Largest report of keys that were used, bytes.
const USES_LIMIT: usize = 1024 * 1024;

/// The feed.
pub fn surface() -> Surface {
    Surface::new(
        "Feed",
        vec![
            get("/feed", Credential::Edge, stream),
            post("/feed/ack", Credential::Edge, acknowledge),
            post("/feed/keys", Credential::Edge, exchange_keys),
            post("/feed/refusals", Credential::Edge, take_refusals),
            post("/feed/key", Credential::Edge, find_key),
            post("/feed/key-uses", Credential::Edge, note_key_uses),
        ],
    )
}

/// Where an edge stands.
#[derive(Deserialize)]
struct Position {
    #[serde(default)]
    after: u64,
    #[serde(default)]
    epoch: String,
}

/// How far an edge is.
#[derive(Deserialize)]
struct Acknowledged {
    seq: u64,
}

/// An API key that an edge does not hold.
#[derive(Deserialize)]
struct KeyAsked {
    key: Uuid,
}

/// When API keys were last used at an edge.
#[derive(Deserialize)]
struct Uses {
    uses: Vec<(Uuid, Time)>,
}

/// GET /feed: one JSON message a line, without end.
async fn stream(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Query(position): Query<Position>,
) -> Response {
    let edge = match authenticate(&app, &headers).await {
        Ok(Some(edge)) => edge,
        Ok(None) => return StatusCode::UNAUTHORIZED.into_response(),
        Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    };
    let opened = app.feed.open(&edge, &position.epoch, position.after, &app.issuer).await;
    let Ok(opened) = opened else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    tracing::info!(edge = edge.name, after = position.after, "an edge follows the feed");
    let lines = stream::try_unfold(opened, |mut opened| async move {
        let messages = opened.next().await?;
        Ok::<_, crate::store::StoreError>(messages.map(|messages| (lines(&messages), opened)))
    });
    let headers =
        [(header::CONTENT_TYPE, "application/x-ndjson"), (header::CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(lines)).into_response()
}

/// POST /feed/ack
async fn acknowledge(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> StatusCode {
    let told: Result<(EdgeRow, Acknowledged), StatusCode> =
        told(&app, &headers, body, ACKNOWLEDGEMENT_LIMIT).await;
    let (edge, seq) = match told {
        Ok((edge, Acknowledged { seq })) => (edge, seq),
        Err(status) => return status,
    };
    match app.feed.acknowledge(&edge.name, seq).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// POST /feed/keys: takes the public key that an edge signs assertions with, and gives those of all.
async fn exchange_keys(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Response {
    let told: Result<(EdgeRow, Jwk), StatusCode> = told(&app, &headers, body, KEY_LIMIT).await;
    let (edge, jwk) = match told {
        Ok(told) => told,
        Err(status) => return status.into_response(),
    };
    match edge_keys::take(&app, &edge, jwk).await {
        Ok(Some(keys)) => axum::Json(keys).into_response(),
        Ok(None) => StatusCode::UNPROCESSABLE_ENTITY.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// POST /feed/refusals: keeps what an edge refused, so that it can be explained.
async fn take_refusals(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> StatusCode {
    let told: Result<(EdgeRow, Vec<Refused>), StatusCode> =
        told(&app, &headers, body, REFUSALS_LIMIT).await;
    let (edge, refused) = match told {
        Ok(told) => told,
        Err(status) => return status,
    };
    match refusals::keep(&app, &edge, &refused).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// POST /feed/key: the person whose API key this is, with all of theirs, for an edge that holds it not.
async fn find_key(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Response {
    let told: Result<(EdgeRow, KeyAsked), StatusCode> =
        told(&app, &headers, body, ACKNOWLEDGEMENT_LIMIT).await;
    let key = match told {
        Ok((_, KeyAsked { key })) => key,
        Err(status) => return status.into_response(),
    };
    match app.identity.find_key_holder(key, app.clock.now()).await {
        Ok(Some(holder)) => axum::Json(holder).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// POST /feed/key-uses: when API keys were last used.
async fn note_key_uses(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> StatusCode {
    let told: Result<(EdgeRow, Uses), StatusCode> = told(&app, &headers, body, USES_LIMIT).await;
    let mut uses = match told {
        Ok((_, Uses { uses })) => uses,
        Err(status) => return status,
    };
    let now = app.clock.now();
    for (_, at) in &mut uses {
        // Of an edge whose clock is ahead, nobody is to read of a use that is yet to come.
        *at = now.min(*at);
    }
    match app.identity.note_key_uses(&uses).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// What an edge tells, as JSON.
async fn told<T: DeserializeOwned>(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<(EdgeRow, T), StatusCode> {
    let edge = match authenticate(app, headers).await {
        Ok(Some(edge)) => edge,
        Ok(None) => return Err(StatusCode::UNAUTHORIZED),
        Err(_) => return Err(StatusCode::SERVICE_UNAVAILABLE),
    };
    let body = timeout(BODY_TIME, to_bytes(body, limit)).await;
    let body = body.map_err(|_| StatusCode::REQUEST_TIMEOUT)?;
    let body = body.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    let told = serde_json::from_slice(&body).map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)?;
    Ok((edge, told))
}

/// The edge whose credential a request shows; `None`: it shows none.
///
/// # Errors
/// When the store fails.
pub(super) async fn authenticate(app: &App, headers: &HeaderMap) -> StoreResult<Option<EdgeRow>> {
    let field = headers.get(header::AUTHORIZATION).and_then(|field| field.to_str().ok());
    let token = field
        .and_then(|field| field.strip_prefix("Bearer "))
        .and_then(|token| OpaqueToken::parse(TokenKind::Edge, token));
    match token {
        Some(token) => app.identity.find_edge(&token.hash()).await,
        None => Ok(None),
    }
}

fn lines(messages: &[Message]) -> Bytes {
    let mut lines = BytesMut::new();
    for message in messages {
        if let Ok(line) = serde_json::to_vec(message) {
            lines.put_slice(&line);
            lines.put_u8(b'\n');
        }
    }
    lines.freeze()
}
