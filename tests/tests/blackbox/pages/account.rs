//! The pages of an account, in a real browser: by mouse, by keyboard, on a telephone, without scripts.

use serde_json::json;
use tests::{
    Person, World,
    chromium::{Tab, Window},
    person::{code_of, new_number},
};

use super::look_at;
use crate::{account::api_keys::site_with_keys, minutes};

/// Signs somebody in, on the way to this page.
async fn sign_in(world: &World, tab: &mut Tab, person: &Person, path: &str) {
    tab.open(&format!("{}{path}", world.issuer())).await;
    tab.sign_in(person).await;
    if person.secret.is_some() {
        tab.fill("#code", &person.code(world)).await;
        tab.press("Enter").await;
    }
    tab.see("main#content").await;
}

#[tokio::test]
async fn every_page_of_an_account_is_for_everybody() {
    let mut world = World::start().await;
    let person = world.enrolled().await;
    drop(world.trusted_device(&person).await);
    world.advance(minutes(1));
    drop(world.sign_in(&person).await);
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    sign_in(&world, &mut tab, &person, "/account").await;
    look_at(&mut tab).await;
    tab.size(390, 844).await;
    tab.click(".menu summary").await;
    tab.see(".menu[open]").await;
    for scheme in ["light", "dark"] {
        tab.scheme(scheme).await;
        tab.is_accessible().await;
    }
    for path in [
        "profile",
        "profile/edit",
        "email",
        "phone",
        "password",
        "security",
        "devices",
        "sessions",
        "apps",
        "api-keys",
        "api-keys/new",
        "activity",
    ] {
        tab.size(1280, 900).await;
        tab.open(&format!("{}/account/{path}", world.issuer())).await;
        let current = "main#content h1";
        tab.see(current).await;
        look_at(&mut tab).await;
        // And with every question open.
        tab.evaluate(
            "document.querySelectorAll('details.ask').forEach(function (it) { it.open = true; })",
        )
        .await;
        look_at(&mut tab).await;
    }
    tab.open(&format!("{}/account/security", world.issuer())).await;
    tab.click(".rows a[href*='/factors/']").await;
    tab.see("input#name").await;
    look_at(&mut tab).await;
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn what_an_account_shows_once_or_asks_to_be_proved_is_for_everybody() {
    let mut world = World::start().await;
    site_with_keys(&world, "keys", json!({})).await;
    let person = world.person().await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    sign_in(&world, &mut tab, &person, "/account/api-keys/new").await;
    // Without a site, which it asks for.
    tab.fill("#name", "Nightly export").await;
    tab.press("Enter").await;
    tab.see("#sites-problem").await;
    look_at(&mut tab).await;
    tab.size(1280, 900).await;
    tab.click("input[name=site]").await;
    tab.click("#content button[type=submit]").await;
    tab.see("#key").await;
    look_at(&mut tab).await;
    tab.size(1280, 900).await;
    tab.click("#content button[type=submit]").await;
    tab.see("button[name=revoke]").await;
    look_at(&mut tab).await;
    tab.size(1280, 900).await;

    let (new, number) = (format!("new-{}", person.email), new_number());
    for (kind, typed) in [("email", &new), ("phone", &number)] {
        tab.open(&format!("{}/account/{kind}", world.issuer())).await;
        tab.fill(&format!("#{kind}"), typed).await;
        tab.press("Enter").await;
        tab.see("#code").await;
        look_at(&mut tab).await;
        let code = world.mailed_code(typed).await;
        tab.fill("#code", if code == "000000" { "000001" } else { "000000" }).await;
        tab.press("Enter").await;
        tab.see("#code[aria-invalid=true]").await;
        look_at(&mut tab).await;
        tab.size(1280, 900).await;
    }
    world.advance(minutes(6));
    tab.open(&format!("{}/account/profile/edit", world.issuer())).await;
    tab.see("form[action='/account/confirm']").await;
    look_at(&mut tab).await;
    tab.fill("#password", "wrong horse battery").await;
    tab.press("Enter").await;
    tab.see("[role=alert]:not([hidden])").await;
    look_at(&mut tab).await;
    tab.fill("#password", &person.password).await;
    tab.press("Enter").await;
    tab.see("#nickname").await;
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_device_that_is_trusted_is_asked_again_once_another_browser_said_so() {
    let mut world = World::start().await;
    let person = world.enrolled().await;
    world.advance(minutes(1));
    let devices = format!("{}/account/devices", world.issuer());
    let (mut window, mut elsewhere) = (Window::open().await, Window::open().await);
    let mut tab = window.tab().await;
    tab.open(&devices).await;
    tab.sign_in(&person).await;
    tab.see("#code").await;
    tab.click("input[name=trust_device]").await;
    tab.fill("#code", &person.code(&world)).await;
    tab.press("Enter").await;
    tab.see("button[name=end]").await;
    assert!(tab.text("main").await.contains("this device"));
    tab.open(&format!("{}/end_session", world.issuer())).await;
    tab.click("button[value=logout]").await;
    tab.see("main:not(:has(form))").await;
    // The password is enough from then on.
    tab.open(&devices).await;
    tab.sign_in(&person).await;
    tab.see("button[name=end]").await;

    world.advance(minutes(1));
    let mut other = elsewhere.tab().await;
    sign_in(&world, &mut other, &person, "/account/devices").await;
    assert!(!other.text("main").await.contains("this device"));
    other.click("button[name=end]:not(.sure)").await;
    other.see("#notice").await;
    assert!(other.text("main").await.contains("No device is trusted"));

    // What rested on it is over there, and it is asked for the second step.
    tab.reload().await;
    tab.see("#username").await;
    tab.sign_in(&person).await;
    tab.see("#code").await;
    tab.fill("#code", &person.code(&world)).await;
    tab.press("Enter").await;
    tab.see("main#content .empty").await;
    assert_eq!(tab.complaints().await, [""; 0]);
    assert_eq!(other.complaints().await, [""; 0]);
}

#[tokio::test]
async fn the_keyboard_alone_goes_through_an_account() {
    let world = World::shared().await;
    let person = world.person().await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    sign_in(&world, &mut tab, &person, "/account").await;
    // What is met first leads past the navigation.
    tab.press("Tab").await;
    assert_eq!(tab.evaluate("document.activeElement.className").await, "skip");
    tab.tab_to(".side a[href='/account/profile']").await;
    let outline = "getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(tab.evaluate(outline).await, "solid", "the focus is not seen");
    tab.press("Enter").await;
    tab.see("a[href='/account/profile/edit']").await;
    tab.tab_to("a[href='/account/profile/edit']").await;
    tab.press("Enter").await;
    tab.see("#nickname").await;
    tab.tab_to("#nickname").await;
    tab.type_in("Ada").await;
    tab.press("Enter").await;
    tab.see("#notice").await;
    assert!(tab.text("main").await.contains("Ada"));
    tab.tab_to(".side a[href='/account/sessions']").await;
    tab.press("Enter").await;
    tab.see(".rows").await;
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn on_a_telephone_the_menu_opens_without_scripts() {
    let world = World::shared().await;
    let person = world.person().await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.without_scripts().await;
    tab.size(390, 844).await;
    sign_in(&world, &mut tab, &person, "/account").await;
    tab.click(".menu summary").await;
    tab.see(".menu[open]").await;
    tab.click(".menu a[href='/account/devices']").await;
    tab.see(".empty").await;
    assert!(tab.url().await.ends_with("/account/devices"));
    tab.click(".menu summary").await;
    tab.click(".menu a[href='/account/profile']").await;
    tab.click("a[href='/account/profile/edit']").await;
    tab.fill("#nickname", "Ada").await;
    tab.press("Enter").await;
    tab.see("#notice").await;
}

#[tokio::test]
async fn how_hard_a_new_password_is_to_guess_is_shown_while_it_is_typed() {
    let world = World::shared().await;
    let person = world.person().await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    sign_in(&world, &mut tab, &person, "/account/password").await;
    tab.fill("#password", "password123").await;
    tab.see("#strength.s1").await;
    look_at(&mut tab).await;
    tab.size(1280, 900).await;
    tab.fill("#password", "velvet harbour quince 1815").await;
    tab.see("#strength.s4").await;
    assert_eq!(tab.text("#strength-words").await, "Very hard to guess");
    tab.fill("#current", &person.password).await;
    tab.press("Enter").await;
    tab.see("#notice").await;
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn an_authenticator_is_added_named_and_removed_by_its_owner() {
    let mut world = World::start().await;
    let mut person = world.person().await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    sign_in(&world, &mut tab, &person, "/account/security").await;
    tab.click("a[href='/account/security/add/TOTP']").await;
    tab.see("#secret").await;
    let secret = tab.text("#secret").await;
    person.secret = Some(secret.clone());
    tab.fill("#code", &code_of(&secret, world.clock().secs())).await;
    tab.press("Enter").await;
    tab.see("#codes").await;
    look_at(&mut tab).await;
    tab.size(1280, 900).await;
    tab.click("button[name=act][value=kept]").await;
    tab.click(".rows a[href*='/factors/']").await;
    tab.fill("#name", "Telephone").await;
    tab.press("Enter").await;
    tab.see("#notice").await;
    assert_eq!(tab.text("h1").await, "Telephone");
    // An older proof is asked for again, and the way leads back.
    world.advance(minutes(6));
    tab.open(&format!("{}/account/security", world.issuer())).await;
    tab.see("#code").await;
    look_at(&mut tab).await;
    tab.size(1280, 900).await;
    tab.fill("#code", &person.code(&world)).await;
    tab.press("Enter").await;
    tab.click(".rows a[href*='/factors/']").await;
    tab.click("details.ask summary").await;
    tab.click("button[name=act][value=remove]").await;
    tab.see("#notice").await;
    assert!(tab.text("main").await.contains("There is no second step yet"));
    assert_eq!(tab.complaints().await, [""; 0]);
}
