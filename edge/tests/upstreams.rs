//! Several upstreams: turns, deaths, second tries, limits of time and size, and WebSockets.

#![allow(clippy::unwrap_used)]

mod world;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use jwks::feed::Change;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use world::{HOST, PATIENCE, Upstream, World, eventually, status, values};

/// Reads a request's head, and as much of its body as `Content-Length` says; `None` at the end.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    let mut byte = [0; 1];
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        request.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&request).into_owned();
    let length = values(&head, "content-length").first().map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8_lossy(&body))
}

/// An upstream in threads of its own: `serve` has each connection.
fn upstream(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// An upstream that answers each request with `name`, and health checks as `is_well` says.
fn named(name: &'static str, is_well: Arc<AtomicBool>) -> SocketAddr {
    upstream(move |mut stream| {
        while let Some(request) = read_request(&mut stream) {
            let answer = if request.starts_with("GET /health ") && !is_well.load(Ordering::SeqCst) {
                "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n".to_owned()
            } else {
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len())
            };
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// A port of this machine at which nobody answers.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn urls(addresses: &[SocketAddr]) -> Vec<String> {
    addresses.iter().map(|address| format!("http://{address}")).collect()
}

#[tokio::test]
async fn upstreams_take_turns_and_one_that_says_it_is_unwell_is_left_out_until_it_is_back() {
    let is_well = Arc::new(AtomicBool::new(true));
    let (one, two) = (named("one", Arc::new(AtomicBool::new(true))), named("two", is_well.clone()));
    let world = World::with_site(|site| {
        site.upstreams = urls(&[one, two]);
        site.forwarding.health_path = Some("/health".into());
        site.forwarding.health_interval = 1;
    })
    .await;
    let token = world.issuer.good();
    let round = async || {
        let mut answers = Vec::new();
        for _ in 0..6 {
            answers.push(body(&world.get_as("/", &token).await).to_owned());
        }
        answers
    };
    let both = round().await;
    assert_eq!(both.iter().filter(|answer| *answer == "one").count(), 3, "{both:?}");
    assert_eq!(both.iter().filter(|answer| *answer == "two").count(), 3, "{both:?}");

    is_well.store(false, Ordering::SeqCst);
    let left = async { while round().await.iter().any(|answer| answer == "two") {} };
    tokio::time::timeout(PATIENCE, left).await.expect("the upstream is left out");
    is_well.store(true, Ordering::SeqCst);
    let back = async { while !round().await.iter().any(|answer| answer == "two") {} };
    tokio::time::timeout(PATIENCE, back).await.expect("the upstream is back");
}

#[tokio::test]
async fn a_request_whose_upstream_takes_no_connection_goes_to_another_whatever_it_is() {
    let one = named("one", Arc::new(AtomicBool::new(true)));
    let world = World::with_site(|site| site.upstreams = urls(&[nobody(), one])).await;
    let auth = format!("Authorization: Bearer {}", world.issuer.good());
    for _ in 0..4 {
        let answer = world
            .raw(format!(
                "POST / HTTP/1.1\r\nHost: {HOST}\r\n{auth}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
            ))
            .await;
        assert_eq!((status(&answer), body(&answer)), (200, "one"));
    }
}

#[tokio::test]
async fn a_site_whose_upstreams_are_all_dead_says_so_at_once_and_lives_again() {
    let place = nobody();
    let world = World::with_site(|site| {
        site.upstreams = urls(&[nobody(), place]);
        site.forwarding.health_interval = 1;
    })
    .await;
    let token = world.issuer.good();
    let answer = world
        .get("/", &[("Authorization", &format!("Bearer {token}")), ("Accept", "text/html")])
        .await;
    assert_eq!(status(&answer), 503, "{answer}");
    assert_eq!(values(&answer, "retry-after").len(), 1);
    assert!(answer.contains("</html>"), "{answer}");
    let answer = world.get_as("/", &token).await;
    assert!(answer.contains("SITE_UNAVAILABLE"), "{answer}");

    let listener = TcpListener::bind(place).unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                while read_request(&mut stream).is_some() {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                }
            });
        }
    });
    world.until(&token, |answer| status(answer) == 200).await;
}

/// An upstream that takes a request and hangs up, and counts how often it did.
fn hangs_up(count: Arc<AtomicUsize>) -> SocketAddr {
    upstream(move |mut stream| {
        if read_request(&mut stream).is_some() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    })
}

#[tokio::test]
async fn a_request_that_broke_is_sent_again_only_where_that_is_safe() {
    let count = Arc::new(AtomicUsize::new(0));
    let one = named("one", Arc::new(AtomicBool::new(true)));
    let world = World::with_site(|site| {
        site.upstreams = urls(&[hangs_up(count.clone()), one]);
    })
    .await;
    let auth = format!("Authorization: Bearer {}", world.issuer.good());
    let send = async |method: &str, rest: &str| {
        world
            .raw(format!(
                "{method} / HTTP/1.1\r\nHost: {HOST}\r\n{auth}\r\nConnection: close\r\n{rest}"
            ))
            .await
    };
    for _ in 0..4 {
        assert_eq!(status(&send("GET", "\r\n").await), 200);
    }
    assert!(count.load(Ordering::SeqCst) >= 2, "it was asked, and another answered");
    for (method, rest) in [
        ("POST", "Content-Length: 0\r\n\r\n"),
        ("PUT", "Content-Length: 3\r\n\r\nabc"),
        ("PATCH", "\r\n"),
    ] {
        let before = count.load(Ordering::SeqCst);
        let mut found = Vec::new();
        for _ in 0..4 {
            found.push(status(&send(method, rest).await));
        }
        found.sort_unstable();
        assert_eq!(found, [200, 200, 502, 502], "{method}");
        assert_eq!(count.load(Ordering::SeqCst) - before, 2, "{method} is sent once");
    }
}

