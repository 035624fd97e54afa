//! Authorization codes (RFC 6749 section 4.1.2, rule 13): once, soon, and with consequences.

use std::time::Duration;

use serde_json::json;
use tests::{World, browser::Browser, forge::claims, relying_party::Tokens};

use super::{bytes_in, error};
use crate::ends_at_the_edge;

#[tokio::test]
async fn a_code_is_dead_after_a_minute() {
    let mut world = World::start().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let mut browser = Browser::new(&world);
    let code = client.ask(&mut browser, &person, &[]).await["code"].clone();
    world.advance(Duration::from_secs(50));
    client.redeem(&code).await.expect(200);
    let code = client.ask(&mut browser, &person, &[]).await["code"].clone();
    world.advance(Duration::from_secs(62));
    error(&client.redeem(&code).await, 400, "invalid_grant");
}

#[tokio::test]
async fn a_code_presented_twice_ends_its_tokens() {
    let world = World::start().await;
    let client = world.confidential(json!({})).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    let code = client.ask(&mut browser, &person, &[]).await["code"].clone();
    let tokens = Tokens::of(&client.redeem(&code).await);
    client.userinfo(&tokens.access).await.expect(200);
    error(&client.redeem(&code).await, 400, "invalid_grant");
    let answer = client.userinfo(&tokens.access).await;
    answer.expect(401);
    assert!(answer.header("www-authenticate").contains("invalid_token"));
    assert_eq!(client.introspect(&tokens.access).await.json(), json!({ "active": false }));
    assert_eq!(client.introspect(&tokens.refresh).await.json(), json!({ "active": false }));
    error(&client.refresh(&tokens.refresh).await, 400, "invalid_grant");
    // The person stays signed in, and the next code is good.
    drop(client.tokens(&mut browser, &person, &[("prompt", "none")]).await);
}

#[tokio::test]
async fn a_code_presented_twice_ends_its_access_token_at_the_edge() {
    let world = World::start().await;
    let site = json!({
        "site_key": "shop",
        "name": "Shop",
        "base_url": format!("http://shop.localhost:{}", world.edge().port()),
        "hosts": ["shop.localhost"],
        "upstreams": [world.upstream().await],
        "policy": { "require": "signed_in" },
    });
    let base_url = site["base_url"].clone();
    world.create_site(&site).await;
    let client = world.confidential(json!({ "audiences": [base_url] })).await;
    let person = world.person().await;
    let code = client.ask(&mut Browser::new(&world), &person, &[]).await["code"].clone();
    let tokens = Tokens::of(&client.redeem(&code).await);
    assert_eq!(claims(&tokens.access)["aud"][0], base_url);
    let edge = world.edge();
    tests::process::until("the edge knows the site", Duration::from_secs(5), async || {
        (edge.get("shop.localhost", "/", &tokens.access).await.status == 200).then_some(())
    })
    .await;
    error(&client.redeem(&code).await, 400, "invalid_grant");
    tests::process::until("the token is dead", Duration::from_secs(5), async || {
        (edge.get("shop.localhost", "/", &tokens.access).await.status == 401).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_code_presented_twice_ends_what_came_of_a_refresh_too() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let person = world.person().await;
    let code = client.ask(&mut Browser::new(&world), &person, &[]).await["code"].clone();
    let first = Tokens::of(&client.redeem(&code).await);
    let second = Tokens::of(&client.refresh(&first.refresh).await);
    error(&client.redeem(&code).await, 400, "invalid_grant");
    client.userinfo(&second.access).await.expect(401);
    error(&client.refresh(&second.refresh).await, 400, "invalid_grant");
}

#[tokio::test]
async fn of_many_who_present_a_code_at_once_one_wins() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let person = world.person().await;
    let code = client.ask(&mut Browser::new(&world), &person, &[]).await["code"].clone();
    let tries = (0..8).map(|_| {
        let (client, code) = (client.clone(), code.clone());
        tokio::spawn(async move { client.redeem(&code).await })
    });
    let mut won = Vec::new();
    for one in tries.collect::<Vec<_>>() {
        let answer = one.await.unwrap();
        if answer.status == 200 { won.push(answer) } else { error(&answer, 400, "invalid_grant") }
    }
    assert!(won.len() <= 1, "{} won", won.len());
    for answer in won {
        // The losers presented it a second time.
        client.userinfo(&Tokens::of(&answer).access).await.expect(401);
    }
}

#[tokio::test]
async fn codes_and_tokens_have_thirty_two_random_bytes() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let code = client.ask(&mut browser, &person, &[]).await["code"].clone();
        let tokens = Tokens::of(&client.redeem(&code).await);
        let pushed = client.push(&[]).await.expect(201).json();
        for secret in [&code, &tokens.refresh, pushed["request_uri"].as_str().unwrap()] {
            assert!(bytes_in(secret) >= 32, "{secret}");
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~:".contains(c);
            assert!(secret.chars().all(allowed), "{secret}");
            assert!(seen.insert(secret.to_owned()), "{secret} came twice");
        }
        assert!(seen.insert(claims(&tokens.access)["jti"].to_string()));
    }
}

#[tokio::test]
async fn a_session_that_ended_takes_its_codes_with_it() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let person = world.person().await;
    let code = client.ask(&mut Browser::new(&world), &person, &[]).await["code"].clone();
    let session = world.sign_in(&person).await;
    drop(world.rail().call_as(&session.access, "DELETE", "/sessions").await.data(200));
    error(&client.redeem(&code).await, 400, "invalid_grant");
}

#[tokio::test]
async fn a_code_is_worth_nothing_at_the_edge() {
    let world = World::start().await;
    let client = world.confidential(json!({})).await;
    let person = world.person().await;
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    // Its audience is the issuer, and the site asks for a second factor besides.
    ends_at_the_edge(&world.edge(), &tokens.access).await;
    ends_at_the_edge(&world.edge(), &tokens.id).await;
}
