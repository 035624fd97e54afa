//! `/reset-password`: a link shows a form, and the form sets the password. Mail scanners follow
//! links and fill in no forms (rule 25).

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{Query, Request, State},
    response::Response,
};
use http::StatusCode;
use serde::Deserialize;

use super::{PAGES, answer, setup::read_form, verify_email::Link, views::View};
use crate::{
    app::App,
    auth::{AuthError, error::FieldProblem, recovery},
    http::origin::origin,
};

/// What the form sends.
#[derive(Deserialize)]
struct Fields {
    token: String,
    password: String,
}

#[derive(Template)]
#[template(path = "reset_password.html")]
struct Page<'p> {
    token: &'p str,
    email: &'p str,
    problems: &'p [FieldProblem],
}

impl View for Page<'_> {}

impl Page<'_> {
    fn problem(&self, field: &str) -> &str {
        answer::problem(self.problems, field)
    }
}

/// GET /reset-password?token=…
pub async fn show(
    State(app): State<Arc<App>>,
    Query(link): Query<Link>,
    request: Request,
) -> Response {
    let origin = origin(&app, request.headers(), request.extensions(), PAGES);
    page(&app, &origin.request_id, &link.token, &[]).await
}

/// POST /reset-password
pub async fn submit(State(app): State<Arc<App>>, request: Request) -> Response {
    let origin = origin(&app, request.headers(), request.extensions(), PAGES);
    if !answer::is_same_origin(&app, request.headers()) {
        return answer::error(&origin.request_id, &AuthError::Forbidden);
    }
    let Ok(Form(fields)) = read_form::<Fields>(request).await else {
        return answer::error(&origin.request_id, &AuthError::InvalidToken);
    };
    match recovery::reset(&app, &origin, &fields.token, &fields.password).await {
        Ok(()) => answer::message(
            StatusCode::OK,
            "Your password is changed",
            "You are signed out everywhere, and can sign in with the new password now.",
        ),
        Err(AuthError::Invalid(problems)) => {
            page(&app, &origin.request_id, &fields.token, &problems).await
        }
        Err(reason) => answer::error(&origin.request_id, &reason),
    }
}

async fn page(app: &App, request_id: &str, token: &str, problems: &[FieldProblem]) -> Response {
    match recovery::find_link(app, token).await {
        Ok((_, user)) => {
            let status = answer::status_of(problems);
            answer::page(status, &Page { token, email: &user.email, problems })
        }
        Err(reason) => answer::error(request_id, &reason),
    }
}
