//! Signing keys: rotation on a running system.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use tests::{World, forge::header, process::until};

/// What access tokens are signed with, unless a test says otherwise.
const ACCESS: &str = "ES256";

/// The names of the keys of access tokens that are published.
async fn published(world: &World) -> BTreeSet<String> {
    published_by(world, 0).await
}

/// The same, of those that one of the servers publishes.
async fn published_by(world: &World, number: usize) -> BTreeSet<String> {
    let keys = keys_of(world, number).await;
    let keys = keys.into_iter().filter(|(_, algorithm)| algorithm == ACCESS);
    keys.map(|(kid, _)| kid).collect()
}

/// Every key that one of the servers publishes: its name and its algorithm.
async fn keys_of(world: &World, number: usize) -> Vec<(String, String)> {
    let answer = world.rail_of(number).root("GET", "/.well-known/jwks.json").await;
    let keys = answer.expect(200).json();
    let keys = keys["keys"].as_array().unwrap();
    for key in keys {
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none(), "{private} is published");
        }
    }
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    keys.iter().map(|key| (text(&key["kid"]), text(&key["alg"]))).collect()
}

/// Every key of a server, once there is one of each algorithm.
async fn complete(world: &World) -> Vec<(String, String)> {
    until("there is a key of every algorithm", Duration::from_secs(60), async || {
        let keys = keys_of(world, 0).await;
        let all = ["ES256", "EdDSA", "RS256", "PS256"];
        let has = |wanted: &&str| keys.iter().any(|(_, algorithm)| algorithm == wanted);
        all.iter().all(has).then_some(keys)
    })
    .await
}

fn kid(token: &str) -> String {
    header(token)["kid"].as_str().unwrap().to_owned()
}

fn states(list: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = list.as_array().unwrap().iter().filter(|key| key["algorithm"] == ACCESS);
    list.map(|key| (text(&key["kid"]), text(&key["state"]))).collect()
}

