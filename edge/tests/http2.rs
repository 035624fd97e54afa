//! HTTP/2 on both sides: what passes through, and what an upstream of either kind gets of it.

#![allow(clippy::unwrap_used)]

mod world;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use h2::{Reason, RecvStream, client::SendRequest};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version, request::Parts};
use jwks::policy::Require;
use tokio::net::TcpListener;
use world::{HOST, PATIENCE, World, secure, values};

/// What an upstream of HTTP/2 was asked.
type Seen = Arc<Mutex<Vec<Parts>>>;

/// An upstream that speaks HTTP/2 without TLS, sends every part of a body back as it comes, and then
/// `grpc-status: 0` as a trailer.
async fn echoing() -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let noted = seen.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let seen = noted.clone();
            tokio::spawn(async move {
                let Ok(mut connection) = h2::server::handshake(stream).await else { return };
                while let Some(Ok((request, mut answer))) = connection.accept().await {
                    let seen = seen.clone();
                    tokio::spawn(async move {
                        let (parts, mut body) = request.into_parts();
                        seen.lock().unwrap().push(parts);
                        let head = Response::builder()
                            .header("content-type", "application/grpc")
                            .body(())
                            .unwrap();
                        let Ok(mut sender) = answer.send_response(head, false) else { return };
                        while let Some(Ok(part)) = body.data().await {
                            let _ = body.flow_control().release_capacity(part.len());
                            if sender.send_data(part, false).is_err() {
                                return;
                            }
                        }
                        let mut trailers = HeaderMap::new();
                        trailers.insert("grpc-status", "0".parse().unwrap());
                        let _ = sender.send_trailers(trailers);
                    });
                }
            });
        }
    });
    (address, seen)
}

fn request(method: Method, path: &str, token: &str) -> http::request::Builder {
    Request::builder()
        .version(Version::HTTP_2)
        .method(method)
        .uri(format!("https://{HOST}{path}"))
        .header("authorization", format!("Bearer {token}"))
}

async fn read(mut body: RecvStream) -> (Vec<u8>, Option<HeaderMap>) {
    let mut all = Vec::new();
    while let Some(Ok(part)) = body.data().await {
        let _ = body.flow_control().release_capacity(part.len());
        all.extend_from_slice(&part);
    }
    (all, body.trailers().await.unwrap_or(None))
}

async fn caller(world: &World) -> SendRequest<Bytes> {
    let certificate = secure::certificate(&world.data_dir.join("app.crt"));
    secure::h2(world.edge().tls_listen()[0], &certificate).await
}

#[tokio::test]
async fn a_call_of_grpc_streams_both_ways_and_ends_in_its_trailers() {
    let (upstream, seen) = echoing().await;
    let world =
        World::with(|site| site.upstreams = vec![format!("h2c://{upstream}")], secure::with_tls)
            .await;
    let mut caller = caller(&world).await;
    let request = request(Method::POST, "/chat.Chat/Talk", &world.issuer.good())
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("x-auth-user", "admin")
        .header("x_auth_user", "admin")
        .body(())
        .unwrap();
    let talk = async {
        let (answer, mut sender) = caller.send_request(request, false).unwrap();
        sender.send_data(Bytes::from_static(b"one"), false).unwrap();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let mut body = answer.into_body();
        assert_eq!(body.data().await.unwrap().unwrap(), "one");
        // The first part is back while the second has not been sent.
        sender.send_data(Bytes::from_static(b"two"), false).unwrap();
        assert_eq!(body.data().await.unwrap().unwrap(), "two");
        sender.send_data(Bytes::new(), true).unwrap();
        while body.data().await.is_some() {}
        body.trailers().await.unwrap().expect("trailers")
    };
    let trailers = tokio::time::timeout(PATIENCE, talk).await.unwrap();
    assert_eq!(trailers["grpc-status"], "0");
    let seen = seen.lock().unwrap();
    let head = &seen[0];
    assert_eq!(head.uri.path(), "/chat.Chat/Talk");
    assert_eq!(head.uri.authority().unwrap(), HOST);
    assert_eq!(head.headers["te"], "trailers");
    assert_eq!(head.headers["x-auth-user"], "user-1");
    assert_eq!(head.headers["x-forwarded-host"], HOST);
    assert_eq!(head.headers["x-forwarded-proto"], "https");
    assert!(
        !head.headers.contains_key("x_auth_user") && !head.headers.contains_key("authorization")
    );
}

#[tokio::test]
async fn a_caller_of_http1_reaches_an_upstream_of_http2() {
    let (upstream, seen) = echoing().await;
    let world = World::with_site(|site| site.upstreams = vec![format!("h2c://{upstream}")]).await;
    let answer = world
        .raw(format!(
            "POST /%61 HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {}\r\nContent-Length: 3\r\n\
             Connection: close, X-Named\r\nX-Named: secret\r\n\r\nabc",
            world.issuer.good()
        ))
        .await;
    assert_eq!(world::status(&answer), 200, "{answer}");
    assert!(answer.contains("abc"), "{answer}");
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].uri.path(), "/a");
    assert_eq!(seen[0].uri.authority().unwrap(), HOST);
    for gone in ["connection", "x-named", "host", "transfer-encoding", "authorization"] {
        assert!(!seen[0].headers.contains_key(gone), "{gone}");
    }
}

