//! Clients that operators and admins register.

use serde_json::{Value, json};
use tests::{World, rail::send};

use crate::{names, set};

async fn list(world: &World) -> Vec<Value> {
    let listed = world.signalbox(&["admin", "list-clients"]).await.json();
    listed.as_array().unwrap().clone()
}

#[tokio::test]
async fn an_operator_registers_lists_and_removes_clients_on_a_running_system() {
    let world = World::start().await;
    let args = [
        "admin",
        "create-client",
        "--client-id",
        "wiki",
        "--name",
        "Wiki",
        "--redirect-uri",
        "https://wiki.example.com/cb",
        "--redirect-uri",
        "http://localhost:3000/cb",
        "--scope",
        "openid",
        "--scope",
        "wiki:read",
        "--first-party",
        "--audience",
        "https://api.example.com",
    ];
    let made = world.signalbox(&args).await.json();
    assert_eq!((&made["client_id"], &made["client_name"]), (&json!("wiki"), &json!("Wiki")));
    assert!(made["client_secret"].as_str().unwrap().starts_with("sbs_"));
    assert_eq!(made["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(made["scope"], "openid wiki:read");
    assert_eq!(made["audiences"], json!(["https://api.example.com"]));
    assert_eq!((&made["first_party"], &made["require_pkce"]), (&json!(true), &json!(true)));
    let again = world.signalbox(&args).await;
    assert!(again.code != 0 && again.err.contains("--client-id"), "{again:?}");

    let args = ["admin", "create-client", "--name", "App", "--public", "--native"];
    let args = [&args[..], &["--redirect-uri", "com.example.app:/cb"]].concat();
    let public = world.signalbox(&args).await.json();
    assert_eq!(public["token_endpoint_auth_method"], "none");
    assert_eq!(public["client_secret"], Value::Null);

    let listed = list(&world).await;
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|client| client["client_secret"].is_null()), "{listed:?}");
    let mut shown = made.clone();
    shown.as_object_mut().unwrap().remove("client_secret");
    assert!(listed.contains(&shown), "{listed:?}");

    let remove = ["admin", "remove-client", "--client-id", "wiki"];
    assert_eq!(world.signalbox(&remove).await.json()["removed"], true);
    let again = world.signalbox(&remove).await;
    assert!(again.code == 2 && again.err.contains("--client-id"), "{again:?}");
    assert_eq!(list(&world).await.len(), 1);
    // Its name is never given again.
    let args = ["admin", "create-client", "--client-id", "wiki", "--name", "Wiki"];
    let args = [&args[..], &["--redirect-uri", "https://wiki.example.com/cb"]].concat();
    let taken = world.signalbox(&args).await;
    assert!(taken.code != 0 && taken.err.contains("--client-id"), "{taken:?}");
}

#[tokio::test]
async fn a_client_can_be_described_by_a_file_with_an_id_and_a_secret_of_its_own() {
    let world = World::shared().await;
    let made = world
        .create_client(&json!({
            "client_id": "bench-of-a-test", "client_secret": "bench-secret",
            "client_name": "Bench", "grant_types": ["client_credentials"],
            "scope": "bench:read", "require_pkce": false, "access_token_ttl": 300,
            "request_object_signing_alg": "none", "unknown": {},
        }))
        .await;
    assert_eq!(made["client_id"], "bench-of-a-test");
    assert_eq!(made["client_secret"], "bench-secret");
    assert_eq!(made["client_secret_expires_at"], 0);
    assert_eq!((&made["access_token_ttl"], &made["require_pkce"]), (&json!(300), &json!(false)));
}

