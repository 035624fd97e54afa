//! `?wait=edges`: the answer to a call that ended something comes when every live edge knows of it.
//!
//! What a call writes is durable before it is answered, and reaches the edges within milliseconds.
//! This is for callers who want to know that it has.

use std::{collections::HashSet, sync::Arc, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::app::App;

/// How long a call waits at most.
const LIMIT: Duration = Duration::from_secs(2);
/// Answers that are larger, bytes, are none to a call that ended something.
const LARGEST: usize = 256 * 1024;

/// What [`for_edges`] knows.
#[derive(Clone)]
pub struct Waiting {
    app: Arc<App>,
    /// The calls that may wait: method and address.
    calls: Arc<HashSet<(Method, String)>>,
}

impl Waiting {
    /// For calls of these methods and addresses.
    pub fn new(app: Arc<App>, calls: impl IntoIterator<Item = (Method, String)>) -> Self {
        Self { app, calls: Arc::new(calls.into_iter().collect()) }
    }

    fn is_asked(&self, request: &Request) -> bool {
        let route = || request.extensions().get::<MatchedPath>();
        let may = |route: &MatchedPath| {
            self.calls.contains(&(request.method().clone(), route.as_str().to_owned()))
        };
        request.uri().query().is_some_and(asks) && route().is_some_and(may)
    }
}

/// Waits where that is asked for, and what was to be ended has. With an edge that is behind after
/// [`LIMIT`] the answer is 202, and `edgesBehind`, in `data` where there is that, names it.
pub async fn for_edges(State(waiting): State<Waiting>, request: Request, next: Next) -> Response {
    let is_asked = waiting.is_asked(&request);
    let response = next.run(request).await;
    if !is_asked || response.status() != StatusCode::OK {
        return response;
    }
    let app = &waiting.app;
    // What the call wrote is in it; what others wrote meanwhile does no harm.
    let behind = match app.identity.feed_head().await {
        Ok((_, seq)) => app.feed.behind(seq, LIMIT).await,
        Err(error) => Err(error),
    };
    match behind {
        Ok(behind) if behind.is_empty() => response,
        Ok(behind) => accepted(response, json!(behind)).await,
        // It is done, and nobody can say who knows.
        Err(_) => accepted(response, Value::Null).await,
    }
}

fn asks(query: &str) -> bool {
    query.split('&').any(|parameter| parameter == "wait=edges")
}

/// The answer as 202, with the names of those that are behind.
async fn accepted(response: Response, behind: Value) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.status = StatusCode::ACCEPTED;
    parts.headers.remove(header::CONTENT_LENGTH);
    let bytes = to_bytes(body, LARGEST).await.unwrap_or_default();
    let mut answer = match serde_json::from_slice(&bytes) {
        Ok(Value::Object(answer)) => answer,
        _ => Map::new(),
    };
    match answer.get_mut("data") {
        Some(Value::Object(data)) => {
            data.insert("edgesBehind".to_owned(), behind);
        }
        _ => {
            // Not in the envelope.
            answer.insert("edgesBehind".to_owned(), behind);
        }
    }
    let json = HeaderValue::from_static("application/json");
    parts.headers.insert(header::CONTENT_TYPE, json);
    let body = Body::from(Value::Object(answer).to_string());
    Response::from_parts(parts, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_waits_where_it_says_so() {
        assert!(asks("wait=edges"));
        assert!(asks("a=b&wait=edges"));
        for query in ["", "wait", "wait=edge", "wait=edges2", "xwait=edges"] {
            assert!(!asks(query), "{query}");
        }
    }
}
