//! People on their way from a client to its redirect URI and back.

use serde_json::json;
use tests::{
    World,
    chromium::{Tab, Window},
    landing::Landing,
    relying_party::{RelyingParty, STATE},
};

use super::look_at;
use crate::{hours, minutes};

/// A client of somebody else, which must ask for consent; its answers go to `landing`.
async fn client(world: &World, landing: &Landing) -> RelyingParty {
    let metadata = json!({
        "redirect_uris": [format!("{}/callback", landing.address)],
        "client_name": "Harbour Planner",
        "client_uri": "https://planner.example/",
        "policy_uri": "https://planner.example/privacy",
        "first_party": false,
    });
    world.relying_party(metadata).await
}

/// Waits for the arrival at the client, of which there is to be this one alone: its code.
async fn code(tab: &mut Tab, landing: &Landing) -> String {
    tab.see("#arrived").await;
    let arrivals = landing.arrivals();
    assert_eq!(arrivals.len(), 1, "{arrivals:?}");
    assert_eq!(arrivals[0].parameter("state").as_deref(), Some(STATE));
    arrivals[0].parameter("code").unwrap()
}

#[tokio::test]
async fn a_person_signs_in_with_two_factors_allows_and_arrives_at_the_client() {
    let world = World::shared().await;
    let (landing, person) = (Landing::start().await, world.enrolled().await);
    let client = client(&world, &landing).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&client.authorize_url("openid profile email offline_access")).await;
    tab.see("#username").await;
    assert_eq!(tab.text("h1").await, "Sign in");
    look_at(&mut tab).await;
    tab.fill("#username", &person.email).await;
    tab.fill("#password", "wrong").await;
    tab.press("Enter").await;
    tab.see("[role=alert]:not([hidden])").await;
    assert_eq!(tab.evaluate("document.querySelector('#username').value").await, person.email);
    look_at(&mut tab).await;
    tab.fill("#password", &person.password).await;
    tab.click("button[type=submit]").await;
    tab.see("#code").await;
    look_at(&mut tab).await;
    tab.fill("#code", &person.wrong_code(&world)).await;
    tab.press("Enter").await;
    tab.see("#code[aria-invalid=true]").await;
    look_at(&mut tab).await;
    tab.fill("#code", &person.code(&world)).await;
    tab.click("button[type=submit]").await;
    tab.see("button[name=decision][value=allow]").await;
    let said = tab.text("main").await;
    for words in ["Harbour Planner", &person.email, "see your mail address", "while you are away"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    look_at(&mut tab).await;
    tab.click("button[value=allow]").await;
    let code = code(&mut tab, &landing).await;
    client.redeem(&code).await.expect(200);
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_person_who_denies_sends_no_code() {
    let world = World::shared().await;
    let (landing, person) = (Landing::start().await, world.person().await);
    let client = client(&world, &landing).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&client.authorize_url("openid")).await;
    tab.sign_in(&person).await;
    tab.click("button[name=decision][value=deny]").await;
    tab.see("#arrived").await;
    let arrived = landing.arrivals();
    assert_eq!(arrived[0].parameter("error").as_deref(), Some("access_denied"));
    assert_eq!(arrived[0].parameter("code"), None);
}

#[tokio::test]
async fn the_keyboard_alone_is_enough() {
    let world = World::shared().await;
    let (landing, person) = (Landing::start().await, world.person().await);
    let client = client(&world, &landing).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&client.authorize_url("openid email")).await;
    tab.see("#username").await;
    tab.tab_to("#username").await;
    tab.type_in(&person.email).await;
    tab.tab_to("#password").await;
    tab.type_in(&person.password).await;
    tab.press("Enter").await;
    tab.see("button[value=allow]").await;
    tab.tab_to("button[value=deny]").await;
    tab.tab_to("button[value=allow]").await;
    let outline = "getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(tab.evaluate(outline).await, "solid", "the focus is not seen");
    tab.press("Enter").await;
    code(&mut tab, &landing).await;
}

#[tokio::test]
async fn nothing_needs_scripts() {
    let world = World::shared().await;
    let (landing, person) = (Landing::start().await, world.enrolled().await);
    let client = client(&world, &landing).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.without_scripts().await;
    tab.open(&client.url(&[("scope", "openid"), ("response_mode", "form_post")])).await;
    tab.sign_in(&person).await;
    tab.fill("#code", &person.code(&world)).await;
    tab.press("Enter").await;
    tab.click("button[value=allow]").await;
    tab.click("#form-post button").await;
    let code = code(&mut tab, &landing).await;
    assert_eq!(landing.arrivals()[0].method, "POST");
    client.redeem(&code).await.expect(200);
}

