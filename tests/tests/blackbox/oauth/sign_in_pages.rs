//! The pages of a sign-in, as a browser without scripts sees them: what each step asks, and what no
//! step gives away.

use std::time::Duration;

use reqwest::Url;
use serde_json::{Value, json};
use tests::{
    Answer, Session, World,
    browser::{Browser, encoded},
    forge::claims,
    person::STEP,
    rail::send,
    relying_party::{RelyingParty, has},
};

use crate::{hours, minutes};

/// What a browser holds of its sessions.
const SESSION: &str = "sb_session";

/// Types name and password into the page that is shown.
/// The code that came back to the client, redeemed: the claims of the ID token.
async fn id_token(client: &RelyingParty, browser: &Browser) -> Value {
    let arrived = browser.arrived();
    let code = arrived.get("code").unwrap_or_else(|| panic!("{arrived:?}"));
    let body = client.redeem(code).await.expect(200).json();
    claims(body["id_token"].as_str().unwrap())
}

/// The name of the half sign-in's cookie, if the browser holds one.
fn half(browser: &Browser) -> Option<String> {
    let names = browser.cookie_names();
    names.into_iter().find(|name| name.starts_with("sb_half_")).map(str::to_owned)
}

/// The sessions of somebody, as they list them.
async fn sessions(world: &World, session: &Session) -> Vec<Value> {
    let listed = world.rail().call_as(&session.access, "GET", "/sessions").await.data(200);
    listed.as_array().unwrap().clone()
}

#[tokio::test]
async fn a_password_signs_in_and_the_next_request_asks_nothing() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    browser.expect_at("/login");
    browser.sign_in(&person).await;
    let first = id_token(&client, &browser).await;
    assert_eq!(first["acr"], "urn:signalbox:1fa");
    browser.get(&client.url(&[])).await;
    assert_eq!(id_token(&client, &browser).await["sid"], first["sid"]);
}

#[tokio::test]
async fn a_wrong_password_is_said_on_the_page_and_the_way_stays_good() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    for username in [person.email.as_str(), "nobody@example.com"] {
        browser.submit(&[("username", username), ("password", "wrong horse")]).await;
        assert_eq!((browser.answer().status, browser.path()), (422, "/login"));
        assert!(!browser.answer().text.contains("wrong horse"));
        assert!(browser.cookie(SESSION).is_none());
    }
    browser.sign_in(&person).await;
    assert!(browser.arrived().contains_key("code"));
}

#[tokio::test]
async fn a_second_factor_is_proved_before_there_is_a_session() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let person = world.enrolled().await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    browser.sign_in(&person).await;
    browser.expect_at("/mfa");
    assert!(browser.cookie(SESSION).is_none());
    browser.submit(&[("code", &person.wrong_code(&world))]).await;
    assert_eq!((browser.answer().status, browser.path()), (422, "/mfa"));
    browser.submit(&[("code", &person.code(&world))]).await;
    let claims = id_token(&client, &browser).await;
    assert_eq!(claims["acr"], "urn:signalbox:2fa");
    assert_eq!(claims["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(half(&browser), None);
}

#[tokio::test]
async fn a_backup_code_is_known_for_one_wherever_it_is_typed() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let person = world.enrolled().await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    browser.sign_in(&person).await;
    browser.submit(&[("code", &person.backup_codes[0])]).await;
    assert_eq!(id_token(&client, &browser).await["amr"], json!(["pwd", "backup", "mfa"]));
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    browser.sign_in(&person).await;
    browser.submit(&[("method", "BACKUP_CODE")]).await;
    browser.submit(&[("code", &person.backup_codes[0])]).await;
    assert_eq!(browser.answer().status, 422);
    browser.submit(&[("code", &person.backup_codes[1])]).await;
    assert!(browser.arrived().contains_key("code"));
}

