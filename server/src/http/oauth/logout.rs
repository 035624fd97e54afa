//! /end_session (OpenID Connect RP-Initiated Logout 1.0) and /check_session (OpenID Connect Session
//! Management 1.0).

use axum::response::{IntoResponse, Redirect, Response};
use http::{StatusCode, header};
use url::form_urlencoded;

use super::{answer as oauth_answer, call::Call};
use crate::{
    auth::browser::BrowserSession,
    domain::client::Client,
    http::{
        pages::{
            answer as page,
            views::{ClientCard, Form, Look, Person, SignOut, SignedOut},
            visit::{Paged, Visit, end},
        },
        route::{Credential, Route, get, post},
    },
    oauth::{
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
        // A client may post its request; the answer to the question is a form of ours all the same.
        post(PATH, Credential::Anybody, submit),
        get("/check_session", Credential::Anybody, async || check_session()),
        get("/assets/check-session.js", Credential::Anybody, async || check_session_script()),
    ]
}

/// GET /end_session
async fn show(call: Call) -> Response {
    end(Visit::shown(call).await, shown).await
}

async fn shown(visit: Visit) -> Paged {
    sign_out(visit, false).await
}

/// POST /end_session: the answer to the question; or the request of a client, which may come this
/// way too. That is sent on as a GET: browsers send no cookie of ours with a form of another site.
async fn submit(call: Call) -> Response {
    let params = match call.form() {
        Ok(params) => params,
        Err(reason) => return oauth_answer::refused_page(&call, &reason),
    };
    if params.get("decision").is_none() {
        return Redirect::to(&format!("{PATH}?{}", query(&params))).into_response();
    }
    end(Visit::submitted(call).await, submitted).await
}

async fn submitted(mut visit: Visit) -> Paged {
    if visit.params.get("decision") == Some("logout") {
        return sign_out(visit, true).await;
    }
    speak(&mut visit);
    let page = page::message(&visit.look, StatusCode::OK, "sign-out-stayed");
    Ok(visit.finish(page))
}

/// In the language that the request asks for.
fn speak(visit: &mut Visit) {
    let locales = visit.params.get("ui_locales").unwrap_or_default().split_whitespace();
    let locales: Vec<String> = locales.map(ToOwned::to_owned).collect();
    visit.look = Look::of(&visit.call.headers, &locales);
}

/// Asks where that is needed and was not done yet; else signs out, and goes on.
async fn sign_out(mut visit: Visit, is_confirmed: bool) -> Paged {
    speak(&mut visit);
    let app = visit.call.app.clone();
    let judged = end_session::judge(&app, &visit.params, &visit.browser).await?;
    if judged.ends == Ends::OnceConfirmed && !is_confirmed {
        return Ok(question(&visit, &judged));
    }
    let browser = visit.browser.clone();
    let ended = end_session::sign_out(&app, &visit.call.origin, browser, judged.ends).await?;
    let (left, frames) = ended;
    let was: Vec<BrowserSession> = std::mem::take(&mut visit.browser).sessions;
    let is_left = |held: &&BrowserSession| left.find(held.session.sid).is_some();
    let response = match &judged.onward {
        Some(onward) if frames.is_empty() => Redirect::to(onward).into_response(),
        onward => {
            let client = judged.client.as_deref().map_or("", Client::name);
            let continue_to = onward.as_deref().map(|onward| (onward, client));
            let view = SignedOut {
                look: &visit.look,
                ended: was.iter().filter(|held| !is_left(held)).map(person).collect(),
                left: was.iter().filter(is_left).map(person).collect(),
                frames,
                continue_to,
            };
            page::page(StatusCode::OK, &view)
        }
    };
    visit.holds(left);
    Ok(visit.finish(response))
}

fn question(visit: &Visit, judged: &Judged) -> Response {
    let hidden = PARAMETERS.iter().filter_map(|name| Some((*name, visit.params.get(name)?)));
    let (csrf, hidden) = (visit.csrf(), hidden.collect::<Vec<_>>());
    let view = SignOut {
        look: &visit.look,
        form: Form { leads_to: judged.onward.as_deref(), ..visit.form(PATH, &csrf, &hidden) },
        client: judged.client.as_deref().map(ClientCard::of),
        people: visit.browser.sessions.iter().map(person).collect(),
    };
    visit.finish(page::page(StatusCode::OK, &view))
}

fn person(held: &BrowserSession) -> Person<'_> {
    Person { name: &held.user.name, address: &held.user.email, not_you: None }
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
