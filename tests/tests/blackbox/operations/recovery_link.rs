//! Who has lost every factor, and the link that an operator makes.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    Answer, Person, Session, World,
    browser::Browser,
    outbox::token_of,
    person::{STEP, code_of, on_device, refresh, verify},
};

use crate::{days, hours, names, set};

const DELAY: Duration = Duration::from_secs(3600);
const NEW: &str = "velvet harbour 41 quince";

async fn issue(world: &World, person: &Person) -> Value {
    world.signalbox(&["admin", "recovery-link", "--email", &person.email]).await.json()
}

fn path(issued: &Value) -> String {
    format!("/recovery?token={}", token_of(issued["link"].as_str().unwrap()).unwrap())
}

/// Opens the link, and shows the password.
async fn with_password(world: &World, issued: &Value, password: &str) -> Browser {
    let mut browser = Browser::new(world);
    browser.get(&path(issued)).await;
    browser.answer().expect(200);
    browser.submit(&[("password", password)]).await;
    browser
}

async fn open(world: &World, issued: &Value) -> Answer {
    world.rail().root("GET", &path(issued)).await
}

#[tokio::test]
async fn a_new_factor_takes_the_place_of_all_that_were_lost() {
    let mut world = World::start().await;
    let (rail, mut person) = (world.rail(), world.enrolled().await);
    world.advance(Duration::from_secs(2 * STEP));
    let (session, device) = (world.sign_in(&person).await, world.trusted_device(&person).await);
    let issued = issue(&world, &person).await;
    assert_eq!(names(&issued), set(["email", "link", "opensAt", "expiresAt"]));
    // The owner hears of it at once.
    let mails = world.mails(&person.email).await;
    assert_eq!(mails[0]["subject"], "A link to recover your account was made");
    assert!(mails[0]["text"].as_str().unwrap().contains("/not-me?token="));

    // Before its time it says when, and does nothing.
    let early = open(&world, &issued).await;
    assert!(early.expect(403).text.contains("UTC"), "{}", early.text);
    world.advance(DELAY - Duration::from_secs(60));
    open(&world, &issued).await.expect(403);
    world.advance(Duration::from_secs(60));

    let mut browser = with_password(&world, &issued, "wrong guess").await;
    browser.answer().expect(422);
    browser.submit(&[("password", &person.password)]).await;
    browser.answer().expect(200);
    assert_eq!(browser.path(), "/mfa/enrol");
    // It signs nobody in, and until there is a new factor the old ones are asked for.
    assert!(browser.cookie("sb_session").is_none(), "{:?}", browser.cookie_names());
    assert_eq!(rail.post("/login", person.credentials()).await.data(200)["mfaRequired"], true);
    let session = Session::of(&refresh(&rail, &session.refresh).await.data(200));
    open(&world, &issued).await.expect(400);

    let secret = browser.element("secret").unwrap();
    let code = code_of(&secret, world.clock().secs());
    browser.submit(&[("code", &code)]).await;
    browser.answer().expect(200);
    assert!(browser.cookie("sb_session").is_some());
    // Its backup codes are saved as those of anybody else.
    let mut file = browser.tab();
    file.get("/account/security/backup-codes/file").await;
    file.expect_at("/account/security/backup-codes/file");
    let shown = browser.answer().text.split("<li><code>").skip(1);
    let shown: Vec<&str> = shown.map(|item| item.split('<').next().unwrap()).collect();
    assert_eq!(shown.len(), 10);
    assert!(shown.iter().all(|code| file.answer().text.contains(code)), "{}", file.answer().text);

    refresh(&rail, &session.refresh).await.refused(401, "INVALID_TOKEN");
    rail.call_as(&session.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    let half = rail.post("/login", on_device(&person, &device)).await.data(200);
    assert_eq!(half["mfaMethods"], json!(["TOTP", "BACKUP_CODE"]), "no device is trusted");
    let half = half["mfaToken"].as_str().unwrap();
    let lost = [person.code(&world), person.backup_codes[0].clone()];
    for code in lost {
        verify(&rail, half, &code).await.refused(401, "INVALID_CODE");
    }
    person.secret = Some(secret);
    world.advance(Duration::from_secs(2 * STEP));
    world.sign_in(&person).await;
    let mails = world.mails(&person.email).await;
    let told = |subject: &str| mails.iter().any(|mail| mail["subject"] == subject);
    assert!(told("Your second factors were removed") && told("A second factor was added"));
}

#[tokio::test]
async fn who_sets_up_nothing_has_lost_nothing() {
    let mut world = World::plan().set("policy.recovery_delay", 0).start().await;
    let person = world.enrolled().await;
    let issued = issue(&world, &person).await;
    let browser = with_password(&world, &issued, &person.password).await;
    assert_eq!(browser.path(), "/mfa/enrol");
    world.advance(hours(1));
    // Half a sign-in is over, the link is spent, and the factors are what they were.
    open(&world, &issued).await.expect(400);
    let mut browser = browser;
    browser.get("/mfa/enrol").await;
    assert!(browser.element("secret").is_none(), "{}", browser.answer().text);
    world.sign_in(&person).await;
}

#[tokio::test]
async fn a_recovery_link_dies_with_a_newer_one_a_change_or_a_denial() {
    let mut world = World::plan().set("policy.recovery_delay", 0).start().await;
    let (rail, mut person) = (world.rail(), world.enrolled().await);
    world.advance(Duration::from_secs(2 * STEP));
    let (older, newer) = (issue(&world, &person).await, issue(&world, &person).await);
    open(&world, &older).await.expect(400);
    open(&world, &newer).await.expect(200);

    let session = world.sign_in(&person).await;
    let body = json!({ "currentPassword": person.password, "newPassword": NEW });
    rail.post_as(&session.access, "/change-password", body).await.expect(200);
    NEW.clone_into(&mut person.password);
    open(&world, &newer).await.expect(400);

    let issued = issue(&world, &person).await;
    open(&world, &issued).await.expect(200);
    rail.post_as(&session.access, "/mfa/backup-codes", json!({})).await.expect(200);
    open(&world, &issued).await.expect(400);

    let issued = issue(&world, &person).await;
    let token = world.denial(&person.email, "A link to recover").await;
    rail.form("/not-me", &[("token", &token)]).await.expect(200);
    open(&world, &issued).await.expect(400);
    let refused = world.signalbox(&["admin", "recovery-link", "--email", &person.email]).await;
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("blocked"), "{}", refused.err);
}

