//! RFC 6749 section 5.2: every error of the token endpoint.

use serde_json::json;
use tests::{
    World,
    browser::Browser,
    rail::send,
    relying_party::{SECRET, basic, form},
};

use super::error;

#[tokio::test]
async fn invalid_request_where_a_required_parameter_is_missing() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    for fields in [
        &[][..],
        &[("grant_type", "")],
        &[("grant_type", "authorization_code")],
        &[("grant_type", "refresh_token")],
    ] {
        error(&client.token(fields).await, 400, "invalid_request");
    }
}

#[tokio::test]
async fn invalid_request_where_a_parameter_is_repeated() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let fields = [("grant_type", "authorization_code"), ("code", "a"), ("code", "a")];
    error(&client.token(&fields).await, 400, "invalid_request");
}

#[tokio::test]
async fn invalid_request_where_a_member_is_repeated() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    for body in [
        r#"{"grant_type":"refresh_token","refresh_token":"a","refresh_token":"b"}"#,
        r#"{"grant_type":"refresh_token","refresh_token":"a","refresh_token":null}"#,
    ] {
        let request = world.rail().request_root("POST", "/token");
        let request = request.header("content-type", "application/json");
        let request = request.header("authorization", basic(&client.id, SECRET));
        let answer = send(request.body(body)).await;
        error(&answer, 400, "invalid_request");
        assert!(answer.text.contains("refresh_token comes twice"), "{}", answer.text);
    }
}

#[tokio::test]
async fn invalid_request_where_it_is_no_form() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let rail = world.rail();
    for (kind, body) in [
        ("text/plain", "grant_type=authorization_code&code=a"),
        ("application/json", "[]"),
        ("application/json", "{"),
        ("application/x-www-form-urlencoded", "%ff=%fe"),
    ] {
        let request = rail.request_root("POST", "/token").header("content-type", kind);
        let request = request.header("authorization", basic(&client.id, SECRET));
        error(&send(request.body(body)).await, 400, "invalid_request");
    }
}

#[tokio::test]
async fn invalid_request_where_more_than_one_mechanism_authenticates_the_client() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "a"),
        ("client_id", &client.id),
        ("client_secret", SECRET),
    ];
    error(&client.token(&fields).await, 400, "invalid_request");
}

#[tokio::test]
async fn invalid_client_where_the_client_is_unknown() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let fields = form(&[("grant_type", "authorization_code"), ("code", "a")]);
    let request = client.form_request("/token").header("authorization", basic("nobody", SECRET));
    let answer = send(request.body(fields)).await;
    error(&answer, 401, "invalid_client");
    assert!(answer.header("www-authenticate").starts_with("Basic realm="));
}

#[tokio::test]
async fn invalid_client_where_no_client_authentication_is_included() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let fields = [("grant_type", "authorization_code"), ("code", "a")];
    error(&client.post_bare("/token", &fields).await, 401, "invalid_client");
    let named = [fields[0], fields[1], ("client_id", &client.id)];
    error(&client.post_bare("/token", &named).await, 401, "invalid_client");
}

#[tokio::test]
async fn invalid_client_where_the_secret_is_another() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let fields = [("grant_type", "authorization_code"), ("code", "a")];
    for secret in ["", "wrong", &SECRET[1..], &SECRET[..SECRET.len() - 1]] {
        let answer = client.with_secret(secret).token(&fields).await;
        error(&answer, 401, "invalid_client");
        assert!(answer.header("www-authenticate").starts_with("Basic realm="));
    }
}

#[tokio::test]
async fn invalid_grant_where_the_code_is_unknown_or_anothers() {
    let world = World::shared().await;
    let (client, other) =
        (world.confidential(json!({})).await, world.confidential(json!({})).await);
    let person = world.person().await;
    for code in ["nonsense", "x", &"y".repeat(4000), "sbc_\u{fc}"] {
        error(&client.redeem(code).await, 400, "invalid_grant");
    }
    let code = client.ask(&mut Browser::new(&world), &person, &[]).await["code"].clone();
    error(&other.redeem(&code).await, 400, "invalid_grant");
    // It is spent by that: who has a code and not what goes with it does not try again.
    error(&client.redeem(&code).await, 400, "invalid_grant");
}

#[tokio::test]
async fn invalid_grant_where_the_redirect_uri_is_not_that_of_the_request() {
    let world = World::shared().await;
    let second = "https://app.test/second";
    let uris = json!({ "redirect_uris": [tests::relying_party::REDIRECT, second] });
    let client = world.confidential(uris).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    for other in ["", second, "https://app.test/callback/"] {
        let code = client.ask(&mut browser, &person, &[]).await["code"].clone();
        let answer = client.redeem_with(&code, &[("redirect_uri", other)]).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        let code = answer.json()["error"].clone();
        // RFC 6749 section 4.1.3: one that is missing is a missing parameter as well.
        let good = code == "invalid_grant" || other.is_empty() && code == "invalid_request";
        assert!(good, "{other}: {code}");
    }
}

