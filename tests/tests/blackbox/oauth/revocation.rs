//! RFC 7009: what clients take back.

use serde_json::json;
use tests::{World, browser::Browser, relying_party::Tokens};

use super::error;

#[tokio::test]
async fn a_revoked_refresh_token_ends_its_grant() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let mut browser = Browser::new(&world);
    let tokens = client.tokens(&mut browser, &person, &[]).await;
    let other = client.tokens(&mut browser, &person, &[]).await;
    let newer = Tokens::of(&client.refresh(&tokens.refresh).await);
    client.revoke(&newer.refresh).await.expect(200);
    error(&client.refresh(&newer.refresh).await, 400, "invalid_grant");
    for access in [&tokens.access, &newer.access] {
        client.userinfo(access).await.expect(401);
        assert_eq!(client.introspect(access).await.json(), json!({ "active": false }));
    }
    client.userinfo(&other.access).await.expect(200);
    client.refresh(&other.refresh).await.expect(200);
}

#[tokio::test]
async fn a_revoked_access_token_ends_alone() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    client.revoke(&tokens.access).await.expect(200);
    client.userinfo(&tokens.access).await.expect(401);
    assert_eq!(client.introspect(&tokens.access).await.json(), json!({ "active": false }));
    let newer = Tokens::of(&client.refresh(&tokens.refresh).await);
    client.userinfo(&newer.access).await.expect(200);
}

#[tokio::test]
async fn an_unknown_token_is_answered_as_a_revoked_one() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    let revoked = client.revoke(&tokens.refresh).await;
    for token in ["nonsense", "", &tokens.refresh, "a.b.c", &"x".repeat(4000)] {
        if token.is_empty() {
            continue;
        }
        let answer = client.revoke(token).await;
        assert_eq!((answer.status, &answer.text), (200, &revoked.text), "{token}");
    }
}

#[tokio::test]
async fn a_wrong_hint_hinders_nothing() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let mut browser = Browser::new(&world);
    for hint in ["access_token", "refresh_token", "nonsense"] {
        let tokens = client.tokens(&mut browser, &person, &[]).await;
        let fields = [("token", &*tokens.refresh), ("token_type_hint", hint)];
        client.post("/revoke", &fields).await.expect(200);
        error(&client.refresh(&tokens.refresh).await, 400, "invalid_grant");
        let tokens = client.tokens(&mut browser, &person, &[]).await;
        let fields = [("token", &*tokens.access), ("token_type_hint", hint)];
        client.post("/revoke", &fields).await.expect(200);
        client.userinfo(&tokens.access).await.expect(401);
    }
}

#[tokio::test]
async fn invalid_request_where_no_token_comes() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    error(&client.post("/revoke", &[]).await, 400, "invalid_request");
    let twice = [("token", "a"), ("token", "b")];
    error(&client.post("/revoke", &twice).await, 400, "invalid_request");
}

#[tokio::test]
async fn invalid_client_where_the_client_does_not_prove_who_it_is() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    for stranger in [client.with_secret("wrong"), client.by("none")] {
        error(&stranger.revoke(&tokens.refresh).await, 401, "invalid_client");
    }
    let bare = client.post_bare("/revoke", &[("token", &tokens.refresh)]).await;
    error(&bare, 401, "invalid_client");
    client.refresh(&tokens.refresh).await.expect(200);
}

#[tokio::test]
async fn nobody_revokes_the_tokens_of_another_client() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let person = world.person().await;
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    for other in [world.confidential(json!({})).await, world.relying_party(json!({})).await] {
        for token in [&tokens.access, &tokens.refresh] {
            // Told or not told: nothing of it is true.
            let answer = other.revoke(token).await;
            assert!([200, 400].contains(&answer.status), "{}", answer.text);
        }
    }
    client.userinfo(&tokens.access).await.expect(200);
    client.refresh(&tokens.refresh).await.expect(200);
}

#[tokio::test]
async fn a_public_client_revokes_its_own() {
    let world = World::shared().await;
    let (client, person) = (world.relying_party(json!({})).await, world.person().await);
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    client.revoke(&tokens.refresh).await.expect(200);
    error(&client.refresh(&tokens.refresh).await, 400, "invalid_grant");
    client.userinfo(&tokens.access).await.expect(401);
}

#[tokio::test]
async fn a_token_of_another_surface_is_nobodys_to_revoke_here() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let session = world.sign_in(&person).await;
    for token in [&session.access, &session.refresh, &session.id] {
        let answer = client.revoke(token).await;
        assert!([200, 400].contains(&answer.status), "{}", answer.text);
    }
    drop(world.rail().call_as(&session.access, "GET", "/me").await.data(200));
    drop(tests::person::refresh(&world.rail(), &session.refresh).await.data(200));
}

#[tokio::test]
async fn it_is_called_by_post_alone() {
    let world = World::shared().await;
    world.rail().root("GET", "/revoke?token=a").await.expect(405);
}
