//! `/invitation`: a link shows what somebody is invited to, and its form accepts. Mail scanners
//! follow links and fill in no forms (rule 25).

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
    views::{Invited, Look},
};
use crate::{
    app::App,
    auth::{AuthError, invitations},
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

/// GET /invitation?token=…
pub async fn show(
    State(app): State<Arc<App>>,
    Query(link): Query<Link>,
    request: Request,
) -> Response {
    let origin = origin(&app, request.headers(), request.extensions(), PAGES);
    let look = Look::of(request.headers(), &[]);
    match invitations::find(&app, &link.token).await {
        Ok(invitation) => {
            let name = &invitation.terms.name;
            let token = &link.token;
            let page = Invited { look: &look, token, invitation: &invitation, name, problems: &[] };
            answer::page(StatusCode::OK, &page)
        }
        Err(reason) => answer::error(&look, &origin.request_id, &reason),
    }
}

/// POST /invitation
pub async fn submit(State(app): State<Arc<App>>, request: Request) -> Response {
    let origin = origin(&app, request.headers(), request.extensions(), PAGES);
    let look = Look::of(request.headers(), &[]);
    if !answer::is_same_origin(&app, request.headers()) {
        return answer::error(&look, &origin.request_id, &AuthError::Forbidden);
    }
    let Ok(Form(Fields { token, name, password })) = read_form::<Fields>(request).await else {
        return answer::error(&look, &origin.request_id, &AuthError::InvalidToken);
    };
    match invitations::accept(&app, &origin, &token, &name, &password).await {
        Ok(()) => answer::message(&look, StatusCode::OK, "invitation-done"),
        Err(AuthError::Invalid(problems)) => match invitations::find(&app, &token).await {
            Ok(invitation) => {
                let status = answer::status_of(&problems);
                let page = Invited {
                    look: &look,
                    token: &token,
                    invitation: &invitation,
                    name: &name,
                    problems: &problems,
                };
                answer::page(status, &page)
            }
            Err(reason) => answer::error(&look, &origin.request_id, &reason),
        },
        Err(reason) => answer::error(&look, &origin.request_id, &reason),
    }
}
