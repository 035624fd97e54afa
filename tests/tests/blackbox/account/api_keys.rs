//! Personal API keys.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Person, World, rail::send};

use super::{call, post};
use crate::{minutes, names};

const PATH: &str = "/api-keys";

/// A site that takes API keys.
pub(crate) async fn site_with_keys(world: &World, key: &str, policy: Value) {
    let mut asked =
        json!({ "require": "signed_in", "accept": { "api_key": { "scopes": ["read"] } } });
    asked.as_object_mut().unwrap().extend(policy.as_object().unwrap().clone());
    let site = json!({
        "site_key": key,
        "base_url": format!("http://{key}.localhost"),
        "hosts": [format!("{key}.localhost")],
        "upstreams": ["http://127.0.0.1:9"],
        "policy": asked,
    });
    drop(world.create_site(&site).await);
}

/// What a key for this site is asked for with.
pub(crate) fn wanted(site_key: &str) -> Value {
    json!({ "name": "Nightly export", "scopes": ["write", "read", "read"], "sites": [site_key] })
}

/// The names of a person's keys, newest first.
async fn listed(world: &World, access: &str) -> Vec<Value> {
    let list = call(&world.rail(), access, "GET", PATH).await.data(200);
    list.as_array().unwrap().clone()
}

#[tokio::test]
async fn a_key_is_shown_once_and_listed_without_its_secret() {
    let world = World::shared().await;
    site_with_keys(&world, "keys-shown", json!({})).await;
    let (rail, person) = (world.rail(), world.person().await);
    let access = world.sign_in(&person).await.access;
    assert_eq!(listed(&world, &access).await, [] as [Value; 0]);
    let made = post(&rail, &access, PATH, &wanted("keys-shown")).await;
    assert_eq!(made.header("cache-control"), "no-store");
    let made = made.data(201);
    let about =
        ["id", "name", "scopes", "sites", "networks", "createdAt", "expiresAt", "lastUsedAt"];
    assert_eq!(names(&made), about.into_iter().chain(["apiKey"]).collect::<BTreeSet<_>>());
    let key = made["apiKey"].as_str().unwrap();
    let id = made["id"].as_str().unwrap();
    let (begin, secret) = key.rsplit_once(&id.replace('-', "")).unwrap();
    assert_eq!((begin, secret.len(), &secret[..1]), ("sbk_", 49, "_"), "{key}");
    assert_eq!(made["scopes"], json!(["read", "write"]));
    assert_eq!((&made["networks"], &made["lastUsedAt"]), (&json!([]), &Value::Null));

    let list = call(&rail, &access, "GET", PATH).await;
    assert!(!list.text.contains(secret), "{}", list.text);
    let mut without = made.clone();
    without.as_object_mut().unwrap().remove("apiKey");
    assert_eq!(list.data(200), json!([without]));
    // Another one, of which nothing is the same.
    let other = post(&rail, &access, PATH, &wanted("keys-shown")).await.data(201);
    assert_ne!(other["apiKey"].as_str().unwrap()[37..], key[37..]);
    let newest_first: Vec<Value> = listed(&world, &access).await;
    assert_eq!(
        newest_first.iter().map(|key| &key["id"]).collect::<Vec<_>>(),
        [&other["id"], &made["id"]]
    );
}

#[tokio::test]
async fn the_owner_is_told_of_a_new_key_by_a_letter_that_does_not_hold_it() {
    let world = World::shared().await;
    site_with_keys(&world, "keys-letter", json!({})).await;
    let person = world.person().await;
    let access = world.sign_in(&person).await.access;
    let made = post(&world.rail(), &access, PATH, &wanted("keys-letter")).await.data(201);
    let mails = world.mails(&person.email).await;
    let text = mails[0]["text"].as_str().unwrap();
    let year = &made["expiresAt"].as_str().unwrap()[..4];
    for part in ["API key", "Nightly export", "keys-letter", "until", year] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("sbk_") && !mails[0].to_string().contains("sbk_"));
}

#[tokio::test]
async fn a_key_is_made_after_a_fresh_proof_and_no_older_one() {
    let mut world = World::start().await;
    site_with_keys(&world, "keys", json!({})).await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    world.advance(minutes(6));
    let refused = post(&rail, &session.access, PATH, &wanted("keys")).await;
    assert_eq!(refused.error(403, "STEP_UP_REQUIRED")["maxAge"], 300);
    let fresh = world.sign_in(&person).await;
    let made = post(&rail, &fresh.access, PATH, &wanted("keys")).await.data(201);
    // Whoever has a factor proves that: a password of this moment is not enough.
    world.enrol(&mut person, &fresh).await;
    let again = json!({ "password": person.password });
    let refused = rail.post_as(&fresh.access, "/reauthenticate", again).await;
    refused.expect(403);
    post(&rail, &fresh.access, PATH, &wanted("keys")).await.refused(403, "STEP_UP_REQUIRED");
    assert_eq!(listed(&world, &fresh.access).await.len(), 1);
    // To list keys and to revoke one takes no proof.
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    drop(call(&rail, &session.access, "DELETE", &path).await);
    assert_eq!(listed(&world, &fresh.access).await.len(), 0);
}

