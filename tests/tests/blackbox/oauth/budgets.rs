//! What anybody may ask for, and how often: nobody fills a store, or keeps a processor busy, without
//! having shown who they are.

use std::time::Duration;

use serde_json::json;
use tests::{
    World,
    browser::Browser,
    rail::send,
    relying_party::{Tokens, form},
};

use super::{error, refused_with, sent_back};

#[tokio::test]
async fn a_request_has_at_most_a_hundred_parameters_wherever_it_comes() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let names: Vec<String> = (0..101).map(|number| format!("p{number}")).collect();
    let many = form(&names.iter().map(|name| (name.as_str(), "x")).collect::<Vec<_>>());
    let rail = ["token", "par", "revoke", "introspect", "device_authorization", "userinfo"];
    for name in rail {
        for path in [format!("/{name}"), format!("/api/v1/oauth2/{name}")] {
            let answer = send(client.form_request(&path).body(many.clone())).await;
            error(&answer, 400, "invalid_request");
            assert!(answer.text.contains("leave out what is not needed"), "{}", answer.text);
        }
    }
    let members = names.iter().map(|name| (name.clone(), json!("x"))).collect();
    let body = serde_json::Value::Object(members);
    let answer = send(world.rail().request_root("POST", "/token").json(&body)).await;
    error(&answer, 400, "invalid_request");
    let pages = ["/authorize", "/api/v1/oauth2/authorize", "/end_session", "/login", "/device"];
    for path in pages {
        let asked = world.rail().root("GET", &format!("{path}?{many}")).await;
        let posted = send(client.form_request(path).body(many.clone())).await;
        for answer in [asked, posted] {
            assert_eq!(answer.status, 400, "{path}: {}", answer.text);
            assert!(answer.header("content-type").starts_with("text/html"));
            assert!(answer.text.contains("invalid_request"), "{}", answer.text);
            assert!(answer.text.contains("leave out what is not needed"), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn requests_that_nobody_signs_in_for_are_counted_by_their_network() {
    let mut world = World::plan().set("limits.requests_per_network", 3).start().await;
    let (client, person) = (world.relying_party(json!({})).await, world.person().await);
    // What is answered is given back.
    let mut signed_in = Browser::new(&world);
    for _ in 0..5 {
        signed_in = Browser::new(&world);
        client.tokens(&mut signed_in, &person, &[]).await;
    }
    for _ in 0..2 {
        let mut browser = Browser::new(&world);
        browser.get(&client.url(&[])).await;
        browser.answer().expect(200);
    }
    // A public client may be anybody: what it pushes is counted with them.
    client.push(&[]).await.expect(201);
    error(&client.push(&[]).await, 429, "temporarily_unavailable");
    refused_with(&world, &sent_back(&world, &client, &[]).await, "temporarily_unavailable");
    // Nothing is kept where nobody has to be asked.
    client.tokens(&mut signed_in, &person, &[]).await;
    world.confidential(json!({})).await.push(&[]).await.expect(201);
    world.advance(Duration::from_secs(61));
    client.push(&[]).await.expect(201);
}

#[tokio::test]
async fn what_a_client_pushes_is_counted_apart_from_what_others_do() {
    let world = World::plan().set("limits.requests_per_client", 2).start().await;
    let client = world.confidential(json!({})).await;
    for _ in 0..2 {
        client.push(&[]).await.expect(201);
    }
    error(&client.push(&[]).await, 429, "temporarily_unavailable");
    world.confidential(json!({})).await.push(&[]).await.expect(201);
}

#[tokio::test]
async fn what_is_kept_of_a_request_has_its_longest_values() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    client.push(&[("state", &"s".repeat(2048)), ("nonce", &"n".repeat(1024))]).await.expect(201);
    for (name, length) in [("state", 2049), ("nonce", 1025), ("login_hint", 1025), ("claims", 4097)]
    {
        error(&client.push(&[(name, &"x".repeat(length))]).await, 400, "invalid_request");
    }
    let long = "x".repeat(1025);
    let told = sent_back(&world, &client, &[("nonce", &long)]).await;
    refused_with(&world, &told, "invalid_request");
    assert!(told["error_description"].contains("nonce is longer than 1024"), "{told:?}");
}

#[tokio::test]
async fn revocations_are_counted_where_they_end_something() {
    let mut world = World::plan().set("limits.revocations_per_client", 2).start().await;
    let client = world.confidential(json!({ "grant_types": [
        "authorization_code", "refresh_token", "client_credentials",
    ] }));
    let (client, person) = (client.await, world.person().await);
    let own = async || {
        let fields = [("grant_type", "client_credentials")];
        Tokens::of(&client.token(&fields).await).access
    };
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    client.revoke(&tokens.refresh).await.expect(200);
    for _ in 0..5 {
        client.revoke("nonsense").await.expect(200);
    }
    client.revoke(&own().await).await.expect(200);
    let third = own().await;
    error(&client.revoke(&third).await, 429, "temporarily_unavailable");
    assert_eq!(client.introspect(&third).await.json()["active"], true);
    world.advance(Duration::from_secs(61));
    client.revoke(&third).await.expect(200);
    assert_eq!(client.introspect(&third).await.json()["active"], false);
}
