//! Another mail address, another telephone number.

use futures_util::future::join_all;
use serde_json::json;
use tests::{
    Answer, Person, Session, World,
    outbox::code_in,
    person::{new_number, on_device, refresh, verify},
};

use super::{call, post};
use crate::{minutes, names, set};

/// Asks for another address.
async fn ask(world: &World, session: &Session, email: &str) -> Answer {
    post(&world.rail(), &session.access, "/email", &json!({ "email": email })).await
}

async fn confirm(world: &World, session: &Session, code: &str) -> Answer {
    post(&world.rail(), &session.access, "/email/confirm", &json!({ "code": code })).await
}

/// An address that nobody has.
fn new_address() -> String {
    format!("new-{}", Person::new().email)
}

async fn subjects(world: &World, address: &str) -> Vec<String> {
    let mails = world.mails(address).await;
    mails.iter().map(|mail| mail["subject"].as_str().unwrap().to_owned()).collect()
}

/// Some code that is not this one.
fn other_than(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

#[tokio::test]
async fn a_new_address_takes_the_place_of_the_old_one_once_it_is_proved() {
    let world = World::shared().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let (session, elsewhere) = (world.sign_in(&person).await, world.sign_in(&person).await);
    let (old, new) = (person.email.clone(), new_address());
    let data = ask(&world, &session, &new).await.data(200);
    assert_eq!(names(&data), set(["sentTo", "expiresIn"]));
    assert_eq!((&data["sentTo"], &data["expiresIn"]), (&json!("n•••@e•••.com"), &json!(600)));
    // It is told at once where mail went so far, and nothing has changed.
    assert_eq!(subjects(&world, &old).await[0], "Your mail address is about to change");
    assert!(!world.mails(&old).await[0].to_string().contains(&new));
    let me = rail.call_as(&session.access, "GET", "/me").await.data(200);
    assert_eq!((&me["email"], &me["emailVerified"]), (&json!(old), &json!(true)));
    let code = world.mailed_code(&new).await;
    confirm(&world, &session, other_than(&code)).await.refused(401, "INVALID_CODE");
    drop(world.sign_in(&person).await);

    let data = confirm(&world, &session, &code).await.data(200);
    assert_eq!((&data["email"], &data["emailVerified"]), (&json!(new), &json!(true)));
    let me = rail.call_as(&session.access, "GET", "/me").await.data(200);
    assert_eq!((&me["email"], &me["emailVerified"]), (&json!(new), &json!(true)));
    assert_eq!(subjects(&world, &old).await[0], "Your mail address was changed");
    // The session that asked goes on, and no other one.
    drop(refresh(&rail, &session.refresh).await.data(200));
    rail.call_as(&elsewhere.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    refresh(&rail, &elsewhere.refresh).await.refused(401, "INVALID_TOKEN");
    rail.post("/login", person.credentials()).await.refused(401, "INVALID_CREDENTIALS");
    person.email = new.to_uppercase();
    drop(world.sign_in(&person).await);
    confirm(&world, &session, &code).await.refused(401, "INVALID_CODE");
    // What was theirs is anybody's now.
    let heir = Person::new().at(&old);
    drop(rail.post("/register", heir.registration()).await.data(201));
    world.verify_address(&heir).await;
    drop(world.sign_in(&heir).await);
}

#[tokio::test]
async fn an_address_of_somebody_else_gets_the_same_answer_and_its_owner_a_mail() {
    let world = World::shared().await;
    let (person, owner) = (world.person().await, world.person().await);
    let session = world.sign_in(&person).await;
    let free = ask(&world, &session, &new_address()).await;
    // As anybody would write it.
    let taken = ask(&world, &session, &format!(" {} ", owner.email.to_uppercase())).await;
    assert_eq!(free.status, taken.status);
    assert_eq!(free.data(200)["expiresIn"], taken.data(200)["expiresIn"]);
    let headers = |answer: &Answer| {
        let names: std::collections::BTreeSet<String> =
            answer.headers.keys().map(ToString::to_string).collect();
        names
    };
    assert_eq!(headers(&free), headers(&taken));
    let mails = world.mails(&owner.email).await;
    assert_eq!(mails[0]["subject"], "Your mail address stays yours");
    assert_eq!(code_in(mails[0]["text"].as_str().unwrap()), None);
    assert!(!mails[0].to_string().contains(&person.email), "{mails:?}");
    // Who guesses, guesses in vain, and is counted.
    for guess in 0..10 {
        let answer = confirm(&world, &session, &format!("{guess:06}")).await;
        answer.refused(401, "INVALID_CODE");
    }
    confirm(&world, &session, "123456").await.refused(429, "RATE_LIMITED");
    drop(world.sign_in(&owner).await);
}

#[tokio::test]
async fn one_address_is_made_that_of_one_of_many() {
    let world = World::plan().replicas().set("limits.mail_per_address", 1000).start().await;
    let world = &world;
    let new = new_address();
    let mut racers = Vec::new();
    for _ in 0..6 {
        let person = world.person().await;
        let session = world.sign_in(&person).await;
        drop(ask(world, &session, &new).await.data(200));
        let code = world.mailed_code(&new).await;
        racers.push((session, code));
    }
    // Each of them has read the mail there, and each shows its code many times.
    let answers = join_all((0..64).map(|at| {
        let (session, code) = &racers[at % racers.len()];
        let rail = world.rail_of(at / racers.len());
        async move {
            let body = json!({ "code": code });
            post(&rail, &session.access, "/email/confirm", &body).await
        }
    }))
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(answers.iter().all(|answer| [200, 401, 409, 429].contains(&answer.status)));
    let mut owners = 0;
    for (session, _) in &racers {
        let me = world.rail().call_as(&session.access, "GET", "/me").await.data(200);
        owners += u32::from(me["email"] == new.as_str());
    }
    assert_eq!(owners, 1);
}

#[tokio::test]
async fn whoever_only_registered_an_address_makes_way_for_who_proves_it() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let squatter = Person::new();
    drop(rail.post("/register", squatter.registration()).await.data(201));
    let link = world.mailed_token(&squatter.email).await;
    let session = world.sign_in(&person).await;
    drop(ask(&world, &session, &squatter.email).await.data(200));
    let code = world.mailed_code(&squatter.email).await;
    drop(confirm(&world, &session, &code).await.data(200));
    // Nothing is left of what was registered.
    let body = json!({ "token": link });
    rail.post("/verify-email", body).await.refused(401, "INVALID_TOKEN");
    rail.post("/login", squatter.credentials()).await.refused(401, "INVALID_CREDENTIALS");
    let moved = person.at(&squatter.email);
    drop(world.sign_in(&moved).await);
}

#[tokio::test]
async fn an_address_or_number_is_changed_only_after_a_fresh_proof() {
    let mut world = World::start().await;
    let (person, mut enrolled) = (world.person().await, world.person().await);
    let session = world.sign_in(&person).await;
    let first = world.sign_in(&enrolled).await;
    let early = world.sign_in(&enrolled).await;
    world.enrol(&mut enrolled, &first).await;
    let (email, phone) = (json!({ "email": new_address() }), json!({ "phone": new_number() }));
    let code = json!({ "code": "123456" });
    let calls = [
        ("/email", Some(&email)),
        ("/email/confirm", Some(&code)),
        ("/phone", Some(&phone)),
        ("/phone/confirm", Some(&code)),
        ("/phone", None),
    ];
    let refused = async |world: &World, session: &Session, level: &str| {
        for (path, body) in calls {
            let answer = match body {
                Some(body) => post(&world.rail(), &session.access, path, body).await,
                None => call(&world.rail(), &session.access, "DELETE", path).await,
            };
            let error = answer.error(403, "STEP_UP_REQUIRED");
            assert_eq!(error["acrValues"], json!([level]), "{path}");
            assert_eq!(error["maxAge"], 300, "{path}");
        }
    };
    // A password is no proof of who has a second factor, however fresh it is.
    refused(&world, &early, "urn:signalbox:2fa").await;
    drop(ask(&world, &session, email["email"].as_str().unwrap()).await.data(200));
    let mailed = world.mailed_code(email["email"].as_str().unwrap()).await;
    world.advance(minutes(6));
    refused(&world, &session, "urn:signalbox:1fa").await;
    // The code is good still, once the proof is.
    let body = json!({ "password": person.password });
    let anew = world.rail().post_as(&session.access, "/reauthenticate", body).await.data(200);
    drop(confirm(&world, &Session::of(&anew), &mailed).await.data(200));
}

#[tokio::test]
async fn a_code_for_an_address_is_good_in_its_session_ten_minutes_and_until_a_newer_one() {
    let mut world = World::start().await;
    let person = world.person().await;
    let (session, other) = (world.sign_in(&person).await, world.sign_in(&person).await);
    let (first, second) = (new_address(), new_address());
    drop(ask(&world, &session, &first).await.data(200));
    let code = world.mailed_code(&first).await;
    confirm(&world, &other, &code).await.refused(401, "INVALID_CODE");
    // A newer one, whichever session asks, ends it.
    drop(ask(&world, &other, &second).await.data(200));
    confirm(&world, &session, &code).await.refused(401, "INVALID_CODE");
    drop(ask(&world, &session, &first).await.data(200));
    let code = world.mailed_code(&first).await;
    world.advance(minutes(10));
    let session = world.sign_in(&person).await;
    confirm(&world, &session, &code).await.refused(401, "INVALID_CODE");
    // So does a new password.
    drop(ask(&world, &session, &first).await.data(200));
    let code = world.mailed_code(&first).await;
    let body =
        json!({ "currentPassword": person.password, "newPassword": "velvet harbour 27 quince" });
    drop(world.rail().post_as(&session.access, "/change-password", body).await.data(200));
    confirm(&world, &session, &code).await.refused(401, "INVALID_CODE");
    // And no code of the address is one of the number.
    drop(ask(&world, &session, &first).await.data(200));
    let code = world.mailed_code(&first).await;
    let body = json!({ "code": code });
    post(&world.rail(), &session.access, "/phone/confirm", &body)
        .await
        .refused(401, "INVALID_CODE");
}

#[tokio::test]
async fn a_changed_address_ends_mailed_links_half_sign_ins_and_trusted_devices() {
    let mut world = World::start().await;
    let (rail, mut person) = (world.rail(), world.enrolled().await);
    let old = person.email.clone();
    world.advance(minutes(1));
    let device = world.trusted_device(&person).await;
    world.advance(minutes(1));
    let session = world.sign_in(&person).await;
    let on_it = rail.post("/login", on_device(&person, &device)).await.data(200);
    assert_eq!(on_it["mfaRequired"], false);
    let half = world.half_sign_in(&person).await;
    drop(rail.post("/forgot-password", json!({ "email": old })).await.data(202));
    let link = world.mailed_token(&old).await;
    let new = new_address();
    drop(ask(&world, &session, &new).await.data(200));
    let code = world.mailed_code(&new).await;
    drop(confirm(&world, &session, &code).await.data(200));
    let body = json!({ "token": link, "password": "velvet harbour 27 quince" });
    rail.post("/reset-password", body).await.refused(401, "INVALID_TOKEN");
    world.advance(minutes(1));
    verify(&rail, &half, &person.code(&world)).await.refused(401, "INVALID_TOKEN");
    person.email = new;
    let data = rail.post("/login", on_device(&person, &device)).await.data(200);
    assert_eq!(data["mfaRequired"], true);
    // Nothing is mailed to the old address any more.
    drop(rail.post("/forgot-password", json!({ "email": old })).await.data(202));
    assert_eq!(subjects(&world, &old).await[0], "Your mail address was changed");
}

#[tokio::test]
async fn codes_by_mail_go_to_the_new_address_once_it_is_proved_and_not_before() {
    let world = World::shared().await;
    let (rail, mut person) = (world.rail(), world.enrolled_by_mail().await);
    let (old, new) = (person.email.clone(), new_address());
    let half = world.half_sign_in(&person).await;
    let code = world.challenged_code(&person, &half).await;
    let session = Session::of(&verify(&rail, &half, &code).await.data(200));
    drop(ask(&world, &session, &new).await.data(200));
    let proof = world.mailed_code(&new).await;
    let half = world.half_sign_in(&person).await;
    let before = world.challenged_code(&person, &half).await;
    assert_eq!(world.mails(&new).await.len(), 1);
    // One that was sent to the old address is worth nothing once that is another's to be.
    let wanted = json!({ "method": "EMAIL_OTP" });
    drop(rail.post_as(&session.access, "/mfa/challenge", wanted.clone()).await.data(200));
    let pending = world.mailed_code(&old).await;
    drop(confirm(&world, &session, &proof).await.data(200));
    let body = json!({ "method": "EMAIL_OTP", "code": pending });
    rail.post_as(&session.access, "/mfa/verify", body).await.refused(401, "INVALID_CODE");
    verify(&rail, &half, &before).await.refused(401, "INVALID_TOKEN");
    person.email = new.clone();
    let half = world.half_sign_in(&person).await;
    let mails = world.mails(&old).await.len();
    let code = world.challenged_code(&person, &half).await;
    drop(verify(&rail, &half, &code).await.data(200));
    assert_eq!(world.mails(&old).await.len(), mails);
}

#[tokio::test]
async fn guesses_at_a_new_address_count_over_codes_and_sessions() {
    let world = World::start().await;
    let person = world.person().await;
    let new = new_address();
    let sessions = [world.sign_in(&person).await, world.sign_in(&person).await];
    for guess in 0..10 {
        let session = &sessions[guess % 2];
        if guess % 5 == 0 {
            drop(ask(&world, session, &new).await.data(200));
        }
        let answer = confirm(&world, session, &format!("{guess:06}")).await;
        answer.refused(401, "INVALID_CODE");
    }
    drop(ask(&world, &sessions[0], &new).await.data(200));
    let code = world.mailed_code(&new).await;
    confirm(&world, &sessions[0], &code).await.refused(429, "RATE_LIMITED");
    // The budget is that of what waits to be proved, whatever that is.
    let body = json!({ "method": "TOTP" });
    drop(world.rail().post_as(&sessions[0].access, "/mfa/setup", body).await.data(200));
    let body = json!({ "method": "TOTP", "code": "123456" });
    let answer = world.rail().post_as(&sessions[0].access, "/mfa/setup/confirm", body).await;
    answer.refused(429, "RATE_LIMITED");
}

#[tokio::test]
async fn so_many_codes_go_to_an_address_known_or_not_whoever_asks() {
    let mut world = World::plan().set("limits.codes_sent_unproved_daily", 6).start().await;
    let owner = world.person().await;
    let mut told_of = Vec::new();
    for address in [new_address(), owner.email.clone()] {
        let mut answers = Vec::new();
        for _ in 0..6 {
            let session = world.sign_in(&world.person().await).await;
            let answer = ask(&world, &session, &address).await;
            let told = |name: &str| answer.header(name).to_owned();
            answers.push((
                answer.status,
                told("retry-after").is_empty(),
                told("x-ratelimit-limit"),
                told("x-ratelimit-remaining"),
            ));
        }
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.0).collect();
        assert_eq!(statuses, [200, 200, 200, 200, 200, 429], "{address}");
        assert!(!answers[5].1, "it is not said when one more fits");
        let subjects = subjects(&world, &address).await;
        let about = ["Your code", "Your mail address stays yours"];
        let sent = subjects.iter().filter(|subject| about.contains(&subject.as_str()));
        assert_eq!(sent.count(), 5);
        told_of.push(answers);
    }
    assert_eq!(told_of[0], told_of[1], "it shows whether an address is known");
    // A quarter of an hour later one more fits into the day.
    world.advance(minutes(15));
    let new = owner.email.clone();
    for status in [200, 429] {
        let session = world.sign_in(&world.person().await).await;
        ask(&world, &session, &new).await.expect(status);
    }
}

