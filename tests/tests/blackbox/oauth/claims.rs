//! OpenID Connect Core sections 5.1 to 5.5: who a person is said to be, to whom, and where.

use serde_json::{Value, json};
use tests::{
    Answer, World,
    browser::Browser,
    forge,
    rail::send,
    relying_party::{Tokens, form},
};

use super::{every_claim, person_with};
use crate::{names, set};

/// What an ID token of a code flow holds beside what was asked for by name.
const PROTOCOL: [&str; 14] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "jti",
    "sid",
    "c_hash",
];

async fn told(world: &World, scope: &str) -> (Value, Tokens) {
    let client = world.confidential(json!({})).await;
    let person = person_with(world, &every_claim()).await;
    let tokens = client.tokens(&mut Browser::new(world), &person, &[("scope", scope)]).await;
    (client.userinfo(&tokens.access).await.expect(200).json(), tokens)
}

#[tokio::test]
async fn the_scope_openid_alone_gives_the_subject_alone() {
    let world = World::shared().await;
    let (told, tokens) = told(&world, "openid").await;
    assert_eq!(names(&told), set(["sub"]));
    assert_eq!(told["sub"], tokens.id_claims()["sub"]);
}

#[tokio::test]
async fn the_scope_profile_gives_the_claims_of_the_profile() {
    let world = World::shared().await;
    let (told, _) = told(&world, "openid profile").await;
    let claims = every_claim();
    for name in [
        "given_name",
        "family_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
    ] {
        assert_eq!(told[name], claims[name], "{name}");
    }
    assert!(told["name"].is_string() && told["updated_at"].is_u64(), "{told}");
    // Seconds, not milliseconds.
    assert!(told["updated_at"].as_u64().unwrap() < 10_000_000_000, "{told}");
    for absent in ["email", "phone_number", "address"] {
        assert_eq!(told.get(absent), None);
    }
}

#[tokio::test]
async fn the_scope_email_gives_the_address_and_whether_it_was_proved() {
    let world = World::shared().await;
    let (told, _) = told(&world, "openid email").await;
    assert_eq!(names(&told), set(["sub", "email", "email_verified"]));
    assert_eq!(told["email_verified"], json!(true));
}

#[tokio::test]
async fn the_scope_phone_gives_the_number_and_whether_it_was_proved() {
    let world = World::shared().await;
    let (told, _) = told(&world, "openid phone").await;
    assert_eq!(names(&told), set(["sub", "phone_number", "phone_number_verified"]));
    assert_eq!(told["phone_number_verified"], json!(true));
}

#[tokio::test]
async fn the_scope_address_gives_the_address_as_an_object() {
    let world = World::shared().await;
    let (told, _) = told(&world, "openid address").await;
    assert_eq!(names(&told), set(["sub", "address"]));
    assert_eq!(told["address"], every_claim()["address"]);
}

#[tokio::test]
async fn a_claim_that_nobody_gave_is_left_out() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let all = [("scope", "openid profile email address phone")];
    let tokens = client.tokens(&mut Browser::new(&world), &person, &all).await;
    let told = client.userinfo(&tokens.access).await.expect(200).json();
    let values: Vec<&Value> = told.as_object().unwrap().values().collect();
    assert!(values.iter().all(|v| !v.is_null() && *v != "" && **v != json!({})), "{told}");
    for absent in ["phone_number", "phone_number_verified", "address", "birthdate", "nickname"] {
        assert_eq!(told.get(absent), None, "{told}");
    }
}

#[tokio::test]
async fn no_claim_of_a_scope_is_in_the_id_token_where_an_access_token_is_issued() {
    let world = World::shared().await;
    let (_, tokens) = told(&world, "openid profile email address phone").await;
    let claims = tokens.id_claims();
    for name in names(&claims) {
        assert!(PROTOCOL.contains(&name), "{name} in {claims}");
    }
}

