//! /end_session (OpenID Connect RP-Initiated Logout 1.0) and /check_session (OpenID Connect Session
//! Management 1.0).

use axum::response::{IntoResponse, Redirect, Response};
use http::{StatusCode, header};
use url::form_urlencoded;

use super::{answer, call::Call};
use crate::{
    auth::browser::{self, Browser},
    http::{
        cookies,
        pages::{
            answer as page,
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

/// GET /end_session
async fn show(call: Call) -> Response {
    let params = Params::parse(&call.query);
    respond(&call, &params, end(&call, &params, false).await)
}

/// POST /end_session: the answer to the question; or the request of a client, which may come this
/// way too. That is sent on as a GET: browsers send no cookie of ours with a form of another site.
async fn submit(call: Call) -> Response {
    let params = match call.params() {
        Ok(params) => params,
        Err(reason) => return respond(&call, &Params::default(), Err(reason)),
    };
    let result = match params.get("decision") {
        None => Ok(Redirect::to(&format!("{PATH}?{}", query(&params))).into_response()),
        Some(_) if !page::is_same_origin(&call.app, &call.headers) => {
            Err(OAuthError::request("the form was sent from elsewhere"))
        }
        Some("logout") => end(&call, &params, true).await,
        Some(_) => Ok(page::message(&look(&call, &params), StatusCode::OK, "sign-out-stayed")),
    };
    respond(&call, &params, result)
}

fn respond(call: &Call, params: &Params, result: OAuthResult<Response>) -> Response {
    result.unwrap_or_else(|reason| {
        answer::error_page(&look(call, params), &call.origin.request_id, &reason)
    })
}

fn look(call: &Call, params: &Params) -> Look {
    let locales = params.get("ui_locales").unwrap_or_default().split_whitespace();
    Look::of(&call.headers, &locales.map(ToOwned::to_owned).collect::<Vec<_>>())
}

/// Asks where that is needed and was not done yet; else signs out, and goes on.
async fn end(call: &Call, params: &Params, is_confirmed: bool) -> OAuthResult<Response> {
    let app = &call.app;
    let look = look(call, params);
    let browser = browser::read(app, cookies::read(app, &call.headers, cookies::SESSION)).await?;
    let judged = end_session::judge(app, params, &browser).await?;
    if judged.ends == Ends::OnceConfirmed && !is_confirmed {
        return Ok(question(&look, params, &browser, &judged));
    }
    let (left, frames) = end_session::sign_out(app, &call.origin, browser, judged.ends).await?;
    let mut response = match &judged.onward {
        Some(onward) if frames.is_empty() => Redirect::to(onward).into_response(),
        onward => {
            let client = judged.client.as_deref().map_or("", |client| client.name());
            let continue_to = onward.as_deref().map(|onward| (onward, client));
            page::page(StatusCode::OK, &SignedOut { look: &look, frames, continue_to })
        }
    };
    let (now, headers) = (app.clock.now(), response.headers_mut());
    for cookie in [cookies::set_session(app, &left, now), cookies::set_state(app, &left, now)] {
        headers.extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    }
    Ok(response)
}

fn question(look: &Look, params: &Params, browser: &Browser, judged: &Judged) -> Response {
    let hidden = PARAMETERS.iter().filter_map(|name| Some((*name, params.get(name)?)));
    let view = SignOut {
        look,
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
