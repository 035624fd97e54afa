//! `/invitation`: a link shows what somebody is invited to, and its form accepts. Mail scanners
//! follow links and fill in no forms (rule 25).

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
    auth::{
        AuthError,
        error::FieldProblem,
        invitations::{self, Guest, Invitation},
    },
    http::origin::origin,
};

/// What the form sends. Whoever has an account is asked for neither name nor password.
#[derive(Deserialize)]
struct Fields {
    token: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
}

#[derive(Template)]
#[template(path = "invitation.html")]
struct Page<'p> {
    token: &'p str,
    invitation: &'p Invitation,
    name: &'p str,
    problems: &'p [FieldProblem],
}

impl View for Page<'_> {}

impl Page<'_> {
    fn problem(&self, field: &str) -> &str {
        answer::problem(self.problems, field)
    }

    const fn has_account(&self) -> bool {
        matches!(self.invitation.guest, Guest::Member(_))
    }
}

/// GET /invitation?token=…
pub async fn show(
    State(app): State<Arc<App>>,
    Query(link): Query<Link>,
    request: Request,
) -> Response {
    let origin = origin(&app, request.headers(), request.extensions(), PAGES);
    match invitations::find(&app, &link.token).await {
        Ok(invitation) => {
            let name = &invitation.terms.name;
            let page = Page { token: &link.token, invitation: &invitation, name, problems: &[] };
            answer::page(StatusCode::OK, &page)
        }
        Err(reason) => answer::error(&origin.request_id, &reason),
    }
}

/// POST /invitation
pub async fn submit(State(app): State<Arc<App>>, request: Request) -> Response {
    let origin = origin(&app, request.headers(), request.extensions(), PAGES);
    if !answer::is_same_origin(&app, request.headers()) {
        return answer::error(&origin.request_id, &AuthError::Forbidden);
    }
    let Ok(Form(Fields { token, name, password })) = read_form::<Fields>(request).await else {
        return answer::error(&origin.request_id, &AuthError::InvalidToken);
    };
    match invitations::accept(&app, &origin, &token, &name, &password).await {
        Ok(()) => answer::message(
            StatusCode::OK,
            "Welcome",
            "You have accepted the invitation, and can sign in now.",
        ),
        Err(AuthError::Invalid(problems)) => match invitations::find(&app, &token).await {
            Ok(invitation) => {
                let status = answer::status_of(&problems);
                let page = Page {
                    token: &token,
                    invitation: &invitation,
                    name: &name,
                    problems: &problems,
                };
                answer::page(status, &page)
            }
            Err(reason) => answer::error(&origin.request_id, &reason),
        },
        Err(reason) => answer::error(&origin.request_id, &reason),
    }
}
