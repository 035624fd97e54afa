//! What an edge counts and writes down of the requests that it judges.

use std::time::Duration;

use serde_json::Value;
use tests::{World, edge::DEMO, process::until, rail::send};

/// What the first edge has counted, as it is read by Prometheus.
pub(super) async fn figures(world: &World) -> String {
    tests::rail::Rail::new(world.edge_admin(0))
        .root("GET", "/metrics")
        .await
        .expect(200)
        .text
        .clone()
}

/// How many requests to the demo site came out so.
fn counted(figures: &str, decision: &str) -> u64 {
    let labels = [format!("decision=\"{decision}\""), "site=\"demo\"".to_owned()];
    figures
        .lines()
        .filter(|line| line.starts_with("signalbox_edge_requests_total{"))
        .filter(|line| labels.iter().all(|label| line.contains(label)))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

/// The line of the log that `is_it` tells of.
async fn line(world: &World, is_it: impl Fn(&Value) -> bool) -> Value {
    until("the line is written", Duration::from_secs(5), async || {
        let log = world.log();
        let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(&is_it)
    })
    .await
}

#[tokio::test]
async fn every_request_is_counted_and_written_down_with_its_outcome() {
    let plan = World::plan().json_log();
    let world = plan.set("edge.trusted_proxies", "[\"127.0.0.0/8\"]").start().await;
    let person = world.enrolled().await;
    let token = world.sign_in(&person).await.access;
    let edge = world.edge();
    let before = figures(&world).await;

    let passed = edge.request("GET", DEMO, "/counted?secret=1").bearer_auth(&token);
    send(passed.header("x-request-id", "counted-1")).await.expect(200);
    let refused = edge.get_anonymously(DEMO, "/refused").await;
    refused.expect(401);
    edge.get(DEMO, "/.signalbox/me", &token).await.expect(200);
    edge.get_anonymously(DEMO, "/.signalbox/signed-out").await.expect(200);
    let asked = edge.request("GET", DEMO, "/.signalbox/auth").bearer_auth(&token);
    let asked = asked.header("x-forwarded-method", "PUT").header("x-forwarded-uri", "/held");
    send(asked.header("x-forwarded-host", DEMO)).await.expect(200);

    let after = figures(&world).await;
    for (decision, count) in [("allow", 2), ("not_signed_in", 1), ("own", 2)] {
        let rose = counted(&after, decision) - counted(&before, decision);
        assert_eq!(rose, count, "{decision}: {after}");
    }

    let passed = line(&world, |line| line["request_id"] == "counted-1").await;
    for (field, value) in [
        ("decision", "allow"),
        ("site", "demo"),
        ("method", "GET"),
        ("path", "/counted"),
        ("acr", "urn:signalbox:2fa"),
        ("level", "INFO"),
    ] {
        assert_eq!(passed[field], value, "{field}: {passed}");
    }
    assert_eq!(passed["status"], 200);
    let micros = |field: &str| passed[field].as_u64().unwrap();
    assert!(micros("upstream_us") > 0, "{passed}");
    assert!(micros("edge_us") + micros("upstream_us") <= micros("total_us"), "{passed}");

    let id = refused.header("x-signalbox-decision");
    let refused = line(&world, |line| line["id"] == id).await;
    for (field, value) in [
        ("decision", "not_signed_in"),
        ("site", "demo"),
        ("method", "GET"),
        ("path", "/refused"),
        ("client", "127.0.0.1"),
    ] {
        assert_eq!(refused[field], value, "{field}: {refused}");
    }
    let own = line(&world, |line| line["path"] == "/.signalbox/me").await;
    assert_eq!((&own["decision"], &own["status"]), (&"own".into(), &200.into()), "{own}");
    let vouched = line(&world, |line| line["path"] == "/held").await;
    for (field, value) in [("decision", "allow"), ("site", "demo"), ("method", "PUT")] {
        assert_eq!(vouched[field], value, "{field}: {vouched}");
    }
    assert!(!world.log().contains("secret=1"));
}
