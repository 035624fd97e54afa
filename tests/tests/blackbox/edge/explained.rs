//! Why somebody was refused, told to an admin.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Answer, World, process::until, raw};

use super::sites::{open, site};

pub(super) async fn explained(world: &World, admin: &str, refused: &Answer) -> Value {
    let id = refused.header("x-signalbox-decision").to_owned();
    let path = format!("/api/v1/admin/decisions/{id}");
    // Within a second.
    until("the refusal is explained", Duration::from_secs(1), async || {
        let request = world.rail().request_root("GET", &path).bearer_auth(admin);
        let answer = tests::rail::send(request).await;
        (answer.status != 404).then(|| answer.data(200))
    })
    .await
}

fn needs(explained: &Value) -> Vec<&str> {
    let needs = explained["wouldPass"].as_array().unwrap();
    needs.iter().map(|need| need["need"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_refusal_is_explained_by_its_rule_its_inputs_and_what_would_have_passed() {
    let world = World::shared().await;
    let mut draft = site(&world, "why").await;
    draft["policy"] = json!({ "require": "signed_in", "rules": [
        { "prefix": "/pay", "require": "phishing_resistant", "max_auth_age": 300,
          "allow": { "roles": ["clerk"] } },
    ] });
    open(&world, &draft).await;
    let admin = world.admin().await;
    let admin = world.sign_in(&admin).await.access;
    let person = world.enrolled().await;
    let session = world.sign_in_for(&person, "why").await;

    let nobody = world.edge().get_anonymously("why.localhost", "/pay?secret=1").await;
    let why = explained(&world, &admin, nobody.expect(401)).await;
    assert_eq!((&why["reason"], &why["siteKey"]), (&json!("not_signed_in"), &json!("why")));
    assert_eq!(needs(&why), ["sign_in", "person", "proof"]);
    assert_eq!(why["passesThen"], true);
    assert_eq!((&why["asked"]["rule"], &why["asked"]["place"]), (&json!(0), &json!("/pay")));
    assert_eq!(why["request"]["path"], "/pay");
    assert!(!why.to_string().contains("secret"), "{why}");

    let refused = world.edge().get("why.localhost", "/pay/now", &session.access).await;
    let why = explained(&world, &admin, refused.expect(403)).await;
    assert_eq!((&why["reason"], &why["status"]), (&json!("not_allowed"), &json!(403)));
    assert_eq!(why["caller"]["userId"], session.user_id.as_str());
    assert_eq!(needs(&why), ["person", "proof"]);
    let signature = session.access.rsplit('.').next().unwrap();
    assert!(!why.to_string().contains(signature) && !why.to_string().contains(&person.email));

    // The same on the command line.
    let id = why["id"].as_str().unwrap();
    assert_eq!(world.signalbox(&["explain", id]).await.json(), why);
    let unknown = world.signalbox(&["explain", "d_unknown"]).await;
    assert_eq!(unknown.code, 2, "{unknown:?}");
}

#[tokio::test]
async fn a_refusal_is_explained_for_a_day() {
    let mut world = World::start().await;
    let refused = world.edge().get_anonymously("demo.localhost", "/").await;
    let person = world.admin().await;
    let admin = world.sign_in(&person).await.access;
    drop(explained(&world, &admin, &refused).await);
    world.advance(Duration::from_secs(24 * 3600 + 60));
    let id = refused.header("x-signalbox-decision");
    let late = world.signalbox(&["explain", id]).await;
    assert_eq!(late.code, 2, "{late:?}");
}

#[tokio::test]
async fn what_could_not_be_read_is_explained_by_its_id_too() {
    let world = World::shared().await;
    let answer = raw::exchange(world.edge().port(), b"GET / nonsense\r\n\r\n").await;
    assert_eq!(raw::status(&answer), 400, "{answer}");
    let id = answer.lines().find_map(|line| line.strip_prefix("X-Signalbox-Decision: "));
    let id = id.unwrap_or_else(|| panic!("{answer}")).trim();
    let why = until("it is explained", Duration::from_secs(5), async || {
        let explained = world.signalbox(&["explain", id]).await;
        (explained.code == 0).then(|| explained.json())
    })
    .await;
    assert_eq!((&why["status"], &why["reason"]), (&json!(400), &json!("unreadable")), "{why}");
}

#[tokio::test]
async fn an_app_is_protected_by_one_command() {
    let world = World::shared().await;
    let upstream = world.upstream().await;
    let args = ["protect", &upstream, "--host", "one.localhost", "--require", "signed_in"];
    let made = world.signalbox(&args).await.json();
    assert_eq!(
        (&made["siteKey"], &made["require"]),
        (&json!("one-localhost"), &json!("signed_in"))
    );
    assert!(made["open"].as_str().unwrap().starts_with("http://one.localhost:"), "{made}");
    until("the edge serves it", Duration::from_secs(2), async || {
        let answer = world.edge().get_anonymously("one.localhost", "/").await;
        (answer.status == 401).then_some(())
    })
    .await;
    let again = world.signalbox(&args).await;
    assert_ne!(again.code, 0, "{again:?}");

    // What has to be there before anybody can open it is said with the address.
    assert_eq!(made["note"], json!(null));
    let args = ["protect", &upstream, "--host", "one.corp.example"];
    let made = world.signalbox(&args).await.json();
    assert_eq!(made["open"], "https://one.corp.example");
    assert!(made["note"].as_str().unwrap().contains("edge.tls_listen"), "{made}");
    let listed = world.signalbox(&["admin", "list-sites"]).await.json();
    let hosts = |site: &serde_json::Value| site["hosts"] == json!(["one.corp.example"]);
    assert!(listed.as_array().unwrap().iter().any(hosts), "{listed}");
}