#[tokio::test]
async fn an_answer_that_is_posted_posts_itself() {
    let world = World::shared().await;
    let (landing, person) = (Landing::start().await, world.person().await);
    let client = client(&world, &landing).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&client.url(&[("scope", "openid"), ("response_mode", "form_post")])).await;
    tab.sign_in(&person).await;
    tab.click("button[value=allow]").await;
    code(&mut tab, &landing).await;
    assert_eq!(landing.arrivals()[0].method, "POST");
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn the_back_button_breaks_nothing() {
    let world = World::shared().await;
    let (landing, person) = (Landing::start().await, world.person().await);
    let client = client(&world, &landing).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&client.authorize_url("openid")).await;
    tab.sign_in(&person).await;
    tab.see("button[value=allow]").await;
    // Signed in by now: the sign-in page is not asked for again, and leads on.
    tab.back().await;
    tab.see("button[value=allow], #username").await;
    if tab.has("#username").await {
        tab.sign_in(&person).await;
    }
    tab.click("button[value=allow]").await;
    code(&mut tab, &landing).await;
    // From the client back into the flow, which is done: it says so, or leads to the client again.
    tab.back().await;
    tab.see("#flow-over, #arrived, button[value=allow]").await;
    if tab.has("button[value=allow]").await {
        tab.click("button[value=allow]").await;
        tab.see("#flow-over, #arrived").await;
    }
    for arrival in landing.arrivals() {
        assert!(arrival.parameter("code").is_some(), "{arrival:?}");
    }
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn two_flows_in_two_tabs_do_not_disturb_each_other() {
    let mut world = World::start().await;
    let (first, second) = (Landing::start().await, Landing::start().await);
    let person = world.enrolled().await;
    // A code of its own for either tab.
    world.advance(minutes(2));
    let clients = (client(&world, &first).await, client(&world, &second).await);
    let mut window = Window::open().await;
    let (mut one, mut two) = (window.tab().await, window.tab().await);
    one.open(&clients.0.authorize_url("openid")).await;
    two.open(&clients.1.authorize_url("openid")).await;
    one.sign_in(&person).await;
    one.see("#code").await;
    two.sign_in(&person).await;
    two.see("#code").await;
    one.fill("#code", &person.code(&world)).await;
    one.press("Enter").await;
    one.see("button[value=allow]").await;
    two.fill("#code", &person.code(&world)).await;
    two.press("Enter").await;
    two.click("button[value=allow]").await;
    one.click("button[value=allow]").await;
    let codes = (code(&mut one, &first).await, code(&mut two, &second).await);
    clients.0.redeem(&codes.0).await.expect(200);
    clients.1.redeem(&codes.1).await.expect(200);
}

#[tokio::test]
async fn a_flow_that_took_too_long_explains_itself_and_offers_the_way_on() {
    let mut world = World::start().await;
    let (landing, person) = (Landing::start().await, world.person().await);
    let client = client(&world, &landing).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&client.authorize_url("openid")).await;
    tab.see("#username").await;
    world.advance(hours(2));
    tab.sign_in(&person).await;
    tab.see("#flow-over").await;
    assert!(tab.text("main").await.contains("Harbour Planner"));
    assert_eq!(tab.attribute("main a.button", "href").await, "https://planner.example/");
    look_at(&mut tab).await;
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn the_pages_speak_german_to_those_who_do() {
    let world = World::shared().await;
    let (landing, person) = (Landing::start().await, world.person().await);
    let client = client(&world, &landing).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.languages("de-CH,de;q=0.9").await;
    tab.open(&client.authorize_url("openid email offline_access")).await;
    tab.see("#username").await;
    assert_eq!(tab.attribute("html", "lang").await, "de");
    assert_eq!(tab.text("h1").await, "Anmelden");
    tab.sign_in(&person).await;
    tab.see("button[value=allow]").await;
    let said = tab.text("main").await;
    assert!(said.contains("Ihre E-Mail-Adresse sehen") && said.contains("Ablehnen"), "{said}");
    look_at(&mut tab).await;
}

#[tokio::test]
async fn an_unknown_client_is_explained_where_it_happened() {
    let world = World::shared().await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&format!("{}/authorize?client_id=nobody&response_type=code", world.issuer())).await;
    tab.see("#error-code").await;
    assert!(tab.url().await.contains("/authorize?"));
    look_at(&mut tab).await;
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn signing_out_asks_and_says_so() {
    let world = World::shared().await;
    let (landing, person) = (Landing::start().await, world.person().await);
    let client = client(&world, &landing).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&client.authorize_url("openid")).await;
    tab.sign_in(&person).await;
    tab.click("button[value=allow]").await;
    code(&mut tab, &landing).await;
    tab.open(&format!("{}/end_session", world.issuer())).await;
    tab.see("button[name=decision][value=logout]").await;
    look_at(&mut tab).await;
    tab.click("button[value=logout]").await;
    tab.see("#signed-out").await;
    look_at(&mut tab).await;
    tab.open(&client.authorize_url("openid")).await;
    tab.see("#username").await;
    assert_eq!(tab.complaints().await, [""; 0]);
}
