//! Security rule 11: what is wrong before client and redirect URI are known good is shown, and
//! nobody is sent anywhere.

use serde_json::json;
use tests::{World, browser::Browser, relying_party::REDIRECT};

use super::shown;

#[tokio::test]
async fn an_unknown_client_is_shown_an_error() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    for id in ["nobody", "", "rp-1' or 1=1 --", &"x".repeat(4000)] {
        let mut browser = Browser::new(&world);
        browser.get(&client.url(&[("client_id", id)])).await;
        assert_eq!(browser.answer().status, 400, "{}", browser.answer().text);
        assert_eq!(browser.left(), None, "{id}");
        let code = browser.element("error-code").unwrap();
        assert!(["invalid_request", "invalid_client", "unauthorized_client"].contains(&&*code));
    }
}

#[tokio::test]
async fn a_missing_redirect_uri_is_an_error_that_is_shown() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[("redirect_uri", "")])).await;
    shown(&browser, "invalid_request");
}

#[tokio::test]
async fn a_redirect_uri_is_compared_byte_for_byte() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let long = format!("{REDIRECT}?{}", "a".repeat(3000));
    for other in [
        "https://app.test/callback/",
        "https://app.test/callback?more=1",
        "https://app.test/callback#fragment",
        "https://app.test/Callback",
        "https://APP.test/callback",
        "https://app.test:443/callback",
        "https://app.test/x/../callback",
        "https://app.test/callback%2e",
        "https://app.test@evil.test/callback",
        "https://app.test.evil.test/callback",
        "http://app.test/callback",
        "//app.test/callback",
        "javascript:alert(1)",
        " https://app.test/callback",
        "https://app.test/callback\r\nlocation: https://evil.test",
        "nonsense",
        &long,
    ] {
        let mut browser = Browser::new(&world);
        browser.get(&client.url(&[("redirect_uri", other)])).await;
        shown(&browser, "invalid_request");
    }
}

#[tokio::test]
async fn a_redirect_uri_that_comes_twice_is_an_error_that_is_shown() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    for second in [REDIRECT, "https://evil.test/"] {
        let mut browser = Browser::new(&world);
        browser.get(&format!("{}&redirect_uri={second}", client.url(&[]))).await;
        shown(&browser, "invalid_request");
    }
    let mut browser = Browser::new(&world);
    browser.get(&format!("{}&client_id={}", client.url(&[]), client.id)).await;
    shown(&browser, "invalid_request");
}

#[tokio::test]
async fn one_clients_redirect_uri_is_not_anothers() {
    let world = World::shared().await;
    let one = world.relying_party(json!({})).await;
    let other = json!({ "redirect_uris": ["https://other.test/callback"] });
    let other = world.relying_party(other).await;
    let mut browser = Browser::new(&world);
    browser.get(&one.url(&[("client_id", &other.id)])).await;
    shown(&browser, "invalid_request");
}

#[tokio::test]
async fn an_app_on_somebodys_machine_may_listen_on_any_port_of_loopback() {
    let world = World::shared().await;
    let native = json!({
        "application_type": "native",
        "redirect_uris": ["http://127.0.0.1/back", "http://[::1]/back", "app.test:/back"],
    });
    let client = world.relying_party(native).await;
    for good in ["http://127.0.0.1/back", "http://127.0.0.1:51004/back", "http://[::1]:9/back"] {
        let mut browser = Browser::new(&world);
        browser.get(&client.url(&[("redirect_uri", good), ("prompt", "none")])).await;
        assert!(browser.left().unwrap().url.starts_with(good), "{good}");
    }
    for bad in [
        "http://127.0.0.1:51004/other",
        "http://127.0.0.2:51004/back",
        "http://localhost:51004/back",
        "https://127.0.0.1:51004/back",
        "http://127.0.0.1:51004@evil.test/back",
        "http://127.0.0.1:99999/back",
        "app.test://evil.test/back",
    ] {
        let mut browser = Browser::new(&world);
        browser.get(&client.url(&[("redirect_uri", bad)])).await;
        shown(&browser, "invalid_request");
    }
}

#[tokio::test]
async fn what_is_shown_of_a_request_is_inert() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let attack = "\"><script>alert(1)</script>";
    for name in ["client_id", "redirect_uri", "state", "scope", "login_hint"] {
        let mut browser = Browser::new(&world);
        browser.get(&client.url(&[(name, attack)])).await;
        assert!(!browser.answer().text.contains("<script>alert"), "{name}");
        let is_page = browser.left().is_none();
        let policy = browser.answer().header("content-security-policy");
        assert_eq!(!policy.is_empty(), is_page, "{name}: {policy}");
    }
}
