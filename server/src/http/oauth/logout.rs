//! /end_session (OpenID Connect RP-Initiated Logout 1.0) and /check_session (OpenID Connect Session
//! Management 1.0).

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, StatusCode, header};
use url::form_urlencoded;

use super::{answer, form};
use crate::{
    app::App,
    auth::{
        browser::{self, Browser},
        origin::Origin,
    },
    http::{
        cookies,
        origin::origin,
        pages::{
            PAGES, answer as page,
            views::{ClientCard, Form, Look, Person, SignOut, SignedOut},
        },
        route::{Credential, Route, get, post},
    },
    oauth::{
        OAuthError, OAuthResult,
        end_session::{self, Ends, Judged, PARAMETERS},
        params::Params,
    },
};

const PATH: &str = "/end_session";
const CHECK_SESSION: &str = include_str!("../../../assets/check-session.html");
const CHECK_SESSION_SCRIPT: &str = include_str!("../../../assets/check-session.js");
/// The page may be framed by any client: it tells nothing but whether a hash fits.
const CHECK_SESSION_POLICY: &str =
    "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'";

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![
        get(PATH, Credential::Anybody, show),
        post(PATH, Credential::Form, submit),
        get("/check_session", Credential::Anybody, async || check_session()),
        get("/assets/check-session.js", Credential::Anybody, async || check_session_script()),
    ]
}

/// What a browser says, on a page of signing out.
struct Call {
    origin: Origin,
    look: Look,
    headers: HeaderMap,
    params: Params,
}

impl Call {
    fn new(app: &App, request: &Request, params: Params) -> Self {
        let headers = request.headers().clone();
        let locales = params.get("ui_locales").unwrap_or_default();
        let locales: Vec<String> = locales.split(' ').map(ToOwned::to_owned).collect();
        Self {
            origin: origin(app, &headers, request.extensions(), PAGES),
            look: Look::of(&headers, &locales),
            headers,
            params,
        }
    }

    fn refuse(&self, reason: &OAuthError) -> Response {
        answer::error_page(&self.look, &self.origin, reason)
    }
}

/// GET /end_session
async fn show(State(app): State<Arc<App>>, request: Request) -> Response {
    let params = Params::parse(request.uri().query().unwrap_or_default());
    let call = Call::new(&app, &request, params);
    end(&app, &call, false).await.unwrap_or_else(|reason| call.refuse(&reason))
}

/// POST /end_session: the answer to the question; or the request of a client, which may come this
/// way too. That is sent on as a GET: browsers send no cookie of ours with a form of another site.
async fn submit(State(app): State<Arc<App>>, request: Request) -> Response {
    let empty = Call::new(&app, &request, Params::default());
    let (parts, body) = request.into_parts();
    let params = match form::read(body).await {
        Ok(params) => params,
        Err(reason) => return empty.refuse(&reason),
    };
    let call = Call::new(&app, &Request::from_parts(parts, ().into()), params);
    let Some(decision) = call.params.get("decision") else {
        return Redirect::to(&format!("{PATH}?{}", query(&call.params))).into_response();
    };
    if !page::is_same_origin(&app, &call.headers) {
        return call.refuse(&OAuthError::request("the form is none of ours"));
    }
    if decision != "logout" {
        let (title, text) = (call.look.text("sign-out-stayed"), call.look.text("sign-out-stayed-text"));
        return page::message(StatusCode::OK, &title, &text);
    }
    end(&app, &call, true).await.unwrap_or_else(|reason| call.refuse(&reason))
}

/// Asks where that is needed and was not done yet; else signs out, and goes on.
async fn end(app: &App, call: &Call, is_confirmed: bool) -> OAuthResult<Response> {
    let held = cookies::read(app, &call.headers, cookies::SESSION);
    let browser = browser::read(app, held).await?;
    let judged = end_session::judge(app, &call.params, &browser).await?;
    if judged.ends == Ends::OnceConfirmed && !is_confirmed {
        return Ok(question(call, &browser, &judged));
    }
    let ended = end_session::sign_out(app, &call.origin, browser, judged.ends).await?;
    let (left, frames) = ended;
    let mut response = match &judged.onward {
        Some(onward) if frames.is_empty() => see_other(onward)?,
        onward => {
            let client = judged.client.as_deref().map_or("", |client| client.name());
            let continue_to = onward.as_deref().map(|onward| (onward, client));
            page::page(StatusCode::OK, &SignedOut { look: &call.look, frames, continue_to })
        }
    };
    cookies::set_session(app, response.headers_mut(), &left, app.clock.now());
    Ok(response)
}

fn question(call: &Call, browser: &Browser, judged: &Judged) -> Response {
    let hidden = PARAMETERS.iter().filter_map(|name| Some((*name, call.params.get(name)?)));
    let view = SignOut {
        look: &call.look,
        form: Form { action: PATH, hidden: hidden.collect(), leads_to: judged.onward.as_deref() },
        client: judged.client.as_deref().map(|client| ClientCard::of(client, None)),
        who: browser.current().map(|held| Person {
            name: &held.user.name,
            address: &held.user.email,
            not_you: None,
        }),
    };
    page::page(StatusCode::OK, &view)
}

/// Our parameters of a request, as a query.
fn query(params: &Params) -> String {
    let ours = params.iter().filter(|(name, _)| PARAMETERS.contains(name));
    form_urlencoded::Serializer::new(String::new()).extend_pairs(ours).finish()
}

/// GET /check_session
fn check_session() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, CHECK_SESSION_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, CHECK_SESSION).into_response()
}

fn check_session_script() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, CHECK_SESSION_SCRIPT).into_response()
}
