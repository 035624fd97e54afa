//! What the OpenID Foundation's suite does to a provider, module by module, as far as a machine can
//! judge it: the plans config, basic, formpost-basic, dynamic (for codes), 3rd-party-init and
//! RP-initiated logout. Config is `metadata`; back-channel and front-channel logout and session
//! management are `backchannel` and `logout`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tests::{
    Answer, Person, World,
    browser::Browser,
    client_key::Key,
    forge,
    rail::send,
    relying_party::{GOODBYE, REDIRECT, RelyingParty, Tokens, form, has, through},
    world::free_port,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{bytes_in, error, every_claim, person_with, refused_with, shown};

/// As the suite's: everything it asks for is the default of its document.
async fn client(world: &World) -> RelyingParty {
    world.confidential(json!({ "first_party": false })).await.asking("openid")
}

async fn flow(
    world: &World,
    browser: &mut Browser,
    person: &Person,
    changes: &[(&str, &str)],
) -> (RelyingParty, Tokens) {
    let client = client(world).await;
    let tokens = client.tokens(browser, person, changes).await;
    (client, tokens)
}

/// What every module checks of an ID token.
#[track_caller]
fn good_id_token(world: &World, client: &RelyingParty, tokens: &Tokens) {
    let id = tokens.id_claims();
    assert_eq!(id["iss"], world.issuer().as_str());
    assert!(id["aud"] == client.id.as_str() || id["aud"] == json!([client.id]), "{id}");
    assert!(id.get("azp").is_none_or(|azp| azp == client.id.as_str()), "{id}");
    for name in ["exp", "iat", "auth_time"] {
        assert!(id[name].is_u64(), "{name}: {id}");
    }
    assert!(forge::header(&tokens.id)["kid"].is_string());
}

// ---- basic ----------------------------------------------------------------------------------

#[tokio::test]
async fn oidcc_server() {
    let world = World::shared().await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    let (client, tokens) = flow(&world, &mut browser, &person, &[]).await;
    good_id_token(&world, &client, &tokens);
    assert!(tokens.body["expires_in"].is_u64(), "{}", tokens.body);
    assert_eq!(
        client.userinfo(&tokens.access).await.expect(200).json()["sub"],
        tokens.id_claims()["sub"]
    );
}

#[tokio::test]
async fn oidcc_response_type_missing() {
    let world = World::shared().await;
    let client = client(&world).await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[("response_type", "")])).await;
    refused_with(&world, &browser.arrived(), "invalid_request");
    assert!(browser.left().unwrap().url.starts_with(&format!("{REDIRECT}?")));
}

#[tokio::test]
async fn oidcc_ensure_request_without_nonce_succeeds_for_code_flow() {
    let world = World::shared().await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    let (client, tokens) = flow(&world, &mut browser, &person, &[("nonce", "")]).await;
    good_id_token(&world, &client, &tokens);
}

#[tokio::test]
async fn oidcc_scope_profile_email_address_phone_and_all() {
    let world = World::shared().await;
    let person = person_with(&world, &every_claim()).await;
    let client = client(&world).await;
    let mut browser = Browser::new(&world);
    for (scope, expected) in [
        ("openid profile", &["name", "family_name", "birthdate", "updated_at"][..]),
        ("openid email", &["email", "email_verified"]),
        ("openid address", &["address"]),
        ("openid phone", &["phone_number", "phone_number_verified"]),
        ("openid address email phone profile", &["name", "email", "address", "phone_number"]),
        // Another order (oidcc-ensure-other-scope-order-succeeds).
        ("email openid", &["email"]),
    ] {
        let tokens = client.tokens(&mut browser, &person, &[("scope", scope)]).await;
        let told = client.userinfo(&tokens.access).await.expect(200).json();
        for name in expected {
            assert!(told.get(name).is_some(), "{scope}: {told}");
            assert_eq!(tokens.id_claims().get(name), None, "{scope}");
        }
    }
}

