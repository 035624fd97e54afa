//! How the edge knows: endings, staleness, snapshots, links that break.

#![allow(clippy::unwrap_used)]

mod world;

use std::{sync::atomic::Ordering, time::Duration};

use jwks::{Time, cutoff::CutOffKind, feed::Change, policy::Require};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};
use world::{HOST, World, eventually, exchange, site, start_edge, status};

#[tokio::test]
async fn an_ending_reaches_the_edge_while_requests_run() {
    let world = World::start().await;
    let (ended, other) = {
        let mut claims = world.issuer.claims();
        let ended = world.issuer.token(&claims);
        claims.sid = Some("session-2".into());
        claims.jti = uuid::Uuid::now_v7().to_string();
        (ended, world.issuer.token(&claims))
    };
    assert_eq!(status(&world.get_as("/", &ended).await), 200);
    let pushed = Instant::now();
    let seq = world.feed.end(CutOffKind::Session, "session-1", world.clock.now());
    let refused = world.until(&ended, |answer| status(answer) != 200).await;
    assert!(pushed.elapsed() < Duration::from_secs(1), "{:?}", pushed.elapsed());
    assert_eq!(status(&refused), 401);
    assert!(refused.contains("SESSION_ENDED"), "{refused}");
    assert_eq!(status(&world.get_as("/", &other).await), 200);
    eventually("the edge acknowledges", || world.feed.acked.load(Ordering::SeqCst) == seq).await;
}

#[tokio::test]
async fn a_tightened_policy_holds_for_tokens_already_in_use() {
    let world = World::start().await;
    let token = world.issuer.good();
    assert_eq!(status(&world.get_as("/", &token).await), 200);
    let mut strict = site(world.upstream.address);
    strict.policy.require = Require::PhishingResistant;
    strict.version = 2;
    world.feed.push(Change::Site(Box::new(strict)));
    let refused = world.until(&token, |answer| status(answer) != 200).await;
    assert!(refused.contains("insufficient_user_authentication"), "{refused}");
    world.feed.push(Change::SiteRemoved("app".into()));
    world.until(&token, |answer| status(answer) == 421).await;
}

#[tokio::test]
async fn a_view_that_is_too_old_denies_until_the_link_is_back() {
    let world = World::start().await;
    let token = world.issuer.good();
    world.feed.go_down().await;
    // Within the bound the edge goes on with what it holds.
    world.clock.advance(Duration::from_secs(290));
    assert_eq!(status(&world.get_as("/", &token).await), 200);
    world.clock.advance(Duration::from_secs(20));
    let stale = world.get_as("/", &token).await;
    assert_eq!(status(&stale), 503, "{stale}");
    assert!(!world::values(&stale, "retry-after").is_empty());
    let admin = world.edge().admin_listen().unwrap();
    let ready =
        exchange(admin, b"GET /health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await;
    assert_eq!(status(&ready), 503);
    assert!(ready.contains("fresh_view"), "{ready}");
    world.feed.set_up(true);
    world.until(&token, |answer| status(answer) == 200).await;
}

#[tokio::test]
async fn an_edge_starts_from_its_last_view_when_the_server_is_away() {
    let world = World::start().await;
    let (dead, alive) = {
        let mut claims = world.issuer.claims();
        let alive = world.issuer.token(&claims);
        claims.sub = "user-2".into();
        claims.sid = None;
        (world.issuer.token(&claims), alive)
    };
    world.feed.end(CutOffKind::User, "user-2", world.clock.now());
    world.until(&dead, |answer| status(answer) == 401).await;
    world.feed.set_up(false);
    let world = world.restart().await;
    world.edge().ready().await;
    assert_eq!(status(&world.get_as("/", &alive).await), 200);
    assert_eq!(status(&world.get_as("/", &dead).await), 401);

    // Staleness counts from when the view was known to be current, not from the start.
    world.clock.advance(Duration::from_secs(310));
    let world = world.restart().await;
    assert_eq!(status(&world.get_as("/", &alive).await), 503);
    world.feed.set_up(true);
    world.until(&alive, |answer| status(answer) == 200).await;
    assert!(world.feed.asked.lock().unwrap().last().unwrap().ends_with("/feed?after=11&epoch=one"));
}

#[tokio::test]
async fn a_view_with_a_journal_that_is_not_whole_counts_as_stale_until_the_server_is_back() {
    let world = World::start().await;
    let token = world.issuer.good();
    world.feed.set_up(false);
    let world = world.stop().await;
    let half = b"\n{\"epoch\":\"one\",\"entry\":{\"seq\":11,\"at\"";
    std::fs::write(world.data_dir.join("edge-view.journal"), half).unwrap();
    let world = world.restart().await;
    world.edge().ready().await;
    assert_eq!(status(&world.get_as("/", &token).await), 503);
    world.feed.set_up(true);
    world.until(&token, |answer| status(answer) == 200).await;
}

#[tokio::test]
async fn a_view_that_could_not_be_saved_is_saved_soon() {
    let world = World::start().await;
    let saved = world.data_dir.join("edge-view.json");
    eventually("the first view is saved", || saved.exists()).await;
    // A folder in its place: a view can be written, and not put there.
    std::fs::remove_file(&saved).unwrap();
    std::fs::create_dir(&saved).unwrap();
    let seq = world.feed.end(CutOffKind::Session, "session-1", world.clock.now());
    let written = || {
        let unplaced = std::fs::metadata(world.data_dir.join("edge-view.json.new"));
        unplaced.and_then(|file| file.modified()).ok()
    };
    eventually("a view is written", || written().is_some()).await;
    let first = written();
    // Only what could not be saved is written anew while nothing changes.
    eventually("it is tried again", || written().is_some_and(|at| Some(at) > first)).await;
    std::fs::remove_dir(&saved).unwrap();
    let saved = || -> serde_json::Value {
        let bytes = std::fs::read(&saved).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    };
    eventually("it is saved", || saved()["snapshot"]["seq"] == seq).await;
}

#[tokio::test]
async fn an_edge_without_any_view_denies_everything() {
    let world = World::start().await;
    let token = world.issuer.good();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let data_dir = world.data_dir.join("other");
    let edge = start_edge(nobody, &world.clock, &data_dir);
    let request = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        )
    };
    let answer = exchange(edge.listen()[0], request("/").as_bytes()).await;
    assert_eq!(status(&answer), 503, "{answer}");
    assert!(answer.contains("NOT_READY"));
    assert_eq!(status(&exchange(edge.listen()[0], request("/a//b").as_bytes()).await), 400);
    let ready = exchange(edge.admin_listen().unwrap(), request("/health/ready").as_bytes()).await;
    assert_eq!(status(&ready), 503);
    edge.shutdown().await;
    assert!(world.upstream.heads().is_empty());
}

