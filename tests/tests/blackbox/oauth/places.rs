//! Where a client's tokens are good (RFC 8707), and that they are good nowhere once they have ended:
//! neither here nor at an edge.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    Answer, World,
    browser::Browser,
    forge::claims,
    process::until,
    relying_party::{RelyingParty, Tokens},
};

use super::error;

/// How soon an edge knows.
const SOON: Duration = Duration::from_secs(5);

/// A site behind the edge that asks for a sign-in: its host and its address.
async fn site(world: &World, key: &str) -> (String, String) {
    let host = format!("{key}.localhost");
    let base_url = format!("http://{host}:{}", world.edge().port());
    let site = json!({
        "site_key": key,
        "base_url": base_url,
        "hosts": [host],
        "upstreams": [world.upstream().await],
        "policy": { "require": "signed_in" },
    });
    world.create_site(&site).await;
    until("the edge knows the site", SOON, async || {
        let answer = world.edge().get_anonymously(&host, "/").await;
        (answer.status != 421).then_some(())
    })
    .await;
    (host, base_url)
}

async fn at(world: &World, host: &str, token: &str) -> u16 {
    world.edge().get(host, "/", token).await.status
}

async fn ends_at(world: &World, host: &str, token: &str) {
    until("the edge refuses it", SOON, async || {
        (at(world, host, token).await == 401).then_some(())
    })
    .await;
}

fn is_inactive(answer: &Answer) -> bool {
    answer.expect(200).json() == json!({ "active": false })
}

#[tokio::test]
async fn a_token_is_good_at_the_resources_it_was_asked_for_and_at_no_other() {
    let world = World::start().await;
    let (one, at_one) = site(&world, "one").await;
    let (two, at_two) = site(&world, "two").await;
    let (three, at_three) = site(&world, "three").await;
    let audiences = json!([at_one, at_two, at_three]);
    let client = world.confidential(json!({ "audiences": audiences })).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    // Of all it is registered for it asks for two (section 2.1), and by name twice.
    let url = format!("{}&resource={at_one}&resource={at_two}", client.authorize_url("openid"));
    browser.get(&url).await;
    let arrived = tests::relying_party::through(&mut browser, &person).await;
    let both = Tokens::of(&client.redeem(&arrived["code"]).await);
    let opens = async |token: &str| {
        let statuses = [&one, &two, &three].map(|host| at(&world, host, token));
        futures_util::future::join_all(statuses).await
    };
    assert_eq!(claims(&both.access)["aud"], json!([at_one, at_two]));
    assert_eq!(opens(&both.access).await, [200, 200, 401]);
    // It named its places: this server is none of them.
    client.userinfo(&both.access).await.expect(401);

    // Of what was granted each token may be for less (section 2.2), and none for more.
    let refreshed = async |token: &str, resource: &[&str]| {
        let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
        fields.extend(resource.iter().map(|one| ("resource", *one)));
        client.token(&fields).await
    };
    let less = Tokens::of(&refreshed(&both.refresh, &[&at_two]).await);
    assert_eq!(claims(&less.access)["aud"], at_two);
    assert_eq!(opens(&less.access).await, [401, 200, 401]);
    error(&refreshed(&less.refresh, &[&at_three]).await, 400, "invalid_target");
    error(&refreshed(&less.refresh, &[&at_one, &at_three]).await, 400, "invalid_target");
    let again = Tokens::of(&refreshed(&less.refresh, &[]).await);
    assert_eq!(opens(&again.access).await, [200, 200, 401]);
}

/// A client whose tokens open a site and userinfo, with one of them.
async fn at_a_site(world: &World, key: &str) -> (RelyingParty, Tokens, String, Value) {
    let (host, base_url) = site(world, key).await;
    let client = world.confidential(json!({ "audiences": [base_url] })).await;
    let person = world.person().await;
    let tokens = client.tokens(&mut Browser::new(world), &person, &[]).await;
    assert_eq!(claims(&tokens.access)["aud"], json!([base_url, world.issuer()]));
    assert_eq!(at(world, &host, &tokens.access).await, 200);
    client.userinfo(&tokens.access).await.expect(200);
    (client, tokens, host, json!(base_url))
}

#[tokio::test]
async fn the_removal_of_a_client_ends_its_tokens_everywhere() {
    let world = World::start().await;
    let (client, tokens, host, base_url) = at_a_site(&world, "shop").await;
    let resource_server = world.confidential(json!({ "audiences": [base_url] })).await;
    let (mut browser, person) = (Browser::new(&world), world.person().await);
    let neighbour = resource_server.tokens(&mut browser, &person, &[]).await;
    let removed = world.signalbox(&["admin", "remove-client", "--client-id", &client.id]).await;
    assert_eq!(removed.json()["removed"], true);
    client.userinfo(&tokens.access).await.expect(401);
    assert!(is_inactive(&resource_server.introspect(&tokens.access).await));
    error(&client.refresh(&tokens.refresh).await, 401, "invalid_client");
    ends_at(&world, &host, &tokens.access).await;
    // Those of others go on.
    resource_server.userinfo(&neighbour.access).await.expect(200);
    assert_eq!(at(&world, &host, &neighbour.access).await, 200);
}

#[tokio::test]
async fn an_access_token_that_was_given_back_is_dead_at_the_edge_and_its_grant_goes_on() {
    let world = World::start().await;
    let (client, tokens, host, _) = at_a_site(&world, "shop").await;
    let newer = Tokens::of(&client.refresh(&tokens.refresh).await);
    assert_eq!(at(&world, &host, &newer.access).await, 200);
    client.revoke(&tokens.access).await.expect(200);
    ends_at(&world, &host, &tokens.access).await;
    assert!(is_inactive(&client.introspect(&tokens.access).await));
    assert_eq!(at(&world, &host, &newer.access).await, 200);
    client.refresh(&newer.refresh).await.expect(200);
    // A refresh token ends the whole grant.
    client.revoke(&newer.refresh).await.expect(200);
    ends_at(&world, &host, &newer.access).await;
}
