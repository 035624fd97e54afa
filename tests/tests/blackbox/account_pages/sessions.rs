//! Sessions and trusted devices, on their pages.

use serde_json::Value;
use tests::{World, browser::Browser, person::on_device};

use super::{at, says, signed_in, told};
use crate::minutes;

const NOBODYS: &str = "0199ffff-0000-7000-8000-000000000000";

/// The values of the buttons of this name.
fn buttons(browser: &Browser, name: &str) -> Vec<String> {
    let controls = browser.forms().into_iter().flat_map(|form| form.controls);
    controls.filter(|(own, _)| own == name).map(|(_, value)| value).collect()
}

#[tokio::test]
async fn a_session_is_ended_from_another_and_no_other_one_with_it() {
    let world = World::shared().await;
    let person = world.person().await;
    let (first, second) = (world.sign_in(&person).await, world.sign_in(&person).await);
    let mut browser = signed_in(&world, &person, "/account/sessions").await;
    says(&browser, "this one");
    let listed = buttons(&browser, "end");
    // Both of them, and "others": the present one is ended by signing out.
    assert_eq!(listed.len(), 3, "{listed:?}");
    let alive = async || {
        let mut alive = Vec::new();
        for session in [&first, &second] {
            alive.push(world.rail().call_as(&session.access, "GET", "/me").await.status == 200);
        }
        alive
    };
    browser.submit(&[("end", &listed[0])]).await;
    at(&browser, "/account/sessions");
    told(&browser, "ended");
    assert_eq!(alive().await.iter().filter(|alive| **alive).count(), 1);
    // Once more, as who clicks twice: it is gone, and that is said.
    browser.submit(&[("end", &listed[0])]).await;
    told(&browser, "not there any more");
    browser.submit(&[("end", "others")]).await;
    told(&browser, "everywhere else");
    assert_eq!(alive().await, [false, false]);
    assert!(buttons(&browser, "end").is_empty());
}

#[tokio::test]
async fn nobody_ends_a_session_or_a_device_of_somebody_else() {
    let world = World::shared().await;
    let (ada, bob) = (world.person().await, world.enrolled().await);
    let device = world.trusted_device(&bob).await;
    let session = world.sign_in_with(&bob, on_device(&bob, &device)).await;
    let list = async |path: &str| -> Vec<Value> {
        let listed = world.rail().call_as(&session.access, "GET", path).await.data(200);
        listed.as_array().unwrap().clone()
    };
    let mut browser = signed_in(&world, &ada, "/account/sessions").await;
    // Something of their own, for there to be a form.
    drop(world.sign_in(&ada).await);
    for (page, path) in [("/account/sessions", "/sessions"), ("/account/devices", "/devices")] {
        let before = list(path).await;
        assert!(!before.is_empty());
        for one in &before {
            for id in [one["id"].as_str().unwrap(), NOBODYS, "nonsense", ""] {
                browser.get("/account/sessions").await;
                let form =
                    browser.forms().into_iter().find(|form| form.action == "/account/sessions");
                let csrf = form.unwrap().fields.into_iter().find(|(name, _)| name == "csrf");
                browser.post(page, &[("csrf", &csrf.unwrap().1), ("end", id)]).await;
                at(&browser, page);
                told(&browser, "not there any more");
            }
        }
        assert_eq!(list(path).await.len(), before.len());
    }
}

#[tokio::test]
async fn a_trusted_device_is_seen_and_trusted_no_more() {
    let mut world = World::start().await;
    let person = world.enrolled().await;
    world.advance(minutes(1));
    let mut trusted = Browser::new(&world);
    trusted.get("/login?to=/account/devices").await;
    let fields = [("username", person.email.as_str()), ("password", &person.password)];
    trusted.submit(&fields).await;
    trusted.submit(&[("code", &person.code(&world)), ("trust_device", "on")]).await;
    at(&trusted, "/account/devices");
    says(&trusted, "this device");
    says(&trusted, "Firefox on Linux");
    // It stands in for the second step, and for no proof of it.
    let mut again = trusted.tab();
    again.set_cookie("sb_session", "");
    again.get("/login?to=/account/devices").await;
    again.submit(&fields).await;
    at(&again, "/account/devices");
    again.get("/account/security").await;
    at(&again, "/mfa");

    world.advance(minutes(1));
    let mut browser = signed_in(&world, &person, "/account/devices").await;
    let devices = buttons(&browser, "end");
    assert_eq!(devices.len(), 2, "{devices:?}");
    browser.submit(&[("end", &devices[0])]).await;
    told(&browser, "second step again");
    says(&browser, "No device is trusted");
    // What rests on it has ended, and what it holds stands in for nothing.
    again.step("/account").await;
    assert!(again.answer().header("location").starts_with("/login"));
    again.get("/login?to=/account/devices").await;
    again.submit(&fields).await;
    at(&again, "/mfa");
}

#[tokio::test]
async fn every_device_is_ended_at_once() {
    let mut world = World::start().await;
    let person = world.enrolled().await;
    drop(world.trusted_device(&person).await);
    world.advance(minutes(1));
    let mut browser = signed_in(&world, &person, "/account/devices").await;
    browser.submit(&[("end", "all")]).await;
    told(&browser, "Every device");
    assert!(buttons(&browser, "end").is_empty());
}

#[tokio::test]
async fn a_device_that_calls_itself_something_is_shown_as_text() {
    let world = World::shared().await;
    let person = world.person().await;
    let request = world
        .rail()
        .request("POST", "/login")
        .header("user-agent", "<script>alert(1)</script>\"><img/src=x")
        .json(&person.credentials());
    drop(tests::rail::send(request).await.data(200));
    let browser = signed_in(&world, &person, "/account/sessions").await;
    let text = &browser.answer().text;
    assert!(!text.contains("<script>alert") && !text.contains("<img/src"), "{text}");
}
