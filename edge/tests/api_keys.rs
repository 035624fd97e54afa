//! API keys at the edge.

#![allow(clippy::unwrap_used)]

mod world;

use std::{sync::atomic::Ordering, time::Duration};

use jwks::{
    api_key::{Digest, KeyHolder, KeyRecord, written},
    cutoff::CutOffKind,
    feed::Change,
    policy::{Accept, ApiKeyRule, Require, read_network},
    site::Site,
};
use serde_json::json;
use uuid::Uuid;
use world::{World, eventually, status, values};

const KEY: Uuid = Uuid::from_u128(0x0199_a1b2_c3d4_7e5f_8a6b_7c8d_9e0f_1a2b);
const ADA: Uuid = Uuid::from_u128(0x0199_a1b2_c3d4_7e5f_8a6b_7c8d_9e0f_0001);

/// A site that takes API keys, and asks people for more than a key can show.
async fn world() -> World {
    World::with_site(takes_keys).await
}

fn takes_keys(site: &mut Site) {
    site.policy.require = Require::PhishingResistant;
    let rule = ApiKeyRule { scopes: vec!["read".into()] };
    site.policy.accept = Accept { api_key: Some(rule), ..Accept::default() };
}

/// The same, where the server knows keys that the edge was not told of.
async fn world_with_more() -> World {
    World::told(takes_keys, |told| told.more_keys = true, |_| {}).await
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
            networks: Box::default(),
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

/// The same, good from these networks alone.
fn bound(world: &World, networks: &[&str]) -> KeyHolder {
    let mut holder = ada(world);
    holder.keys[0].networks = networks.iter().map(|it| read_network(it).unwrap()).collect();
    holder
}

#[tokio::test]
async fn a_key_is_good_from_its_own_networks_alone_with_the_server_away() {
    let proxy = "127.0.0.1".parse::<std::net::IpAddr>().unwrap();
    let world = World::with(takes_keys, |config| config.trusted_proxies = vec![proxy.into()]).await;
    tell(&world, bound(&world, &["192.0.2.0/24", "2001:db8::7"]));
    // The proxy itself calls from elsewhere.
    let refused = until(&world, 403).await;
    assert!(refused.contains("FORBIDDEN"), "{refused}");
    world.feed.go_down().await;
    for (caller, expected) in [
        ("192.0.2.9", 200),
        ("::ffff:192.0.2.9", 200),
        ("2001:db8::7", 200),
        ("2001:db8::8", 403),
        ("192.0.3.9", 403),
        // What a caller writes itself is not where it calls from.
        ("192.0.2.9, 192.0.3.9", 403),
    ] {
        let fields = [("X-API-Key", key()), ("X-Forwarded-For", caller.to_owned())];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = world.get("/", &fields).await;
        assert_eq!(status(&answer), expected, "{caller}: {answer}");
    }
    // An edge that trusts nobody holds it to where it is called from, by what it kept on its disk.
    let world = world.restart().await;
    until(&world, 403).await;
    let forged = [("X-API-Key", key()), ("X-Forwarded-For", "192.0.2.9".to_owned())];
    let forged = forged.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(status(&world.get("/", &forged).await), 403);
    world.feed.set_up(true);
    tell(&world, bound(&world, &["127.0.0.0/8"]));
    until(&world, 200).await;
}

#[tokio::test]
async fn a_key_that_is_looked_up_is_held_to_its_networks() {
    let world = world_with_more().await;
    world.feed.holders.lock().unwrap().push(bound(&world, &["192.0.2.0/24"]));
    let refused = world.get("/", &[("X-API-Key", &key())]).await;
    assert_eq!(status(&refused), 403, "{refused}");
    assert_eq!(world.feed.lookups.load(Ordering::SeqCst), 1);
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

#[tokio::test]
async fn a_key_that_the_edge_has_no_room_for_is_looked_up_and_ends_like_others() {
    let world = world_with_more().await;
    world.feed.holders.lock().unwrap().push(ada(&world));
    let lookups = || world.feed.lookups.load(Ordering::SeqCst);
    for _ in 0..10 {
        let answer = world.get("/", &[("X-API-Key", &key())]).await;
        assert_eq!(status(&answer), 200, "{answer}");
    }
    assert_eq!(lookups(), 1);
    // The answer outlives the server.
    world.feed.go_down().await;
    until(&world, 200).await;
    let other = written(ADA, &[7; 32]);
    let away = world.get("/", &[("X-API-Key", &other)]).await;
    assert_eq!(status(&away), 503, "{away}");
    world.feed.set_up(true);
    // What comes over the feed reaches it, and counts for more than what was said.
    let dead = world.clock.now().plus(Duration::from_secs(9));
    world.feed.end(CutOffKind::ApiKey, &KEY.to_string(), dead);
    until(&world, 401).await;
    assert_eq!(lookups(), 1);
}

#[tokio::test]
async fn a_change_of_its_owner_reaches_a_key_that_was_looked_up() {
    let world = world_with_more().await;
    world.feed.holders.lock().unwrap().push(ada(&world));
    until(&world, 200).await;
    tell(&world, KeyHolder { active: false, ..ada(&world) });
    until(&world, 401).await;
}

#[tokio::test]
async fn whoever_shows_keys_that_are_none_has_the_server_asked_so_often_and_no_more() {
    let world = world_with_more().await;
    for id in 0..100 {
        let none = written(Uuid::from_u128(id), &[7; 32]);
        let answer = world.get("/", &[("X-API-Key", &none)]).await;
        assert!([401, 503].contains(&status(&answer)), "{answer}");
    }
    assert_eq!(world.feed.lookups.load(Ordering::SeqCst), 30);
    // Where the edge holds all of them, nobody is asked.
    let whole = self::world().await;
    let answer = whole.get("/", &[("X-API-Key", &key())]).await;
    assert_eq!(status(&answer), 401);
    assert_eq!(whole.feed.lookups.load(Ordering::SeqCst), 0);
}