#[tokio::test]
async fn nobody_sees_or_revokes_the_keys_of_another() {
    let world = World::shared().await;
    site_with_keys(&world, "keys-others", json!({})).await;
    let rail = world.rail();
    let (ada, eve) = (world.person().await, world.person().await);
    let (ada, eve) = (world.sign_in(&ada).await.access, world.sign_in(&eve).await.access);
    let made = post(&rail, &ada, PATH, &wanted("keys-others")).await.data(201);
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    assert_eq!(listed(&world, &eve).await.len(), 0);
    let unknown = format!("{PATH}/0199ffff-0000-7000-8000-000000000000");
    let refusals = [
        call(&rail, &eve, "DELETE", &path).await,
        call(&rail, &eve, "DELETE", &unknown).await,
        call(&rail, &eve, "DELETE", &format!("{PATH}/nonsense")).await,
    ];
    let told: Vec<Value> = refusals.iter().map(tests::Answer::without_meta).collect();
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
    refusals[0].refused(404, "NOT_FOUND");
    assert_eq!(listed(&world, &ada).await.len(), 1);
    let revoked = call(&rail, &ada, "DELETE", &path).await.data(200);
    assert_eq!(revoked, json!({ "id": made["id"], "revoked": true }));
    assert_eq!(listed(&world, &ada).await.len(), 0);
    call(&rail, &ada, "DELETE", &path).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_key_opens_no_endpoint_of_an_account_and_is_no_token_of_any_kind() {
    let world = World::shared().await;
    site_with_keys(&world, "keys-bearer", json!({})).await;
    let (rail, person) = (world.rail(), world.person().await);
    let access = world.sign_in(&person).await.access;
    let made = post(&rail, &access, PATH, &wanted("keys-bearer")).await.data(201);
    let key = made["apiKey"].as_str().unwrap();
    for (method, path) in [
        ("GET", "/api/v1/auth/me"),
        ("GET", "/api/v1/auth/sessions"),
        ("DELETE", "/api/v1/auth/sessions"),
        ("GET", "/api/v1/account/api-keys"),
        ("GET", "/api/v1/account/apps"),
        ("GET", "/api/v1/account/activity"),
        ("GET", "/api/v1/oauth2/clients"),
        ("POST", "/api/v1/auth/logout"),
    ] {
        let bearer = send(rail.request_root(method, path).bearer_auth(key)).await;
        bearer.refused(401, "INVALID_TOKEN");
        let header = send(rail.request_root(method, path).header("x-api-key", key)).await;
        header.refused(401, "UNAUTHORIZED");
    }
    send(rail.request_root("GET", "/userinfo").bearer_auth(key)).await.expect(401);
    for (path, field) in [("/refresh", "refreshToken"), ("/mfa/verify", "mfaToken")] {
        let body = json!({ field: key, "code": "123456" });
        let body = if path == "/refresh" { json!({ field: key }) } else { body };
        rail.post(path, body).await.refused(401, "INVALID_TOKEN");
    }
    // And no key makes another.
    post(&rail, key, PATH, &wanted("keys-bearer")).await.refused(401, "INVALID_TOKEN");
    assert_eq!(listed(&world, &access).await.len(), 1);
}

#[tokio::test]
async fn a_key_is_for_sites_that_take_keys_of_its_owner_and_others_are_not_told_from_none() {
    let world = World::shared().await;
    site_with_keys(&world, "keys-open", json!({})).await;
    site_with_keys(&world, "keys-admins", json!({ "allow": { "roles": ["admin"] } })).await;
    site_with_keys(&world, "keys-none", json!({ "accept": {} })).await;
    let (rail, person) = (world.rail(), world.person().await);
    let access = world.sign_in(&person).await.access;
    let asked = async |sites: Value| {
        let mut body = wanted("");
        body["sites"] = sites;
        post(&rail, &access, PATH, &body).await
    };
    let mut told = BTreeSet::new();
    for sites in [
        json!(["keys-admins"]),
        json!(["keys-none"]),
        json!(["keys-nowhere"]),
        json!(["keys-open", "keys-admins"]),
        json!(["KEYS-OPEN"]),
        json!(["demo"]),
    ] {
        let answer = asked(sites).await;
        assert_eq!(answer.wrong_fields(), ["sites"]);
        told.insert(answer.without_meta().to_string());
    }
    assert_eq!(told.len(), 1, "{told:?}");
    for sites in [json!([]), json!("keys-open"), json!([7])] {
        assert_eq!(asked(sites).await.wrong_fields(), ["sites"]);
    }
    assert_eq!(asked(json!(["keys-open"])).await.data(201)["sites"], json!(["keys-open"]));
    // An admin may go where the site says so.
    let admin = world.sign_in(&world.admin().await).await.access;
    drop(post(&rail, &admin, PATH, &wanted("keys-admins")).await.data(201));
}

#[tokio::test]
async fn what_cannot_be_taken_of_a_key_is_named() {
    let world = World::shared().await;
    site_with_keys(&world, "keys-fields", json!({})).await;
    let (rail, person) = (world.rail(), world.person().await);
    let access = world.sign_in(&person).await.access;
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("x".repeat(101))),
        ("name", json!("a\nb")),
        ("scopes", json!(["two words"])),
        ("scopes", json!(["\"quoted\""])),
        ("scopes", json!((0..21).map(|number| number.to_string()).collect::<Vec<_>>())),
        ("networks", json!("192.0.2.7")),
        ("networks", json!([7])),
        ("networks", json!([""])),
        ("networks", json!(["10.0.0.0/33"])),
        ("networks", json!(["::ffff:10.0.0.1"])),
        ("networks", json!((0..17).map(|last| format!("192.0.2.{last}")).collect::<Vec<_>>())),
        ("expiresAt", json!("tomorrow")),
        ("expiresAt", json!("2001-01-01T00:00:00Z")),
        ("expiresAt", json!("2999-01-01T00:00:00Z")),
        ("expiresAt", json!(90)),
        ("userId", json!("somebody")),
        ("roles", json!(["admin"])),
    ] {
        let mut body = wanted("keys-fields");
        body[field] = value.clone();
        let answer = post(&rail, &access, PATH, &body).await;
        assert_eq!(answer.wrong_fields(), [field], "{value}");
    }
    assert_eq!(listed(&world, &access).await.len(), 0);
}

