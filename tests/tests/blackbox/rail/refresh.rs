//! Refreshing: rotation, reuse, and ends.

use std::time::Duration;

use serde_json::json;
use tests::{
    Session, World,
    forge::claims,
    person::{refresh, verify},
    rail::Rail,
};

use crate::{days, ends_at_the_edge, hours, names, set};

async fn renewed(rail: &Rail, token: &str) -> Session {
    Session::of(&refresh(rail, token).await.data(200))
}

async fn refused(rail: &Rail, token: &str) {
    refresh(rail, token).await.refused(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_refresh_gives_a_whole_new_set_of_the_same_session() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let first = world.sign_in(&person).await;
    let data = refresh(&rail, &first.refresh).await.data(200);
    assert_eq!(
        names(&data),
        set([
            "accessToken",
            "refreshToken",
            "idToken",
            "tokenType",
            "expiresIn",
            "user",
            "mfaRequired"
        ])
    );
    let second = Session::of(&data);
    assert_ne!(first.refresh, second.refresh);
    let (old, new) = (claims(&first.access), claims(&second.access));
    assert_ne!(old["jti"], new["jti"]);
    for name in ["sid", "sub", "acr", "amr", "auth_time", "aud", "client_id"] {
        assert_eq!(old[name], new[name], "{name}");
    }
    drop(rail.call_as(&second.access, "GET", "/me").await.data(200));
    assert!(first.refresh.len() >= 43, "fewer than 256 bits");
}

#[tokio::test]
async fn a_refresh_never_raises_the_level() {
    let world = World::shared().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    world.enrol(&mut person, &session).await;
    let again = renewed(&rail, &session.refresh).await;
    assert_eq!(claims(&again.access)["acr"], "urn:signalbox:1fa");
    assert_eq!(claims(&again.access)["amr"], json!(["pwd"]));
    world.edge().demo(&again.access).await.expect(401);
}

#[tokio::test]
async fn a_spent_token_that_comes_back_ends_everything_of_its_session() {
    let world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let first = world.sign_in(&person).await;
    let second = renewed(&rail, &first.refresh).await;
    let third = renewed(&rail, &second.refresh).await;
    world.edge().demo(&third.access).await.expect(200);
    refused(&rail, &first.refresh).await;
    ends_at_the_edge(&world.edge(), &third.access).await;
    for token in [&first.access, &second.access, &third.access] {
        world.edge().demo(token).await.expect(401);
        rail.call_as(token, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    }
    for token in [&second.refresh, &third.refresh] {
        refused(&rail, token).await;
    }
}

#[tokio::test]
async fn a_lost_answer_can_be_asked_for_again_for_a_minute() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.person().await);
    let first = world.sign_in(&person).await;
    let lost = renewed(&rail, &first.refresh).await;
    world.advance(Duration::from_secs(50));
    let retried = renewed(&rail, &first.refresh).await;
    assert_ne!(retried.refresh, lost.refresh);
    let next = renewed(&rail, &retried.refresh).await;
    // The successor that was never used died with the retry: whoever holds it has stolen it.
    refused(&rail, &lost.refresh).await;
    refused(&rail, &next.refresh).await;
}

#[tokio::test]
async fn after_a_minute_a_spent_token_is_reuse() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.person().await);
    let first = world.sign_in(&person).await;
    let second = renewed(&rail, &first.refresh).await;
    world.advance(Duration::from_secs(61));
    refused(&rail, &first.refresh).await;
    refused(&rail, &second.refresh).await;
    rail.call_as(&second.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn within_the_minute_too_a_spent_token_is_reuse_once_its_successor_was_used() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let first = world.sign_in(&person).await;
    let second = renewed(&rail, &first.refresh).await;
    let third = renewed(&rail, &second.refresh).await;
    refused(&rail, &first.refresh).await;
    refused(&rail, &third.refresh).await;
}

#[tokio::test]
async fn reuse_in_one_session_leaves_the_others_alone() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let other = world.sign_in(&person).await;
    let first = world.sign_in(&person).await;
    let second = renewed(&rail, &first.refresh).await;
    drop(renewed(&rail, &second.refresh).await);
    refused(&rail, &first.refresh).await;
    drop(renewed(&rail, &other.refresh).await);
}

#[tokio::test]
async fn nothing_but_a_refresh_token_refreshes() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let half = world.half_sign_in(&person).await;
    let session = {
        let proved = verify(&rail, &half, &person.code(&world)).await;
        Session::of(&proved.data(200))
    };
    let half = world.half_sign_in(&person).await;
    let mut flipped = session.refresh.clone();
    let last = if flipped.pop() == Some('A') { 'B' } else { 'A' };
    flipped.push(last);
    let longer = format!("{}A", session.refresh);
    for token in
        ["", "nonsense", &half, &session.access, &session.id, &flipped, &longer, &"x".repeat(9000)]
    {
        refused(&rail, token).await;
    }
    drop(renewed(&rail, &session.refresh).await);
}

#[tokio::test]
async fn a_refresh_for_a_site_is_for_that_site() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let session = world.sign_in(&person).await;
    // What is wrong with the request does not spend the token.
    let wrong = json!({ "refreshToken": session.refresh, "siteKey": "no-such-site" });
    assert_eq!(rail.post("/refresh", wrong).await.wrong_fields(), ["siteKey"]);
    let body = json!({ "refreshToken": session.refresh, "siteKey": "demo" });
    let for_site = Session::of(&rail.post("/refresh", body).await.data(200));
    let base_url = format!("http://demo.localhost:{}", world.edge().port());
    assert_eq!(claims(&for_site.access)["aud"], base_url);
    rail.call_as(&for_site.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_refresh_token_lives_a_week_and_each_rotation_gives_it_again() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.person().await);
    let (kept, left) = (world.sign_in(&person).await, world.sign_in(&person).await);
    world.advance(days(6));
    let kept = renewed(&rail, &kept.refresh).await;
    world.advance(days(1) + Duration::from_secs(1));
    refused(&rail, &left.refresh).await;
    world.advance(days(5));
    drop(renewed(&rail, &kept.refresh).await);
}

#[tokio::test]
async fn a_session_ends_after_thirty_days_however_often_it_is_renewed() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.person().await);
    let mut session = world.sign_in(&person).await;
    for _ in 0..5 {
        world.advance(days(6) - Duration::from_secs(60));
        session = renewed(&rail, &session.refresh).await;
    }
    // Five minutes are left, and no token outlives them.
    let token = claims(&session.access);
    let life = token["exp"].as_i64().unwrap() - token["iat"].as_i64().unwrap();
    assert!((200..=300).contains(&life), "{life}");
    world.advance(Duration::from_secs(301));
    refused(&rail, &session.refresh).await;
    rail.call_as(&session.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn who_did_not_ask_to_be_remembered_is_signed_out_after_twelve_hours() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.person().await);
    let mut body = person.credentials();
    body["rememberMe"] = false.into();
    let forgotten = world.sign_in_with(&person, body).await;
    let remembered = world.sign_in(&person).await;
    world.advance(hours(11));
    let forgotten = renewed(&rail, &forgotten.refresh).await;
    world.advance(hours(1) + Duration::from_secs(1));
    refused(&rail, &forgotten.refresh).await;
    rail.call_as(&forgotten.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    drop(renewed(&rail, &remembered.refresh).await);
}