#[tokio::test]
async fn what_an_operator_types_wrong_about_a_client_is_named() {
    let world = World::shared().await;
    let good = ["--redirect-uri", "https://wiki.example.com/cb"];
    for (args, named) in [
        (&["--name", "Wiki"][..], "--redirect-uri"),
        (&["--name", "Wiki", "--redirect-uri", "wiki"], "--redirect-uri"),
        (&["--name", "Wiki", "--redirect-uri", "http://wiki.example.com/"], "--redirect-uri"),
        (&["--name", "a\nb", good[0], good[1]], "--name"),
        (&["--name", "Wiki", good[0], good[1], "--grant", "implicit"], "--grant"),
        (&["--name", "Wiki", "--public", "--grant", "client_credentials"], "--grant"),
        (&["--name", "Wiki", good[0], good[1], "--scope", "a\"b"], "--scope"),
        (&["--name", "Wiki", good[0], good[1], "--audience", "api"], "--audience"),
        (&["--name", "Wiki", good[0], good[1], "--client-id", "rail"], "--client-id"),
        (&["--name", "Wiki", good[0], good[1], "--client-id", "auth2:x"], "--client-id"),
        (&[good[0], good[1]], "--name"),
        (&["--from-json", "client.json", "--name", "Wiki"], "--from-json"),
        (&["--from-json", "/nowhere/client.json"], "--from-json"),
    ] {
        let ran = world.signalbox(&[&["admin", "create-client"], args].concat()).await;
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
        assert!(ran.err.contains(named), "{args:?}: {ran:?}");
    }
    let file = world.dir().join("wrong-client.json");
    for (metadata, named) in [
        (json!({ "redirect_uris": ["x"] }), "redirect_uris"),
        (json!({ "grant_types": ["client_credentials"], "client_secret": "" }), "client_secret"),
        (
            json!({
                "token_endpoint_auth_method": "none", "redirect_uris": [good[1]],
                "client_secret": "s",
            }),
            "client_secret",
        ),
        (json!({ "grant_types": ["client_credentials"], "client_id": 7 }), "client_id"),
        (
            json!({ "grant_types": ["client_credentials"], "access_token_ttl": 0 }),
            "access_token_ttl",
        ),
        (json!([]), "--from-json"),
    ] {
        std::fs::write(&file, metadata.to_string()).unwrap();
        let args = ["admin", "create-client", "--from-json", file.to_str().unwrap()];
        let ran = world.signalbox(&args).await;
        assert_eq!(ran.code, 2, "{metadata}: {ran:?}");
        assert!(ran.err.contains(named), "{metadata}: {ran:?}");
    }
    for (args, named) in [
        (["--name", "a\nb", "--days", "1"], "--name"),
        (["--name", "a", "--days", "0"], "--days"),
        (["--name", "a", "--days", "367"], "--days"),
    ] {
        let args = [&["admin", "create-initial-access-token"], &args[..]].concat();
        let ran = world.signalbox(&args).await;
        assert!(ran.code == 2 && ran.err.contains(named), "{args:?}: {ran:?}");
    }
}

const CLIENTS: &str = "/api/v1/oauth2/clients";

