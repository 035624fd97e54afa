//! What an edge tells apps and the server: assertions, their keys, and what it refused.

#![allow(clippy::unwrap_used)]

mod world;

use std::{os::unix::fs::PermissionsExt, time::Duration};

use jwks::{
    decide::{ChallengeReason, Decision},
    feed::Change,
    key_set::KeySet,
    policy::{Require, Rule},
    record::RecordedCredential,
    verify::{TokenError, verify_access_token, verify_signed},
    view::View,
};
use serde_json::{Value, json};
use world::{BASE_URL, ISSUER, World, eventually, status, values};

const TYPE: &str = "site-assertion+jwt";

async fn keys(world: &World) -> KeySet {
    let answer = world.get("/.signalbox/jwks.json", &[]).await;
    assert_eq!(status(&answer), 200, "{answer}");
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    KeySet::from_jwks(&serde_json::from_str(body).unwrap())
}

async fn assertion(world: &World, token: &str) -> String {
    assert_eq!(status(&world.get_as("/", token).await), 200);
    values(&world.upstream.newest(), "x-auth-assertion")[0].to_owned()
}

#[tokio::test]
async fn an_app_can_tell_by_itself_who_the_caller_is() {
    let world = World::start().await;
    let token = world.issuer.good();
    let assertion = assertion(&world, &token).await;
    let keys = keys(&world).await;
    let claims: Value = verify_signed(&keys, TYPE, &assertion).unwrap();
    let now = world.clock.now().secs();
    for (name, value) in [
        ("iss", json!(ISSUER)),
        ("aud", json!(BASE_URL)),
        ("sub", json!("user-1")),
        ("sid", json!("session-1")),
        ("roles", json!(["staff", "ops"])),
        ("acr", json!("urn:signalbox:2fa")),
        ("amr", json!(["pwd", "otp"])),
        ("email", json!("ann@example.test")),
        ("name", json!("Ann Örn")),
        ("method", json!("bearer")),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert!((now - claims["iat"].as_i64().unwrap()).abs() <= 5);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
    // It is no access token, here or anywhere; and an access token is none of it.
    assert_eq!(
        verify_access_token(&keys, ISSUER, &assertion, world.clock.now()).unwrap_err(),
        TokenError::WrongType
    );
    assert_eq!(status(&world.get_as("/", &assertion).await), 401);
    assert_eq!(verify_signed::<Value>(&keys, TYPE, &token).unwrap_err(), TokenError::WrongType);
}

#[tokio::test]
async fn an_assertion_is_made_anew_after_half_its_life_and_for_each_token() {
    let world = World::start().await;
    let token = world.issuer.good();
    let first = assertion(&world, &token).await;
    assert_eq!(assertion(&world, &token).await, first);
    let mut claims = world.issuer.claims();
    claims.sid = Some("session-2".into());
    assert_ne!(assertion(&world, &world.issuer.token(&claims)).await, first);
    world.clock.advance(Duration::from_secs(31));
    assert_ne!(assertion(&world, &token).await, first);
}

#[tokio::test]
async fn nobody_is_asserted_where_nobody_signed_in() {
    let world = World::with_site(|site| site.policy.require = Require::Public).await;
    assert_eq!(status(&world.get("/", &[("X-Auth-Assertion", "forged")]).await), 200);
    assert!(values(&world.upstream.newest(), "x-auth-assertion").is_empty());
}

#[tokio::test]
async fn the_key_is_the_edges_own_and_outlives_it() {
    let world = World::start().await;
    let file = world.data_dir.join("assertion-key.der");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let token = world.issuer.good();
    let before = assertion(&world, &token).await;
    let world = world.restart().await;
    world.until(&token, |answer| status(answer) == 200).await;
    assert!(verify_signed::<Value>(&keys(&world).await, TYPE, &before).is_ok());
    // The server is told the public half and nothing else.
    eventually("the key is told", || !world.feed.keys.lock().unwrap().is_empty()).await;
    let told = world.feed.keys.lock().unwrap().first().unwrap().clone();
    assert_eq!((&told["kty"], &told["alg"]), (&json!("OKP"), &json!("EdDSA")));
    assert!(told.get("d").is_none(), "{told}");
}

#[tokio::test]
async fn the_keys_of_other_edges_are_published_too() {
    let other = World::start().await;
    eventually("the key is told", || !other.feed.keys.lock().unwrap().is_empty()).await;
    let told = other.feed.keys.lock().unwrap().first().unwrap().clone();
    let token = other.issuer.good();
    let foreign = assertion(&other, &token).await;

    let world = World::start().await;
    let before = world.feed.keys.lock().unwrap().len();
    world.feed.keys.lock().unwrap().push(told);
    let world = world.restart().await;
    eventually("the keys are asked for", || world.feed.keys.lock().unwrap().len() > before + 1)
        .await;
    let known =
        async { while verify_signed::<Value>(&keys(&world).await, TYPE, &foreign).is_err() {} };
    tokio::time::timeout(world::PATIENCE, known).await.expect("the other key is published");
}

#[tokio::test]
async fn a_refusal_is_told_and_is_reached_again_from_what_was_told() {
    let world = World::with_site(|site| {
        site.policy.rules = vec![Rule {
            prefix: Some("/pay".into()),
            require: Some(Require::PhishingResistant),
            ..Rule::default()
        }];
    })
    .await;
    let token = world.issuer.good();
    let refused = world.get_as("/pay/%61?secret=1", &token).await;
    assert_eq!(status(&refused), 401);
    let id = values(&refused, "x-signalbox-decision")[0].to_owned();
    let is_told = || world.feed.told.lock().unwrap().iter().any(|told| told.id == id);
    eventually("the refusal is told", is_told).await;
    let told = world.feed.told.lock().unwrap().iter().find(|told| told.id == id).unwrap().clone();
    assert_eq!((told.status, told.reason.as_str()), (401, "insufficient"));
    assert_eq!((told.site_key.as_deref(), told.site_version), (Some("app"), Some(1)));
    let facts = told.facts.as_ref().unwrap();
    assert_eq!(facts.request.path.as_deref(), Ok("/pay/a"));
    assert!(matches!(facts.presented, RecordedCredential::Bearer(_)));
    // Nothing that opens a door, and no name, leaves the edge.
    let text = serde_json::to_string(&told).unwrap();
    let signature = token.rsplit('.').next().unwrap();
    for secret in [signature, "secret", "ann@example.test", "Ann"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }

    let view = View::from_snapshot(world.feed.snapshot());
    let Decision::Challenge(again) = facts.judge(&view, told.at) else {
        panic!("another decision");
    };
    assert!(matches!(again.reason, ChallengeReason::Insufficient { .. }));
}

#[tokio::test]
async fn refusals_wait_for_a_server_that_is_away() {
    let world = World::start().await;
    world.feed.go_down().await;
    let refused = world.get("/", &[]).await;
    let id = values(&refused, "x-signalbox-decision")[0].to_owned();
    world.feed.push(Change::SiteRemoved("none".into()));
    world.feed.set_up(true);
    let is_told = || world.feed.told.lock().unwrap().iter().any(|told| told.id == id);
    eventually("the refusal is told", is_told).await;
}