#[tokio::test]
async fn a_key_is_bound_to_networks_that_its_owner_reads_again() {
    let world = World::shared().await;
    site_with_keys(&world, "keys-bound", json!({})).await;
    let (rail, person) = (world.rail(), world.person().await);
    let access = world.sign_in(&person).await.access;
    let asked = async |networks: Value| {
        let mut body = wanted("keys-bound");
        body["networks"] = networks;
        post(&rail, &access, PATH, &body).await
    };
    let given = json!(["2001:DB8::7", "192.0.2.9/24", "192.0.2.0/24", "10.0.0.7"]);
    let made = asked(given).await.data(201);
    let networks = json!(["10.0.0.7/32", "192.0.2.0/24", "2001:db8::7/128"]);
    assert_eq!(made["networks"], networks);
    assert_eq!(listed(&world, &access).await[0]["networks"], networks);
    let mails = world.mails(&person.email).await;
    let text = mails[0]["text"].as_str().unwrap();
    assert!(text.contains("from 10.0.0.7/32, 192.0.2.0/24, 2001:db8::7/128 alone"), "{text}");
    assert_eq!(asked(Value::Null).await.data(201)["networks"], json!([]));
    let wrong = asked(json!(["192.0.2.0/24", "office"])).await;
    assert_eq!(wrong.wrong_fields(), ["networks"]);
    assert!(wrong.text.contains("`office` is neither an address nor a network"), "{}", wrong.text);
}

#[tokio::test]
async fn a_key_is_over_when_it_says_and_lives_no_longer_than_the_settings_allow() {
    let mut world = World::plan().set("tokens.api_key_ttl", 7200).start().await;
    site_with_keys(&world, "keys", json!({})).await;
    let (rail, person) = (world.rail(), world.person().await);
    let access = world.sign_in(&person).await.access;
    let made = post(&rail, &access, PATH, &wanted("keys")).await.data(201);
    let instant = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let life = instant(&made["expiresAt"]).duration_since(instant(&made["createdAt"]));
    assert_eq!(life.as_secs(), 7200);
    let mut body = wanted("keys");
    let later = instant(&made["expiresAt"]) + std::time::Duration::from_secs(60);
    body["expiresAt"] = later.to_string().into();
    assert_eq!(post(&rail, &access, PATH, &body).await.wrong_fields(), ["expiresAt"]);
    let sooner = instant(&made["createdAt"]) + std::time::Duration::from_secs(600);
    body["expiresAt"] = sooner.to_string().into();
    let short = post(&rail, &access, PATH, &body).await.data(201);
    assert_eq!(instant(&short["expiresAt"]), sooner);
    // One that is over is listed still, and can be cleared away.
    world.advance(minutes(11));
    let access = world.sign_in(&person).await.access;
    assert_eq!(listed(&world, &access).await.len(), 2);
    let path = format!("{PATH}/{}", short["id"].as_str().unwrap());
    drop(call(&rail, &access, "DELETE", &path).await.data(200));
    assert_eq!(listed(&world, &access).await.len(), 1);
}

