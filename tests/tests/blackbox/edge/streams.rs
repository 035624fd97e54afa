//! Long answers: WebSockets and server-sent events.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tests::{World, edge::DEMO};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

const PATIENCE: Duration = Duration::from_secs(5);

async fn connect(world: &World, token: &str) -> Result<WebSocketStream<TcpStream>, Error> {
    let port = world.edge().port();
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let mut request = format!("ws://{DEMO}:{port}/ws").into_client_request()?;
    let bearer = format!("Bearer {token}");
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    Ok(client_async(request, stream).await?.0)
}

#[tokio::test]
async fn a_websocket_goes_through_for_who_may_enter() {
    let world = World::shared().await;
    let token = world.sign_in(&world.enrolled().await).await.access;
    for _ in 0..20 {
        echoes(&world, &token).await.unwrap();
    }
}

async fn echoes(world: &World, token: &str) -> Result<(), Error> {
    let mut socket = connect(world, token).await?;
    for text in ["hello", "Ł", &"x".repeat(100_000)] {
        socket.send(Message::text(text)).await?;
        let echo =
            timeout(PATIENCE, socket.next()).await.unwrap().ok_or(Error::ConnectionClosed)?;
        assert_eq!(echo?, Message::text(text));
    }
    Ok(())
}

#[tokio::test]
async fn a_websocket_is_refused_as_any_request_is() {
    let world = World::shared().await;
    let one_factor = world.sign_in(&world.person().await).await.access;
    for token in [one_factor.as_str(), "nonsense"] {
        let Err(Error::Http(answer)) = connect(&world, token).await else {
            panic!("a WebSocket was opened")
        };
        assert_eq!(answer.status().as_u16(), 401);
    }
}

#[tokio::test]
async fn events_go_through_as_they_happen() {
    let world = World::shared().await;
    let token = world.sign_in(&world.enrolled().await).await.access;
    let request = world.edge().request("GET", DEMO, "/sse").bearer_auth(&token);
    let answer = request.header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut events = answer.bytes_stream();
    let mut text = String::new();
    while !(text.contains("data: 1") && text.contains("data: 2")) {
        let bytes = timeout(PATIENCE, events.next()).await.unwrap().unwrap().unwrap();
        text.push_str(std::str::from_utf8(&bytes).unwrap());
    }
}
