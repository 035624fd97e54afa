//! What passes, what does not, and what the upstream gets to see.

#![allow(clippy::unwrap_used)]

mod world;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use jwks::{
    policy::{Accept, Allow, Level, Require, Rule},
    site::SiteStatus,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};
use world::{HOST, World, exchange, status, values};

#[tokio::test]
async fn a_caller_is_passed_on_with_what_the_edge_knows_and_nothing_that_was_claimed() {
    let world = World::start().await;
    let token = world.issuer.good();
    let request = format!(
        "GET /a%20b?x=/../%2f HTTP/1.1\r\nHost: APP.test:8000\r\nAuthorization: Bearer {token}\r\n\
         X-Auth-User: admin\r\nx_auth_user: admin\r\nX-Auth-Roles: root\r\nX-AUTH-ROLES: root\r\n\
         X.Auth.Method: session\r\nX-Auth-Assertion: forged\r\nX-Auth-Tenant: other\r\n\
         X-Forwarded-For: 10.9.9.9\r\nX_Forwarded_For: 10.9.9.9\r\nForwarded: for=10.9.9.9\r\n\
         X-Real-IP: 10.9.9.9\r\nX-Signalbox-Decision: d_x\r\nX-Nominated: secret\r\nProxy-Authorization: x\r\n\
         X-Kept: yes\r\nConnection: close, X-Nominated\r\n\r\n"
    );
    let answer = world.raw(request).await;
    assert_eq!(status(&answer), 200, "{answer}");
    assert_eq!(values(&answer, "server"), ["app"]);

    let seen = world.upstream.newest();
    assert!(seen.starts_with("GET /a%20b?x=/../%2f HTTP/1.1\r\n"), "{seen}");
    for (name, expected) in [
        ("host", &["APP.test:8000"][..]),
        ("x-auth-user", &["user-1"]),
        ("x-auth-email", &["ann@example.test"]),
        ("x-auth-name", &["Ann%20%C3%96rn"]),
        ("x-auth-roles", &["staff,ops"]),
        ("x-auth-tenant", &[]),
        ("x-auth-session", &["session-1"]),
        ("x-auth-acr", &["urn:signalbox:2fa"]),
        ("x-auth-amr", &["pwd,otp"]),
        ("x-auth-method", &["bearer"]),
        ("x-forwarded-for", &["127.0.0.1"]),
        ("x-forwarded-proto", &["http"]),
        ("x-forwarded-host", &["APP.test:8000"]),
        ("x-kept", &["yes"]),
        ("authorization", &[]),
    ] {
        assert_eq!(values(&seen, name), expected, "{name} in {seen}");
    }
    for gone in [
        "x_auth",
        "x.auth",
        "x_forwarded",
        "forwarded: for",
        "10.9.9.9",
        "root",
        "secret",
        "proxy-",
        "d_x",
        "forged",
    ] {
        assert!(!seen.to_lowercase().contains(gone), "{gone} in {seen}");
    }
    assert_eq!(values(&seen, "x-auth-assertion").len(), 1, "{seen}");
    uuid::Uuid::parse_str(values(&seen, "x-request-id")[0]).unwrap();
}

#[tokio::test]
async fn a_request_id_is_kept_when_it_has_the_form_of_one() {
    let world = World::start().await;
    let token = format!("Bearer {}", world.issuer.good());
    world.get("/", &[("Authorization", &token), ("X-Request-ID", "abc.DEF_1-2")]).await;
    assert_eq!(values(&world.upstream.newest(), "x-request-id"), ["abc.DEF_1-2"]);
    world.get("/", &[("Authorization", &token), ("X-Request-ID", "a b<script>")]).await;
    let ids = world.upstream.newest();
    uuid::Uuid::parse_str(values(&ids, "x-request-id")[0]).unwrap();
}

