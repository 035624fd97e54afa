//! What somebody does with the factors they have.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    Session, World,
    person::{STEP, refresh, verify},
    rail::Rail,
};

use crate::{minutes, names, set};

async fn list(rail: &Rail, session: &Session) -> Vec<Value> {
    let answer = rail.call_as(&session.access, "GET", "/mfa/methods").await;
    answer.expect(200).json()["data"].as_array().unwrap().clone()
}

async fn id_of(rail: &Rail, session: &Session, method: &str) -> String {
    let listed = list(rail, session).await;
    let factor = listed.iter().find(|factor| factor["method"] == method);
    factor.unwrap_or_else(|| panic!("{listed:?}"))["id"].as_str().unwrap().to_owned()
}

async fn remove(rail: &Rail, session: &Session, id: &str) -> tests::Answer {
    rail.call_as(&session.access, "DELETE", &format!("/mfa/methods/{id}")).await
}

#[tokio::test]
async fn people_see_the_factors_that_count() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    assert!(list(&rail, &session).await.is_empty());
    // What is not confirmed is none.
    let wanted = json!({ "method": "EMAIL_OTP" });
    drop(rail.post_as(&session.access, "/mfa/setup", wanted).await.data(200));
    assert!(list(&rail, &session).await.is_empty());

    let person = world.enrolled().await;
    world.sign_in_with_backup_code(&person).await;
    world.advance(Duration::from_secs(2 * STEP));
    let session = world.sign_in(&person).await;
    let listed = list(&rail, &session).await;
    let methods: Vec<&Value> = listed.iter().map(|factor| &factor["method"]).collect();
    assert_eq!(methods, ["TOTP", "BACKUP_CODE"]);
    let known = ["id", "method", "name", "default", "createdAt", "lastUsedAt"];
    assert_eq!(names(&listed[0]), set(known));
    assert_eq!(listed[0]["default"], true);
    assert!(listed[0]["lastUsedAt"].is_string());
    assert_eq!((&listed[1]["default"], &listed[1]["remaining"]), (&json!(false), &json!(9)));
}

#[tokio::test]
async fn factors_are_shown_and_changed_only_after_a_fresh_proof_of_them() {
    let mut world = World::start().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    // A session of the password alone, older than the factor: stolen, say.
    let stolen = world.sign_in(&person).await;
    let session = world.sign_in(&person).await;
    world.enrol(&mut person, &session).await;
    world.advance(Duration::from_secs(2 * STEP));
    let own = world.sign_in(&person).await;
    let id = id_of(&rail, &own, "TOTP").await;
    let calls = [
        ("GET", "/mfa/methods".to_owned()),
        ("DELETE", format!("/mfa/methods/{id}")),
        ("POST", "/mfa/backup-codes".to_owned()),
    ];
    let half = world.half_sign_in(&person).await;
    for (method, path) in &calls {
        let answer = rail.call_as(&stolen.access, method, path).await;
        assert_eq!(answer.error(403, "STEP_UP_REQUIRED")["maxAge"], 300);
        rail.call_as(&half, method, path).await.refused(401, "INVALID_TOKEN");
    }
    // The password does not stand for the factor, nor does a proof of it that is old.
    let body = json!({ "password": person.password });
    let answer = rail.post_as(&stolen.access, "/reauthenticate", body).await;
    answer.refused(403, "STEP_UP_REQUIRED");
    world.advance(minutes(5) + Duration::from_secs(2));
    for (method, path) in &calls {
        let answer = rail.call_as(&own.access, method, path).await;
        answer.refused(403, "STEP_UP_REQUIRED");
    }
    let proved = json!({ "code": person.code(&world) });
    let proved = rail.post_as(&own.access, "/mfa/verify", proved).await.data(200);
    assert_eq!(remove(&rail, &Session::of(&proved), &id).await.data(200)["removed"], true);
}

