//! "This wasn't me": the link of a letter ends everything of an account, and closes it until its
//! owner chooses a new password by mail.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{
    Answer, Person, Session, World,
    authenticator::Authenticator,
    browser::Browser,
    outbox::token_of,
    person::{STEP, new_number, on_device, verify},
    rail::send,
    relying_party::{Tokens, through},
};

use crate::{
    account::{
        api_keys::{site_with_keys, wanted},
        call, post,
    },
    days, ends_at_the_edge,
};

const NEW: &str = "velvet harbour 31 quince";

async fn deny(world: &World, token: &str) -> Answer {
    world.rail().form("/not-me", &[("token", token)]).await
}

async fn ask(world: &World, token: &str) -> Answer {
    world.rail().root("GET", &format!("/not-me?token={token}")).await
}

/// Chooses a new password by the link that was mailed last.
async fn recover(world: &World, person: &mut Person) {
    let token = world.mailed_token(&person.email).await;
    let body = json!({ "token": token, "password": NEW });
    drop(world.rail().post("/reset-password", body).await.data(200));
    NEW.clone_into(&mut person.password);
}

/// Changes the password, and gives the token by which the owner says that it was not them.
async fn denial(world: &World, person: &mut Person) -> String {
    let session = world.sign_in(person).await;
    let new = Person::new().password;
    let body = json!({ "currentPassword": person.password, "newPassword": new });
    world.rail().post_as(&session.access, "/change-password", body).await.expect(200);
    person.password = new;
    world.denial(&person.email, "password was changed").await
}

/// Asks for the answer of a wrong password, byte for byte.
async fn is_closed(world: &World, person: &Person) {
    let rail = world.rail();
    let right = rail.post("/login", person.credentials()).await;
    let wrong = json!({ "email": person.email, "password": "wrong guess" });
    let wrong = rail.post("/login", wrong).await;
    wrong.refused(401, "INVALID_CREDENTIALS");
    assert_eq!(right.without_meta(), wrong.without_meta());
}

#[tokio::test]
async fn who_says_it_was_not_them_ends_everything_and_closes_the_account() {
    let mut world = World::start().await;
    let (rail, mut person) = (world.rail(), world.enrolled().await);
    let client = world.relying_party(json!({})).await;
    world.advance(days(7));
    let token = denial(&world, &mut person).await;
    world.advance(Duration::from_secs(2 * STEP));
    let (session, device) = (world.sign_in(&person).await, world.trusted_device(&person).await);
    world.advance(Duration::from_secs(2 * STEP));
    let mut browser = Browser::new(&world);
    browser.get(&client.authorize_url("openid offline_access")).await;
    browser.sign_in(&person).await;
    browser.submit(&[("code", &person.code(&world))]).await;
    let arrived = through(&mut browser, &person).await;
    let granted = Tokens::of(&client.redeem(&arrived["code"]).await);
    let half = world.half_sign_in(&person).await;
    let edge = world.edge();
    edge.demo(&session.access).await.expect(200);

    // Mail scanners follow links.
    for _ in 0..3 {
        let shown = ask(&world, &token).await;
        assert!(shown.expect(200).text.contains(&person.email), "{}", shown.text);
    }
    drop(rail.call_as(&session.access, "GET", "/me").await.data(200));
    // Nor does a page elsewhere press its button.
    let form = rail.request_root("POST", "/not-me").header("origin", "https://evil.example");
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    send(form.body(format!("token={token}"))).await.expect(403);
    drop(rail.call_as(&session.access, "GET", "/me").await.data(200));

    deny(&world, &token).await.expect(200);
    session.expect_over(&world).await;
    ends_at_the_edge(&edge, &session.access).await;
    let refused = client.refresh(&granted.refresh).await;
    assert_eq!(refused.expect(400).json()["error"], "invalid_grant");
    client.userinfo(&granted.access).await.expect(401);
    verify(&rail, &half, &person.backup_codes[0]).await.refused(401, "INVALID_TOKEN");
    is_closed(&world, &person).await;
    let answer = rail.post("/login", on_device(&person, &device)).await;
    answer.refused(401, "INVALID_CREDENTIALS");
    browser.get(&client.authorize_url("openid")).await;
    assert_eq!(browser.path(), "/login", "the browser is signed in no more");
    browser.sign_in(&person).await;
    browser.answer().expect(422);

    // Once, and the page says so.
    for answer in [deny(&world, &token).await, ask(&world, &token).await] {
        assert!(answer.expect(409).text.contains("used before"), "{}", answer.text);
    }

    // A link is on its way at once. It opens the account, and skips no second factor; the trust in
    // every device is gone.
    recover(&world, &mut person).await;
    world.advance(Duration::from_secs(2 * STEP));
    let answer = rail.post("/login", on_device(&person, &device)).await.data(200);
    assert_eq!(answer["mfaRequired"], true);
    let session = world.sign_in(&person).await;
    drop(rail.call_as(&session.access, "GET", "/me").await.data(200));
}

