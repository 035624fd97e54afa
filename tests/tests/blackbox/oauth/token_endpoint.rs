//! The endpoints of tokens, as a client meets them that needs nobody to sign in: RFC 6749 sections
//! 2.3, 4.4 and 5, RFC 6750, RFC 7009, RFC 7662.

use serde_json::{Value, json};
use tests::{
    Answer, World,
    forge::claims,
    rail::send,
    relying_party::{REDIRECT, RelyingParty, SECRET, basic},
};

/// A parameter of a form.
type Field<'a> = (&'a str, &'a str);

const GRANT: Field<'_> = ("grant_type", "client_credentials");

/// A client that speaks for itself, and proves itself by `method`.
async fn machine(world: &World, id: &str, method: &str) -> RelyingParty {
    let metadata = json!({
        "client_id": id,
        "client_secret": SECRET,
        "token_endpoint_auth_method": method,
        "grant_types": ["client_credentials"],
        "response_types": [],
        "scope": "api reports",
        "audiences": ["urn:bench"],
    });
    world.registered(metadata).await
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    let body = answer.expect(status).json();
    assert_eq!(body["error"], code);
    assert!(body["error_description"].is_string());
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("pragma"), "no-cache");
}

#[tokio::test]
async fn a_client_that_speaks_for_itself_gets_a_token_that_lives_until_it_is_given_back() {
    let world = World::shared().await;
    for method in ["client_secret_basic", "client_secret_post"] {
        let client = machine(&world, &format!("machine-{method}").replace('_', "-"), method).await;
        let answer = client.token(&[GRANT, ("scope", "api")]).await;
        let body = answer.expect(200).json();
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("pragma"), "no-cache");
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!((&body["expires_in"], &body["scope"]), (&json!(3600), &json!("api")));
        assert!(body.get("refresh_token").is_none() && body.get("id_token").is_none());
        let token = body["access_token"].as_str().unwrap();
        assert_eq!(claims(token)["aud"], "urn:bench");

        let told = client.introspect(token).await.expect(200).json();
        assert_eq!(told["active"], true);
        assert_eq!(told["client_id"], json!(client.id));
        assert_eq!((&told["scope"], &told["aud"]), (&json!("api"), &json!("urn:bench")));
        client.revoke(token).await.expect(200);
        let told = client.introspect(token).await.expect(200).json();
        assert_eq!(told, json!({ "active": false }));
        client.revoke(token).await.expect(200);
        client.revoke("nonsense").await.expect(200);
    }
}

#[tokio::test]
async fn the_token_endpoint_of_the_json_api_takes_json_too() {
    let world = World::shared().await;
    let client = machine(&world, "machine-json", "client_secret_post").await;
    let body = json!({
        "grant_type": "client_credentials",
        "client_id": client.id,
        "client_secret": SECRET,
        "resource": ["urn:bench"],
    });
    let request = world.rail().request_root("POST", "/api/v1/oauth2/token").json(&body);
    let answer = send(request).await.expect(200).json();
    assert_eq!(answer["scope"], "api reports");
}

