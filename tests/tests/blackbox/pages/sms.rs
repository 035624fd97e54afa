//! Codes by SMS, set up and proved in a browser.

use std::time::Duration;

use serde_json::json;
use tests::{
    World, chromium::Window, landing::Landing, person::new_number, process::until,
    relying_party::RelyingParty,
};

use super::look_at;

const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until so many messages have gone to this number, and looks that no more have: the newest code.
async fn texted(world: &World, number: &str, count: usize) -> String {
    until(&format!("{count} messages"), PATIENCE, async || {
        (world.mails(number).await.len() >= count).then_some(())
    })
    .await;
    assert_eq!(world.mails(number).await.len(), count);
    world.mailed_code(number).await
}

/// A client whose tokens open a site that asks for a second factor.
async fn client(world: &World, landing: &Landing) -> RelyingParty {
    let site = json!({
        "site_key": "quay",
        "name": "Quay",
        "base_url": "http://quay.localhost",
        "hosts": ["quay.localhost"],
        "upstreams": ["http://127.0.0.1:9"],
        "policy": { "require": "2fa" },
    });
    drop(world.create_site(&site).await);
    let metadata = json!({
        "redirect_uris": [format!("{}/callback", landing.address)],
        "audiences": ["http://quay.localhost"],
    });
    world.relying_party(metadata).await
}

#[tokio::test]
async fn codes_by_sms_are_set_up_and_asked_for_on_the_way_to_a_site() {
    let world = World::start().await;
    let (landing, person) = (Landing::start().await, world.person().await);
    let (client, number) = (client(&world, &landing).await, new_number());
    let masked = format!("+49•••••{}", &number[number.len() - 2..]);
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&client.authorize_url("openid")).await;
    tab.sign_in(&person).await;
    tab.see("#secret").await;
    tab.click("button[name=method][value=SMS]").await;
    tab.see("#phone").await;
    look_at(&mut tab).await;
    tab.fill("#phone", "+49 151").await;
    tab.press("Enter").await;
    tab.see("#phone[aria-invalid=true]").await;
    assert_eq!(tab.evaluate("document.querySelector('#phone').value").await, "+49 151");
    look_at(&mut tab).await;
    tab.fill("#phone", &number).await;
    tab.press("Enter").await;
    tab.see("#code").await;
    let shown = tab.text("main").await;
    assert!(shown.contains(&masked) && !shown.contains(&number), "{shown}");
    look_at(&mut tab).await;
    // Loading the page again sends nothing more; asking for another code does, to the same number.
    let first = texted(&world, &number, 1).await;
    let page = tab.evaluate("location.href").await;
    tab.open(page.as_str().unwrap()).await;
    tab.see("#code").await;
    assert_eq!(texted(&world, &number, 1).await, first);
    tab.click("button[name=method][value=SMS]").await;
    let code = texted(&world, &number, 2).await;
    tab.see("#code").await;
    if first != code {
        tab.fill("#code", &first).await;
        tab.press("Enter").await;
        tab.see("#code[aria-invalid=true]").await;
        look_at(&mut tab).await;
    }
    tab.fill("#code", &code).await;
    tab.press("Enter").await;
    tab.see("#codes").await;
    assert_eq!(tab.text("h1").await, "Codes by SMS are on");
    look_at(&mut tab).await;
    tab.click("button[type=submit]").await;
    tab.see("#arrived").await;
    assert_eq!(tab.complaints().await, [""; 0]);

    // Elsewhere, at the next sign-in.
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&client.authorize_url("openid")).await;
    tab.sign_in(&person).await;
    tab.see("#code[autocomplete=one-time-code][inputmode=numeric]").await;
    let shown = tab.text("main").await;
    assert!(shown.contains(&masked) && !shown.contains(&number), "{shown}");
    look_at(&mut tab).await;
    drop(texted(&world, &number, 3).await);
    tab.click("button[name=method][value=SMS]").await;
    let code = texted(&world, &number, 4).await;
    tab.see("#code").await;
    tab.fill("#code", &code).await;
    tab.press("Enter").await;
    tab.see("#arrived").await;
    assert!(landing.arrivals().last().unwrap().parameter("code").is_some());
    assert_eq!(tab.complaints().await, [""; 0]);
}
