//! `/reset-password`: a link shows a form, and the form sets the password. Mail scanners follow
//! links and fill in no forms (rule 25).

use std::sync::Arc;

use axum::{
    Form,
    extract::{Query, Request, State},
    response::Response,
};
use http::StatusCode;
use serde::Deserialize;

use super::{
    PAGES, answer,
    setup::read_form,
    verify_email::Link,
    views::{Look, ResetPassword},
};
use crate::{
    app::App,
    auth::{AuthError, error::FieldProblem, new_password},
    http::origin::origin,
};

/// What the form sends.
#[derive(Deserialize)]
struct Fields {
    token: String,
    password: String,
}

/// GET /reset-password?token=…
pub async fn show(
    State(app): State<Arc<App>>,
    Query(link): Query<Link>,
    request: Request,
) -> Response {
    let origin = origin(&app, request.headers(), request.extensions(), PAGES);
    let look = Look::of(request.headers(), &[]);
    page(&app, &look, &origin.request_id, &link.token, &[]).await
}

/// POST /reset-password
pub async fn submit(State(app): State<Arc<App>>, request: Request) -> Response {
    let origin = origin(&app, request.headers(), request.extensions(), PAGES);
    let look = Look::of(request.headers(), &[]);
    if !answer::is_same_origin(&app, request.headers()) {
        return answer::error(&look, &origin.request_id, &AuthError::Forbidden);
    }
    let Ok(Form(fields)) = read_form::<Fields>(request).await else {
        return answer::error(&look, &origin.request_id, &AuthError::InvalidToken);
    };
    match new_password::reset(&app, &origin, &fields.token, &fields.password).await {
        Ok(()) => answer::message(&look, StatusCode::OK, "reset-done"),
        Err(AuthError::Invalid(problems)) => {
            page(&app, &look, &origin.request_id, &fields.token, &problems).await
        }
        Err(reason) => answer::error(&look, &origin.request_id, &reason),
    }
}

async fn page(
    app: &App,
    look: &Look,
    request_id: &str,
    token: &str,
    problems: &[FieldProblem],
) -> Response {
    match new_password::find_link(app, token).await {
        Ok((_, user)) => {
            let page = ResetPassword { look, token, email: &user.email, problems };
            answer::page(answer::status_of(problems), &page)
        }
        Err(reason) => answer::error(look, request_id, &reason),
    }
}
