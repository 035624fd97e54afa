//! Health and figures.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use tokio::time::timeout;

use super::route::{Credential, Surface, get, list, object, one_of, text};
use crate::{app::App, figures, store::StoreResult};

/// How long a store may take to answer before it counts as away.
const PATIENCE: Duration = Duration::from_secs(1);

/// `/health/live`, `/health/ready` and `/metrics`.
pub fn surface() -> Surface {
    let missing = list("missing", text("", "").like("sessions"), "What is not there.");
    Surface::new(
        "Health",
        vec![
            get("/health/live", Credential::Anybody, live)
                .does("Is it alive", "Asks nothing of anybody.")
                .answers(200, object([one_of("status", &["live"], "It is.")])),
            get("/health/ready", Credential::Anybody, ready)
                .does("Is it ready", "Asks the stores.")
                .answers(200, object([one_of("status", &["ready"], "It is.")]))
                .answers(503, object([one_of("status", &["not ready"], "It is not."), missing])),
            get("/metrics", Credential::Anybody, metrics),
        ],
    )
}

async fn live() -> Json<serde_json::Value> {
    Json(json!({ "status": "live" }))
}

/// Names what is missing. Why it is missing is in the log alone: causes hold addresses.
async fn ready(State(app): State<Arc<App>>) -> Response {
    let (identity, sessions) =
        tokio::join!(answers(app.identity.check()), answers(app.sessions.check()));
    let keys = app.keys.is_ready(app.config.tokens.algorithm, app.clock.now());
    let missing: Vec<_> = [("identity", identity), ("sessions", sessions), ("keys", keys)]
        .into_iter()
        .filter_map(|(part, is_there)| (!is_there).then_some(part))
        .collect();
    if missing.is_empty() {
        return Json(json!({ "status": "ready" })).into_response();
    }
    (
        StatusCode::SERVICE_UNAVAILABLE,
        [(header::RETRY_AFTER, "1")],
        Json(json!({ "status": "not ready", "missing": missing })),
    )
        .into_response()
}

async fn answers(check: impl Future<Output = StoreResult<()>>) -> bool {
    matches!(timeout(PATIENCE, check).await, Ok(Ok(())))
}

async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    show_backlog(&app).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], figures::render())
}

/// What waits to be mailed belongs to all servers on a store: it is read when somebody looks.
async fn show_backlog(app: &App) {
    let Ok(Ok(backlog)) = timeout(PATIENCE, app.identity.errand_backlog()).await else { return };
    let age = backlog.oldest.map_or(Duration::ZERO, |oldest| app.clock.now().since(oldest));
    #[allow(clippy::cast_precision_loss, reason = "a figure to look at")]
    metrics::gauge!("signalbox_errands_waiting").set(backlog.waiting as f64);
    metrics::gauge!("signalbox_errands_oldest_age_seconds").set(age.as_secs_f64());
}
