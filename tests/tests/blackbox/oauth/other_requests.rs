//! What is done for one request answers no other: an attacker may have begun that one, and left it
//! lying until their victim did what it waits for somewhere else.

use serde_json::json;
use tests::{
    World,
    browser::Browser,
    relying_party::{RelyingParty, has},
};

/// A request that was begun with `changes` by somebody else, in a browser of their own: the
/// address of its page.
async fn begun_elsewhere(world: &World, client: &RelyingParty, changes: &[(&str, &str)]) -> String {
    let mut attacker = Browser::new(world);
    attacker.get(&client.url(changes)).await;
    assert_eq!((attacker.left(), attacker.path()), (None, "/login"));
    attacker.page().url.to_string()
}

#[tokio::test]
async fn a_consent_or_sign_in_for_one_request_answers_no_other_that_was_begun_before_it() {
    let world = World::shared().await;
    for first_party in [false, true] {
        let client = world
            .relying_party(json!({
                "first_party": first_party,
                "application_type": "native",
                "redirect_uris": ["http://127.0.0.1/back"],
            }))
            .await;
        let at_port = |port: u16| format!("http://127.0.0.1:{port}/back");
        let (theirs, own) = (at_port(4666), at_port(4001));
        let consent = begun_elsewhere(&world, &client, &[("redirect_uri", &theirs)]).await;
        let login = [("prompt", "login"), ("max_age", "1"), ("redirect_uri", theirs.as_str())];
        let login = begun_elsewhere(&world, &client, &login).await;

        let person = world.person().await;
        let mut browser = Browser::new(&world);
        browser.get(&client.url(&[("redirect_uri", &own)])).await;
        browser.sign_in(&person).await;
        // Whoever signed in for the operator's own app had a part in its request.
        if !first_party {
            browser.expect_at("/consent");
            browser.submit(&[("decision", "allow")]).await;
        }
        assert!(browser.left().unwrap().url.starts_with(&own));

        for page in [&consent, &consent.replace("/login?", "/consent?")] {
            browser.get(page).await;
            browser.expect_at("/consent");
        }
        for page in [&login, &login.replace("/login?", "/consent?")] {
            browser.get(page).await;
            browser.expect_at("/login");
        }
    }
}

#[tokio::test]
async fn a_consent_that_is_asked_for_is_given_to_the_request_that_asks() {
    let world = World::shared().await;
    for first_party in [false, true] {
        let client = world.relying_party(json!({ "first_party": first_party })).await;
        let left = begun_elsewhere(&world, &client, &[("prompt", "consent")]).await;
        let person = world.person().await;
        let mut browser = Browser::new(&world);
        let asked = client.ask(&mut browser, &person, &[("prompt", "consent")]).await;
        assert!(asked.contains_key("code"), "{asked:?}");
        browser.get(&left).await;
        browser.expect_at("/consent");
        browser.submit(&[("decision", "allow")]).await;
        assert!(browser.arrived().contains_key("code"));
        // And it stays given to that one: by the back button, or in a second tab.
        let mut tab = browser.tab();
        tab.get(&left).await;
        assert!(tab.arrived().contains_key("code"));
    }
}

#[tokio::test]
async fn who_signs_in_in_another_tab_goes_on_there_alone() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let other = world.relying_party(json!({})).await;
    let (ada, bea) = (world.person().await, world.person().await);
    let mut browser = Browser::new(&world);
    let ada_tokens = client.sign_in(&mut browser, &ada, "openid").await;

    // One tab waits for Ada's password, and one for whoever it is; in a third Bea signs in.
    let mut about_ada = Browser::new(&world);
    about_ada.get(&client.url(&[("id_token_hint", &ada_tokens.id)])).await;
    about_ada.expect_at("/login");
    let mut again = browser.tab();
    again.get(&client.url(&[("prompt", "login")])).await;
    again.expect_at("/login");
    let pages = [&about_ada, &again].map(|tab| tab.page().url.to_string());
    for tab in [&mut about_ada, &mut again] {
        let mut third = tab.tab();
        third.get(&other.url(&[("prompt", "login")])).await;
        third.sign_in(&bea).await;
        assert!(third.arrived().contains_key("code"));
        tab.share_cookies_of(&third);
    }
    // Neither goes on with Bea, nor is it refused for her.
    for (tab, page) in [(&mut about_ada, &pages[0]), (&mut again, &pages[1])] {
        tab.get(page).await;
        tab.expect_at("/login");
        tab.sign_in(&ada).await;
        let arrived = tab.arrived();
        let code = arrived.get("code").unwrap_or_else(|| panic!("{arrived:?}"));
        let tokens = tests::relying_party::Tokens::of(&client.redeem(code).await);
        assert_eq!(tokens.id_claims()["sub"], ada_tokens.id_claims()["sub"]);
    }
}

#[tokio::test]
async fn a_wish_is_no_reason_to_refuse_where_nobody_may_be_asked() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let person = world.enrolled().await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[])).await;
    browser.sign_in(&person).await;
    browser.submit(&[("code", &person.code(&world)), ("trust_device", "on")]).await;
    browser.set_cookie("sb_session", "");
    browser.get(&client.url(&[])).await;
    browser.sign_in(&person).await;
    assert!(browser.arrived().contains_key("code"));
    // Signed in on a trusted device: that is one factor, and the person has a second one.
    let silent = ("prompt", "none");
    browser.get(&client.url(&[silent, ("acr_values", "urn:signalbox:2fa")])).await;
    assert!(browser.arrived().contains_key("code"), "{:?}", browser.arrived());
    let claims = json!({ "id_token": { "acr": {
        "essential": true, "value": "urn:signalbox:2fa",
    } } });
    browser.get(&client.url(&[silent, ("claims", &claims.to_string())])).await;
    super::refused_with(&world, &browser.arrived(), "login_required");
}

#[tokio::test]
async fn a_claim_whose_name_is_none_is_refused_and_what_is_allowed_can_be_kept() {
    let world = World::shared().await;
    let client = world.relying_party(json!({ "first_party": false })).await;
    let person = world.person().await;
    let mut browser = Browser::new(&world);
    let claims = json!({ "userinfo": { "a\u{0}b": null } }).to_string();
    browser.get(&client.url(&[("claims", &claims)])).await;
    super::refused_with(&world, &browser.arrived(), "invalid_request");
    let claims = json!({ "userinfo": { "https://claims.test/\u{fc}#de": null } }).to_string();
    let arrived = client.ask(&mut browser, &person, &[("claims", &claims)]).await;
    assert!(arrived.contains_key("code"), "{arrived:?}");
}

#[tokio::test]
async fn trusting_a_device_is_offered_where_it_counts() {
    let world = World::shared().await;
    let base_url = "https://strict.localhost";
    let strict = json!({
        "site_key": "strict", "hosts": ["strict.localhost"],
        "upstreams": [world.upstream().await], "base_url": base_url,
        "policy": { "require": "2fa", "trusted_device": { "days": 0 } },
    });
    world.create_site(&strict).await;
    let person = world.enrolled().await;
    for (audiences, is_offered) in [(json!([base_url]), false), (json!([]), true)] {
        let client = world.relying_party(json!({ "audiences": audiences })).await;
        let mut browser = Browser::new(&world);
        browser.get(&client.url(&[])).await;
        browser.sign_in(&person).await;
        browser.expect_at("/mfa");
        assert_eq!(has(&browser, "trust_device"), is_offered, "{audiences}");
    }
}