#[tokio::test]
async fn oidcc_display_login_hint_locales_acr_values_and_unknown_parameters() {
    let world = World::shared().await;
    let person = world.person().await;
    for asked in [
        ("display", "page"),
        ("display", "popup"),
        ("login_hint", "buffy@example.com"),
        ("ui_locales", "se"),
        ("ui_locales", "de-AT xx-nonsense-"),
        ("claims_locales", "se"),
        ("acr_values", "1 2"),
        ("acr_values", "urn:signalbox:1fa"),
        ("extra", "foobar"),
    ] {
        let mut browser = Browser::new(&world);
        let (client, tokens) = flow(&world, &mut browser, &person, &[asked]).await;
        good_id_token(&world, &client, &tokens);
    }
}

#[tokio::test]
async fn oidcc_login_hint_fills_in_the_name() {
    let world = World::shared().await;
    let client = client(&world).await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[("login_hint", "buffy@example.com")])).await;
    let fields = browser.forms().into_iter().flat_map(|form| form.fields);
    let filled: BTreeMap<String, String> = fields.collect();
    assert_eq!(filled.get("username").map(String::as_str), Some("buffy@example.com"));
}

#[tokio::test]
async fn oidcc_prompt_login() {
    let mut world = World::start().await;
    let (client, person) = (client(&world).await, world.person().await);
    let mut browser = Browser::new(&world);
    let first = client.tokens(&mut browser, &person, &[]).await.id_claims();
    world.advance(Duration::from_secs(2));
    browser.get(&client.url(&[("prompt", "login")])).await;
    assert!(browser.left().is_none() && has(&browser, "password"), "nobody was asked");
    let arrived = through(&mut browser, &person).await;
    let second = Tokens::of(&client.redeem(&arrived["code"]).await).id_claims();
    assert!(second["auth_time"].as_u64() > first["auth_time"].as_u64(), "{first} {second}");
    assert_eq!(second["sub"], first["sub"]);
}

#[tokio::test]
async fn oidcc_prompt_none_not_logged_in() {
    let world = World::shared().await;
    let client = client(&world).await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[("prompt", "none")])).await;
    refused_with(&world, &browser.arrived(), "login_required");
}

#[tokio::test]
async fn oidcc_prompt_none_logged_in() {
    let mut world = World::start().await;
    let (client, person) = (client(&world).await, world.person().await);
    let mut browser = Browser::new(&world);
    let first = client.tokens(&mut browser, &person, &[]).await.id_claims();
    world.advance(Duration::from_secs(2));
    browser.get(&client.url(&[("prompt", "none")])).await;
    let second = Tokens::of(&client.redeem(&browser.arrived()["code"]).await).id_claims();
    assert_eq!(second["sub"], first["sub"]);
    assert_eq!(second["auth_time"], first["auth_time"]);
}

#[tokio::test]
async fn oidcc_max_age_1() {
    let mut world = World::start().await;
    let (client, person) = (client(&world).await, world.person().await);
    let mut browser = Browser::new(&world);
    let first = client.tokens(&mut browser, &person, &[]).await.id_claims();
    world.advance(Duration::from_secs(2));
    browser.get(&client.url(&[("max_age", "1")])).await;
    assert!(browser.left().is_none() && has(&browser, "password"), "nobody was asked");
    let arrived = through(&mut browser, &person).await;
    let second = Tokens::of(&client.redeem(&arrived["code"]).await).id_claims();
    assert!(second["auth_time"].as_u64() > first["auth_time"].as_u64(), "{first} {second}");
}

#[tokio::test]
async fn oidcc_max_age_10000() {
    let mut world = World::start().await;
    let (client, person) = (client(&world).await, world.person().await);
    let mut browser = Browser::new(&world);
    let first = client.tokens(&mut browser, &person, &[("max_age", "15000")]).await.id_claims();
    world.advance(Duration::from_secs(2));
    browser.get(&client.url(&[("max_age", "10000")])).await;
    let second = Tokens::of(&client.redeem(&browser.arrived()["code"]).await).id_claims();
    assert_eq!(second["auth_time"], first["auth_time"]);
    assert_eq!(second["sub"], first["sub"]);
}

