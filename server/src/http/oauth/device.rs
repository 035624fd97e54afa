//! /device_authorization and /device (RFC 8628).

use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{answer, call::Call};
use crate::{
    app::App,
    auth::browser::BrowserSession,
    http::{
        pages::{
            answer as page,
            views::{ClientCard, DeviceCode, DeviceConfirm, DeviceDone, Person, Problem},
            visit::{Paged, Visit, Way, end},
        },
        route::{Credential, Route, get, post},
    },
    oauth::{
        OAuthError, OAuthResult,
        authorize::Step,
        client_auth,
        device::{self, Asked, Begun},
    },
};

const PATH: &str = "/device";

/// The rows.
pub fn routes() -> Vec<Route> {
    let begin = |path| post(path, Credential::Client, authorize);
    vec![
        begin("/device_authorization"),
        begin("/api/v1/oauth2/device_authorization"),
        get(PATH, Credential::Anybody, show),
        post(PATH, Credential::Form, submit),
    ]
}

/// POST /device_authorization
async fn authorize(call: Call) -> Response {
    answer::end(begin(&call).await)
}

async fn begin(call: &Call) -> OAuthResult<Response> {
    let Call { app, origin, path, .. } = call;
    let (params, authorization) = (call.params()?, call.authorization()?);
    let client = client_auth::authenticate(app, origin, authorization, &params, path).await?;
    let begun = device::begin(app, origin, &client, &params, app.clock.now()).await?;
    Ok(answer::json(StatusCode::OK, &told(app, &begun)))
}

/// RFC 8628 section 3.2.
fn told(app: &App, begun: &Begun) -> Value {
    let code = &begun.user_code;
    json!({
        "device_code": begun.device_code.as_str(),
        "user_code": code,
        "verification_uri": app.link(PATH),
        "verification_uri_complete": app.link(&format!("{PATH}?user_code={code}")),
        "expires_in": begun.expires_in.as_secs(),
        "interval": begun.interval.as_secs(),
    })
}

/// GET /device
async fn show(call: Call) -> Response {
    end(Visit::shown(call).await, shown).await
}

async fn shown(mut visit: Visit) -> Paged {
    // Whether a code is one is told to nobody who is not signed in.
    if typed(&visit).is_empty() {
        return Ok(ask(&visit, None));
    }
    let Some(person) = visit.browser.current().cloned() else { return Ok(sign_in(&visit)) };
    let asked = match find(&visit, &person).await? {
        Ok(asked) => asked,
        Err(problem) => return Ok(ask(&visit, Some(problem))),
    };
    if !matches!(asked.judgement.step, Step::Issue(_)) {
        return prove(visit).await;
    }
    visit.brand(Some(&asked.judgement));
    Ok(confirm(&visit, &person, &asked))
}

/// POST /device: a code, which is looked up by a GET; or what was said to it.
async fn submit(call: Call) -> Response {
    end(Visit::submitted(call).await, submitted).await
}

async fn submitted(visit: Visit) -> Paged {
    let is_allowed = match visit.params.get("decision") {
        Some("allow") => true,
        Some("deny") => false,
        _ => return Ok(visit.redirect(&here(typed(&visit)))),
    };
    let Some(person) = visit.browser.current() else { return Ok(sign_in(&visit)) };
    let asked = match find(&visit, person).await? {
        Ok(asked) => asked,
        Err(problem) => return Ok(ask(&visit, Some(problem))),
    };
    if is_allowed && !matches!(asked.judgement.step, Step::Issue(_)) {
        return prove(visit).await;
    }
    // Whoever was shown the page, and nobody who signed in in another tab since.
    if visit.params.get("account") != Some(person.session.sid.to_string().as_str()) {
        return Ok(confirm(&visit, person, &asked));
    }
    let Call { app, origin, .. } = &visit.call;
    if !device::decide(app, origin, person, &asked, is_allowed, app.clock.now()).await? {
        return Ok(ask(&visit, Some(Problem::UnknownDevice)));
    }
    Ok(visit.finish(page::page(StatusCode::OK, &DeviceDone { look: &visit.look, is_allowed })))
}

/// The code, as it was typed.
fn typed(visit: &Visit) -> &str {
    visit.params.get("user_code").unwrap_or_default()
}

/// What the code stands for, or why that is not told.
async fn find(visit: &Visit, person: &BrowserSession) -> OAuthResult<Result<Asked, Problem>> {
    let Call { app, origin, .. } = &visit.call;
    match device::find(app, origin, person, typed(visit), app.clock.now()).await {
        Ok(found) => Ok(found.ok_or(Problem::UnknownDevice)),
        Err(OAuthError::TooMany { retry_after }) => Ok(Err(Problem::TooMany { retry_after })),
        Err(reason) => Err(reason),
    }
}

/// The form for the code, shown again where there is a problem.
fn ask(visit: &Visit, problem: Option<Problem>) -> Response {
    let csrf = visit.csrf();
    let (look, form) = (&visit.look, visit.form(PATH, &csrf, &[]));
    let view = DeviceCode { look, form, user_code: typed(visit), problem };
    visit.finish(page::form(problem, &view))
}

fn confirm(visit: &Visit, person: &BrowserSession, asked: &Asked) -> Response {
    let (csrf, user_code) = (visit.csrf(), asked.user_code());
    let (sid, elsewhere) =
        (person.session.sid.to_string(), format!("{}&switch=1", login(&user_code)));
    let issuer = &visit.call.app.issuer;
    let places = asked.grant.resource.iter().filter(|resource| *resource != issuer);
    let view = DeviceConfirm {
        look: &visit.look,
        form: visit.form(PATH, &csrf, &[("user_code", &user_code), ("account", &sid)]),
        client: ClientCard::of(&asked.client),
        who: Person {
            name: &person.user.name,
            address: &person.user.email,
            not_you: Some(&elsewhere),
        },
        user_code: &user_code,
        scopes: asked.grant.scope.split_whitespace().collect(),
        audiences: places.map(String::as_str).collect(),
    };
    visit.finish(page::page(StatusCode::OK, &view))
}

/// Sends somebody on to prove more, and back here.
async fn prove(mut visit: Visit) -> Paged {
    visit.way = Way::Local(Some(here(typed(&visit))));
    visit.go_on().await
}

fn sign_in(visit: &Visit) -> Response {
    visit.redirect(&login(typed(visit)))
}

fn here(user_code: &str) -> String {
    if user_code.is_empty() {
        return PATH.to_owned();
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    format!("{PATH}?{}", query.append_pair("user_code", user_code).finish())
}

/// Where somebody signs in, and comes back from.
fn login(user_code: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    format!("/login?{}", query.append_pair("to", &here(user_code)).finish())
}
