//! Who reaches the pages of an account, and what a form must show to change anything.

use serde_json::json;
use tests::{
    Answer, World,
    browser::{Browser, encoded},
    rail::send,
};

use super::{FORMS, PAGES, says, sign_in, signed_in, told};
use crate::{account::api_keys::site_with_keys, minutes};

/// Everything that the browser holds, as it sends it.
fn cookies(browser: &Browser) -> String {
    let names = browser.cookie_names();
    let pair = |name: &&str| format!("{name}={}", browser.cookie(name).unwrap().value);
    names.iter().map(pair).collect::<Vec<_>>().join("; ")
}

/// Sends a form as no page of ours does: with these header fields.
async fn post(
    world: &World,
    browser: &Browser,
    path: &str,
    fields: &[(&str, &str)],
    headers: &[(&str, &str)],
) -> Answer {
    let fields: Vec<(String, String)> =
        fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let mut request = world
        .rail()
        .request_root("POST", path)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", cookies(browser));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request.body(encoded(&fields))).await
}

fn csrf(browser: &Browser) -> String {
    let fields = browser.forms().into_iter().flat_map(|form| form.fields);
    fields.filter(|(name, _)| name == "csrf").map(|(_, value)| value).next().unwrap()
}

#[tokio::test]
async fn whoever_is_not_signed_in_is_sent_to_sign_in_and_comes_back() {
    let world = World::shared().await;
    let person = world.person().await;
    for path in PAGES {
        let mut browser = Browser::new(&world);
        browser.step(path).await;
        assert_eq!(browser.answer().status, 303, "{path}");
        let to = format!("/login?to={}", path.replace('/', "%2F"));
        assert_eq!(browser.answer().header("location"), to);
    }
    let mut browser = Browser::new(&world);
    browser.get("/account/sessions").await;
    browser.expect_at("/login");
    browser.sign_in(&person).await;
    browser.expect_at("/account/sessions");
    says(&browser, &person.name);
}