#[tokio::test]
async fn factors_that_somebody_else_added_go_with_the_denial_of_any_letter() {
    let world = World::start().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    // Whoever knows the password sets up an authenticator, and codes by mail besides.
    let thief = world.sign_in(&person).await;
    world.enrol(&mut person, &thief).await;
    let stepped_up = json!({ "code": person.code(&world) });
    let stepped_up = rail.post_as(&thief.access, "/mfa/verify", stepped_up).await;
    let stepped_up = Session::of(&stepped_up.data(200));
    let totp = world.denial(&person.email, "second factor was added").await;
    world.enrol_by_mail(&mut person, &stepped_up).await;
    let letters = world.denials(&person.email, "second factor was added").await;
    let mailed = letters.iter().find(|token| **token != totp).unwrap();

    let page = ask(&world, &totp).await;
    assert!(page.expect(200).text.contains("is removed"), "{}", page.text);
    deny(&world, &totp).await.expect(200);
    stepped_up.expect_over(&world).await;
    recover(&world, &mut person).await;
    let data = rail.post("/login", person.credentials()).await.data(200);
    // Whatever is as young as the letters went with it, told of by this one or not; the last factor
    // takes the backup codes along.
    assert_eq!(data["mfaRequired"], false, "{data}");

    // Each letter has a link of its own.
    deny(&world, mailed).await.expect(200);
    is_closed(&world, &person).await;
    recover(&world, &mut person).await;
    world.sign_in(&person).await;
}

#[tokio::test]
async fn what_the_owner_had_before_stays() {
    let mut world = World::start().await;
    let (rail, mut person) = (world.rail(), world.enrolled().await);
    world.advance(days(7));
    let codes = person.backup_codes.clone();
    let session = world.sign_in(&person).await;
    let renewed = rail.post_as(&session.access, "/mfa/backup-codes", json!({})).await.data(200);
    person.take_secrets(&renewed);
    let token = world.denial(&person.email, "New backup codes").await;
    deny(&world, &token).await.expect(200);
    recover(&world, &mut person).await;
    // The new codes are gone with what they were: somebody else's. The authenticator is the owner's.
    let half = rail.post("/login", person.credentials()).await.data(200);
    assert_eq!(half["mfaMethods"], json!(["TOTP"]));
    let half = half["mfaToken"].as_str().unwrap();
    for code in [&codes[0], &person.backup_codes[0]] {
        let answer = verify(&rail, half, code).await;
        assert_ne!(answer.status, 200, "{answer:?}");
    }
    world.advance(Duration::from_secs(2 * STEP));
    world.sign_in(&person).await;
}

/// Somebody who has had an authenticator for long, and sets codes by mail up in its place.
async fn replaced(world: &mut World) -> Person {
    let mut person = world.enrolled().await;
    world.advance(days(7));
    let session = world.sign_in(&person).await;
    let rail = world.rail();
    let listed = rail.call_as(&session.access, "GET", "/mfa/methods").await.data(200);
    let listed = listed.as_array().unwrap();
    let old = listed.iter().find(|factor| factor["method"] == "TOTP").unwrap()["id"].clone();
    world.enrol_by_mail(&mut person, &session).await;
    let path = format!("/mfa/methods/{}", old.as_str().unwrap());
    rail.call_as(&session.access, "DELETE", &path).await.expect(200);
    person.secret = None;
    person
}

