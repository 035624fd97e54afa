//! Pages: rendered on the server, of use without JavaScript.

mod answer;
mod setup;
mod verify_email;

use std::sync::Arc;

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use http::header;

use crate::app::App;

/// The surface of the pages, as `client_id`.
pub const PAGES: &str = "pages";
const STYLE: &str = include_str!("../../../templates/style.css");

/// The routes of the pages.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/setup", get(setup::show).post(setup::submit))
        .route("/verify-email", get(verify_email::show).post(verify_email::submit))
        .route("/assets/style.css", get(style))
}

async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    (headers, STYLE).into_response()
}