#[tokio::test]
async fn a_code_is_mailed_once_and_again_only_when_asked() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let person = world.enrolled_by_mail().await;
    let mut browser = Browser::new(&world);
    let before = world.mails(&person.email).await.len();
    browser.get(&client.url(&[])).await;
    browser.sign_in(&person).await;
    browser.expect_at("/mfa");
    let here = browser.page().url.to_string();
    browser.get(&here).await;
    world.mail_has_left().await;
    assert_eq!(world.mails(&person.email).await.len(), before + 1);
    browser.submit(&[("method", "EMAIL_OTP")]).await;
    browser.expect_at("/mfa");
    world.mail_has_left().await;
    assert_eq!(world.mails(&person.email).await.len(), before + 2);
    browser.submit(&[("code", &world.mailed_code(&person.email).await)]).await;
    assert_eq!(id_token(&client, &browser).await["amr"], json!(["pwd", "email", "mfa"]));
}

#[tokio::test]
async fn no_page_elsewhere_has_codes_mailed_one_after_another() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let mut person = world.person().await;
    let mut browser = Browser::new(&world);
    let _ = client.sign_in(&mut browser, &person, "openid").await;
    let session = world.sign_in(&person).await;
    world.enrol_by_mail(&mut person, &session).await;
    world.mail_has_left().await;
    let before = world.mails(&person.email).await.len();
    for _ in 0..4 {
        browser.get(&client.url(&[("acr_values", "urn:signalbox:2fa")])).await;
        browser.expect_at("/mfa");
    }
    world.mail_has_left().await;
    assert_eq!(world.mails(&person.email).await.len(), before + 1);
    browser.submit(&[("code", &world.mailed_code(&person.email).await)]).await;
    assert_eq!(id_token(&client, &browser).await["acr"], "urn:signalbox:2fa");
}

#[tokio::test]
async fn a_code_for_half_a_sign_in_that_is_over_leads_back_to_the_password() {
    let mut world = World::start().await;
    let client = world.relying_party(json!({})).await;
    let person = world.enrolled().await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    browser.sign_in(&person).await;
    browser.expect_at("/mfa");
    world.advance(minutes(11));
    browser.submit(&[("code", &person.code(&world))]).await;
    assert_eq!(browser.path(), "/login");
    assert!(browser.page().url.query().unwrap().ends_with("&over=1"));
    browser.sign_in(&person).await;
    browser.submit(&[("code", &person.code(&world))]).await;
    assert!(browser.arrived().contains_key("code"));
}

#[tokio::test]
async fn a_device_that_is_trusted_here_is_trusted_at_the_next_sign_in_and_on_the_rail() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let person = world.enrolled().await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    browser.sign_in(&person).await;
    browser.submit(&[("code", &person.code(&world)), ("trust_device", "on")]).await;
    let _ = id_token(&client, &browser).await;
    let token = browser.cookie("sb_device").unwrap().value.clone();
    browser.set_cookie(SESSION, "");
    browser.get(&client.url(&[])).await;
    browser.sign_in(&person).await;
    assert_eq!(id_token(&client, &browser).await["amr"], json!(["pwd", "device"]));
    let body = tests::person::on_device(&person, &token);
    assert_eq!(world.rail().post("/login", body).await.data(200)["mfaRequired"], false);
}

#[tokio::test]
async fn half_a_sign_in_opens_nothing_but_its_own_pages() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let person = world.enrolled().await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    browser.sign_in(&person).await;
    let token = browser.cookie(&half(&browser).unwrap()).unwrap().value.clone();
    // Nowhere on the Rail, which did not begin it, and as no session.
    world.rail().call_as(&token, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    let verify = json!({ "mfaToken": token, "code": person.code(&world) });
    world.rail().post("/mfa/verify", verify).await.refused(401, "INVALID_TOKEN");
    let mut other = Browser::new(&world);
    other.set_cookie(SESSION, &token);
    other.get(&client.url(&[("prompt", "none")])).await;
    assert_eq!(other.arrived()["error"], "login_required");
    // And a half of one way is none of another: each tab has its own.
    let mut tab = browser.tab();
    tab.get(&client.url(&[])).await;
    tab.expect_at("/login");
}

