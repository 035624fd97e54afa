//! `/setup`: the first admin, with password and authenticator in one form.

use std::sync::Arc;

use axum::{
    Form,
    extract::{FromRequest, Query, Request, State},
    response::Response,
};
use http::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    PAGES, answer,
    views::{Look, Setup, SetupDone},
};
use crate::{
    app::App,
    auth::{
        AuthError,
        setup::{self, FilledIn},
    },
    http::{BODY_LIMIT, BODY_TIME, origin::origin},
};

/// The token of a link.
#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    token: String,
}

/// What the form sends.
#[derive(Deserialize)]
struct Fields {
    token: String,
    email: String,
    name: String,
    password: String,
    sealed: String,
    code: String,
}

/// GET /setup?token=…
pub async fn show(
    State(app): State<Arc<App>>,
    Query(link): Query<Link>,
    request: Request,
) -> Response {
    let origin = origin(&app, request.headers(), request.extensions(), PAGES);
    let look = Look::of(request.headers(), &[]);
    match setup::form(&app, &link.token, None).await {
        Ok(form) => {
            let token = &link.token;
            let page =
                Setup { look: &look, token, form: &form, email: "", name: "", problems: &[] };
            answer::page(StatusCode::OK, &page)
        }
        Err(reason) => answer::error(&look, &origin.request_id, &reason),
    }
}

/// POST /setup
pub async fn submit(State(app): State<Arc<App>>, request: Request) -> Response {
    let origin = origin(&app, request.headers(), request.extensions(), PAGES);
    let look = Look::of(request.headers(), &[]);
    if !answer::is_same_origin(&app, request.headers()) {
        return answer::error(&look, &origin.request_id, &AuthError::Forbidden);
    }
    let Ok(Form(fields)) = read_form::<Fields>(request).await else {
        return answer::error(&look, &origin.request_id, &AuthError::InvalidToken);
    };
    let filled_in = FilledIn {
        token: fields.token.clone(),
        email: fields.email.clone(),
        name: fields.name.clone(),
        password: fields.password,
        sealed: fields.sealed.clone(),
        code: fields.code,
    };
    match setup::create(&app, &origin, filled_in).await {
        Ok(codes) => {
            let page = SetupDone { look: &look, email: &fields.email, codes: &codes };
            answer::page(StatusCode::OK, &page)
        }
        Err(AuthError::Invalid(problems)) => {
            match setup::form(&app, &fields.token, Some(&fields.sealed)).await {
                Ok(form) => answer::page(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    &Setup {
                        look: &look,
                        token: &fields.token,
                        form: &form,
                        email: &fields.email,
                        name: &fields.name,
                        problems: &problems,
                    },
                ),
                Err(reason) => answer::error(&look, &origin.request_id, &reason),
            }
        }
        Err(reason) => answer::error(&look, &origin.request_id, &reason),
    }
}

/// Reads a form of at most [`BODY_LIMIT`] bytes, within [`BODY_TIME`].
pub async fn read_form<T: DeserializeOwned>(request: Request) -> Result<Form<T>, ()> {
    let (parts, body) = request.into_parts();
    let read = axum::body::to_bytes(body, BODY_LIMIT);
    let bytes = tokio::time::timeout(BODY_TIME, read).await.map_err(|_| ())?.map_err(|_| ())?;
    let request = Request::from_parts(parts, axum::body::Body::from(bytes));
    let Form(form) = Form::<T>::from_request(request, &()).await.map_err(|_| ())?;
    Ok(Form(form))
}
