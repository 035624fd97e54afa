//! What happens to every request: an id, one line in the log, figures, and a wall against panics.

use std::{convert::Infallible, panic::AssertUnwindSafe, time::Instant};

use axum::{
    Router,
    extract::{FromRequestParts, MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use uuid::Uuid;

use crate::store::patience;

/// `X-Request-ID`.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, among its extensions: the caller's where it is plain, else a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub String);

impl RequestId {
    /// The caller's id if it is one header of 1 to 128 characters out of `A-Z a-z 0-9 . _ -`:
    /// it goes into logs and to upstreams as it is. Else a new one.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut given = headers.get_all(X_REQUEST_ID).iter();
        let one = match (given.next(), given.next()) {
            (Some(one), None) => one.to_str().ok(),
            _ => None,
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        match one {
            Some(id) if (1..=128).contains(&id.len()) && id.bytes().all(plain) => {
                Self(id.to_owned())
            }
            _ => Self(format!("req_{}", Uuid::new_v4().simple())),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self::of(&parts.headers)))
    }
}

/// Puts every route of `router`, and what no route matches, under observation.
pub fn observed(router: Router) -> Router {
    router.layer(middleware::from_fn(observe))
}

async fn observe(mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = RequestId::of(request.headers());
    let method = request.method().clone();
    // The route and never the address itself: that may hold a token.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    request.extensions_mut().insert(id.clone());

    let answering = patience::bounded(next.run(request));
    let mut response = match AssertUnwindSafe(answering).catch_unwind().await {
        Ok(response) => response,
        Err(_) => failure(&id),
    };
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }

    let (status, elapsed) = (response.status().as_u16(), began.elapsed());
    let labels = [
        ("route", route.clone()),
        ("method", known_method(method.as_str()).to_owned()),
        ("status", status.to_string()),
    ];
    metrics::counter!("signalbox_http_requests_total", &labels).increment(1);
    metrics::histogram!("signalbox_http_request_duration_seconds", &labels)
        .record(elapsed.as_secs_f64());
    tracing::info!(
        request_id = id.0,
        %method,
        route,
        status,
        elapsed_ms = elapsed.as_secs_f64() * 1000.0,
        "request"
    );
    response
}

/// A caller may invent methods, but not figures.
fn known_method(method: &str) -> &str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    if KNOWN.contains(&method) { method } else { "other" }
}

/// A panic is a 500 of its own request alone. Where it happened is in the log.
fn failure(id: &RequestId) -> Response {
    tracing::error!(request_id = id.0, "a handler panicked");
    let body = serde_json::json!({
        "error": { "code": "INTERNAL_ERROR", "message": "Something went wrong on our side." },
        "meta": {
            "requestId": id.0,
            "timestamp": jiff::Timestamp::now().to_string(),
        },
    });
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")],
        body.to_string(),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use axum::{Extension, body::Body, body::to_bytes, routing::get};
    use tower::ServiceExt;

    use super::*;

    fn id_of(values: &[&str]) -> RequestId {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(X_REQUEST_ID, HeaderValue::from_str(value).unwrap());
        }
        RequestId::of(&headers)
    }

    #[test]
    fn a_plain_id_is_kept_and_any_other_replaced() {
        let longest = "a".repeat(128);
        for kept in ["a", "req_1.2-3", &longest] {
            assert_eq!(id_of(&[kept]).0, kept);
        }
        for replaced in ["", " ", "a b", "a\"b", "a/b", &"a".repeat(129)] {
            let id = id_of(&[replaced]).0;
            assert!(id.starts_with("req_") && id.len() == 36, "{replaced:?} became {id}");
        }
        assert_ne!(id_of(&["a", "b"]).0, "a");
        assert_ne!(id_of(&[]), id_of(&[]));
    }

    async fn call(path: &str) -> Response {
        let router = Router::new()
            .route("/id", get(|Extension(id): Extension<RequestId>| async move { id.0 }))
            .route("/panic", get(|| async { panic!("on purpose") as &'static str }));
        let request = Request::get(path).header(X_REQUEST_ID, "mine").body(Body::empty()).unwrap();
        observed(router).oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn a_handler_and_its_caller_see_the_same_id() {
        let response = call("/id").await;
        assert_eq!(response.headers()[X_REQUEST_ID], "mine");
        assert_eq!(to_bytes(response.into_body(), 100).await.unwrap(), "mine");
        assert_eq!(call("/nowhere").await.headers()[X_REQUEST_ID], "mine");
    }

    #[tokio::test]
    async fn a_panic_is_a_500_that_tells_nothing() {
        let response = call("/panic").await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers()[X_REQUEST_ID], "mine");
        let body = to_bytes(response.into_body(), 1000).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains("mine") && !body.contains("on purpose"), "{body}");
    }
}
