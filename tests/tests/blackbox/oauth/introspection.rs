//! RFC 7662: what resource servers ask of a token.

use serde_json::json;
use tests::{World, browser::Browser, forge};

use super::error;
use crate::{hours, names, set};

#[tokio::test]
async fn a_live_access_token_is_told_as_what_it_is() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let scope = [("scope", "openid email")];
    let tokens = client.tokens(&mut Browser::new(&world), &person, &scope).await;
    let answer = client.introspect(&tokens.access).await;
    let told = answer.expect(200).json();
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let claims = forge::claims(&tokens.access);
    assert_eq!(told["active"], true);
    for name in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope"] {
        assert_eq!(told[name], claims[name], "{name}");
    }
    assert_eq!((&told["scope"], &told["client_id"]), (&json!("openid email"), &json!(client.id)));
    assert!(told["exp"].is_u64() && told["iat"].is_u64(), "{told}");
}

#[tokio::test]
async fn a_live_refresh_token_of_its_own_is_told_too() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    let told = client.introspect(&tokens.refresh).await.expect(200).json();
    assert_eq!((&told["active"], &told["client_id"]), (&json!(true), &json!(client.id)));
    // Being asked about is no use of it.
    client.refresh(&tokens.refresh).await.expect(200);
    let told = client.introspect(&tokens.refresh).await.expect(200).json();
    assert_eq!(told, json!({ "active": false }));
}

#[tokio::test]
async fn what_is_not_active_is_told_as_that_and_nothing_more() {
    let mut world = World::start().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let mut browser = Browser::new(&world);
    let tokens = client.tokens(&mut browser, &person, &[]).await;
    let claims = forge::claims(&tokens.access);
    let header = forge::header(&tokens.access);
    let unsigned =
        forge::token(&json!({ "alg": "none", "typ": "at+jwt" }), &claims, |_| Vec::new());
    let forged = forge::token(&header, &claims, forge::foreign_es256());
    for token in ["nonsense", "a.b.c", &tokens.id, &unsigned, &forged, &"x".repeat(4000)] {
        let told = client.introspect(token).await.expect(200).json();
        assert_eq!(names(&told), set(["active"]), "{token}");
        assert_eq!(told["active"], false);
    }
    let code = client.ask(&mut browser, &person, &[]).await["code"].clone();
    assert_eq!(client.introspect(&code).await.json(), json!({ "active": false }));
    world.advance(hours(2));
    assert_eq!(client.introspect(&tokens.access).await.json(), json!({ "active": false }));
}

#[tokio::test]
async fn a_client_learns_nothing_of_another_clients_refresh_tokens() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let other = world.confidential(json!({})).await;
    let person = world.person().await;
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    let told = other.introspect(&tokens.refresh).await.expect(200).json();
    assert_eq!(told, json!({ "active": false }));
}

#[tokio::test]
async fn invalid_client_where_the_caller_does_not_prove_who_it_is() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    for stranger in [client.with_secret("wrong"), client.by("none")] {
        error(&stranger.introspect(&tokens.access).await, 401, "invalid_client");
    }
    let bare = client.post_bare("/introspect", &[("token", &tokens.access)]).await;
    error(&bare, 401, "invalid_client");
    // Section 4: not for whoever merely says a name. A public client proves nothing.
    let public = world.relying_party(json!({})).await;
    error(&public.introspect(&tokens.access).await, 401, "invalid_client");
}

#[tokio::test]
async fn invalid_request_where_no_token_comes() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    error(&client.post("/introspect", &[]).await, 400, "invalid_request");
}

#[tokio::test]
async fn it_is_called_by_post_alone() {
    let world = World::shared().await;
    world.rail().root("GET", "/introspect?token=a").await.expect(405);
}

#[tokio::test]
async fn a_change_of_password_leaves_no_active_token() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    let session = world.sign_in(&person).await;
    let wanted = json!({
        "currentPassword": person.password, "newPassword": "another gravel lantern 7",
    });
    world.rail().post_as(&session.access, "/change-password", wanted).await.expect(200);
    assert_eq!(client.introspect(&tokens.access).await.json(), json!({ "active": false }));
    client.userinfo(&tokens.access).await.expect(401);
    error(&client.refresh(&tokens.refresh).await, 400, "invalid_grant");
}