#[tokio::test]
async fn of_many_keys_made_at_once_no_more_remain_than_may_be() {
    const MOST: usize = 5;
    let plan = World::plan().set("limits.api_keys_per_person", MOST).replicas();
    let world = plan.start().await;
    site_with_keys(&world, "keys", json!({})).await;
    let person = world.person().await;
    let access = world.sign_in(&person).await.access;
    let tries = (0..64).map(|number| {
        let (rail, access) = (world.rail_of(number), access.clone());
        async move { post(&rail, &access, PATH, &wanted("keys")).await }
    });
    let answers = join_all(tries).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    for answer in &answers {
        assert!([201, 409, 429].contains(&answer.status), "{}: {}", answer.status, answer.text);
    }
    assert_eq!(made, MOST);
    let keys = listed(&world, &access).await;
    assert_eq!(keys.len(), MOST);
    // Where one goes there is room for one.
    let path = format!("{PATH}/{}", keys[0]["id"].as_str().unwrap());
    drop(call(&world.rail(), &access, "DELETE", &path).await.data(200));
}

#[tokio::test]
async fn where_a_key_is_revoked_another_may_be_made() {
    let world = World::plan().set("limits.api_keys_per_person", 1).start().await;
    site_with_keys(&world, "keys", json!({})).await;
    let (rail, person) = (world.rail(), world.person().await);
    let access = world.sign_in(&person).await.access;
    let made = post(&rail, &access, PATH, &wanted("keys")).await.data(201);
    post(&rail, &access, PATH, &wanted("keys")).await.refused(409, "CONFLICT");
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    drop(call(&rail, &access, "DELETE", &path).await.data(200));
    drop(post(&rail, &access, PATH, &wanted("keys")).await.data(201));
}

#[tokio::test]
async fn a_password_that_is_reset_ends_every_key_and_one_that_is_changed_ends_none() {
    let world = World::start().await;
    site_with_keys(&world, "keys", json!({})).await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    drop(post(&rail, &session.access, PATH, &wanted("keys")).await.data(201));
    let new = Person::new().password;
    let change = json!({ "currentPassword": person.password, "newPassword": new });
    drop(rail.post_as(&session.access, "/change-password", change).await.data(200));
    person.password = new;
    assert_eq!(listed(&world, &session.access).await.len(), 1);

    drop(rail.post("/forgot-password", json!({ "email": person.email })).await.data(202));
    let token = world.mailed_token(&person.email).await;
    let new = Person::new().password;
    let reset = json!({ "token": token, "password": new });
    drop(rail.post("/reset-password", reset).await.data(200));
    person.password = new;
    let access = world.sign_in(&person).await.access;
    assert_eq!(listed(&world, &access).await, [] as [Value; 0]);
}

#[tokio::test]
async fn what_was_done_with_keys_is_in_the_log_without_them() {
    let world = World::plan().env("SIGNALBOX_LOG", "debug").start().await;
    site_with_keys(&world, "keys", json!({})).await;
    let (rail, person) = (world.rail(), world.person().await);
    let access = world.sign_in(&person).await.access;
    let made = post(&rail, &access, PATH, &wanted("keys")).await.data(201);
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    drop(call(&rail, &access, "DELETE", &path).await.data(200));
    let seen = call(&rail, &access, "GET", "/activity").await;
    let key = made["apiKey"].as_str().unwrap();
    let secret = &key[37..];
    assert!(!seen.text.contains(secret), "{}", seen.text);
    let events = seen.data(200);
    let of_keys: Vec<(&str, &str)> = events
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["event"].as_str().unwrap().starts_with("auth.api_key."))
        .map(|event| (event["event"].as_str().unwrap(), event["name"].as_str().unwrap()))
        .collect();
    let name = "Nightly export";
    assert_eq!(of_keys, [("auth.api_key.revoked", name), ("auth.api_key.created", name)]);
    drop(send(rail.request_root("GET", "/api/v1/auth/me").bearer_auth(key)).await);
    assert!(!world.log().contains(secret), "the key is in the log");
}
