//! Devices without a browser (RFC 8628).

use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tests::{
    Answer, Person, World,
    browser::{Browser, Form, encoded},
    forge::claims,
    rail::send,
    relying_party::{RelyingParty, Tokens, has},
};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const LETTERS: &str = "BCDFGHJKLMNPQRSTVWXZ";

async fn device_client(world: &World) -> RelyingParty {
    let more = json!({
        "grant_types": [GRANT, "refresh_token"],
        "redirect_uris": null,
        "post_logout_redirect_uris": null,
        "response_types": [],
        "first_party": false,
    });
    world.relying_party(more).await
}

/// A device asks: what it is told.
async fn begin(client: &RelyingParty, fields: &[(&str, &str)]) -> Value {
    client.post("/device_authorization", fields).await.expect(200).json()
}

async fn poll(client: &RelyingParty, device: &Value) -> Answer {
    let code = device["device_code"].as_str().unwrap();
    client.token(&[("grant_type", GRANT), ("device_code", code)]).await
}

#[track_caller]
fn says(answer: &Answer, error: &str) {
    let body = answer.expect(400).json();
    assert_eq!(body["error"], error, "{body}");
    assert_eq!(answer.header("cache-control"), "no-store");
}

/// Signs somebody in on the page for devices, which they open by themselves or by the whole link.
async fn sign_in(world: &World, person: &Person, path: &str) -> Browser {
    let mut browser = Browser::new(world);
    let path = if path == "/device" { "/login?to=/device" } else { path };
    browser.get(path).await;
    assert_eq!(browser.path(), "/login");
    browser.sign_in(person).await;
    assert_eq!(browser.path(), "/device", "{}", browser.answer().text);
    browser
}

fn complete_path(world: &World, device: &Value) -> String {
    let uri = device["verification_uri_complete"].as_str().unwrap();
    uri.strip_prefix(&world.issuer()).unwrap().to_owned()
}

async fn allow(world: &World, device: &Value) -> (Person, Browser) {
    let person = world.person().await;
    let mut browser = sign_in(world, &person, &complete_path(world, device)).await;
    browser.submit(&[("decision", "allow")]).await.answer.expect(200);
    assert!(browser.element("device-allowed").is_some(), "{}", browser.answer().text);
    (person, browser)
}

#[tokio::test]
async fn whoever_lets_a_device_in_sees_where_it_will_act_for_them() {
    let world = World::shared().await;
    let api = "https://api.test";
    let more = json!({ "grant_types": [GRANT, "refresh_token"], "audiences": [api] });
    let client = world.relying_party(more).await;
    let device = begin(&client, &[("scope", "openid")]).await;
    let person = world.person().await;
    let mut browser = sign_in(&world, &person, &complete_path(&world, &device)).await;
    assert!(browser.answer().text.contains(api), "{}", browser.answer().text);
    browser.submit(&[("decision", "allow")]).await.answer.expect(200);
    assert!(browser.element("device-allowed").is_some());
    let tokens = Tokens::of(&poll(&client, &device).await);
    assert_eq!(claims(&tokens.access)["aud"], json!([api, world.issuer()]));
    client.userinfo(&tokens.access).await.expect(200);
}

