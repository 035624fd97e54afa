//! Pages: rendered on the server, of use without JavaScript.

mod answer;
mod docs;
mod invitation;
mod reset_password;
mod setup;
mod verify_email;

use axum::response::{IntoResponse, Response};
use http::header;

use super::route::{Credential, Surface, get, post};

/// The surface of the pages, as `client_id`.
pub const PAGES: &str = "pages";
const STYLE: &str = include_str!("../../../templates/style.css");
const DOCS_STYLE: &str = include_str!("../../../templates/docs.css");

/// The pages.
pub fn surface() -> Surface {
    Surface::new(
        "Pages",
        vec![
            get("/setup", Credential::Link, setup::show),
            post("/setup", Credential::Form, setup::submit),
            get("/verify-email", Credential::Anybody, verify_email::show),
            post("/verify-email", Credential::Form, verify_email::submit),
            get("/reset-password", Credential::Link, reset_password::show),
            post("/reset-password", Credential::Form, reset_password::submit),
            get("/invitation", Credential::Link, invitation::show),
            post("/invitation", Credential::Form, invitation::submit),
            get("/docs", Credential::Anybody, docs::show),
            get("/assets/style.css", Credential::Anybody, async || stylesheet(STYLE)),
            get("/assets/docs.css", Credential::Anybody, async || stylesheet(DOCS_STYLE)),
        ],
    )
}

fn stylesheet(text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    (headers, text).into_response()
}
