//! What a browser holds, in several tabs and of several people, and what becomes of its forms.

use serde_json::json;
use tests::{
    World,
    browser::Browser,
    rail::send,
    relying_party::{RelyingParty, Tokens, form, has, through},
};

use super::logout::fits;

/// A client whose tokens open a site that asks for a second factor.
async fn strict(world: &World) -> RelyingParty {
    let site = format!("http://demo.localhost:{}", world.edge().port());
    world.relying_party(json!({ "audiences": [site] })).await
}

/// The backup codes of the page that is shown.
fn backup_codes(browser: &Browser) -> Vec<String> {
    let items = browser.answer().text.split("<li><code>").skip(1);
    items.map(|item| item.split('<').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn backup_codes_are_saved_as_a_file_on_the_way_to_a_site_too() {
    const FILE: &str = "/account/security/backup-codes/file";
    let world = World::start().await;
    let (client, mut person) = (strict(&world).await, world.person().await);
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    browser.sign_in(&person).await;
    browser.expect_at("/mfa/enrol");
    person.secret = browser.element("secret");
    browser.submit(&[("code", &person.code(&world))]).await;
    let codes = backup_codes(&browser);
    assert_eq!(codes.len(), 10, "{}", browser.answer().text);
    assert!(browser.answer().text.contains(&format!("href=\"{FILE}\"")));
    let mut file = browser.tab();
    file.get(FILE).await;
    file.expect_at(FILE);
    assert!(file.answer().header("content-disposition").starts_with("attachment"));
    let text = &file.answer().text;
    assert!(text.contains(&person.email) && codes.iter().all(|code| text.contains(code)), "{text}");
    // The way on is where it was, and they are in the browser no more.
    browser.submit(&[]).await;
    assert!(browser.arrived().contains_key("code"));
    assert!(browser.cookie("sb_codes").is_none());
    browser.get(FILE).await;
    browser.expect_at("/account/security");
}

#[tokio::test]
async fn two_tabs_set_up_one_authenticator_and_its_backup_codes_count() {
    let world = World::start().await;
    let (client, mut person) = (strict(&world).await, world.person().await);
    let mut one = Browser::new(&world);
    one.get(&client.url(&[])).await;
    one.sign_in(&person).await;
    one.expect_at("/mfa/enrol");
    let mut two = one.tab();
    two.get(&client.url(&[])).await;
    two.sign_in(&person).await;
    two.expect_at("/mfa/enrol");
    assert_eq!(one.element("secret"), two.element("secret"));
    person.secret = one.element("secret");
    one.share_cookies_of(&two);
    one.submit(&[("code", &person.code(&world))]).await;
    let codes = backup_codes(&one);
    assert_eq!(codes.len(), 10, "{}", one.answer().text);
    // The other tab goes on with what was set up here.
    two.share_cookies_of(&one);
    two.submit(&[("code", &person.code(&world))]).await;
    assert!(two.arrived().contains_key("code"));
    let mut later = Browser::new(&world);
    later.get(&client.url(&[])).await;
    later.sign_in(&person).await;
    later.submit(&[("code", &codes[0])]).await;
    assert!(later.arrived().contains_key("code"));
}

#[tokio::test]
async fn a_set_up_that_was_replaced_elsewhere_begins_anew() {
    let world = World::start().await;
    let (client, mut person) = (strict(&world).await, world.person().await);
    let (mut here, mut elsewhere) = (Browser::new(&world), Browser::new(&world));
    for browser in [&mut here, &mut elsewhere] {
        browser.get(&client.url(&[])).await;
        browser.sign_in(&person).await;
        browser.expect_at("/mfa/enrol");
    }
    let (first, second) = (here.element("secret"), elsewhere.element("secret"));
    assert_ne!(first, second);
    // A code of the other key confirms nothing here: these backup codes are dead.
    person.secret = second;
    here.submit(&[("code", &person.code(&world))]).await;
    here.expect_at("/mfa/enrol");
    assert!(backup_codes(&here).is_empty());
    let third = here.element("secret");
    assert_ne!(third, first);
    person.secret = third;
    here.submit(&[("code", &person.code(&world))]).await;
    let codes = backup_codes(&here);
    let mut later = Browser::new(&world);
    later.get(&client.url(&[])).await;
    later.sign_in(&person).await;
    later.submit(&[("code", &codes[9])]).await;
    assert!(later.arrived().contains_key("code"));
}

#[tokio::test]
async fn a_session_that_another_one_pushes_out_of_the_browser_is_ended() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let mut browser = Browser::new(&world);
    let first = client.sign_in(&mut browser, &world.person().await, "openid").await;
    let second = {
        browser.get(&client.url(&[("prompt", "login")])).await;
        let person = world.person().await;
        let arrived = through(&mut browser, &person).await;
        Tokens::of(&client.redeem(&arrived["code"]).await)
    };
    for _ in 0..3 {
        browser.get("/login").await;
        browser.sign_in(&world.person().await).await;
    }
    client.userinfo(&first.access).await.expect(200);
    browser.get("/login").await;
    browser.sign_in(&world.person().await).await;
    client.userinfo(&first.access).await.expect(401);
    assert_eq!(client.refresh(&first.refresh).await.expect(400).json()["error"], "invalid_grant");
    client.userinfo(&second.access).await.expect(200);
}

#[tokio::test]
async fn a_session_that_ended_elsewhere_leaves_a_session_state_that_fits() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let (ada, bea) = (world.person().await, world.person().await);
    let mut browser = Browser::new(&world);
    let hers = client.sign_in(&mut browser, &ada, "openid").await;
    browser.get("/login").await;
    browser.sign_in(&bea).await;
    let rail = world.sign_in(&ada).await;
    let path = format!("/sessions/{}", hers.sid());
    drop(world.rail().call_as(&rail.access, "DELETE", &path).await.data(200));
    // Answered at once.
    browser.get(&client.url(&[("prompt", "none")])).await;
    let state = browser.arrived()["session_state"].clone();
    assert!(fits(&client, &browser, &state));
    // And over a page.
    let rail = world.sign_in(&bea).await;
    drop(world.rail().call_as(&rail.access, "DELETE", "/sessions").await.data(200));
    browser.get(&client.url(&[])).await;
    browser.expect_at("/login");
    assert!(browser.cookie("sb_browser_state").is_none(), "{:?}", browser.cookie_names());
    browser.sign_in(&bea).await;
    let state = browser.arrived()["session_state"].clone();
    assert!(fits(&client, &browser, &state));
}