#[tokio::test]
async fn a_new_key_is_published_before_it_signs_and_the_old_one_until_its_tokens_are_dead() {
    let mut world = World::start().await;
    let person = world.enrolled().await;
    let old = world.sign_in(&person).await;
    let before = published(&world).await;
    assert_eq!(before, [kid(&old.access)].into());

    let rotated = world.signalbox(&["keys", "rotate"]).await.json();
    let new_kid = rotated["kid"].as_str().unwrap().to_owned();
    let listed = world.signalbox(&["keys", "list"]).await.json();
    let wanted = vec![(kid(&old.access), "active".into()), (new_kid.clone(), "published".into())];
    assert_eq!(states(&listed), wanted);
    until("both keys are published", Duration::from_secs(2), async || {
        (published(&world).await == [kid(&old.access), new_kid.clone()].into()).then_some(())
    })
    .await;
    let still = tests::person::refresh(&world.rail(), &old.refresh).await.data(200);
    let still = tests::Session::of(&still);
    assert_eq!(kid(&still.access), kid(&old.access));

    world.advance(Duration::from_secs(601));
    world.caught_up().await;
    let new = tests::person::refresh(&world.rail(), &still.refresh).await.data(200);
    let new = tests::Session::of(&new);
    assert_eq!(kid(&new.access), new_kid);
    assert_eq!(kid(&new.id), new_kid);
    for token in [&old.access, &still.access, &new.access] {
        drop(world.rail().call_as(token, "GET", "/me").await.data(200));
        world.edge().demo(token).await.expect(200);
    }

    // The last token of the old key is dead after an hour, and then the key goes too.
    world.advance(Duration::from_secs(3600 + 120));
    world.caught_up().await;
    let renewed = tests::person::refresh(&world.rail(), &new.refresh).await.data(200);
    let renewed = tests::Session::of(&renewed);
    drop(world.rail().post_as(&renewed.access, "/logout", json!({})).await.data(200));
    until("the old key is gone", Duration::from_secs(40), async || {
        (published(&world).await == [new_kid.clone()].into()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn there_is_a_key_of_every_algorithm_and_each_is_what_it_was_after_a_restart() {
    let mut world = World::start().await;
    let session = world.sign_in(&world.enrolled().await).await;
    let before = complete(&world).await;
    assert_eq!(before.len(), 4);
    let listed = world.signalbox(&["keys", "list"]).await.json();
    // Nothing was ever signed with them before: each signs at once.
    assert!(listed.as_array().unwrap().iter().all(|key| key["state"] == "active"), "{listed}");
    world.server_node().end().await;
    world.server_node().start().await;
    assert_eq!(keys_of(&world, 0).await, before);
    drop(world.rail().call_as(&session.access, "GET", "/me").await.data(200));
    world.edge().demo(&session.access).await.expect(200);
}

#[tokio::test]
async fn every_algorithm_signs_what_server_and_edge_believe() {
    for algorithm in ["EdDSA", "RS256"] {
        let world = World::plan().set("tokens.algorithm", algorithm).start().await;
        let session = world.sign_in(&world.enrolled().await).await;
        assert_eq!(header(&session.access)["alg"], algorithm);
        drop(world.rail().call_as(&session.access, "GET", "/me").await.data(200));
        world.edge().demo(&session.access).await.expect(200);
    }
}

#[tokio::test]
async fn a_key_of_another_algorithm_can_be_given_a_successor() {
    let world = World::start().await;
    drop(complete(&world).await);
    let made = world.signalbox(&["keys", "rotate", "--algorithm", "EdDSA"]).await.json();
    assert_eq!((&made["algorithm"], &made["state"]), (&json!("EdDSA"), &json!("published")));
    until("it is published", Duration::from_secs(2), async || {
        let keys = keys_of(&world, 0).await;
        (keys.iter().filter(|(_, algorithm)| algorithm == "EdDSA").count() == 2).then_some(())
    })
    .await;
    let session = world.sign_in(&world.person().await).await;
    assert_eq!(header(&session.access)["alg"], "ES256");
}

#[tokio::test]
async fn servers_rotate_by_themselves_and_sign_with_nothing_that_others_have_not_published() {
    const PERIOD: u64 = 335 + 60 + 60;
    const STEP: u64 = 35;
    const ROTATIONS: usize = 6;
    let mut world = World::plan()
        .replicas()
        .set("tokens.key_lead", 335)
        .set("tokens.access_ttl", 60)
        .set("tokens.id_ttl", 60)
        .set("tokens.key_rotation", PERIOD)
        .start()
        .await;
    let (one, other) = (world.person().await, world.person().await);
    let mut sessions = [world.sign_in(&one).await, world.sign_in(&other).await];
    let waker = world.person().await;
    let started_at = world.clock().secs();
    let (mut ever_published, mut signed_with) = (BTreeSet::new(), BTreeSet::new());
    for step in 0.. {
        if signed_with.len() == ROTATIONS {
            break;
        }
        assert!(step < 30 * ROTATIONS, "only {signed_with:?} after {step} steps");
        // Time goes much faster here than notices do.
        until("both publish the same", Duration::from_secs(20), async || {
            (published_by(&world, 0).await == published_by(&world, 1).await).then_some(())
        })
        .await;
        let known = [published_by(&world, 0).await, published_by(&world, 1).await];
        world.advance(Duration::from_secs(STEP));
        // An ending is in the feed, by which every server looks at the keys.
        if step % 4 == 0 {
            let session = world.sign_in(&waker).await;
            drop(world.rail().post_as(&session.access, "/logout", json!({})).await.data(200));
        }
        for number in [0, 1] {
            let rail = world.rail_of(number);
            let fresh = tests::person::refresh(&rail, &sessions[number].refresh).await.data(200);
            sessions[number] = tests::Session::of(&fresh);
            for token in [&sessions[number].access, &sessions[number].id] {
                for known in &known {
                    assert!(known.contains(&kid(token)), "{} is not in {known:?}", kid(token));
                }
                signed_with.insert(kid(token));
            }
            let access = &sessions[number].access;
            drop(world.rail_of(1 - number).call_as(access, "GET", "/me").await.data(200));
        }
        ever_published.extend(known.into_iter().flatten());
    }
    // One server made each key, and each when it was time.
    let periods = (world.clock().secs() - started_at) / PERIOD;
    assert!(ever_published.len() as u64 <= periods + 1, "{ever_published:?} in {periods}");
    let log = world.log();
    assert_eq!(log.matches("no key to sign with").count(), 0);
    // What is replaced goes: there is the one that signs, its successor and its predecessor.
    assert!(published(&world).await.len() <= 3);
}

#[tokio::test]
async fn another_algorithm_signs_at_once_with_the_key_that_was_published_all_along() {
    let mut world = World::start().await;
    let person = world.person().await;
    let old = world.sign_in(&person).await;
    let before = complete(&world).await;
    world.server_node().end().await;
    world.server_node().set("tokens.algorithm", "EdDSA");
    world.server_node().start().await;
    let new = tests::person::refresh(&world.rail(), &old.refresh).await.data(200);
    let new = tests::Session::of(&new);
    for token in [&new.access, &new.id] {
        assert!(before.contains(&(kid(token), "EdDSA".to_owned())), "{}", kid(token));
    }
    for token in [&old.access, &new.access] {
        drop(world.rail().call_as(token, "GET", "/me").await.data(200));
    }
}