#[tokio::test]
async fn authorization_belongs_to_the_app_where_bearers_are_not_accepted() {
    let world = World::with_site(|site| {
        site.policy.require = Require::Public;
        site.policy.accept = Accept { bearer: false, ..Accept::default() };
    })
    .await;
    let answer = world.get("/", &[("Authorization", "Bearer the-app's own")]).await;
    assert_eq!(status(&answer), 200);
    let seen = world.upstream.newest();
    assert_eq!(values(&seen, "authorization"), ["Bearer the-app's own"]);
    assert!(values(&seen, "x-auth-user").is_empty());
}

#[tokio::test]
async fn basic_authentication_belongs_to_the_app() {
    let world = World::with_site(|site| site.policy.require = Require::Public).await;
    assert_eq!(status(&world.get("/", &[("Authorization", "Basic dTpw")]).await), 200);
    assert_eq!(values(&world.upstream.newest(), "authorization"), ["Basic dTpw"]);
}

#[tokio::test]
async fn a_bearer_is_forwarded_where_the_site_asks_for_it() {
    let world = World::with_site(|site| site.forward_credentials = true).await;
    let token = world.issuer.good();
    assert_eq!(status(&world.get_as("/", &token).await), 200);
    assert_eq!(values(&world.upstream.newest(), "authorization"), [format!("Bearer {token}")]);
}

#[tokio::test]
async fn every_refusal_has_its_status_and_one_decision_id_in_head_and_body() {
    let world = World::with_site(|site| {
        site.policy.allow = Allow { roles: vec!["staff".into()], ..Allow::default() };
        site.policy.rules = vec![Rule {
            prefix: Some("/admin".into()),
            require: Some(Require::PhishingResistant),
            max_auth_age: Some(300),
            ..Rule::default()
        }];
    })
    .await;
    let issuer = &world.issuer;
    let bearer = |token: String| format!("Bearer {token}");
    let good = bearer(issuer.good());
    let mut stranger = issuer.claims();
    stranger.roles.clear();
    let stranger = bearer(issuer.token(&stranger));
    let mut expired = issuer.claims();
    expired.exp -= 7200;
    let expired = bearer(issuer.token(&expired));
    let tampered = good.replacen("Bearer ey", "Bearer ez", 1);
    let mut elsewhere = issuer.claims();
    elsewhere.aud = jwks::claims::Audience::One("https://other.test".into());
    let elsewhere = bearer(issuer.token(&elsewhere));
    let oversize = bearer("a".repeat(8 * 1024 + 1));

    for (path, fields, expected, code) in [
        ("/", &[][..], 401, "UNAUTHORIZED"),
        ("/?access_token=x", &[], 401, "UNAUTHORIZED"),
        ("/", &[("Authorization", stranger.as_str())], 403, "FORBIDDEN"),
        ("/", &[("Authorization", &expired)], 401, "INVALID_TOKEN"),
        ("/", &[("Authorization", &tampered)], 401, "INVALID_TOKEN"),
        ("/", &[("Authorization", &elsewhere)], 401, "INVALID_TOKEN"),
        ("/", &[("Authorization", &oversize)], 401, "INVALID_TOKEN"),
        ("/", &[("Authorization", "Bearer")], 401, "INVALID_TOKEN"),
        ("/admin/x", &[("Authorization", &good)], 401, "STEP_UP_REQUIRED"),
        ("/%61dmin/x", &[("Authorization", &good)], 401, "STEP_UP_REQUIRED"),
        (
            "/",
            &[("Authorization", &good), ("Authorization", &good)],
            400,
            "CONFLICTING_CREDENTIALS",
        ),
        ("/", &[("Authorization", &good), ("X-API-Key", "sbk_x")], 400, "CONFLICTING_CREDENTIALS"),
        ("/", &[("X-API-Key", "sbk_x")], 401, "CREDENTIAL_NOT_ACCEPTED"),
        ("/", &[("Authorization", "DPoP x")], 401, "CREDENTIAL_NOT_ACCEPTED"),
        ("/", &[("Authorization", "Bearer sbk_x")], 401, "CREDENTIAL_NOT_ACCEPTED"),
        ("/a//b", &[], 400, "BAD_PATH"),
    ] {
        let answer = world.get(path, fields).await;
        assert_eq!(status(&answer), expected, "{path} {fields:?}: {answer}");
        let id = values(&answer, "x-signalbox-decision")[0];
        assert!(id.starts_with("d_"), "{answer}");
        let body: serde_json::Value =
            serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!(body["decision"], id);
        assert_eq!(body["error"]["code"], code, "{path} {fields:?}");
        assert_eq!(values(&answer, "cache-control"), ["no-store"]);
        assert!(values(&answer, "server").is_empty(), "{answer}");
        assert_eq!(expected == 401, !values(&answer, "www-authenticate").is_empty(), "{answer}");
    }
    let step_up = world.get("/admin/x", &[("Authorization", &good)]).await;
    let challenge = values(&step_up, "www-authenticate")[0];
    assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
    assert!(
        challenge.contains(Level::PhishingResistant.acr()) && challenge.contains("max_age=300"),
        "{challenge}"
    );
    assert!(world.upstream.heads().is_empty());
}