#[tokio::test]
async fn an_upstream_that_is_silent_for_too_long_is_a_504() {
    let silent = upstream(|mut stream| while read_request(&mut stream).is_some() {});
    let world = World::with_site(|site| {
        site.upstreams = urls(&[silent]);
        site.forwarding.read_timeout = 1;
    })
    .await;
    let answer = world.get_as("/", &world.issuer.good()).await;
    assert_eq!(status(&answer), 504, "{answer}");
}

#[tokio::test]
async fn heads_and_bodies_are_as_large_as_the_site_says() {
    let world = World::with_site(|site| {
        site.forwarding.max_head = 2048;
        site.forwarding.max_body = Some(10);
    })
    .await;
    let large = "a".repeat(2048);
    let bearer = format!("Bearer {}", world.issuer.good());
    let answer = world.get("/", &[("Authorization", &bearer), ("X-Large", &large)]).await;
    assert_eq!(status(&answer), 431, "{answer}");
    let post = format!(
        "POST / HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: {bearer}\r\nConnection: close\r\n"
    );
    for (rest, expected) in [
        ("Content-Length: 10\r\n\r\n0123456789", 200),
        ("Content-Length: 11\r\n\r\n0123456789a", 413),
        ("Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n", 200),
        ("Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n1\r\na\r\n0\r\n\r\n", 413),
    ] {
        let answer = world.raw(format!("{post}{rest}")).await;
        assert_eq!(status(&answer), expected, "{rest}: {answer}");
    }
}

#[tokio::test]
async fn a_changed_site_has_its_new_upstreams_at_once() {
    let world = World::with_site(|site| site.upstreams = urls(&[nobody()])).await;
    let token = world.issuer.good();
    assert_eq!(status(&world.get_as("/", &token).await), 503);
    let mut site = world::site(world.upstream.address);
    site.upstreams = urls(&[world.upstream.address]);
    world.feed.push(Change::Site(Box::new(site)));
    world.until(&token, |answer| status(answer) == 200).await;
}

/// A WebSocket as far as an upstream need know it: a `101`, then every byte back. `early`: the `101`
/// is on its way before the request is.
fn echo(early: bool) -> SocketAddr {
    const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    upstream(move |mut stream| {
        let _ = stream.set_nodelay(true);
        if early {
            let _ = stream.write_all(ANSWER);
        }
        if read_request(&mut stream).is_none() {
            return;
        }
        if !early {
            let _ = stream.write_all(ANSWER);
        }
        let mut buffer = [0; 4096];
        while let Ok(read) = stream.read(&mut buffer) {
            if read == 0 || stream.write_all(&buffer[..read]).is_err() {
                return;
            }
        }
    })
}

/// Upgrades, sends eight bytes and has them back.
async fn upgrades(address: SocketAddr, token: &str) -> bool {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => answer.push(byte),
            Err(_) => return false,
        }
    }
    if !answer.starts_with(b"HTTP/1.1 101 ") || stream.write_all(b"01234567").await.is_err() {
        return false;
    }
    let mut echoed = [0; 8];
    stream.read_exact(&mut echoed).await.is_ok() && &echoed == b"01234567"
}

/// How many of two thousand upgrades to `place` are lost, four at a time.
async fn lost(place: SocketAddr) -> usize {
    let world = World::with_site(|site| site.upstreams = urls(&[place])).await;
    let (address, token) = (world.address(), world.issuer.good());
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let token = token.clone();
        callers.spawn(async move {
            let mut lost = 0;
            for _ in 0..500 {
                let is_kept = tokio::time::timeout(PATIENCE, upgrades(address, &token)).await;
                lost += usize::from(!is_kept.unwrap_or(false));
            }
            lost
        });
    }
    callers.join_all().await.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_thousand_upgrades_to_a_fast_upstream_none_is_lost() {
    assert_eq!(lost(echo(false)).await, 0);
}

/// As fast as an upstream can be: pingora by itself loses every third.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_thousand_upgrades_whose_answer_is_there_already_none_is_lost() {
    assert_eq!(lost(echo(true)).await, 0);
}

#[tokio::test]
async fn an_upgrade_that_the_upstream_refuses_is_an_answer_like_any_other() {
    let refusing = upstream(|mut stream| {
        while read_request(&mut stream).is_some() {
            let _ =
                stream.write_all(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno");
        }
    });
    let world = World::with_site(|site| site.upstreams = urls(&[refusing])).await;
    let auth = format!("Bearer {}", world.issuer.good());
    for _ in 0..3 {
        let answer = world
            .get(
                "/ws",
                &[
                    ("Authorization", auth.as_str()),
                    ("Upgrade", "websocket"),
                    ("Sec-WebSocket-Version", "13"),
                    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ],
            )
            .await;
        assert_eq!(status(&answer), 426, "{answer}");
    }
}

#[tokio::test]
async fn all_requests_go_to_the_upstream_that_is_well() {
    let upstream = Upstream::start().await;
    let world = World::with_site(|site| site.upstreams = urls(&[nobody(), upstream.address])).await;
    let token = world.issuer.good();
    for _ in 0..4 {
        assert_eq!(status(&world.get_as("/", &token).await), 200);
    }
    eventually("all went to the one that is well", || upstream.heads().len() == 4).await;
}
