//! Attacks on the edge itself, byte by byte: what takes connections, memory or work, and what would
//! be read in two ways.

#![allow(clippy::unwrap_used)]

mod world;

use std::time::Duration;

use edge::EdgeConfig;
use jwks::policy::{Limits as Rates, Require};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;
use world::{HOST, PATIENCE, World, secure, status, values};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A literal field without indexing (RFC 7541 section 6.2.2), of names and values below 127 bytes.
fn field(name: &str, value: &str) -> Vec<u8> {
    let mut field = vec![0, u8::try_from(name.len()).unwrap()];
    field.extend(name.as_bytes());
    field.push(u8::try_from(value.len()).unwrap());
    field.extend(value.as_bytes());
    field
}

fn get() -> Vec<u8> {
    [(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/")]
        .iter()
        .flat_map(|(name, value)| field(name, value))
        .collect()
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// An HTTP/2 connection that has said hello.
async fn greeted(world: &World) -> TlsStream<TcpStream> {
    let certificate = secure::certificate(&world.data_dir.join("app.crt"));
    let address = world.edge().tls_listen()[0];
    let mut stream = secure::connect(address, HOST, &["h2"], &certificate).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    stream.write_all(&frame(4, 0, 0, &[])).await.unwrap();
    stream
}

/// Sends until the other side hangs up.
async fn flood(stream: TlsStream<TcpStream>, mut next: impl FnMut(u32) -> Vec<u8>) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let closed = tokio::spawn(async move {
        let mut buffer = vec![0; 65_536];
        while reader.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    });
    let flood = async {
        let mut count = 0;
        while !closed.is_finished() && writer.write_all(&next(count)).await.is_ok() {
            count += 1;
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, flood).await.expect("the edge hangs up");
}

fn secured(change: impl FnOnce(&mut EdgeConfig)) -> impl FnOnce(&mut EdgeConfig) {
    |config| {
        secure::with_tls(config);
        change(config);
    }
}

async fn still_serves(world: &World) {
    assert_eq!(status(&world.get_as("/", &world.issuer.good()).await), 200);
}

#[tokio::test]
async fn requests_that_are_opened_and_reset_end_the_connection() {
    let world = World::with(|site| site.policy.require = Require::Public, secured(|_| {})).await;
    let stream = greeted(&world).await;
    flood(stream, |n| {
        let stream = 2 * n + 1;
        let mut both = frame(HEADERS, END_HEADERS | END_STREAM, stream, &get());
        both.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        both
    })
    .await;
    still_serves(&world).await;
}

#[tokio::test]
async fn some_requests_that_are_opened_and_reset_end_nothing() {
    let world = World::with(|site| site.policy.require = Require::Public, secured(|_| {})).await;
    let certificate = secure::certificate(&world.data_dir.join("app.crt"));
    let mut caller = secure::h2(world.edge().tls_listen()[0], &certificate).await;
    let request = || http::Request::builder().uri(format!("https://{HOST}/")).body(()).unwrap();
    // The library of HTTP/2 takes twenty that were reset before anybody has looked at them.
    for _ in 0..15 {
        let (answer, mut sender) = caller.send_request(request(), false).unwrap();
        sender.send_reset(h2::Reason::CANCEL);
        drop(answer);
        caller = caller.ready().await.unwrap();
    }
    let (answer, _) = caller.send_request(request(), true).unwrap();
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_header_section_without_end_ends_the_connection() {
    let world = World::with(|_| {}, secured(|_| {})).await;
    let mut stream = greeted(&world).await;
    stream.write_all(&frame(HEADERS, END_STREAM, 1, &get())).await.unwrap();
    let part: Vec<u8> = (0..100).flat_map(|n| field(&format!("x-{n}"), &"a".repeat(100))).collect();
    flood(stream, |_| frame(CONTINUATION, 0, 1, &part)).await;
    still_serves(&world).await;
    assert_eq!(world.upstream.heads().len(), 1);
}

#[tokio::test]
async fn continuations_that_bring_nothing_end_the_connection() {
    let world = World::with(|_| {}, secured(|config| config.limits.frames = 20)).await;
    let mut stream = greeted(&world).await;
    stream.write_all(&frame(HEADERS, END_STREAM, 1, &get())).await.unwrap();
    flood(stream, |_| frame(CONTINUATION, 0, 1, &[])).await;
}

#[tokio::test]
async fn a_header_section_that_stops_is_cut_off() {
    let world =
        World::with(|_| {}, secured(|config| config.limits.head = Duration::from_secs(1))).await;
    let mut stream = greeted(&world).await;
    stream.write_all(&frame(HEADERS, END_STREAM, 1, &get())).await.unwrap();
    let mut buffer = Vec::new();
    let closed = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut buffer)).await;
    assert!(closed.is_ok(), "closed after a second");
}

#[tokio::test]
async fn pings_settings_and_empty_data_are_counted() {
    let world = World::with(|_| {}, secured(|config| config.limits.frames = 20)).await;
    for bytes in [frame(6, 0, 0, &[0; 8]), frame(4, 0, 0, &[]), frame(2, 0, 3, &[0; 5])] {
        flood(greeted(&world).await, |_| bytes.clone()).await;
    }
    still_serves(&world).await;
}

#[tokio::test]
async fn more_header_fields_than_are_accepted_are_refused_over_http2() {
    let world = World::with(|_| {}, secured(|_| {})).await;
    let certificate = secure::certificate(&world.data_dir.join("app.crt"));
    let mut caller = secure::h2(world.edge().tls_listen()[0], &certificate).await;
    for (count, size) in [(70, 1), (30, 1000)] {
        let mut request = http::Request::builder().uri(format!("https://{HOST}/"));
        for n in 0..count {
            request = request.header(format!("x-{n}"), "a".repeat(size));
        }
        let (answer, _) = caller.send_request(request.body(()).unwrap(), true).unwrap();
        let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap();
        assert_eq!(answer.unwrap().status(), 431, "{count} fields of {size}");
    }
}

#[tokio::test]
async fn more_requests_at_once_than_are_allowed_are_refused_and_the_rest_is_served() {
    let world = World::with(
        |site| site.policy.require = Require::Public,
        secured(|config| config.limits.streams = 5),
    )
    .await;
    let mut stream = greeted(&world).await;
    let slow: Vec<u8> =
        [(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/slow")]
            .iter()
            .flat_map(|(name, value)| field(name, value))
            .collect();
    for n in 0..8 {
        let opening = frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &slow);
        stream.write_all(&opening).await.unwrap();
    }
    let mut seen = Vec::new();
    let refused = async {
        let mut buffer = [0; 4096];
        loop {
            let read = stream.read(&mut buffer).await.unwrap();
            assert_ne!(read, 0, "the connection goes on");
            seen.extend_from_slice(&buffer[..read]);
            // REFUSED_STREAM (7), RFC 9113 section 7.
            let resets = seen
                .windows(13)
                .filter(|frame| {
                    frame[..5] == [0, 0, 4, RST_STREAM, 0] && frame[9..] == [0, 0, 0, 7]
                })
                .count();
            if resets == 3 {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("three are refused");
    for _ in 0..8 {
        world.upstream.go_on.notify_one();
    }
}

#[tokio::test]
async fn one_address_has_so_many_connections() {
    let world = World::with(|_| {}, |config| config.limits.connections = 3).await;
    let mut kept = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(world.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        kept.push(stream);
    }
    let closed = async {
        loop {
            let mut stream = TcpStream::connect(world.address()).await.unwrap();
            let _ = stream
                .write_all(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes())
                .await;
            let mut buffer = [0; 16];
            if stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                // The three before were not all there yet.
                continue;
            }
            return;
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.expect("the fourth is turned away");
    drop(kept);
    let served = async {
        loop {
            let mut stream = TcpStream::connect(world.address()).await.unwrap();
            let _ = stream
                .write_all(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes())
                .await;
            let mut buffer = [0; 16];
            if stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, served).await.expect("there is room again");
}

#[tokio::test]
async fn a_body_that_dribbles_in_is_cut_off() {
    let world =
        World::with(|_| {}, |config| config.limits.body_grace = Duration::from_secs(1)).await;
    let mut stream = TcpStream::connect(world.address()).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {}\r\nContent-Length: 100000\r\n\r\n",
        world.issuer.good()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let dribble = async {
        while writer.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    tokio::select! {
        () = dribble => {}
        closed = tokio::time::timeout(PATIENCE, reader.read_to_end(&mut answer)) => {
            // Bytes that come after the end may reset the connection.
            let _ = closed.expect("closed after the grace");
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    assert_eq!(status(&answer), 408, "{answer}");
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_cut_off() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    let broken_off = tokio::spawn(async move {
        // Of several connections, health checks among them, one is asked for the answer.
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 2048];
            if !stream.read(&mut head).await.is_ok_and(|read| read > 0) {
                continue;
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            let part = vec![b'a'; 65_536];
            while stream.write_all(&part).await.is_ok() {}
            return;
        }
    });
    let world = World::with(
        |site| site.upstreams = vec![format!("http://{place}")],
        |config| config.limits.write = Duration::from_secs(1),
    )
    .await;
    let mut stream = TcpStream::connect(world.address()).await.unwrap();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {}\r\n\r\n",
        world.issuer.good()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    tokio::time::timeout(PATIENCE, broken_off).await.expect("the upstream is let go").unwrap();
}

#[tokio::test]
async fn fields_that_connection_names_reach_no_upstream_and_cannot_remove_ours() {
    let world = World::start().await;
    let token = format!("Bearer {}", world.issuer.good());
    for (named, expected) in [
        ("X-Auth-User, X-Request-ID", 200),
        ("X-Auth-User, X-Forwarded-For", 400),
        ("x-auth-user,host", 400),
        ("X-Named, Authorization", 200),
        ("close, X-Auth-Roles, X-Named", 200),
    ] {
        let answer = world
            .raw(format!(
                "GET / HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: {token}\r\nX-Named: secret\r\n\
                 Connection: close\r\nConnection: {named}\r\n\r\n"
            ))
            .await;
        assert_eq!(status(&answer), expected, "{named}: {answer}");
        if expected != 200 {
            continue;
        }
        let seen = world.upstream.newest();
        assert_eq!(values(&seen, "x-auth-user"), ["user-1"], "{named}");
        assert_eq!(values(&seen, "x-forwarded-for"), ["127.0.0.1"], "{named}");
        assert_eq!(values(&seen, "host"), [HOST], "{named}");
        assert_eq!(values(&seen, "x-request-id").len(), 1, "{named}");
        assert_eq!(values(&seen, "x-named").is_empty(), named.contains("X-Named"), "{seen}");
        assert!(values(&seen, "authorization").is_empty(), "{named}");
    }
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let world = World::with_site(|site| {
        site.policy.limits = Rates { person: 2, ..Rates::default() };
    })
    .await;
    let token = world.issuer.good();
    assert_eq!(status(&world.get_as("/", &token).await), 200);
    assert_eq!(status(&world.get_as("/", &token).await), 200);
    let answer = world.get_as("/", &token).await;
    assert_eq!(status(&answer), 429, "{answer}");
    let wait: u64 = values(&answer, "retry-after")[0].parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert!(answer.contains("TOO_MANY_REQUESTS"));
    assert_eq!(values(&answer, "x-signalbox-decision").len(), 1);
    let mut other = world.issuer.claims();
    other.sub = "user-2".into();
    assert_eq!(status(&world.get_as("/", &world.issuer.token(&other)).await), 200);
    world.clock.advance(Duration::from_secs(wait));
    assert_eq!(status(&world.get_as("/", &token).await), 200);
    assert_eq!(world.upstream.heads().len(), 4);
}