#[tokio::test]
async fn a_claim_asked_for_by_name_is_given_where_it_was_asked_for() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let person = person_with(&world, &every_claim()).await;
    let claims = json!({
        "userinfo": { "name": { "essential": true }, "nickname": null },
        "id_token": { "email": null, "auth_time": { "essential": true } },
    })
    .to_string();
    let mut browser = Browser::new(&world);
    let tokens = client.tokens(&mut browser, &person, &[("claims", &claims)]).await;
    let told = client.userinfo(&tokens.access).await.expect(200).json();
    assert_eq!(names(&told), set(["sub", "name", "nickname"]));
    let id = tokens.id_claims();
    assert_eq!(id["email"], person.email.as_str());
    assert!(id["auth_time"].is_u64(), "{id}");
    assert_eq!((id.get("name"), id.get("nickname")), (None, None));
    // The grant carries it on.
    let renewed = Tokens::of(&client.refresh(&tokens.refresh).await);
    assert_eq!(client.userinfo(&renewed.access).await.expect(200).json(), told);
}

#[tokio::test]
async fn a_claim_asked_for_by_name_is_asked_of_the_person() {
    let world = World::shared().await;
    let client = world.confidential(json!({ "first_party": false })).await;
    let person = person_with(&world, &every_claim()).await;
    let mut browser = Browser::new(&world);
    drop(client.tokens(&mut browser, &person, &[]).await);
    // Scopes alone were allowed.
    let claims = json!({ "userinfo": { "birthdate": null } }).to_string();
    browser.get(&client.url(&[("claims", &claims)])).await;
    assert_eq!((browser.left(), browser.path()), (None, "/consent"));
    browser.submit(&[("decision", "allow")]).await;
    assert!(browser.arrived().contains_key("code"));
    browser.get(&client.url(&[("claims", &claims)])).await;
    assert!(browser.arrived().contains_key("code"), "what was allowed is remembered");
}

#[tokio::test]
async fn a_subject_asked_for_by_name_is_who_must_sign_in() {
    let world = World::shared().await;
    let client = world.confidential(json!({})).await;
    let (ada, bob) = (world.person().await, world.person().await);
    let mut browser = Browser::new(&world);
    let subject = client.tokens(&mut browser, &ada, &[]).await.id_claims()["sub"].clone();
    let claims = json!({ "id_token": { "sub": { "value": subject } } }).to_string();
    browser.get(&client.url(&[("claims", &claims), ("prompt", "none")])).await;
    assert!(browser.arrived().contains_key("code"));
    let mut browser = Browser::new(&world);
    drop(client.tokens(&mut browser, &bob, &[]).await);
    browser.get(&client.url(&[("claims", &claims), ("prompt", "none")])).await;
    super::refused_with(&world, &browser.arrived(), "login_required");
}

async fn userinfo(world: &World, access: &str, how: &str) -> Answer {
    let rail = world.rail();
    let request = match how {
        "get" => rail.request_root("GET", "/userinfo").bearer_auth(access),
        "post header" => rail.request_root("POST", "/userinfo").bearer_auth(access),
        "post body" => rail
            .request_root("POST", "/userinfo")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form(&[("access_token", access)])),
        "get query" => rail.request_root("GET", &format!("/userinfo?access_token={access}")),
        "post query" => rail.request_root("POST", &format!("/userinfo?access_token={access}")),
        other => panic!("{other}"),
    };
    send(request).await
}

#[tokio::test]
async fn userinfo_is_asked_by_get_and_post_with_the_token_in_header_or_form() {
    let world = World::shared().await;
    let (told, tokens) = told(&world, "openid email").await;
    for how in ["get", "post header", "post body"] {
        let answer = userinfo(&world, &tokens.access, how).await;
        assert_eq!(answer.expect(200).json(), told, "{how}");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    for how in ["get query", "post query"] {
        userinfo(&world, &tokens.access, how).await.expect(401);
    }
}

#[tokio::test]
async fn who_shows_no_token_is_challenged_without_an_error_code() {
    let world = World::shared().await;
    let answer = world.rail().root("GET", "/userinfo").await;
    answer.expect(401);
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with("Bearer") && !challenge.contains("error"), "{challenge}");
}