#[tokio::test]
async fn a_websocket_cannot_go_where_http2_alone_is_spoken() {
    let (upstream, _) = echoing().await;
    let world = World::with_site(|site| site.upstreams = vec![format!("h2c://{upstream}")]).await;
    let answer = world
        .raw(format!(
            "GET /ws HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            world.issuer.good()
        ))
        .await;
    assert_eq!(world::status(&answer), 501, "{answer}");
}

#[tokio::test]
async fn a_body_that_ends_in_an_empty_frame_ends_once_at_an_upstream_of_http1() {
    let world = World::with(|_| {}, secure::with_tls).await;
    let mut caller = caller(&world).await;
    let token = world.issuer.good();
    for n in 0..30 {
        let request = request(Method::POST, &format!("/{n}"), &token).body(()).unwrap();
        let (answer, mut sender) = caller.send_request(request, false).unwrap();
        sender.send_data(Bytes::from_static(b"abc"), false).unwrap();
        sender.send_data(Bytes::new(), true).unwrap();
        let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(read(answer.into_body()).await.0, b"ok");
        let seen = world.upstream.newest();
        assert!(seen.starts_with(&format!("POST /{n} HTTP/1.1\r\n")), "{seen}");
        assert!(seen.ends_with("\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), "{seen}");
        assert_eq!(values(&seen, "host"), [HOST]);
    }
    assert_eq!(world.upstream.heads().len(), 30);
}

#[tokio::test]
async fn a_path_is_made_canonical_and_keeps_its_host() {
    let world = World::with(|_| {}, secure::with_tls).await;
    let mut caller = caller(&world).await;
    let request = request(Method::GET, "/%61?b=%61", &world.issuer.good()).body(()).unwrap();
    let (answer, _) = caller.send_request(request, true).unwrap();
    assert_eq!(answer.await.unwrap().status(), StatusCode::OK);
    let seen = world.upstream.newest();
    assert!(seen.starts_with("GET /a?b=%61 HTTP/1.1\r\n"), "{seen}");
    assert_eq!(values(&seen, "host"), [HOST]);
    assert_eq!(values(&seen, "x-forwarded-host"), [HOST]);
    assert_eq!(values(&seen, "x-forwarded-proto"), ["https"]);
}

#[tokio::test]
async fn a_host_that_is_not_the_authority_is_refused() {
    let world = World::with(|site| site.policy.require = Require::Public, secure::with_tls).await;
    let mut caller = caller(&world).await;
    for (host, authority, expected) in [
        (HOST, HOST, Some(200)),
        ("other.test", HOST, None),
        (HOST, "other.test", None),
        ("app.test:8443", HOST, None),
    ] {
        let request = Request::builder()
            .version(Version::HTTP_2)
            .uri(format!("https://{authority}/"))
            .header("host", host)
            .body(())
            .unwrap();
        let (answer, _) = caller.send_request(request, true).unwrap();
        let found = match tokio::time::timeout(PATIENCE, answer).await.unwrap() {
            Ok(answer) => Some(answer.status().as_u16()),
            Err(error) => {
                assert_eq!(error.reason(), Some(Reason::PROTOCOL_ERROR), "{host} {authority}");
                None
            }
        };
        let is_refused = found.is_none() || found == Some(400);
        assert_eq!(is_refused, expected.is_none(), "{host} {authority}: {found:?}");
    }
    assert_eq!(world.upstream.heads().len(), 1);
}

#[tokio::test]
async fn an_unknown_authority_is_a_421_and_the_connection_goes_on() {
    let world = World::with(|_| {}, secure::with_tls).await;
    let mut caller = caller(&world).await;
    for (authority, expected) in [("other.test", 421), (HOST, 401), ("app.test:8443", 401)] {
        let request = Request::builder()
            .version(Version::HTTP_2)
            .uri(format!("https://{authority}/"))
            .body(())
            .unwrap();
        let (answer, _) = caller.send_request(request, true).unwrap();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status().as_u16(), expected, "{authority}");
        assert!(answer.headers().contains_key("x-signalbox-decision"));
    }
}

#[tokio::test]
async fn trailers_of_a_request_reach_no_upstream() {
    let (upstream, seen) = echoing().await;
    let world =
        World::with(|site| site.upstreams = vec![format!("h2c://{upstream}")], secure::with_tls)
            .await;
    let mut caller = caller(&world).await;
    let request = request(Method::POST, "/", &world.issuer.good()).body(()).unwrap();
    let (answer, mut sender) = caller.send_request(request, false).unwrap();
    sender.send_data(Bytes::from_static(b"abc"), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-auth-user", "admin".parse().unwrap());
    sender.send_trailers(trailers).unwrap();
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(read(answer.into_body()).await.0, b"abc");
    assert_eq!(seen.lock().unwrap()[0].headers["x-auth-user"], "user-1");
}
