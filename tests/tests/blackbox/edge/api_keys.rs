//! API keys at the sites they were made for.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Answer, Person, Session, World, process::until, rail::send};

use super::{
    explained::explained,
    sites::{open, site},
};
use crate::account::{call, post};

/// A site that takes API keys.
pub(super) async fn site_with_keys(world: &World, key: &str) {
    let mut draft = site(world, key).await;
    draft["policy"] = json!({ "accept": { "api_key": { "scopes": ["read"] } } });
    open(world, &draft).await;
}

/// A new key of a person for a site, as the answer to its making.
pub(super) async fn made(world: &World, session: &Session, site_key: &str) -> Value {
    let wanted = json!({ "name": "CI", "scopes": ["read"], "sites": [site_key] });
    post(&world.rail(), &session.access, "/api-keys", &wanted).await.data(201)
}

async fn asked(world: &World, site_key: &str, key: &str) -> Answer {
    let host = format!("{site_key}.localhost");
    send(world.edge().request("GET", &host, "/").header("x-api-key", key)).await
}

async fn opens(world: &World, site_key: &str, key: &str) -> Answer {
    until("the edge knows the key", Duration::from_secs(5), async || {
        Some(asked(world, site_key, key).await).filter(|answer| answer.status == 200)
    })
    .await
}

async fn somebody(world: &World) -> (Person, Session) {
    let person = world.person().await;
    let session = world.sign_in(&person).await;
    (person, session)
}

#[tokio::test]
async fn a_key_speaks_for_its_owner_until_it_is_revoked() {
    let world = World::shared().await;
    site_with_keys(&world, "keyed").await;
    let (person, session) = somebody(&world).await;
    let made = made(&world, &session, "keyed").await;
    let key = made["apiKey"].as_str().unwrap();
    let seen: Value = opens(&world, "keyed", key).await.json();
    let headers = &seen["headers"];
    assert_eq!(headers["x-auth-method"], "api_key");
    assert_eq!(headers["x-auth-email"], person.email.as_str());
    for none in ["x-api-key", "authorization", "x-auth-acr", "x-auth-session"] {
        assert_eq!(headers[none], Value::Null, "{seen}");
    }
    world.edge().get("keyed.localhost", "/", key).await.expect(200);
    // Elsewhere it is nothing.
    asked(&world, "demo", key).await.expect(401);

    let rail = world.rail();
    let listed = async || call(&rail, &session.access, "GET", "/api-keys").await.data(200);
    until("its use is told", Duration::from_secs(15), async || {
        listed().await[0]["lastUsedAt"].is_string().then_some(())
    })
    .await;

    let path = format!("/api-keys/{}?wait=edges", made["id"].as_str().unwrap());
    call(&rail, &session.access, "DELETE", &path).await.expect(200);
    let refused = asked(&world, "keyed", key).await;
    refused.expect(401);
    assert!(refused.text.contains("INVALID_API_KEY"), "{}", refused.text);
}

#[tokio::test]
async fn a_key_is_over_at_the_edge_when_it_says() {
    let mut world = World::plan().set("tokens.api_key_ttl", 7200).start().await;
    site_with_keys(&world, "brief").await;
    let (_, session) = somebody(&world).await;
    let made = made(&world, &session, "brief").await;
    let key = made["apiKey"].as_str().unwrap();
    opens(&world, "brief", key).await;
    world.advance(Duration::from_secs(7201));
    world.caught_up().await;
    asked(&world, "brief", key).await.expect(401);
}

#[tokio::test]
async fn a_key_is_judged_while_the_server_is_away() {
    let mut world = World::plan().apart().start().await;
    site_with_keys(&world, "alone").await;
    let (_, session) = somebody(&world).await;
    let made = made(&world, &session, "alone").await;
    let key = made["apiKey"].as_str().unwrap();
    opens(&world, "alone", key).await;
    world.server_node().kill();
    asked(&world, "alone", key).await.expect(200);
    let other = format!("{}{}", &key[..84], if key.ends_with('A') { "B" } else { "A" });
    asked(&world, "alone", &other).await.expect(401);
}

#[tokio::test]
async fn a_key_that_is_bound_to_networks_is_refused_from_others_and_an_admin_is_told_why() {
    let world = World::shared().await;
    site_with_keys(&world, "networks").await;
    let (_, session) = somebody(&world).await;
    let made = async |networks: Value| {
        let wanted = json!({
            "name": "CI", "scopes": ["read"], "sites": ["networks"], "networks": networks,
        });
        let made = post(&world.rail(), &session.access, "/api-keys", &wanted).await.data(201);
        made["apiKey"].as_str().unwrap().to_owned()
    };
    let (elsewhere, here) =
        (made(json!(["192.0.2.0/24"])).await, made(json!(["127.0.0.1", "2001:db8::/32"])).await);
    opens(&world, "networks", &here).await;
    let refused = until("the edge knows the key", Duration::from_secs(5), async || {
        Some(asked(&world, "networks", &elsewhere).await).filter(|answer| answer.status != 401)
    })
    .await;
    assert!(refused.expect(403).text.contains("FORBIDDEN"), "{}", refused.text);
    let admin = world.sign_in(&world.admin().await).await;
    let told = explained(&world, &admin.access, &refused).await;
    assert_eq!((&told["reason"], &told["passesThen"]), (&json!("network"), &json!(true)));
    let text = "an address in 192.0.2.0/24, which the API key is bound to";
    assert_eq!(told["wouldPass"], json!([{ "need": "network", "text": text }]));
}
