//! `/verify-email`: a link shows a button, and the button proves the address. Mail scanners follow
//! links and press no buttons (rule 25).

use std::sync::Arc;

use axum::{
    Form,
    extract::{Query, Request, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{
    PAGES, answer,
    views::{Look, VerifyEmail},
};
use crate::{
    app::App,
    auth::{AuthError, registration},
    http::origin::origin,
};

/// The token of a link.
#[derive(Deserialize)]
pub struct Link {
    /// As it stands in the address.
    #[serde(default)]
    pub token: String,
}

/// GET /verify-email?token=…
pub async fn show(Query(link): Query<Link>, headers: HeaderMap) -> Response {
    let look = Look::of(&headers, &[]);
    answer::page(StatusCode::OK, &VerifyEmail { look: &look, token: &link.token })
}

/// POST /verify-email
pub async fn submit(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let origin = origin(&app, &parts.headers, &parts.extensions, PAGES);
    let look = Look::of(&parts.headers, &[]);
    if !answer::is_same_origin(&app, &parts.headers) {
        return answer::error(&look, &origin.request_id, &AuthError::Forbidden);
    }
    let Ok(Form(link)) = super::setup::read_form::<Link>(Request::from_parts(parts, body)).await
    else {
        return answer::error(&look, &origin.request_id, &AuthError::InvalidToken);
    };
    match registration::verify_email(&app, &origin, &link.token).await {
        Ok(_) => answer::message(&look, StatusCode::OK, "verify-email-done"),
        Err(reason) => answer::error(&look, &origin.request_id, &reason),
    }
}
