//! Codes by mail.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{
    Answer, Session, World,
    forge::claims,
    outbox::code_in,
    person::{STEP, verify},
};

use crate::{minutes, names, set};

async fn challenge(world: &World, body: Value) -> Answer {
    world.rail().post("/mfa/challenge", body).await
}

#[tokio::test]
async fn codes_by_mail_count_once_a_code_has_come_back() {
    let world = World::shared().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    let data = world.set_up_factor(&session, "EMAIL_OTP").await.data(200);
    assert_eq!(names(&data), set(["method", "sentTo", "expiresIn", "backupCodes"]));
    // Whoever knows the address knows it again; whoever does not learns none.
    let (first, domain) = (&person.email[..1], person.email.split_once('@').unwrap().1);
    let masked = format!("{first}•••@{}•••.com", &domain[..1]);
    assert_eq!((&data["sentTo"], &data["expiresIn"]), (&json!(masked), &json!(600)));
    person.take_secrets(&data);
    assert_eq!(person.backup_codes.len(), 10);
    assert_eq!(rail.post("/login", person.credentials()).await.data(200)["mfaRequired"], false);

    let code = world.mailed_code(&person.email).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    world.confirm_factor(&session, "EMAIL_OTP", wrong).await.refused(401, "INVALID_CODE");
    assert_eq!(world.confirm_factor(&session, "EMAIL_OTP", &code).await.data(200)["enabled"], true);
    let data = rail.post("/login", person.credentials()).await.data(200);
    assert_eq!(data["mfaMethods"], json!(["EMAIL_OTP", "BACKUP_CODE"]));
    assert_eq!(data["defaultMfaMethod"], "EMAIL_OTP");
    let mails = world.mails(&person.email).await;
    assert!(mails[0]["subject"].as_str().unwrap().contains("second factor"), "{mails:?}");
    // What confirmed it proves nothing more.
    let half = data["mfaToken"].as_str().unwrap();
    verify(&rail, half, &code).await.refused(401, "INVALID_CODE");
}

#[tokio::test]
async fn a_mailed_code_ends_a_sign_in_once() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.enrolled_by_mail().await);
    let half = world.half_sign_in(&person).await;
    let data = challenge(&world, json!({ "mfaToken": half, "method": "EMAIL_OTP" })).await;
    let data = data.data(200);
    assert_eq!(names(&data), set(["method", "sent", "sentTo", "expiresIn"]));
    let code = world.mailed_code(&person.email).await;
    let answer = json!({ "mfaToken": half, "method": "EMAIL_OTP", "code": code });
    let session = Session::of(&rail.post("/mfa/verify", answer.clone()).await.data(200));
    let token = claims(&session.access);
    assert_eq!(token["acr"], "urn:signalbox:2fa");
    assert_eq!(token["amr"], json!(["pwd", "email", "mfa"]));
    rail.post("/mfa/verify", answer).await.refused(401, "INVALID_TOKEN");
    let again = json!({ "method": "EMAIL_OTP", "code": code });
    rail.post_as(&session.access, "/mfa/verify", again).await.refused(401, "INVALID_CODE");
}

#[tokio::test]
async fn a_code_is_wrong_wherever_it_was_not_asked_for() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.enrolled_by_mail().await);
    let other = world.enrolled_by_mail().await;
    let (asked, not_asked) = (world.half_sign_in(&person).await, world.half_sign_in(&person).await);
    let of_another = world.half_sign_in(&other).await;
    let code = world.challenged_code(&person, &asked).await;
    drop(world.challenged_code(&other, &of_another).await);
    verify(&rail, &not_asked, &code).await.refused(401, "INVALID_CODE");
    verify(&rail, &of_another, &code).await.refused(401, "INVALID_CODE");
    let session = Session::of(&verify(&rail, &asked, &code).await.data(200));

    // Nor is one of a session good for another session, or for a sign-in.
    let half = world.half_sign_in(&person).await;
    let second = world.challenged_code(&person, &half).await;
    let second = Session::of(&verify(&rail, &half, &second).await.data(200));
    let half = world.half_sign_in(&person).await;
    let wanted = json!({ "method": "EMAIL_OTP" });
    drop(rail.post_as(&session.access, "/mfa/challenge", wanted).await.data(200));
    let code = world.mailed_code(&person.email).await;
    let answer = json!({ "method": "EMAIL_OTP", "code": code });
    let elsewhere = rail.post_as(&second.access, "/mfa/verify", answer.clone()).await;
    elsewhere.refused(401, "INVALID_CODE");
    verify(&rail, &half, &code).await.refused(401, "INVALID_CODE");
    let stepped = rail.post_as(&session.access, "/mfa/verify", answer).await.data(200);
    assert_eq!(claims(&Session::of(&stepped).access)["sid"], claims(&session.access)["sid"]);
}

