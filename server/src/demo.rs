//! The demo site: shows what reached it. Stands behind the edge in `signalbox up`.

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use askama::Template;
use axum::{
    Json, Router,
    extract::{
        OriginalUri, WebSocketUpgrade,
        ws::{Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, Method, StatusCode, header},
    response::{
        Html, IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
    routing::any,
};
use futures_util::{Stream, stream};
use serde::Serialize;

/// Every path shows the request; `/ws` echoes a WebSocket, `/sse` sends an event each second.
pub fn router() -> Router {
    Router::new().route("/ws", any(ws)).route("/sse", any(sse)).fallback(show)
}

/// A request as it arrived.
#[derive(Serialize, Template)]
#[template(path = "demo.html")]
struct Seen {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
}

async fn show(method: Method, OriginalUri(uri): OriginalUri, headers: HeaderMap) -> Response {
    let mut seen = Seen {
        method: method.to_string(),
        path: uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: BTreeMap::new(),
    };
    for (name, value) in &headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        seen.headers
            .entry(name.to_string())
            .and_modify(|values| *values = format!("{values}, {value}"))
            .or_insert(value);
    }
    let for_people = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    if !for_people {
        return Json(seen).into_response();
    }
    match seen.render() {
        Ok(page) => {
            ([(header::CONTENT_SECURITY_POLICY, "default-src 'none'")], Html(page)).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the demo page cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn ws(
    method: Method,
    uri: OriginalUri,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    match upgrade {
        Ok(upgrade) => upgrade.on_upgrade(echo),
        Err(_) => show(method, uri, headers).await,
    }
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_) | Message::Binary(_))
            && socket.send(message).await.is_err()
        {
            return;
        }
    }
}

async fn sse() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let events = stream::unfold((ticks, 1_u64), |(mut ticks, number)| async move {
        ticks.tick().await;
        let event = Event::default().event("tick").id(number.to_string()).data(number.to_string());
        Some((Ok(event), (ticks, number + 1)))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use futures_util::StreamExt;
    use http::Request;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;

    async fn call(accept: Option<&str>) -> (String, String) {
        let mut request = Request::post("/a/b?c=d").header("X-Twice", "1").header("X-Twice", "<2>");
        if let Some(accept) = accept {
            request = request.header("Accept", accept);
        }
        let response = router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        (kind, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_program_sees_its_request_as_json() {
        for accept in [None, Some("*/*"), Some("application/json")] {
            let (kind, body) = call(accept).await;
            assert_eq!(kind, "application/json");
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!((&body["method"], &body["path"]), (&json!("POST"), &json!("/a/b?c=d")));
            assert_eq!(body["headers"]["x-twice"], "1, <2>");
        }
    }

    #[tokio::test]
    async fn a_browser_sees_a_page_in_which_nothing_runs() {
        let (kind, body) = call(Some("text/html,application/xhtml+xml")).await;
        assert!(kind.starts_with("text/html"), "{kind}");
        assert!(body.contains("POST /a/b?c=d") && !body.contains("<2>"), "{body}");
    }

    #[tokio::test]
    async fn events_come_one_by_one() {
        let request = Request::get("/sse").body(Body::empty()).unwrap();
        let response = router().oneshot(request).await.unwrap();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        let first = response.into_body().into_data_stream().next().await.unwrap().unwrap();
        let first = String::from_utf8(first.to_vec()).unwrap();
        assert!(first.contains("event: tick") && first.contains("data: 1"), "{first}");
    }
}