#[tokio::test]
async fn each_error_of_the_token_endpoint_has_its_own_code() {
    let world = World::shared().await;
    let client = machine(&world, "machine-errors", "client_secret_basic").await;
    let table: [(&[Field<'_>], u16, &str); 9] = [
        (&[], 400, "invalid_request"),
        (&[("grant_type", "password")], 400, "unsupported_grant_type"),
        (&[("grant_type", "refresh_token"), ("refresh_token", "x")], 400, "unauthorized_client"),
        (&[("grant_type", "authorization_code"), ("code", "x")], 400, "unauthorized_client"),
        (&[GRANT, GRANT], 400, "invalid_request"),
        (&[GRANT, ("scope", "openid")], 400, "invalid_scope"),
        (&[GRANT, ("scope", "api\u{7f}")], 400, "invalid_request"),
        (&[GRANT, ("resource", "https://else.example")], 400, "invalid_target"),
        (&[GRANT, ("client_id", "somebody else")], 400, "invalid_request"),
    ];
    for (fields, status, code) in table {
        refused(&client.token(fields).await, status, code);
    }
    // Unrecognized request parameters are ignored; without a value they are treated as omitted.
    client.token(&[GRANT, ("unheard_of", "x"), ("scope", "")]).await.expect(200);
    let large = "x".repeat(17_000);
    refused(&client.token(&[GRANT, ("unheard_of", &large)]).await, 400, "invalid_request");
    let nul = client.token(&[GRANT, ("scope", "a\0b")]).await;
    refused(&nul, 400, "invalid_request");
    send(world.rail().request_root("GET", "/token")).await.expect(405);
    let request = world.rail().request_root("POST", "/token");
    let text = request.header("content-type", "text/plain").body("grant_type=client_credentials");
    let text = text.header("authorization", basic(&client.id, SECRET));
    refused(&send(text).await, 400, "invalid_request");
}

#[tokio::test]
async fn a_client_that_does_not_show_what_it_is_registered_with_hears_401() {
    let world = World::shared().await;
    let client = machine(&world, "machine-secret", "client_secret_basic").await;
    for path in ["/token", "/introspect", "/revoke"] {
        let fields = [GRANT, ("token", "x")];
        let wrong = client.with_secret("wrong").post(path, &fields).await;
        refused(&wrong, 401, "invalid_client");
        assert!(wrong.header("www-authenticate").starts_with("Basic "));
        let posted = client.by("client_secret_post").post(path, &fields).await;
        refused(&posted, 401, "invalid_client");
        refused(&client.by("none").post(path, &fields).await, 401, "invalid_client");
        refused(&client.post_bare(path, &fields).await, 401, "invalid_client");
        // Nothing counts that stands in an address.
        let address = format!("{path}?client_id=machine-secret&client_secret={SECRET}");
        refused(&client.post_bare(&address, &fields).await, 401, "invalid_client");
    }
}

#[tokio::test]
async fn an_assertion_that_nobody_signed_is_no_proof() {
    let world = World::shared().await;
    let metadata = json!({
        "client_id": "machine-jwt",
        "token_endpoint_auth_method": "private_key_jwt",
        "grant_types": ["client_credentials"],
        "response_types": [],
        "jwks": { "keys": [] },
    });
    let client = world.registered(metadata).await;
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    for assertion in ["nonsense", "e30.eyJzdWIiOiJtYWNoaW5lLWp3dCJ9.", "e30.e30.e30"] {
        let shown = [GRANT, ("client_assertion_type", kind), ("client_assertion", assertion)];
        refused(&client.post_bare("/token", &shown).await, 401, "invalid_client");
    }
    let shown = [GRANT, ("client_assertion_type", "urn:else"), ("client_assertion", "x")];
    refused(&client.post_bare("/token", &shown).await, 400, "invalid_request");
}

#[tokio::test]
async fn a_public_client_neither_introspects_nor_speaks_for_itself() {
    let world = World::shared().await;
    let metadata = json!({
        "client_id": "public-app",
        "token_endpoint_auth_method": "none",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
    });
    let client = world.registered(metadata).await;
    refused(&client.introspect("x").await, 401, "invalid_client");
    refused(&client.token(&[GRANT]).await, 400, "unauthorized_client");
    client.revoke("x").await.expect(200);
    let code = client.redeem("sbc_nonsense").await;
    refused(&code, 400, "invalid_grant");
    refused(&client.refresh("sbr_nonsense").await, 400, "invalid_grant");
}

#[tokio::test]
async fn userinfo_asks_for_a_token_and_says_what_is_wrong_with_it() {
    let world = World::shared().await;
    let rail = world.rail();
    let call = async |method: &str, bearer: Option<&str>, body: &'static str| {
        let request = rail.request_root(method, "/userinfo");
        let request = match bearer {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let form = "application/x-www-form-urlencoded";
        send(if body.is_empty() {
            request
        } else {
            request.header("content-type", form).body(body)
        })
        .await
    };
    for method in ["GET", "POST"] {
        // Who shows nothing hears of no error (RFC 6750 section 3.1).
        let nothing = call(method, None, "").await;
        nothing.expect(401);
        assert_eq!(nothing.header("www-authenticate"), "Bearer");
        assert_eq!(nothing.json(), json!({}));
        let garbage = call(method, Some("garbage"), "").await;
        refused(&garbage, 401, "invalid_token");
        assert!(garbage.header("www-authenticate").contains("error=\"invalid_token\""));
    }
    refused(&call("POST", None, "access_token=garbage").await, 401, "invalid_token");
    refused(&call("POST", Some("a"), "access_token=a").await, 400, "invalid_request");
    let session = world.sign_in(&world.person().await).await;
    let address = format!("/userinfo?access_token={}", session.access);
    send(rail.request_root("GET", &address)).await.expect(401);
    // A good token of another surface has no scope.
    let other = call("GET", Some(&session.access), "").await;
    refused(&other, 403, "insufficient_scope");
    assert!(other.header("www-authenticate").contains("scope=\"openid\""));
    let id: &str = &session.id;
    refused(&call("GET", Some(id), "").await, 401, "invalid_token");
}

#[tokio::test]
async fn pages_of_any_origin_may_ask_where_no_cookie_counts() {
    let world = World::shared().await;
    let paths = ["/token", "/userinfo", "/revoke"];
    let rail = paths.map(|path| format!("/api/v1/oauth2{path}"));
    for path in paths.into_iter().chain(rail.iter().map(String::as_str)) {
        let request = world.rail().request_root("OPTIONS", path);
        let request = request
            .header("origin", "https://spa.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization, content-type");
        let answer = send(request).await;
        answer.expect(204);
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert!(answer.header("access-control-allow-headers").contains("authorization"));
        assert!(answer.headers.get("access-control-allow-credentials").is_none());
    }
    for path in ["/token", "/revoke"] {
        let answer = send(world.rail().request_root("POST", path)).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        let told: Value = answer.json();
        assert_eq!(told["error"], "invalid_client");
    }
}
