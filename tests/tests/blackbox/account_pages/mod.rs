//! The pages of an account, as a browser without scripts sees them: what each shows and does, and what
//! none does for whom.

mod access;
mod addresses;
mod api_keys;
mod apps;
mod profile;
mod security;
mod sessions;
mod sites;

use tests::{Person, World, browser::Browser};

/// Every page that has an address of its own. One that shows a secret once leads on to another where
/// there is none to show.
const PAGES: [&str; 18] = [
    "/account",
    "/account/profile",
    "/account/profile/edit",
    "/account/password",
    "/account/security",
    "/account/security/add/TOTP",
    "/account/devices",
    "/account/sessions",
    "/account/apps",
    "/account/sites",
    "/account/api-keys",
    "/account/api-keys/new",
    "/account/api-keys/made",
    "/account/activity",
    "/account/email",
    "/account/phone",
    "/account/security/backup-codes",
    "/account/security/backup-codes/file",
];

/// Every address that takes a form, with one that would change something.
const FORMS: [(&str, &[(&str, &str)]); 13] = [
    ("/account/profile/edit", &[("name", "Mallory")]),
    ("/account/password", &[("current", "x"), ("password", "velvet harbour quince")]),
    ("/account/password/strength", &[("password", "velvet harbour quince")]),
    ("/account/security/factors/0199ffff-0000-7000-8000-000000000000", &[("act", "remove")]),
    ("/account/security/backup-codes", &[("act", "renew")]),
    ("/account/devices", &[("end", "all")]),
    ("/account/sessions", &[("end", "others")]),
    ("/account/apps", &[("end", "nobody")]),
    ("/account/api-keys", &[("revoke", "0199ffff-0000-7000-8000-000000000000")]),
    ("/account/api-keys/new", &[("name", "Mallory"), ("site", "demo"), ("scopes", "read")]),
    ("/account/api-keys/made", &[]),
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
    browser.sign_in(person).await;
    if browser.path() == "/mfa" {
        browser.submit(&[("code", &person.code(world))]).await;
    }
    browser.expect_at(path);
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
