//! /token, /introspect, /revoke and /userinfo.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

use super::{answer, call::Call};
use crate::{
    http::route::{Credential, Route, get, options, post},
    oauth::{
        OAuthError, OAuthResult,
        grants::{self, Issued},
        introspection, revocation,
        userinfo::{self, Told},
    },
};

/// The rows: each at the root, as discovery says, and under the OAuth2 Rail.
pub fn routes() -> Vec<Route> {
    let at = |root, rail| [root, rail].into_iter();
    let token = at("/token", "/api/v1/oauth2/token").flat_map(|path| {
        [post(path, Credential::Client, token), options(path, Credential::Anybody, preflight)]
    });
    let introspection = at("/introspect", "/api/v1/oauth2/introspect")
        .map(|path| post(path, Credential::Client, introspect));
    let revocation = at("/revoke", "/api/v1/oauth2/revoke").flat_map(|path| {
        let ends = post(path, Credential::Client, revoke).ends();
        [ends, options(path, Credential::Anybody, preflight)]
    });
    let userinfo = at("/userinfo", "/api/v1/oauth2/userinfo").flat_map(|path| {
        [
            get(path, Credential::OpenIdToken, userinfo),
            post(path, Credential::OpenIdToken, userinfo),
            options(path, Credential::Anybody, preflight),
        ]
    });
    token.chain(introspection).chain(revocation).chain(userinfo).collect()
}

/// POST /token
async fn token(call: Call) -> Response {
    any_origin(answer::end(exchange(&call).await))
}

async fn exchange(call: &Call) -> OAuthResult<Response> {
    let Call { app, origin, path, .. } = call;
    let (params, authorization) = (call.params()?, call.authorization()?);
    let issued = grants::issue(app, origin.clone(), authorization, &params, path).await?;
    Ok(answer::json(StatusCode::OK, &issued_body(issued)))
}

/// RFC 6749 section 5.1. The scope is always said.
fn issued_body(issued: Issued) -> Value {
    let mut body = Map::new();
    body.insert("access_token".to_owned(), issued.access_token.into());
    body.insert("token_type".to_owned(), "Bearer".into());
    body.insert("expires_in".to_owned(), issued.expires_in.into());
    body.insert("scope".to_owned(), issued.scope.into());
    body.extend(issued.refresh_token.map(|token| ("refresh_token".to_owned(), token.into())));
    body.extend(issued.id_token.map(|token| ("id_token".to_owned(), token.into())));
    body.into()
}

/// POST /introspect
async fn introspect(call: Call) -> Response {
    let told = async {
        let Call { app, origin, path, .. } = &call;
        let (params, authorization) = (call.params()?, call.authorization()?);
        introspection::introspect(app, origin, authorization, &params, path).await
    };
    answer::end(told.await.map(|told| answer::json(StatusCode::OK, &told.into())))
}

/// POST /revoke
async fn revoke(call: Call) -> Response {
    let done = async {
        let Call { app, origin, path, .. } = &call;
        let (params, authorization) = (call.params()?, call.authorization()?);
        revocation::revoke(app, origin, authorization, &params, path).await
    };
    let done = done.await.map(|()| answer::json(StatusCode::OK, &Map::new().into()));
    any_origin(answer::end(done))
}

/// GET and POST /userinfo
async fn userinfo(call: Call) -> Response {
    any_origin(answer::end(tell(&call).await))
}

async fn tell(call: &Call) -> OAuthResult<Response> {
    let token = access_token(call)?;
    Ok(match userinfo::userinfo(&call.app, &token).await? {
        Told::Plain(claims) => answer::json(StatusCode::OK, &claims.into()),
        Told::Signed(jwt) => {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("application/jwt")),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            ];
            (headers, jwt).into_response()
        }
    })
}

/// The access token: in the header or in a form, in one of them alone, and never in the address (RFC
/// 6750 section 2; rule 7).
fn access_token(call: &Call) -> OAuthResult<String> {
    let header = call.bearer()?.map(ToOwned::to_owned);
    let form = if call.is_form() {
        call.params()?.get("access_token").map(ToOwned::to_owned)
    } else {
        None
    };
    match (header, form) {
        (Some(token), None) | (None, Some(token)) => Ok(token),
        (None, None) => Err(OAuthError::InvalidToken(None)),
        (Some(_), Some(_)) => Err(OAuthError::request("the access token comes in two ways")),
    }
}

/// OPTIONS: pages of other origins may ask here, with nothing of a browser's own.
async fn preflight() -> Response {
    const ALLOWED: [(HeaderName, HeaderValue); 3] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST")),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("authorization, content-type"),
        ),
        (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600")),
    ];
    any_origin((StatusCode::NO_CONTENT, ALLOWED).into_response())
}

/// Lets a page of any origin read the answer. No cookie counts at these endpoints, so none needs to be
/// kept from them.
fn any_origin(mut response: Response) -> Response {
    let any = HeaderValue::from_static("*");
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
    response
}
