//! /device_authorization and /device (RFC 8628).

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, StatusCode};
use serde_json::json;
use url::form_urlencoded;

use super::{answer, form};
use crate::{
    app::App,
    auth::{
        browser::{self, BrowserSession},
        origin::Origin,
    },
    http::{
        cookies,
        origin::origin,
        pages::{
            PAGES, answer as page,
            views::{ClientCard, DeviceCode, DeviceConfirm, DeviceDone, Form, Look, Person, Problem},
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
    let begin = |path| {
        post(path, Credential::Client, authorize)
    };
    vec![
        begin(AUTHORIZATION),
        begin(rail),
        get(PATH, Credential::Anybody, show),
        post(PATH, Credential::Form, submit),
    ]
}

/// POST /device_authorization
async fn authorize(State(app): State<Arc<App>>, request: Request) -> Response {
    let origin = origin(&app, request.headers(), request.extensions(), PAGES);
    let (parts, body) = request.into_parts();
    let begun = async {
        let params = form::read(body).await?;
        let authorization = form::authorization(&parts.headers)?;
        let client =
            client_auth::authenticate(&app, &origin, authorization, &params, AUTHORIZATION).await?;
        device::begin(&app, &origin, &client, &params, app.clock.now()).await
    };
    match begun.await {
        Ok(begun) => answer::json(StatusCode::OK, &told(&app, &begun)),
        Err(reason) => answer::error(&reason),
    }
}

/// RFC 8628 section 3.2.
fn told(app: &App, begun: &Begun) -> serde_json::Value {
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
struct Call {
    origin: Origin,
    look: Look,
    headers: HeaderMap,
    params: Params,
}

impl Call {
    fn new(app: &App, headers: HeaderMap, extensions: &http::Extensions, params: Params) -> Self {
        Self {
            origin: origin(app, &headers, extensions, PAGES),
            look: Look::of(&headers, &[]),
            headers,
            params,
        }
    }

    fn refuse(&self, reason: &OAuthError) -> Response {
        answer::error_page(&self.look, &self.origin, reason)
    }

    fn typed(&self) -> &str {
        self.params.get("user_code").unwrap_or_default()
    }

    /// Whoever is signed in here.
    async fn person(&self, app: &App) -> OAuthResult<Option<BrowserSession>> {
        let held = cookies::read(app, &self.headers, cookies::SESSION);
        Ok(browser::read(app, held).await?.sessions.into_iter().next())
    }

    /// The form for the code, shown again where there is a problem.
    fn ask(&self, problem: Option<Problem>) -> Response {
        let form = Form { action: PATH, ..Form::default() };
        let status = problem.map_or(StatusCode::OK, Problem::status);
        let user_code = self.typed();
        page::page(status, &DeviceCode { look: &self.look, form, user_code, problem })
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
            scopes: asked.grant.scope.split(' ').filter(|scope| !scope.is_empty()).collect(),
        };
        page::page(StatusCode::OK, &view)
    }

    fn problem(&self, reason: OAuthError) -> Response {
        match reason {
            OAuthError::TooMany { retry_after } => self.ask(Some(Problem::TooMany { retry_after })),
            reason => self.refuse(&reason),
        }
    }
}

/// GET /device
async fn show(State(app): State<Arc<App>>, request: Request) -> Response {
    let params = Params::parse(request.uri().query().unwrap_or_default());
    let (parts, _) = request.into_parts();
    let call = Call::new(&app, parts.headers, &parts.extensions, params);
    let shown = async {
        let Some(person) = call.person(&app).await? else {
            return Ok(Redirect::to(&sign_in(call.typed())).into_response());
        };
        if call.typed().is_empty() {
            return Ok(call.ask(None));
        }
        let now = app.clock.now();
        Ok(match device::find(&app, &call.origin, &person, call.typed(), now).await? {
            Some(asked) => call.confirm(&person, &asked),
            None => call.ask(Some(Problem::UnknownDevice)),
        })
    };
    shown.await.unwrap_or_else(|reason| call.problem(reason))
}

/// POST /device: a code, which is looked up by a GET; or what was said to it.
async fn submit(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let read = form::read(body).await;
    let params = read.as_ref().map_or_else(|_| Params::default(), Clone::clone);
    let call = Call::new(&app, parts.headers, &parts.extensions, params);
    let done = async {
        read?;
        if !page::is_same_origin(&app, &call.headers) {
            return Err(OAuthError::request("the form is none of ours"));
        }
        let is_allowed = match call.params.get("decision") {
            Some("allow") => true,
            Some("deny") => false,
            _ => return Ok(Redirect::to(&here(call.typed())).into_response()),
        };
        let Some(person) = call.person(&app).await? else {
            return Ok(Redirect::to(&sign_in(call.typed())).into_response());
        };
        let now = app.clock.now();
        let origin = &call.origin;
        if let Some(asked) = device::find(&app, origin, &person, call.typed(), now).await?
            && device::decide(&app, origin, &person, &asked, is_allowed, now).await?
        {
            return Ok(page::page(StatusCode::OK, &DeviceDone { look: &call.look, is_allowed }));
        }
        Ok(call.ask(Some(Problem::UnknownDevice)))
    };
    done.await.unwrap_or_else(|reason| call.problem(reason))
}

fn here(user_code: &str) -> String {
    if user_code.is_empty() {
        return PATH.to_owned();
    }
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("user_code", user_code).finish();
    format!("{PATH}?{query}")
}

/// Where somebody signs in, and comes back from.
fn sign_in(user_code: &str) -> String {
    let to = form_urlencoded::Serializer::new(String::new()).append_pair("to", &here(user_code)).finish();
    format!("/login?{to}")
}