#[tokio::test]
async fn a_device_is_let_in_by_somebody_elsewhere() {
    let mut world = World::start().await;
    let client = device_client(&world).await;
    let answer = client.post("/device_authorization", &[("scope", "openid email")]).await;
    let device = answer.expect(200).json();
    assert_eq!(answer.header("cache-control"), "no-store");
    let code = device["user_code"].as_str().unwrap();
    let (first, rest) = code.split_once('-').unwrap();
    assert_eq!((first.len(), rest.len()), (4, 4), "{code}");
    assert!((first.to_owned() + rest).chars().all(|c| LETTERS.contains(c)), "{code}");
    let issuer = world.issuer();
    assert_eq!(device["verification_uri"], format!("{issuer}/device"));
    assert_eq!(device["verification_uri_complete"], format!("{issuer}/device?user_code={code}"));
    assert_eq!((&device["expires_in"], &device["interval"]), (&json!(600), &json!(5)));
    assert!(device["device_code"].as_str().unwrap().len() >= 43);
    says(&poll(&client, &device).await, "authorization_pending");

    // The person types the code, however they like to write it, signs in, and sees who asks for
    // what.
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    browser.get("/device").await;
    assert!(has(&browser, "user_code") && !has(&browser, "decision"));
    browser.submit(&[("user_code", &format!(" {}{} ", first.to_lowercase(), rest))]).await;
    assert_eq!(browser.path(), "/login");
    browser.sign_in(&person).await;
    assert!(has(&browser, "decision"), "{}", browser.answer().text);
    assert_eq!(browser.element("user-code").as_deref(), Some(code));
    assert!(browser.answer().text.contains(&format!("Client {}", client.id)));
    assert!(browser.answer().text.contains(&person.email));
    world.advance(Duration::from_secs(6));
    says(&poll(&client, &device).await, "authorization_pending");
    browser.submit(&[("decision", "allow")]).await.answer.expect(200);

    world.advance(Duration::from_secs(6));
    let tokens = Tokens::of(&poll(&client, &device).await);
    assert_eq!(tokens.body["scope"], "openid email");
    let (access, id) = (claims(&tokens.access), tokens.id_claims());
    assert_eq!(id["sub"], access["sub"]);
    assert_eq!((&id["aud"], &access["client_id"]), (&json!(client.id), &json!(client.id)));
    assert_eq!(id["acr"], "urn:signalbox:1fa");
    let info = client.userinfo(&tokens.access).await.expect(200).json();
    assert_eq!((&info["email"], &info["sub"]), (&json!(person.email), &access["sub"]));
    // Its refresh token is good; its code is not, a second time.
    let refreshed = Tokens::of(&client.refresh(&tokens.refresh).await);
    assert_eq!(claims(&refreshed.access)["sub"], access["sub"]);
    world.advance(Duration::from_secs(6));
    says(&poll(&client, &device).await, "invalid_grant");
}

#[tokio::test]
async fn a_device_that_polls_too_fast_is_slowed_down_each_time() {
    let mut world = World::start().await;
    let client = device_client(&world).await;
    let device = begin(&client, &[("scope", "openid")]).await;
    says(&poll(&client, &device).await, "authorization_pending");
    says(&poll(&client, &device).await, "slow_down");
    // Five seconds are not enough any more; ten are.
    world.advance(Duration::from_secs(6));
    says(&poll(&client, &device).await, "slow_down");
    world.advance(Duration::from_secs(16));
    says(&poll(&client, &device).await, "authorization_pending");
}

#[tokio::test]
async fn a_device_that_is_refused_hears_so() {
    let world = World::shared().await;
    let client = device_client(&world).await;
    let device = begin(&client, &[("scope", "openid")]).await;
    let person = world.person().await;
    let mut browser = sign_in(&world, &person, &complete_path(&world, &device)).await;
    browser.submit(&[("decision", "deny")]).await.answer.expect(200);
    assert!(browser.element("device-denied").is_some());
    says(&poll(&client, &device).await, "access_denied");
}

#[tokio::test]
async fn a_device_code_dies_after_ten_minutes() {
    let mut world = World::start().await;
    let client = device_client(&world).await;
    let device = begin(&client, &[("scope", "openid")]).await;
    let person = world.person().await;
    let mut browser = sign_in(&world, &person, &complete_path(&world, &device)).await;
    world.advance(Duration::from_secs(601));
    browser.submit(&[("decision", "allow")]).await.answer.expect(422);
    assert!(has(&browser, "user_code"));
    says(&poll(&client, &device).await, "expired_token");
}

#[tokio::test]
async fn a_device_code_is_good_for_its_client_alone() {
    let world = World::shared().await;
    let (client, other) = (device_client(&world).await, device_client(&world).await);
    let device = begin(&client, &[("scope", "openid")]).await;
    allow(&world, &device).await;
    says(&poll(&other, &device).await, "invalid_grant");
    drop(Tokens::of(&poll(&client, &device).await));
    for code in ["", "nonsense", &format!("{}A", device["device_code"].as_str().unwrap())] {
        let answer = client.token(&[("grant_type", GRANT), ("device_code", code)]).await;
        says(&answer, if code.is_empty() { "invalid_request" } else { "invalid_grant" });
    }
    // Nor is a code of another kind one.
    let user_code = device["user_code"].as_str().unwrap();
    let answer = client.token(&[("grant_type", GRANT), ("device_code", user_code)]).await;
    says(&answer, "invalid_grant");
}

