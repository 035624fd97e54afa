//! `/login`: user name and password, or a passkey.

use axum::response::{IntoResponse, Response};
use http::header;
use serde_json::{Value, json};

use super::{
    answer, forgot_password,
    views::{Problem, SignIn},
    visit::{Paged, Visit, end},
};
use crate::{
    auth::{
        login::{self, SignedIn},
        passkey,
    },
    http::{
        cookies,
        oauth::call::Call,
        route::{Credential, Route, get, post},
    },
    oauth::authorize::Step,
};

const PATH: &str = "/login";

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![
        get(PATH, Credential::Anybody, show),
        post(PATH, Credential::Form, submit),
        post("/login/passkey", Credential::Form, ask),
    ]
}

/// GET /login
async fn show(call: Call) -> Response {
    end(Visit::shown(call).await, shown).await
}

async fn shown(mut visit: Visit) -> Paged {
    let judgement = visit.judge().await?;
    let wants_another = visit.params.get("switch").is_some();
    let is_wanted = |step: &Step| matches!(step, Step::SignIn(_)) || wants_another;
    if judgement.as_ref().is_some_and(|judgement| !is_wanted(&judgement.step)) {
        return visit.go_on().await;
    }
    visit.brand(judgement.as_ref());
    let hint = visit.flow().and_then(|flow| flow.request.login_hint.clone());
    let problem = visit.params.get("over").map(|_| Problem::SignInOver);
    Ok(form(&visit, &hint.filter(|_| !wants_another).unwrap_or_default(), problem))
}

/// POST /login
async fn submit(call: Call) -> Response {
    // A password says more than a token of a form could: scripts that know one need no page first.
    end(Visit::posted(call).await, submitted).await
}

async fn submitted(mut visit: Visit) -> Paged {
    let judgement = visit.judge().await?;
    visit.brand(judgement.as_ref());
    let app = visit.call.app.clone();
    let given = |name: &str| visit.params.get(name).unwrap_or_default().to_owned();
    let credential = given("credential");
    if !credential.is_empty() {
        let site_key = judgement.and_then(|judgement| judgement.site).map(|site| site.site_key);
        return by_passkey(visit, &credential, site_key).await;
    }
    let (username, password) = (given("username"), given("password"));
    if username.is_empty() || password.is_empty() {
        return Ok(form(&visit, &username, Some(Problem::WrongCredentials)));
    }
    let headers = &visit.call.headers;
    let request = login::SignIn {
        login: username.clone(),
        password,
        remember: visit.params.get("remember").is_some(),
        site_key: judgement.and_then(|judgement| judgement.site).map(|site| site.site_key),
        device_token: cookies::read(&app, headers, cookies::DEVICE).map(str::to_owned),
        tenant_id: None,
        browser: Some(&visit.browser),
    };
    match login::sign_in(&app, &visit.call.origin, request).await {
        Ok(SignedIn::Whole(held)) => {
            visit.sign_in(held.browser()?, None).await?;
            visit.go_on().await
        }
        Ok(SignedIn::Half(half)) => Ok(visit.go_on_half(&half)),
        Err(reason) => match Problem::of(&reason) {
            Some(problem) => Ok(form(&visit, &username, Some(problem))),
            None => Err(reason.into()),
        },
    }
}

async fn by_passkey(mut visit: Visit, credential: &str, site_key: Option<String>) -> Paged {
    let app = visit.call.app.clone();
    let credential: Value = serde_json::from_str(credential).unwrap_or_default();
    let request = passkey::SignIn {
        credential: &credential,
        bound_to: &visit.csrf(),
        remember: visit.params.get("remember").is_some(),
        site_key,
        tenant_id: None,
        browser: Some(&visit.browser),
    };
    match passkey::sign_in(&app, &visit.call.origin, request).await {
        Ok(SignedIn::Whole(held)) => {
            visit.sign_in(held.browser()?, None).await?;
            visit.go_on().await
        }
        Ok(SignedIn::Half(half)) => Ok(visit.go_on_half(&half)),
        Err(reason) => match Problem::of_passkey(&reason) {
            Some(problem) => Ok(form(&visit, "", Some(problem))),
            None => Err(reason.into()),
        },
    }
}

/// POST /login/passkey: what the script of the page asks a passkey with. It is answered from this browser,
/// on this way, and no other.
async fn ask(call: Call) -> Response {
    end(Visit::submitted(call).await, asked).await
}

async fn asked(visit: Visit) -> Paged {
    let call = &visit.call;
    let asked = passkey::ask(&call.app, &call.origin, &visit.csrf()).await?;
    let answer = json!({ "publicKey": asked.options, "expiresIn": asked.expires_in });
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    Ok(visit.finish((headers, answer.to_string()).into_response()))
}

fn form(visit: &Visit, username: &str, problem: Option<Problem>) -> Response {
    let (csrf, forgot) = (visit.csrf(), visit.link(forgot_password::PATH));
    let view = SignIn {
        look: &visit.look,
        form: visit.form(PATH, &csrf, &[]),
        client: visit.client(),
        username,
        offers_passkeys: true,
        offers_remember: true,
        remembers: match visit.params.get("username") {
            Some(_) => visit.params.get("remember").is_some(),
            None => visit.browser.remembered_until().is_some(),
        },
        problem,
        forgot: &forgot,
    };
    visit.finish(answer::form(problem, &view))
}

#[cfg(test)]
mod tests;
