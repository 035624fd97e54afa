//! The envelope, and the ONE table from a reason to its answer.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use jwks::policy::Method;
use serde_json::{Value, json};

use super::{body::BodyProblems, refusals::*};
use crate::{
    auth::{AuthError, error::FieldProblem, meter},
    http::{observe::RequestId, route::Refusal},
    store::StoreError,
};

/// `meta` of every answer.
fn meta(request_id: &str) -> Value {
    json!({ "requestId": request_id, "timestamp": jiff::Timestamp::now().to_string() })
}

/// A successful answer.
pub fn data(request_id: &str, status: StatusCode, data: Value) -> Response {
    respond(status, &json!({ "data": data, "meta": meta(request_id) }))
}

/// A page of a list that is here as a whole.
pub fn list(request_id: &str, items: Vec<Value>, page: usize, per_page: usize) -> Response {
    let total = items.len();
    let start = page.saturating_sub(1).saturating_mul(per_page);
    let items = items.into_iter().skip(start).take(per_page).collect();
    self::page(request_id, items, page, per_page, total)
}

/// A page of a list of `total` items.
pub fn page(
    request_id: &str,
    items: Vec<Value>,
    page: usize,
    per_page: usize,
    total: usize,
) -> Response {
    let start = page.saturating_sub(1).saturating_mul(per_page);
    let shown_to = start.saturating_add(items.len());
    respond(
        StatusCode::OK,
        &json!({
            "data": items,
            "meta": meta(request_id),
            "pagination": {
                "page": page,
                "perPage": per_page,
                "total": total,
                "totalPages": total.div_ceil(per_page),
                "hasMore": shown_to < total,
            },
        }),
    )
}

fn respond(status: StatusCode, body: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, body.to_string()).into_response()
}

/// Why a request is not answered: a reason of a use case, or of the transport.
#[derive(Debug)]
pub enum RailError {
    /// A use case said no.
    Auth(AuthError),
    /// The body's fields cannot be taken.
    Fields(BodyProblems),
    /// The body is larger than [`crate::http::BODY_LIMIT`].
    TooLarge,
    /// The body did not come within [`super::BODY_TIME`].
    TooSlow,
    /// The body is not declared as JSON.
    NotJson,
    /// No such route.
    NoRoute,
    /// The route has other methods.
    WrongMethod,
}

