//! RFC 6749 section 4.1.2.1 and OpenID Connect Core section 3.1.2.6: every error that goes back to
//! the client.

use serde_json::json;
use tests::{
    World,
    browser::Browser,
    rail::send,
    relying_party::{REDIRECT, form},
};

use super::{refused_with, sent_back};
use crate::minutes;

#[tokio::test]
async fn invalid_request_where_a_required_parameter_is_missing() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let arrived = sent_back(&world, &client, &[("response_type", "")]).await;
    refused_with(&world, &arrived, "invalid_request");
}

#[tokio::test]
async fn invalid_request_where_a_parameter_comes_more_than_once() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    for name in ["scope", "nonce", "prompt", "code_challenge", "response_type"] {
        let mut browser = Browser::new(&world);
        let twice = format!("{}&{name}=login&{name}=login", client.url(&[]));
        browser.get(&twice).await;
        refused_with(&world, &browser.arrived(), "invalid_request");
    }
}

#[tokio::test]
async fn invalid_request_where_a_parameter_has_a_value_that_cannot_be() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    for (name, value) in [
        ("prompt", "nonsense"),
        ("prompt", "none login"),
        ("max_age", "-1"),
        ("max_age", "soon"),
        ("claims", "{"),
        ("claims", "[]"),
        ("id_token_hint", "nonsense"),
    ] {
        let arrived = sent_back(&world, &client, &[(name, value)]).await;
        refused_with(&world, &arrived, "invalid_request");
    }
}

#[tokio::test]
async fn unauthorized_client_where_it_may_not_ask_for_a_code() {
    let world = World::shared().await;
    let grants = json!({ "grant_types": ["client_credentials"], "response_types": [] });
    let client = world.confidential(grants).await;
    let arrived = sent_back(&world, &client, &[]).await;
    refused_with(&world, &arrived, "unauthorized_client");
}

#[tokio::test]
async fn access_denied_where_the_person_refuses() {
    let world = World::shared().await;
    let client = world.relying_party(json!({ "first_party": false })).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[("scope", "openid email")])).await;
    browser.sign_in(&person).await;
    browser.submit(&[("decision", "deny")]).await;
    refused_with(&world, &browser.arrived(), "access_denied");
    // A refusal is not remembered: the next request asks again.
    browser.get(&client.url(&[("scope", "openid email")])).await;
    assert_eq!((browser.left(), browser.path()), (None, "/consent"));
}

#[tokio::test]
async fn unsupported_response_type_where_it_is_not_a_code_that_is_asked_for() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    for kind in ["token", "id_token", "code id_token", "code token", "id_token token", "none"] {
        let arrived = sent_back(&world, &client, &[("response_type", kind)]).await;
        refused_with(&world, &arrived, "unsupported_response_type");
    }
}

#[tokio::test]
async fn invalid_scope_where_it_is_malformed() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    for scope in ["openid \"quoted\"", "openid back\\slash", "openid \u{e9}"] {
        let arrived = sent_back(&world, &client, &[("scope", scope)]).await;
        refused_with(&world, &arrived, "invalid_scope");
    }
}

#[tokio::test]
async fn invalid_target_where_a_resource_is_not_the_clients() {
    let world = World::shared().await;
    let client = world.relying_party(json!({ "audiences": ["https://api.test"] })).await;
    for resource in
        ["https://other.test", "https://api.test/more", "relative", "https://api.test#a"]
    {
        let arrived = sent_back(&world, &client, &[("resource", resource)]).await;
        refused_with(&world, &arrived, "invalid_target");
    }
}

#[tokio::test]
async fn login_required_where_nobody_may_be_asked_and_nobody_is_signed_in() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let arrived = sent_back(&world, &client, &[("prompt", "none")]).await;
    refused_with(&world, &arrived, "login_required");
}

#[tokio::test]
async fn login_required_where_nobody_may_be_asked_and_the_sign_in_is_too_old() {
    let mut world = World::start().await;
    let (client, person) = (world.relying_party(json!({})).await, world.person().await);
    let mut browser = Browser::new(&world);
    drop(client.tokens(&mut browser, &person, &[]).await);
    world.advance(minutes(2));
    browser.get(&client.url(&[("prompt", "none"), ("max_age", "60")])).await;
    refused_with(&world, &browser.arrived(), "login_required");
    browser.get(&client.url(&[("prompt", "none"), ("max_age", "600")])).await;
    assert!(browser.arrived().contains_key("code"));
}

