//! Ends mean ends: what is open under a credential is closed with it; and who asks is told when every
//! edge knows.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tests::{World, browser::Browser, edge::DEMO, process::until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use super::{
    api_keys::{made, site_with_keys},
    sites::{open, site},
};
use crate::account::call;

const PATIENCE: Duration = Duration::from_secs(5);

type Socket = WebSocketStream<TcpStream>;

/// A WebSocket that has echoed, opened with this header field.
async fn socket(world: &World, host: &str, name: &'static str, value: &str) -> Socket {
    let port = world.edge().port();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut request = format!("ws://{host}:{port}/ws").into_client_request().unwrap();
    request.headers_mut().insert(name, value.parse().unwrap());
    let opening = timeout(PATIENCE, client_async(request, stream));
    let (mut socket, _) = opening.await.expect("a WebSocket opens").unwrap();
    assert!(echoes(&mut socket).await);
    socket
}

async fn echoes(socket: &mut Socket) -> bool {
    socket.send(Message::text("hello")).await.is_ok()
        && matches!(socket.next().await, Some(Ok(Message::Text(_))))
}

/// Waits until nothing comes any more.
async fn ends<T, E>(mut stream: impl StreamExt<Item = Result<T, E>> + Unpin) {
    let ending = async { while let Some(Ok(_)) = stream.next().await {} };
    timeout(PATIENCE, ending).await.expect("it ends");
}

#[tokio::test]
async fn a_websocket_ends_with_its_session_and_no_other_does() {
    let world = World::shared().await;
    let person = world.enrolled().await;
    let (ended, stays) =
        (world.sign_in(&person).await, world.sign_in_with_backup_code(&person).await);
    let bearer = |access: &str| format!("Bearer {access}");
    let first = socket(&world, DEMO, "authorization", &bearer(&ended.access)).await;
    let mut second = socket(&world, DEMO, "authorization", &bearer(&stays.access)).await;
    world.rail().post_as(&ended.access, "/logout?wait=edges", json!({})).await.expect(200);
    ends(first).await;
    assert!(echoes(&mut second).await);
}

#[tokio::test]
async fn a_websocket_ends_with_its_api_key() {
    let world = World::shared().await;
    site_with_keys(&world, "keyed-socket").await;
    let session = world.sign_in(&world.person().await).await;
    let made = made(&world, &session, "keyed-socket").await;
    let key = made["apiKey"].as_str().unwrap();
    let socket = socket(&world, "keyed-socket.localhost", "x-api-key", key).await;
    let path = format!("/api-keys/{}", made["id"].as_str().unwrap());
    call(&world.rail(), &session.access, "DELETE", &path).await.expect(200);
    ends(socket).await;
}

#[tokio::test]
async fn events_end_when_their_time_is_over() {
    let mut world = World::start().await;
    let session = world.sign_in(&world.enrolled().await).await;
    let request = world.edge().request("GET", DEMO, "/sse").bearer_auth(&session.access);
    let answer = request.header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut events = answer.bytes_stream();
    timeout(PATIENCE, events.next()).await.unwrap().unwrap().unwrap();
    world.advance(Duration::from_secs(2 * 3600));
    ends(events).await;
}

/// An app whose answer never ends.
async fn endless() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                let begin = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\
                    Transfer-Encoding: chunked\r\n\r\n";
                let mut sent = stream.write_all(begin).await;
                while sent.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    sent = stream.write_all(b"4\r\ndata\r\n").await;
                }
            });
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_download_ends_with_its_session() {
    let world = World::shared().await;
    let mut draft = site(&world, "download").await;
    draft["policy"] = json!({ "require": "signed_in", "first_party": true });
    draft["upstreams"] = json!([endless().await]);
    open(&world, &draft).await;
    let session = world.sign_in(&world.person().await).await;
    let request = world.edge().request("GET", "download.localhost", "/");
    let answer = request.bearer_auth(&session.access).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut body = answer.bytes_stream();
    timeout(PATIENCE, body.next()).await.unwrap().unwrap().unwrap();
    world.rail().post_as(&session.access, "/logout", json!({})).await.expect(200);
    ends(body).await;
}

