//! The outbox: captured mail and SMS, on loopback and while no transport is set.

use std::{net::SocketAddr, sync::Arc};

use askama::Template;
use axum::{
    Json,
    extract::{ConnectInfo, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::route::{Credential, Surface, get};
use crate::{app::App, config::check::is_local, domain::instant::rfc3339, outbox::Captured};

/// Mail is somebody else's text: nothing of it runs, loads or sends.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `/dev/outbox`.
pub fn surface() -> Surface {
    Surface::new("Outbox", vec![get("/dev/outbox", Credential::Loopback, outbox)])
}

#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    format: String,
}

/// A captured message on the wire and on the page.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    channel: &'static str,
    to: String,
    subject: String,
    text: String,
    html: String,
    sent_at: String,
}

impl From<Captured> for Message {
    fn from(captured: Captured) -> Self {
        let sent_at = rfc3339(captured.sent_at);
        let Captured { channel, to, subject, text, html, .. } = captured;
        Self { channel, to, subject, text, html, sent_at }
    }
}

#[derive(Template)]
#[template(path = "outbox.html")]
struct Page {
    messages: Vec<Message>,
}

/// Whether the request was made to a name of this machine.
fn is_local_name(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match Url::parse(&format!("http://{host}")).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

async fn outbox(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Query(form): Query<Form>,
) -> Response {
    // A page that has its name point here, later, comes from loopback too: but by that name.
    let local =
        peer.ip().to_canonical().is_loopback() && is_local(&app.config) && is_local_name(&headers);
    if !local || !app.captures() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let messages: Vec<Message> = app.outbox.list().into_iter().map(Message::from).collect();
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    if form.format == "json" {
        return (headers, Json(messages)).into_response();
    }
    match (Page { messages }).render() {
        Ok(page) => (headers, Html(page)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the outbox page cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
