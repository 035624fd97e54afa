//! Tokens that nobody should believe, at the server and at the edge.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tests::{
    Session, World,
    edge::DEMO,
    forge::{claims, foreign_es256, header, hs256, signature_of, token},
    rail::send,
};

use crate::minutes;

/// Both places refuse it, as an invalid token or none.
async fn refused(world: &World, what: &str, bad: &str) {
    let at_server = send(world.rail().request("GET", "/me").bearer_auth(bad)).await;
    assert_eq!(at_server.status, 401, "{what} at the server: {}", at_server.text);
    let at_edge = world.edge().demo(bad).await;
    assert_eq!(at_edge.status, 401, "{what} at the edge: {}", at_edge.text);
}

async fn accepted(world: &World, session: &Session) {
    drop(world.rail().call_as(&session.access, "GET", "/me").await.data(200));
    world.edge().demo(&session.access).await.expect(200);
}

/// Something of another header or other claims.
fn with(mut value: Value, changes: Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        if change.is_null() {
            value.as_object_mut().unwrap().remove(name);
        } else {
            value[name] = change.clone();
        }
    }
    value
}

#[tokio::test]
async fn no_token_counts_but_one_that_the_server_signed_as_an_access_token() {
    let world = World::shared().await;
    let session = world.sign_in(&world.enrolled().await).await;
    let good = &session.access;
    accepted(&world, &session).await;
    let (head, body) = (header(good), claims(good));

    // No signature at all.
    for alg in ["none", "None", "NONE", "nOnE"] {
        let bad = token(&with(head.clone(), json!({ "alg": alg })), &body, |_| Vec::new());
        refused(&world, &format!("alg {alg}"), &bad).await;
        refused(
            &world,
            "alg none with a signature",
            &token(&with(head.clone(), json!({ "alg": alg })), &body, signature_of(good)),
        )
        .await;
    }
    refused(&world, "the signature taken off", &token(&head, &body, |_| Vec::new())).await;
    refused(&world, "a signature of zeros", &token(&head, &body, |_| vec![0; 64])).await;

    // The public key as a shared secret.
    let keys = world.rail().root("GET", "/.well-known/jwks.json").await.json();
    let key =
        keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == head["kid"]).unwrap();
    let raw = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let point = [vec![4], raw("x"), raw("y")].concat();
    let confused = with(head.clone(), json!({ "alg": "HS256" }));
    for secret in [key.to_string().into_bytes(), point, raw("x"), Vec::new()] {
        refused(&world, "HS256 with the public key", &token(&confused, &body, hs256(&secret)))
            .await;
    }

    // Keys of somebody else.
    refused(&world, "a foreign key", &token(&head, &body, foreign_es256())).await;
    let unknown = with(head.clone(), json!({ "kid": "nobody's" }));
    refused(&world, "an unknown kid", &token(&unknown, &body, foreign_es256())).await;
    let without = with(head.clone(), json!({ "kid": null }));
    refused(&world, "no kid", &token(&without, &body, foreign_es256())).await;
    for (name, value) in [
        ("jwk", key.clone()),
        ("jku", json!("http://127.0.0.1:1/jwks.json")),
        ("x5u", json!("http://127.0.0.1:1/x.pem")),
        ("x5c", json!(["AAAA"])),
    ] {
        let pointing = with(head.clone(), json!({ name: value }));
        refused(&world, name, &token(&pointing, &body, foreign_es256())).await;
    }

    // Headers and claims that were not signed.
    for changes in [
        json!({ "typ": "JWT" }),
        json!({ "typ": null }),
        json!({ "typ": "logout+jwt" }),
        json!({ "crit": ["exp"] }),
        json!({ "b64": false }),
        json!({ "alg": "ES384" }),
        json!({ "alg": null }),
    ] {
        let bad = token(&with(head.clone(), changes.clone()), &body, signature_of(good));
        refused(&world, &changes.to_string(), &bad).await;
    }
    for changes in [
        json!({ "roles": ["admin"] }),
        json!({ "exp": 4_000_000_000_u64 }),
        json!({ "sub": "somebody-else" }),
        json!({ "acr": "urn:signalbox:phr" }),
    ] {
        let bad = token(&head, &with(body.clone(), changes.clone()), signature_of(good));
        refused(&world, &changes.to_string(), &bad).await;
    }
}