#[tokio::test]
async fn who_waits_for_the_edges_is_told_which_are_behind() {
    let world = World::start().await;
    let session = world.sign_in(&world.enrolled().await).await;
    let asked = Instant::now();
    let answer = world.rail().post_as(&session.access, "/logout?wait=edges", json!({})).await;
    answer.expect(200);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    // At once, since the edge has said so.
    world.edge().demo(&session.access).await.expect(401);

    // An edge that follows and says nothing.
    let mute = world.signalbox(&["admin", "create-edge", "--name", "mute"]).await.json();
    let credential = mute["credential"].as_str().unwrap();
    let feed = format!("{}/feed", world.rail().address());
    let following = reqwest::Client::new().get(feed).bearer_auth(credential).send().await.unwrap();
    assert_eq!(following.status(), 200);
    let session = world.sign_in(&world.enrolled().await).await;
    let answer = world.rail().post_as(&session.access, "/logout?wait=edges", json!({})).await;
    let data = answer.data(202);
    assert_eq!((&data["loggedOut"], &data["edgesBehind"]), (&json!(true), &json!(["mute"])));
    world.edge().demo(&session.access).await.expect(401);
    // So it is where there is no envelope.
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    let given_back = client.post("/revoke?wait=edges", &[("token", &tokens.refresh)]).await;
    assert_eq!(given_back.expect(202).json(), json!({ "edgesBehind": ["mute"] }));
    let plainly = client.post("/revoke", &[("token", &tokens.refresh)]).await;
    assert_eq!(plainly.expect(200).json(), json!({}));
    let mailed = json!({ "email": person.email });
    world.rail().post("/forgot-password", mailed).await.expect(202);
    let token = world.mailed_token(&person.email).await;
    let new = json!({ "token": token, "password": "velvet harbour quince" });
    let data = world.rail().post("/reset-password?wait=edges", new).await.data(202);
    assert_eq!(data, json!({ "passwordChanged": true, "edgesBehind": ["mute"] }));
    // What ends nothing does not wait.
    let session = world.sign_in(&world.enrolled().await).await;
    let me = world.rail().call_as(&session.access, "GET", "/me?wait=edges").await;
    me.expect(200);
    drop(following);
}

#[tokio::test]
async fn an_ending_at_one_server_is_waited_for_at_the_edges_of_the_others() {
    let mut world = World::plan().replicas().start().await;
    let last = world.edge_count() - 1;
    let name = format!("edge-{last}");
    let end = async |world: &World, access: &str| {
        world.rail_of(0).post_as(access, "/logout?wait=edges", json!({})).await
    };
    let session = world.sign_in(&world.enrolled().await).await;
    until("the last edge knows the keys", PATIENCE, async || {
        (world.edge_of(last).demo(&session.access).await.status == 200).then_some(())
    })
    .await;
    end(&world, &session.access).await.expect(200);
    // At once, since that edge has said so, wherever it is connected.
    world.edge_of(last).demo(&session.access).await.expect(401);

    // An edge that hears nothing, of the last server.
    let session = world.sign_in(&world.enrolled().await).await;
    world.edge_node_of(last).process().signal("STOP");
    let answer = end(&world, &session.access).await;
    let data = answer.data(202);
    assert_eq!((&data["loggedOut"], &data["edgesBehind"]), (&json!(true), &json!([name])));
    world.edge_node_of(last).process().signal("CONT");

    // It comes back, and knows.
    until("no edge is behind", 2 * PATIENCE, async || {
        let other = world.sign_in(&world.enrolled().await).await;
        (end(&world, &other.access).await.status == 200).then_some(())
    })
    .await;
    world.edge_of(last).demo(&session.access).await.expect(401);

    // One that follows the last server and says nothing.
    let mute = world.signalbox(&["admin", "create-edge", "--name", "mute"]).await.json();
    let feed = world.rail_of(last).request_root("GET", "/feed");
    let following = feed.bearer_auth(mute["credential"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(following.status(), 200);
    let session = world.sign_in(&world.enrolled().await).await;
    let answer = end(&world, &session.access).await;
    assert_eq!(answer.data(202)["edgesBehind"], json!(["mute"]));
    drop(following);
}