#[tokio::test]
async fn of_many_polls_at_once_one_gets_the_tokens() {
    let world = World::shared().await;
    let client = device_client(&world).await;
    let device = begin(&client, &[("scope", "openid")]).await;
    allow(&world, &device).await;
    let polls = (0..16).map(|_| poll(&client, &device));
    let answers = futures_util::future::join_all(polls).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1, "{answers:?}");
}

#[tokio::test]
async fn only_what_a_client_is_registered_for_is_begun() {
    let world = World::shared().await;
    let client = device_client(&world).await;
    let ask = async |fields: &[(&str, &str)]| client.post("/device_authorization", fields).await;
    says(&ask(&[("scope", "admin")]).await, "invalid_scope");
    says(
        &ask(&[("scope", "openid"), ("resource", "https://evil.example")]).await,
        "invalid_target",
    );
    says(&ask(&[("scope", "openid"), ("scope", "email")]).await, "invalid_request");
    let without = world.relying_party(json!({})).await;
    says(
        &without.post("/device_authorization", &[("scope", "openid")]).await,
        "unauthorized_client",
    );
    // Who is not known, or proves nothing, is told so.
    let bare = client.post_bare("/device_authorization", &[("scope", "openid")]).await;
    assert!([400, 401].contains(&bare.status), "{bare:?}");
    let unknown = [("client_id", "nobody"), ("scope", "openid")];
    let unknown = client.post_bare("/device_authorization", &unknown).await;
    assert_eq!(unknown.expect(401).json()["error"], "invalid_client");
    // The same under the other address.
    let other = client.post("/api/v1/oauth2/device_authorization", &[("scope", "openid")]).await;
    assert!(other.expect(200).json()["user_code"].is_string());
}

#[tokio::test]
async fn codes_that_lead_to_nothing_are_counted() {
    let world = World::start().await;
    let client = device_client(&world).await;
    let device = begin(&client, &[("scope", "openid")]).await;
    let person = world.person().await;
    let mut browser = sign_in(&world, &person, "/device").await;
    for number in 0..10 {
        let wrong = format!("BBBB-BBB{}", &LETTERS[number..=number]);
        // By either way: a page that shows whether a code is one is a guess as well.
        if number % 2 == 0 {
            browser.get(&format!("/device?user_code={wrong}")).await;
        } else {
            browser.submit(&[("user_code", &wrong)]).await;
        }
        browser.answer().expect(422);
        assert!(!has(&browser, "decision"));
    }
    browser.get(&complete_path(&world, &device)).await.answer.expect(429);
    assert!(!has(&browser, "decision"));
    // Nor may what was guessed be decided without being shown.
    browser.get("/device").await;
    let user_code = device["user_code"].as_str().unwrap().to_owned();
    let mut form = browser.forms().remove(0);
    form.fields.extend([("user_code".into(), user_code), ("decision".into(), "allow".into())]);
    send(posted(&world, &browser, &form)).await.expect(429);
    says(&poll(&client, &device).await, "authorization_pending");
}

#[tokio::test]
async fn right_codes_use_up_no_budget() {
    let world = World::shared().await;
    let client = device_client(&world).await;
    let person = world.person().await;
    let mut browser = sign_in(&world, &person, "/device").await;
    let device = begin(&client, &[("scope", "openid")]).await;
    for _ in 0..15 {
        browser.get(&complete_path(&world, &device)).await.answer.expect(200);
        assert!(has(&browser, "decision"));
    }
}

/// A form as this browser sends it from a page of ours.
fn posted(world: &World, browser: &Browser, form: &Form) -> RequestBuilder {
    let cookies: Vec<String> = browser
        .cookie_names()
        .iter()
        .map(|name| format!("{name}={}", browser.cookie(name).unwrap().value))
        .collect();
    let request = world.rail().request_root("POST", "/device");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    request.header("cookie", cookies.join("; ")).body(encoded(&form.fields))
}

