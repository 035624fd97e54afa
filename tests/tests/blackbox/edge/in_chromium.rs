//! Sites as a real browser sees them.

use serde_json::json;
use tests::{
    Person, World,
    chromium::{Tab, Window},
    landing::{Arrival, Landing},
};

use super::sites::{open, site};
use crate::minutes;

/// A site in front of `app`; its address.
async fn at(world: &World, app: &Landing, key: &str) -> String {
    let mut draft = site(world, key).await;
    draft["upstreams"] = json!([app.address]);
    draft["policy"] = json!({
        "require": "2fa",
        "rules": [{ "prefix": "/pay", "max_auth_age": 300 }],
    });
    open(world, &draft).await;
    draft["base_url"].as_str().unwrap().to_owned()
}

async fn prove(tab: &mut Tab, world: &World, person: &Person) {
    tab.see("#code").await;
    tab.fill("#code", &person.code(world)).await;
    tab.press("Enter").await;
}

async fn arrived(tab: &mut Tab, address: &str) {
    tab.see("#arrived").await;
    assert_eq!(tab.url().await, address);
}

fn posts(app: &Landing) -> Vec<Arrival> {
    app.arrivals().into_iter().filter(|arrival| arrival.method == "POST").collect()
}

#[tokio::test]
async fn two_sites_on_two_domains_with_one_sign_on() {
    let mut world = World::start().await;
    let app = Landing::start().await;
    let (wiki, shop) = (at(&world, &app, "wiki").await, at(&world, &app, "shop").await);
    let person = world.enrolled().await;
    let mut window = Window::open().await;
    let (mut one, mut two) = (window.tab().await, window.tab().await);

    one.open(&format!("{wiki}/page?a=b")).await;
    one.see("#username").await;
    one.fill("#username", &person.email).await;
    one.fill("#password", &person.password).await;
    one.press("Enter").await;
    prove(&mut one, &world, &person).await;
    arrived(&mut one, &format!("{wiki}/page?a=b")).await;
    two.open(&format!("{shop}/")).await;
    arrived(&mut two, &format!("{shop}/")).await;
    assert_eq!(two.evaluate("document.cookie").await, "");

    // Both tabs have slept for longer than their tokens live, and call at once.
    two.open(&format!("{wiki}/other")).await;
    arrived(&mut two, &format!("{wiki}/other")).await;
    world.advance(minutes(90));
    world.caught_up().await;
    let calls =
        "Promise.all([1, 2, 3].map(n => fetch('/call/' + n, {method: 'PUT'}).then(r => r.status)))
        .then(all => all.join())";
    let (first, second) = tokio::join!(one.evaluate(calls), two.evaluate(calls));
    assert_eq!((first, second), (json!("200,200,200"), json!("200,200,200")));

    // What was posted waits for the proof, and is sent once.
    let before = posts(&app).len();
    let submit = "(function () { var form = document.createElement('form'); form.method = 'post';
        form.action = '/pay?to=ada'; form.innerHTML = '<input name=amount value=12>';
        document.body.appendChild(form); form.submit(); })()";
    one.evaluate(submit).await;
    one.see("#code").await;
    assert_eq!(posts(&app).len(), before);
    prove(&mut one, &world, &person).await;
    arrived(&mut one, &format!("{wiki}/pay?to=ada")).await;
    let sent = posts(&app);
    assert_eq!(sent.len(), before + 1);
    let last = sent.last().unwrap();
    assert_eq!((last.path.as_str(), last.body.as_str()), ("/pay?to=ada", "amount=12"));
    one.reload().await;
    arrived(&mut one, &format!("{wiki}/pay?to=ada")).await;
    assert_eq!(posts(&app).len(), before + 1);

    // Signed out everywhere, from a page of one of them.
    one.open(&format!("{wiki}/.signalbox/sign-out")).await;
    one.click("button[name=everywhere]").await;
    one.holds("location.pathname === '/.signalbox/signed-out'").await;
    two.holds("fetch('/call').then(r => r.status === 401)").await;
    two.open(&format!("{shop}/")).await;
    two.see("#username").await;
}
