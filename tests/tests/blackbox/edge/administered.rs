//! Sites as admins keep them, and what becomes of them at the edge.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Answer, World, process::until, rail::send};

const PATH: &str = "/api/v1/admin/sites";

async fn call(world: &World, bearer: &str, method: &str, path: &str, body: Value) -> Answer {
    let request = world.rail().request_root(method, path).bearer_auth(bearer);
    send(if body.is_null() { request } else { request.json(&body) }).await
}

async fn wanted(world: &World, key: &str) -> Value {
    json!({
        "siteKey": key,
        "hosts": [format!("{key}.localhost")],
        "upstreams": [world.upstream().await],
        "baseUrl": format!("http://{key}.localhost:{}", world.edge().port()),
    })
}

async fn admin(world: &World) -> String {
    let person = world.admin().await;
    world.sign_in(&person).await.access
}

/// What the edge says to nobody at the site comes to be this.
async fn comes_to(world: &World, key: &str, status: u16) {
    let host = format!("{key}.localhost");
    until("the edge has heard", Duration::from_secs(2), async || {
        (world.edge().get_anonymously(&host, "/").await.status == status).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_site_is_made_changed_and_removed_and_the_edge_follows_at_once() {
    let world = World::shared().await;
    let admin = admin(&world).await;
    let made = call(&world, &admin, "POST", PATH, wanted(&world, "kept").await).await;
    assert_eq!(made.header("etag"), "\"1\"");
    let site = made.data(201);
    assert_eq!((&site["version"], &site["policy"]["require"]), (&json!(1), &json!("2fa")));
    comes_to(&world, "kept", 401).await;

    let path = format!("{PATH}/kept");
    let open = json!({ "policy": { "require": "public" }, "version": 1 });
    let waiting = format!("{path}?wait=edges");
    let changed = call(&world, &admin, "PATCH", &waiting, open).await.data(200);
    assert_eq!((&changed["version"], &changed["hosts"]), (&json!(2), &site["hosts"]));
    // The edge has said that it knows.
    world.edge().get_anonymously("kept.localhost", "/").await.expect(200);

    let mut whole = wanted(&world, "kept").await;
    whole.as_object_mut().unwrap().remove("siteKey");
    let request = world.rail().request_root("PUT", &waiting).bearer_auth(&admin);
    let replaced = send(request.header("if-match", "\"2\"").json(&whole)).await.data(200);
    // What was left out has its default again.
    assert_eq!((&replaced["version"], &replaced["policy"]["require"]), (&json!(3), &json!("2fa")));
    world.edge().get_anonymously("kept.localhost", "/").await.expect(401);

    let shown = call(&world, &admin, "GET", &path, Value::Null).await;
    assert_eq!((shown.header("etag"), shown.data(200)), ("\"3\"", replaced));
    let gone = call(&world, &admin, "DELETE", &waiting, Value::Null).await.data(200);
    assert_eq!(gone, json!({ "siteKey": "kept", "removed": true }));
    world.edge().get_anonymously("kept.localhost", "/").await.expect(421);
    call(&world, &admin, "GET", &path, Value::Null).await.refused(404, "NOT_FOUND");
    call(&world, &admin, "DELETE", &path, Value::Null).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_change_is_made_for_the_version_that_was_read_or_not_at_all() {
    let world = World::shared().await;
    let admin = admin(&world).await;
    call(&world, &admin, "POST", PATH, wanted(&world, "versions").await).await.expect(201);
    let path = format!("{PATH}/versions");
    let named = |version: Value| json!({ "name": "Another", "version": version });
    let patch = async |body| call(&world, &admin, "PATCH", &path, body).await;
    assert_eq!(patch(json!({ "name": "Another" })).await.wrong_fields(), ["version"]);
    assert_eq!(patch(named(json!("1"))).await.wrong_fields(), ["version"]);
    patch(named(json!(2))).await.refused(409, "CONFLICT");
    patch(named(json!(1))).await.expect(200);
    patch(named(json!(1))).await.refused(409, "CONFLICT");
    let request = || world.rail().request_root("DELETE", &path).bearer_auth(&admin);
    send(request().header("if-match", "\"1\"")).await.refused(409, "CONFLICT");
    send(request().header("if-match", "1")).await.expect(422);
    send(request().header("if-match", "\"2\"")).await.expect(200);
}

#[tokio::test]
async fn what_is_no_site_is_named_field_by_field() {
    let world = World::shared().await;
    let admin = admin(&world).await;
    let post = async |body| call(&world, &admin, "POST", PATH, body).await;
    let good = wanted(&world, "fields").await;
    for (field, value) in [
        ("siteKey", json!("No Key")),
        ("hosts", json!([])),
        ("upstreams", json!(["ftp://127.0.0.1:1"])),
        ("baseUrl", json!("https://elsewhere.example/path")),
    ] {
        let mut wrong = good.clone();
        wrong[field] = value;
        let fields = post(wrong).await.wrong_fields();
        assert!(fields.iter().any(|named| named.starts_with(field)), "{field}: {fields:?}");
    }
    for (field, value) in [("site_key", json!("a")), ("surprise", json!(1)), ("status", json!("?"))]
    {
        let mut wrong = good.clone();
        wrong[field] = value;
        assert_eq!(post(wrong).await.wrong_fields(), [field], "{field}");
    }
    post(good.clone()).await.expect(201);
    post(good).await.refused(409, "CONFLICT");
}

#[tokio::test]
async fn sites_are_kept_by_admins_with_a_second_factor_alone() {
    let world = World::shared().await;
    let person = world.enrolled().await;
    let session = world.sign_in(&person).await;
    for (method, path) in [
        ("GET", PATH.to_owned()),
        ("POST", PATH.to_owned()),
        ("GET", format!("{PATH}/demo")),
        ("PUT", format!("{PATH}/demo")),
        ("PATCH", format!("{PATH}/demo")),
        ("DELETE", format!("{PATH}/demo")),
        ("GET", "/api/v1/admin/decisions/d_x".to_owned()),
    ] {
        world.rail().root(method, &path).await.refused(401, "UNAUTHORIZED");
        let theirs = call(&world, &session.access, method, &path, Value::Null).await;
        theirs.refused(403, "FORBIDDEN");
    }
}