#[tokio::test]
async fn a_mailbox_alone_opens_no_account_that_has_had_a_second_factor_for_long() {
    let mut world = World::start().await;
    let rail = world.rail();
    for subject in ["second factor was added", "second factor was removed"] {
        let mut person = replaced(&mut world).await;
        // Whoever reads the mailbox presses the button of a letter: nothing is left of the factors.
        let token = world.denial(&person.email, subject).await;
        let told = deny(&world, &token).await;
        assert!(told.expect(200).text.contains("administrator"), "{}", told.text);
        is_closed(&world, &person).await;
        // And asks for another password, which is mailed to nobody.
        let mails = world.mails(&person.email).await.len();
        let body = json!({ "email": person.email });
        drop(rail.post("/forgot-password", body).await.data(202));
        let other = world.person().await;
        drop(rail.post("/forgot-password", json!({ "email": other.email })).await.data(202));
        drop(world.mailed_token(&other.email).await);
        assert_eq!(world.mails(&person.email).await.len(), mails, "{subject}");
        is_closed(&world, &person).await;

        let unblock = ["admin", "unblock", "--email", &person.email];
        assert_eq!(world.signalbox(&unblock).await.json()["status"], "active");
        let data = rail.post("/login", person.credentials()).await.data(200);
        assert_eq!(data["mfaRequired"], false, "{data}");
        recoverable(&world, &mut person).await;
    }
}

/// Chooses a new password, as anybody may whose account is open.
async fn recoverable(world: &World, person: &mut Person) {
    let body = json!({ "email": person.email });
    drop(world.rail().post("/forgot-password", body).await.data(202));
    recover(world, person).await;
    world.sign_in(person).await;
}

#[tokio::test]
async fn a_passkey_of_somebody_else_opens_nothing_after_the_denial_of_another_letter() {
    let world = World::start().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    // The letter tells of something else.
    let token = denial(&world, &mut person).await;
    let thief = world.sign_in(&person).await;
    let mut key = Authenticator::new(&world);
    world.enrol_passkey(&mut person, &thief, &mut key).await;
    drop(world.sign_in_by_passkey(&mut key).await.data(200));
    deny(&world, &token).await.expect(200);
    world.sign_in_by_passkey(&mut key).await.refused(401, "INVALID_CREDENTIALS");
    recover(&world, &mut person).await;
    world.sign_in_by_passkey(&mut key).await.refused(401, "INVALID_CREDENTIALS");
    assert_eq!(rail.post("/login", person.credentials()).await.data(200)["mfaRequired"], false);
}

#[tokio::test]
async fn the_keys_of_an_account_are_gone_though_an_operator_opens_it_again() {
    let world = World::start().await;
    site_with_keys(&world, "keys", json!({})).await;
    let (rail, person) = (world.rail(), world.person().await);
    let thief = world.sign_in(&person).await;
    drop(post(&rail, &thief.access, "/api-keys", &wanted("keys")).await.data(201));
    let token = world.denial(&person.email, "API key was made").await;
    deny(&world, &token).await.expect(200);
    let unblock = ["admin", "unblock", "--email", &person.email];
    assert_eq!(world.signalbox(&unblock).await.json()["status"], "active");
    let session = world.sign_in(&person).await;
    assert_eq!(call(&rail, &session.access, "GET", "/api-keys").await.data(200), json!([]));
}

#[tokio::test]
async fn a_number_that_somebody_else_proved_goes_with_the_denial_of_any_letter() {
    let mut world = World::start().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let prove = async |world: &World, session: &Session, number: &str| {
        let rail = world.rail();
        let body = json!({ "phone": number });
        drop(post(&rail, &session.access, "/phone", &body).await.data(200));
        let body = json!({ "code": world.mailed_code(number).await });
        drop(post(&rail, &session.access, "/phone/confirm", &body).await.data(200));
    };
    let shown = async |session: &Session| {
        let profile = call(&rail, &session.access, "GET", "/profile").await.data(200);
        (profile["phoneNumber"].clone(), profile["phoneNumberVerified"].clone())
    };
    let thief = world.sign_in(&person).await;
    prove(&world, &thief, &new_number()).await;
    let letter = "telephone number was changed";
    let token = world.denial(&person.email, letter).await;
    let mails = world.mails(&person.email).await;
    assert!(mails[0]["text"].as_str().unwrap().contains("removes that number"), "{mails:?}");
    deny(&world, &token).await.expect(200);
    recover(&world, &mut person).await;
    let session = world.sign_in(&person).await;
    assert_eq!(shown(&session).await, (Value::Null, json!(false)));

    // Whichever letter of the week is denied; and one that was there before is the owner's.
    for (waited, stays) in [(days(6), false), (days(8), true)] {
        let session = world.sign_in(&person).await;
        prove(&world, &session, &new_number()).await;
        let own = shown(&session).await;
        world.advance(waited);
        let token = denial(&world, &mut person).await;
        deny(&world, &token).await.expect(200);
        recover(&world, &mut person).await;
        let found = shown(&world.sign_in(&person).await).await;
        assert_eq!(found, if stays { own } else { (Value::Null, json!(false)) });
    }
}

