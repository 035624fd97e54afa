//! What a collector of traces receives: `cargo test -p server --features otel --test traces`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, routing::post};
use tokio::net::TcpListener;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A collector, and what it was sent: protobuf, in which texts and ids stand as they are.
struct Sink {
    address: String,
    received: Arc<Mutex<Vec<u8>>>,
}

impl Sink {
    async fn start() -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = received.clone();
        let keep = move |body: Bytes| async move { kept.lock().unwrap().extend_from_slice(&body) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let router = Router::new().route("/v1/traces", post(keep));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, received }
    }

    fn holds(&self, bytes: &[u8]) -> bool {
        self.received.lock().unwrap().windows(bytes.len()).any(|window| window == bytes)
    }
}

/// A server that is gone when the test is over.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(data: &str, sink: &Sink, settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_signalbox"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data", data])
            .env("SIGNALBOX__TELEMETRY__OTLP_URL", &sink.address)
            .envs(settings.iter().copied())
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("server  ").unwrap().to_owned();
        Self { child, address }
    }

    /// Asks it to end, and waits for that: by then its last spans have left.
    fn end(&mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn traced(settings: &[(&str, &str)]) -> Sink {
    let sink = Sink::start().await;
    let data = std::env::temp_dir().join(format!("signalbox-traces-{}", uuid::Uuid::new_v4()));
    let mut server = Server::start(data.to_str().unwrap(), &sink, settings);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client
        .get(format!("{}/health/live", server.address))
        .header("x-request-id", "the-id-of-a-traced-request")
        .header("traceparent", PARENT)
        .send()
        .await
        .unwrap();
    tokio::task::spawn_blocking(move || server.end()).await.unwrap();
    drop(std::fs::remove_dir_all(data));
    sink
}

fn trace_id() -> Vec<u8> {
    (0..16).map(|at| u8::from_str_radix(&TRACE[2 * at..2 * at + 2], 16).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_a_span_with_its_route_status_and_id() {
    let sink = traced(&[]).await;
    for text in [
        "http.route",
        "/health/live",
        "http.response.status_code",
        "request_id",
        "the-id-of-a-traced-request",
        "service.name",
        "signalbox",
    ] {
        assert!(sink.holds(text.as_bytes()), "{text}");
    }
    assert!(!sink.holds(&trace_id()), "a stranger wrote into a trace");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_names_the_trace_and_a_share_of_none_is_none() {
    let trusted = ("SIGNALBOX__SERVER__TRUSTED_PROXIES", "[\"127.0.0.0/8\"]");
    assert!(traced(&[trusted]).await.holds(&trace_id()));
    let sink = traced(&[("SIGNALBOX__TELEMETRY__SAMPLE_RATIO", "0")]).await;
    assert!(sink.received.lock().unwrap().is_empty());
}
