//! Ends: asked for, and sudden.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::{
    Person, Session, World,
    forge::claims,
    person::{refresh, verify},
    process::until,
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

#[tokio::test]
async fn a_signal_ends_everything_within_five_seconds() {
    for signal in ["TERM", "INT"] {
        let mut world = World::start().await;
        let session = world.sign_in(&world.enrolled().await).await;
        // Neither a stream nor a connection that says nothing holds it up.
        let events = world.edge().request("GET", "demo.localhost", "/sse");
        let events = events.bearer_auth(&session.access).header("accept", "text/event-stream");
        let events = events.send().await.unwrap();
        let mut silent = TcpStream::connect(("127.0.0.1", world.server_port(0))).await.unwrap();
        silent.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        let idle = TcpStream::connect(("127.0.0.1", world.edge().port())).await.unwrap();
        let asked = Instant::now();
        world.server_node().process().signal(signal);
        let status = world.server_node().process().wait(Duration::from_secs(10)).await;
        assert!(asked.elapsed() <= Duration::from_secs(5), "SIG{signal}: {:?}", asked.elapsed());
        assert!(status.success(), "SIG{signal}: {status}");
        drop((events, silent, idle));
    }
}

#[tokio::test]
async fn a_second_start_goes_on_with_the_data_of_the_first() {
    let mut world = World::start().await;
    let person = world.enrolled().await;
    let session = world.sign_in(&person).await;
    world.server_node().end().await;
    world.server_node().start().await;
    drop(world.rail().call_as(&session.access, "GET", "/me").await.data(200));
    world.edge().demo(&session.access).await.expect(200);
    drop(refresh(&world.rail(), &session.refresh).await.data(200));
    drop(world.half_sign_in(&person).await);
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let mut world = World::start().await;
    let rail = world.rail();
    let (person, pending) = (world.enrolled().await, Person::new());
    drop(rail.post("/register", pending.registration()).await.data(201));
    let link = world.mailed_token(&pending.email).await;
    let session = world.sign_in(&person).await;
    let rotated = Session::of(&refresh(&rail, &session.refresh).await.data(200));
    let dead = world.sign_in_with_backup_code(&person).await;
    let half = world.half_sign_in(&person).await;
    let spent_code = person.backup_codes[0].clone();
    drop(rail.post_as(&dead.access, "/logout", json!({})).await.data(200));
    world.server_node().kill();
    world.server_node().start().await;

    // The registration, its link, the sessions and the rotation are there.
    drop(rail.post("/verify-email", json!({ "token": link })).await.data(200));
    world.sign_in(&pending).await;
    drop(rail.call_as(&rotated.access, "GET", "/me").await.data(200));
    world.edge().demo(&rotated.access).await.expect(200);
    drop(refresh(&rail, &rotated.refresh).await.data(200));
    // What was ended, spent or used up is not.
    rail.call_as(&dead.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    world.edge().demo(&dead.access).await.expect(401);
    refresh(&rail, &dead.refresh).await.refused(401, "INVALID_TOKEN");
    verify(&rail, &half, &spent_code).await.refused(401, "INVALID_CODE");
    drop(verify(&rail, &half, &person.backup_codes[1]).await.data(200));
    refresh(&rail, &session.refresh).await.refused(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_client_that_retries_its_refresh_after_a_kill_keeps_its_session() {
    let mut world = World::start().await;
    let person = world.person().await;
    let mut session = world.sign_in(&person).await;
    for round in 0..5_u32 {
        // The answer is lost with the process: nobody knows whether it rotated.
        let (rail, token) = (world.rail(), session.refresh.clone());
        let asked = tokio::spawn(async move {
            let request = rail.request("POST", "/refresh").json(&json!({ "refreshToken": token }));
            drop(tests::rail::try_send(request).await);
        });
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        world.server_node().kill();
        asked.await.unwrap();
        world.server_node().start().await;
        let answer = refresh(&world.rail(), &session.refresh).await;
        let renewed = Session::of(&answer.data(200));
        assert_eq!(claims(&renewed.access)["sid"], claims(&session.access)["sid"]);
        session = renewed;
    }
}

#[tokio::test]
async fn a_folder_belongs_to_one_server() {
    let world = World::start().await;
    if world.kind() == tests::world::Kind::Deployed {
        // There any number of servers share the stores.
        return;
    }
    let second = world.signalbox(&["serve", "--listen", "127.0.0.1:0"]).await;
    assert_eq!(second.code, 1, "{second:?}");
    assert!(second.err.contains("--data"), "{second:?}");
    until("the first goes on", Duration::from_secs(1), async || {
        (world.rail().root("GET", "/health/ready").await.status == 200).then_some(())
    })
    .await;
}
