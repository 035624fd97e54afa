//! Password, factors and backup codes, on their pages.

use serde_json::{Value, json};
use tests::{
    Person, Session, World,
    authenticator::Authenticator,
    browser::Browser,
    person::{code_of, verify},
};

use super::{says, signed_in, told};
use crate::minutes;

/// Where a person's first factor is managed, from the page that lists them.
async fn factor_page(browser: &mut Browser) -> String {
    browser.get("/account/security").await;
    let text = &browser.answer().text;
    let mark = "/account/security/factors/";
    let start = text.find(mark).unwrap_or_else(|| panic!("{text}"));
    text[start..start + mark.len() + 36].to_owned()
}

async fn login(world: &World, person: &Person) -> Value {
    world.rail().post("/login", person.credentials()).await.data(200)
}

/// Somebody with an authenticator, whose next codes are unused, in a browser.
async fn enrolled(world: &mut World) -> (Person, Browser) {
    let person = world.enrolled().await;
    world.advance(minutes(1));
    let browser = signed_in(world, &person, "/account").await;
    (person, browser)
}

#[tokio::test]
async fn a_passkey_says_whether_it_can_be_on_other_devices() {
    let world = World::shared().await;
    let (mut person, mut bound) = world.enrolled_with_passkey().await;
    let session = Session::of(&world.sign_in_by_passkey(&mut bound).await.data(200));
    let mut browser = Browser::new(&world);
    browser.get("/login?to=/account/security").await;
    browser.submit(&[("username", &person.email), ("password", &person.password)]).await;
    browser.expect_at("/mfa");
    let options: Value = serde_json::from_str(&browser.attribute("data-options").unwrap()).unwrap();
    let credential = bound.get(&options).to_string();
    browser.submit(&[("credential", &credential)]).await;
    browser.get("/account/security").await;
    says(&browser, "Kept on this one device alone");
    let mut synced = Authenticator::new(&world);
    synced.is_synced = true;
    world.enrol_passkey(&mut person, &session, &mut synced).await;
    browser.get("/account/security").await;
    says(&browser, "Can be on your other devices too");
}

#[tokio::test]
async fn an_authenticator_is_added_and_its_backup_codes_are_shown_once() {
    let world = World::shared().await;
    let mut person = world.person().await;
    let mut browser = signed_in(&world, &person, "/account").await;
    says(&browser, "Add a second step");
    browser.get("/account/security/add/TOTP").await;
    browser.expect_at("/mfa/enrol");
    let secret = browser.element("secret").unwrap();
    person.secret = Some(secret.clone());
    let code = code_of(&secret, world.clock().secs());
    browser.submit(&[("code", &code), ("name", "Private phone")]).await;
    browser.expect_at("/account/security/backup-codes");
    told(&browser, "counts from now on");
    let codes = codes(&browser);
    assert_eq!(codes.len(), 10);
    let mut file = browser.tab();
    let answer = file.get("/account/security/backup-codes/file").await.answer.clone();
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert!(answer.header("content-disposition").starts_with("attachment"));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(codes.iter().all(|code| answer.text.contains(code)), "{}", answer.text);
    browser.submit(&[("act", "kept")]).await;
    browser.expect_at("/account/security");
    says(&browser, "Private phone");
    for path in ["/account/security/backup-codes", "/account/security/backup-codes/file"] {
        browser.get(path).await;
        browser.expect_at("/account/security");
        assert!(codes.iter().all(|code| !browser.answer().text.contains(code)));
    }
    says(&browser, "Authenticator app");
    let half = login(&world, &person).await["mfaToken"].as_str().unwrap().to_owned();
    drop(verify(&world.rail(), &half, &codes[0]).await.data(200));
}

