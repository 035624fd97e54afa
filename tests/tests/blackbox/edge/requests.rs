//! Requests that can be read in more than one way.

use std::time::{Duration, Instant};

use tests::{World, edge::DEMO, raw};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

async fn answer(world: &World, request: &str) -> String {
    raw::exchange(world.edge().port(), request.as_bytes()).await
}

#[tokio::test]
async fn a_path_that_can_be_read_in_two_ways_is_refused() {
    let world = World::shared().await;
    let token = world.sign_in(&world.enrolled().await).await.access;
    for path in [
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a\\b",
        "/..",
        "/a/../b",
        "/a/..",
        "/./a",
        "/a/.",
        "/%2e%2e/a",
        "/%2e%2E/",
        "/.%2e/a",
        "/a/%2e/b",
        "/a;b",
        "/a;b=c/d",
        "/a%3bb",
        "/%252e%252e/a",
        "/a%252fb",
        "/a%25%32%66b",
        "//a",
        "/a//b",
        "/a%00",
        "/a%0d%0ab",
        "/a%zz",
        "/a%",
        "/a%2",
        "/a\u{7f}",
        "/é",
        "/a#b",
        "*",
        "a",
    ] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {DEMO}\r\nAuthorization: Bearer {token}\r\n\
             Connection: close\r\n\r\n"
        );
        let answer = answer(&world, &request).await;
        assert_eq!(raw::status(&answer), 400, "{path}: {answer}");
    }
}

#[tokio::test]
async fn the_path_that_is_judged_is_the_path_that_is_sent() {
    let world = World::shared().await;
    let token = world.sign_in(&world.enrolled().await).await.access;
    for (asked, sent) in [
        ("/%61dmin", "/admin"),
        ("/a%7eb?q=%2e%2e/;x", "/a~b?q=%2e%2e/;x"),
        ("/a%c3%a9", "/a%C3%A9"),
        ("/plain/path/", "/plain/path/"),
        (&format!("http://{DEMO}/absolute"), "/absolute"),
    ] {
        let request = format!(
            "GET {asked} HTTP/1.1\r\nHost: {DEMO}\r\nAuthorization: Bearer {token}\r\n\
             Connection: close\r\n\r\n"
        );
        let answer = answer(&world, &request).await;
        assert_eq!(raw::status(&answer), 200, "{asked}: {answer}");
        assert!(answer.contains(&format!("\"path\":\"{sent}\"")), "{asked}: {answer}");
    }
}

#[tokio::test]
async fn framing_that_can_be_read_in_two_ways_is_refused() {
    let world = World::shared().await;
    let token = world.sign_in(&world.enrolled().await).await.access;
    let head = format!("POST / HTTP/1.1\r\nHost: {DEMO}\r\nAuthorization: Bearer {token}\r\n");
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 5 5\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding:\u{b}chunked\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\n",
        "Host: other.localhost\r\n",
    ] {
        let request = format!("{head}{fields}\r\n0\r\n\r\n{smuggled}");
        let answer = answer(&world, &request).await;
        let shown = format!("{fields:?}: {answer}");
        assert!([0, 400].contains(&raw::status(&answer)), "{shown}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), answer.lines().take(1).count(), "{shown}");
        assert!(!answer.contains("/smuggled"), "{shown}");
    }
}

#[tokio::test]
async fn a_host_that_is_none_is_refused() {
    let world = World::shared().await;
    let token = world.sign_in(&world.enrolled().await).await.access;
    for host in [
        "",
        "Host:\r\n",
        "Host: a@demo.localhost\r\n",
        "Host: demo.localhost/x\r\n",
        "Host: demo.localhost:80:80\r\n",
        "Host: demo.localhost, x\r\n",
        "Host: demo.localhost:x\r\n",
    ] {
        let request = format!(
            "GET / HTTP/1.1\r\n{host}Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        let answer = answer(&world, &request).await;
        assert!([400, 421].contains(&raw::status(&answer)), "{host:?}: {answer}");
    }
    // A target that names another host than the field is no way around a policy.
    let request = format!(
        "GET http://nowhere.localhost/ HTTP/1.1\r\nHost: {DEMO}\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\n\r\n"
    );
    let answer = answer(&world, &request).await;
    assert!([400, 421].contains(&raw::status(&answer)), "{answer}");
}

#[tokio::test]
async fn heads_beyond_the_limits_are_refused() {
    let world = World::shared().await;
    let port = world.edge().port();
    let many: String = (0..65).map(|number| format!("X-{number}: 1\r\n")).collect();
    let long = format!("X-Long: {}\r\n", "a".repeat(17 * 1024));
    for fields in [many, long] {
        let request =
            format!("GET / HTTP/1.1\r\nHost: {DEMO}\r\nConnection: close\r\n{fields}\r\n");
        let answer = raw::exchange(port, request.as_bytes()).await;
        assert!((400..500).contains(&raw::status(&answer)), "{answer}");
    }
    let path = "a".repeat(20 * 1024);
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {DEMO}\r\nConnection: close\r\n\r\n");
    let answer = raw::exchange(port, request.as_bytes()).await;
    assert!((400..500).contains(&raw::status(&answer)), "{answer}");
}

#[tokio::test]
async fn what_is_no_request_is_answered_with_400_or_not_at_all() {
    let world = World::shared().await;
    for port in [world.edge().port(), world.server_port(0)] {
        for bytes in [
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
            b"GET / HTTP/9.9\r\nHost: demo.localhost\r\n\r\n",
            b"GET / nonsense\r\n\r\n",
            b"\0\0\0\0\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: demo.localhost\r\nX: a\0b\r\nConnection: close\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: demo.localhost\r\nno colon\r\nConnection: close\r\n\r\n",
        ] {
            let answer = raw::exchange(port, bytes).await;
            let status = raw::status(&answer);
            assert!(status == 0 || (400..506).contains(&status) && status != 500, "{answer}");
        }
    }
}

#[tokio::test]
async fn a_head_has_ten_seconds() {
    let world = World::shared().await;
    let patience = Duration::from_secs(10);
    let slowly = async |port: u16| {
        let began = Instant::now();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: demo.localhost\r\n").await.unwrap();
        // A byte now and then is no excuse.
        loop {
            let mut byte = [0];
            match timeout(Duration::from_millis(500), stream.read(&mut byte)).await {
                Err(_) => assert!(began.elapsed() < patience * 2, "still open"),
                Ok(Ok(1)) => {}
                Ok(_) => break,
            }
            drop(stream.write_all(b"X").await);
        }
        began.elapsed()
    };
    let (edge, server) = tokio::join!(slowly(world.edge().port()), slowly(world.server_port(0)));
    for took in [edge, server] {
        assert!(took >= patience - Duration::from_secs(1), "{took:?}");
        assert!(took <= patience + Duration::from_secs(3), "{took:?}");
    }
}