#[tokio::test]
async fn a_newer_code_ends_the_older_one_of_its_challenge_and_no_other() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.enrolled_by_mail().await);
    let (half, beside) = (world.half_sign_in(&person).await, world.half_sign_in(&person).await);
    let kept = world.challenged_code(&person, &beside).await;
    let older = world.challenged_code(&person, &half).await;
    let newer = world.challenged_code(&person, &half).await;
    if older != newer {
        verify(&rail, &half, &older).await.refused(401, "INVALID_CODE");
    }
    drop(verify(&rail, &half, &newer).await.data(200));
    drop(verify(&rail, &beside, &kept).await.data(200));
}

#[tokio::test]
async fn a_mailed_code_lives_ten_minutes() {
    let mut world = World::start().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    world.enrol_by_mail(&mut person, &session).await;
    let wanted = json!({ "method": "EMAIL_OTP" });
    for (waited, status) in [(590, 200), (601, 401)] {
        drop(rail.post_as(&session.access, "/mfa/challenge", wanted.clone()).await.data(200));
        let code = world.mailed_code(&person.email).await;
        world.advance(Duration::from_secs(waited));
        let answer = json!({ "code": code });
        rail.post_as(&session.access, "/mfa/verify", answer).await.expect(status);
    }
}

#[tokio::test]
async fn of_many_who_show_a_mailed_code_at_once_one_wins() {
    let world = World::plan().replicas().start().await;
    let person = world.enrolled_by_mail().await;
    let session = {
        let half = world.half_sign_in(&person).await;
        let code = world.challenged_code(&person, &half).await;
        // The same code and half sign-in, at every server.
        let answers = join_all((0..8).map(|number| {
            let rail = world.rail_of(number % world.server_count());
            let (half, code) = (half.clone(), code.clone());
            async move { verify(&rail, &half, &code).await }
        }))
        .await;
        let mut won = answers.iter().filter(|answer| answer.status == 200);
        let session = Session::of(&won.next().unwrap().data(200));
        assert_eq!(won.count(), 0);
        assert!(answers.iter().all(|answer| [200, 401].contains(&answer.status)));
        session
    };
    // And at a session, which is not used up by the first.
    let wanted = json!({ "method": "EMAIL_OTP" });
    let rail = world.rail();
    drop(rail.post_as(&session.access, "/mfa/challenge", wanted).await.data(200));
    let code = world.mailed_code(&person.email).await;
    let answers = join_all((0..8).map(|number| {
        let rail = world.rail_of(number % world.server_count());
        let (access, answer) = (session.access.clone(), json!({ "code": code }));
        async move { rail.post_as(&access, "/mfa/verify", answer).await }
    }))
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
}

#[tokio::test]
async fn somebody_has_codes_by_mail_once() {
    let world = World::shared().await;
    let mut person = world.person().await;
    let session = world.sign_in(&person).await;
    world.enrol_by_mail(&mut person, &session).await;
    let half = world.half_sign_in(&person).await;
    let code = world.challenged_code(&person, &half).await;
    let session = Session::of(&verify(&world.rail(), &half, &code).await.data(200));
    world.set_up_factor(&session, "EMAIL_OTP").await.refused(409, "CONFLICT");
    // Another kind of factor is no conflict, and brings no second set of backup codes.
    world.enrol(&mut person, &session).await;
    assert_eq!(person.backup_codes.len(), 10);
}