#[tokio::test]
async fn two_tabs_on_two_ways_do_not_disturb_each_other() {
    let world = World::shared().await;
    let (one, other) = (world.relying_party(json!({})).await, world.relying_party(json!({})).await);
    let (ada, bea) = (world.enrolled().await, world.enrolled().await);
    let mut first = Browser::new(&world);
    first.get(&one.url(&[])).await;
    let mut second = first.tab();
    second.get(&other.url(&[])).await;
    first.sign_in(&ada).await;
    second.share_cookies_of(&first);
    second.sign_in(&bea).await;
    first.share_cookies_of(&second);
    first.submit(&[("code", &ada.code(&world))]).await;
    second.share_cookies_of(&first);
    second.submit(&[("code", &bea.code(&world))]).await;
    let (ada_sub, bea_sub) = (
        id_token(&one, &first).await["sub"].clone(),
        id_token(&other, &second).await["sub"].clone(),
    );
    assert_ne!(ada_sub, bea_sub);
    // Each client goes on with whom it knows, whoever signed in last.
    let mut browser = second;
    browser.get(&one.url(&[("prompt", "none")])).await;
    assert_eq!(id_token(&one, &browser).await["sub"], ada_sub);
    browser.get(&other.url(&[("prompt", "none")])).await;
    assert_eq!(id_token(&other, &browser).await["sub"], bea_sub);
    // A third does not know whom.
    let third = world.relying_party(json!({})).await;
    browser.get(&third.url(&[("prompt", "none")])).await;
    assert_eq!(browser.arrived()["error"], "account_selection_required");
    browser.get(&third.url(&[])).await;
    browser.expect_at("/choose-account");
    let sid = claims_of_first_account(&browser);
    browser.submit(&[("account", &sid)]).await;
    let chosen = id_token(&third, &browser).await;
    assert_eq!(chosen["sid"], sid.as_str());
}

/// The value of the first button of the account chooser.
fn claims_of_first_account(browser: &Browser) -> String {
    let forms = browser.forms();
    let mut controls = forms.iter().flat_map(|form| &form.controls);
    controls.find(|(name, _)| name == "account").unwrap().1.clone()
}

#[tokio::test]
async fn somebody_else_can_sign_in_from_the_chooser_and_from_consent() {
    let world = World::shared().await;
    let client = world.relying_party(json!({ "first_party": false })).await;
    let (ada, bea) = (world.person().await, world.person().await);
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    browser.sign_in(&ada).await;
    browser.expect_at("/consent");
    let consent = browser.answer().text.clone();
    assert!(consent.contains(&ada.name) && !consent.contains(&bea.name));
    let switch = consent.split("href=\"").find(|link| link.starts_with("/login?")).unwrap();
    let switch = switch.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    browser.get(&switch).await;
    browser.expect_at("/login");
    browser.sign_in(&bea).await;
    browser.expect_at("/consent");
    assert!(browser.answer().text.contains(&bea.name));
    browser.submit(&[("decision", "allow")]).await;
    let first = id_token(&client, &browser).await;
    browser.get(&client.url(&[("prompt", "select_account")])).await;
    browser.expect_at("/choose-account");
    browser.submit(&[("account", "other")]).await;
    browser.expect_at("/login");
    let cleo = world.person().await;
    browser.sign_in(&cleo).await;
    browser.submit(&[("decision", "allow")]).await;
    assert_ne!(id_token(&client, &browser).await["sub"], first["sub"]);
}

