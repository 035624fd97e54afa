//! `/account/password`: a new password, by somebody who knows the present one.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use serde_json::json;

use super::{
    member::{self, Member},
    security,
};
use crate::{
    auth::{
        AuthError, error::FieldProblem, login::usable_methods, new_password, password, throttle,
    },
    http::{
        oauth::call::Call,
        pages::{
            answer,
            views::{
                Problem,
                account::{NewPassword, Notice, Section},
            },
            visit::{Paged, Stop},
        },
        route::{Credential, Route, get, post},
    },
};

const PATH: &str = "/account/password";

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![
        get(PATH, Credential::Browser, show),
        post(PATH, Credential::Browser, submit),
        post("/account/password/strength", Credential::Browser, strength),
    ]
}

/// GET /account/password
async fn show(call: Call) -> Response {
    member::shown(call, shown).await
}

async fn shown(member: Member) -> Paged {
    prove_second(&member).await?;
    Ok(page(&member, None, &[], None))
}

/// Who has no second factor proves the present password in the form itself.
async fn prove_second(member: &Member) -> Result<(), Stop> {
    let factors = member.app().identity.list_factors(member.caller.user.id).await;
    if !usable_methods(&factors.map_err(AuthError::from)?).is_empty() {
        member.prove().await?;
    }
    Ok(())
}

fn page(
    member: &Member,
    problem: Option<Problem>,
    problems: &[FieldProblem],
    strength: Option<u8>,
) -> Response {
    let view = NewPassword {
        look: &member.visit.look,
        shell: member.shell(Section::Security),
        problems,
        strength,
        problem,
    };
    match problem {
        Some(_) => member.visit.finish(answer::form(problem, &view)),
        None => member.page(answer::status_of(problems), &view),
    }
}

/// POST /account/password
async fn submit(call: Call) -> Response {
    member::submitted(call, submitted).await
}

async fn submitted(member: Member) -> Paged {
    prove_second(&member).await?;
    let (app, origin, caller) = (member.app(), &member.visit.call.origin, &member.caller);
    let current = member.given("current").unwrap_or_default();
    let new = member.given("password").unwrap_or_default();
    match new_password::change(app, origin, caller, current, new).await {
        Ok(()) => Ok(member.done(Notice::PasswordChanged, security::PATH)),
        Err(AuthError::WrongCredentials) => {
            Ok(page(&member, Some(Problem::WrongPassword), &[], None))
        }
        Err(AuthError::Invalid(problems)) => {
            let score = weigh(&member, new).await?;
            Ok(page(&member, None, &problems, Some(score.max(1))))
        }
        Err(reason) => match Problem::of(&reason) {
            Some(problem) => Ok(page(&member, Some(problem), &[], None)),
            None => member.after(Err(reason)).await,
        },
    }
}

async fn weigh(member: &Member, password: &str) -> Result<u8, AuthError> {
    let user = &member.caller.user;
    password::weigh_aside(member.app(), password, &[&user.email, &user.name]).await
}

/// POST /account/password/strength: how hard a password is to guess, for the script of the page.
async fn strength(call: Call) -> Response {
    member::submitted(call, |member| async move {
        let (app, user_id) = (member.app(), member.caller.user.id);
        throttle::count_weighing(app, user_id, member.now).await?;
        let score = weigh(&member, member.given("password").unwrap_or_default()).await?;
        let headers = [(header::CACHE_CONTROL, "no-store")];
        Ok((StatusCode::OK, headers, Json(json!({ "score": score }))).into_response())
    })
    .await
}
