//! RFC 9126: requests that clients push, and what may go wrong with them.

use std::time::Duration;

use serde_json::json;
use tests::{
    World,
    browser::{Browser, encoded},
    relying_party::{RelyingParty, through},
};

use super::{error, refused_with, sent_back, shown};

async fn pushed(client: &RelyingParty, changes: &[(&str, &str)]) -> String {
    let answer = client.push(changes).await;
    let body = answer.expect(201).json();
    assert_eq!(answer.header("cache-control"), "no-store");
    let seconds = body["expires_in"].as_u64().unwrap_or_else(|| panic!("{body}"));
    assert!((5..=600).contains(&seconds), "{body}");
    body["request_uri"].as_str().unwrap().to_owned()
}

fn url(world: &World, client: &RelyingParty, request_uri: &str) -> String {
    let named = [("client_id", &*client.id), ("request_uri", request_uri)];
    let named = named.map(|(name, value)| (name.to_owned(), value.to_owned()));
    format!("{}/authorize?{}", world.issuer(), encoded(&named))
}

#[tokio::test]
async fn the_request_uri_leads_to_a_code() {
    let world = World::shared().await;
    let person = world.person().await;
    for client in [world.confidential(json!({})).await, world.relying_party(json!({})).await] {
        let request_uri = pushed(&client, &[]).await;
        assert!(request_uri.starts_with("urn:ietf:params:oauth:request_uri:"), "{request_uri}");
        let mut browser = Browser::new(&world);
        browser.get(&url(&world, &client, &request_uri)).await;
        let arrived = through(&mut browser, &person).await;
        assert_eq!(arrived["state"], tests::relying_party::STATE);
        client.redeem(&arrived["code"]).await.expect(200);
    }
}

#[tokio::test]
async fn the_request_uri_is_consumed_when_the_sign_in_completes_and_not_at_the_first_visit() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let address = url(&world, &client, &pushed(&client, &[]).await);
    // A preview of the link, and a reload.
    Browser::new(&world).get(&address).await;
    let mut browser = Browser::new(&world);
    browser.get(&address).await;
    browser.get(&address).await;
    assert!(through(&mut browser, &person).await.contains_key("code"));
    browser.get(&address).await;
    shown(&browser, "invalid_request_uri");
}

#[tokio::test]
async fn one_request_uri_gives_one_code_though_two_tabs_come_to_the_end() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let address = url(&world, &client, &pushed(&client, &[]).await);
    let (mut one, mut two) = (Browser::new(&world), Browser::new(&world));
    one.get(&address).await;
    two.get(&address).await;
    assert!(through(&mut one, &person).await.contains_key("code"));
    two.sign_in(&person).await;
    let again = two.left().is_some() && two.arrived().contains_key("code");
    assert!(!again, "two codes of one request");
}

#[tokio::test]
async fn a_request_uri_that_is_over_or_unknown_or_anothers_is_shown_to_be() {
    let mut world = World::start().await;
    let client = world.confidential(json!({})).await;
    let other = world.confidential(json!({})).await;
    let request_uri = pushed(&client, &[]).await;
    for address in [
        url(&world, &other, &request_uri),
        url(&world, &client, "urn:ietf:params:oauth:request_uri:nonsense"),
        url(&world, &client, &format!("{request_uri}A")),
    ] {
        let mut browser = Browser::new(&world);
        browser.get(&address).await;
        shown(&browser, "invalid_request_uri");
    }
    world.advance(Duration::from_secs(601));
    let mut browser = Browser::new(&world);
    browser.get(&url(&world, &client, &request_uri)).await;
    shown(&browser, "invalid_request_uri");
}

#[tokio::test]
async fn what_stands_beside_a_request_uri_changes_nothing() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let request_uri = pushed(&client, &[]).await;
    let address = format!(
        "{}&scope=openid+email&state=other&redirect_uri=https://evil.test/&prompt=none",
        url(&world, &client, &request_uri)
    );
    let mut browser = Browser::new(&world);
    browser.get(&address).await;
    let arrived = through(&mut browser, &person).await;
    assert_eq!(arrived["state"], tests::relying_party::STATE);
    assert!(browser.left().unwrap().url.starts_with(tests::relying_party::REDIRECT));
    let answer = client.redeem(&arrived["code"]).await.expect(200).json();
    assert_eq!(answer["scope"], "openid");
}

#[tokio::test]
async fn invalid_request_where_a_request_uri_is_pushed() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let answer = client.push(&[("request_uri", "urn:ietf:params:oauth:request_uri:a")]).await;
    error(&answer, 400, "invalid_request");
}

#[tokio::test]
async fn what_authorize_would_refuse_is_refused_when_it_is_pushed() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    for (name, value, code) in [
        ("response_type", "", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("redirect_uri", "", "invalid_request"),
        ("redirect_uri", "https://evil.test/", "invalid_request"),
        ("scope", "openid \"x\"", "invalid_scope"),
        ("prompt", "none login", "invalid_request"),
        ("response_mode", "pigeon", "invalid_request"),
        ("resource", "https://other.test", "invalid_target"),
        ("request", "a.b.c", "request_not_supported"),
    ] {
        error(&client.push(&[(name, value)]).await, 400, code);
    }
    let public = world.relying_party(json!({})).await;
    error(&public.push(&[("code_challenge", "")]).await, 400, "invalid_request");
}

#[tokio::test]
async fn invalid_client_where_the_client_does_not_prove_who_it_is() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    error(&client.with_secret("wrong").push(&[]).await, 401, "invalid_client");
    error(&client.by("none").push(&[]).await, 401, "invalid_client");
    let other = world.confidential(json!({})).await;
    // Authenticated as one, named as another.
    let answer = client.post("/par", &[("client_id", &other.id)]).await;
    assert!([400, 401].contains(&answer.status), "{}", answer.text);
}

#[tokio::test]
async fn method_not_allowed_where_it_is_no_post() {
    let world = World::shared().await;
    world.rail().root("GET", "/par").await.expect(405);
}

#[tokio::test]
async fn payload_too_large_where_it_is() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let answer = client.push(&[("state", &"x".repeat(20_000))]).await;
    assert!([400, 413].contains(&answer.status), "{}", answer.status);
}

#[tokio::test]
async fn a_client_that_must_push_is_refused_where_it_does_not() {
    let world = World::shared().await;
    let must = json!({ "require_pushed_authorization_requests": true });
    let client = world.confidential(must).await;
    refused_with(&world, &sent_back(&world, &client, &[]).await, "invalid_request");
    let mut browser = Browser::new(&world);
    browser.get(&url(&world, &client, &pushed(&client, &[]).await)).await;
    assert_eq!(browser.answer().status, 200);
}