#[tokio::test]
async fn an_answer_to_a_page_counts_for_whom_it_was_shown() {
    let world = World::shared().await;
    let client = world.relying_party(json!({ "first_party": false })).await;
    let (ada, bea) = (world.person().await, world.person().await);
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    let login = browser.page().url.to_string();
    browser.sign_in(&ada).await;
    browser.expect_at("/consent");
    // In another tab somebody else signs in for the same request.
    let mut tab = browser.tab();
    tab.get(&format!("{login}&switch=1")).await;
    tab.sign_in(&bea).await;
    browser.share_cookies_of(&tab);
    browser.submit(&[("decision", "allow")]).await;
    browser.expect_at("/consent");
    assert!(browser.answer().text.contains(&bea.name));
}

#[tokio::test]
async fn the_back_button_and_a_form_sent_twice_lead_to_the_client_again() {
    let world = World::shared().await;
    let client = world.relying_party(json!({ "first_party": false })).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    let mut twice = browser.tab();
    let login = browser.page().url.to_string();
    twice.get(&login).await;
    browser.sign_in(&person).await;
    let consent = browser.page().url.to_string();
    browser.submit(&[("decision", "allow")]).await;
    let first = id_token(&client, &browser).await;
    // The form of the first page, once more, as it was.
    twice.share_cookies_of(&browser);
    twice.sign_in(&person).await;
    let second = id_token(&client, &twice).await;
    assert_eq!(first["sid"], second["sid"]);
    browser.share_cookies_of(&twice);
    for page in [&login, &consent] {
        browser.get(page).await;
        let again = id_token(&client, &browser).await;
        assert_eq!((&again["sub"], &again["sid"]), (&first["sub"], &first["sid"]));
    }
}

#[tokio::test]
async fn a_step_up_gives_the_same_session_a_new_token_and_the_old_one_is_dead() {
    let mut world = World::start().await;
    let client = world.relying_party(json!({})).await;
    let mut person = world.person().await;
    let mut browser = Browser::new(&world);
    let before = client.sign_in(&mut browser, &person, "openid").await.id_claims();
    let session = world.sign_in(&person).await;
    // One more factor ends no session, and the browser is asked for it where it is wanted.
    world.enrol(&mut person, &session).await;
    world.advance(Duration::from_secs(2 * STEP));
    let wish = [("acr_values", "urn:signalbox:2fa")];
    browser.get(&client.url(&wish)).await;
    browser.expect_at("/mfa");
    let old = browser.cookie(SESSION).unwrap().value.clone();
    browser.submit(&[("code", &person.code(&world))]).await;
    let after = id_token(&client, &browser).await;
    assert_eq!((&after["sid"], &after["acr"]), (&before["sid"], &json!("urn:signalbox:2fa")));
    let new = browser.cookie(SESSION).unwrap().value.clone();
    assert_ne!(old, new);
    let mut thief = Browser::new(&world);
    thief.set_cookie(SESSION, &old);
    thief.get(&client.url(&[("prompt", "none")])).await;
    assert_eq!(thief.arrived()["error"], "login_required");
}

#[tokio::test]
async fn a_proof_that_is_too_old_is_given_again_by_factor_or_by_password() {
    let mut world = World::start().await;
    let client = world.relying_party(json!({})).await;
    let (plain, enrolled) = (world.person().await, world.enrolled().await);
    for person in [&plain, &enrolled] {
        let mut browser = Browser::new(&world);
        browser.get(&client.url(&[])).await;
        browser.sign_in(person).await;
        if person.secret.is_some() {
            browser.submit(&[("code", &person.code(&world))]).await;
        }
        let before = id_token(&client, &browser).await;
        world.advance(minutes(10));
        let young = [("max_age", "300")];
        browser.get(&client.url(&[("max_age", "300"), ("prompt", "none")])).await;
        assert_eq!(browser.arrived()["error"], "login_required");
        browser.get(&client.url(&young)).await;
        if person.secret.is_some() {
            browser.expect_at("/mfa");
            browser.submit(&[("code", &person.code(&world))]).await;
        } else {
            browser.expect_at("/login");
            browser.sign_in(person).await;
        }
        let after = id_token(&client, &browser).await;
        assert_eq!(after["sid"], before["sid"]);
        let proved = |claims: &Value| claims["auth_time"].as_u64().unwrap();
        assert!(proved(&after) >= proved(&before) + 600);
    }
}