#[tokio::test]
async fn oidcc_id_token_hint() {
    let world = World::shared().await;
    let (client, person) = (client(&world).await, world.person().await);
    let mut browser = Browser::new(&world);
    let first = client.tokens(&mut browser, &person, &[]).await;
    browser.get(&client.url(&[("prompt", "none"), ("id_token_hint", &first.id)])).await;
    let second = Tokens::of(&client.redeem(&browser.arrived()["code"]).await);
    assert_eq!(second.id_claims()["sub"], first.id_claims()["sub"]);
}

#[tokio::test]
async fn oidcc_codereuse_30seconds() {
    let mut world = World::start().await;
    let (client, person) = (client(&world).await, world.person().await);
    let code = client.ask(&mut Browser::new(&world), &person, &[]).await["code"].clone();
    let tokens = Tokens::of(&client.redeem(&code).await);
    world.advance(Duration::from_secs(30));
    error(&client.redeem(&code).await, 400, "invalid_grant");
    client.userinfo(&tokens.access).await.expect(401);
}

#[tokio::test]
async fn oidcc_codereuse_long_after_its_life() {
    let mut world = World::start().await;
    let (client, person) = (client(&world).await, world.person().await);
    let code = client.ask(&mut Browser::new(&world), &person, &[]).await["code"].clone();
    let tokens = Tokens::of(&client.redeem(&code).await);
    world.advance(Duration::from_secs(300));
    client.userinfo(&tokens.access).await.expect(200);
    error(&client.redeem(&code).await, 400, "invalid_grant");
    client.userinfo(&tokens.access).await.expect(401);
}

#[tokio::test]
async fn oidcc_ensure_registered_redirect_uri() {
    let world = World::shared().await;
    let client = client(&world).await;
    let mut browser = Browser::new(&world);
    let other = format!("{REDIRECT}/{}", "a1b2c3d4");
    browser.get(&client.url(&[("redirect_uri", &other)])).await;
    shown(&browser, "invalid_request");
}

#[tokio::test]
async fn oidcc_ensure_post_request_succeeds() {
    let world = World::shared().await;
    let (client, person) = (client(&world).await, world.person().await);
    let asked = client.asked_with(&[]);
    let fields: Vec<(&str, &str)> =
        asked.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = client.post_bare("/authorize", &fields).await;
    let mut browser = Browser::new(&world);
    if answer.status == 303 {
        browser.get(answer.header("location")).await;
    } else {
        panic!("{} {}", answer.status, answer.text);
    }
    let arrived = through(&mut browser, &person).await;
    client.redeem(&arrived["code"]).await.expect(200);
}

#[tokio::test]
async fn oidcc_server_client_secret_post() {
    let world = World::shared().await;
    let post = json!({ "token_endpoint_auth_method": "client_secret_post", "first_party": false });
    let (client, person) = (world.confidential(post).await, world.person().await);
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    good_id_token(&world, &client, &tokens);
}

#[tokio::test]
async fn oidcc_request_uri_unsigned_is_rejected_as_unsupported() {
    let world = World::shared().await;
    let client = client(&world).await;
    let mut browser = Browser::new(&world);
    // The suite sends client_id, redirect_uri, scope and response_type beside it, and no state.
    let asked = [("request_uri", "https://app.test/requests/1#hash"), ("state", ""), ("nonce", "")];
    browser.get(&client.url(&asked)).await;
    let arrived = browser.arrived();
    assert_eq!(arrived["error"], "request_uri_not_supported");
    assert_eq!(arrived.get("state"), None);
}

#[tokio::test]
async fn oidcc_unsigned_request_object_is_rejected_as_unsupported() {
    let world = World::shared().await;
    let client = client(&world).await;
    let object = forge::token(
        &json!({ "alg": "none" }),
        &json!({ "client_id": client.id, "response_type": "code", "state": "inner" }),
        |_| Vec::new(),
    );
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[("request", &object)])).await;
    refused_with(&world, &browser.arrived(), "request_not_supported");
    // And a redirect URI that is not registered is one, whatever the object says
    // (oidcc-ensure-request-object-with-redirect-uri).
    browser.get(&client.url(&[("request", &object), ("redirect_uri", "https://evil.test/")])).await;
    shown(&browser, "invalid_request");
}