#[tokio::test]
async fn a_denial_is_of_its_letter_alone_and_of_no_other_kind() {
    let world = World::start().await;
    let (rail, mut person, other) = (world.rail(), world.person().await, world.person().await);
    let token = denial(&world, &mut person).await;
    drop(rail.post("/forgot-password", json!({ "email": other.email })).await.data(202));
    let reset = world.mailed_token(&other.email).await;
    let mut altered = token.clone().into_bytes();
    let middle = altered.len() / 2;
    altered[middle] = if altered[middle] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    for bad in ["", "nonsense", &altered, &reset, &"A".repeat(3000)] {
        deny(&world, bad).await.expect(400);
        ask(&world, bad).await.expect(400);
    }
    // Nor is it worth anything elsewhere.
    let body = json!({ "token": token, "password": NEW });
    rail.post("/reset-password", body).await.refused(401, "INVALID_TOKEN");
    rail.post("/verify-email", json!({ "token": token })).await.refused(401, "INVALID_TOKEN");
    rail.call_as(&token, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    let session = world.sign_in(&other).await;
    deny(&world, &token).await.expect(200);
    drop(rail.call_as(&session.access, "GET", "/me").await.data(200));
    drop(rail.post("/reset-password", json!({ "token": reset, "password": NEW })).await.data(200));
}

#[tokio::test]
async fn a_denial_is_good_for_seven_days() {
    let mut world = World::start().await;
    let mut people = [world.person().await, world.person().await];
    let mut tokens = Vec::new();
    for person in &mut people {
        tokens.push(denial(&world, person).await);
    }
    world.advance(days(7) - Duration::from_secs(60));
    deny(&world, &tokens[0]).await.expect(200);
    is_closed(&world, &people[0]).await;
    world.advance(Duration::from_secs(60));
    ask(&world, &tokens[1]).await.expect(400);
    deny(&world, &tokens[1]).await.expect(400);
    world.sign_in(&people[1]).await;
}

#[tokio::test]
async fn of_many_who_press_the_button_at_once_one_closes_the_account() {
    let world = World::plan().replicas().start().await;
    let mut person = world.person().await;
    let token = denial(&world, &mut person).await;
    let clicks = (0..32).map(|number| {
        let (rail, token) = (world.rail_of(number), token.clone());
        async move { rail.form("/not-me", &[("token", &token)]).await.status }
    });
    let statuses = join_all(clicks).await;
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(200), count(409)), (1, 31), "{statuses:?}");
    is_closed(&world, &person).await;
    let mails = world.mails(&person.email).await;
    let resets = mails.iter().filter(|mail| mail["subject"] == "Choose a new password");
    assert_eq!(resets.count(), 1);
    recover(&world, &mut person).await;
    world.sign_in(&person).await;
}

#[tokio::test]
async fn a_closed_account_is_opened_by_its_mailbox_and_by_an_operator_and_by_nobody_else() {
    let world = World::start().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let token = denial(&world, &mut person).await;
    let stale = {
        drop(rail.post("/forgot-password", json!({ "email": person.email })).await.data(202));
        world.mailed_token(&person.email).await
    };
    deny(&world, &token).await.expect(200);
    // A link from before is dead.
    let body = json!({ "token": stale, "password": NEW });
    rail.post("/reset-password", body).await.refused(401, "INVALID_TOKEN");
    // Every other way is answered as for any address, and leads nowhere.
    drop(rail.post("/register", person.registration()).await.data(201));
    let body = json!({ "email": person.email });
    drop(rail.post("/resend-verification", body.clone()).await.data(202));
    is_closed(&world, &person).await;
    let mails = world.mails(&person.email).await;
    assert_eq!(mails[0]["subject"], "You already have an account", "{mails:?}");
    let email = person.email.clone();
    let invite = ["admin", "invite", "--email", &email];
    assert_eq!(world.signalbox(&invite).await.code, 2);

    drop(rail.post("/forgot-password", body).await.data(202));
    recover(&world, &mut person).await;
    world.sign_in(&person).await;

    let token = world.denial(&person.email, "password was changed").await;
    deny(&world, &token).await.expect(200);
    is_closed(&world, &person).await;
    let unblock = ["admin", "unblock", "--email", &email];
    assert_eq!(world.signalbox(&unblock).await.json()["status"], "active");
    world.sign_in(&person).await;
    assert_eq!(world.signalbox(&unblock).await.code, 2, "it is open already");
    assert_eq!(
        world.signalbox(&["admin", "unblock", "--email", "nobody@example.com"]).await.code,
        2
    );
}

