//! API keys at the edge.

#![allow(clippy::unwrap_used)]

mod world;

use std::time::Duration;

use jwks::{
    api_key::{Digest, KeyHolder, KeyRecord, written},
    cutoff::CutOffKind,
    feed::Change,
    policy::{Accept, ApiKeyRule, Require},
};
use serde_json::json;
use uuid::Uuid;
use world::{World, eventually, status, values};

const KEY: Uuid = Uuid::from_u128(0x0199_a1b2_c3d4_7e5f_8a6b_7c8d_9e0f_1a2b);
const ADA: Uuid = Uuid::from_u128(0x0199_a1b2_c3d4_7e5f_8a6b_7c8d_9e0f_0001);

/// A site that takes API keys, and asks people for more than a key can show.
async fn world() -> World {
    World::with_site(|site| {
        site.policy.require = Require::PhishingResistant;
        let rule = ApiKeyRule { scopes: vec!["read".into()] };
        site.policy.accept = Accept { api_key: Some(rule), ..Accept::default() };
    })
    .await
}

fn key() -> String {
    written(KEY, &[7; 32])
}

fn ada(world: &World) -> KeyHolder {
    let now = world.clock.now();
    KeyHolder {
        user_id: ADA,
        email: "ada@example.test".into(),
        name: "Ada Ö".into(),
        roles: vec!["clerk".into(), "a,b".into()],
        tenant_id: "acme".into(),
        active: true,
        keys: vec![KeyRecord {
            id: KEY,
            digest: Digest::of(&key()),
            scopes: vec!["read".into()],
            sites: vec!["app".into()],
            created_at: now,
            expires_at: now.plus(Duration::from_secs(3600)),
        }],
    }
}

fn tell(world: &World, holder: KeyHolder) {
    world.feed.push(Change::KeyHolder(Box::new(holder)));
}

/// Asks with the key until the status is this one.
async fn until(world: &World, expected: u16) -> String {
    let asking = async {
        loop {
            let answer = world.get("/", &[("X-API-Key", &key())]).await;
            if status(&answer) == expected {
                return answer;
            }
        }
    };
    tokio::time::timeout(world::PATIENCE, asking).await.expect("the answer changes")
}

#[tokio::test]
async fn a_key_says_whose_it_is_and_goes_no_further() {
    let world = world().await;
    tell(&world, ada(&world));
    until(&world, 200).await;
    let bearer = format!("Bearer {}", key());
    for fields in [
        &[("X-API-Key", key()), ("Authorization", "Basic dTpw".to_owned())][..],
        &[("Authorization", bearer)],
    ] {
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(status(&world.get("/", &fields).await), 200);
        let seen = world.upstream.newest();
        for (name, expected) in [
            ("x-auth-user", &[ADA.to_string().as_str()][..]),
            ("x-auth-email", &["ada@example.test"]),
            ("x-auth-name", &["Ada%20%C3%96"]),
            ("x-auth-roles", &["clerk,a%2Cb"]),
            ("x-auth-tenant", &["acme"]),
            ("x-auth-method", &["api_key"]),
            ("x-auth-session", &[]),
            ("x-auth-acr", &[]),
            ("x-auth-amr", &[]),
            ("x-api-key", &[]),
        ] {
            assert_eq!(values(&seen, name), expected, "{name} in {seen}");
        }
        assert!(!seen.contains("sbk_"), "{seen}");
        // What the app calls its own stays.
        let basic: &[&str] = if fields.len() == 2 { &["Basic dTpw"] } else { &[] };
        assert_eq!(values(&seen, "authorization"), basic);
    }
    let me = world.get("/.signalbox/me", &[("X-API-Key", &key())]).await;
    assert!(me.contains(&format!("\"sub\":\"{ADA}\"")), "{me}");
}

#[tokio::test]
async fn a_key_is_judged_with_the_server_away_and_after_a_restart() {
    let world = world().await;
    tell(&world, ada(&world));
    until(&world, 200).await;
    world.feed.go_down().await;
    let world = world.restart().await;
    until(&world, 200).await;
    let mut wrong = key();
    wrong.replace_range(40..41, if &wrong[40..41] == "A" { "B" } else { "A" });
    for (other, code) in [
        (wrong, "INVALID_API_KEY"),
        (written(KEY, &[8; 32]), "INVALID_API_KEY"),
        (written(ADA, &[7; 32]), "INVALID_API_KEY"),
        (String::from("sbk_"), "INVALID_API_KEY"),
    ] {
        let refused = world.get("/", &[("X-API-Key", &other)]).await;
        assert_eq!(status(&refused), 401, "{refused}");
        assert!(refused.contains(code), "{refused}");
    }
    world.clock.advance(Duration::from_secs(200));
    until(&world, 200).await;
    world.clock.advance(Duration::from_secs(200));
    until(&world, 503).await;
}

#[tokio::test]
async fn what_becomes_of_key_and_owner_reaches_the_edge() {
    let world = world().await;
    tell(&world, ada(&world));
    until(&world, 200).await;
    tell(&world, KeyHolder { name: "Countess".into(), ..ada(&world) });
    eventually_named(&world, "Countess").await;
    tell(&world, KeyHolder { active: false, ..ada(&world) });
    until(&world, 401).await;
    tell(&world, ada(&world));
    until(&world, 200).await;
    let end = world.clock.now().plus(Duration::from_secs(9));
    world.feed.end(CutOffKind::User, &ADA.to_string(), end);
    until(&world, 401).await;
    let later = end.plus(Duration::from_secs(2));
    let mut anew = ada(&world);
    anew.keys[0].created_at = later;
    tell(&world, anew);
    until(&world, 200).await;
    world.feed.end(CutOffKind::ApiKey, &KEY.to_string(), later);
    until(&world, 401).await;
}

async fn eventually_named(world: &World, name: &str) {
    loop {
        until(world, 200).await;
        if values(&world.upstream.newest(), "x-auth-name") == [name] {
            return;
        }
    }
}

#[tokio::test]
async fn the_last_use_is_told_together() {
    let world = world().await;
    tell(&world, ada(&world));
    until(&world, 200).await;
    for _ in 0..5 {
        until(&world, 200).await;
    }
    let last = || world.feed.uses.lock().unwrap().last().cloned();
    eventually("the use is told", || last().is_some()).await;
    let told = last().unwrap();
    assert_eq!(told["uses"][0][0], json!(KEY));
    assert_eq!(told["uses"].as_array().unwrap().len(), 1);
    // An edge that stops tells the rest.
    until(&world, 200).await;
    let world = world.stop().await;
    assert!(world.feed.uses.lock().unwrap().len() > 1);
}
