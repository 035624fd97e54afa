//! Setting up a second factor, and proving it.

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tests::{
    Person, Session, World,
    forge::claims,
    person::{STEP, verify},
};

use crate::minutes;

#[tokio::test]
async fn a_set_up_shows_what_an_authenticator_takes() {
    let world = World::shared().await;
    let person = world.person().await;
    let session = world.sign_in(&person).await;
    let data = world.set_up_factor(&session, "TOTP").await.data(200);
    let secret = data["secret"].as_str().unwrap();
    assert!(secret.len() >= 32, "fewer than 160 bits: {secret}");
    let picture = data["qrCode"].as_str().unwrap();
    let picture = STANDARD.decode(picture.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
    assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n"));
    let codes = data["backupCodes"].as_array().unwrap();
    let different: BTreeSet<&str> = codes.iter().map(|code| code.as_str().unwrap()).collect();
    assert_eq!((codes.len(), different.len()), (10, 10));
}

#[tokio::test]
async fn a_factor_counts_only_once_it_is_confirmed() {
    let world = World::shared().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    person.take_secrets(&world.set_up_factor(&session, "TOTP").await.data(200));
    let data = rail.post("/login", person.credentials()).await.data(200);
    assert_eq!(data["mfaRequired"], false);
    world
        .confirm_factor(&session, "TOTP", &person.wrong_code(&world))
        .await
        .refused(401, "INVALID_CODE");
    let data = rail.post("/login", person.credentials()).await.data(200);
    assert_eq!(data["mfaRequired"], false);
    assert_eq!(
        world.confirm_factor(&session, "TOTP", &person.code(&world)).await.data(200)["enabled"],
        true
    );
    let data = rail.post("/login", person.credentials()).await.data(200);
    assert_eq!(data["mfaRequired"], true);
    // Its owner is told.
    let mails = world.mails(&person.email).await;
    assert!(mails[0]["subject"].as_str().unwrap().contains("second factor"), "{mails:?}");
}

#[tokio::test]
async fn the_code_that_confirmed_a_factor_proves_nothing_more() {
    let world = World::shared().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    person.take_secrets(&world.set_up_factor(&session, "TOTP").await.data(200));
    let code = person.code(&world);
    drop(world.confirm_factor(&session, "TOTP", &code).await.data(200));
    let half = world.half_sign_in(&person).await;
    verify(&rail, &half, &code).await.refused(401, "INVALID_CODE");
    drop(verify(&rail, &half, &person.code(&world)).await.data(200));
}

#[tokio::test]
async fn nothing_can_be_confirmed_that_was_not_set_up() {
    let world = World::shared().await;
    let person = world.person().await;
    let session = world.sign_in(&person).await;
    world.confirm_factor(&session, "TOTP", "123456").await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn methods_that_are_not_there_are_answered_with_those_that_are() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    for method in ["BACKUP_CODE"] {
        for (path, body) in [
            ("/mfa/setup", json!({ "method": method })),
            ("/mfa/setup/confirm", json!({ "method": method, "code": "123456" })),
        ] {
            let answer = rail.post_as(&session.access, path, body).await;
            assert_eq!(answer.wrong_fields(), ["method"]);
            let details = answer.json()["error"]["details"].to_string();
            assert!(details.contains("TOTP, HARDWARE, SMS, EMAIL_OTP"), "{details}");
        }
    }
    let answer = rail.post_as(&session.access, "/mfa/setup", json!({ "method": "totp" })).await;
    assert_eq!(answer.wrong_fields(), ["method"]);
}

#[tokio::test]
async fn a_challenge_names_what_the_person_can_prove() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let half = world.half_sign_in(&person).await;
    let challenge = async |method: &str| {
        rail.post("/mfa/challenge", json!({ "mfaToken": half, "method": method })).await
    };
    drop(challenge("TOTP").await.data(200));
    let answer = challenge("SMS").await;
    assert_eq!(answer.wrong_fields(), ["method"]);
    let details = answer.json()["error"]["details"].to_string();
    assert!(details.contains("TOTP") && details.contains("BACKUP_CODE"), "{details}");
}