fn codes(browser: &Browser) -> Vec<String> {
    let text = &browser.answer().text;
    let codes = text.split("<li><code>").skip(1);
    codes.map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_cookie_that_was_copied_shows_no_backup_codes_later() {
    let file = "/account/security/backup-codes/file";
    let mut world = World::start().await;
    let (_, mut browser) = enrolled(&mut world).await;
    browser.get("/account/security").await;
    browser.submit(&[("act", "renew")]).await;
    let (new, copy) = (codes(&browser), browser.cookie("sb_codes").unwrap().value.clone());
    browser.submit(&[("act", "kept")]).await;
    browser.set_cookie("sb_codes", &copy);
    assert!(browser.get(file).await.answer.text.contains(&new[0]), "the copy is none");
    world.advance(minutes(5));
    browser.set_cookie("sb_codes", &copy);
    browser.get(file).await;
    assert!(new.iter().all(|code| !browser.answer().text.contains(code)));
}

#[tokio::test]
async fn new_backup_codes_are_shown_to_their_owner_alone() {
    let mut world = World::start().await;
    let (person, mut browser) = enrolled(&mut world).await;
    browser.get("/account/security").await;
    browser.submit(&[("act", "renew")]).await;
    browser.expect_at("/account/security/backup-codes");
    let new = codes(&browser);
    assert_eq!(new.len(), 10);
    // Somebody else in the same browser reads nothing of it, nor does another browser.
    let other = world.person().await;
    let mut tab = browser.tab();
    super::sign_in(&world, &mut tab, &other, "/account").await;
    tab.get("/account/security/backup-codes/file").await;
    tab.expect_at("/account/security");
    let mut elsewhere = signed_in(&world, &other, "/account").await;
    let carried = browser.cookie("sb_codes").unwrap().value.clone();
    elsewhere.set_cookie("sb_codes", &carried);
    elsewhere.get("/account/security/backup-codes").await;
    elsewhere.expect_at("/account/security");
    let half = world.half_sign_in(&person).await;
    let rail = world.rail();
    verify(&rail, &half, &person.backup_codes[0]).await.refused(401, "INVALID_CODE");
    drop(verify(&rail, &half, &new[0]).await.data(200));
}

#[tokio::test]
async fn who_has_no_factor_gets_no_backup_codes_on_the_page() {
    let world = World::shared().await;
    let person = world.person().await;
    let mut browser = signed_in(&world, &person, "/account/profile/edit").await;
    let csrf = browser.forms()[0].fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
    let fields = [("csrf", csrf.as_str()), ("act", "renew")];
    browser.post("/account/security/backup-codes", &fields).await;
    browser.expect_at("/account/security");
    assert!(browser.cookie("sb_codes").is_none());
}

#[tokio::test]
async fn a_factor_is_renamed_and_its_name_is_text() {
    let mut world = World::start().await;
    let (_, mut browser) = enrolled(&mut world).await;
    let page = factor_page(&mut browser).await;
    browser.get(&page).await;
    let name = "<script>alert(1)</script>\"'";
    browser.submit(&[("name", name), ("act", "rename")]).await;
    browser.expect_at(&page);
    told(&browser, "new name");
    for path in [page.as_str(), "/account/security"] {
        browser.get(path).await;
        says(&browser, "&#60;script&#62;alert(1)");
        assert!(!browser.answer().text.contains("<script>alert"));
    }
    for bad in ["", "   ", &"x".repeat(65), "a\u{1b}b"] {
        browser.get(&page).await;
        browser.submit(&[("name", bad), ("act", "rename")]).await;
        assert_eq!(browser.answer().status, 422, "{bad:?}");
    }
}

#[tokio::test]
async fn sign_in_begins_with_the_factor_that_its_owner_prefers() {
    let mut world = World::start().await;
    let mut person = world.enrolled().await;
    let session = world.sign_in(&person).await;
    world.enrol_by_mail(&mut person, &session).await;
    assert_eq!(login(&world, &person).await["defaultMfaMethod"], "TOTP");
    world.advance(minutes(2));
    let session = world.sign_in(&person).await;
    let rail = world.rail();
    let listed = rail.call_as(&session.access, "GET", "/mfa/methods").await.data(200);
    let ids: Vec<&str> =
        listed.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    let patch = async |id: &str, body: Value| {
        let request = rail.request("PATCH", &format!("/mfa/methods/{id}")).json(&body);
        tests::rail::send(request.bearer_auth(&session.access)).await
    };
    let changed = patch(ids[1], json!({ "name": "Post", "default": true })).await.data(200);
    assert_eq!((&changed["name"], &changed["default"]), (&json!("Post"), &json!(true)));
    let half = login(&world, &person).await;
    assert_eq!(half["defaultMfaMethod"], "EMAIL_OTP");
    assert_eq!(half["mfaMethods"], json!(["EMAIL_OTP", "TOTP", "BACKUP_CODE"]));
    // One at a time, and nothing that stands in for one.
    assert_eq!(patch(ids[1], json!({ "default": false })).await.wrong_fields(), ["default"]);
    assert_eq!(patch(ids[2], json!({ "default": true })).await.wrong_fields(), ["default"]);
    assert_eq!(patch(ids[2], json!({ "name": "x" })).await.wrong_fields(), ["name"]);
    assert_eq!(patch(ids[0], json!({ "name": " " })).await.wrong_fields(), ["name"]);
    patch("0199ffff-0000-7000-8000-000000000000", json!({ "default": true }))
        .await
        .refused(404, "NOT_FOUND");

    // The page does the same.
    world.advance(minutes(2));
    let mut browser = signed_in_by_choice(&world, &person).await;
    let page = format!("/account/security/factors/{}", ids[0]);
    browser.get(&page).await;
    browser.submit(&[("act", "prefer")]).await;
    told(&browser, "begins with this");
    assert_eq!(login(&world, &person).await["defaultMfaMethod"], "TOTP");
}

/// With the authenticator, whatever is asked for first.
async fn signed_in_by_choice(world: &World, person: &Person) -> Browser {
    let mut browser = Browser::new(world);
    browser.get("/login?to=/account").await;
    browser.sign_in(person).await;
    browser.submit(&[("method", "TOTP")]).await;
    browser.submit(&[("code", &person.code(world))]).await;
    browser.expect_at("/account");
    browser
}

#[tokio::test]
async fn a_factor_is_removed_with_everything_that_rests_on_it_and_the_owner_is_told() {
    let mut world = World::start().await;
    let (person, mut browser) = enrolled(&mut world).await;
    let session = world.sign_in(&person).await;
    let page = factor_page(&mut browser).await;
    browser.get(&page).await;
    says(&browser, "your only method");
    browser.submit(&[("act", "remove")]).await;
    browser.expect_at("/account/security");
    told(&browser, "removed");
    world.rail().call_as(&session.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    assert_eq!(login(&world, &person).await["mfaRequired"], false);
    let mails = world.mails(&person.email).await;
    assert!(mails[0]["subject"].as_str().unwrap().contains("removed"), "{mails:?}");
    browser.get(&page).await;
    browser.expect_at("/account/security");
    told(&browser, "not there any more");
}

#[tokio::test]
async fn nobody_manages_a_factor_of_somebody_else() {
    let mut world = World::start().await;
    let (person, mut browser) = enrolled(&mut world).await;
    let theirs = factor_page(&mut browser).await;
    let own = world.enrolled().await;
    world.advance(minutes(1));
    let mut other = signed_in(&world, &own, "/account").await;
    let page = factor_page(&mut other).await;
    other.get(&theirs).await;
    other.expect_at("/account/security");
    for act in ["rename", "prefer", "remove"] {
        other.get(&page).await;
        let form = other.forms().into_iter().find(|form| form.action == page).unwrap();
        let csrf = form.fields.into_iter().find(|(name, _)| name == "csrf").unwrap().1;
        other.post(&theirs, &[("csrf", &csrf), ("act", act), ("name", "Mine")]).await;
        told(&other, "not there any more");
    }
    browser.get(&theirs).await;
    browser.expect_at(&theirs);
    assert!(!browser.answer().text.contains("Mine"));
    assert_eq!(login(&world, &person).await["mfaRequired"], true);
}

#[tokio::test]
async fn a_password_is_changed_by_whoever_knows_the_present_one() {
    let world = World::shared().await;
    let mut person = world.person().await;
    let session = world.sign_in(&person).await;
    let mut browser = signed_in(&world, &person, "/account/password").await;
    let new = "velvet harbour quince 1815";
    browser.submit(&[("current", "wrong horse"), ("password", new)]).await;
    assert_eq!(browser.answer().status, 422);
    says(&browser, "not right");
    for weak in ["password123", &person.email, "short", &person.password] {
        browser.submit(&[("current", &person.password), ("password", weak)]).await;
        assert_eq!(browser.answer().status, 422, "{weak}");
        // No page holds a password.
        let fields = browser.forms().into_iter().flat_map(|form| form.fields);
        assert!(fields.filter(|(name, _)| name == "password").all(|(_, value)| value.is_empty()));
    }
    browser.submit(&[("current", &person.password), ("password", new)]).await;
    browser.expect_at("/account/security");
    told(&browser, "password is changed");
    world.rail().call_as(&session.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    let old = world.rail().post("/login", person.credentials()).await;
    old.refused(401, "INVALID_CREDENTIALS");
    person.password = new.to_owned();
    drop(world.sign_in(&person).await);
}

#[tokio::test]
async fn guesses_at_the_present_password_count_with_all_others() {
    let world = World::shared().await;
    let person = world.person().await;
    let mut browser = signed_in(&world, &person, "/account/password").await;
    let mut statuses = Vec::new();
    for _ in 0..12 {
        let fields = [("current", "wrong horse"), ("password", "velvet harbour quince 1815")];
        browser.submit(&fields).await;
        statuses.push(browser.answer().status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 10, "{statuses:?}");
    assert_eq!(statuses.last(), Some(&429));
}

#[tokio::test]
async fn how_hard_a_password_is_to_guess_is_told_by_the_measure_that_judges_it() {
    let world = World::shared().await;
    let person = world.person().await;
    let mut browser = signed_in(&world, &person, "/account/password").await;
    let form = browser.forms().into_iter().find(|form| form.action == "/account/password").unwrap();
    let csrf = form.fields.into_iter().find(|(name, _)| name == "csrf").unwrap().1;
    for (password, scores) in [("password123", 0..2), ("velvet harbour quince 1815", 3..5)] {
        let fields = [("csrf", csrf.as_str()), ("password", password)];
        browser.post("/account/password/strength", &fields).await;
        let score = browser.answer().expect(200).json()["score"].as_u64().unwrap();
        assert!(scores.contains(&score), "{password}: {score}");
    }
}