#[tokio::test]
async fn a_recovery_link_is_good_for_a_day_once_it_opens() {
    let mut world = World::start().await;
    let person = world.enrolled().await;
    let issued = issue(&world, &person).await;
    world.advance(DELAY + days(1) - Duration::from_secs(60));
    open(&world, &issued).await.expect(200);
    world.advance(Duration::from_secs(60));
    open(&world, &issued).await.expect(400);
}

#[tokio::test]
async fn guesses_behind_a_recovery_link_count_with_all_others() {
    let world = World::plan().set("policy.recovery_delay", 0).start().await;
    let person = world.enrolled().await;
    let issued = issue(&world, &person).await;
    let mut browser = Browser::new(&world);
    browser.get(&path(&issued)).await;
    for _ in 0..10 {
        browser.submit(&[("password", "wrong guess")]).await;
        browser.answer().expect(422);
    }
    browser.submit(&[("password", &person.password)]).await;
    browser.answer().expect(429);
    let answer = world.rail().post("/login", person.credentials()).await;
    answer.refused(429, "RATE_LIMITED");
}

#[tokio::test]
async fn a_form_from_elsewhere_or_of_another_kind_recovers_nothing() {
    let world = World::plan().set("policy.recovery_delay", 0).start().await;
    let (rail, person, other) = (world.rail(), world.enrolled().await, world.person().await);
    let issued = issue(&world, &person).await;
    let token = token_of(issued["link"].as_str().unwrap()).unwrap();
    let fields = [("token", token.as_str()), ("password", &person.password)];
    rail.form("/recovery", &fields).await.expect(403);
    drop(rail.post("/forgot-password", json!({ "email": other.email })).await.data(202));
    let reset = world.mailed_token(&other.email).await;
    for bad in ["", "nonsense", &reset] {
        rail.root("GET", &format!("/recovery?token={bad}")).await.expect(400);
    }
    let body = json!({ "token": token, "password": NEW });
    rail.post("/reset-password", body).await.refused(401, "INVALID_TOKEN");
    open(&world, &issued).await.expect(200);
}

#[tokio::test]
async fn a_recovery_link_is_made_for_who_has_something_to_recover() {
    let world = World::shared().await;
    let person = world.person().await;
    let pending = Person::new();
    drop(world.rail().post("/register", pending.registration()).await.data(201));
    for email in [&person.email, &pending.email, "nobody@example.com", "nonsense"] {
        let refused = world.signalbox(&["admin", "recovery-link", "--email", email]).await;
        assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{email}: {refused:?}");
        assert!(refused.err.contains("--email"), "{}", refused.err);
    }
}