#[tokio::test]
async fn a_half_sign_in_may_be_shown_in_the_body_or_as_bearer_but_not_in_both() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let half = world.half_sign_in(&person).await;
    let both = json!({ "mfaToken": half, "code": "123456" });
    assert_eq!(rail.post_as(&half, "/mfa/verify", both).await.wrong_fields(), ["mfaToken"]);
    let body = json!({ "code": person.code(&world), "method": "TOTP" });
    let data = rail.post_as(&half, "/mfa/verify", body).await.data(200);
    assert_eq!(claims(&Session::of(&data).access)["acr"], "urn:signalbox:2fa");
}

#[tokio::test]
async fn a_half_sign_in_ends_once() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let half = world.half_sign_in(&person).await;
    drop(verify(&rail, &half, &person.code(&world)).await.data(200));
    world.advance(Duration::from_secs(STEP));
    let code = person.code(&world);
    verify(&rail, &half, &code).await.refused(401, "INVALID_TOKEN");
    // And the code was not used up by that.
    let half = world.half_sign_in(&person).await;
    drop(verify(&rail, &half, &code).await.data(200));
}

#[tokio::test]
async fn a_half_sign_in_lives_ten_minutes_at_most() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let (early, late) = (world.half_sign_in(&person).await, world.half_sign_in(&person).await);
    world.advance(minutes(10) - Duration::from_secs(20));
    drop(verify(&rail, &early, &person.code(&world)).await.data(200));
    world.advance(Duration::from_secs(STEP));
    verify(&rail, &late, &person.code(&world)).await.refused(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_code_counts_once_ever_in_every_session() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    world.advance(Duration::from_secs(2 * STEP));
    let code = person.code(&world);
    let session = {
        let half = world.half_sign_in(&person).await;
        Session::of(&verify(&rail, &half, &code).await.data(200))
    };
    let half = world.half_sign_in(&person).await;
    verify(&rail, &half, &code).await.refused(401, "INVALID_CODE");
    let step_up = json!({ "code": code });
    rail.post_as(&session.access, "/mfa/verify", step_up).await.refused(401, "INVALID_CODE");
    // Nor does a code of the step before count any more.
    let earlier = person.code_of_step(world.clock().secs() / STEP - 1);
    verify(&rail, &half, &earlier).await.refused(401, "INVALID_CODE");
    drop(verify(&rail, &half, &person.code(&world)).await.data(200));
}

#[tokio::test]
async fn a_code_of_another_time_or_person_is_wrong() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let other = world.enrolled().await;
    world.advance(minutes(5));
    let half = world.half_sign_in(&person).await;
    let now = world.clock().secs() / STEP;
    for code in [
        person.code_of_step(now - 3),
        person.code_of_step(now + 3),
        other.code_of_step(now),
        String::new(),
        "12345".into(),
        "1234567".into(),
        "abcdef".into(),
        "٢٨٧٠٨٢".into(),
    ] {
        verify(&rail, &half, &code).await.refused(401, "INVALID_CODE");
    }
    drop(verify(&rail, &half, &person.code(&world)).await.data(200));
}

#[tokio::test]
async fn a_backup_code_stands_in_once() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let half = world.half_sign_in(&person).await;
    let code = &person.backup_codes[0];
    let session = Session::of(&verify(&rail, &half, code).await.data(200));
    assert_eq!(claims(&session.access)["acr"], "urn:signalbox:2fa");
    let half = world.half_sign_in(&person).await;
    verify(&rail, &half, code).await.refused(401, "INVALID_CODE");
    // Another one is good, however it is written; and its owner is told.
    let typed = person.backup_codes[1].to_uppercase().replace('-', " ");
    drop(verify(&rail, &half, &typed).await.data(200));
    let mails = world.mails(&person.email).await;
    assert!(mails[0]["subject"].as_str().unwrap().contains("backup code"), "{mails:?}");
}