#[tokio::test]
async fn a_gap_in_the_sequence_makes_the_edge_ask_again_from_what_it_has() {
    let world = World::start().await;
    let token = world.issuer.good();
    let lost = site(world.upstream.address);
    world.feed.push_at(13, Change::Site(Box::new(lost)));
    eventually("the edge asks again", || {
        world.feed.asked.lock().unwrap().iter().any(|asked| asked.ends_with("after=10&epoch=one"))
    })
    .await;
    assert_eq!(status(&world.get_as("/", &token).await), 200);
    world.feed.forget_from(11);
    world.feed.end(CutOffKind::Session, "session-1", world.clock.now());
    world.until(&token, |answer| status(answer) == 401).await;
}

#[tokio::test]
async fn a_refused_credential_is_tried_again() {
    let world = World::start().await;
    world.feed.expect_credential("another");
    world.feed.go_down().await;
    world.feed.set_up(true);
    let token = world.issuer.good();
    world.feed.end(CutOffKind::Session, "session-1", world.clock.now());
    world.feed.expect_credential(world::CREDENTIAL);
    world.until(&token, |answer| status(answer) == 401).await;
}

#[tokio::test]
async fn shutdown_lets_requests_finish_and_takes_no_new_ones() {
    let world = World::start().await;
    let address = world.address();
    let mut slow = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /slow HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {}\r\n\r\n",
        world.issuer.good()
    );
    slow.write_all(request.as_bytes()).await.unwrap();
    eventually("the upstream is asked", || !world.upstream.heads().is_empty()).await;

    let upstream = world.upstream.clone();
    let saved = world.data_dir.join("edge-view.json");
    let finish = async {
        // New connections are refused once the listener is closed.
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        upstream.go_on.notify_one();
        let mut answer = String::new();
        slow.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let started = Instant::now();
    let (answer, world) = tokio::join!(finish, world.stop());
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(status(&answer), 200);
    assert!(answer.ends_with("slow"), "{answer}");
    let text = std::fs::read_to_string(&saved).unwrap();
    let confirmed: Time = serde_json::from_str::<serde_json::Value>(&text)
        .and_then(|saved| serde_json::from_value(saved["confirmed_at"].clone()))
        .unwrap();
    assert!(world.clock.now().since(confirmed) < Duration::from_secs(10));
}

#[tokio::test]
async fn an_edge_that_cannot_be_safe_or_reached_does_not_start() {
    let world = World::start().await;
    let start = |change: &dyn Fn(&mut edge::EdgeConfig)| {
        let mut config = world::config(world.feed.address, &world.clock, &world.data_dir);
        change(&mut config);
        assert!(!format!("{config:?}").contains(world::CREDENTIAL));
        edge::start(config).err().expect("it does not start").to_string()
    };
    let everybody = start(&|config| config.trusted_proxies = vec!["0.0.0.0/0".parse().unwrap()]);
    assert!(everybody.contains("edge.trusted_proxies"), "{everybody}");
    let nobody = start(&|config| config.credential.clear());
    assert!(nobody.contains("edge.credential"), "{nobody}");
    let taken = start(&|config| config.listen = vec![world.address()]);
    assert!(taken.contains("edge.listen"), "{taken}");
}