#[tokio::test]
async fn a_form_of_before_the_cookie_is_shown_again() {
    let world = World::shared().await;
    let client = world.relying_party(json!({ "first_party": false })).await;
    let person = world.person().await;
    // Two first visits at once: each was given a cookie, and one of them stays.
    let (mut one, mut two) = (Browser::new(&world), Browser::new(&world));
    one.get(&client.url(&[])).await;
    one.sign_in(&person).await;
    one.expect_at("/consent");
    two.get("/login").await;
    let shown = one.page().url.clone();
    one.set_cookie("sb_forms", &two.cookie("sb_forms").unwrap().value);
    one.submit(&[("decision", "allow")]).await;
    one.expect_at("/consent");
    assert_eq!((one.answer().status, &one.page().url), (200, &shown));
    one.submit(&[("decision", "allow")]).await;
    assert!(one.arrived().contains_key("code"));
    // A tab that was restored after the browser had forgotten its cookies.
    let mut restored = Browser::new(&world);
    restored.get("/end_session?ui_locales=de").await;
    restored.set_cookie("sb_forms", "");
    restored.submit(&[("decision", "logout")]).await;
    assert!(restored.element("signed-out").is_none());
    assert_eq!(restored.page().url.query(), Some("ui_locales=de"));
    assert!(has(&restored, "decision"));
}

#[tokio::test]
async fn name_and_password_are_enough_at_the_address_of_the_page() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    let page = browser.page().url.clone();
    let fields = form(&[("username", &person.email), ("password", &person.password)]);
    let post = || {
        let path = format!("{}?{}", page.path(), page.query().unwrap());
        client.form_request(&path).body(fields.clone())
    };
    let elsewhere = post().header("origin", "https://evil.test");
    send(elsewhere.header("sec-fetch-site", "cross-site")).await.expect(403);
    let answer = send(post()).await;
    let location = answer.expect(303).header("location");
    assert!(location.starts_with("https://app.test/callback?code="), "{location}");
}

#[tokio::test]
async fn a_code_counts_for_whom_it_was_asked() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let (ada, bea) = (world.enrolled().await, world.enrolled().await);
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    let mut tab = browser.tab();
    tab.get(browser.page().url.as_str()).await;
    browser.sign_in(&ada).await;
    browser.expect_at("/mfa");
    assert!(browser.answer().text.contains(&ada.email), "{}", browser.answer().text);
    // On the same way, somebody else gets half as far.
    tab.share_cookies_of(&browser);
    tab.sign_in(&bea).await;
    browser.share_cookies_of(&tab);
    for _ in 0..3 {
        let mut stale = browser.clone();
        stale.submit(&[("code", &ada.wrong_code(&world))]).await;
        stale.expect_at("/mfa");
        assert_eq!(stale.answer().status, 200);
        assert!(stale.answer().text.contains(&bea.email));
    }
    browser.submit(&[("code", &ada.code(&world))]).await;
    browser.expect_at("/mfa");
    browser.submit(&[("code", &bea.code(&world))]).await;
    assert!(browser.arrived().contains_key("code"));
}