#[tokio::test]
async fn backup_codes_are_worth_nothing_before_the_factor_is_confirmed_or_to_somebody_else() {
    let world = World::shared().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    person.take_secrets(&world.set_up_factor(&session, "TOTP").await.data(200));
    let unconfirmed = json!({ "method": "BACKUP_CODE", "code": person.backup_codes[0] });
    let answer = rail.post_as(&session.access, "/mfa/verify", unconfirmed).await;
    assert!((400..500).contains(&answer.status), "{}", answer.text);

    let other = world.enrolled().await;
    let half = world.half_sign_in(&other).await;
    verify(&rail, &half, &person.backup_codes[0]).await.refused(401, "INVALID_CODE");
}

#[tokio::test]
async fn a_newer_set_up_takes_the_place_of_one_that_was_not_confirmed() {
    let world = World::shared().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    let older = world.set_up_factor(&session, "TOTP").await.data(200);
    let newer = world.set_up_factor(&session, "TOTP").await.data(200);
    assert_ne!(older["secret"], newer["secret"]);
    person.take_secrets(&newer);
    drop(world.confirm_factor(&session, "TOTP", &person.code(&world)).await.data(200));
    let old_codes: Vec<Value> = older["backupCodes"].as_array().unwrap().clone();
    let half = world.half_sign_in(&person).await;
    let old_code = old_codes[0].as_str().unwrap();
    verify(&rail, &half, old_code).await.refused(401, "INVALID_CODE");
    drop(verify(&rail, &half, &person.backup_codes[0]).await.data(200));
}

#[tokio::test]
async fn a_first_set_up_takes_the_place_of_one_of_another_method_with_its_backup_codes() {
    let world = World::shared().await;
    let (rail, mut owner) = (world.rail(), world.person().await);
    let session = world.sign_in(&owner).await;
    owner.take_secrets(&world.set_up_factor(&session, "TOTP").await.data(200));
    // Somebody else with the password begins after the owner.
    let stranger = world.sign_in(&owner).await;
    let wanted = json!({ "method": "EMAIL_OTP" });
    let shown = rail.post_as(&stranger.access, "/mfa/setup", wanted).await.data(200);
    let mut other = Person::new();
    other.take_secrets(&shown);

    // The owner's set-up is over: nothing of the other one is confirmed by it.
    world.confirm_factor(&session, "TOTP", &owner.code(&world)).await.refused(404, "NOT_FOUND");
    assert_eq!(rail.post("/login", owner.credentials()).await.data(200)["mfaRequired"], false);
    owner.take_secrets(&world.set_up_factor(&session, "TOTP").await.data(200));
    drop(world.confirm_factor(&session, "TOTP", &owner.code(&world)).await.data(200));
    let half = world.half_sign_in(&owner).await;
    verify(&rail, &half, &other.backup_codes[0]).await.refused(401, "INVALID_CODE");
    drop(verify(&rail, &half, &owner.backup_codes[0]).await.data(200));
}

#[tokio::test]
async fn another_authenticator_can_be_added_and_both_count() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let session = world.sign_in(&person).await;
    let shown = world.set_up_factor(&session, "TOTP").await.data(200);
    assert!(shown.get("backupCodes").is_none(), "{shown}");
    let mut second = Person::new();
    second.take_secrets(&shown);
    drop(world.confirm_factor(&session, "TOTP", &second.code(&world)).await.data(200));
    world.advance(Duration::from_secs(2 * STEP));
    for code in [person.code(&world), second.code(&world)] {
        let half = world.half_sign_in(&person).await;
        drop(verify(&rail, &half, &code).await.data(200));
    }
}
