//! `/assets/brand/SITE.css`: the accent of a site.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use jwks::accent;

use crate::{app::App, store::StoreError};

/// GET /assets/brand/{stylesheet}
pub async fn stylesheet(State(app): State<Arc<App>>, Path(stylesheet): Path<String>) -> Response {
    let site_key = stylesheet.strip_suffix(".css").filter(|key| !key.contains('\0'));
    let Some(site_key) = site_key else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let style = match app.identity.find_site(site_key).await {
        Ok(site) => site.and_then(|site| accent::style(site.branding.color.as_deref()?)),
        Err(StoreError::Unavailable { .. }) => {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        Err(error) => {
            tracing::error!(%error, "the stylesheet of a site cannot be made");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let Some(style) = style else { return StatusCode::NOT_FOUND.into_response() };
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, style).into_response()
}