#[tokio::test]
async fn who_must_have_a_second_factor_sets_one_up_on_the_way() {
    let world = World::plan().set("policy.default.require", "2fa").start().await;
    let client = world.relying_party(json!({})).await;
    let mut person = world.person().await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    browser.sign_in(&person).await;
    browser.expect_at("/mfa/enrol");
    assert!(browser.cookie(SESSION).is_none());
    let secret = browser.element("secret").unwrap();
    // Loading the page again sets up nothing else.
    let here = browser.page().url.to_string();
    browser.get(&here).await;
    assert_eq!(browser.element("secret").unwrap(), secret);
    person.secret = Some(secret);
    browser.submit(&[("code", &person.wrong_code(&world))]).await;
    assert_eq!((browser.answer().status, browser.path()), (422, "/mfa/enrol"));
    assert_eq!(browser.element("secret"), person.secret);
    browser.submit(&[("code", &person.code(&world))]).await;
    browser.expect_at("/mfa/enrol");
    assert!(!has(&browser, "code"));
    browser.submit(&[]).await;
    assert_eq!(id_token(&client, &browser).await["acr"], "urn:signalbox:2fa");
    // What was shown then is nowhere any more.
    browser.get(&here).await;
    assert!(browser.arrived().contains_key("code"));
}

#[tokio::test]
async fn a_site_that_asks_for_two_factors_asks_for_them_here_too() {
    let world = World::start().await;
    let site = format!("http://demo.localhost:{}", world.edge().port());
    let client = world.relying_party(json!({ "audiences": [site] })).await;
    let mut person = world.person().await;
    let mut browser = Browser::new(&world);
    // Signed in for something that asks for less.
    let other = world.relying_party(json!({})).await;
    let _ = other.sign_in(&mut browser, &person, "openid").await;
    browser.get(&client.url(&[("prompt", "none")])).await;
    assert_eq!(browser.arrived()["error"], "interaction_required");
    browser.get(&client.url(&[])).await;
    browser.expect_at("/mfa/enrol");
    person.secret = browser.element("secret");
    browser.submit(&[("code", &person.code(&world))]).await;
    browser.submit(&[]).await;
    let arrived = browser.arrived();
    let body = client.redeem(&arrived["code"]).await.expect(200).json();
    let access = body["access_token"].as_str().unwrap();
    assert_eq!(claims(access)["aud"][0], site.as_str());
    world.caught_up().await;
    world.edge().demo(access).await.expect(200);
}

#[tokio::test]
async fn a_session_of_a_browser_is_listed_and_ends_like_any_other() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    let tokens = client.sign_in(&mut browser, &person, "openid").await;
    let rail = world.sign_in(&person).await;
    let listed = sessions(&world, &rail).await;
    let own = listed.iter().find(|one| one["id"] == tokens.sid()).unwrap();
    assert_eq!((&own["client"], &own["current"]), (&json!("pages"), &json!(false)));
    let path = format!("/sessions/{}", tokens.sid());
    drop(world.rail().call_as(&rail.access, "DELETE", &path).await.data(200));
    browser.get(&client.url(&[("prompt", "none")])).await;
    assert_eq!(browser.arrived()["error"], "login_required");
    browser.get(&client.url(&[])).await;
    browser.expect_at("/login");
}

