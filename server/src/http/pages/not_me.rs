//! `/not-me`: whoever did not do what a letter told them of says so. The link shows what that does,
//! and a button does it: mail scanners follow links and press no buttons (rule 25).

use std::sync::Arc;

use axum::{
    Form,
    extract::{Query, Request, State},
    response::Response,
};
use http::StatusCode;

use super::{
    PAGES, answer,
    setup::read_form,
    verify_email::Link,
    views::{Look, NotMe},
};
use crate::{
    app::App,
    auth::{AuthError, warnings},
    domain::user::UserStatus,
    http::origin::origin,
};

/// GET /not-me?token=…
pub async fn show(
    State(app): State<Arc<App>>,
    Query(link): Query<Link>,
    request: Request,
) -> Response {
    let origin = origin(&app, request.headers(), request.extensions(), PAGES);
    let look = Look::of(request.headers(), &[]);
    match warnings::find(&app, &link.token).await {
        Ok(warning) if warning.used_at.is_some() => {
            answer::message(&look, StatusCode::CONFLICT, "not-me-used")
        }
        Ok(warning) => {
            let page = NotMe { look: &look, token: &link.token, address: &warning.address.display };
            answer::page(StatusCode::OK, &page)
        }
        Err(reason) => answer::error(&look, &origin.request_id, &reason),
    }
}

/// POST /not-me
pub async fn submit(State(app): State<Arc<App>>, request: Request) -> Response {
    let origin = origin(&app, request.headers(), request.extensions(), PAGES);
    let look = Look::of(request.headers(), &[]);
    if !answer::is_same_origin(&app, request.headers()) {
        return answer::error(&look, &origin.request_id, &AuthError::Forbidden);
    }
    let Ok(Form(link)) = read_form::<Link>(request).await else {
        return answer::error(&look, &origin.request_id, &AuthError::InvalidToken);
    };
    match warnings::deny(&app, &origin, &link.token).await {
        Ok(UserStatus::Disabled) => answer::message(&look, StatusCode::OK, "not-me-disabled"),
        Ok(_) => answer::message(&look, StatusCode::OK, "not-me-done"),
        Err(AuthError::Conflict(_)) => answer::message(&look, StatusCode::CONFLICT, "not-me-used"),
        Err(reason) => answer::error(&look, &origin.request_id, &reason),
    }
}