#[tokio::test]
async fn oidcc_claims_essential() {
    let world = World::shared().await;
    let person = world.person().await;
    let claims = json!({ "userinfo": { "name": { "essential": true } } }).to_string();
    let mut browser = Browser::new(&world);
    let (client, tokens) = flow(&world, &mut browser, &person, &[("claims", &claims)]).await;
    let told = client.userinfo(&tokens.access).await.expect(200).json();
    assert_eq!(told["name"], person.name.as_str());
    assert_eq!(tokens.id_claims().get("name"), None);
}

#[tokio::test]
async fn oidcc_refresh_token() {
    let world = World::shared().await;
    let (one, two) = (client(&world).await, client(&world).await);
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    let asked = [("scope", "openid offline_access"), ("prompt", "consent")];
    let tokens = one.tokens(&mut browser, &person, &asked).await;
    assert!(bytes_in(&tokens.refresh) >= 32, "{}", tokens.refresh);
    // RFC 6749 appendix A.17.
    assert!(tokens.refresh.bytes().all(|byte| (0x20..=0x7e).contains(&byte)));
    let renewed = Tokens::of(&one.refresh(&tokens.refresh).await);
    good_id_token(&world, &one, &renewed);
    let (before, after) = (tokens.id_claims(), renewed.id_claims());
    for name in ["iss", "sub", "aud", "auth_time"] {
        assert_eq!(before[name], after[name], "{name}");
    }
    one.userinfo(&renewed.access).await.expect(200);
    let of_two = two.tokens(&mut browser, &person, &asked).await;
    error(&one.refresh(&of_two.refresh).await, 400, "invalid_grant");
    two.refresh(&of_two.refresh).await.expect(200);
}

#[tokio::test]
async fn oidcc_consent_is_remembered_and_asked_again_on_demand() {
    let world = World::shared().await;
    let (client, person) = (client(&world).await, world.person().await);
    let mut browser = Browser::new(&world);
    drop(client.tokens(&mut browser, &person, &[]).await);
    browser.get(&client.url(&[])).await;
    assert!(browser.left().is_some(), "asked twice");
    browser.get(&client.url(&[("prompt", "consent")])).await;
    assert_eq!((browser.left(), browser.path()), (None, "/consent"));
    browser.submit(&[("decision", "allow")]).await;
    assert!(browser.arrived().contains_key("code"));
}

// ---- formpost-basic -------------------------------------------------------------------------

#[tokio::test]
async fn oidcc_formpost_basic() {
    let world = World::shared().await;
    let (client, person) = (client(&world).await, world.person().await);
    let mut browser = Browser::new(&world);
    for more in [
        ("max_age", "10000"),
        ("prompt", "login"),
        ("nonce", ""),
        ("claims", "{\"userinfo\":{\"name\":{\"essential\":true}}}"),
    ] {
        let asked = [("response_mode", "form_post"), more];
        let arrived = client.ask(&mut browser, &person, &asked).await;
        let left = browser.left().unwrap();
        assert_eq!((&*left.url, left.fields.is_some()), (REDIRECT, true));
        good_id_token(&world, &client, &Tokens::of(&client.redeem(&arrived["code"]).await));
    }
    let mut stranger = Browser::new(&world);
    stranger.get(&client.url(&[("response_mode", "form_post"), ("prompt", "none")])).await;
    refused_with(&world, &through(&mut stranger, &person).await, "login_required");
}

// ---- dynamic --------------------------------------------------------------------------------

/// A world in which clients register themselves, and may live on loopback.
async fn open_world() -> World {
    let plan =
        World::plan().set("registration.mode", "open").set("outgoing.allow_private", "127.0.0.0/8");
    let mut world = plan.start().await;
    // What was made in the very second in which the memory of marks began counts as come.
    world.advance(Duration::from_secs(2));
    world
}

