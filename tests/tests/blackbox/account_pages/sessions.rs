//! Sessions and trusted devices, on their pages.

use serde_json::{Value, json};
use tests::{
    Person, Session, World,
    browser::Browser,
    forge::claims,
    person::on_device,
    relying_party::{RelyingParty, Tokens},
};

use super::{says, signed_in, told};
use crate::{
    account::{
        api_keys::{site_with_keys, wanted},
        call, post,
    },
    minutes,
};

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
    browser.expect_at("/account/sessions");
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
                browser.expect_at(page);
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
    trusted.sign_in(&person).await;
    trusted.submit(&[("code", &person.code(&world)), ("trust_device", "on")]).await;
    trusted.expect_at("/account/devices");
    says(&trusted, "this device");
    says(&trusted, "Firefox on Linux");
    // It stands in for the second step, and for no proof of it.
    let mut again = trusted.tab();
    again.set_cookie("sb_session", "");
    again.get("/login?to=/account/devices").await;
    again.sign_in(&person).await;
    again.expect_at("/account/devices");
    again.get("/account/security").await;
    again.expect_at("/mfa");

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
    again.sign_in(&person).await;
    again.expect_at("/mfa");
}

/// What somebody has that can be ended, opened elsewhere.
struct Open {
    session: Session,
    on_device: Session,
    app: RelyingParty,
    tokens: Tokens,
    key: String,
}

impl Open {
    async fn of(world: &World, person: &Person, session: &Session) -> Self {
        let device = world.trusted_device(person).await;
        let app = world.confidential(json!({ "first_party": false })).await;
        let mut browser = Browser::new(world);
        browser.set_cookie("sb_device", &device);
        let tokens = app.sign_in(&mut browser, person, "openid offline_access").await;
        let made = post(&world.rail(), &session.access, "/api-keys", &wanted("keys")).await;
        Self {
            session: world.sign_in_with(person, on_device(person, &device)).await,
            on_device: world.sign_in_with(person, on_device(person, &device)).await,
            app,
            tokens,
            key: made.data(201)["id"].as_str().unwrap().to_owned(),
        }
    }

    fn sid(&self) -> String {
        claims(&self.session.access)["sid"].as_str().unwrap().to_owned()
    }

    async fn is_over(&self, world: &World, by: &Session) {
        self.session.expect_over(world).await;
        self.on_device.expect_over(world).await;
        self.app.userinfo(&self.tokens.access).await.expect(401);
        let rail = world.rail();
        for path in ["/api-keys", "/apps"] {
            assert_eq!(call(&rail, &by.access, "GET", path).await.data(200), json!([]), "{path}");
        }
        let devices = rail.call_as(&by.access, "GET", "/devices").await.data(200);
        assert_eq!(devices, json!([]));
    }
}

#[tokio::test]
async fn what_is_ended_takes_power_away_and_asks_for_no_fresh_proof() {
    let mut world = World::start().await;
    site_with_keys(&world, "keys", json!({})).await;
    let person = world.enrolled().await;
    for on_pages in [true, false] {
        world.advance(minutes(2));
        let by = world.sign_in(&person).await;
        let open = Open::of(&world, &person, &by).await;
        world.advance(minutes(2));
        let mut browser = signed_in(&world, &person, "/account/sessions").await;
        world.advance(minutes(6));
        let rail = world.rail();
        rail.call_as(&by.access, "GET", "/mfa/methods").await.refused(403, "STEP_UP_REQUIRED");
        if on_pages {
            let (sid, app, key) = (open.sid(), open.app.id.as_str(), open.key.as_str());
            for (page, name, value) in [
                ("/account/sessions", "end", sid.as_str()),
                ("/account/apps", "end", app),
                ("/account/api-keys", "revoke", key),
                ("/account/devices", "end", "all"),
            ] {
                browser.get(page).await;
                browser.submit(&[(name, value)]).await;
                browser.expect_at(page);
                assert!(browser.element("notice").is_some(), "{page}");
            }
        } else {
            let end = async |path: &str| {
                drop(rail.call_as(&by.access, "DELETE", path).await.data(200));
            };
            end(&format!("/sessions/{}", open.sid())).await;
            end("/devices").await;
            for path in [format!("/apps/{}", open.app.id), format!("/api-keys/{}", open.key)] {
                drop(call(&rail, &by.access, "DELETE", &path).await.data(200));
            }
        }
        open.is_over(&world, &by).await;
    }
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