#[tokio::test]
async fn a_browser_forgets_at_its_end_unless_it_was_asked_to_remember() {
    let mut world = World::start().await;
    let client = world.relying_party(json!({})).await;
    let person = world.person().await;
    let (mut forgets, mut remembers) = (Browser::new(&world), Browser::new(&world));
    for (browser, remember) in [(&mut forgets, None), (&mut remembers, Some(("remember", "on")))] {
        browser.get(&client.url(&[])).await;
        let mut fields = vec![("username", person.email.as_str()), ("password", &person.password)];
        fields.extend(remember);
        browser.submit(&fields).await;
        assert!(browser.arrived().contains_key("code"));
        let attributes = &browser.cookie(SESSION).unwrap().attributes;
        assert_eq!(attributes.contains("Max-Age"), remember.is_some(), "{attributes}");
        assert!(attributes.contains("HttpOnly") && attributes.contains("SameSite=Lax"));
        browser.restart();
    }
    for (browser, answer) in [(&mut forgets, "error"), (&mut remembers, "code")] {
        browser.get(&client.url(&[("prompt", "none")])).await;
        assert!(browser.arrived().contains_key(answer));
    }
    // And a browser that never ends forgets after half a day.
    let mut open = Browser::new(&world);
    let _ = client.sign_in(&mut open, &person, "openid").await;
    world.advance(hours(13));
    open.get(&client.url(&[("prompt", "none")])).await;
    assert_eq!(open.arrived()["error"], "login_required");
    remembers.get(&client.url(&[("prompt", "none")])).await;
    assert!(remembers.arrived().contains_key("code"));
}

#[tokio::test]
async fn a_browser_holds_five_sessions_and_lets_the_one_used_longest_ago_go() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let mut browser = Browser::new(&world);
    let mut people = Vec::new();
    for _ in 0..6 {
        let person = world.person().await;
        browser.get("/login").await;
        browser.sign_in(&person).await;
        people.push(person);
    }
    assert_eq!(browser.cookie(SESSION).unwrap().value.split('~').count(), 5);
    browser.get(&client.url(&[])).await;
    browser.expect_at("/choose-account");
    let text = browser.answer().text.clone();
    assert!(!text.contains(&people[0].email));
    assert!(people[1..].iter().all(|person| text.contains(&person.email)));
}

#[tokio::test]
async fn a_way_that_is_over_explains_itself_and_shows_the_way_on() {
    let mut world = World::start().await;
    let begins = "https://app.test/begin?x=1";
    let client = world
        .relying_party(json!({ "initiate_login_uri": begins, "client_uri": "https://app.test/" }))
        .await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    let page = browser.page().url.to_string();
    world.advance(hours(2));
    browser.sign_in(&person).await;
    assert_eq!(browser.answer().status, 410);
    assert!(browser.element("flow-over").is_some());
    for path in ["/login", "/mfa", "/consent", "/choose-account", "/mfa/enrol"] {
        browser.get(&page.replace("/login", path)).await;
        assert_eq!(browser.answer().status, 410, "{path}");
        assert!(browser.answer().text.contains("https://app.test/begin?x=1"), "{path}");
    }
    for flow in ["", "x", "sbf_x", &"y".repeat(3000)] {
        browser.get(&format!("/consent?flow={flow}&client_id=nobody")).await;
        assert!([410, 200].contains(&browser.answer().status), "{}", browser.answer().text);
        assert!(!browser.answer().text.contains("app.test"));
    }
}

