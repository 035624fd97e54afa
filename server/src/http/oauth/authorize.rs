//! /authorize (RFC 6749 section 3.1, OpenID Connect Core section 3.1.2) and /par (RFC 9126).

use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use url::form_urlencoded;

use super::{answer, call::Call, response_mode};
use crate::{
    auth::browser,
    http::{
        cookies,
        pages::{views::Look, visit::page_of},
        route::{Credential, Route, get, post},
    },
    oauth::{
        OAuthError, OAuthResult,
        authorize::{self, Begun, Refusal},
        client_auth, par,
        params::Params,
    },
};

const PATH: &str = "/authorize";
const RAIL_PATH: &str = "/api/v1/oauth2/authorize";
/// The longest query that a browser is sent on with.
const QUERY_LIMIT: usize = 8 * 1024;

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![
        get(PATH, Credential::Anybody, show),
        post(PATH, Credential::Anybody, submit),
        get(RAIL_PATH, Credential::Anybody, show),
        post(RAIL_PATH, Credential::Anybody, submit),
        post("/par", Credential::Anybody, push),
        post("/api/v1/oauth2/par", Credential::Anybody, push),
    ]
}

/// GET /authorize
async fn show(call: Call) -> Response {
    match call.asked() {
        Ok(params) => respond(&call, &params).await,
        Err(reason) => answer::refused_page(&call, &reason),
    }
}

/// POST /authorize. From another site it is sent on as a GET: browsers send no cookie of ours with
/// such a form.
async fn submit(call: Call) -> Response {
    let params = match call.form() {
        Ok(params) => params,
        Err(reason) => return answer::refused_page(&call, &reason),
    };
    let query =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(params.iter()).finish();
    if query.len() > QUERY_LIMIT || !is_from_elsewhere(&call) {
        return respond(&call, &params).await;
    }
    Redirect::to(&format!("{PATH}?{query}")).into_response()
}

fn is_from_elsewhere(call: &Call) -> bool {
    let site = call.headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    !matches!(site, None | Some(b"same-origin" | b"none"))
}

async fn respond(call: &Call, params: &Params) -> Response {
    let app = &call.app;
    let held = cookies::read(app, &call.headers, cookies::SESSION);
    let browser = match browser::read(app, held).await {
        Ok(browser) => browser,
        Err(reason) => return on_page(call, params, &reason.into()),
    };
    match authorize::begin(app, &call.origin, params, &browser).await {
        Ok(Begun::Answered(answer)) => {
            let mut response = response_mode::answered(app, &look(call, params), &answer);
            let state = cookies::renew_state(app, &call.headers, &browser, app.clock.now());
            response.headers_mut().extend(state.map(|state| (header::SET_COOKIE, state)));
            response
        }
        Ok(Begun::Asks(flow, step)) => Redirect::to(&page_of(&flow, &step)).into_response(),
        Err(Refusal::Page(reason)) => on_page(call, params, &reason),
        Err(Refusal::Told(to, reason)) => {
            response_mode::refused(app, &look(call, params), &to, &reason)
        }
    }
}

fn on_page(call: &Call, params: &Params, reason: &OAuthError) -> Response {
    answer::error_page(&look(call, params), &call.origin.request_id, reason)
}

fn look(call: &Call, params: &Params) -> Look {
    let locales = params.get("ui_locales").unwrap_or_default().split_whitespace();
    Look::of(&call.headers, &locales.map(ToOwned::to_owned).collect::<Vec<_>>())
}

/// POST /par
async fn push(call: Call) -> Response {
    answer::end(try_push(&call).await)
}

async fn try_push(call: &Call) -> OAuthResult<Response> {
    let Call { app, origin, path, .. } = call;
    let params = call.params()?;
    let authorization = call.authorization()?;
    let client = client_auth::authenticate(app, origin, authorization, &params, path).await?;
    let pushed = par::push(app, origin, &client, &params).await?;
    let body = json!({
        "request_uri": pushed.request_uri,
        "expires_in": pushed.expires_in.as_secs(),
    });
    Ok(answer::json(StatusCode::CREATED, &body))
}