impl From<AuthError> for RailError {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

impl From<BodyProblems> for RailError {
    fn from(problems: BodyProblems) -> Self {
        Self::Fields(problems)
    }
}

/// One row of the table: status and code, and what is said.
struct Row {
    refusal: Refusal,
    message: String,
    details: Option<Value>,
    /// More members of the error object.
    more: Option<Value>,
    retry_after: Option<u64>,
}

impl Row {
    fn new(refusal: Refusal, message: impl Into<String>) -> Self {
        Self { refusal, message: message.into(), details: None, more: None, retry_after: None }
    }
}

/// Every reason, answered. No `_`: a new reason does not compile until it has its row.
fn row(error: &RailError) -> Row {
    let error = match error {
        RailError::Auth(error) => error,
        RailError::Fields(BodyProblems(problems)) => {
            let details = problems
                .iter()
                .map(|(field, message)| json!({ "field": field, "message": message }))
                .collect();
            return Row { details: Some(details), ..invalid_fields() };
        }
        RailError::TooLarge => {
            return Row::new(PAYLOAD_TOO_LARGE, "The body is larger than 16 KiB.");
        }
        RailError::TooSlow => {
            return Row::new(REQUEST_TIMEOUT, "The body did not come in time; send it again.");
        }
        RailError::NotJson => {
            return Row::new(
                UNSUPPORTED_MEDIA_TYPE,
                "Send the body as JSON, with Content-Type: application/json.",
            );
        }
        RailError::NoRoute => {
            return Row::new(NOT_FOUND, "There is no such endpoint.");
        }
        RailError::WrongMethod => {
            return Row::new(METHOD_NOT_ALLOWED, "This endpoint does not take this method.");
        }
    };
    match error {
        AuthError::Invalid(problems) => {
            Row { details: Some(problems.iter().map(detail).collect()), ..invalid_fields() }
        }
        AuthError::MethodNotOffered(offered) => {
            let names: Vec<&str> = offered.iter().copied().map(Method::as_str).collect();
            let message = if names.is_empty() {
                "is not available; set up a factor first".to_owned()
            } else {
                format!("is not available here; available: {}", names.join(", "))
            };
            Row {
                details: Some(json!([{ "field": "method", "message": message }])),
                ..Row::new(VALIDATION_ERROR, "This method is not available; see details.")
            }
        }
        AuthError::WrongCredentials => {
            Row::new(INVALID_CREDENTIALS, "The mail address or the password is wrong.")
        }
        AuthError::AddressNotVerified => Row::new(
            EMAIL_NOT_VERIFIED,
            "Verify the mail address first: open the link that was sent there.",
        ),
        AuthError::NoCredential => {
            Row::new(UNAUTHORIZED, "Send an access token: Authorization: Bearer ….")
        }
        AuthError::InvalidToken => {
            Row::new(INVALID_TOKEN, "The token is unknown, spent, expired or revoked.")
        }
        AuthError::WrongCode => Row::new(INVALID_CODE, "The code is wrong, spent or expired."),
        AuthError::FactorLocked => Row::new(
            ACCOUNT_LOCKED,
            "This factor is locked after too many wrong codes; use another, or ask an administrator.",
        ),
        AuthError::TooMany { retry_after, .. } => Row {
            retry_after: Some(retry_after.as_secs().max(1)),
            ..Row::new(RATE_LIMITED, "Too many tries; wait a while.")
        },
        AuthError::StepUpRequired { acr, max_age } => Row {
            more: Some(json!({ "acrValues": [acr.acr()], "maxAge": max_age })),
            ..Row::new(
                STEP_UP_REQUIRED,
                "This needs a stronger or fresher proof: /mfa/verify, or /reauthenticate without a factor.",
            )
        },
        AuthError::Forbidden => Row::new(FORBIDDEN, "This is not allowed."),
        AuthError::NotFound => Row::new(NOT_FOUND, "There is no such thing."),
        AuthError::Conflict(what) => Row::new(CONFLICT, format!("Not done: {what}.")),
        AuthError::UnderWay => Row {
            retry_after: Some(1),
            ..Row::new(CONFLICT, "The same request is under way; ask again for its answer.")
        },
        AuthError::Busy | AuthError::Store(StoreError::Unavailable { .. }) => Row {
            retry_after: Some(1),
            ..Row::new(
                UNAVAILABLE,
                "The service is busy or waits for a store; try again in a moment.",
            )
        },
        AuthError::Store(StoreError::Broken { .. }) | AuthError::Internal(_) => {
            Row::new(INTERNAL_ERROR, "Something went wrong; the request id names it in the log.")
        }
    }
}

fn invalid_fields() -> Row {
    Row::new(VALIDATION_ERROR, "Some fields cannot be taken; see details.")
}

fn detail(problem: &FieldProblem) -> Value {
    json!({ "field": wire_name(problem.field), "message": problem.message })
}

/// The use cases' field names as this wire writes them.
pub fn wire_name(field: &str) -> String {
    let mut name = String::with_capacity(field.len());
    let mut upper = false;
    for c in field.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                name.extend(c.to_uppercase());
                upper = false;
            }
            c => name.push(c),
        }
    }
    name
}

/// Answers and logs an error, once.
pub fn error(request_id: &str, error: &RailError) -> Response {
    let row = row(error);
    let Refusal { status, code, .. } = row.refusal;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status.is_server_error() {
        tracing::error!(code, cause = ?error, "request failed");
    } else {
        tracing::info!(code, cause = ?error, "request refused");
    }
    let mut body = json!({ "code": code, "message": row.message });
    if let Some(details) = row.details {
        body["details"] = details;
    }
    if let Some(Value::Object(more)) = row.more {
        for (name, value) in more {
            body[name] = value;
        }
    }
    let mut response = respond(status, &json!({ "error": body, "meta": meta(request_id) }));
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = row.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Tells every caller who was counted what is left: of several budgets, the one with the least.
pub async fn metered(request: Request, next: Next) -> Response {
    let (mut response, tightest) = meter::metered(next.run(request)).await;
    if let Some(budget) = tightest {
        let headers = response.headers_mut();
        headers.insert("x-ratelimit-limit", HeaderValue::from(budget.limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(budget.remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(budget.reset.as_secs()));
    }
    response
}

/// 404 in the envelope.
pub async fn no_such_route(request_id: RequestId) -> Response {
    error(&request_id.0, &RailError::NoRoute)
}

/// 405 in the envelope.
pub async fn wrong_method(request_id: RequestId) -> Response {
    error(&request_id.0, &RailError::WrongMethod)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_names_are_written_in_camel_case() {
        assert_eq!(wire_name("site_key"), "siteKey");
        assert_eq!(wire_name("email"), "email");
    }
}