#[tokio::test]
async fn invalid_grant_where_the_refresh_token_is_unknown_or_anothers() {
    let world = World::shared().await;
    let (client, other) =
        (world.confidential(json!({})).await, world.confidential(json!({})).await);
    let person = world.person().await;
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    for token in ["nonsense", &tokens.access, &tokens.id, &format!("{}A", tokens.refresh)] {
        error(&client.refresh(token).await, 400, "invalid_grant");
    }
    error(&other.refresh(&tokens.refresh).await, 400, "invalid_grant");
    client.refresh(&tokens.refresh).await.expect(200);
}

#[tokio::test]
async fn unauthorized_client_where_the_grant_is_not_registered_for_it() {
    let world = World::shared().await;
    let code_alone = json!({ "grant_types": ["authorization_code"] });
    let client = world.confidential(code_alone).await;
    for fields in [
        &[("grant_type", "client_credentials")][..],
        &[("grant_type", "refresh_token"), ("refresh_token", "a")],
        &[("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", "a")],
    ] {
        error(&client.token(fields).await, 400, "unauthorized_client");
    }
}

#[tokio::test]
async fn unauthorized_client_where_a_public_client_asks_for_itself() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    error(&client.token(&[("grant_type", "client_credentials")]).await, 400, "unauthorized_client");
}

#[tokio::test]
async fn unsupported_grant_type_for_the_password_grant_and_whatever_is_unknown() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let person = world.person().await;
    for grant in ["password", "implicit", "nonsense", "Authorization_Code"] {
        let fields =
            [("grant_type", grant), ("username", &person.email), ("password", &person.password)];
        error(&client.token(&fields).await, 400, "unsupported_grant_type");
    }
}

#[tokio::test]
async fn invalid_scope_where_it_exceeds_what_was_granted() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let person = world.person().await;
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    let fields = |scope| {
        [("grant_type", "refresh_token"), ("refresh_token", &*tokens.refresh), ("scope", scope)]
    };
    error(&client.token(&fields("openid profile")).await, 400, "invalid_scope");
    error(&client.token(&fields("openid \"x\"")).await, 400, "invalid_scope");
    // What is wrong with the request does not spend the token.
    client.token(&fields("openid")).await.expect(200);
}

#[tokio::test]
async fn invalid_scope_where_a_client_asks_for_itself_what_is_not_registered() {
    let world = World::shared().await;
    let grants = json!({
        "grant_types": ["client_credentials"], "response_types": [], "redirect_uris": [],
        "scope": "read",
    });
    let client = world.confidential(grants).await;
    let asked = |scope| [("grant_type", "client_credentials"), ("scope", scope)];
    error(&client.token(&asked("write")).await, 400, "invalid_scope");
    let answer = client.token(&asked("read")).await.expect(200).json();
    assert_eq!((&answer["scope"], &answer["refresh_token"]), (&json!("read"), &json!(null)));
    assert_eq!(answer["id_token"], json!(null));
}

#[tokio::test]
async fn the_endpoint_is_called_by_post_alone_and_reads_no_query() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    world.rail().root("GET", "/token?grant_type=authorization_code&code=a").await.expect(405);
    let path = "/token?grant_type=authorization_code&code=a";
    error(&client.post(path, &[]).await, 400, "invalid_request");
}

#[tokio::test]
async fn an_error_is_json_for_whoever_would_like_a_page_too() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    // What the platform of Java asks for where nobody says otherwise.
    let accept = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2";
    let fields = form(&[("grant_type", "refresh_token"), ("refresh_token", "a")]);
    let request = client.form_request("/token").header("accept", accept);
    let request = request.header("authorization", basic(&client.id, SECRET));
    error(&send(request.body(fields)).await, 400, "invalid_grant");
}

#[tokio::test]
async fn a_request_may_be_json_as_the_source_of_this_api_shows() {
    let world = World::shared().await;
    let client = world.confidential(json!({ "token_endpoint_auth_method": "client_secret_post" }));
    let client = client.await;
    let person = world.person().await;
    let code = client.ask(&mut Browser::new(&world), &person, &[]).await["code"].clone();
    let body = json!({
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": tests::relying_party::REDIRECT,
        "client_id": client.id,
        "client_secret": SECRET,
    });
    let request = world.rail().request_root("POST", "/api/v1/oauth2/token").json(&body);
    send(request).await.expect(200);
}
