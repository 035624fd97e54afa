//! Clients that register and manage themselves: RFC 7591, RFC 7592.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::{Answer, World, rail::send};

use crate::{days, names};

const JSON: &str = "application/json";

/// The least a client registers.
fn least() -> Value {
    json!({ "redirect_uris": ["https://client.example.com/cb"] })
}

fn with(more: Value) -> Value {
    let mut metadata = least();
    for (name, value) in more.as_object().unwrap() {
        metadata[name] = value.clone();
    }
    metadata
}

async fn initial_access(world: &World) -> String {
    let args = ["admin", "create-initial-access-token", "--name", "tests", "--days", "7"];
    let made = world.signalbox(&args).await.json();
    assert_eq!(made["registrationEndpoint"], format!("{}/register", world.issuer()));
    made["token"].as_str().unwrap().to_owned()
}

async fn register(world: &World, bearer: Option<&str>, metadata: &Value) -> Answer {
    let request = world.rail().request_root("POST", "/register").json(metadata);
    send(match bearer {
        Some(bearer) => request.bearer_auth(bearer),
        None => request,
    })
    .await
}

/// A client as it was answered, and calls to its management address.
struct Managed<'w> {
    world: &'w World,
    client_id: String,
    path: String,
    token: String,
    answered: Value,
}

impl<'w> Managed<'w> {
    async fn new(world: &'w World, metadata: &Value) -> Self {
        let token = initial_access(world).await;
        Self::of(world, &register(world, Some(&token), metadata).await)
    }

    fn of(world: &'w World, answer: &Answer) -> Self {
        let answered = answer.expect(201).json();
        let text = |name: &str| answered[name].as_str().unwrap().to_owned();
        let address = text("registration_client_uri");
        Self {
            world,
            client_id: text("client_id"),
            path: address.strip_prefix(&world.issuer()).unwrap().to_owned(),
            token: text("registration_access_token"),
            answered,
        }
    }

    async fn call(&self, method: &str, bearer: &str, body: Option<&Value>) -> Answer {
        let request = self.world.rail().request_root(method, &self.path).bearer_auth(bearer);
        send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    async fn replace(&self, more: Value) -> Answer {
        let mut body = with(more);
        if body.get("client_id").is_none() {
            body["client_id"] = self.client_id.as_str().into();
        }
        self.call("PUT", &self.token, Some(&body)).await
    }
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    let body = answer.expect(status).json();
    assert_eq!(body["error"], code, "{body}");
    assert_eq!(names(&body), BTreeSet::from(["error", "error_description"]), "{body}");
    assert_eq!(answer.header("content-type"), JSON);
    assert_eq!(answer.header("cache-control"), "no-store");
    let text = body["error_description"].as_str().unwrap();
    assert!(text.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)), "{text}");
}

/// Who shows no token is told of none (RFC 6750 section 3.1).
#[track_caller]
fn challenged(answer: &Answer) {
    assert_eq!(answer.expect(401).header("www-authenticate"), "Bearer");
    assert_eq!(answer.json(), json!({}));
}

#[tokio::test]
async fn the_response_holds_the_identifier_the_secret_and_all_registered_metadata() {
    let world = World::shared().await;
    let token = initial_access(&world).await;
    let metadata = with(json!({
        "client_name": "Wiki", "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["authorization_code", "refresh_token"], "scope": "openid email",
        "contacts": ["ops@example.com"], "frobnicate": true,
    }));
    let answer = register(&world, Some(&token), &metadata).await;
    let client = answer.expect(201).json();
    assert_eq!(answer.header("content-type"), JSON);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(client["client_secret"].as_str().unwrap().len() >= 43);
    assert_eq!(client["client_secret_expires_at"], 0);
    let issued_at = client["client_id_issued_at"].as_u64().unwrap();
    assert!(issued_at.abs_diff(world.clock().secs()) < 60, "{client}");
    for (name, value) in metadata.as_object().unwrap() {
        let kept = if name == "frobnicate" { &Value::Null } else { value };
        assert_eq!(&client[name], kept, "{name}");
    }
    // With the defaults of what was left out.
    assert_eq!(client["response_types"], json!(["code"]));
    assert_eq!(client["application_type"], "web");
    for own in
        ["first_party", "require_pkce", "require_issuer_audience", "audiences", "access_token_ttl"]
    {
        assert_eq!(client[own], Value::Null, "{own}");
    }
    let again = register(&world, Some(&token), &metadata).await.expect(201).json();
    for differs in ["client_id", "client_secret", "registration_access_token"] {
        assert_ne!(again[differs], client[differs]);
    }
}