#[tokio::test]
async fn the_last_factor_goes_with_its_backup_codes_and_ends_every_other_session() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    world.advance(Duration::from_secs(2 * STEP));
    let other = world.sign_in(&person).await;
    world.edge().demo(&other.access).await.expect(200);
    let own = world.sign_in(&person).await;
    let id = id_of(&rail, &own, "TOTP").await;
    drop(remove(&rail, &own, &id).await.data(200));
    rail.call_as(&other.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    refresh(&rail, &other.refresh).await.refused(401, "INVALID_TOKEN");
    world.caught_up().await;
    world.edge().demo(&other.access).await.expect(401);
    drop(rail.call_as(&own.access, "GET", "/me").await.data(200));
    remove(&rail, &own, &id).await.refused(404, "NOT_FOUND");

    // There is nothing to prove any more, and nothing to prove it with.
    let session = world.sign_in(&person).await;
    assert!(list(&rail, &session).await.is_empty());
    for code in [person.backup_codes[0].clone(), person.code_of_step(world.clock().secs() / STEP)] {
        let body = json!({ "code": code });
        let answer = rail.post_as(&session.access, "/mfa/verify", body).await;
        assert_eq!(answer.wrong_fields(), ["method"]);
    }
    let mails = world.mails(&person.email).await;
    assert!(mails[0]["subject"].as_str().unwrap().contains("removed"), "{mails:?}");
}

#[tokio::test]
async fn a_factor_goes_alone_while_another_is_left() {
    let mut world = World::start().await;
    let (rail, mut person) = (world.rail(), world.enrolled().await);
    let session = world.sign_in(&person).await;
    world.enrol_by_mail(&mut person, &session).await;
    world.advance(Duration::from_secs(2 * STEP));
    let session = world.sign_in(&person).await;
    let id = id_of(&rail, &session, "TOTP").await;
    drop(remove(&rail, &session, &id).await.data(200));
    let data = rail.post("/login", person.credentials()).await.data(200);
    assert_eq!(data["mfaMethods"], json!(["EMAIL_OTP", "BACKUP_CODE"]));
    let half = data["mfaToken"].as_str().unwrap();
    drop(verify(&rail, half, &person.backup_codes[0]).await.data(200));
}

#[tokio::test]
async fn nobody_removes_the_factor_of_somebody_else() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let other = world.enrolled().await;
    let session = world.sign_in(&person).await;
    let theirs = world.sign_in(&other).await;
    let id = id_of(&rail, &theirs, "TOTP").await;
    remove(&rail, &session, &id).await.refused(404, "NOT_FOUND");
    remove(&rail, &session, "nonsense").await.refused(404, "NOT_FOUND");
    assert_eq!(list(&rail, &theirs).await.len(), 2);
}

#[tokio::test]
async fn new_backup_codes_take_the_place_of_the_old_ones() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let session = world.sign_in(&person).await;
    let made = rail.post_as(&session.access, "/mfa/backup-codes", json!({})).await.data(200);
    assert_eq!(names(&made), set(["backupCodes"]));
    let codes = made["backupCodes"].as_array().unwrap();
    assert_eq!(codes.len(), 10);
    let half = world.half_sign_in(&person).await;
    verify(&rail, &half, &person.backup_codes[0]).await.refused(401, "INVALID_CODE");
    drop(verify(&rail, &half, codes[0].as_str().unwrap()).await.data(200));
    let listed = list(&rail, &session).await;
    assert_eq!(listed[1]["remaining"], 9);
    let mails = world.mails(&person.email).await;
    let told = |mail: &Value| mail["subject"].as_str().unwrap().contains("backup codes");
    assert_eq!(mails.iter().filter(|mail| told(mail)).count(), 1, "{mails:?}");
}

#[tokio::test]
async fn who_has_no_factor_has_no_backup_codes() {
    let world = World::shared().await;
    let session = world.sign_in(&world.person().await).await;
    let answer = world.rail().post_as(&session.access, "/mfa/backup-codes", json!({})).await;
    assert_eq!(answer.wrong_fields(), ["method"]);
}
