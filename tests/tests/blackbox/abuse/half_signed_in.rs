//! Half a sign-in opens nothing but its own calls.

use serde_json::json;
use tests::{Person, World, rail::send};

use crate::rail::ENDPOINTS;

#[tokio::test]
async fn half_a_sign_in_is_no_bearer_anywhere() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let half = world.half_sign_in(&person).await;
    let own = ["/mfa/verify", "/mfa/challenge", "/logout"];
    let bodies = [
        json!({}),
        json!({ "method": "TOTP" }),
        json!({ "method": "TOTP", "code": "123456" }),
        json!({ "password": person.password }),
    ];
    for (method, path) in ENDPOINTS {
        let takes_no_credential = [
            "/login",
            "/refresh",
            "/register",
            "/verify-email",
            "/resend-verification",
            "/forgot-password",
            "/reset-password",
            "/nothing",
        ];
        if own.contains(&path) || takes_no_credential.contains(&path) {
            continue;
        }
        for body in &bodies {
            let request = rail.request(method, path).bearer_auth(&half);
            let request = if method == "POST" { request.json(body) } else { request };
            let answer = send(request).await;
            assert!([401, 405].contains(&answer.status), "{method} {path}: {}", answer.text);
        }
    }
    world.edge().demo(&half).await.expect(401);
    // In the query it is nothing either.
    let query = send(rail.request("GET", &format!("/me?mfaToken={half}"))).await;
    query.refused(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn who_must_prove_a_factor_sets_up_none() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let half = world.half_sign_in(&person).await;
    for (path, body) in [
        ("/mfa/setup", json!({ "mfaToken": half, "method": "TOTP" })),
        ("/mfa/setup/confirm", json!({ "mfaToken": half, "method": "TOTP", "code": "123456" })),
    ] {
        rail.post(path, body).await.refused(401, "INVALID_TOKEN");
    }
    drop(tests::person::verify(&rail, &half, &person.code(&world)).await.data(200));
}

#[tokio::test]
async fn who_must_set_up_a_factor_does_nothing_else() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let mut body = person.credentials();
    body["siteKey"] = "demo".into();
    let data = rail.post("/login", body).await.data(200);
    let half = data["mfaToken"].as_str().unwrap();
    for (method, path) in [("GET", "/me"), ("GET", "/sessions"), ("POST", "/reauthenticate")] {
        let answer = rail.call_as(half, method, path).await;
        answer.refused(401, "INVALID_TOKEN");
    }
    for path in ["/mfa/verify", "/mfa/challenge"] {
        let body = json!({ "mfaToken": half, "method": "TOTP" });
        let body = if path == "/mfa/verify" {
            json!({ "mfaToken": half, "code": "123456" })
        } else {
            body
        };
        let answer = rail.post(path, body).await;
        assert!([401, 422].contains(&answer.status), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_link_that_asks_for_a_factor_is_stale_once_there_is_one() {
    let world = World::shared().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let mut body = person.credentials();
    body["siteKey"] = "demo".into();
    // Somebody with the stolen password begins to enrol; the owner is faster.
    let stolen = rail.post("/login", body).await.data(200)["mfaToken"].as_str().unwrap().to_owned();
    let wanted = json!({ "mfaToken": stolen, "method": "TOTP" });
    let mut mallory = Person::new();
    mallory.take_secrets(&rail.post("/mfa/setup", wanted.clone()).await.data(200));
    let session = world.sign_in(&person).await;
    world.enrol(&mut person, &session).await;
    let code = json!({ "mfaToken": stolen, "method": "TOTP", "code": mallory.code(&world) });
    let answer = rail.post("/mfa/setup/confirm", code).await;
    assert!((400..500).contains(&answer.status), "{}", answer.text);
    rail.post("/mfa/setup", wanted).await.refused(401, "INVALID_TOKEN");
    // The owner's factor is the one that counts.
    let half = world.half_sign_in(&person).await;
    let wrong = tests::person::verify(&rail, &half, &mallory.code(&world)).await;
    wrong.refused(401, "INVALID_CODE");
    drop(tests::person::verify(&rail, &half, &person.code(&world)).await.data(200));
}

#[tokio::test]
async fn half_a_sign_in_can_be_given_up() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let (given_up, kept) = (world.half_sign_in(&person).await, world.half_sign_in(&person).await);
    drop(rail.call_as(&given_up, "POST", "/logout").await.data(200));
    let code = person.code(&world);
    tests::person::verify(&rail, &given_up, &code).await.refused(401, "INVALID_TOKEN");
    // It takes nothing else with it, and the code was not used up.
    drop(tests::person::verify(&rail, &kept, &code).await.data(200));
}