#[tokio::test]
async fn invalid_token_for_whatever_is_no_live_access_token_for_userinfo() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    let claims = forge::claims(&tokens.access);
    let forged = forge::token(&forge::header(&tokens.access), &claims, forge::foreign_es256());
    let elsewhere = world.confidential(json!({ "audiences": ["https://api.test"] })).await;
    let there = [("resource", "https://api.test")];
    let elsewhere = elsewhere.tokens(&mut Browser::new(&world), &person, &there).await;
    for token in ["nonsense", &tokens.id, &tokens.refresh, &forged, &elsewhere.access] {
        let answer = userinfo(&world, token, "get").await;
        answer.expect(401);
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
}

#[tokio::test]
async fn userinfo_is_for_who_signs_people_in_also_where_tokens_are_good_at_an_api() {
    let world = World::shared().await;
    let (api, person) = ("https://api.test", world.person().await);
    let client = world.confidential(json!({ "audiences": [api, "https://more.test"] })).await;
    let told = world.rail().root("GET", "/.well-known/openid-configuration").await.json();
    let issuer = told["issuer"].as_str().unwrap();
    let browser = &mut Browser::new(&world);
    let named = client.tokens(browser, &person, &[("resource", issuer)]).await;
    assert_eq!(forge::claims(&named.access)["aud"], issuer);
    let default = client.tokens(browser, &person, &[]).await;
    assert_eq!(forge::claims(&default.access)["aud"], json!([api, issuer]));
    for tokens in [&named, &default] {
        let told = client.userinfo(&tokens.access).await.expect(200).json();
        assert_eq!(told["sub"], tokens.id_claims()["sub"]);
    }
    // What was neither named nor is the default was asked of nobody.
    for resource in [api, "https://more.test"] {
        let refresh = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &*named.refresh),
            ("resource", resource),
        ];
        let answer = client.token(&refresh).await;
        assert_eq!(answer.expect(400).json()["error"], "invalid_target");
    }
}

#[tokio::test]
async fn invalid_request_where_the_token_comes_in_two_ways() {
    let world = World::shared().await;
    let (_, tokens) = told(&world, "openid").await;
    let request = world.rail().request_root("POST", "/userinfo").bearer_auth(&tokens.access);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = send(request.body(form(&[("access_token", &tokens.access)]))).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
}

#[tokio::test]
async fn insufficient_scope_where_the_token_is_not_one_of_openid_connect() {
    let world = World::shared().await;
    let (client, person) = (world.confidential(json!({})).await, world.person().await);
    let plain = client.tokens(&mut Browser::new(&world), &person, &[("scope", "email")]).await;
    assert_eq!(plain.id, "", "an ID token of a request that is not of OpenID Connect");
    let answer = client.userinfo(&plain.access).await;
    answer.expect(403);
    assert!(answer.header("www-authenticate").contains("error=\"insufficient_scope\""));
}

#[tokio::test]
async fn userinfo_is_a_signed_jwt_where_the_client_registered_an_algorithm() {
    let world = World::shared().await;
    let person = world.person().await;
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        let signed = json!({ "userinfo_signed_response_alg": algorithm });
        let client = world.confidential(signed).await;
        let scope = [("scope", "openid email")];
        let tokens = client.tokens(&mut Browser::new(&world), &person, &scope).await;
        let answer = client.userinfo(&tokens.access).await;
        assert_eq!(answer.expect(200).header("content-type"), "application/jwt");
        assert_eq!(forge::header(&answer.text)["alg"], algorithm);
        let told = forge::claims(&answer.text);
        assert_eq!(told["iss"], world.issuer().as_str());
        assert!(told["aud"] == client.id.as_str() || told["aud"] == json!([client.id]), "{told}");
        assert_eq!(told["email"], person.email.as_str());
        assert_eq!(told["sub"], tokens.id_claims()["sub"]);
    }
}

#[tokio::test]
async fn the_source_of_this_api_sees_tenant_and_roles_too() {
    let world = World::shared().await;
    let (told, tokens) = told(&world, "openid profile email").await;
    assert_eq!((&told["tenant_id"], &told["roles"]), (&json!("default"), &json!([])));
    let request = world.rail().request_root("GET", "/api/v1/oauth2/userinfo");
    let answer = send(request.bearer_auth(&tokens.access)).await;
    assert_eq!(answer.expect(200).json(), told);
}
