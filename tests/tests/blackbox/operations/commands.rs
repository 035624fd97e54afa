//! Commands for people and scripts.

use std::time::Duration;

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tests::{Person, World, command::run, person::code_of};
use tokio::time::timeout;

#[tokio::test]
async fn the_code_of_a_secret_is_that_of_rfc_6238() {
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    for (at, code) in
        [("59", "287082"), ("1111111109", "081804"), ("2005-03-18T01:58:29Z", "081804")]
    {
        assert_eq!(run(&["totp", secret, "--at", at], &[], "").out.trim(), code);
    }
    let spaced = "gezd gnbv gy3t qojq gezd gnbv gy3t qojq";
    assert_eq!(run(&["totp", spaced, "--at", "59"], &[], "").out.trim(), code_of(secret, 59));
    let wrong = run(&["totp", "not a secret!"], &[], "");
    assert_eq!((wrong.code, wrong.out.as_str()), (2, ""));
}

#[tokio::test]
async fn every_command_explains_itself_with_an_example() {
    for command in [
        &["up"][..],
        &["serve"],
        &["edge"],
        &["migrate"],
        &["check-config"],
        &["doctor"],
        &["config"],
        &["config", "reference"],
        &["admin"],
        &["admin", "setup-link"],
        &["admin", "create-user"],
        &["admin", "create-site"],
        &["admin", "list-sites"],
        &["admin", "create-edge"],
        &["admin", "remove-edge"],
        &["admin", "create-tenant"],
        &["admin", "list-tenants"],
        &["admin", "invite"],
        &["admin", "create-client"],
        &["admin", "list-clients"],
        &["admin", "remove-client"],
        &["admin", "create-initial-access-token"],
        &["protect"],
        &["explain"],
        &["keys"],
        &["keys", "list"],
        &["keys", "rotate"],
        &["demo"],
        &["tls"],
        &["tls", "local"],
        &["totp"],
    ] {
        let help = run(&[command, &["--help"]].concat(), &[], "");
        assert_eq!(help.code, 0, "{help:?}");
        assert!(help.out.contains("Example"), "{command:?}: {}", help.out);
    }
}

#[tokio::test]
async fn an_operator_makes_accounts_on_a_running_system() {
    let world = World::shared().await;
    let person = Person::new();
    let args = ["admin", "create-user", "--email", &person.email, "--name", &person.name];
    let args =
        [&args[..], &["--role", "clerk", "--username", "clerk-1", "--password-stdin", "--active"]]
            .concat();
    let made = world.signalbox_with_input(&args, &format!("{}\n", person.password)).await;
    let made = made.json();
    assert_eq!((&made["email"], &made["name"]), (&json!(person.email), &json!(person.name)));
    assert_eq!(made["roles"], json!(["clerk"]));
    assert!(!made.to_string().contains("argon2") && !made.to_string().contains(&person.password));
    let session = world.sign_in(&person).await;
    assert_eq!(made["id"], session.user_id.as_str());
    let by_name = json!({ "email": "Clerk-1", "password": person.password });
    let data = world.rail().post("/login", by_name).await.data(200);
    assert_eq!(data["user"]["id"], made["id"]);

    let again = world.signalbox_with_input(&args, &person.password).await;
    assert_ne!(again.code, 0, "{again:?}");
    assert!(again.err.contains("--email"), "{again:?}");
}

#[tokio::test]
async fn an_account_that_is_not_active_is_verified_by_its_owner() {
    let world = World::shared().await;
    let person = Person::new();
    let args = ["admin", "create-user", "--email", &person.email, "--password-stdin"];
    drop(world.signalbox_with_input(&args, &person.password).await.json());
    let rail = world.rail();
    rail.post("/login", person.credentials()).await.refused(403, "EMAIL_NOT_VERIFIED");
    drop(rail.post("/resend-verification", json!({ "email": person.email })).await.data(202));
    world.verify_address(&person).await;
    world.sign_in(&person).await;
}

