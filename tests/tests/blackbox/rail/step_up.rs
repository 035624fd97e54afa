//! Fresher and higher proofs.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    Person, Session, World,
    forge::claims,
    person::{STEP, refresh},
};

use crate::minutes;

fn set_up() -> Value {
    json!({ "method": "TOTP" })
}

#[tokio::test]
async fn a_step_up_gives_new_tokens_of_the_same_session() {
    let mut world = World::start().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let before = world.sign_in(&person).await;
    world.enrol(&mut person, &before).await;
    world.advance(Duration::from_secs(2 * STEP));
    let body = json!({ "code": person.code(&world) });
    let data = rail.post_as(&before.access, "/mfa/verify", body).await.data(200);
    let after = Session::of(&data);
    let (old, new) = (claims(&before.access), claims(&after.access));
    assert_eq!(old["sid"], new["sid"]);
    assert_eq!(
        (&old["acr"], &new["acr"]),
        (&json!("urn:signalbox:1fa"), &json!("urn:signalbox:2fa"))
    );
    assert!(new["auth_time"].as_i64() > old["auth_time"].as_i64());
    world.edge().demo(&after.access).await.expect(200);
    world.edge().demo(&before.access).await.expect(401);
    // Who held a refresh token of before does not rise with the session.
    let stale = refresh(&rail, &before.refresh).await;
    if stale.status == 200 {
        assert_eq!(claims(&Session::of(&stale.data(200)).access)["acr"], "urn:signalbox:1fa");
    }
}

#[tokio::test]
async fn the_refresh_token_of_a_step_up_keeps_the_level() {
    let mut world = World::start().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let before = world.sign_in(&person).await;
    world.enrol(&mut person, &before).await;
    world.advance(Duration::from_secs(2 * STEP));
    let body = json!({ "code": person.code(&world) });
    let data = rail.post_as(&before.access, "/mfa/verify", body).await.data(200);
    let after = Session::of(&data);
    let again = Session::of(&refresh(&rail, &after.refresh).await.data(200));
    assert_eq!(claims(&again.access)["acr"], "urn:signalbox:2fa");
    assert_eq!(claims(&again.access)["auth_time"], claims(&after.access)["auth_time"]);
}

#[tokio::test]
async fn a_first_factor_asks_for_a_proof_of_the_last_five_minutes() {
    let mut world = World::start().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    world.advance(minutes(5) + Duration::from_secs(2));
    let answer = rail.post_as(&session.access, "/mfa/setup", set_up()).await;
    let error = answer.error(403, "STEP_UP_REQUIRED");
    assert_eq!(error["acrValues"], json!(["urn:signalbox:1fa"]));
    assert_eq!(error["maxAge"], 300);
    // A refresh is no fresh proof; the password is one.
    let refreshed = Session::of(&refresh(&rail, &session.refresh).await.data(200));
    let answer = rail.post_as(&refreshed.access, "/mfa/setup", set_up()).await;
    answer.refused(403, "STEP_UP_REQUIRED");
    let body = json!({ "password": person.password });
    let data = rail.post_as(&refreshed.access, "/reauthenticate", body).await.data(200);
    let fresh = Session::of(&data);
    assert_eq!(claims(&fresh.access)["sid"], claims(&session.access)["sid"]);
    assert!(
        claims(&fresh.access)["auth_time"].as_i64() > claims(&session.access)["auth_time"].as_i64()
    );
    world.enrol(&mut person, &fresh).await;
}

#[tokio::test]
async fn a_confirmation_asks_for_a_fresh_proof_too() {
    let mut world = World::start().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    person.take_secrets(&rail.post_as(&session.access, "/mfa/setup", set_up()).await.data(200));
    world.advance(minutes(5) + Duration::from_secs(2));
    let body = json!({ "method": "TOTP", "code": person.code(&world) });
    let answer = rail.post_as(&session.access, "/mfa/setup/confirm", body).await;
    answer.refused(403, "STEP_UP_REQUIRED");
}

#[tokio::test]
async fn who_has_a_factor_proves_it_before_adding_another() {
    let world = World::shared().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    // A session of one factor that is older than the factor: stolen, say.
    let stolen = world.sign_in(&person).await;
    let own = world.sign_in(&person).await;
    world.enrol(&mut person, &own).await;
    let answer = rail.post_as(&stolen.access, "/mfa/setup", set_up()).await;
    let error = answer.error(403, "STEP_UP_REQUIRED");
    assert_eq!(error["acrValues"], json!(["urn:signalbox:2fa"]));
    assert_eq!(error["maxAge"], 300);
    // The password is no proof of the factor.
    let body = json!({ "password": person.password });
    let answer = rail.post_as(&stolen.access, "/reauthenticate", body).await;
    assert_eq!(answer.error(403, "STEP_UP_REQUIRED")["acrValues"], json!(["urn:signalbox:2fa"]));
    // Nor does half a sign-in open it.
    let half = world.half_sign_in(&person).await;
    let answer = rail.post_as(&half, "/mfa/setup", set_up()).await;
    assert!([401, 403].contains(&answer.status), "{}", answer.text);
}

#[tokio::test]
async fn an_old_proof_of_a_factor_adds_no_other() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let session = world.sign_in(&person).await;
    world.advance(minutes(5) + Duration::from_secs(2));
    let answer = rail.post_as(&session.access, "/mfa/setup", set_up()).await;
    answer.refused(403, "STEP_UP_REQUIRED");
    let body = json!({ "code": person.code(&world) });
    let data = rail.post_as(&session.access, "/mfa/verify", body).await.data(200);
    let fresh = Session::of(&data).access;
    drop(rail.post_as(&fresh, "/mfa/setup", set_up()).await.data(200));
}

#[tokio::test]
async fn a_wrong_password_gives_no_fresh_proof() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    let body = json!({ "password": Person::new().password });
    let answer = rail.post_as(&session.access, "/reauthenticate", body).await;
    answer.refused(401, "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn somebody_without_a_factor_is_told_that_there_is_none_to_prove() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    let answer = rail.post_as(&session.access, "/mfa/verify", json!({ "code": "123456" })).await;
    assert_eq!(answer.wrong_fields(), ["method"]);
}