#[tokio::test]
async fn people_get_pages_and_head_gets_no_body() {
    let world = World::with_site(|site| site.policy.accept.session = false).await;
    let page = world.get("/", &[("Accept", "text/html,*/*;q=0.8")]).await;
    assert_eq!(status(&page), 401);
    assert_eq!(values(&page, "content-type"), ["text/html; charset=utf-8"]);
    assert!(values(&page, "content-security-policy")[0].starts_with("default-src 'none'"));
    assert!(page.contains(values(&page, "x-signalbox-decision")[0]));
    assert!(page.contains("</html>") && page.contains("<html lang=\"en\""));
    let german = [("Accept", "text/html"), ("Accept-Language", "de-CH,de;q=0.9,en;q=0.8")];
    let page = world.get("/", &german).await;
    assert!(page.contains("<html lang=\"de\"") && page.contains("Bitte melden Sie sich an"));

    let head =
        world.raw(format!("HEAD / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")).await;
    assert_eq!(status(&head), 401);
    assert_eq!(head.split("\r\n\r\n").nth(1), Some(""));
    assert_ne!(values(&head, "content-length"), ["0"]);
}

#[tokio::test]
async fn unknown_hosts_and_inactive_sites_reach_no_upstream() {
    let world = World::with_site(|site| site.status = SiteStatus::Inactive).await;
    let token = world.issuer.good();
    let inactive = world.get_as("/", &token).await;
    assert_eq!(status(&inactive), 503);
    assert!(!values(&inactive, "retry-after").is_empty());
    for host in ["other.test", "app.test.evil.test", "127.0.0.1", "app.test:x"] {
        let answer = world
            .raw(format!("GET / HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"))
            .await;
        assert!([400, 421].contains(&status(&answer)), "{host}: {answer}");
    }
    assert!(world.upstream.heads().is_empty());
}

