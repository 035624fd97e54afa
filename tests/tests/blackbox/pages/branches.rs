//! Pages that only some ways lead over: accounts to choose from, an authenticator to set up, devices.

use serde_json::{Value, json};
use tests::{World, chromium::Window, landing::Landing, person::code_of};

use super::look_at;

#[tokio::test]
async fn the_account_to_go_on_with_is_chosen_among_those_signed_in() {
    let world = World::shared().await;
    let (landing, ada, bob) = (Landing::start().await, world.person().await, world.person().await);
    let redirect = format!("{}/callback", landing.address);
    let client = world.relying_party(json!({ "redirect_uris": [redirect] })).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&client.authorize_url("openid")).await;
    tab.sign_in(&ada).await;
    tab.see("#arrived").await;
    tab.open(&client.url(&[("prompt", "select_account")])).await;
    tab.click("button[name=account][value=other]").await;
    tab.sign_in(&bob).await;
    tab.see("#arrived").await;
    tab.open(&client.url(&[("prompt", "select_account")])).await;
    tab.see("button[name=account]").await;
    let shown = tab.text("main").await;
    assert!(shown.contains(&ada.email) && shown.contains(&bob.email), "{shown}");
    look_at(&mut tab).await;
    tab.click("button[name=account]:nth-of-type(2)").await;
    tab.see("#arrived").await;
    let codes: Vec<String> =
        landing.arrivals().iter().map(|arrival| arrival.parameter("code").unwrap()).collect();
    let mut subjects = Vec::new();
    for code in &codes {
        let answer = client.redeem(code).await.expect(200).json();
        let told = client.userinfo(answer["access_token"].as_str().unwrap()).await;
        subjects.push(told.expect(200).json()["sub"].clone());
    }
    assert_eq!(subjects.len(), 3);
    assert!(subjects[0] == subjects[2] && subjects[0] != subjects[1], "{subjects:?}");
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn an_authenticator_is_set_up_on_the_way_to_a_site_that_asks_for_one() {
    let world = World::shared().await;
    let (landing, person) = (Landing::start().await, world.person().await);
    let site = json!({
        "site_key": "harbour",
        "name": "Harbour Office",
        "base_url": "http://harbour.localhost",
        "hosts": ["harbour.localhost"],
        "upstreams": ["http://127.0.0.1:9"],
        "branding": { "color": "#ffd400", "support": "office@harbour.example" },
        "policy": { "require": "2fa" },
    });
    drop(world.create_site(&site).await);
    let client = world
        .relying_party(json!({
            "redirect_uris": [format!("{}/callback", landing.address)],
            "audiences": ["http://harbour.localhost"],
        }))
        .await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&client.authorize_url("openid")).await;
    tab.see("#username").await;
    let shown = tab.text("body").await;
    assert!(
        shown.contains("Harbour Office") && shown.contains("office@harbour.example"),
        "{shown}"
    );
    let accent = "getComputedStyle(document.documentElement).getPropertyValue('--accent').trim()";
    let accent = tab.evaluate(accent).await;
    assert!(accent != "#0b57a4" && accent != "#ffd400", "{accent}");
    look_at(&mut tab).await;
    tab.sign_in(&person).await;
    tab.see("#secret").await;
    look_at(&mut tab).await;
    let secret = tab.text("#secret").await;
    tab.fill("#code", &code_of(&secret, world.clock().secs())).await;
    tab.press("Enter").await;
    tab.see("#codes").await;
    assert_eq!(tab.evaluate("document.querySelectorAll('#codes li').length").await, 10);
    look_at(&mut tab).await;
    tab.click("button[type=submit]").await;
    tab.see("#arrived").await;
    assert!(landing.arrivals()[0].parameter("code").is_some());
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_device_is_let_in_after_its_code_was_compared() {
    let world = World::shared().await;
    let person = world.person().await;
    let client = world
        .relying_party(json!({
            "client_name": "Living-room TV",
            "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"],
            "redirect_uris": null,
            "post_logout_redirect_uris": null,
            "response_types": [],
            "first_party": false,
        }))
        .await;
    let begun = client.post("/device_authorization", &[("scope", "openid profile")]).await;
    let begun: Value = begun.expect(200).json();
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(begun["verification_uri"].as_str().unwrap()).await;
    tab.see("#user_code").await;
    look_at(&mut tab).await;
    tab.fill("#user_code", "bbbb-bbbb").await;
    tab.press("Enter").await;
    // Nobody hears whether a code is one before they have signed in.
    tab.sign_in(&person).await;
    tab.see("#user_code[aria-invalid=true]").await;
    look_at(&mut tab).await;
    // However a person types it.
    let typed = begun["user_code"].as_str().unwrap().to_lowercase().replace('-', " ");
    tab.fill("#user_code", &typed).await;
    tab.press("Enter").await;
    tab.see("#user-code").await;
    assert_eq!(tab.text("#user-code").await, begun["user_code"].as_str().unwrap());
    assert!(tab.text("main").await.contains("Living-room TV"));
    look_at(&mut tab).await;
    tab.click("button[value=allow]").await;
    tab.see("#device-allowed").await;
    look_at(&mut tab).await;
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn nothing_of_anybody_else_is_loaded_and_nothing_inline_runs() {
    let world = World::shared().await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&format!("{}/login", world.issuer())).await;
    tab.see("#username").await;
    assert_eq!(tab.complaints().await, [""; 0]);
    for injected in [
        "<img src='https://evil.example/x.png'>",
        "<img src='/nothing' onerror='document.title = \"run\"'>",
        "<p style='color: red'>x</p>",
    ] {
        let inject = format!("document.body.insertAdjacentHTML('beforeend', {})", json!(injected));
        tab.evaluate(&inject).await;
        let mut complaints = Vec::new();
        while complaints.is_empty() {
            complaints = tab.complaints().await;
        }
        assert!(complaints[0].contains("Content Security Policy"), "{complaints:?}");
    }
    assert_ne!(tab.evaluate("document.title").await, "run");
}