#[tokio::test]
async fn a_form_counts_only_from_the_browser_that_was_given_it() {
    let world = World::shared().await;
    let client = world.relying_party(json!({ "first_party": false })).await;
    let (person, attacker) = (world.person().await, world.person().await);
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    browser.sign_in(&person).await;
    browser.expect_at("/consent");
    let form = browser.forms().into_iter().find(|form| form.action == "/consent").unwrap();
    let cookies: Vec<String> = ["sb_session", "sb_forms"]
        .iter()
        .map(|name| format!("{name}={}", browser.cookie(name).unwrap().value))
        .collect();
    let mut fields = form.fields.clone();
    fields.push(("decision".into(), "allow".into()));
    let post = async |fields: &[(String, String)], cookie: &str, headers: &[(&str, &str)]| {
        let request = world
            .rail()
            .request_root("POST", "/consent")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", cookie);
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        send(request.body(encoded(fields))).await
    };
    let all = cookies.join("; ");
    let elsewhere = [("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")];
    post(&fields, &all, &elsewhere).await.expect(403);
    post(&fields, &all, &[("origin", "null")]).await.expect(403);
    // Without the browser's half of it, and with the one of another browser: it is asked again.
    let asked_again = |answer: &Answer| {
        let location = answer.expect(303).header("location");
        assert!(location.starts_with("/consent?flow="), "{location}");
    };
    asked_again(&post(&fields, &cookies[0], &[]).await);
    let mut other = Browser::new(&world);
    other.get(browser.page().url.as_str()).await;
    let theirs = format!("{}; sb_forms={}", cookies[0], other.cookie("sb_forms").unwrap().value);
    asked_again(&post(&fields, &theirs, &[]).await);
    // Nor is a form of one way one of another.
    let mut tab = browser.tab();
    tab.get("/login").await;
    let csrf = tab.forms()[0].fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
    let mut mixed = fields.clone();
    mixed
        .iter_mut()
        .filter(|(name, _)| name == "csrf")
        .for_each(|(_, value)| value.clone_from(&csrf));
    asked_again(&post(&mixed, &all, &[]).await);
    // Nothing of that was an answer.
    browser.get(browser.page().url.clone().as_str()).await;
    browser.expect_at("/consent");
    // And whole it is taken.
    let answer =
        post(&fields, &all, &[("origin", "null"), ("sec-fetch-site", "same-origin")]).await;
    assert!(answer.expect(303).header("location").contains("code="));
    drop(attacker);
}

#[tokio::test]
async fn a_way_that_was_begun_in_another_browser_says_nothing_of_who_signed_in_there() {
    let world = World::shared().await;
    let client = world.relying_party(json!({ "first_party": false })).await;
    let (attacker, victim) = (world.person().await, world.person().await);
    let mut theirs = Browser::new(&world);
    theirs.get(&client.url(&[])).await;
    let page = theirs.page().url.to_string();
    theirs.sign_in(&attacker).await;
    theirs.expect_at("/consent");
    let consent = theirs.page().url.to_string();
    let mut own = Browser::new(&world);
    for address in [&page, &consent] {
        own.get(address).await;
        own.expect_at("/login");
        assert!(!own.answer().text.contains(&attacker.email));
    }
    own.sign_in(&victim).await;
    own.expect_at("/consent");
    assert!(own.answer().text.contains(&victim.name));
    // Whatever the attacker allows is theirs.
    theirs.submit(&[("decision", "allow")]).await;
    let sub = id_token(&client, &theirs).await["sub"].clone();
    own.submit(&[("decision", "allow")]).await;
    assert_ne!(id_token(&client, &own).await["sub"], sub);
}

#[tokio::test]
async fn a_sign_in_leads_back_to_pages_of_this_server_and_nowhere_else() {
    let world = World::shared().await;
    let person = world.person().await;
    for to in ["/device", "/device?user_code=BCDF-GHJK"] {
        let mut browser = Browser::new(&world);
        browser.get(&format!("/login?{}", encoded(&[("to".into(), to.into())]))).await;
        let fields = [("username", person.email.as_str()), ("password", &person.password)];
        browser.submit_only(&fields).await;
        assert_eq!((browser.answer().status, browser.answer().header("location")), (303, to));
    }
    for to in [
        "//evil.test",
        "///evil.test",
        "\\\\evil.test",
        "/\\evil.test",
        "\\/evil.test",
        "https://evil.test/device",
        "https:evil.test",
        "javascript:alert(1)",
        "/device/../../evil",
        "/authorize?client_id=x",
        "/dev/outbox",
        "/device\r\nx: y",
        "/device@evil.test",
        "",
    ] {
        let mut browser = Browser::new(&world);
        browser.get(&format!("/login?{}", encoded(&[("to".into(), to.into())]))).await;
        browser.expect_at("/login");
        browser.sign_in(&person).await;
        browser.expect_at("/login");
        assert_eq!(browser.answer().status, 200, "{to}");
        assert!(browser.cookie(SESSION).is_some(), "{to}");
        assert!(!has(&browser, "password"), "{to}: {}", browser.answer().text);
    }
}