/// What the suite registers.
fn registration(more: Value) -> Value {
    let mut metadata = json!({
        "client_name": "examiner",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "contacts": ["examiner@example.com"],
    });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    metadata
}

async fn register(world: &World, metadata: &Value) -> Answer {
    send(world.rail().request_root("POST", "/register").json(metadata)).await
}

async fn registered(world: &World, more: Value) -> RelyingParty {
    let metadata = registration(more);
    let answer = register(world, &metadata).await;
    assert_eq!(answer.header("content-type"), "application/json", "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    RelyingParty::of(world, &metadata, answer.expect(201).json())
}

/// Calls `/token` with an assertion.
async fn token_by(
    world: &World,
    client: &RelyingParty,
    key: &Key,
    aud: &str,
    fields: &[(&str, &str)],
) -> Answer {
    let proof = key.proof(world, &client.id, aud);
    let mut fields = fields.to_vec();
    fields.extend(proof.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    send(client.form_request("/token").body(form(&fields))).await
}

async fn redeem_by(world: &World, client: &RelyingParty, key: &Key, code: &str) -> Answer {
    let fields = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT)];
    token_by(world, client, key, &world.issuer(), &fields).await
}

/// Something that a client serves, on loopback: its address, and what it says.
async fn served(body: Value) -> (String, Arc<Mutex<Value>>) {
    let port = free_port();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let said = Arc::new(Mutex::new(body));
    let saying = said.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            drop(stream.read(&mut request).await);
            let body = saying.lock().unwrap().to_string();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{body}",
                body.len()
            );
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    (format!("http://127.0.0.1:{port}/client.json"), said)
}

#[tokio::test]
async fn oidcc_registration_dynamic() {
    let world = open_world().await;
    let person = world.person().await;
    let client = registered(&world, json!({})).await;
    let made = &client.made;
    for name in
        ["client_id", "client_secret", "registration_access_token", "registration_client_uri"]
    {
        assert!(made[name].as_str().is_some_and(|text| !text.is_empty()), "{name} in {made}");
    }
    assert!(bytes_in(made["client_secret"].as_str().unwrap()) >= 32);
    assert!(made["client_secret_expires_at"].is_u64(), "{made}");
    assert_eq!(made["redirect_uris"], json!([REDIRECT]));
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    good_id_token(&world, &client, &tokens);
    // It did not register for refreshing.
    assert_eq!(tokens.refresh, "");
}

#[tokio::test]
async fn oidcc_registration_gives_its_own_authority_nobody_else_may_use() {
    let world = open_world().await;
    let metadata = json!({
        "first_party": true, "audiences": ["https://api.test"], "access_token_ttl": 9,
        "client_id": "chosen", "client_secret": "chosen", "unknown_member": { "a": 1 },
    });
    let client = registered(&world, metadata).await;
    assert_ne!(client.id, "chosen");
    assert_ne!(client.secret.as_deref(), Some("chosen"));
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    browser.sign_in(&person).await;
    assert_eq!((browser.left(), browser.path()), (None, "/consent"), "{}", browser.answer().text);
}

#[tokio::test]
async fn oidcc_idtoken_and_userinfo_rs256() {
    let world = open_world().await;
    let person = world.person().await;
    let rs256 = json!({
        "id_token_signed_response_alg": "RS256", "userinfo_signed_response_alg": "RS256",
    });
    let client = registered(&world, rs256).await;
    let tokens = client.tokens(&mut Browser::new(&world), &person, &[]).await;
    assert_eq!(forge::header(&tokens.id)["alg"], "RS256");
    let answer = client.userinfo(&tokens.access).await;
    assert_eq!(answer.expect(200).header("content-type"), "application/jwt");
    assert_eq!(forge::header(&answer.text)["alg"], "RS256");
    let unsigned = registration(json!({ "id_token_signed_response_alg": "none" }));
    error(&register(&world, &unsigned).await, 400, "invalid_client_metadata");
}

