//! How clients prove who they are (RFC 6749 section 2.3, OpenID Connect Core section 9; rule 16).

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::future::join_all;
use serde_json::json;
use tests::{
    World,
    rail::send,
    relying_party::{SECRET, form},
};

use super::error;

const UNKNOWN: [(&str, &str); 2] = [("grant_type", "refresh_token"), ("refresh_token", "a")];

#[tokio::test]
async fn client_id_and_secret_of_http_basic_are_percent_encoded_each() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    // It gets as far as the grant: the client is who it says.
    error(&client.token(&UNKNOWN).await, 400, "invalid_grant");
    let raw = STANDARD.encode(format!("{}:{SECRET}", client.id));
    let request = client.form_request("/token").header("authorization", format!("Basic {raw}"));
    error(&send(request.body(form(&UNKNOWN))).await, 401, "invalid_client");
}

#[tokio::test]
async fn a_secret_without_such_characters_is_the_same_either_way() {
    let world = World::shared().await;
    let client = world.confidential(json!({ "client_secret": "bench-secret" })).await;
    let raw = STANDARD.encode(format!("{}:bench-secret", client.id));
    let request = client.form_request("/token").header("authorization", format!("basic {raw}"));
    error(&send(request.body(form(&UNKNOWN))).await, 400, "invalid_grant");
}

#[tokio::test]
async fn after_a_wrong_secret_as_many_right_ones_as_come_are_good() {
    let world = World::shared().await;
    let client = world.confidential(json!({ "client_secret": "chosen by somebody" })).await;
    error(&client.with_secret("wrong").token(&UNKNOWN).await, 401, "invalid_client");
    let client = &client.with_secret("chosen by somebody");
    for answer in join_all((0..64).map(|_| client.token(&UNKNOWN))).await {
        error(&answer, 400, "invalid_grant");
    }
}

#[tokio::test]
async fn a_method_that_is_not_the_registered_one_does_not_count() {
    let world = World::shared().await;
    let basic = world.confidential(json!({})).await;
    let post = json!({ "token_endpoint_auth_method": "client_secret_post" });
    let post = world.confidential(post).await;
    error(&post.token(&UNKNOWN).await, 400, "invalid_grant");
    error(&basic.by("client_secret_post").token(&UNKNOWN).await, 401, "invalid_client");
    error(&post.by("client_secret_basic").token(&UNKNOWN).await, 401, "invalid_client");
    error(&basic.by("none").token(&UNKNOWN).await, 401, "invalid_client");
}

#[tokio::test]
async fn a_public_client_has_nothing_to_show_and_shows_nothing() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    error(&client.token(&UNKNOWN).await, 400, "invalid_grant");
    for method in ["client_secret_basic", "client_secret_post"] {
        let pretending = client.with_secret("anything").by(method);
        error(&pretending.token(&UNKNOWN).await, 401, "invalid_client");
    }
}

#[tokio::test]
async fn a_malformed_authorization_is_no_authentication() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let no_colon = format!("Basic {}", STANDARD.encode(&client.id));
    for value in ["Basic", "Basic %%%", &no_colon, "Bearer abc", "Negotiate abc"] {
        let request = client.form_request("/token").header("authorization", value);
        let answer = send(request.body(form(&UNKNOWN))).await;
        assert!([400, 401].contains(&answer.status), "{value}: {}", answer.text);
        let code = answer.json()["error"].clone();
        assert!(code == "invalid_client" || code == "invalid_request", "{value}: {code}");
    }
}

#[tokio::test]
async fn every_endpoint_of_clients_authenticates_them() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await.with_secret("wrong");
    for path in ["/token", "/introspect", "/revoke", "/par", "/device_authorization"] {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", "a"), ("token", "a")];
        error(&client.post(path, &fields).await, 401, "invalid_client");
    }
}

#[tokio::test]
async fn an_assertion_that_nobody_registered_a_key_for_proves_nothing() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await.by("none");
    let fields = [
        UNKNOWN[0],
        UNKNOWN[1],
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0."),
    ];
    error(&client.token(&fields).await, 401, "invalid_client");
}

#[tokio::test]
async fn the_log_names_the_client_that_was_refused_and_why() {
    let world = World::start().await;
    let client = world.confidential(json!({})).await;
    let grant = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let wrong = client.with_secret("not the secret");
    let mut nobody = wrong.clone();
    "nobody-here".clone_into(&mut nobody.id);
    for (who, cause) in [
        (&wrong, "wrong secret"),
        (&client.by("client_secret_post"), "another method"),
        (&nobody, "unknown"),
    ] {
        error(&who.token(&grant).await, 401, "invalid_client");
        let log = world.log();
        let line = log.lines().find(|line| line.contains(cause));
        let line = line.unwrap_or_else(|| panic!("no `{cause}`: {log}"));
        assert!(line.contains(&who.id) && line.contains("request_id"), "{line}");
        assert!(!log.contains("not the secret"));
    }
}