#[tokio::test]
async fn a_public_client_and_one_with_keys_get_no_secret() {
    let world = World::shared().await;
    let token = initial_access(&world).await;
    for metadata in [
        with(json!({ "token_endpoint_auth_method": "none" })),
        with(json!({
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks_uri": "https://client.example.com/jwks",
        })),
    ] {
        let client = register(&world, Some(&token), &metadata).await.expect(201).json();
        assert_eq!(client["client_secret"], Value::Null);
        assert_eq!(client["client_secret_expires_at"], Value::Null);
    }
}

#[tokio::test]
async fn nobody_registers_without_an_initial_access_token() {
    let mut world = World::start().await;
    let token = initial_access(&world).await;
    challenged(&register(&world, None, &least()).await);
    let managed = Managed::of(&world, &register(&world, Some(&token), &least()).await);
    let person = world.sign_in(&world.person().await).await.access;
    let mut mistyped = token.clone();
    mistyped.pop();
    for wrong in ["nonsense", &mistyped, &managed.token, &person] {
        let answer = register(&world, Some(wrong), &least()).await;
        refused(&answer, 401, "invalid_token");
        assert!(answer.header("www-authenticate").starts_with("Bearer error=\"invalid_token\""));
    }
    // The credential is judged before the body.
    refused(&register(&world, Some("nonsense"), &json!({})).await, 401, "invalid_token");
    world.advance(days(7));
    refused(&register(&world, Some(&token), &least()).await, 401, "invalid_token");
}

#[tokio::test]
async fn what_cannot_be_registered_is_refused_by_its_own_code() {
    let world = World::shared().await;
    let token = initial_access(&world).await;
    let register = async |metadata: Value| register(&world, Some(&token), &metadata).await;
    for uris in [
        json!({}),
        json!({ "redirect_uris": ["https://client.example.com/cb#fragment"] }),
        json!({ "redirect_uris": ["http://client.example.com/cb"] }),
        json!({ "redirect_uris": ["javascript:alert(1)"] }),
        json!({ "redirect_uris": ["https://good.example/cb", "data:x,y"] }),
    ] {
        refused(&register(uris).await, 400, "invalid_redirect_uri");
    }
    for wrong in [
        json!({ "grant_types": ["implicit"] }),
        json!({ "response_types": ["token"] }),
        json!({ "token_endpoint_auth_method": "tls_client_auth" }),
        json!({ "token_endpoint_auth_method": "private_key_jwt" }),
        json!({ "id_token_signed_response_alg": "none" }),
        json!({ "subject_type": "pairwise" }),
        json!({ "initiate_login_uri": "http://client.example.com/begin" }),
        json!({ "frontchannel_logout_uri": "https://elsewhere.example/out" }),
        json!({ "client_name": "a\u{202e}b \"\\" }),
    ] {
        refused(&register(with(wrong)).await, 400, "invalid_client_metadata");
    }
    let statement = with(json!({ "software_statement": "eyJ.eyJ.x" }));
    refused(&register(statement).await, 400, "unapproved_software_statement");
    for body in [json!([]), json!("x"), json!(1), Value::Null] {
        refused(&register(body).await, 400, "invalid_request");
    }
    let request = || world.rail().request_root("POST", "/register").bearer_auth(&token);
    for (kind, body) in [
        ("application/x-www-form-urlencoded", "redirect_uris=https%3A%2F%2Fclient.example.com"),
        ("text/plain", "{\"redirect_uris\":[\"https://client.example.com/cb\"]}"),
        (JSON, "{\"redirect_uris\":"),
        (JSON, ""),
    ] {
        let answer = send(request().header("content-type", kind).body(body)).await;
        refused(&answer, 400, "invalid_request");
    }
    let huge = format!("{{\"client_name\":\"{}\"}}", "a".repeat(17 * 1024));
    let answer = send(request().header("content-type", JSON).body(huge)).await;
    refused(&answer, 400, "invalid_request");
}