#[tokio::test]
async fn oidcc_redirect_uri_query_ok_mismatch_added_and_regfrag() {
    let world = open_world().await;
    let person = world.person().await;
    let with_query = format!("{REDIRECT}?foo=bar");
    let client = registered(&world, json!({ "redirect_uris": [with_query] })).await;
    let mut browser = Browser::new(&world);
    drop(client.tokens(&mut browser, &person, &[]).await);
    assert!(browser.left().unwrap().url.starts_with(&format!("{with_query}&")));
    for other in [format!("{REDIRECT}?foo=baz"), format!("{with_query}&more=1"), REDIRECT.into()] {
        browser.get(&client.url(&[("redirect_uri", &other)])).await;
        shown(&browser, "invalid_request");
    }
    let fragment = registration(json!({ "redirect_uris": [format!("{REDIRECT}#foobar")] }));
    error(&register(&world, &fragment).await, 400, "invalid_redirect_uri");
    for bad in [json!([]), json!(["relative"]), json!(["javascript:alert(1)"]), json!("text")] {
        let answer = register(&world, &registration(json!({ "redirect_uris": bad }))).await;
        assert_eq!(answer.status, 400, "{bad}: {}", answer.text);
        let code = answer.json()["error"].clone();
        assert!(code == "invalid_redirect_uri" || code == "invalid_client_metadata", "{code}");
    }
}

#[tokio::test]
async fn oidcc_registration_policy_tos_and_client_uri_are_shown_with_the_question() {
    let world = open_world().await;
    let person = world.person().await;
    let uris = json!({
        "policy_uri": "https://app.test/policy",
        "tos_uri": "https://app.test/terms",
        "client_uri": "https://app.test/",
        "client_name": "The <b>Examiner</b>",
    });
    let client = registered(&world, uris).await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    browser.sign_in(&person).await;
    assert_eq!(browser.path(), "/consent");
    let page = &browser.answer().text;
    for link in ["href=\"https://app.test/policy\"", "href=\"https://app.test/terms\""] {
        assert!(page.contains(link), "{link}: {page}");
    }
    assert!(!page.contains("<b>Examiner"), "{page}");
    let scripted = registration(json!({ "policy_uri": "javascript:alert(1)" }));
    error(&register(&world, &scripted).await, 400, "invalid_client_metadata");
}

#[tokio::test]
async fn oidcc_registration_jwks_uri_and_client_assertion() {
    let world = open_world().await;
    let person = world.person().await;
    let key = Key::new("first");
    let (jwks_uri, _) = served(json!({ "keys": [key.public()] })).await;
    for keys in [json!({ "jwks_uri": jwks_uri }), json!({ "jwks": { "keys": [key.public()] } })] {
        let mut metadata = json!({ "token_endpoint_auth_method": "private_key_jwt" });
        metadata.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        let client = registered(&world, metadata).await;
        assert_eq!(client.made.get("client_secret"), None, "{}", client.made);
        let code = client.ask(&mut Browser::new(&world), &person, &[("code_challenge", "")]).await
            ["code"]
            .clone();
        let tokens = Tokens::of(&redeem_by(&world, &client, &key, &code).await);
        good_id_token(&world, &client, &tokens);
        let stranger = Key::new("first");
        let answer = redeem_by(&world, &client, &stranger, "any").await;
        error(&answer, 401, "invalid_client");
    }
    let both = registration(json!({
        "jwks_uri": jwks_uri, "jwks": { "keys": [key.public()] },
        "token_endpoint_auth_method": "private_key_jwt",
    }));
    error(&register(&world, &both).await, 400, "invalid_client_metadata");
}