#[tokio::test]
async fn login_required_where_nobody_may_be_asked_and_somebody_else_is_signed_in() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let (ada, bob) = (world.person().await, world.person().await);
    let hint = client.tokens(&mut Browser::new(&world), &ada, &[]).await.id;
    let mut browser = Browser::new(&world);
    drop(client.tokens(&mut browser, &bob, &[]).await);
    browser.get(&client.url(&[("prompt", "none"), ("id_token_hint", &hint)])).await;
    refused_with(&world, &browser.arrived(), "login_required");
}

#[tokio::test]
async fn consent_required_where_nobody_may_be_asked_and_nothing_was_allowed() {
    let world = World::shared().await;
    let client = world.relying_party(json!({ "first_party": false })).await;
    let other = world.relying_party(json!({})).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    drop(other.tokens(&mut browser, &person, &[]).await);
    browser.get(&client.url(&[("prompt", "none")])).await;
    refused_with(&world, &browser.arrived(), "consent_required");
}

#[tokio::test]
async fn request_not_supported_where_a_request_object_comes() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let object = "eyJhbGciOiJub25lIn0.eyJzdGF0ZSI6Im90aGVyIn0.";
    let arrived = sent_back(&world, &client, &[("request", object)]).await;
    refused_with(&world, &arrived, "request_not_supported");
}

#[tokio::test]
async fn request_uri_not_supported_where_one_is_to_be_fetched() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let arrived = sent_back(&world, &client, &[("request_uri", "https://app.test/request")]).await;
    refused_with(&world, &arrived, "request_uri_not_supported");
}

#[tokio::test]
async fn registration_not_supported_where_one_comes_along() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let arrived = sent_back(&world, &client, &[("registration", "{}")]).await;
    refused_with(&world, &arrived, "registration_not_supported");
}

#[tokio::test]
async fn unmet_authentication_requirements_where_the_person_cannot_reach_the_level() {
    let world = World::shared().await;
    let (client, person) = (world.relying_party(json!({})).await, world.person().await);
    let claims = json!({ "id_token": { "acr": {
        "essential": true, "values": ["urn:example:no-such-level"],
    } } });
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[("claims", &claims.to_string())])).await;
    if browser.left().is_none() {
        browser.sign_in(&person).await;
    }
    refused_with(&world, &browser.arrived(), "unmet_authentication_requirements");
}

#[tokio::test]
async fn an_error_comes_back_in_the_response_mode_that_was_asked_for() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    for mode in ["query", "fragment", "form_post"] {
        let mut browser = Browser::new(&world);
        browser.get(&client.url(&[("response_mode", mode), ("prompt", "none")])).await;
        if mode == "form_post" {
            browser.submit(&[]).await;
        }
        let left = browser.left().unwrap().clone();
        let begin = match mode {
            "query" => format!("{REDIRECT}?"),
            "fragment" => format!("{REDIRECT}#"),
            _ => REDIRECT.to_owned(),
        };
        assert!(left.url.starts_with(&begin), "{mode}: {}", left.url);
        assert_eq!(left.fields.is_some(), mode == "form_post");
        refused_with(&world, &browser.arrived(), "login_required");
    }
    let arrived = sent_back(&world, &client, &[("response_mode", "pigeon")]).await;
    refused_with(&world, &arrived, "invalid_request");
}

#[tokio::test]
async fn a_request_may_be_posted() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let fields = client.asked_with(&[("prompt", "none")]);
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // Of no other site, it is answered at once.
    let answer = client.post_bare("/authorize", &fields).await;
    answer.expect(303);
    let there = answer.header("location");
    assert!(there.starts_with(&format!("{REDIRECT}?")), "{there}");
    assert!(there.contains("error=login_required"), "{there}");
    let of_another = client.form_request("/authorize").header("sec-fetch-site", "cross-site");
    let answer = send(of_another.body(form(&fields))).await;
    answer.expect(303);
    let mut browser = Browser::new(&world);
    browser.get(answer.header("location")).await;
    refused_with(&world, &browser.arrived(), "login_required");
    // What no address holds is refused, and not cut.
    let long = "n".repeat(17_000);
    let fields = [fields, vec![("nonce", &*long)]].concat();
    let answer = client.post_bare("/authorize", &fields).await;
    assert!([400, 413].contains(&answer.status), "{}", answer.status);
}