#[tokio::test]
async fn an_admin_registers_lists_shows_and_removes_clients() {
    let world = World::start().await;
    let admin = world.sign_in(&world.admin().await).await.access;
    let rail = world.rail();
    let call = async |method: &str, path: &str| {
        send(rail.request_root(method, &format!("{CLIENTS}{path}")).bearer_auth(&admin)).await
    };
    let create = async |body: Value| {
        send(rail.request_root("POST", CLIENTS).bearer_auth(&admin).json(&body)).await
    };
    let body = json!({
        "name": "Wiki", "type": "CONFIDENTIAL", "redirectUris": ["https://wiki.example.com/cb"],
        "allowedScopes": ["openid", "wiki:read"], "grantTypes": ["authorization_code"],
    });
    let made = create(body).await.data(201);
    let id = made["clientId"].as_str().unwrap();
    assert!(made["clientSecret"].as_str().unwrap().starts_with("sbs_"));
    assert_eq!(made["allowedScopes"], json!(["openid", "wiki:read"]));
    let own =
        ["clientId", "name", "type", "redirectUris", "allowedScopes", "grantTypes", "createdAt"];
    let shown = call("GET", &format!("/{id}")).await.data(200);
    assert_eq!(names(&shown), set(own));
    let body = json!({ "name": "App", "type": "PUBLIC", "redirectUris": ["https://a.example/cb"] });
    let public = create(body).await.data(201);
    assert_eq!((&public["type"], &public["clientSecret"]), (&json!("PUBLIC"), &Value::Null));

    let first = call("GET", "?perPage=1").await;
    let second = call("GET", "?perPage=1&page=2").await;
    assert_eq!(first.json()["pagination"]["total"], 2);
    assert_eq!(first.json()["pagination"]["hasMore"], true);
    assert_eq!(second.json()["pagination"]["hasMore"], false);
    let (first, second) = (first.data(200), second.data(200));
    assert_ne!(first[0]["clientId"], second[0]["clientId"]);
    assert!(call("GET", "?page=3&perPage=1").await.data(200).as_array().unwrap().is_empty());
    assert_eq!(call("GET", "?perPage=101").await.wrong_fields(), ["perPage"]);

    let gone = call("DELETE", &format!("/{id}")).await.data(200);
    assert_eq!(gone, json!({ "clientId": id, "removed": true }));
    for method in ["GET", "DELETE"] {
        call(method, &format!("/{id}")).await.refused(404, "NOT_FOUND");
    }

    for (body, wrong) in [
        (json!({}), &["name", "type"][..]),
        (json!({ "name": "x", "type": "OTHER" }), &["type"]),
        (json!({ "name": "x", "type": "" }), &["type"]),
        (json!({ "name": "x", "type": "PUBLIC" }), &["redirectUris"]),
        (json!({ "name": "x", "type": "PUBLIC", "redirectUris": "x" }), &["redirectUris"]),
        (json!({ "name": "x", "type": "PUBLIC", "redirectUris": ["x"] }), &["redirectUris"]),
        (json!({ "name": "x", "type": "PUBLIC", "grantTypes": ["implicit"] }), &["grantTypes"]),
        (json!({ "name": "a\u{202e}", "type": "PUBLIC" }), &["name"]),
        (
            json!({
                "name": "x", "type": "PUBLIC", "redirectUris": ["https://a.example/cb"],
                "allowedScopes": ["a\"b"],
            }),
            &["allowedScopes"],
        ),
        (json!({ "name": "x", "type": "PUBLIC", "firstParty": true }), &["firstParty"]),
    ] {
        assert_eq!(create(body.clone()).await.wrong_fields(), wrong, "{body}");
    }
}

#[tokio::test]
async fn only_an_admin_with_a_second_factor_reaches_the_clients() {
    let world = World::start().await;
    let rail = world.rail();
    let call =
        async |bearer: &str| send(rail.request_root("GET", CLIENTS).bearer_auth(bearer)).await;
    let email = "one-factor@example.com";
    let args = ["admin", "create-user", "--email", email, "--role", "admin", "--active"];
    let password = "gravel orbit lantern seven";
    let args = [&args[..], &["--password-stdin"]].concat();
    drop(world.signalbox_with_input(&args, password).await.json());
    let body = json!({ "email": email, "password": password });
    let session = rail.post("/login", body).await.data(200);
    call(session["accessToken"].as_str().unwrap()).await.refused(403, "STEP_UP_REQUIRED");
    let person = world.sign_in(&world.enrolled().await).await.access;
    call(&person).await.refused(403, "FORBIDDEN");
    rail.root("GET", CLIENTS).await.refused(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn what_no_client_has_is_named_and_the_client_registered_without_it() {
    let world = World::shared().await;
    let metadata = json!({
        "client_id": "misspelt",
        "client_secret": "a secret that was chosen for it",
        "redirect_uri": ["https://wiki.example.com/cb"],
        "redirect_uris": ["https://wiki.example.com/cb"],
        "first-party": true,
        "audiences": ["https://api.example.com"],
        "access_token_ttl": 60,
    });
    let file = world.dir().join("misspelt.json");
    std::fs::write(&file, metadata.to_string()).unwrap();
    let made = ["admin", "create-client", "--from-json", file.to_str().unwrap()];
    let made = world.signalbox(&made).await;
    let client = made.json();
    assert_eq!((&client["client_id"], &client["first_party"]), (&json!("misspelt"), &json!(false)));
    let warned: Vec<&str> = made.err.lines().collect();
    assert_eq!(warned.len(), 2, "{}", made.err);
    for (line, member) in warned.iter().zip(["first-party", "redirect_uri"]) {
        assert!(line.contains("WARN") && line.contains(&format!("\"{member}\"")), "{line}");
    }
}
