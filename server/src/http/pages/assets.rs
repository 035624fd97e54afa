//! What pages load: stylesheets, scripts, the icon. All of it is part of the binary.

use axum::response::{IntoResponse, Response};
use http::header;

use super::brand;
use crate::http::route::{Credential, Route, get};

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

macro_rules! asset {
    ($path:literal, $kind:expr, $file:literal) => {
        get($path, Credential::Anybody, async || asset($kind, include_str!($file)))
    };
}

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![
        asset!("/assets/style.css", CSS, "../../../templates/style.css"),
        asset!("/assets/docs.css", CSS, "../../../templates/docs.css"),
        asset!("/assets/fields.js", JS, "../../../assets/fields.js"),
        asset!("/assets/form-post.js", JS, "../../../assets/form-post.js"),
        asset!("/assets/strength.js", JS, "../../../assets/strength.js"),
        asset!("/assets/passkey.js", JS, "../../../assets/passkey.js"),
        asset!("/assets/signed-out.js", JS, "../../../assets/signed-out.js"),
        asset!("/assets/icon.svg", "image/svg+xml", "../../../assets/icon.svg"),
        get("/assets/brand/{stylesheet}", Credential::Anybody, brand::stylesheet),
    ]
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "public, max-age=300"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}
