//! The pictures of clients, which the server fetches and serves (rule 32).

use serde_json::{Value, json};
use tests::World;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// A server with one document at every path.
async fn serving(body: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/logo", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            drop(stream.read(&mut request).await);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            drop(stream.write_all(&[head.as_bytes(), body].concat()).await);
        }
    });
    address
}

async fn logo_path(world: &World, logo_uri: &str) -> String {
    let client = world
        .create_client(&json!({ "grant_types": ["client_credentials"], "logo_uri": logo_uri }))
        .await;
    format!("/clients/{}/logo", client["client_id"].as_str().unwrap())
}

#[tokio::test]
async fn a_clients_picture_is_fetched_by_the_server_and_runs_nothing() {
    let world = World::plan().set("outgoing.allow_private", "127.0.0.0/8").start().await;
    let picture = serving(b"GIF89a and more").await;
    let path = logo_path(&world, &picture).await;
    for _ in 0..2 {
        let answer = world.rail().root("GET", &path).await;
        assert_eq!(answer.expect(200).text, "GIF89a and more");
        assert_eq!(answer.header("content-type"), "image/gif");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'; sandbox");
    }
    for document in
        [&b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..], b"<script>alert(1)</script>"]
    {
        let path = logo_path(&world, &serving(document).await).await;
        world.rail().root("GET", &path).await.expect(404);
    }
    let large = serving(Box::leak(vec![0xff; 65 * 1024].into_boxed_slice())).await;
    world.rail().root("GET", &logo_path(&world, &large).await).await.expect(404);
}

#[tokio::test]
async fn no_picture_is_fetched_from_this_machine_unless_an_operator_says_so() {
    let world = World::shared().await;
    let path = logo_path(&world, &serving(b"GIF89a").await).await;
    world.rail().root("GET", &path).await.expect(404);
    let none = world.create_client(&json!({ "grant_types": ["client_credentials"] })).await;
    let none = format!("/clients/{}/logo", none["client_id"].as_str().unwrap());
    for path in [&none, "/clients/nobody/logo"] {
        let answer = world.rail().root("GET", path).await;
        assert_eq!(answer.expect(404).json()["error"], Value::from("not_found"));
    }
}