#[tokio::test]
async fn what_is_no_address_or_is_theirs_already_is_refused() {
    let world = World::shared().await;
    let person = world.person().await;
    let session = world.sign_in(&person).await;
    for email in ["", "ada", "a b@example.com", "a@b\r\nBcc: c@d.e", &person.email.to_uppercase()] {
        assert_eq!(ask(&world, &session, email).await.wrong_fields(), ["email"], "{email}");
    }
    for phone in ["", "ada", "+49", "+49 900 1234567"] {
        let body = json!({ "phone": phone });
        let answer = post(&world.rail(), &session.access, "/phone", &body).await;
        assert_eq!(answer.wrong_fields(), ["phone"], "{phone}");
    }
}

#[tokio::test]
async fn a_number_is_the_accounts_once_it_is_proved_until_it_is_removed() {
    let world = World::shared().await;
    let person = world.person().await;
    let (session, number) = (world.sign_in(&person).await, new_number());
    let rail = world.rail();
    let gone = call(&rail, &session.access, "DELETE", "/phone").await;
    gone.refused(404, "NOT_FOUND");
    let masked = format!("+49•••••{}", &number[number.len() - 2..]);
    let data = post(&rail, &session.access, "/phone", &json!({ "phone": number })).await.data(200);
    assert_eq!((&data["sentTo"], &data["expiresIn"]), (&json!(masked), &json!(600)));
    let code = world.mailed_code(&number).await;
    let shown = |code: &str| json!({ "code": code });
    let wrong = post(&rail, &session.access, "/phone/confirm", &shown(other_than(&code))).await;
    wrong.refused(401, "INVALID_CODE");
    // It is nobody's before.
    let gone = call(&rail, &session.access, "DELETE", "/phone").await;
    gone.refused(404, "NOT_FOUND");
    let data = post(&rail, &session.access, "/phone/confirm", &shown(&code)).await.data(200);
    assert_eq!(data, json!({ "phone": masked, "phoneVerified": true }));
    let answer = post(&rail, &session.access, "/phone/confirm", &shown(&code)).await;
    answer.refused(401, "INVALID_CODE");
    let mails = world.mails(&person.email).await;
    assert_eq!(mails[0]["subject"], "Your telephone number was changed");
    assert!(!mails[0].to_string().contains(&number), "{mails:?}");
    let again = post(&rail, &session.access, "/phone", &json!({ "phone": number })).await;
    assert_eq!(again.wrong_fields(), ["phone"]);

    // A factor by SMS needs no number then, and keeps its own when that one is gone.
    let wanted = json!({ "method": "SMS" });
    let set_up = rail.post_as(&session.access, "/mfa/setup", wanted).await.data(200);
    assert_eq!(set_up["sentTo"], masked);
    let answer = json!({ "method": "SMS", "code": world.mailed_code(&number).await });
    drop(rail.post_as(&session.access, "/mfa/setup/confirm", answer).await.data(200));
    let half = world.half_sign_in(&person).await;
    let code = world.texted_code(&number, &half).await;
    let session = Session::of(&verify(&rail, &half, &code).await.data(200));
    let gone = call(&rail, &session.access, "DELETE", "/phone").await;
    assert_eq!(gone.data(200), json!({ "removed": true }));
    let half = world.half_sign_in(&person).await;
    let code = world.texted_code(&number, &half).await;
    drop(verify(&rail, &half, &code).await.data(200));
}

#[tokio::test]
async fn of_many_who_confirm_a_number_at_once_one_does() {
    let world = World::plan().replicas().start().await;
    let person = world.person().await;
    let (session, number) = (world.sign_in(&person).await, new_number());
    let wanted = json!({ "phone": number });
    drop(post(&world.rail(), &session.access, "/phone", &wanted).await.data(200));
    let body = json!({ "code": world.mailed_code(&number).await });
    let answers = join_all((0..64).map(|at| {
        let (rail, session, body) = (world.rail_of(at), &session, &body);
        async move { post(&rail, &session.access, "/phone/confirm", body).await }
    }))
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(answers.iter().all(|answer| [200, 401, 409, 429].contains(&answer.status)));
}
