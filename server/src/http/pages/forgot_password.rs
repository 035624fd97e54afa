//! `/forgot-password`: asks for the address that a link for a new password is mailed to. Whoever came
//! from a sign-in goes back to it.

use axum::response::Response;
use http::StatusCode;

use super::{
    answer,
    views::{ForgotPassword, ForgotPasswordSent, Problem},
    visit::{Paged, Visit, end},
};
use crate::{
    auth::{AuthError, error::FieldProblem, new_password},
    http::{
        oauth::call::Call,
        route::{Credential, Route, get, post},
    },
};

/// Where it is.
pub const PATH: &str = "/forgot-password";
/// Says in the address that a letter may be on its way.
const SENT: &str = "sent";

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![get(PATH, Credential::Anybody, show), post(PATH, Credential::Form, submit)]
}

/// GET /forgot-password
async fn show(call: Call) -> Response {
    end(Visit::shown(call).await, shown).await
}

async fn shown(mut visit: Visit) -> Paged {
    let judgement = visit.judge().await?;
    visit.brand(judgement.as_ref());
    if visit.params.get(SENT).is_some() {
        let sign_in = visit.link("/login");
        let view = ForgotPasswordSent { look: &visit.look, sign_in: &sign_in };
        return Ok(visit.finish(answer::page(StatusCode::OK, &view)));
    }
    let hint = visit.flow().and_then(|flow| flow.request.login_hint.clone());
    let hint = hint.filter(|hint| hint.contains('@')).unwrap_or_default();
    Ok(form(&visit, &hint, None, &[]))
}

/// POST /forgot-password
async fn submit(call: Call) -> Response {
    end(Visit::submitted(call).await, submitted).await
}

async fn submitted(mut visit: Visit) -> Paged {
    let judgement = visit.judge().await?;
    visit.brand(judgement.as_ref());
    let email = visit.params.get("email").unwrap_or_default().to_owned();
    match new_password::forgot(&visit.call.app, &visit.call.origin, &email).await {
        Ok(()) => {
            let sent = visit.link_with(PATH, SENT, "1");
            Ok(visit.redirect(&sent))
        }
        Err(AuthError::Invalid(problems)) => Ok(form(&visit, &email, None, &problems)),
        Err(reason) => match Problem::of(&reason) {
            Some(problem) => Ok(form(&visit, &email, Some(problem), &[])),
            None => Err(reason.into()),
        },
    }
}

fn form(
    visit: &Visit,
    email: &str,
    problem: Option<Problem>,
    problems: &[FieldProblem],
) -> Response {
    let (csrf, sign_in) = (visit.csrf(), visit.link("/login"));
    let view = ForgotPassword {
        look: &visit.look,
        form: visit.form(PATH, &csrf, &[]),
        email,
        problem,
        problems,
        sign_in: &sign_in,
    };
    let sent = match problem {
        Some(_) => answer::form(problem, &view),
        None => answer::page(answer::status_of(problems), &view),
    };
    visit.finish(sent)
}
