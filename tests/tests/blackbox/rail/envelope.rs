//! What holds of every answer.

use serde_json::json;
use tests::{World, rail::send};

use crate::{names, set};

/// Every endpoint of the Auth Rail.
pub(crate) const ENDPOINTS: [(&str, &str); 25] = [
    ("POST", "/login"),
    ("POST", "/refresh"),
    ("POST", "/logout"),
    ("POST", "/reauthenticate"),
    ("POST", "/register"),
    ("POST", "/verify-email"),
    ("POST", "/resend-verification"),
    ("POST", "/forgot-password"),
    ("POST", "/reset-password"),
    ("POST", "/change-password"),
    ("POST", "/mfa/setup"),
    ("POST", "/mfa/setup/confirm"),
    ("POST", "/mfa/challenge"),
    ("POST", "/mfa/verify"),
    ("GET", "/mfa/methods"),
    ("DELETE", "/mfa/methods/0199ffff-0000-7000-8000-000000000000"),
    ("POST", "/mfa/backup-codes"),
    ("GET", "/devices"),
    ("DELETE", "/devices"),
    ("DELETE", "/devices/0199ffff-0000-7000-8000-000000000000"),
    ("GET", "/sessions"),
    ("DELETE", "/sessions"),
    ("DELETE", "/sessions/0199ffff-0000-7000-8000-000000000000"),
    ("GET", "/me"),
    ("GET", "/nothing"),
];

#[tokio::test]
async fn a_request_id_is_echoed_where_it_is_plain_and_made_where_not() {
    let world = World::shared().await;
    let rail = world.rail();
    let call = async |id: &str| {
        let answer = send(rail.request("GET", "/me").header("x-request-id", id)).await;
        answer.refused(401, "UNAUTHORIZED");
        answer.json()["meta"]["requestId"].as_str().unwrap().to_owned()
    };
    assert_eq!(call("trace-1.2_3").await, "trace-1.2_3");
    for strange in ["a b", "<script>", "\"", &"x".repeat(200)] {
        let made = call(strange).await;
        assert!(made != strange && made.starts_with("req_"), "{made}");
    }
    let first = rail.post("/login", json!({})).await.json()["meta"]["requestId"].clone();
    let second = rail.post("/login", json!({})).await.json()["meta"]["requestId"].clone();
    assert_ne!(first, second);
}

#[tokio::test]
async fn success_and_failure_have_one_envelope_each() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    let good = rail.call_as(&session.access, "GET", "/me").await;
    drop(good.data(200));
    assert_eq!(names(&good.json()), set(["data", "meta"]));
    assert_eq!(names(&good.json()["meta"]), set(["requestId", "timestamp"]));
    let list = rail.call_as(&session.access, "GET", "/sessions").await;
    drop(list.data(200));
    assert_eq!(names(&list.json()), set(["data", "meta", "pagination"]));
    let bad = rail.call_as("nonsense", "GET", "/me").await;
    bad.refused(401, "INVALID_TOKEN");
    assert_eq!(names(&bad.json()), set(["error", "meta"]));
    assert_eq!(names(&bad.json()["error"]), set(["code", "message"]));
    for answer in [good, list, bad] {
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_envelope() {
    let world = World::shared().await;
    let rail = world.rail();
    for path in ["/nothing", "/login/x", "/mfa", "/sessions/a/b", ""] {
        send(rail.request("GET", path)).await.refused(404, "NOT_FOUND");
    }
    for (method, path) in [("GET", "/login"), ("PUT", "/me"), ("PATCH", "/sessions")] {
        let answer = send(rail.request(method, path)).await;
        assert_eq!(answer.expect(405).json()["error"]["code"], "METHOD_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn credentials_are_judged_before_the_body() {
    let world = World::shared().await;
    let rail = world.rail();
    for path in [
        "/logout",
        "/reauthenticate",
        "/mfa/setup",
        "/mfa/setup/confirm",
        "/mfa/challenge",
        "/mfa/verify",
    ] {
        let nobody = send(rail.request("POST", path).json(&json!({ "nonsense": 1 }))).await;
        nobody.refused(401, "UNAUTHORIZED");
        assert!(nobody.header("www-authenticate").starts_with("Bearer"), "{path}");
        let broken = rail.request("POST", path).bearer_auth("nonsense");
        let broken = broken.header("content-type", "application/json").body("{");
        send(broken).await.refused(401, "INVALID_TOKEN");
    }
    for path in ["/sessions", "/me"] {
        send(rail.request("GET", path)).await.refused(401, "UNAUTHORIZED");
    }
}

#[tokio::test]
async fn a_credential_of_another_kind_is_no_credential() {
    let world = World::shared().await;
    let rail = world.rail();
    for field in ["Basic YTpi", "Digest x", "x", "DPoP a.b.c"] {
        let answer = send(rail.request("GET", "/me").header("authorization", field)).await;
        answer.expect(401);
    }
    let twice = rail.request("GET", "/me").bearer_auth("a").header("authorization", "Bearer b");
    send(twice).await.expect(401);
}

#[tokio::test]
async fn every_endpoint_answers_nonsense_without_failing() {
    let world = World::shared().await;
    let rail = world.rail();
    for (method, path) in ENDPOINTS {
        for body in ["", "{}", "[]", "null", "\u{1}", "{\"a\":1}"] {
            let request = rail.request(method, path).header("content-type", "application/json");
            let answer = send(request.body(body)).await;
            assert!((400..500).contains(&answer.status), "{method} {path} {body}: {}", answer.text);
        }
    }
}
