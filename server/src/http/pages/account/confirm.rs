//! `/account/confirm`: the password once more, of somebody who has no second factor, on the way to a
//! page where they change something.

use axum::response::Response;

use crate::{
    auth::{
        AuthError,
        mfa::{reauthenticate, require_proof_of},
    },
    http::{
        oauth::call::Call,
        pages::{
            answer,
            views::{ConfirmPassword, Person, Problem},
            visit::{Paged, Visit, end},
        },
        route::{Credential, Route, get, post},
    },
};

const PATH: &str = "/account/confirm";

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![get(PATH, Credential::Browser, show), post(PATH, Credential::Browser, submit)]
}

/// GET /account/confirm
async fn show(call: Call) -> Response {
    end(Visit::shown(call).await, shown).await
}

async fn shown(visit: Visit) -> Paged {
    let Some(held) = visit.browser.current() else {
        return Ok(visit.redirect(&visit.link("/login")));
    };
    let app = &visit.call.app;
    match require_proof_of(app, held, app.clock.now()).await {
        // Whoever has a second factor by now is asked for it there.
        Ok(_) => Ok(visit.redirect(visit.account_page().unwrap_or("/account"))),
        Err(AuthError::StepUpRequired { acr, .. }) if acr > jwks::policy::Level::OneFactor => {
            Ok(visit.redirect(&visit.link("/mfa")))
        }
        Err(AuthError::StepUpRequired { .. }) => Ok(page(&visit, None)),
        Err(reason) => Err(reason.into()),
    }
}

/// POST /account/confirm
async fn submit(call: Call) -> Response {
    end(Visit::submitted(call).await, submitted).await
}

async fn submitted(mut visit: Visit) -> Paged {
    if visit.params.get("cancel").is_some() {
        return visit.cancel();
    }
    let link = visit.link(PATH);
    // Whoever was shown the page: the password is not of somebody who signed in in another tab since.
    let held = visit
        .browser
        .current()
        .filter(|held| visit.params.get("account") == Some(held.user.id.to_string().as_str()));
    let Some(held) = held.cloned() else { return Ok(visit.redirect(&link)) };
    let password = visit.params.get("password").unwrap_or_default().to_owned();
    let call = &visit.call;
    match reauthenticate::reauthenticate_in_browser(&call.app, &call.origin, &held, &password).await
    {
        Ok(raised) => {
            visit.sign_in(raised, None).await?;
            Ok(visit.redirect(visit.account_page().unwrap_or("/account")))
        }
        // The session has ended, or a factor was added meanwhile.
        Err(AuthError::InvalidToken | AuthError::StepUpRequired { .. }) => {
            Ok(visit.redirect(&link))
        }
        Err(AuthError::WrongCredentials) => Ok(page(&visit, Some(Problem::WrongPassword))),
        Err(reason) => match Problem::of(&reason) {
            Some(problem) => Ok(page(&visit, Some(problem))),
            None => Err(reason.into()),
        },
    }
}

fn page(visit: &Visit, problem: Option<Problem>) -> Response {
    let (csrf, not_you) = (visit.csrf(), visit.not_you());
    let user = visit.browser.current().map(|held| &held.user);
    let account = user.map(|user| user.id.to_string()).unwrap_or_default();
    let (name, address) = user.map_or(("", ""), |user| (user.name.as_str(), user.email.as_str()));
    let view = ConfirmPassword {
        look: &visit.look,
        form: visit.form(PATH, &csrf, &[("account", &account)]),
        who: Person { name, address, not_you: Some(&not_you) },
        problem,
    };
    visit.finish(answer::form(problem, &view))
}