#[tokio::test]
async fn an_operator_makes_tenants_and_invites_into_them_on_a_running_system() {
    let world = World::start().await;
    let ids = async || {
        let tenants = world.signalbox(&["admin", "list-tenants"]).await.json();
        let tenants = tenants.as_array().unwrap().clone();
        tenants.iter().map(|tenant| tenant["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids().await, [json!("default")]);
    let args = ["admin", "create-tenant", "--id", "acme", "--name", "Acme Ltd."];
    let made = world.signalbox(&args).await.json();
    assert_eq!((&made["id"], &made["name"]), (&json!("acme"), &json!("Acme Ltd.")));
    let again = world.signalbox(&args).await;
    assert!(again.code != 0 && again.err.contains("--id"), "{again:?}");
    assert_eq!(ids().await, [json!("acme"), json!("default")]);

    let person = Person::new();
    let args = ["admin", "invite", "--email", &person.email, "--tenant", "acme", "--role", "clerk"];
    let invited = world.signalbox(&args).await.json();
    assert_eq!((&invited["tenantId"], &invited["roles"]), (&json!("acme"), &json!(["clerk"])));
    let link = invited["link"].as_str().unwrap();
    let mails = world.mails(&person.email).await;
    assert!(mails[0]["text"].as_str().unwrap().contains(link), "{mails:?}");
    let mut body = person.registration();
    body["invitation"] = tests::outbox::token_of(link).unwrap().into();
    drop(world.rail().post("/register", body).await.data(201));
    world.sign_in(&person).await;
    // Whoever is at home there is not invited again.
    let again = world.signalbox(&args).await;
    assert!(again.code == 2 && again.err.contains("--email"), "{again:?}");
}

#[tokio::test]
async fn what_an_operator_types_wrong_is_named() {
    let world = World::shared().await;
    for (args, input, named) in [
        (&["admin", "create-user", "--email", "nobody"][..], "", "--email"),
        (
            &["admin", "create-user", "--email", "weak@example.com", "--password-stdin"],
            "password123",
            "--password-stdin",
        ),
        (
            &["admin", "create-user", "--email", "empty@example.com", "--password-stdin"],
            "",
            "--password-stdin",
        ),
        (&["admin", "create-edge", "--name", "a b"], "", "--name"),
        (&["admin", "remove-edge", "--name", "nobody"], "", "--name"),
        (&["admin", "create-tenant", "--id", "Ac me", "--name", "Acme"], "", "--id"),
        (&["admin", "create-tenant", "--id", "acme-2", "--name", "a\nb"], "", "--name"),
        (&["admin", "invite", "--email", "nobody"], "", "--email"),
        (&["admin", "invite", "--email", "a@example.com", "--tenant", "none"], "", "--tenant"),
        (&["admin", "invite", "--email", "a@example.com", "--role", "a b"], "", "--role"),
        (&["admin", "create-site", "--site-key", "x"], "", "--host"),
        (
            &[
                "admin",
                "create-site",
                "--site-key",
                "x",
                "--host",
                "x.localhost",
                "--upstream",
                "nowhere",
            ],
            "",
            "upstream",
        ),
        (
            &[
                "admin",
                "create-site",
                "--site-key",
                "x",
                "--host",
                "x.localhost",
                "--upstream",
                "http://127.0.0.1:1",
                "--require",
                "3fa",
            ],
            "",
            "--require",
        ),
        (&["keys", "rotate", "--algorithm", "HS256"], "", "--algorithm"),
        (&["admin", "create-nothing"], "", "create-nothing"),
    ] {
        let ran = world.signalbox_with_input(args, input).await;
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
        assert!(ran.err.contains(named), "{args:?}: {ran:?}");
    }
}

#[tokio::test]
async fn the_name_of_an_edge_is_taken_once_and_its_credential_opens_the_feed_alone() {
    let world = World::shared().await;
    let args = ["admin", "create-edge", "--name", "edge-of-a-test"];
    let made = world.signalbox(&args).await.json();
    let credential = made["credential"].as_str().unwrap();
    assert!(credential.len() >= 43, "{credential}");
    assert_ne!(world.signalbox(&args).await.code, 0);
    let rail = world.rail();
    let feed = rail.request_root("GET", "/feed").bearer_auth(credential).send().await.unwrap();
    assert_eq!(feed.status(), 200);
    for bad in ["", "nonsense", &credential[..credential.len() - 1]] {
        let feed = rail.request_root("GET", "/feed").bearer_auth(bad).send().await.unwrap();
        assert_eq!(feed.status(), 401);
    }
    let session = world.sign_in(&world.person().await).await;
    let person =
        rail.request_root("GET", "/feed").bearer_auth(&session.access).send().await.unwrap();
    assert_eq!(person.status(), 401);
    rail.call_as(credential, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    world.edge().demo(credential).await.expect(401);
}

/// A key that edges sign with, as it is told, and its name (RFC 7638).
fn edge_key() -> (Value, String) {
    let pair = Ed25519KeyPair::generate().unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key());
    let named_by = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    let kid = URL_SAFE_NO_PAD.encode(digest(&SHA256, named_by.as_bytes()));
    let key = json!({
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": x, "kid": kid,
    });
    (key, kid)
}

#[tokio::test]
async fn an_edge_that_is_removed_follows_no_feed_and_its_key_vouches_for_nothing() {
    let world = World::shared().await;
    let rail = world.rail();
    let create = async |name: &str| {
        let made = world.signalbox(&["admin", "create-edge", "--name", name]).await.json();
        made["credential"].as_str().unwrap().to_owned()
    };
    let (lost, other) = (create("edge-that-is-lost").await, create("edge-beside-it").await);
    let tell = async |credential: &str, key: &Value| {
        let telling = rail.request_root("POST", "/feed/keys").bearer_auth(credential);
        telling.json(key).send().await.unwrap().status().as_u16()
    };
    let is_published = async |kid: &str| {
        let keys = rail.root("GET", "/.well-known/edge-jwks.json").await.expect(200).json();
        keys["keys"].as_array().unwrap().iter().any(|key| key["kid"] == kid)
    };
    let (key, kid) = edge_key();
    assert_eq!(tell(&lost, &key).await, 200);
    assert!(is_published(&kid).await);
    // Nobody takes the name of another's key, for that key or for one of theirs.
    let (own, own_kid) = edge_key();
    let mut renamed = own.clone();
    renamed["kid"] = json!(kid);
    for wrong in [&key, &renamed] {
        assert_eq!(tell(&other, wrong).await, 422, "{wrong}");
    }
    assert_eq!(tell(&other, &own).await, 200);

    let feed = rail.request_root("GET", "/feed").bearer_auth(&lost).send().await.unwrap();
    assert_eq!(feed.status(), 200);
    let remove = ["admin", "remove-edge", "--name", "edge-that-is-lost"];
    assert_eq!(world.signalbox(&remove).await.json()["removed"], json!(true));
    assert!(!is_published(&kid).await && is_published(&own_kid).await);
    // It ends, and does not break.
    timeout(Duration::from_secs(10), feed.bytes()).await.expect("the feed ends").unwrap();
    let feed = rail.request_root("GET", "/feed").bearer_auth(&lost).send().await.unwrap();
    assert_eq!(feed.status(), 401);
    assert_eq!(tell(&lost, &key).await, 401);
    let again = world.signalbox(&remove).await;
    assert!(again.code == 2 && again.err.contains("--name"), "{again:?}");
}

#[tokio::test]
async fn a_site_can_be_described_by_flags() {
    let world = World::shared().await;
    let upstream = world.upstream().await;
    let args = ["admin", "create-site", "--site-key", "flags", "--host", "flags.localhost"];
    let args =
        [&args[..], &["--upstream", &upstream, "--require", "signed_in", "--first-party"]].concat();
    let made = world.signalbox(&args).await.json();
    assert_eq!(made["policy"]["require"], "signed_in");
    assert_eq!(made["base_url"], format!("http://flags.localhost:{}", world.edge().port()));
}

#[tokio::test]
async fn health_and_figures_are_told_by_server_and_edge() {
    let world = World::shared().await;
    let session = world.sign_in(&world.enrolled().await).await;
    world.edge().demo(&session.access).await.expect(200);
    let admin = tests::rail::Rail::new(world.edge_admin(0));
    for place in [world.rail(), admin] {
        place.root("GET", "/health/live").await.expect(200);
        place.root("GET", "/health/ready").await.expect(200);
        let figures = place.root("GET", "/metrics").await;
        assert!(figures.expect(200).text.contains("# TYPE"), "{}", figures.text);
    }
    // None of that is at a site's door.
    for path in ["/health/live", "/metrics"] {
        world.edge().get_anonymously("demo.localhost", path).await.expect(401);
    }
}
