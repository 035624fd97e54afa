//! The pages of an account, as a browser without scripts sees them: what each shows and does, and what
//! none does for whom.

mod access;
mod addresses;
mod apps;
mod profile;
mod security;
mod sessions;

use tests::{Person, World, browser::Browser};

/// Every page that shows something without having been told what.
const PAGES: [&str; 12] = [
    "/account",
    "/account/profile",
    "/account/profile/edit",
    "/account/password",
    "/account/security",
    "/account/security/add/TOTP",
    "/account/devices",
    "/account/sessions",
    "/account/apps",
    "/account/activity",
    "/account/email",
    "/account/phone",
];

/// Every address that takes a form, with one that would change something.
const FORMS: [(&str, &[(&str, &str)]); 10] = [
    ("/account/profile/edit", &[("name", "Mallory")]),
    ("/account/password", &[("current", "x"), ("password", "velvet harbour quince")]),
    ("/account/password/strength", &[("password", "velvet harbour quince")]),
    ("/account/security/factors/0199ffff-0000-7000-8000-000000000000", &[("act", "remove")]),
    ("/account/security/backup-codes", &[("act", "renew")]),
    ("/account/devices", &[("end", "all")]),
    ("/account/sessions", &[("end", "others")]),
    ("/account/apps", &[("end", "nobody")]),
    ("/account/email", &[("act", "begin"), ("email", "mallory@example.com")]),
    ("/account/phone", &[("act", "remove")]),
];

/// A browser in which somebody is signed in, at this page. One with an authenticator uses a code.
async fn signed_in(world: &World, person: &Person, path: &str) -> Browser {
    let mut browser = Browser::new(world);
    sign_in(world, &mut browser, person, path).await;
    browser
}

async fn sign_in(world: &World, browser: &mut Browser, person: &Person, path: &str) {
    browser.get(&format!("/login?to={path}&switch=1")).await;
    let fields = [("username", person.email.as_str()), ("password", &person.password)];
    browser.submit(&fields).await;
    if browser.path() == "/mfa" {
        browser.submit(&[("code", &person.code(world))]).await;
    }
    at(browser, path);
}

/// Asks for a page to be shown.
#[track_caller]
fn at(browser: &Browser, path: &str) {
    let answer = browser.answer();
    assert_eq!((answer.status, browser.path()), (200, path), "{}", answer.text);
}

/// Asks for a notice on the page that is shown.
#[track_caller]
fn told(browser: &Browser, words: &str) {
    let notice = browser.element("notice").unwrap_or_else(|| panic!("{}", browser.answer().text));
    assert!(notice.contains(words), "{notice}");
}

/// Asks for words on the page that is shown, as they are seen.
#[track_caller]
fn says(browser: &Browser, words: &str) {
    assert!(browser.answer().text.contains(words), "{words}: {}", browser.answer().text);
}
