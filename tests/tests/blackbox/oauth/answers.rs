//! What comes back to a client, and that it is what the client sent or asked for.

use serde_json::json;
use tests::{
    World,
    browser::Browser,
    forge::claims,
    relying_party::{NONCE, STATE, Tokens, through},
};

use crate::{names, set};

/// A state of 128 and more characters, with everything that an address or a form could spoil.
fn long_state() -> String {
    format!("{}&=+%20 \"<>'/?#;:@\u{e4}\u{20ac}\u{1f511}", "0123456789abcdef".repeat(16))
}

#[tokio::test]
async fn the_state_comes_back_unchanged_in_every_response_mode() {
    let world = World::shared().await;
    let (client, person) = (world.relying_party(json!({})).await, world.person().await);
    let state = long_state();
    for mode in ["query", "fragment", "form_post"] {
        let mut browser = Browser::new(&world);
        let asked = [("state", &*state), ("response_mode", mode)];
        // Through the pages, at once, and with an error.
        for more in ["", "none", "login"] {
            let mut asked = asked.to_vec();
            asked.push(("prompt", more));
            browser.get(&client.url(&asked)).await;
            let arrived = through(&mut browser, &person).await;
            assert_eq!(arrived.get("state"), Some(&state), "{mode} {more}");
            assert!(arrived.contains_key("code"), "{mode} {more}: {arrived:?}");
            assert_eq!(browser.left().unwrap().fields.is_some(), mode == "form_post");
        }
        let mut stranger = Browser::new(&world);
        stranger.get(&client.url(&[asked[0], asked[1], ("prompt", "none")])).await;
        let arrived = through(&mut stranger, &person).await;
        assert_eq!(arrived.get("state"), Some(&state), "{mode}");
        assert_eq!(arrived["error"], "login_required");
    }
}

#[tokio::test]
async fn without_a_state_none_comes_back() {
    let world = World::shared().await;
    let (client, person) = (world.relying_party(json!({})).await, world.person().await);
    let mut browser = Browser::new(&world);
    let arrived = client.ask(&mut browser, &person, &[("state", "")]).await;
    let known: Vec<&str> = arrived.keys().map(String::as_str).collect();
    assert!(!known.contains(&"state"), "{arrived:?}");
}

#[tokio::test]
async fn every_answer_says_who_answers() {
    let world = World::shared().await;
    let (client, person) = (world.relying_party(json!({})).await, world.person().await);
    let mut browser = Browser::new(&world);
    for mode in ["query", "fragment", "form_post"] {
        let arrived = client.ask(&mut browser, &person, &[("response_mode", mode)]).await;
        let known: Vec<&str> = arrived.keys().map(String::as_str).collect();
        // `session_state` is that of OpenID Connect Session Management.
        let known: Vec<&str> = known.into_iter().filter(|name| *name != "session_state").collect();
        assert_eq!(known, ["code", "iss", "state"], "{mode}");
        assert_eq!(arrived["iss"], world.issuer());
    }
}

#[tokio::test]
async fn a_registered_query_is_kept_in_the_redirect() {
    let world = World::shared().await;
    let redirect = "https://app.test/callback?site=1&empty=&name=a%20b";
    let client = world.relying_party(json!({ "redirect_uris": [redirect] })).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    for mode in ["query", "fragment", "form_post"] {
        let asked = [("response_mode", mode)];
        let arrived = client.ask(&mut browser, &person, &asked).await;
        let url = &browser.left().unwrap().url;
        assert!(url.starts_with(redirect), "{mode}: {url}");
        if mode == "query" {
            assert!(url.starts_with(&format!("{redirect}&")), "{url}");
        }
        client.redeem(&arrived["code"]).await.expect(200);
        let error = [("response_mode", mode), ("prompt", "none"), ("max_age", "0")];
        browser.get(&client.url(&error)).await;
        through(&mut browser, &person).await;
        assert!(browser.left().unwrap().url.starts_with(redirect), "{mode}");
    }
}

#[tokio::test]
async fn unknown_parameters_and_those_without_a_value_are_ignored() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let asked = [("extra", "foobar"), ("display", "popup"), ("claims_locales", "se")];
    let mut browser = Browser::new(&world);
    let code = client.ask(&mut browser, &person, &asked).await["code"].clone();
    let more = [("extra", "foobar"), ("scope", "")];
    client.redeem_with(&code, &more).await.expect(200);
    browser.get(&format!("{}&prompt=&max_age=&code_challenge=", client.url(&[]))).await;
    assert!(through(&mut browser, &person).await.contains_key("code"));
}

#[tokio::test]
async fn a_scope_that_is_not_known_is_ignored_and_the_answer_says_what_was_granted() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let mut browser = Browser::new(&world);
    let asked = [("scope", "email nonsense openid")];
    let tokens = client.tokens(&mut browser, &person, &asked).await;
    let mut granted: Vec<&str> = tokens.body["scope"].as_str().unwrap().split(' ').collect();
    granted.sort_unstable();
    assert_eq!(granted, ["email", "openid"]);
}