#[tokio::test]
async fn nobody_lets_a_device_in_by_a_form_from_elsewhere_or_without_signing_in() {
    let world = World::shared().await;
    let client = device_client(&world).await;
    let device = begin(&client, &[("scope", "openid")]).await;
    let person = world.person().await;
    let browser = sign_in(&world, &person, &complete_path(&world, &device)).await;
    let form = browser.forms().into_iter().find(|form| has_field(form, "account")).unwrap();
    let mut allowing = form.clone();
    allowing.fields.push(("decision".into(), "allow".into()));
    for (origin, site) in
        [("https://evil.example", "cross-site"), ("null", "cross-site"), ("null", "same-site")]
    {
        let request = posted(&world, &browser, &allowing).header("origin", origin);
        send(request.header("sec-fetch-site", site)).await.expect(403);
    }
    // Without what binds the form to the browser; and in another browser, which is shown the page.
    let mut unbound = allowing.clone();
    unbound.fields.retain(|(name, _)| name != "csrf");
    send(posted(&world, &browser, &unbound)).await.expect(403);
    let answer = send(posted(&world, &Browser::new(&world), &allowing)).await;
    let location = answer.expect(303).header("location");
    assert!(location.starts_with("/device?user_code="), "{location}");
    // Nobody is signed in: whoever comes is sent to sign in.
    let mut nobody = browser.tab();
    nobody.set_cookie("sb_session", "");
    let answer = send(posted(&world, &nobody, &allowing)).await;
    assert!(answer.expect(303).header("location").starts_with("/login?to="), "{answer:?}");
    // Somebody else signed in meanwhile: they are shown what they would allow.
    let mut other = allowing.clone();
    other.fields.retain(|(name, _)| name != "account");
    other.fields.push(("account".into(), "0199ffff-0000-7000-8000-000000000000".into()));
    let answer = send(posted(&world, &browser, &other)).await;
    assert!(answer.expect(200).text.contains("name=\"decision\""), "{}", answer.text);
    says(&poll(&client, &device).await, "authorization_pending");
}

fn has_field(form: &Form, wanted: &str) -> bool {
    form.fields.iter().any(|(name, _)| name == wanted)
}

#[tokio::test]
async fn the_session_of_a_device_is_its_own_and_listed_and_revocable() {
    let world = World::shared().await;
    let client = device_client(&world).await;
    let device = begin(&client, &[("scope", "openid")]).await;
    let (person, mut browser) = allow(&world, &device).await;
    let tokens = Tokens::of(&poll(&client, &device).await);
    // It outlives the browser's.
    browser.get("/end_session").await;
    browser.submit(&[("decision", "logout")]).await.answer.expect(200);
    let tokens = Tokens::of(&client.refresh(&tokens.refresh).await);
    client.userinfo(&tokens.access).await.expect(200);
    let rail = world.rail();
    let session = world.sign_in(&person).await;
    let list = rail.call_as(&session.access, "GET", "/sessions").await.data(200);
    let sid = claims(&tokens.access)["sid"].as_str().unwrap().to_owned();
    let listed = list.as_array().unwrap().iter().find(|one| one["id"] == sid.as_str());
    let listed = listed.unwrap_or_else(|| panic!("{sid} is not in {list}"));
    assert_eq!(listed["client"], client.id.as_str());
    // And ends where its owner says so.
    drop(rail.call_as(&session.access, "DELETE", &format!("/sessions/{sid}")).await.data(200));
    client.userinfo(&tokens.access).await.expect(401);
    says(&client.refresh(&tokens.refresh).await, "invalid_grant");
}

#[tokio::test]
async fn what_was_allowed_in_a_session_that_has_ended_is_not_given_out() {
    let world = World::shared().await;
    let client = device_client(&world).await;
    let device = begin(&client, &[("scope", "openid")]).await;
    let (person, _) = allow(&world, &device).await;
    let session = world.sign_in(&person).await;
    drop(world.rail().call_as(&session.access, "DELETE", "/sessions").await.data(200));
    says(&poll(&client, &device).await, "invalid_grant");
}

