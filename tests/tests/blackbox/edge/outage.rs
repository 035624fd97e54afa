//! The edge while the server is away.

use std::time::Duration;

use serde_json::json;
use tests::{Session, World, person::verify, process::until};

use super::sites::{open, site};
use crate::{ends_at_the_edge, minutes};

#[tokio::test]
async fn valid_credentials_outlive_the_server_for_as_long_as_the_site_allows() {
    let mut world = World::plan().apart().start().await;
    let mut draft = site(&world, "patient").await;
    draft["policy"] = json!({ "require": "signed_in", "first_party": true, "on_stale": "allow" });
    open(&world, &draft).await;
    let mut draft = site(&world, "hasty").await;
    draft["policy"] = json!({ "require": "signed_in", "first_party": true, "max_staleness": 30 });
    open(&world, &draft).await;
    let (edge, person) = (world.edge(), world.enrolled().await);
    let session = world.sign_in(&person).await;
    let dead = world.sign_in_with_backup_code(&person).await;
    drop(world.rail().post_as(&dead.access, "/logout", json!({})).await.data(200));
    ends_at_the_edge(&edge, &dead.access).await;
    edge.demo(&session.access).await.expect(200);

    world.server_node().kill();
    let ask = async |host: &str| edge.get(host, "/", &session.access).await.status;
    assert_eq!(ask("demo.localhost").await, 200);
    edge.demo(&dead.access).await.expect(401);
    world.advance(Duration::from_secs(40));
    assert_eq!(ask("demo.localhost").await, 200);
    let stale = edge.get("hasty.localhost", "/", &session.access).await;
    stale.expect(503);
    assert!(stale.header("retry-after").parse::<u64>().is_ok(), "{stale:?}");
    world.advance(minutes(5));
    assert_eq!(ask("demo.localhost").await, 503);
    assert_eq!(ask("patient.localhost").await, 200);
    edge.demo(&dead.access).await.expect(503);
    edge.get("patient.localhost", "/", &dead.access).await.expect(401);

    // The server comes back, and with it everything else, by itself.
    world.server_node().start().await;
    until("the edge is fresh again", Duration::from_secs(10), async || {
        (edge.demo(&session.access).await.status == 200).then_some(())
    })
    .await;
    edge.demo(&dead.access).await.expect(401);
}

#[tokio::test]
async fn an_edge_starts_from_its_last_view_while_the_server_is_away() {
    let mut world = World::plan().apart().start().await;
    let (edge, person) = (world.edge(), world.enrolled().await);
    let session = world.sign_in(&person).await;
    let dead = world.sign_in_with_backup_code(&person).await;
    drop(world.rail().post_as(&dead.access, "/logout", json!({})).await.data(200));
    ends_at_the_edge(&edge, &dead.access).await;
    world.server_node().kill();
    world.edge_node().end().await;
    world.edge_node().start().await;
    edge.demo(&session.access).await.expect(200);
    edge.demo(&dead.access).await.expect(401);
    // The view is no younger for having been read again.
    world.advance(minutes(5) + Duration::from_secs(1));
    edge.demo(&session.access).await.expect(503);
}

#[tokio::test]
async fn an_edge_killed_right_after_an_ending_remembers_it() {
    let mut world = World::plan().apart().start().await;
    let person = world.enrolled().await;
    let live = world.sign_in(&person).await;
    let edge = world.edge();
    for code in &person.backup_codes[..5] {
        let half = world.half_sign_in(&person).await;
        let proved = verify(&world.rail(), &half, code).await.data(200);
        let dead = Session::of(&proved);
        edge.demo(&dead.access).await.expect(200);
        drop(world.rail().post_as(&dead.access, "/logout", json!({})).await.data(200));
        ends_at_the_edge(&edge, &dead.access).await;
        world.edge_node().kill();
        // Nobody is there to tell it again.
        world.server_node().kill();
        world.edge_node().start().await;
        edge.demo(&dead.access).await.expect(401);
        edge.demo(&live.access).await.expect(200);
        world.server_node().start().await;
        world.caught_up().await;
    }
}

#[tokio::test]
async fn an_edge_that_knows_nothing_lets_nobody_in() {
    let mut world = World::plan().apart().start().await;
    let session = world.sign_in(&world.enrolled().await).await;
    world.server_node().kill();
    world.edge_node().kill();
    std::fs::remove_dir_all(world.data_dir(1)).unwrap();
    world.edge_node().launch();
    let edge = world.edge();
    let answer = until("the edge listens", Duration::from_secs(10), async || {
        let request = edge.request("GET", "demo.localhost", "/").bearer_auth(&session.access);
        tests::rail::try_send(request).await.ok()
    })
    .await;
    answer.expect(503);
}
