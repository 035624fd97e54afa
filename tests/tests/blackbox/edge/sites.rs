//! Sites: known and unknown, active and not, new on a running system.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{World, process::until, rail::send};

/// A site to be made, `<key>.localhost`, in front of a demo site.
pub(super) async fn site(world: &World, key: &str) -> Value {
    json!({
        "site_key": key,
        "hosts": [format!("{key}.localhost")],
        "upstreams": [world.upstream().await],
        "base_url": format!("http://{key}.localhost:{}", world.edge().port()),
    })
}

/// Makes the site, and waits until the edge serves it.
pub(super) async fn open(world: &World, draft: &Value) {
    world.create_site(draft).await;
    let host = draft["hosts"][0].as_str().unwrap();
    until("the edge knows the site", Duration::from_secs(1), async || {
        let answer = world.edge().get_anonymously(host, "/").await;
        (answer.status != 421).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_site_is_served_as_soon_as_it_is_made() {
    let world = World::shared().await;
    world.edge().get_anonymously("hot.localhost", "/").await.expect(421);
    open(&world, &site(&world, "hot").await).await;
    // A new site asks for a second factor.
    let session = world.sign_in(&world.person().await).await;
    world.edge().get("hot.localhost", "/", &session.access).await.expect(401);
    let person = world.enrolled().await;
    let session = world.sign_in_for(&person, "hot").await;
    world.edge().get("hot.localhost", "/", &session.access).await.expect(200);
}

#[tokio::test]
async fn an_unknown_host_is_no_site() {
    let world = World::shared().await;
    let person = world.enrolled().await;
    let session = world.sign_in(&person).await;
    for host in ["nowhere.localhost", "localhost", "demo.localhost.evil.example", "127.0.0.1"] {
        let answer = world.edge().get(host, "/", &session.access).await;
        answer.expect(421);
    }
}

#[tokio::test]
async fn a_host_is_compared_without_port_and_case() {
    let world = World::shared().await;
    let person = world.enrolled().await;
    let token = world.sign_in(&person).await.access;
    for host in ["demo.localhost", "DEMO.localhost", "Demo.Localhost:1", "demo.localhost:8000"] {
        let request = world.edge().request("GET", "x", "/").bearer_auth(&token);
        let mut request = request.build().unwrap();
        request.headers_mut().insert("host", host.parse().unwrap());
        let answer = reqwest::Client::new().execute(request).await.unwrap();
        assert_eq!(answer.status(), 200, "{host}");
    }
}

#[tokio::test]
async fn an_inactive_site_says_so_and_reaches_nobody() {
    let world = World::shared().await;
    let mut draft = site(&world, "closed").await;
    draft["status"] = "inactive".into();
    draft["policy"] = json!({ "require": "public" });
    open(&world, &draft).await;
    let closed = world.edge().get_anonymously("closed.localhost", "/").await;
    closed.expect(503);
    assert!(!closed.text.contains("headers"), "{}", closed.text);
    let page = world.edge().request("GET", "closed.localhost", "/").header("accept", "text/html");
    let page = send(page).await;
    page.expect(503);
    assert!(page.header("content-type").starts_with("text/html"), "{page:?}");
}

#[tokio::test]
async fn refusals_come_in_the_order_of_the_contract() {
    let world = World::shared().await;
    let mut draft = site(&world, "shut").await;
    draft["status"] = "inactive".into();
    open(&world, &draft).await;
    let edge = world.edge();
    // Path before host, host before site, site before credential.
    edge.get_anonymously("nowhere.localhost", "/a%2fb").await.expect(400);
    edge.get("nowhere.localhost", "/", "nonsense").await.expect(421);
    edge.get("shut.localhost", "/", "nonsense").await.expect(503);
    edge.get_anonymously("shut.localhost", "/a;b").await.expect(400);
}

#[tokio::test]
async fn a_host_or_a_key_is_taken_once() {
    let world = World::shared().await;
    let draft = site(&world, "taken").await;
    open(&world, &draft).await;
    let file = world.dir().join("again.json");
    let mut other = site(&world, "other-key").await;
    other["hosts"] = draft["hosts"].clone();
    other["base_url"] = draft["base_url"].clone();
    for (again, named) in [(draft, "--site-key"), (other, "--host")] {
        std::fs::write(&file, again.to_string()).unwrap();
        let ran =
            world.signalbox(&["admin", "create-site", "--from-json", file.to_str().unwrap()]).await;
        assert_ne!(ran.code, 0, "{ran:?}");
        assert!(ran.err.contains(named), "{ran:?}");
    }
}

#[tokio::test]
async fn a_site_whose_upstream_is_away_is_unavailable() {
    let world = World::shared().await;
    let mut draft = site(&world, "lost").await;
    draft["upstreams"] = json!([format!("http://127.0.0.1:{}", tests::world::free_port())]);
    draft["policy"] = json!({ "require": "public" });
    open(&world, &draft).await;
    world.edge().get_anonymously("lost.localhost", "/").await.expect(503);
}
