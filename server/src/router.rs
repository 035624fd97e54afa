//! Every route of every surface.

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use crate::{
    app::App,
    http::{feed, health, observe, outbox, pages, rail, well_known},
};

/// The router of the server.
pub fn router(app: Arc<App>) -> Router {
    observe::observed(
        Router::new()
            .nest("/api/v1/auth", rail::routes())
            .route("/.well-known/jwks.json", get(well_known::jwks))
            .route("/feed", get(feed::stream))
            .route("/feed/ack", post(feed::acknowledge))
            .merge(pages::routes())
            .merge(outbox::routes())
            .merge(health::routes())
            .with_state(app),
    )
}