#[tokio::test]
async fn oidcc_refresh_token_rp_key_rotation() {
    let mut world = open_world().await;
    let person = world.person().await;
    let (old, new) = (Key::new("old"), Key::new("new"));
    let (jwks_uri, said) = served(json!({ "keys": [old.public()] })).await;
    let metadata = json!({
        "jwks_uri": jwks_uri,
        "token_endpoint_auth_method": "private_key_jwt",
        "grant_types": ["authorization_code", "refresh_token"],
    });
    let client = registered(&world, metadata).await;
    let mut browser = Browser::new(&world);
    let code = client.ask(&mut browser, &person, &[]).await["code"].clone();
    let tokens = Tokens::of(&redeem_by(&world, &client, &old, &code).await);
    *said.lock().unwrap() = json!({ "keys": [new.public()] });
    // An unknown `kid` costs at most one fetch in thirty seconds (rule 9).
    world.advance(Duration::from_secs(31));
    let fields = [("grant_type", "refresh_token"), ("refresh_token", &*tokens.refresh)];
    let answer = token_by(&world, &client, &new, &world.issuer(), &fields).await;
    let renewed = Tokens::of(&answer);
    let fields = [("grant_type", "refresh_token"), ("refresh_token", &*renewed.refresh)];
    let answer = token_by(&world, &client, &old, &world.issuer(), &fields).await;
    error(&answer, 401, "invalid_client");
}

