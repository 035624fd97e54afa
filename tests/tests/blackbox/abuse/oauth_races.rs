//! What a client may use once, used many times at once on as many servers as the stores allow.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{
    Answer, World,
    browser::{Browser, encoded},
    client_key::Key,
    rail::send,
    relying_party::{RelyingParty, Tokens, form},
};

const AT_ONCE: usize = 32;
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn replicas() -> World {
    World::plan().replicas().start().await
}

/// Calls every server in turn, all at once.
async fn at_once(
    world: &World,
    client: &RelyingParty,
    path: &str,
    fields: &[(&str, &str)],
) -> Vec<Answer> {
    let tries = (0..AT_ONCE).map(|number| {
        let client = client.at(world, number);
        async move { client.post(path, fields).await }
    });
    join_all(tries).await
}

/// Those that succeeded; all others were refused with this code, or sent away: endings of one grant
/// wait for each other, and nobody waits for ever.
#[track_caller]
fn won(answers: &[Answer], status: u16, code: &str) -> Vec<Answer> {
    let refused = [(status, json!(code)), (503, json!("temporarily_unavailable"))];
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert!(refused.contains(&(answer.status, answer.json()["error"].clone())), "{answer:?}");
    }
    answers.iter().filter(|answer| answer.status == 200).cloned().collect()
}

/// Nothing of these tokens is good anywhere.
async fn is_over(world: &World, client: &RelyingParty, tokens: &Tokens) {
    for number in 0..world.server_count() {
        let client = client.at(world, number);
        client.userinfo(&tokens.access).await.expect(401);
        for token in [&tokens.access, &tokens.refresh] {
            assert_eq!(client.introspect(token).await.json(), json!({ "active": false }));
        }
        client.refresh(&tokens.refresh).await.expect(400);
    }
}

#[tokio::test]
async fn an_authorization_code_redeemed_many_times_at_once_gives_one_grant_which_ends() {
    let world = replicas().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let mut browser = Browser::new(&world);
    for _ in 0..3 {
        let code = client.ask(&mut browser, &person, &[]).await["code"].clone();
        let redirect = client.asked().into_iter().find(|(name, _)| name == "redirect_uri").unwrap();
        let fields =
            [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", &redirect.1)];
        let answers = at_once(&world, &client, "/token", &fields).await;
        let winners = won(&answers, 400, "invalid_grant");
        // Whoever came second may have ended the grant before the first was answered.
        assert!(winners.len() <= 1, "{} winners", winners.len());
        for winner in &winners {
            is_over(&world, &client, &Tokens::of(winner)).await;
        }
    }
    // The person stays signed in, and so do the clients' other grants come about.
    let tokens = client.tokens(&mut browser, &person, &[]).await;
    client.userinfo(&tokens.access).await.expect(200);
}

#[tokio::test]
async fn of_many_refreshes_of_a_clients_token_at_most_one_live_token_comes() {
    let world = replicas().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let mut browser = Browser::new(&world);
    for scope in ["openid", "openid offline_access", "openid"] {
        let asked = [("scope", scope), ("prompt", "consent")];
        let tokens = client.tokens(&mut browser, &person, &asked).await;
        let fields = [("grant_type", "refresh_token"), ("refresh_token", &*tokens.refresh)];
        let answers = at_once(&world, &client, "/token", &fields).await;
        let given = won(&answers, 400, "invalid_grant");
        assert!(!given.is_empty());
        let later = given.iter().enumerate().map(|(number, answer)| {
            let (client, token) = (client.at(&world, number), Tokens::of(answer).refresh);
            async move { client.refresh(&token).await }
        });
        let later = won(&join_all(later).await, 400, "invalid_grant");
        assert!(later.len() <= 1, "{} live tokens", later.len());
    }
}

#[tokio::test]
async fn a_client_assertion_shown_many_times_at_once_counts_once() {
    let world = replicas().await;
    let key = Key::new("only");
    let client = world
        .relying_party(json!({
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": { "keys": [key.public()] },
            "grant_types": ["client_credentials"],
            "redirect_uris": null,
            "post_logout_redirect_uris": null,
            "response_types": null,
            "scope": "api",
        }))
        .await;
    for _ in 0..3 {
        let proof = key.proof(&world, &client.id, &world.issuer());
        let mut fields = vec![("grant_type", "client_credentials")];
        fields.extend(proof.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let fields = &fields;
        let tries = (0..AT_ONCE).map(|number| {
            let client = client.at(&world, number);
            async move { send(client.form_request("/token").body(form(fields))).await }
        });
        assert_eq!(won(&join_all(tries).await, 401, "invalid_client").len(), 1);
    }
}

#[tokio::test]
async fn a_pushed_request_visited_many_times_at_once_gives_one_code() {
    let world = replicas().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let mut browser = Browser::new(&world);
    client.ask(&mut browser, &person, &[]).await;
    let held = format!("sb_session={}", browser.cookie("sb_session").unwrap().value);
    for _ in 0..3 {
        let pushed: Value = client.push(&[]).await.expect(201).json();
        let named =
            [("client_id", &*client.id), ("request_uri", pushed["request_uri"].as_str().unwrap())];
        let query = encoded(&named.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let tries = (0..AT_ONCE).map(|number| {
            let request = world.rail_of(number).request_root("GET", &format!("/authorize?{query}"));
            send(request.header("cookie", &held))
        });
        let answers = join_all(tries).await;
        let has_code = |answer: &&Answer| answer.header("location").contains("code=");
        let won: Vec<&Answer> = answers.iter().filter(has_code).collect();
        assert_eq!(won.len(), 1, "{answers:#?}");
        for answer in &answers {
            assert!([303, 400].contains(&answer.status), "{}: {}", answer.status, answer.text);
        }
    }
}

#[tokio::test]
async fn a_device_that_polls_many_times_at_once_is_let_in_once() {
    let world = replicas().await;
    let more = json!({ "grant_types": [DEVICE, "refresh_token"] });
    let (client, person) = (world.confidential(more).await, world.person().await);
    let mut browser = Browser::new(&world);
    for _ in 0..3 {
        let asked = client.post("/device_authorization", &[("scope", "openid")]).await;
        let device: Value = asked.expect(200).json();
        browser.get(device["verification_uri_complete"].as_str().unwrap()).await;
        if browser.path() == "/login" {
            let fields = [("username", &*person.email), ("password", &*person.password)];
            browser.submit(&fields).await;
        }
        browser.submit(&[("decision", "allow")]).await.answer.expect(200);
        let code = device["device_code"].as_str().unwrap();
        let fields = [("grant_type", DEVICE), ("device_code", code)];
        let answers = at_once(&world, &client, "/token", &fields).await;
        let winners = won(&answers, 400, "invalid_grant");
        assert_eq!(winners.len(), 1);
        client.userinfo(&Tokens::of(&winners[0]).access).await.expect(200);
    }
}