/// A client for devices at the demo site, which asks for two factors.
async fn demo_client(world: &World) -> (RelyingParty, String) {
    let site = format!("http://demo.localhost:{}", world.edge().port());
    let more = json!({
        "grant_types": [GRANT, "refresh_token"], "redirect_uris": null, "response_types": [],
        "post_logout_redirect_uris": null, "first_party": false, "audiences": [site],
    });
    (world.relying_party(more).await, site)
}

#[tokio::test]
async fn a_device_for_a_site_is_let_in_on_what_the_site_asks_and_named_where() {
    let world = World::shared().await;
    let (client, site) = demo_client(&world).await;
    let device = begin(&client, &[("scope", "openid"), ("resource", &site)]).await;
    let mut person = world.person().await;
    let mut browser = Browser::new(&world);
    let credentials = [("username", person.email.clone()), ("password", person.password.clone())];
    let credentials = credentials.each_ref().map(|(name, value)| (*name, value.as_str()));
    browser.get(&complete_path(&world, &device)).await;
    browser.submit(&credentials).await;
    // One factor is not enough; a form that says yes to it is not either.
    assert_eq!(browser.path(), "/mfa/enrol", "{}", browser.answer().text);
    let enrol = browser.page().url.to_string();
    browser.get("/device").await;
    let mut form = browser.forms().remove(0);
    let user_code = device["user_code"].as_str().unwrap().to_owned();
    form.fields.extend([("user_code".into(), user_code), ("decision".into(), "allow".into())]);
    let answer = send(posted(&world, &browser, &form)).await;
    assert!(answer.expect(303).header("location").starts_with("/mfa/enrol?to="), "{answer:?}");
    says(&poll(&client, &device).await, "authorization_pending");

    browser.get(&enrol).await;
    person.secret = browser.element("secret");
    browser.submit(&[("code", &person.code(&world))]).await;
    browser.submit(&[]).await;
    assert_eq!(browser.path(), "/device", "{}", browser.answer().text);
    assert!(browser.answer().text.contains(&site), "{}", browser.answer().text);
    browser.submit(&[("decision", "allow")]).await.answer.expect(200);
    assert!(browser.element("device-allowed").is_some(), "{}", browser.answer().text);
}

#[tokio::test]
async fn who_has_a_factor_proves_it_on_the_way_to_the_device() {
    let world = World::shared().await;
    let (client, site) = demo_client(&world).await;
    let mut person = world.person().await;
    let mut browser = sign_in(&world, &person, "/device").await;
    let session = world.sign_in(&person).await;
    world.enrol(&mut person, &session).await;
    let device = begin(&client, &[("scope", "openid")]).await;
    browser.get(&complete_path(&world, &device)).await;
    assert_eq!(browser.path(), "/mfa", "{}", browser.answer().text);
    browser.submit(&[("code", &person.backup_codes[0])]).await;
    assert_eq!(browser.path(), "/device", "{}", browser.answer().text);
    assert!(browser.answer().text.contains(&site), "{}", browser.answer().text);
    browser.submit(&[("decision", "allow")]).await.answer.expect(200);
    let tokens = Tokens::of(&poll(&client, &device).await);
    assert_eq!(tokens.id_claims()["acr"], "urn:signalbox:2fa");
}

#[tokio::test]
async fn a_device_is_not_begun_for_a_site_that_is_switched_off() {
    let world = World::shared().await;
    let base_url = "https://off.localhost";
    let site = json!({
        "site_key": "off", "hosts": ["off.localhost"], "base_url": base_url,
        "upstreams": [world.upstream().await], "status": "inactive",
    });
    world.create_site(&site).await;
    let more = json!({
        "grant_types": [GRANT], "redirect_uris": null, "response_types": [],
        "post_logout_redirect_uris": null, "audiences": [base_url],
    });
    let client = world.relying_party(more).await;
    let fields = [("scope", "openid"), ("resource", base_url)];
    says(&client.post("/device_authorization", &fields).await, "invalid_target");
}