#[tokio::test]
async fn every_letter_that_tells_of_a_change_has_its_link() {
    let mut world = World::start().await;
    let (rail, mut person) = (world.rail(), world.enrolled().await);
    world.advance(Duration::from_secs(2 * STEP));
    let session = world.sign_in(&person).await;
    world.enrol_by_mail(&mut person, &session).await;
    let renewed = rail.post_as(&session.access, "/mfa/backup-codes", json!({})).await.data(200);
    person.take_secrets(&renewed);
    let listed = rail.call_as(&session.access, "GET", "/mfa/methods").await.data(200);
    let listed = listed.as_array().unwrap_or_else(|| panic!("{listed}"));
    let mailed = listed.iter().find(|factor| factor["method"] == "EMAIL_OTP").unwrap();
    let path = format!("/mfa/methods/{}", mailed["id"].as_str().unwrap());
    rail.call_as(&session.access, "DELETE", &path).await.expect(200);
    world.sign_in_with_backup_code(&person).await;
    denial(&world, &mut person).await;
    let mails = world.mails(&person.email).await;
    let mut told = 0;
    for mail in &mails {
        let (subject, text) = (mail["subject"].as_str().unwrap(), mail["text"].as_str().unwrap());
        if ["Your code", "Verify your mail address"].contains(&subject) {
            assert!(!text.contains("/not-me"), "{subject}");
            continue;
        }
        told += 1;
        assert!(text.contains("/not-me?token=") && token_of(text).is_some(), "{subject}: {text}");
        assert!(mail["html"].as_str().unwrap().contains("/not-me?token="), "{subject}");
    }
    let of = |wanted: &str| mails.iter().filter(|mail| mail["subject"] == wanted).count();
    for (subject, count) in [
        ("A second factor was added", 2),
        ("A second factor was removed", 1),
        ("New backup codes were made", 1),
        ("A backup code was used", 1),
        ("Your password was changed", 1),
    ] {
        assert_eq!(of(subject), count, "{subject}: {mails:?}");
    }
    assert_eq!(told, 6);
}

/// Makes `email` the address of whoever holds the session.
async fn move_to(world: &World, session: &Session, email: &str) {
    let rail = world.rail();
    let call = async |path: &str, body| {
        let request = rail.request_root("POST", &format!("/api/v1/account{path}")).json(&body);
        send(request.bearer_auth(&session.access)).await
    };
    drop(call("/email", json!({ "email": email })).await.data(200));
    let code = world.mailed_code(email).await;
    drop(call("/email/confirm", json!({ "code": code })).await.data(200));
}

#[tokio::test]
async fn who_took_an_address_loses_it_with_the_account_whoever_presses_first() {
    let world = World::start().await;
    let rail = world.rail();
    for thief_is_first in [false, true] {
        let mut person = world.person().await;
        let home = person.email.clone();
        let thief = world.sign_in(&person).await;
        let (evil, worse) = (Person::new().email, Person::new().email);
        move_to(&world, &thief, &evil).await;
        // So that it cannot be given back; and once more, so that there is a letter of the thief's own.
        let squatter = Person::new().at(&home);
        drop(rail.post("/register", squatter.registration()).await.data(201));
        move_to(&world, &thief, &worse).await;
        let of_thief = world.denial(&evil, "address was changed").await;
        if thief_is_first {
            deny(&world, &of_thief).await.expect(200);
        }
        let of_owner = world.denial(&home, "address was changed").await;
        deny(&world, &of_owner).await.expect(200);
        thief.expect_over(&world).await;
        deny(&world, &of_thief).await.expect(400);
        // No mail that the thief reads opens it.
        for email in [&evil, &worse] {
            drop(rail.post("/forgot-password", json!({ "email": email })).await.data(202));
            let as_thief = json!({ "email": email, "password": person.password });
            rail.post("/login", as_thief).await.refused(401, "INVALID_CREDENTIALS");
        }
        let asked = world.mails(&worse).await;
        assert!(asked.iter().all(|mail| mail["subject"] != "Choose a new password"), "{asked:?}");
        recover(&world, &mut person).await;
        let session = world.sign_in(&person).await;
        let me = rail.call_as(&session.access, "GET", "/me").await.data(200);
        assert_eq!(me["email"], home.as_str());
        rail.post("/login", squatter.credentials()).await.refused(401, "INVALID_CREDENTIALS");
    }
}