#[tokio::test]
async fn paths_that_can_be_read_twice_never_reach_the_upstream() {
    let world = World::start().await;
    let token = world.issuer.good();
    for path in [
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a\\b",
        "/../a",
        "/a/..",
        "/a/%2e%2e/b",
        "/./a",
        "/a/.%2e/b",
        "/a;b=c/d",
        "/a%3Bb",
        "//a",
        "/a//b",
        "/a%252fb",
        "/a%252e",
        "/%25%32%66",
        "/a%",
        "/a%zz",
        "/a%00",
        "/a%0d%0aX-Auth-User:x",
        "/a#b",
        "/a?b#c",
        "*",
        "/%c0%af\\",
    ] {
        let answer = world.get_as(path, &token).await;
        assert_eq!(status(&answer), 400, "{path}: {answer}");
        assert_eq!(values(&answer, "x-signalbox-decision").len(), 1, "{path}: {answer}");
    }
    assert!(world.upstream.heads().is_empty());

    assert_eq!(status(&world.get_as("/%7Eann/caf%c3%a9?q=%2f..", &token).await), 200);
    assert!(world.upstream.newest().starts_with("GET /~ann/caf%C3%A9?q=%2f.. HTTP/1.1\r\n"));
    let absolute = format!(
        "GET http://{HOST}/x?y HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(status(&world.raw(absolute).await), 200);
    assert!(world.upstream.newest().starts_with("GET /x?y HTTP/1.1\r\n"));
}

#[tokio::test]
async fn requests_that_can_be_framed_twice_never_reach_the_upstream() {
    let world = World::start().await;
    let auth = format!("Authorization: Bearer {}\r\n", world.issuer.good());
    let post = format!("POST / HTTP/1.1\r\nHost: {HOST}\r\n{auth}");
    for (what, request) in [
        ("two hosts", format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nHost: other.test\r\n{auth}\r\n")),
        ("no host", format!("GET / HTTP/1.1\r\n{auth}\r\n")),
        ("empty host", format!("GET / HTTP/1.1\r\nHost:\r\n{auth}\r\n")),
        (
            "length and coding",
            format!("{post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ),
        ("two lengths", format!("{post}Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc")),
        (
            "the same length twice",
            format!("{post}Content-Length: 2\r\nContent-Length: 2\r\n\r\nab"),
        ),
        ("a list of lengths", format!("{post}Content-Length: 2, 2\r\n\r\nab")),
        ("a signed length", format!("{post}Content-Length: +2\r\n\r\nab")),
        ("another coding", format!("{post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")),
        (
            "a coding that does not end",
            format!("{post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        ),
        (
            "two codings",
            format!(
                "{post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
        ),
        (
            "another authority",
            format!("GET http://other.test/ HTTP/1.1\r\nHost: {HOST}\r\n{auth}\r\n"),
        ),
        ("userinfo", format!("GET http://a@{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n{auth}\r\n")),
        (
            "a space before the colon",
            format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nX-Auth-User : x\r\n{auth}\r\n"),
        ),
        ("a folded line", format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nX-A: b\r\n c\r\n{auth}\r\n")),
        ("no request", "\x16\x03\x01\x02\x00\r\n\r\n".to_owned()),
    ] {
        let answer = world.raw(request).await;
        assert_eq!(status(&answer), 400, "{what}: {answer}");
        assert_eq!(values(&answer, "x-signalbox-decision").len(), 1, "{what}: {answer}");
        assert!(!answer.to_lowercase().contains("pingora"), "{what}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: {answer}");
    }
    let connect = world.raw(format!("CONNECT {HOST}:80 HTTP/1.1\r\nHost: {HOST}:80\r\n\r\n")).await;
    assert_eq!(status(&connect), 405, "{connect}");
    assert!(!connect.to_lowercase().contains("pingora"), "{connect}");
    assert!(world.upstream.heads().is_empty());
}

#[tokio::test]
async fn requests_over_the_limits_are_refused() {
    let world = World::start().await;
    let many: String = (0..70).map(|field| format!("X-{field}: a\r\n")).collect();
    let answer = world
        .raw(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{many}Connection: close\r\n\r\n"))
        .await;
    assert_eq!(status(&answer), 431);
    let large = "a".repeat(17 * 1024);
    let answer = world
        .raw(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nX-A: {large}\r\nConnection: close\r\n\r\n"))
        .await;
    assert_eq!(status(&answer), 431);
    let answer = world.get(&format!("/{}", "a".repeat(9 * 1024)), &[]).await;
    assert_eq!(status(&answer), 414);
    assert!(world.upstream.heads().is_empty());
}

#[tokio::test]
async fn a_refused_upload_still_gets_its_answer() {
    let world = World::start().await;
    let body = "a".repeat(300 * 1024);
    let request =
        format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let answer = world.raw(request).await;
    assert_eq!(status(&answer), 401);
    assert!(answer.ends_with('}'), "{answer}");
    assert_eq!(values(&answer, "connection"), ["close"]);
}

#[tokio::test]
async fn trailers_are_not_passed_on() {
    let world = World::start().await;
    let token = world.issuer.good();
    let answer = world
        .raw(format!(
            "POST / HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\
             Trailer: X-Auth-User\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\nX-Auth-User: admin\r\n\r\n"
        ))
        .await;
    assert_eq!(status(&answer), 200, "{answer}");
    let seen = world.upstream.newest();
    assert!(seen.contains("abc") && !seen.contains("admin"), "{seen}");
    assert_eq!(values(&seen, "x-auth-user"), ["user-1"]);
}

#[tokio::test]
async fn each_request_of_a_connection_is_judged_by_itself() {
    let world = World::start().await;
    let with_token = format!(
        "GET /1 HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {}\r\n\r\n",
        world.issuer.good()
    );
    let without = format!("GET /2 HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let mut stream = tokio::net::TcpStream::connect(world.address()).await.unwrap();
    let mut buffer = vec![0; 4096];
    for (request, expected) in
        [(&with_token, 200), (&without, 401), (&with_token, 200), (&without, 401)]
    {
        stream.write_all(request.as_bytes()).await.unwrap();
        let read = stream.read(&mut buffer).await.unwrap();
        assert_eq!(status(&String::from_utf8_lossy(&buffer[..read])), expected);
        // The body may come on its own.
        let _ = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut buffer)).await;
    }
    assert!(world.upstream.heads().iter().all(|head| head.starts_with("GET /1 ")));
}

#[tokio::test]
async fn what_is_reserved_is_answered_by_the_edge_alone() {
    let world = World::start().await;
    let token = world.issuer.good();
    let me = world.get_as("/.signalbox/me", &token).await;
    assert_eq!(status(&me), 200);
    let body: serde_json::Value =
        serde_json::from_str(me.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(body["sub"], "user-1");
    assert_eq!(body["name"], "Ann Örn");
    assert_eq!(body["roles"], serde_json::json!(["staff", "ops"]));
    assert_eq!(status(&world.get("/.signalbox/me", &[]).await), 401);
    for path in [
        "/.signalbox/",
        "/.signalbox",
        "/.signalbox/callbacks",
        "/.signalbox/x/y",
        "/%2esignalbox/x",
    ] {
        assert_eq!(status(&world.get_as(path, &token).await), 404, "{path}");
    }
    assert!(world.upstream.heads().is_empty());
}

#[tokio::test]
async fn an_upstream_that_is_away_is_a_503_without_a_decision() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = World::with_site(|site| site.upstreams = vec![format!("http://{nobody}")]).await;
    let token = world.issuer.good();
    let answer = world.get_as("/", &token).await;
    assert_eq!(status(&answer), 503, "{answer}");
    assert_eq!(values(&answer, "retry-after").len(), 1);
    assert!(values(&answer, "x-signalbox-decision").is_empty());
    assert!(!answer.to_lowercase().contains("pingora"), "{answer}");
    assert!(answer.contains("SITE_UNAVAILABLE"));
}

#[tokio::test]
async fn people_wait_on_a_page_of_their_site_that_looks_again_by_itself() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = World::with_site(|site| {
        site.upstreams = vec![format!("http://{nobody}")];
        site.branding.color = Some("#aa3366".into());
        site.policy.require = Require::Public;
    })
    .await;
    let page = world.get("/", &[("Accept", "text/html")]).await;
    assert_eq!(status(&page), 503, "{page}");
    assert_eq!((values(&page, "refresh"), values(&page, "retry-after")), (vec!["5"], vec!["5"]));
    assert!(page.contains("The App") && page.contains("--accent: #aa3366"), "{page}");
    assert!(values(&world.get("/", &[]).await, "refresh").is_empty());
    let refused = world.get("/.signalbox/nothing", &[("Accept", "text/html")]).await;
    assert_eq!((status(&refused), values(&refused, "refresh")), (404, vec![]));
}

#[tokio::test]
async fn an_upstream_cannot_answer_in_the_edges_name() {
    let world = World::start().await;
    let answer = world.get_as("/spoof", &world.issuer.good()).await;
    assert_eq!(status(&answer), 200);
    assert!(values(&answer, "x-signalbox-decision").is_empty(), "{answer}");
}

#[tokio::test]
async fn websockets_echo_through_the_edge() {
    let world = World::start().await;
    let token = world.issuer.good();
    let stream = tokio::net::TcpStream::connect(world.address()).await.unwrap();
    let mut request = format!("ws://{HOST}/ws").into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    let echoed = tokio::time::timeout(world::PATIENCE, socket.next()).await.unwrap();
    assert_eq!(echoed.unwrap().unwrap().into_text().unwrap().as_str(), "hello");

    let refused = world
        .raw(format!(
            "GET /ws HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ))
        .await;
    assert_eq!(status(&refused), 401);
}

#[tokio::test]
async fn events_arrive_while_the_answer_is_still_open() {
    let world = World::start().await;
    let request = format!(
        "GET /sse HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {}\r\n\r\n",
        world.issuer.good()
    );
    let mut stream = tokio::net::TcpStream::connect(world.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let mut buffer = [0; 1024];
    while !answer.contains("data: one") {
        let read =
            tokio::time::timeout(world::PATIENCE, stream.read(&mut buffer)).await.unwrap().unwrap();
        assert_ne!(read, 0, "{answer}");
        answer.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    assert!(!answer.contains("data: two"));
    world.upstream.go_on.notify_one();
    let rest = async {
        while !answer.contains("data: two") {
            let read = stream.read(&mut buffer).await.unwrap();
            assert_ne!(read, 0, "{answer}");
            answer.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    };
    tokio::time::timeout(world::PATIENCE, rest).await.unwrap();
}

#[tokio::test]
async fn a_head_that_dribbles_in_is_cut_off() {
    let world = World::with(|_| {}, |config| config.limits.head = Duration::from_secs(1)).await;
    let mut stream = tokio::net::TcpStream::connect(world.address()).await.unwrap();
    // A first request, so that the deadline of a kept connection is what counts.
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes()).await.unwrap();
    let mut buffer = [0; 4096];
    assert_ne!(stream.read(&mut buffer).await.unwrap(), 0);
    let (mut read, mut write) = stream.into_split();
    let dribble = async {
        let head = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nX-Long: {}", "a".repeat(1000));
        for byte in head.bytes() {
            if write.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let closed = async { while read.read(&mut buffer).await.is_ok_and(|read| read > 0) {} };
    tokio::select! {
        () = dribble => panic!("the edge read a head for 20 s"),
        closed = tokio::time::timeout(world::PATIENCE, closed) => closed.expect("closed after 1 s"),
    }
}

#[tokio::test]
async fn the_admin_listener_tells_health_and_figures() {
    let world = World::start().await;
    let admin = world.edge().admin_listen().unwrap();
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let live = exchange(admin, get("/health/live").as_bytes()).await;
    assert_eq!(status(&live), 200);
    let ready = exchange(admin, get("/health/ready").as_bytes()).await;
    assert_eq!(status(&ready), 200);
    assert!(ready.contains("\"feed_seq\":10"), "{ready}");
    assert!(exchange(admin, get("/metrics").as_bytes()).await.ends_with("figures 1\n"));
    assert_eq!(status(&exchange(admin, get("/").as_bytes()).await), 404);
}