#[tokio::test]
async fn a_client_reads_what_is_registered_of_it() {
    let world = World::shared().await;
    let managed = Managed::new(&world, &with(json!({ "client_name": "Wiki" }))).await;
    let read = managed.call("GET", &managed.token, None).await;
    let mut expected = managed.answered.clone();
    // It was shown once.
    expected.as_object_mut().unwrap().remove("client_secret");
    assert_eq!(read.expect(200).json(), expected);
    assert_eq!(read.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_replacement_replaces_and_does_not_augment() {
    let world = World::shared().await;
    let more = json!({ "client_name": "Wiki", "contacts": ["ops@example.com"] });
    let managed = Managed::new(&world, &with(more)).await;
    let uris = json!(["https://other.example.com/cb"]);
    let replaced = managed.replace(json!({ "redirect_uris": uris, "tos_uri": null })).await;
    let replaced = replaced.expect(200).json();
    assert_eq!(replaced["redirect_uris"], uris);
    assert_eq!((&replaced["client_name"], &replaced["contacts"]), (&Value::Null, &Value::Null));
    assert_eq!(replaced["client_id"], managed.client_id.as_str());
    assert_eq!(replaced["client_id_issued_at"], managed.answered["client_id_issued_at"]);
    assert_eq!(replaced["registration_access_token"], managed.token.as_str());
    let read = managed.call("GET", &managed.token, None).await;
    assert_eq!(read.expect(200).json(), replaced);
    // What is wrong changes nothing.
    refused(&managed.replace(json!({ "redirect_uris": [] })).await, 400, "invalid_redirect_uri");
    let read = managed.call("GET", &managed.token, None).await;
    assert_eq!(read.expect(200).json(), replaced);
}

#[tokio::test]
async fn a_replacement_names_its_client_and_chooses_no_secret() {
    let world = World::shared().await;
    let managed = Managed::new(&world, &least()).await;
    let own = managed.answered["client_secret"].clone();
    managed.replace(json!({ "client_secret": own })).await.expect(200);
    for wrong in [
        json!({ "client_id": "another" }),
        json!({ "client_id": null }),
        json!({ "client_secret": "chosen" }),
        json!({ "client_secret": 1 }),
    ] {
        refused(&managed.replace(wrong).await, 400, "invalid_client_metadata");
    }
    for (answered, value) in [
        ("registration_access_token", json!(managed.token)),
        ("registration_client_uri", json!("https://elsewhere.example/")),
        ("client_secret_expires_at", json!(0)),
        ("client_id_issued_at", json!(1)),
    ] {
        refused(&managed.replace(json!({ answered: value })).await, 400, "invalid_request");
    }
}

#[tokio::test]
async fn a_secret_comes_and_goes_with_the_method_that_needs_one() {
    let world = World::shared().await;
    let managed =
        Managed::new(&world, &with(json!({ "token_endpoint_auth_method": "none" }))).await;
    let changed = |method: &str| {
        let more = json!({ "token_endpoint_auth_method": method });
        managed.replace(more)
    };
    let first = changed("client_secret_basic").await.expect(200).json();
    let secret = first["client_secret"].as_str().unwrap();
    let kept = changed("client_secret_post").await.expect(200).json();
    assert_eq!(kept["client_secret"], Value::Null);
    assert_eq!(kept["client_secret_expires_at"], 0);
    let none = changed("none").await.expect(200).json();
    assert_eq!(none["client_secret_expires_at"], Value::Null);
    let second = changed("client_secret_basic").await.expect(200).json();
    assert_ne!(second["client_secret"], secret);
    assert!(second["client_secret"].is_string());
}

#[tokio::test]
async fn a_client_that_removed_itself_is_no_more_and_its_token_opens_nothing() {
    let world = World::shared().await;
    let managed = Managed::new(&world, &least()).await;
    let gone = managed.call("DELETE", &managed.token, None).await;
    assert_eq!(gone.expect(204).text, "");
    assert_eq!(gone.header("cache-control"), "no-store");
    for (method, body) in [("GET", None), ("PUT", Some(least())), ("DELETE", None)] {
        let answer = managed.call(method, &managed.token, body.as_ref()).await;
        refused(&answer, 401, "invalid_token");
    }
}

#[tokio::test]
async fn a_registration_access_token_opens_its_own_client_and_no_other() {
    let world = World::shared().await;
    let access = initial_access(&world).await;
    let one = Managed::of(&world, &register(&world, Some(&access), &least()).await);
    let other = Managed::of(&world, &register(&world, Some(&access), &least()).await);
    let operators = world.create_client(&least()).await;
    let operators = Managed {
        path: format!("/register/{}", operators["client_id"].as_str().unwrap()),
        client_id: String::new(),
        token: String::new(),
        answered: Value::Null,
        world: &world,
    };
    for token in [other.token.as_str(), &access, "nonsense"] {
        for client in [&one, &operators] {
            for (method, body) in [("GET", None), ("PUT", Some(least())), ("DELETE", None)] {
                let answer = client.call(method, token, body.as_ref()).await;
                refused(&answer, 401, "invalid_token");
            }
        }
    }
    challenged(&send(world.rail().request_root("GET", &one.path)).await);
    challenged(&one.call("GET", "", None).await);
    one.call("GET", &one.token, None).await.expect(200);
}

#[tokio::test]
async fn of_many_replacements_at_once_each_is_whole() {
    let world = World::shared().await;
    let managed = Managed::new(&world, &least()).await;
    let replace = |number: usize| {
        let name = format!("Name {number}");
        let uri = format!("https://client.example.com/{number}");
        managed.replace(json!({ "client_name": name, "redirect_uris": [uri] }))
    };
    let answers = futures_util::future::join_all((0..16).map(replace)).await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(done >= 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        refused(answer, 503, "temporarily_unavailable");
        assert_eq!(answer.header("retry-after"), "1");
    }
    let read = managed.call("GET", &managed.token, None).await.expect(200).json();
    let number = read["client_name"].as_str().unwrap().strip_prefix("Name ").unwrap();
    let uri = format!("https://client.example.com/{number}");
    assert_eq!(read["redirect_uris"], json!([uri]));
}

#[tokio::test]
async fn where_registration_is_open_anybody_registers_but_not_without_end() {
    let world = World::plan()
        .set("registration.mode", "open")
        .set("limits.register_per_network", 3)
        .start()
        .await;
    let metadata = with(json!({ "client_name": "Anybody" }));
    let managed = Managed::of(&world, &register(&world, None, &metadata).await);
    managed.call("GET", &managed.token, None).await.expect(200);
    refused(&register(&world, None, &json!({})).await, 400, "invalid_redirect_uri");
    register(&world, Some("whatever"), &metadata).await.expect(201);
    let enough = register(&world, None, &metadata).await;
    refused(&enough, 429, "temporarily_unavailable");
    assert!(enough.header("retry-after").parse::<u64>().unwrap() > 0);
    // What is registered is managed all the same.
    managed.call("DELETE", &managed.token, None).await.expect(204);
}

#[tokio::test]
async fn where_registration_is_off_nobody_registers_and_it_is_not_announced() {
    let mut world = World::start().await;
    let token = initial_access(&world).await;
    let managed = Managed::of(&world, &register(&world, Some(&token), &least()).await);
    let (path, own) = (managed.path.clone(), managed.token.clone());
    world.server_node().set("registration.mode", "off");
    world.server_node().end().await;
    world.server_node().start().await;
    refused(&register(&world, Some(&token), &least()).await, 404, "not_found");
    refused(&register(&world, None, &least()).await, 404, "not_found");
    let document = world.rail().root("GET", "/.well-known/openid-configuration").await.json();
    assert_eq!(document["registration_endpoint"], Value::Null);
    // Who is registered stays so.
    send(world.rail().request_root("GET", &path).bearer_auth(&own)).await.expect(200);
}

#[tokio::test]
async fn a_client_changes_what_is_registered_of_it_sixty_times_an_hour() {
    let world = World::shared().await;
    let client = Managed::new(&world, &least()).await;
    for _ in 0..60 {
        client.replace(json!({})).await.expect(200);
    }
    let answer = client.replace(json!({})).await;
    refused(&answer, 429, "temporarily_unavailable");
    assert!(!answer.header("retry-after").is_empty());
    // Others change, and it may still go.
    Managed::new(&world, &least()).await.replace(json!({})).await.expect(200);
    client.call("DELETE", &client.token, None).await.expect(204);
}

#[tokio::test]
async fn registrations_with_an_initial_access_token_are_counted_by_its_name() {
    let world = World::shared().await;
    let args = ["admin", "create-initial-access-token", "--name", "crowd"];
    let made = world.signalbox(&args).await.json();
    let token = made["token"].as_str().unwrap();
    for _ in 0..300 {
        refused(&register(&world, Some(token), &json!({})).await, 400, "invalid_redirect_uri");
    }
    let answer = register(&world, Some(token), &least()).await;
    refused(&answer, 429, "temporarily_unavailable");
    assert!(!answer.header("retry-after").is_empty());
    let another = initial_access(&world).await;
    register(&world, Some(&another), &least()).await.expect(201);
}