#[tokio::test]
async fn who_goes_no_further_is_led_back() {
    let world = World::start().await;
    let (client, strict) = (world.relying_party(json!({})).await, strict(&world).await);
    let (enrolled, bare) = (world.enrolled().await, world.person().await);
    for (client, person, page) in [(&client, &enrolled, "/mfa"), (&strict, &bare, "/mfa/enrol")] {
        let mut browser = Browser::new(&world);
        browser.get(&client.url(&[])).await;
        browser.sign_in(person).await;
        browser.expect_at(page);
        // Not them: somebody else signs in.
        let text = browser.answer().text.clone();
        let switch = text.split("href=\"").find(|link| link.starts_with("/login?")).unwrap();
        assert!(switch.split('"').next().unwrap().contains("switch=1"), "{switch}");
        browser.submit(&[("cancel", "on")]).await;
        assert_eq!(browser.arrived()["error"], "access_denied");
        assert!(browser.cookie_names().iter().all(|name| !name.starts_with("sb_half_")));
        // Without a client there is nobody to tell.
        let mut browser = Browser::new(&world);
        browser.get("/login?to=/device").await;
        browser.sign_in(&enrolled).await;
        browser.expect_at("/mfa");
        browser.submit(&[("cancel", "on")]).await;
        browser.expect_at("/login");
        assert!(has(&browser, "password"));
    }
}

#[tokio::test]
async fn everybody_who_is_signed_out_is_named_and_so_is_everybody_who_is_not() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let (ada, bea) = (world.person().await, world.person().await);
    let mut browser = Browser::new(&world);
    let hers = client.sign_in(&mut browser, &ada, "openid").await;
    browser.get("/login").await;
    browser.sign_in(&bea).await;
    browser.get("/end_session").await;
    let text = &browser.answer().text;
    assert!(text.contains(&ada.email) && text.contains(&bea.email), "{text}");
    browser.get(&format!("/end_session?{}", form(&[("id_token_hint", &hers.id)]))).await;
    let title = browser.element("signed-out").unwrap();
    assert!(title.contains(&ada.email), "{title}");
    assert!(browser.answer().text.contains(&bea.email), "{}", browser.answer().text);
    browser.get("/end_session").await;
    assert!(!browser.answer().text.contains(&ada.email));
    browser.submit(&[("decision", "logout")]).await;
    assert_eq!(browser.element("signed-out").unwrap(), "You are signed out");
}

#[tokio::test]
async fn a_new_sign_in_says_anew_whether_it_lasts() {
    let mut world = World::start().await;
    let client = world.relying_party(json!({})).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    let credentials = [("username", person.email.as_str()), ("password", &person.password)];
    let mut before: Option<Tokens> = None;
    for lasts in [false, true, false, true] {
        browser.get(&client.url(&[("prompt", "login")])).await;
        browser.expect_at("/login");
        // The box is as it was left.
        let is_ticked = browser.answer().text.contains("value=\"on\" checked");
        assert_eq!(is_ticked, !lasts && before.is_some());
        let mut fields = credentials.to_vec();
        fields.push(("remember", if lasts { "on" } else { "" }));
        browser.submit(&fields).await;
        let tokens = Tokens::of(&client.redeem(&browser.arrived()["code"]).await);
        let cookie = browser.cookie("sb_session").unwrap();
        assert_eq!(cookie.attributes.contains("Max-Age"), lasts, "{cookie:?}");
        assert_eq!(cookie.value.split('~').count(), 1);
        if let Some(before) = before.replace(tokens) {
            client.userinfo(&before.access).await.expect(401);
        }
    }
    // Said as before, it is the session of before.
    browser.get(&client.url(&[("prompt", "login")])).await;
    browser.submit(&credentials).await;
    let again = Tokens::of(&client.redeem(&browser.arrived()["code"]).await);
    assert_eq!(again.sid(), before.unwrap().sid());
    world.advance(crate::hours(13));
    browser.get(&client.url(&[("prompt", "none")])).await;
    assert!(browser.arrived().contains_key("code"));
}
