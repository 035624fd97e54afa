//! Ends mean ends: what was let in is closed when it may no longer be.

#![allow(clippy::unwrap_used)]

mod world;

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::{SinkExt, StreamExt};
use jwks::{
    cutoff::CutOffKind,
    feed::Change,
    policy::{OnStale, Require},
    site::SiteStatus,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};
use world::{HOST, PATIENCE, World, eventually, site};

/// A WebSocket that has echoed.
async fn socket(world: &World, token: &str) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(world.address()).await.unwrap();
    let mut request = format!("ws://{HOST}/ws").into_client_request().unwrap();
    let bearer = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    let opening = timeout(PATIENCE, client_async(request, stream));
    let (mut socket, _) = opening.await.expect("a WebSocket opens").unwrap();
    assert!(echoes(&mut socket).await);
    socket
}

async fn echoes(socket: &mut WebSocketStream<TcpStream>) -> bool {
    socket.send(Message::text("hello")).await.is_ok()
        && matches!(socket.next().await, Some(Ok(Message::Text(_))))
}

/// Waits until nothing comes any more.
async fn closed(socket: &mut WebSocketStream<TcpStream>) {
    let closing = async { while let Some(Ok(_)) = socket.next().await {} };
    timeout(PATIENCE, closing).await.expect("the WebSocket is closed");
}

/// An answer of which something has come.
async fn answer(world: &World, path: &str, token: &str, wanted: &str) -> TcpStream {
    let mut stream = TcpStream::connect(world.address()).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&read).contains(wanted) {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "closed at once");
        }
    };
    timeout(PATIENCE, reading).await.expect("the answer begins");
    stream
}

/// Waits until the stream ends, however.
async fn ends(stream: &mut TcpStream) {
    let ending = async {
        let mut buffer = [0; 4096];
        while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    };
    timeout(PATIENCE, ending).await.expect("the answer ends");
}

/// A token of this session.
fn token(world: &World, session: &str) -> String {
    let mut claims = world.issuer.claims();
    claims.sid = Some(session.into());
    world.issuer.token(&claims)
}

#[tokio::test]
async fn websockets_are_closed_at_once_when_their_session_ends_and_others_stay() {
    let world = World::start().await;
    let mut stays = socket(&world, &token(&world, "other")).await;
    for round in 0..5 {
        let session = format!("session-{round}");
        let token = token(&world, &session);
        let (mut one, mut two) = (socket(&world, &token).await, socket(&world, &token).await);
        world.feed.end(CutOffKind::Session, &session, world.clock.now());
        closed(&mut one).await;
        closed(&mut two).await;
    }
    assert!(echoes(&mut stays).await);
}

#[tokio::test]
async fn an_answer_that_was_long_in_coming_does_not_come_after_its_end() {
    let world = World::start().await;
    let token = token(&world, "session-1");
    let mut stream = TcpStream::connect(world.address()).await.unwrap();
    let request =
        format!("GET /slow HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    eventually("it is asked for", || world.upstream.heads().len() == 1).await;
    // Longer than short answers take.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let seq = world.feed.end(CutOffKind::Session, "session-1", world.clock.now());
    eventually("the edge knows", || world.feed.acked.load(Ordering::SeqCst) >= seq).await;
    world.upstream.go_on.notify_one();
    let mut read = Vec::new();
    let ending = stream.read_to_end(&mut read);
    let _ = timeout(PATIENCE, ending).await.expect("the answer ends");
    assert!(!String::from_utf8_lossy(&read).contains("200 OK"), "{read:?}");
}

#[tokio::test]
async fn an_upload_that_goes_on_and_on_is_closed_too() {
    let world = World::start().await;
    let token = token(&world, "session-1");
    let mut stream = TcpStream::connect(world.address()).await.unwrap();
    let request = format!(
        "POST /upload HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let seq = world.feed.end(CutOffKind::Session, "session-1", world.clock.now());
    eventually("the edge knows", || world.feed.acked.load(Ordering::SeqCst) >= seq).await;
    // Neither side says anything more.
    ends(&mut stream).await;
}

#[tokio::test]
async fn silent_events_and_downloads_are_closed_too() {
    let world = World::start().await;
    let token = token(&world, "session-1");
    let mut events = answer(&world, "/sse", &token, "data: one").await;
    let mut flowing = answer(&world, "/drip", &token, "drop").await;
    let mut silent = answer(&world, "/hang", &token, "xxxx").await;
    world.feed.end(CutOffKind::Session, "session-1", world.clock.now());
    for stream in [&mut events, &mut flowing, &mut silent] {
        ends(stream).await;
    }
}

#[tokio::test]
async fn a_policy_that_is_tightened_and_a_site_that_is_switched_off_close_what_is_open() {
    let world = World::start().await;
    let token = token(&world, "session-1");
    let change = |version: u64, change: &dyn Fn(&mut jwks::site::Site)| {
        let mut site = site(world.upstream.address);
        site.version = version;
        change(&mut site);
        world.feed.push(Change::Site(Box::new(site)))
    };
    let known = async |seq| {
        eventually("the edge knows", || world.feed.acked.load(Ordering::SeqCst) == seq).await;
    };
    let mut open = socket(&world, &token).await;
    change(2, &|site| site.policy.require = Require::PhishingResistant);
    closed(&mut open).await;
    known(change(3, &|_| {})).await;
    let mut open = socket(&world, &token).await;
    change(4, &|site| site.status = SiteStatus::Inactive);
    closed(&mut open).await;
    known(change(5, &|_| {})).await;
    let mut open = socket(&world, &token).await;
    world.feed.push(Change::SiteRemoved("app".into()));
    closed(&mut open).await;
}

#[tokio::test]
async fn what_lapses_by_itself_is_closed_then() {
    let world = World::with_site(|site| {
        site.policy.max_auth_age = Some(600);
        site.policy.on_stale = OnStale::Allow;
    })
    .await;
    let mut claims = world.issuer.claims();
    let long = world.issuer.token(&claims);
    claims.exp = claims.iat + 300;
    let short = world.issuer.token(&claims);
    let mut with_long = socket(&world, &long).await;
    let mut with_short = socket(&world, &short).await;
    world.clock.advance(Duration::from_secs(290));
    assert!(echoes(&mut with_short).await);
    // Clocks may differ by ten seconds.
    world.clock.advance(Duration::from_secs(30));
    closed(&mut with_short).await;
    assert!(echoes(&mut with_long).await);
    world.clock.advance(Duration::from_secs(300));
    closed(&mut with_long).await;
}

#[tokio::test]
async fn a_view_that_becomes_too_old_closes_what_is_open() {
    let world = World::start().await;
    let mut open = socket(&world, &token(&world, "session-1")).await;
    world.feed.go_down().await;
    world.clock.advance(Duration::from_secs(290));
    assert!(echoes(&mut open).await);
    world.clock.advance(Duration::from_secs(20));
    closed(&mut open).await;
}
