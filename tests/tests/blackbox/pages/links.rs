//! Pages behind mailed links.

use tests::{Person, World, chromium::Window};

use super::look_at;

async fn mailed_link(world: &World, person: &Person, page: &str) -> String {
    let token = world.mailed_token(&person.email).await;
    format!("{}/{page}?token={token}", world.issuer())
}

#[tokio::test]
async fn an_address_is_verified_with_one_click() {
    let world = World::shared().await;
    let person = Person::new();
    drop(world.rail().post("/register", person.registration()).await.data(201));
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&mailed_link(&world, &person, "verify-email").await).await;
    tab.see("button[type=submit]").await;
    look_at(&mut tab).await;
    tab.click("button[type=submit]").await;
    tab.see("main:not(:has(form))").await;
    assert_eq!(tab.text("h1").await, "Your address is verified");
    world.sign_in(&person).await;
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_weak_password_is_explained_in_german_and_a_strong_one_taken() {
    let world = World::shared().await;
    let mut person = world.person().await;
    drop(world.rail().post("/forgot-password", serde_json::json!({ "email": person.email })).await);
    let link = mailed_link(&world, &person, "reset-password").await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.languages("de-AT,de;q=0.9,en;q=0.1").await;
    tab.open(&link).await;
    tab.see("#password").await;
    assert_eq!(tab.attribute("html", "lang").await, "de");
    tab.fill("#password", "password1").await;
    tab.press("Enter").await;
    tab.see("[role=alert]:not([hidden])").await;
    let said = tab.text("#password-hint").await;
    assert!(said.starts_with("Dieses Passwort wird als eines der ersten ausprobiert"), "{said}");
    look_at(&mut tab).await;
    tab.fill("#password", "Lantern-Quarry-Vessel-19").await;
    tab.click(".aid").await;
    assert_eq!(tab.attribute("#password", "type").await, "text");
    tab.press("Enter").await;
    tab.see("main:not(:has(form))").await;
    "Lantern-Quarry-Vessel-19".clone_into(&mut person.password);
    world.sign_in(&person).await;
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_link_for_a_new_password_is_asked_for_with_the_keyboard_alone() {
    let world = World::shared().await;
    let person = world.person().await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&format!("{}/login", world.issuer())).await;
    tab.see("#username").await;
    tab.tab_to(".after a").await;
    tab.press("Enter").await;
    tab.see("#email").await;
    look_at(&mut tab).await;
    // What a browser takes for an address and is none.
    tab.fill("#email", ".ada@example.com").await;
    tab.press("Enter").await;
    tab.see("#email-problem").await;
    look_at(&mut tab).await;
    tab.fill("#email", &person.email).await;
    tab.press("Enter").await;
    tab.see("#sent").await;
    look_at(&mut tab).await;
    tab.click("a.button").await;
    tab.see("#username").await;
    assert_eq!(tab.complaints().await, [""; 0]);
    world.mailed_token(&person.email).await;
}

#[tokio::test]
async fn the_first_administrator_is_made_without_scripts() {
    let world = World::start().await;
    let setup = world.signalbox(&["admin", "setup-link"]).await.json();
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.without_scripts().await;
    tab.open(setup["url"].as_str().unwrap()).await;
    tab.see("code.key").await;
    assert!(!tab.has(".aid").await);
    let secret = tab.text("code.key").await;
    tab.fill("#email", "root@example.com").await;
    tab.fill("#name", "Root").await;
    tab.fill("#password", "Lantern-Quarry-Vessel-19").await;
    tab.fill("#code", "000000").await;
    tab.click("button[type=submit]").await;
    tab.see("#code-problem").await;
    let code = world.signalbox(&["totp", &secret]).await;
    tab.fill("#password", "Lantern-Quarry-Vessel-19").await;
    tab.fill("#code", code.out.trim()).await;
    tab.click("button[type=submit]").await;
    tab.see("#codes").await;
    assert_eq!(tab.evaluate("document.querySelectorAll('#codes li').length").await, 10);
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn who_did_not_do_it_says_so_with_one_click() {
    let world = World::shared().await;
    let mut person = world.person().await;
    let session = world.sign_in(&person).await;
    world.enrol(&mut person, &session).await;
    let token = world.denial(&person.email, "second factor was added").await;
    let link = format!("{}/not-me?token={token}", world.issuer());
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&link).await;
    tab.see("button[type=submit]").await;
    assert_eq!(tab.text("h1").await, "Was this not you?");
    assert!(tab.text("main").await.contains(&person.email));
    look_at(&mut tab).await;
    tab.click("button[type=submit]").await;
    tab.see("main:not(:has(form))").await;
    assert_eq!(tab.text("h1").await, "Your account is closed");
    look_at(&mut tab).await;
    // Once more, in another language.
    tab.languages("de").await;
    tab.open(&link).await;
    tab.see("main:not(:has(form))").await;
    assert_eq!(tab.text("h1").await, "Sie haben es uns schon gesagt");
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_lost_factor_is_replaced_by_the_keyboard_alone() {
    let world = World::plan().set("policy.recovery_delay", 0).start().await;
    let person = world.enrolled().await;
    let args = ["admin", "recovery-link", "--email", &person.email];
    let issued = world.signalbox(&args).await.json();
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(issued["link"].as_str().unwrap()).await;
    tab.see("#password").await;
    assert_eq!(tab.text("h1").await, "Recover your account");
    look_at(&mut tab).await;
    tab.fill("#password", "wrong guess").await;
    tab.press("Enter").await;
    tab.see("[role=alert]:not([hidden])").await;
    look_at(&mut tab).await;
    tab.fill("#password", &person.password).await;
    tab.press("Enter").await;
    tab.see("code.key").await;
    let secret = tab.text("#secret").await;
    let code = world.signalbox(&["totp", &secret]).await;
    tab.fill("#code", code.out.trim()).await;
    tab.press("Enter").await;
    tab.see("#codes").await;
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_recovery_link_that_waits_says_until_when() {
    let world = World::shared().await;
    let person = world.enrolled().await;
    let args = ["admin", "recovery-link", "--email", &person.email];
    let issued = world.signalbox(&args).await.json();
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(issued["link"].as_str().unwrap()).await;
    tab.see("main:not(:has(form))").await;
    assert_eq!(tab.text("h1").await, "Not yet");
    assert!(tab.text("main").await.contains("UTC"));
    look_at(&mut tab).await;
    assert_eq!(tab.complaints().await, [""; 0]);
}
