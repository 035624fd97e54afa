//! RFC 8628: what a device hears while it waits, and the errors of sections 3.1 and 3.5.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    Answer, Person, World,
    browser::Browser,
    relying_party::{RelyingParty, has},
};

use super::error;
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn television(world: &World) -> RelyingParty {
    let metadata = json!({
        "grant_types": [GRANT, "refresh_token"], "response_types": [], "redirect_uris": [],
        "first_party": false,
    });
    world.relying_party(metadata).await
}

async fn begun(client: &RelyingParty) -> Value {
    let answer = client.post("/device_authorization", &[("scope", "openid email")]).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.expect(200).json()
}

async fn poll(client: &RelyingParty, grant: &Value) -> Answer {
    let code = grant["device_code"].as_str().unwrap();
    client.token(&[("grant_type", GRANT), ("device_code", code)]).await
}

/// Somebody types the code, signs in and says `decision`.
async fn decide(world: &World, person: &Person, grant: &Value, decision: &str) {
    let mut browser = Browser::new(world);
    browser.get("/device").await;
    for _ in 0..4 {
        if has(&browser, "password") {
            browser.sign_in(person).await;
        } else if has(&browser, "user_code") {
            browser.submit(&[("user_code", grant["user_code"].as_str().unwrap())]).await;
        } else if has(&browser, "decision") {
            browser.submit(&[("decision", decision)]).await;
            return;
        }
    }
    panic!("nobody was asked: {}", browser.answer().text);
}

#[tokio::test]
async fn the_answer_holds_what_the_device_shows_and_keeps() {
    let world = World::shared().await;
    let grant = begun(&television(&world).await).await;
    assert!(super::bytes_in(grant["device_code"].as_str().unwrap()) >= 32, "{grant}");
    let user_code = grant["user_code"].as_str().unwrap();
    assert!((8..=12).contains(&user_code.len()), "{grant}");
    let there = format!("{}/device", world.issuer());
    assert_eq!(grant["verification_uri"], there.as_str());
    let complete = grant["verification_uri_complete"].as_str().unwrap();
    assert!(complete.starts_with(&there) && complete.contains(user_code), "{grant}");
    assert_eq!(grant["interval"], 5);
    assert!(grant["expires_in"].as_u64().is_some_and(|secs| (60..=1800).contains(&secs)));
}

#[tokio::test]
async fn authorization_pending_as_long_as_nothing_was_said_and_then_tokens_once() {
    let mut world = World::start().await;
    let (client, person) = (television(&world).await, world.person().await);
    let grant = begun(&client).await;
    error(&poll(&client, &grant).await, 400, "authorization_pending");
    decide(&world, &person, &grant, "allow").await;
    world.advance(Duration::from_secs(6));
    let answer = poll(&client, &grant).await.expect(200).json();
    assert_eq!(answer["scope"], "openid email");
    let access = answer["access_token"].as_str().unwrap();
    assert_eq!(client.userinfo(access).await.expect(200).json()["email"], person.email.as_str());
    world.advance(Duration::from_secs(6));
    error(&poll(&client, &grant).await, 400, "invalid_grant");
}

#[tokio::test]
async fn slow_down_where_the_device_asks_sooner_than_it_may() {
    let mut world = World::start().await;
    let client = television(&world).await;
    let grant = begun(&client).await;
    error(&poll(&client, &grant).await, 400, "authorization_pending");
    error(&poll(&client, &grant).await, 400, "slow_down");
    // Each time five seconds more.
    world.advance(Duration::from_secs(6));
    error(&poll(&client, &grant).await, 400, "slow_down");
    world.advance(Duration::from_secs(16));
    error(&poll(&client, &grant).await, 400, "authorization_pending");
}

#[tokio::test]
async fn access_denied_where_the_person_refuses() {
    let mut world = World::start().await;
    let (client, person) = (television(&world).await, world.person().await);
    let grant = begun(&client).await;
    decide(&world, &person, &grant, "deny").await;
    world.advance(Duration::from_secs(6));
    error(&poll(&client, &grant).await, 400, "access_denied");
}

#[tokio::test]
async fn expired_token_where_the_device_code_is_over() {
    let mut world = World::start().await;
    let client = television(&world).await;
    let grant = begun(&client).await;
    let life = grant["expires_in"].as_u64().unwrap();
    world.advance(Duration::from_secs(life + 1));
    error(&poll(&client, &grant).await, 400, "expired_token");
}

#[tokio::test]
async fn invalid_grant_where_the_device_code_is_unknown_or_anothers() {
    let world = World::shared().await;
    let (client, other) = (television(&world).await, television(&world).await);
    let grant = begun(&client).await;
    error(&poll(&other, &grant).await, 400, "invalid_grant");
    let unknown = json!({ "device_code": "nonsense" });
    error(&poll(&client, &unknown).await, 400, "invalid_grant");
    error(&client.token(&[("grant_type", GRANT)]).await, 400, "invalid_request");
}

#[tokio::test]
async fn unauthorized_client_where_it_may_not_ask_so() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let answer = client.post("/device_authorization", &[("scope", "openid")]).await;
    error(&answer, 400, "unauthorized_client");
}

#[tokio::test]
async fn invalid_client_where_the_client_is_unknown() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let answer = client.post_bare("/device_authorization", &[("client_id", "nobody")]).await;
    error(&answer, 401, "invalid_client");
    error(&client.post_bare("/device_authorization", &[]).await, 401, "invalid_client");
}