#[tokio::test]
async fn a_refresh_token_is_given_only_to_who_may_use_it() {
    let world = World::shared().await;
    let person = world.person().await;
    let may = world.confidential(json!({})).await;
    let may_not = world.confidential(json!({ "grant_types": ["authorization_code"] })).await;
    let mut browser = Browser::new(&world);
    let tokens = may.tokens(&mut browser, &person, &[]).await;
    let members =
        ["access_token", "token_type", "expires_in", "refresh_token", "scope", "id_token"];
    assert_eq!(names(&tokens.body), set(members));
    let tokens = may_not.tokens(&mut browser, &person, &[("scope", "openid offline_access")]).await;
    assert_eq!(tokens.body.get("refresh_token"), None);
    let granted = tokens.body["scope"].as_str().unwrap_or("openid offline_access");
    assert!(!granted.contains("offline_access"), "announced and not given: {granted}");
}

#[tokio::test]
async fn an_id_token_holds_what_the_request_and_the_sign_in_were() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let mut browser = Browser::new(&world);
    let tokens = client.tokens(&mut browser, &person, &[]).await;
    let id = tokens.id_claims();
    assert_eq!((&id["iss"], &id["nonce"]), (&json!(world.issuer()), &json!(NONCE)));
    assert!(id["aud"] == client.id.as_str() || id["aud"] == json!([client.id]), "{id}");
    let numbers = ["exp", "iat", "auth_time"].map(|name| id[name].as_u64().unwrap());
    assert!(numbers[0] > numbers[1] && numbers[1] >= numbers[2], "{id}");
    assert_eq!(id["amr"], json!(["pwd"]));
    assert!(id["sub"].as_str().unwrap().len() <= 255);
    assert_eq!(tests::forge::header(&tokens.id)["alg"], "RS256");
    // Without a nonce none comes back.
    let tokens = client.tokens(&mut browser, &person, &[("nonce", "")]).await;
    assert_eq!(tokens.id_claims().get("nonce"), None);
}

#[tokio::test]
async fn an_access_token_is_one_of_rfc_9068() {
    let world = World::shared().await;
    let client = world.confidential(json!({ "audiences": ["https://api.test"] })).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    let scope = [("scope", "openid email")];
    let tokens = client.tokens(&mut browser, &person, &scope).await;
    let header = tests::forge::header(&tokens.access);
    assert_eq!(header["typ"], "at+jwt");
    let claims = claims(&tokens.access);
    assert_eq!(claims["aud"], json!(["https://api.test", world.issuer()]));
    assert_eq!(
        (&claims["client_id"], &claims["scope"]),
        (&json!(client.id), &json!("openid email"))
    );
    for name in ["iss", "exp", "sub", "iat", "jti", "auth_time", "acr", "amr", "sid"] {
        assert!(!claims[name].is_null(), "{name} in {claims}");
    }
    assert_eq!(claims["email"], person.email.as_str());
    assert_eq!(claims.get("name"), None, "not asked for");
}

#[tokio::test]
async fn every_registered_algorithm_signs_id_tokens_with_a_published_key() {
    let world = World::shared().await;
    let person = world.person().await;
    let keys = world.rail().root("GET", "/.well-known/jwks.json").await.json()["keys"].clone();
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        let metadata = json!({ "id_token_signed_response_alg": algorithm });
        let client = world.confidential(metadata).await;
        let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
        for token in [&tokens, &Tokens::of(&client.refresh(&tokens.refresh).await)] {
            let header = tests::forge::header(&token.id);
            assert_eq!(header["alg"], algorithm);
            let published =
                keys.as_array().unwrap().iter().filter(|key| key["kid"] == header["kid"]);
            assert_eq!(published.count(), 1, "{header} in {keys}");
        }
    }
}

#[tokio::test]
async fn a_refresh_gives_an_id_token_of_the_same_sign_in() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let first = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    let second = Tokens::of(&client.refresh(&first.refresh).await);
    let (one, two) = (first.id_claims(), second.id_claims());
    for name in ["iss", "sub", "aud", "auth_time", "acr", "amr", "sid"] {
        assert_eq!(one[name], two[name], "{name}");
    }
    assert!(two["iat"].as_u64() >= one["iat"].as_u64());
    // OpenID Connect Core section 12.2: if it is there, it is that of the request.
    assert!(two.get("nonce").is_none_or(|nonce| nonce == NONCE), "{two}");
    assert_ne!(first.refresh, second.refresh);
}

#[tokio::test]
async fn a_form_that_posts_itself_needs_no_modern_browser() {
    let world = World::shared().await;
    let (client, person) = (world.relying_party(json!({})).await, world.person().await);
    let mut browser = Browser::new(&world);
    drop(client.tokens(&mut browser, &person, &[]).await);
    browser.step(&client.url(&[("response_mode", "form_post")])).await;
    let answer = browser.answer();
    answer.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let policy = answer.header("content-security-policy");
    assert!(policy.contains("form-action") && !policy.contains("unsafe-inline"), "{policy}");
    assert!(!answer.text.contains("type=\"module\""), "{}", answer.text);
    let form = &browser.forms()[0];
    assert_eq!(
        (form.method.as_str(), form.action.as_str()),
        ("POST", tests::relying_party::REDIRECT)
    );
    let fields: Vec<&str> = form.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert!(fields.contains(&"code") && fields.contains(&"state"), "{fields:?}");
    assert!(form.fields.contains(&("state".to_owned(), STATE.to_owned())));
}

#[tokio::test]
async fn a_redirect_after_credentials_is_a_303() {
    let world = World::shared().await;
    let (client, person) = (world.relying_party(json!({})).await, world.person().await);
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    let fields = [("username", person.email.as_str()), ("password", &person.password)];
    browser.submit_only(&fields).await;
    browser.answer().expect(303);
}
