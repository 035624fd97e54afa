//! Health and figures, on a listener of their own.

use std::sync::Arc;

use async_trait::async_trait;
use http::{Method, Response, StatusCode, header};
use jwks::verdict_cache::VerdictCache;
use pingora::{apps::http_app::ServeHttp, protocols::http::ServerSession};
use serde_json::json;

use crate::{
    config::{self, Clock},
    holding::Held,
    metrics::Figures,
    reason::Reason,
};

/// What the admin listener serves.
pub struct Admin {
    /// What is known.
    pub held: Arc<Held>,
    /// The present instant.
    pub clock: Clock,
    /// The edge's figures.
    pub figures: Arc<Figures>,
    /// Tokens verified before.
    pub cache: Arc<VerdictCache>,
    /// The process's figures, as text.
    pub text: config::Figures,
}

#[async_trait]
impl ServeHttp for Admin {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let request = session.req_header();
        let is_head = request.method == Method::HEAD;
        let (status, kind, body) = if is_head || request.method == Method::GET {
            self.answer(request.uri.path())
        } else {
            error(Reason::Method(&[]))
        };
        let length = body.len();
        let mut response = Response::new(if is_head { Vec::new() } else { body.into_bytes() });
        *response.status_mut() = status;
        let fields = response.headers_mut();
        fields.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
        fields.insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
        fields.insert(header::CONTENT_LENGTH, length.into());
        response
    }
}

const JSON: &str = "application/json";

impl Admin {
    fn answer(&self, path: &str) -> (StatusCode, &'static str, String) {
        match path {
            "/health/live" => (StatusCode::OK, JSON, json!({ "status": "live" }).to_string()),
            "/health/ready" => self.ready(),
            "/metrics" => {
                self.note_state();
                (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", (self.text)())
            }
            _ => error(Reason::NoSuchPage),
        }
    }

    /// Ready: there is a view, and it is as fresh as the most demanding site wants it.
    fn ready(&self) -> (StatusCode, &'static str, String) {
        let holding = self.held.load();
        let Some(holding) = holding.as_ref() else {
            let body = json!({ "status": "not_ready", "missing": ["view"] });
            return (StatusCode::SERVICE_UNAVAILABLE, JSON, body.to_string());
        };
        let age = (self.clock)().since(self.held.confirmed_at());
        let tolerated = holding.tolerance_millis();
        let is_stale = tolerated.is_some_and(|tolerated| age.as_millis() > u128::from(tolerated));
        let (status, word, missing) = if is_stale {
            (StatusCode::SERVICE_UNAVAILABLE, "not_ready", vec!["fresh_view"])
        } else {
            (StatusCode::OK, "ready", vec![])
        };
        let body = json!({
            "status": word,
            "missing": missing,
            "feed_seq": holding.view.seq,
            "view_age_seconds": age.as_secs_f64(),
        });
        (status, JSON, body.to_string())
    }

    /// Figures that are kept elsewhere and only read here.
    fn note_state(&self) {
        let (hits, misses) = self.cache.counts();
        self.figures.token_cache(hits, misses);
        if let Some(holding) = self.held.load().as_ref() {
            self.figures.view(holding.view.seq, self.held.confirmed_at(), (self.clock)());
        }
    }
}

fn error(reason: Reason) -> (StatusCode, &'static str, String) {
    let (code, message) = reason.text();
    (reason.status(), JSON, json!({ "error": { "code": code, "message": message } }).to_string())
}
