//! `/edge/forms/{name}`: forms that wait while somebody signs in at a site. For edges alone.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use tokio::time::timeout;

use super::{
    BODY_TIME,
    feed::authenticate,
    route::{Credential, Surface, post},
};
use crate::{
    app::App,
    oauth::{OAuthError, OAuthResult, kept_form},
};

/// Names are 256 bits, base64url.
const NAME: usize = 43;

/// Keeping one, and taking it.
pub fn surface() -> Surface {
    Surface::new(
        "Forms",
        vec![
            post("/edge/forms/{name}", Credential::Edge, keep),
            post("/edge/forms/{name}/taken", Credential::Edge, take),
        ],
    )
}

/// POST /edge/forms/{name}?ip=…
async fn keep(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(name): Path<String>,
    Query(said): Query<HashMap<String, String>>,
    body: Body,
) -> Response {
    if let Err(status) = admit(&app, &headers, &name).await {
        return status.into_response();
    }
    // Who posted it, for the limits.
    let Some(ip) = said.get("ip").and_then(|ip| ip.parse().ok()) else {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    };
    let sealed = match timeout(BODY_TIME, to_bytes(body, kept_form::LARGEST)).await {
        Ok(Ok(sealed)) => sealed,
        Ok(Err(_)) => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    let kept = kept_form::keep(&app, ip, &name, &sealed, app.clock.now()).await;
    answer(kept.map(|()| StatusCode::NO_CONTENT.into_response()))
}

/// POST /edge/forms/{name}/taken
async fn take(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Response {
    if let Err(status) = admit(&app, &headers, &name).await {
        return status.into_response();
    }
    let taken = kept_form::take(&app, &name, app.clock.now()).await;
    answer(taken.map(|taken| match taken {
        Some(sealed) => {
            let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
            (kind, Bytes::from(sealed)).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }))
}

async fn admit(app: &App, headers: &HeaderMap, name: &str) -> Result<(), StatusCode> {
    match authenticate(app, headers).await {
        Ok(Some(_)) if name.len() == NAME => Ok(()),
        Ok(Some(_)) => Err(StatusCode::NOT_FOUND),
        Ok(None) => Err(StatusCode::UNAUTHORIZED),
        Err(_) => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}

fn answer(outcome: OAuthResult<Response>) -> Response {
    outcome.unwrap_or_else(|error| match error {
        OAuthError::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS.into_response(),
        _ => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    })
}