#[tokio::test]
async fn half_a_sign_in_opens_no_page_of_an_account() {
    let world = World::shared().await;
    let person = world.enrolled().await;
    let mut browser = Browser::new(&world);
    browser.get("/login?to=/account").await;
    browser.sign_in(&person).await;
    browser.expect_at("/mfa");
    let csrf = csrf(&browser);
    for path in PAGES {
        let mut tab = browser.tab();
        tab.step(path).await;
        assert!(tab.answer().header("location").starts_with("/login?"), "{path}");
    }
    for (path, fields) in FORMS {
        let fields = [fields, &[("csrf", csrf.as_str())]].concat();
        let answer = post(&world, &browser, path, &fields, &[]).await;
        assert!(answer.header("location").starts_with("/login?"), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn neither_an_access_token_nor_what_a_client_holds_opens_a_page_of_an_account() {
    let world = World::shared().await;
    let session = world.sign_in(&world.person().await).await;
    for path in PAGES {
        let request = world.rail().request_root("GET", path).bearer_auth(&session.access);
        let answer = send(request).await;
        assert!(answer.header("location").starts_with("/login?"), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_form_from_elsewhere_or_of_another_browser_changes_nothing() {
    let mut world = World::start().await;
    let person = world.enrolled().await;
    world.advance(minutes(1));
    let browser = signed_in(&world, &person, "/account/sessions").await;
    let other = signed_in(&world, &world.person().await, "/account/profile").await;
    let mut other = other;
    other.get("/account/profile/edit").await;
    let (own, others) = (csrf(&browser), csrf(&other));
    for (path, fields) in FORMS {
        let with = |csrf: &str| {
            let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned()));
            fields.chain([("csrf", csrf.to_owned())]).collect::<Vec<_>>()
        };
        let send = async |fields: &[(&str, String)], headers: &[(&str, &str)]| {
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            post(&world, &browser, path, &fields, headers).await
        };
        for headers in [
            [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
            [("origin", "null"), ("sec-fetch-site", "cross-site")],
            [("origin", "null"), ("sec-fetch-site", "same-site")],
        ] {
            send(&with(&own), &headers).await.expect(403);
        }
        // Without what every form of ours carries, and with what another browser was given.
        let bare: Vec<(&str, String)> =
            with(&own).into_iter().filter(|it| it.0 != "csrf").collect();
        send(&bare, &[]).await.expect(403);
        send(&with(""), &[]).await.expect(403);
        for forged in [others.as_str(), "nonsense"] {
            let answer = send(&with(forged), &[]).await;
            assert_eq!((answer.status, answer.header("location")), (303, path), "{answer:?}");
        }
    }
    let session = world.sign_in(&person).await;
    let me = world.rail().call_as(&session.access, "GET", "/me").await.data(200);
    assert_eq!(me["name"], person.name.as_str());
    let mut browser = browser;
    browser.get("/account/security").await;
    browser.expect_at("/account/security");
}

#[tokio::test]
async fn a_form_that_was_shown_to_somebody_else_in_the_same_browser_changes_nothing() {
    let world = World::shared().await;
    let (ada, bob) = (world.person().await, world.person().await);
    let mut tab = signed_in(&world, &ada, "/account/profile/edit").await;
    let mut other = tab.tab();
    sign_in(&world, &mut other, &bob, "/account").await;
    tab.share_cookies_of(&other);
    tab.submit(&[("name", "Somebody Else")]).await;
    tab.expect_at("/account/profile/edit");
    says(&tab, &bob.name);
    for person in [&ada, &bob] {
        let session = world.sign_in(person).await;
        let me = world.rail().call_as(&session.access, "GET", "/me").await.data(200);
        assert_eq!(me["name"], person.name.as_str());
    }
}

#[tokio::test]
async fn a_change_asks_for_the_password_again_where_that_is_all_there_is() {
    let mut world = World::start().await;
    let person = world.person().await;
    let mut browser = signed_in(&world, &person, "/account/profile/edit").await;
    world.advance(minutes(6));
    browser
        .submit(&[("name", "Ada King"), ("nickname", "Ada"), ("street_address", "12 St James")])
        .await;
    browser.expect_at("/account/confirm");
    browser.submit(&[("password", "wrong horse battery")]).await;
    assert_eq!((browser.answer().status, browser.path()), (422, "/account/confirm"));
    let before = browser.cookie("sb_session").unwrap().clone();
    browser.submit(&[("password", &person.password)]).await;
    assert_ne!(browser.cookie("sb_session"), Some(&before), "who held the old one has not risen");
    // Nothing is done yet, and nothing is lost.
    browser.expect_at("/account/profile/edit");
    says(&browser, "value=\"Ada King\"");
    says(&browser, "12 St James");
    browser.submit(&[("name", "Ada King"), ("nickname", "Ada")]).await;
    browser.expect_at("/account/profile");
    told(&browser, "saved");
    // It is the same session: nothing that rests on it has ended.
    let session = world.sign_in(&person).await;
    let listed = world.rail().call_as(&session.access, "GET", "/sessions").await.data(200);
    let pages = listed.as_array().unwrap().iter().filter(|one| one["client"] == "pages");
    assert_eq!(pages.count(), 1);
}

#[tokio::test]
async fn a_change_asks_for_the_second_factor_again_where_there_is_one() {
    let mut world = World::start().await;
    let person = world.enrolled().await;
    world.advance(minutes(1));
    let mut browser = signed_in(&world, &person, "/account/profile/edit").await;
    world.advance(minutes(6));
    for path in
        ["/account/security", "/account/password", "/account/profile/edit", "/account/api-keys/new"]
    {
        let mut tab = browser.tab();
        tab.get(path).await;
        tab.expect_at("/mfa");
    }
    browser.submit(&[("nickname", "Ada")]).await;
    browser.expect_at("/mfa");
    // The password does not stand for it.
    let mut tab = browser.tab();
    tab.get("/account/confirm?to=/account/profile/edit").await;
    tab.expect_at("/mfa");
    browser.submit(&[("code", &person.wrong_code(&world))]).await;
    assert_eq!((browser.answer().status, browser.path()), (422, "/mfa"));
    browser.submit(&[("code", &person.code(&world))]).await;
    browser.expect_at("/account/profile/edit");
    let mut tab = browser.tab();
    tab.get("/account/profile").await;
    assert!(!tab.answer().text.contains(">Ada<"), "nothing is done yet");
    browser.submit(&[("nickname", "Ada")]).await;
    browser.expect_at("/account/profile");
    told(&browser, "saved");
}

#[tokio::test]
async fn who_goes_no_further_is_where_they_were() {
    let mut world = World::start().await;
    let person = world.enrolled().await;
    world.advance(minutes(1));
    let mut browser = signed_in(&world, &person, "/account").await;
    world.advance(minutes(6));
    browser.get("/account/security").await;
    browser.expect_at("/mfa");
    browser.submit(&[("cancel", "on")]).await;
    browser.expect_at("/account");
}

#[tokio::test]
async fn a_proof_leads_back_to_pages_of_this_server_and_nowhere_else() {
    let mut world = World::start().await;
    let person = world.person().await;
    let mut browser = signed_in(&world, &person, "/account").await;
    world.advance(minutes(6));
    for to in ["//evil.example", "https://evil.example/account", "/account/../x", "/login"] {
        browser.get(&format!("/account/confirm?to={to}")).await;
        browser.submit(&[("password", &person.password)]).await;
        assert_eq!(browser.left(), None);
        browser.expect_at("/account");
        world.advance(minutes(6));
    }
}

#[tokio::test]
async fn what_was_done_is_said_once_and_only_this_server_says_it() {
    let world = World::shared().await;
    let person = world.person().await;
    let mut browser = signed_in(&world, &person, "/account/profile/edit").await;
    browser.submit(&[("nickname", "Ada")]).await;
    told(&browser, "saved");
    browser.get("/account/profile").await;
    assert_eq!(browser.element("notice"), None);
    for forged in ["profile-saved.x", "password-changed", "<b>x</b>.y", "."] {
        browser.set_cookie("sb_notice", forged);
        browser.get("/account").await;
        assert_eq!(browser.element("notice"), None, "{forged}");
    }
}

#[tokio::test]
async fn no_page_of_an_account_is_kept_framed_or_told_to_anybody() {
    let mut world = World::start().await;
    site_with_keys(&world, "keys", json!({})).await;
    let person = world.enrolled().await;
    world.advance(minutes(1));
    let mut browser = signed_in(&world, &person, "/account/api-keys/new").await;
    // So that there are secrets to show once.
    browser.submit(&[("name", "Build"), ("site", "keys")]).await;
    browser.expect_at("/account/api-keys/made");
    browser.get("/account/security").await;
    browser.submit(&[("act", "renew")]).await;
    browser.expect_at("/account/security/backup-codes");
    for path in PAGES {
        browser.get(path).await;
        browser.expect_at(if path == "/account/security/add/TOTP" { "/mfa/enrol" } else { path });
        let answer = browser.answer();
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        if answer.header("content-disposition").starts_with("attachment") {
            continue;
        }
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        let runs = answer.text.contains("<script");
        assert_eq!(policy.contains("script-src"), runs, "{path}: {policy}");
        assert!(!policy.contains("unsafe") && policy.contains("form-action 'self'"), "{policy}");
    }
}
