//! /device_authorization and /device (RFC 8628).

use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{answer, call::Call};
use crate::{
    app::App,
    auth::browser::{self, BrowserSession},
    http::{
        cookies,
        pages::{
            answer as page,
            views::{
                ClientCard, DeviceCode, DeviceConfirm, DeviceDone, Form, Look, Person, Problem,
            },
        },
        route::{Credential, Route, get, post},
    },
    oauth::{
        OAuthError, OAuthResult, client_auth,
        device::{self, Asked, Begun},
        params::Params,
    },
};

const PATH: &str = "/device";
const AUTHORIZATION: &str = "/device_authorization";

/// The rows.
pub fn routes() -> Vec<Route> {
    let rail = "/api/v1/oauth2/device_authorization";
    let begin = |path| post(path, Credential::Anybody, authorize);
    vec![
        begin(AUTHORIZATION),
        begin(rail),
        get(PATH, Credential::Anybody, show),
        post(PATH, Credential::Form, submit),
    ]
}

/// POST /device_authorization
async fn authorize(call: Call) -> Response {
    answer::end(begin(&call).await)
}

async fn begin(call: &Call) -> OAuthResult<Response> {
    let Call { app, origin, .. } = call;
    let params = call.params()?;
    let authorization = call.authorization()?;
    let client =
        client_auth::authenticate(app, origin, authorization, &params, AUTHORIZATION).await?;
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

/// What a browser says, on the page for devices.
struct Visit {
    call: Call,
    look: Look,
    /// The code, as it was typed.
    typed: String,
}

impl Visit {
    fn new(call: Call, params: &Params) -> Self {
        let look = Look::of(&call.headers, &[]);
        let typed = params.get("user_code").unwrap_or_default().to_owned();
        Self { call, look, typed }
    }

    /// Whoever is signed in here.
    async fn person(&self) -> OAuthResult<Option<BrowserSession>> {
        let app = &self.call.app;
        let held = cookies::read(app, &self.call.headers, cookies::SESSION);
        Ok(browser::read(app, held).await?.sessions.into_iter().next())
    }

    /// What the code stands for.
    async fn asked(&self, person: &BrowserSession) -> OAuthResult<Option<Asked>> {
        let Call { app, origin, .. } = &self.call;
        device::find(app, origin, person, &self.typed, app.clock.now()).await
    }

    async fn show(&self) -> OAuthResult<Response> {
        let Some(person) = self.person().await? else { return Ok(self.sign_in()) };
        if self.typed.is_empty() {
            return Ok(self.ask(None));
        }
        Ok(match self.asked(&person).await? {
            Some(asked) => self.confirm(&person, &asked),
            None => self.ask(Some(Problem::UnknownDevice)),
        })
    }

    async fn decide(&self, decision: Option<&str>) -> OAuthResult<Response> {
        let Call { app, origin, headers, .. } = &self.call;
        if !page::is_same_origin(app, headers) {
            return Err(OAuthError::request("the form was sent from elsewhere"));
        }
        let is_allowed = match decision {
            Some("allow") => true,
            Some("deny") => false,
            // A code: what it stands for is shown by a GET.
            _ => return Ok(Redirect::to(&here(&self.typed)).into_response()),
        };
        let Some(person) = self.person().await? else { return Ok(self.sign_in()) };
        if let Some(asked) = self.asked(&person).await?
            && device::decide(app, origin, &person, &asked, is_allowed, app.clock.now()).await?
        {
            return Ok(page::page(StatusCode::OK, &DeviceDone { look: &self.look, is_allowed }));
        }
        Ok(self.ask(Some(Problem::UnknownDevice)))
    }

    fn sign_in(&self) -> Response {
        Redirect::to(&sign_in(&self.typed)).into_response()
    }

    /// The form for the code, shown again where there is a problem.
    fn ask(&self, problem: Option<Problem>) -> Response {
        let form = Form { action: PATH, ..Form::default() };
        let status = problem.map_or(StatusCode::OK, Problem::status);
        let view = DeviceCode { look: &self.look, form, user_code: &self.typed, problem };
        page::page(status, &view)
    }

    fn confirm(&self, person: &BrowserSession, asked: &Asked) -> Response {
        let user_code = asked.user_code();
        let elsewhere = sign_in(&user_code);
        let view = DeviceConfirm {
            look: &self.look,
            form: Form { action: PATH, hidden: vec![("user_code", &user_code)], leads_to: None },
            client: ClientCard::of(&asked.client, None),
            who: Person {
                name: &person.user.name,
                address: &person.user.email,
                not_you: Some(&elsewhere),
            },
            user_code: &user_code,
            scopes: asked.grant.scope.split_whitespace().collect(),
        };
        page::page(StatusCode::OK, &view)
    }

    fn end(self, result: OAuthResult<Response>) -> Response {
        match result {
            Ok(response) => response,
            Err(OAuthError::TooMany { retry_after }) => {
                self.ask(Some(Problem::TooMany { retry_after }))
            }
            Err(reason) => answer::error_page(&self.look, &self.call.origin.request_id, &reason),
        }
    }
}

/// GET /device
async fn show(call: Call) -> Response {
    let params = Params::parse(&call.query);
    let visit = Visit::new(call, &params);
    let shown = visit.show().await;
    visit.end(shown)
}

/// POST /device: a code; or what was said to it.
async fn submit(call: Call) -> Response {
    let read = call.params();
    let params = read.as_ref().cloned().unwrap_or_default();
    let visit = Visit::new(call, &params);
    let decided = match read {
        Ok(_) => visit.decide(params.get("decision")).await,
        Err(reason) => Err(reason),
    };
    visit.end(decided)
}

fn here(user_code: &str) -> String {
    if user_code.is_empty() {
        return PATH.to_owned();
    }
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("user_code", user_code)
        .finish();
    format!("{PATH}?{query}")
}

/// Where somebody signs in, and comes back from.
fn sign_in(user_code: &str) -> String {
    let to = form_urlencoded::Serializer::new(String::new())
        .append_pair("to", &here(user_code))
        .finish();
    format!("/login?{to}")
}