#[tokio::test]
async fn a_token_of_another_kind_is_no_access_token() {
    let world = World::shared().await;
    let session = world.sign_in(&world.enrolled().await).await;
    refused(&world, "an ID token", &session.id).await;
    refused(&world, "a refresh token", &session.refresh).await;
    accepted(&world, &session).await;
}

#[tokio::test]
async fn a_token_is_whole_or_nothing() {
    let world = World::shared().await;
    let session = world.sign_in(&world.enrolled().await).await;
    let good = &session.access;
    let [head, body, signature] = good.split('.').collect::<Vec<_>>()[..] else { unreachable!() };
    let flipped = {
        let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        signature[10] ^= 1;
        URL_SAFE_NO_PAD.encode(signature)
    };
    for bad in [
        "",
        ".",
        "..",
        "a.b.c",
        &good[..good.len() - 4],
        &format!("{good}A"),
        &format!("{good}="),
        &format!("{good}."),
        &format!("{good}.{signature}"),
        &format!("{head}.{body}."),
        &format!("{head}.{body}"),
        &format!(".{body}.{signature}"),
        &format!("{head}..{signature}"),
        &format!("{head}.{body}.{flipped}"),
        &format!("{body}.{head}.{signature}"),
        &format!("{head}.{body}.{signature}{}", "A".repeat(9000)),
        &"A".repeat(9000),
        &format!("{}.{body}.{signature}", URL_SAFE_NO_PAD.encode("[")),
        &format!("{}.{body}.{signature}", URL_SAFE_NO_PAD.encode("[".repeat(2000))),
    ] {
        refused(&world, &bad[..bad.len().min(60)], bad).await;
    }
    accepted(&world, &session).await;
}

#[tokio::test]
async fn an_expired_token_is_over_at_the_server_and_at_the_edge() {
    let mut world = World::start().await;
    let session = world.sign_in(&world.enrolled().await).await;
    world.advance(minutes(59));
    world.caught_up().await;
    accepted(&world, &session).await;
    world.advance(minutes(1) + Duration::from_secs(11));
    world.caught_up().await;
    refused(&world, "an expired token", &session.access).await;
    let challenge = world.edge().demo(&session.access).await;
    let challenge = challenge.header("www-authenticate");
    assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
}

#[tokio::test]
async fn a_token_anywhere_but_in_its_place_is_nothing() {
    let world = World::shared().await;
    let session = world.sign_in(&world.enrolled().await).await;
    let token = &session.access;
    for query in [
        format!("access_token={token}"),
        format!("token={token}"),
        format!("Authorization=Bearer%20{token}"),
    ] {
        let answer = send(world.rail().request("GET", &format!("/me?{query}"))).await;
        answer.refused(401, "UNAUTHORIZED");
        world.edge().get_anonymously(DEMO, &format!("/?{query}")).await.expect(401);
    }
    for (name, value) in [
        ("cookie", format!("access_token={token}; session={token}")),
        ("x-access-token", token.clone()),
        ("proxy-authorization", format!("Bearer {token}")),
        ("authorization", token.clone()),
        ("authorization", format!("Basic {token}")),
    ] {
        let at_server = send(world.rail().request("GET", "/me").header(name, &value)).await;
        at_server.expect(401);
        let at_edge = send(world.edge().request("GET", DEMO, "/").header(name, &value)).await;
        at_edge.expect(401);
    }
    let form = world.rail().request("POST", "/logout").json(&json!({ "access_token": token }));
    send(form).await.refused(401, "UNAUTHORIZED");
    accepted(&world, &session).await;
}

#[tokio::test]
async fn a_token_of_another_issuer_is_nothing() {
    let (world, other) = tokio::join!(World::start(), World::start());
    let session = other.sign_in(&other.enrolled().await).await;
    accepted(&other, &session).await;
    refused(&world, "another installation's token", &session.access).await;
}