#[tokio::test]
async fn oidcc_ensure_client_assertion_with_iss_aud_succeeds_and_once() {
    let world = open_world().await;
    let key = Key::new("only");
    let metadata = json!({
        "jwks": { "keys": [key.public()] },
        "token_endpoint_auth_method": "private_key_jwt",
    });
    let client = registered(&world, metadata).await;
    let unknown = [("grant_type", "authorization_code"), ("code", "nonsense")];
    let with = async |proof: &[(String, String)]| {
        let mut fields = unknown.to_vec();
        fields.extend(proof.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        send(client.form_request("/token").body(form(&fields))).await
    };
    let proof = key.proof(&world, &client.id, &world.issuer());
    error(&with(&proof).await, 400, "invalid_grant");
    error(&with(&proof).await, 401, "invalid_client");
    let elsewhere = key.proof(&world, &client.id, "https://elsewhere.test");
    error(&with(&elsewhere).await, 401, "invalid_client");
    let anothers = key.proof(&world, "somebody else", &world.issuer());
    error(&with(&anothers).await, 401, "invalid_client");
}

#[tokio::test]
async fn oidcc_registration_sector_is_rejected_while_subjects_are_public() {
    let world = open_world().await;
    // Pairwise subjects come later: until then nobody is promised one.
    let pairwise = registration(json!({ "subject_type": "pairwise" }));
    error(&register(&world, &pairwise).await, 400, "invalid_client_metadata");
}

#[tokio::test]
async fn oidcc_server_rotate_keys() {
    let world = World::start().await;
    let (client, person) = (client(&world).await, world.person().await);
    let mut browser = Browser::new(&world);
    let before = client.tokens(&mut browser, &person, &[]).await;
    let kids = async || {
        let keys = world.rail().root("GET", "/.well-known/jwks.json").await.json();
        let kids = keys["keys"].as_array().unwrap().iter();
        kids.map(|key| (key["kty"].clone(), key["kid"].clone())).collect::<Vec<_>>()
    };
    let old = kids().await;
    assert_eq!(world.signalbox(&["keys", "rotate", "--algorithm", "RS256"]).await.code, 0);
    tests::process::until("the new keys are published", Duration::from_secs(10), async || {
        let now = kids().await;
        let fresh = now.iter().filter(|key| !old.contains(key));
        let fresh: Vec<&Value> = fresh.map(|(kind, _)| kind).collect();
        (fresh.contains(&&json!("RSA")) && old.iter().all(|key| now.contains(key))).then_some(())
    })
    .await;
    client.userinfo(&before.access).await.expect(200);
    let after = client.tokens(&mut browser, &person, &[]).await;
    let signed_by = forge::header(&after.id)["kid"].clone();
    assert!(kids().await.iter().any(|(_, kid)| *kid == signed_by));
}

// ---- 3rd-party-init -------------------------------------------------------------------------

#[tokio::test]
async fn oidcc_3rd_party_init_login() {
    let world = open_world().await;
    let address = "https://app.test/begin";
    let client = registered(&world, json!({ "initiate_login_uri": address })).await;
    assert_eq!(client.made["initiate_login_uri"], address);
    let there = client.made["registration_client_uri"].as_str().unwrap();
    let path = there.strip_prefix(&world.issuer()).unwrap();
    let token = client.made["registration_access_token"].as_str().unwrap();
    let answer = send(world.rail().request_root("GET", path).bearer_auth(token)).await;
    assert_eq!(answer.header("content-type"), "application/json");
    let read = answer.expect(200).json();
    assert_eq!(
        (&read["initiate_login_uri"], &read["client_id"]),
        (&json!(address), &json!(client.id))
    );
}

#[tokio::test]
async fn oidcc_3rd_party_init_login_nohttps() {
    let world = open_world().await;
    let plain = registration(json!({ "initiate_login_uri": "http://app.test/begin" }));
    error(&register(&world, &plain).await, 400, "invalid_client_metadata");
}

// ---- RP-initiated logout --------------------------------------------------------------------

/// Signs somebody in, asks for the end of the session with `asked` of these, and answers the
/// question where there is one: the browser then.
async fn signed_out(world: &World, asked: &[(&str, &str)]) -> (RelyingParty, Browser, Tokens) {
    let (client, person) = (client(world).await, world.person().await);
    let mut browser = Browser::new(world);
    let tokens = client.tokens(&mut browser, &person, &[]).await;
    let none = forge::token(&json!({ "alg": "none" }), &tokens.id_claims(), |_| Vec::new());
    let filled = asked.iter().map(|(name, value)| match *value {
        "HINT" => (*name, tokens.id.as_str()),
        "MODIFIED" => (*name, none.as_str()),
        value => (*name, value),
    });
    browser.get(&format!("/end_session?{}", form(&filled.collect::<Vec<_>>()))).await;
    if browser.left().is_none() && has(&browser, "decision") {
        browser.submit(&[("decision", "logout")]).await;
    }
    (client, browser, tokens)
}

async fn is_signed_out(world: &World, client: &RelyingParty, browser: &mut Browser) {
    browser.get(&client.url(&[("prompt", "none")])).await;
    refused_with(world, &browser.arrived(), "login_required");
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_with_and_without_a_state() {
    let world = World::shared().await;
    let long = "s".repeat(128);
    for state in ["", &long] {
        let mut asked = vec![("id_token_hint", "HINT"), ("post_logout_redirect_uri", GOODBYE)];
        if !state.is_empty() {
            asked.push(("state", state));
        }
        let (client, mut browser, _) = signed_out(&world, &asked).await;
        let left = browser.left().unwrap().url.clone();
        let expected =
            if state.is_empty() { GOODBYE.to_owned() } else { format!("{GOODBYE}?state={state}") };
        assert_eq!(left, expected);
        is_signed_out(&world, &client, &mut browser).await;
    }
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_bad_post_logout_redirect_uri() {
    let world = World::shared().await;
    for bad in
        ["https://app.test/goodbye/a1b2", "https://app.test/goodbye?foo=bar", "https://evil.test/"]
    {
        let asked = [("id_token_hint", "HINT"), ("post_logout_redirect_uri", bad), ("state", "a")];
        let (_, browser, _) = signed_out(&world, &asked).await;
        assert_eq!(browser.left(), None, "{bad}");
    }
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_modified_or_no_id_token_hint() {
    let world = World::shared().await;
    let there = ("post_logout_redirect_uri", GOODBYE);
    for asked in
        [&[("id_token_hint", "MODIFIED"), there, ("state", "a")][..], &[there, ("state", "a")]]
    {
        let (_, browser, _) = signed_out(&world, asked).await;
        assert_eq!(browser.left(), None, "{asked:?}");
    }
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_no_params_only_state_and_no_post_logout_redirect_uri() {
    let world = World::shared().await;
    for asked in [&[][..], &[("state", "a")], &[("id_token_hint", "HINT"), ("state", "a")]] {
        let (client, mut browser, _) = signed_out(&world, asked).await;
        assert_eq!(browser.left(), None, "{asked:?}");
        assert!(browser.answer().text.contains("id=\"signed-out\""), "{asked:?}");
        is_signed_out(&world, &client, &mut browser).await;
    }
}
