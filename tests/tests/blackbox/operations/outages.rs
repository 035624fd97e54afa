//! Stores that go away and come back. There are none to go away in an embedded world.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::{
    Person, Session, World,
    person::{refresh, verify},
    process::until,
    rail::Rail,
    world::Kind,
};

/// How long it may take to notice that a store is back.
const RECOVERY: Duration = Duration::from_secs(2);

async fn is_away(rail: &Rail, missing: &str) {
    rail.root("GET", "/health/live").await.expect(200);
    let ready = until("it says that it is not ready", Duration::from_secs(5), async || {
        let ready = rail.root("GET", "/health/ready").await;
        (ready.status == 503).then_some(ready)
    })
    .await;
    assert!(ready.text.contains(missing), "{}", ready.text);
    let keys = rail.root("GET", "/.well-known/jwks.json").await;
    let keys = keys.expect(200).json()["keys"].as_array().unwrap().clone();
    assert!(keys.iter().any(|key| key["alg"] == "ES256"), "{keys:?}");
}

async fn is_unavailable(answer: &tests::Answer) {
    answer.refused(503, "UNAVAILABLE");
    assert!(answer.header("retry-after").parse::<u64>().is_ok(), "{answer:?}");
}

async fn is_back(rail: &Rail) {
    let since = Instant::now();
    until("it is ready again", Duration::from_secs(10), async || {
        (rail.root("GET", "/health/ready").await.status == 200).then_some(())
    })
    .await;
    assert!(since.elapsed() <= RECOVERY, "{:?}", since.elapsed());
}

#[tokio::test]
async fn without_redis_nobody_signs_in_and_nobody_is_let_off() {
    if Kind::asked_for() == Kind::Embedded {
        return;
    }
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let session = world.sign_in(&person).await;
    let dead = world.sign_in_with_backup_code(&person).await;
    drop(rail.post_as(&dead.access, "/logout", json!({})).await.data(200));
    for _ in 0..10 {
        let wrong = json!({ "email": person.email, "password": "wrong guess" });
        rail.post("/login", wrong).await.refused(401, "INVALID_CREDENTIALS");
    }
    world.stores_mut().stop_redis();
    is_away(&rail, "sessions").await;
    is_unavailable(&rail.post("/login", person.credentials()).await).await;
    is_unavailable(&refresh(&rail, &session.refresh).await).await;
    is_unavailable(&rail.call_as(&session.access, "GET", "/me").await).await;
    is_unavailable(&rail.post("/register", Person::new().registration()).await).await;
    // The edge needs none of that.
    world.edge().demo(&session.access).await.expect(200);
    world.edge().demo(&dead.access).await.expect(401);

    // It comes back, and has forgotten everything.
    world.stores_mut().start_redis().await;
    is_back(&rail).await;
    refresh(&rail, &session.refresh).await.refused(401, "INVALID_TOKEN");
    refresh(&rail, &dead.refresh).await.refused(401, "INVALID_TOKEN");
    rail.call_as(&dead.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    world.edge().demo(&dead.access).await.expect(401);
    let half = world.half_sign_in(&person).await;
    verify(&rail, &half, &person.backup_codes[0]).await.refused(401, "INVALID_CODE");
    let again = verify(&rail, &half, &person.backup_codes[1]).await.data(200);
    let again = Session::of(&again);
    drop(rail.call_as(&again.access, "GET", "/me").await.data(200));
    world.edge().demo(&again.access).await.expect(200);
}

#[tokio::test]
async fn without_postgres_nothing_is_answered_that_needs_it() {
    if Kind::asked_for() == Kind::Embedded {
        return;
    }
    let world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let session = world.sign_in(&person).await;
    world.stores().postgres.cut();
    is_away(&rail, "identity").await;
    is_unavailable(&rail.post("/login", person.credentials()).await).await;
    is_unavailable(&rail.call_as(&session.access, "GET", "/me").await).await;
    is_unavailable(&rail.post("/register", Person::new().registration()).await).await;
    let log_out = rail.post_as(&session.access, "/logout", json!({})).await;
    is_unavailable(&log_out).await;
    world.edge().demo(&session.access).await.expect(200);
    world.stores().postgres.mend();
    is_back(&rail).await;
    drop(rail.call_as(&session.access, "GET", "/me").await.data(200));
    drop(rail.post_as(&session.access, "/logout", json!({})).await.data(200));
    crate::ends_at_the_edge(&world.edge(), &session.access).await;
}

#[tokio::test]
async fn a_server_starts_without_its_stores_and_says_so() {
    if Kind::asked_for() == Kind::Embedded {
        return;
    }
    let mut world = World::plan().apart().start().await;
    let session = world.sign_in(&world.enrolled().await).await;
    world.server_node().end().await;
    world.stores().postgres.cut();
    world.server_node().launch();
    let rail = world.rail();
    until("it listens", Duration::from_secs(10), async || {
        let live = tests::rail::try_send(rail.request_root("GET", "/health/live")).await;
        live.is_ok_and(|live| live.status == 200).then_some(())
    })
    .await;
    is_away(&rail, "identity").await;
    world.edge().demo(&session.access).await.expect(200);
    world.stores().postgres.mend();
    is_back(&rail).await;
    drop(rail.call_as(&session.access, "GET", "/me").await.data(200));
}