#[tokio::test]
async fn six_digits_are_the_authenticators_unless_somebody_says_otherwise() {
    let mut world = World::start().await;
    let (rail, mut person) = (world.rail(), world.enrolled().await);
    let session = world.sign_in(&person).await;
    world.enrol_by_mail(&mut person, &session).await;
    world.advance(Duration::from_secs(2 * STEP));
    let half = world.half_sign_in(&person).await;
    let code = world.challenged_code(&person, &half).await;
    verify(&rail, &half, &code).await.refused(401, "INVALID_CODE");
    // It was not used up by that, and named for what it is, it is right.
    let answer = json!({ "mfaToken": half, "method": "EMAIL_OTP", "code": code });
    drop(rail.post("/mfa/verify", answer).await.data(200));
    let half = world.half_sign_in(&person).await;
    drop(verify(&rail, &half, &person.code(&world)).await.data(200));
}

#[tokio::test]
async fn so_many_codes_are_sent_to_somebody_and_no_more() {
    let mut world = World::plan().set("limits.codes_sent_per_person", 3).start().await;
    let (person, other) = (world.enrolled_by_mail().await, world.enrolled_by_mail().await);
    let wanted = |half: &str| json!({ "mfaToken": half, "method": "EMAIL_OTP" });
    // One was sent to set it up. A new sign-in changes nothing.
    for _ in 0..2 {
        let half = world.half_sign_in(&person).await;
        drop(challenge(&world, wanted(&half)).await.data(200));
    }
    let half = world.half_sign_in(&person).await;
    let refused = challenge(&world, wanted(&half)).await;
    refused.refused(429, "RATE_LIMITED");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=900).contains(&wait), "{wait}");
    let mails = world.mails(&person.email).await;
    let codes = mails.iter().filter(|mail| code_in(mail["text"].as_str().unwrap()).is_some());
    assert_eq!(codes.count(), 3);
    // Somebody else's are their own; and a backup code is none.
    let theirs = world.half_sign_in(&other).await;
    drop(challenge(&world, wanted(&theirs)).await.data(200));
    drop(verify(&world.rail(), &half, &person.backup_codes[0]).await.data(200));
    world.advance(minutes(15));
    let half = world.half_sign_in(&person).await;
    drop(challenge(&world, wanted(&half)).await.data(200));
}

#[tokio::test]
async fn so_many_codes_are_sent_for_one_network_and_no_more() {
    let world = World::plan().set("limits.codes_sent_per_network", 3).start().await;
    let people = [world.enrolled_by_mail().await, world.enrolled_by_mail().await];
    let half = world.half_sign_in(&people[0]).await;
    drop(world.challenged_code(&people[0], &half).await);
    let half = world.half_sign_in(&people[1]).await;
    let refused = challenge(&world, json!({ "mfaToken": half, "method": "EMAIL_OTP" })).await;
    refused.refused(429, "RATE_LIMITED");
}

#[tokio::test]
async fn a_code_is_in_its_letter_and_nowhere_else() {
    let world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled_by_mail().await);
    let half = world.half_sign_in(&person).await;
    let code = world.challenged_code(&person, &half).await;
    drop(verify(&rail, &half, &code).await.data(200));
    let mails = world.mails(&person.email).await;
    let mail = mails.iter().find(|mail| mail["text"].as_str().unwrap().contains(&code)).unwrap();
    assert!(!mail["subject"].as_str().unwrap().contains(&code), "{mail}");
    assert!(!mail["text"].as_str().unwrap().contains(&person.name), "{mail}");
    let log = world.log();
    assert!(!log.lines().any(|line| line.contains(&format!("\"{code}\""))), "{log}");
    assert!(!log.contains(&half), "{log}");
}