#[tokio::test]
async fn the_answers_to_forms_are_303_and_the_page_may_lead_to_its_client_alone() {
    let world = World::shared().await;
    let client = world.relying_party(json!({ "first_party": false })).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    let policy = |browser: &Browser| browser.answer().header("content-security-policy").to_owned();
    assert!(
        policy(&browser).contains("form-action 'self' https://app.test"),
        "{}",
        policy(&browser)
    );
    assert!(policy(&browser).contains("frame-ancestors 'none'"));
    let fields = [("username", person.email.as_str()), ("password", &person.password)];
    assert_eq!(browser.submit_only(&fields).await.answer.status, 303);
    browser.follow().await;
    assert!(policy(&browser).contains("form-action 'self' https://app.test"));
    assert_eq!(browser.submit_only(&[("decision", "allow")]).await.answer.status, 303);
    browser.get("/login").await;
    assert!(!policy(&browser).contains("app.test"));
}

#[tokio::test]
async fn a_password_that_was_changed_ends_the_browsers_session_too() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let mut person = world.person().await;
    let mut browser = Browser::new(&world);
    let _ = client.sign_in(&mut browser, &person, "openid").await;
    let session = world.sign_in(&person).await;
    let new = format!("{} anew", person.password);
    let change = json!({ "currentPassword": person.password, "newPassword": new });
    drop(world.rail().post_as(&session.access, "/change-password", change).await.data(200));
    person.password = new;
    browser.get(&client.url(&[("prompt", "none")])).await;
    assert_eq!(browser.arrived()["error"], "login_required");
    browser.get(&client.url(&[])).await;
    browser.sign_in(&person).await;
    assert!(browser.arrived().contains_key("code"));
}

#[tokio::test]
async fn guesses_on_the_page_and_on_the_rail_are_counted_together() {
    let world = World::start().await;
    let client = world.relying_party(json!({})).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    let mut counted = 0;
    loop {
        let on_page = counted % 2 == 0;
        let status = if on_page {
            browser.submit(&[("username", &person.email), ("password", "wrong horse")]).await;
            browser.answer().status
        } else {
            let body = json!({ "email": person.email, "password": "wrong horse" });
            world.rail().post("/login", body).await.status
        };
        if status == 429 {
            break;
        }
        counted += 1;
        assert!(counted <= 10, "more than ten guesses were judged");
    }
    assert_eq!(counted, 10);
    // The owner's own browser would be known; this one is told to wait, with the right password too.
    browser.sign_in(&person).await;
    assert_eq!((browser.answer().status, browser.path()), (429, "/login"));
    let wait: u64 = browser.answer().header("retry-after").parse().unwrap();
    assert!((1..=900).contains(&wait), "{wait}");
}

#[tokio::test]
async fn a_native_apps_consent_is_asked_for_every_time() {
    let world = World::shared().await;
    let redirect = "http://127.0.0.1/back";
    let client = world
        .relying_party(json!({
            "first_party": false,
            "application_type": "native",
            "redirect_uris": [redirect],
        }))
        .await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    for port in [4001, 4002] {
        let redirect = format!("http://127.0.0.1:{port}/back");
        browser.get(&client.url(&[("redirect_uri", &redirect)])).await;
        if has(&browser, "password") {
            browser.sign_in(&person).await;
        }
        browser.expect_at("/consent");
        browser.submit(&[("decision", "allow")]).await;
        let left: Url = browser.left().unwrap().url.parse().unwrap();
        assert_eq!((left.port(), left.path()), (Some(port), "/back"));
    }
    browser.get(&client.url(&[("prompt", "none")])).await;
    assert_eq!(browser.arrived()["error"], "consent_required");
}
