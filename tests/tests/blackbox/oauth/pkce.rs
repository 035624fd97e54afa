//! RFC 7636, with S256 alone (RFC 9700 section 2.1.1, rule 12).

use serde_json::json;
use tests::{
    World,
    browser::Browser,
    relying_party::{VERIFIER, challenge},
};

use super::{error, refused_with, sent_back};

#[tokio::test]
async fn invalid_request_where_a_public_client_sends_no_challenge() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    refused_with(&world, &sent_back(&world, &client, &without).await, "invalid_request");
    let method_alone = [("code_challenge", "")];
    refused_with(&world, &sent_back(&world, &client, &method_alone).await, "invalid_request");
}

#[tokio::test]
async fn invalid_request_where_a_confidential_client_must_and_does_not() {
    let world = World::shared().await;
    let client = world.confidential(json!({ "require_pkce": true })).await;
    refused_with(&world, &sent_back(&world, &client, &[]).await, "invalid_request");
}

#[tokio::test]
async fn invalid_request_where_the_transformation_is_plain_or_unknown() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    // Without a method it is `plain` (section 4.3).
    for method in ["plain", "", "S512", "s256"] {
        let arrived = sent_back(&world, &client, &[("code_challenge_method", method)]).await;
        refused_with(&world, &arrived, "invalid_request");
    }
}

#[tokio::test]
async fn invalid_request_where_the_challenge_is_none() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let good = challenge(VERIFIER);
    for wrong in [&good[1..], &format!("{good}A"), &format!("{}!", &good[1..]), "short"] {
        let arrived = sent_back(&world, &client, &[("code_challenge", wrong)]).await;
        refused_with(&world, &arrived, "invalid_request");
    }
}

#[tokio::test]
async fn invalid_grant_where_the_verifier_is_another_or_missing() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    let other = "x".repeat(43);
    let its_challenge = challenge(VERIFIER);
    for wrong in [&*other, &its_challenge, &VERIFIER[1..], &format!("{VERIFIER}="), ""] {
        let code = client.ask(&mut browser, &person, &[]).await["code"].clone();
        let answer = client.redeem_with(&code, &[("code_verifier", wrong)]).await;
        error(&answer, 400, "invalid_grant");
    }
}

#[tokio::test]
async fn a_verifier_without_a_challenge_is_an_error() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let person = world.person().await;
    let code = client.ask(&mut Browser::new(&world), &person, &[]).await["code"].clone();
    let answer = client.redeem_with(&code, &[("code_verifier", VERIFIER)]).await;
    error(&answer, 400, "invalid_grant");
}

#[tokio::test]
async fn a_confidential_client_may_use_it() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let person = world.person().await;
    let with = [("code_challenge", &*challenge(VERIFIER)), ("code_challenge_method", "S256")];
    let mut browser = Browser::new(&world);
    let code = client.ask(&mut browser, &person, &with).await["code"].clone();
    client.redeem_with(&code, &[("code_verifier", VERIFIER)]).await.expect(200);
    // A challenge that came must be answered, whatever is registered.
    let code = client.ask(&mut browser, &person, &with).await["code"].clone();
    error(&client.redeem(&code).await, 400, "invalid_grant");
}

#[tokio::test]
async fn a_verifier_has_forty_three_to_a_hundred_and_twenty_eight_characters() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    for (verifier, status) in [
        ("a".repeat(42), 400),
        ("a".repeat(43), 200),
        ("-._~".repeat(32), 200),
        ("a".repeat(129), 400),
    ] {
        let its = challenge(&verifier);
        let arrived = client.ask(&mut browser, &person, &[("code_challenge", &its)]).await;
        let fields = [("code_verifier", &*verifier)];
        client.redeem_with(&arrived["code"], &fields).await.expect(status);
    }
}
