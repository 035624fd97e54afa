//! Trusted devices.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    Answer, Person, Session, World,
    forge::claims,
    person::{STEP, on_device, refresh},
    rail::send,
};

use crate::{days, ends_at_the_edge, minutes, names, set};

async fn login(world: &World, person: &Person, device: &str) -> Value {
    world.rail().post("/login", on_device(person, device)).await.data(200)
}

/// Asks for a second factor, in the same words as of a device that nobody has heard of.
#[track_caller]
fn asks(data: &Value) {
    assert_eq!(
        names(data),
        set(["mfaRequired", "mfaToken", "mfaMethods", "defaultMfaMethod", "expiresIn"])
    );
}

#[track_caller]
fn cookie(answer: &Answer, name: &str) -> String {
    let all = answer.headers.get_all("set-cookie").iter();
    let all: Vec<&str> = all.map(|field| field.to_str().unwrap()).collect();
    let begin = format!("{name}=");
    let found = all.iter().find(|cookie| cookie.starts_with(&begin));
    found.unwrap_or_else(|| panic!("no {name} in {all:?}")).to_string()
}

#[tokio::test]
async fn a_trusted_device_makes_the_second_factor_unnecessary_and_says_so() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let half = world.half_sign_in(&person).await;
    let answer = json!({ "mfaToken": half, "code": person.code(&world), "trustDevice": true });
    let answer = rail.post("/mfa/verify", answer).await;
    let token = answer.data(200)["deviceToken"].as_str().unwrap().to_owned();
    assert!(token.starts_with("sbd_"), "{token}");
    let carried = cookie(&answer, "sb_device");
    assert!(carried.starts_with(&format!("sb_device={token};")), "{carried}");
    for part in ["; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age="] {
        assert!(carried.contains(part), "{carried}");
    }

    let by_token = login(&world, &person, &token).await;
    let by_cookie = rail.request("POST", "/login").json(&person.credentials());
    let by_cookie = send(by_cookie.header("cookie", format!("a=b; sb_device={token}"))).await;
    for data in [by_token, by_cookie.data(200)] {
        let token = claims(&Session::of(&data).access);
        assert_eq!(token["acr"], "urn:signalbox:1fa");
        assert_eq!(token["amr"], json!(["pwd", "device"]));
        assert!(token["device_time"].as_i64().unwrap() <= token["auth_time"].as_i64().unwrap());
    }
    // Without it the factor is asked for as ever.
    asks(&rail.post("/login", person.credentials()).await.data(200));
}

#[tokio::test]
async fn a_device_that_is_none_of_the_persons_changes_nothing() {
    let world = World::shared().await;
    let (person, other) = (world.enrolled().await, world.enrolled().await);
    let own = world.trusted_device(&person).await;
    let of_another = world.trusted_device(&other).await;
    let mut altered = own.clone();
    let last = if altered.pop() == Some('A') { 'B' } else { 'A' };
    altered.push(last);
    for wrong in [of_another.as_str(), &altered, "", "nonsense", "sbd_", &"x".repeat(4000)] {
        asks(&login(&world, &person, wrong).await);
    }
    // Nor is it a credential anywhere, nor does it speak for a wrong password.
    let rail = world.rail();
    rail.call_as(&own, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    let mut wrong = on_device(&person, &own);
    wrong["password"] = "wrong guess".into();
    rail.post("/login", wrong).await.refused(401, "INVALID_CREDENTIALS");
    drop(Session::of(&login(&world, &person, &own).await));
}

#[tokio::test]
async fn any_change_of_password_or_factor_ends_a_trusted_device() {
    let mut world = World::start().await;
    let rail = world.rail();
    for change in ["password", "factor added", "factor removed", "backup codes"] {
        let mut person = world.enrolled().await;
        world.advance(Duration::from_secs(2 * STEP));
        let device = world.trusted_device(&person).await;
        let session = world.sign_in(&person).await;
        drop(Session::of(&login(&world, &person, &device).await));
        match change {
            "password" => {
                let new = Person::new().password;
                let body = json!({ "currentPassword": person.password, "newPassword": new });
                rail.post_as(&session.access, "/change-password", body).await.expect(200);
                person.password = new;
            }
            "factor added" => world.enrol_by_mail(&mut person, &session).await,
            "factor removed" => {
                world.enrol_by_mail(&mut person, &session).await;
                world.advance(Duration::from_secs(2 * STEP));
                let device = world.trusted_device(&person).await;
                let listed = rail.call_as(&session.access, "GET", "/mfa/methods").await;
                let listed = listed.json()["data"].as_array().unwrap().clone();
                let by_mail = listed.iter().find(|factor| factor["method"] == "EMAIL_OTP");
                let id = by_mail.unwrap()["id"].as_str().unwrap();
                let path = format!("/mfa/methods/{id}");
                drop(rail.call_as(&session.access, "DELETE", &path).await.data(200));
                asks(&login(&world, &person, &device).await);
            }
            _ => {
                let made = rail.post_as(&session.access, "/mfa/backup-codes", json!({})).await;
                drop(made.data(200));
            }
        }
        asks(&login(&world, &person, &device).await);
    }
}

#[tokio::test]
async fn a_device_is_trusted_for_thirty_days_where_nothing_else_is_said() {
    let mut world = World::start().await;
    let person = world.enrolled().await;
    let device = world.trusted_device(&person).await;
    world.advance(minutes(30 * 24 * 60) - minutes(1));
    drop(Session::of(&login(&world, &person, &device).await));
    world.advance(minutes(2));
    asks(&login(&world, &person, &device).await);
}

#[tokio::test]
async fn a_device_is_no_present_factor() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let device = world.trusted_device(&person).await;
    world.advance(Duration::from_secs(2 * STEP));
    let session = Session::of(&login(&world, &person, &device).await);
    for (method, path) in [
        ("GET", "/mfa/methods"),
        ("DELETE", "/mfa/methods/0199ffff-0000-7000-8000-000000000000"),
        ("POST", "/mfa/backup-codes"),
    ] {
        let answer = rail.call_as(&session.access, method, path).await;
        let error = answer.error(403, "STEP_UP_REQUIRED");
        assert_eq!(error["acrValues"], json!(["urn:signalbox:2fa"]), "{method} {path}");
    }
    // A refresh raises nothing.
    let again = Session::of(&refresh(&rail, &session.refresh).await.data(200));
    for claim in ["acr", "amr", "auth_time", "device_time"] {
        assert_eq!(claims(&again.access)[claim], claims(&session.access)[claim], "{claim}");
    }
    // A proof of the factor does, and rests on the device no more.
    let proved = json!({ "code": person.code(&world) });
    let proved = rail.post_as(&again.access, "/mfa/verify", proved).await.data(200);
    let token = claims(&Session::of(&proved).access);
    assert_eq!((&token["acr"], &token["device_time"]), (&json!("urn:signalbox:2fa"), &json!(null)));
}

#[tokio::test]
async fn people_see_their_own_devices_and_end_them() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let other = world.sign_in(&world.person().await).await;
    let device = world.trusted_device(&person).await;
    world.advance(Duration::from_secs(2 * STEP));
    let on_it = Session::of(&login(&world, &person, &device).await);
    let beside = world.sign_in(&person).await;
    let list = async |session: &Session| {
        let answer = rail.call_as(&session.access, "GET", "/devices").await;
        answer.expect(200).json()["data"].as_array().unwrap().clone()
    };
    let listed = list(&on_it).await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(
        names(&listed[0]),
        set(["id", "current", "name", "userAgent", "ip", "createdAt", "lastUsedAt", "expiresAt"])
    );
    assert_eq!(listed[0]["current"], true);
    assert_eq!(listed[0]["userAgent"], "signalbox-tests");
    assert_eq!(list(&beside).await[0]["current"], false);
    assert!(list(&other).await.is_empty());

    let path = format!("/devices/{}", listed[0]["id"].as_str().unwrap());
    rail.call_as(&other.access, "DELETE", &path).await.refused(404, "NOT_FOUND");
    rail.call_as(&other.access, "DELETE", "/devices/nonsense").await.refused(404, "NOT_FOUND");
    assert_eq!(rail.call_as(&beside.access, "DELETE", &path).await.data(200)["revoked"], true);
    rail.call_as(&beside.access, "DELETE", &path).await.refused(404, "NOT_FOUND");
    asks(&login(&world, &person, &device).await);
    // What rested on it has ended; what did not goes on.
    rail.call_as(&on_it.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    refresh(&rail, &on_it.refresh).await.refused(401, "INVALID_TOKEN");
    drop(rail.call_as(&beside.access, "GET", "/me").await.data(200));
}

#[tokio::test]
async fn all_devices_can_be_ended_at_once() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let first = world.trusted_device(&person).await;
    world.advance(Duration::from_secs(2 * STEP));
    let second = world.trusted_device(&person).await;
    let session = world.sign_in(&person).await;
    let ended = rail.call_as(&session.access, "DELETE", "/devices").await.data(200);
    assert_eq!(ended["revoked"], 2);
    for device in [first, second] {
        asks(&login(&world, &person, &device).await);
    }
    drop(rail.call_as(&session.access, "GET", "/me").await.data(200));
}

#[tokio::test]
async fn an_operator_ends_the_trust_in_every_device_of_somebody() {
    let mut world = World::start().await;
    let (rail, person, other) = (world.rail(), world.enrolled().await, world.enrolled().await);
    let (device, theirs) =
        (world.trusted_device(&person).await, world.trusted_device(&other).await);
    world.advance(Duration::from_secs(2 * STEP));
    let on_it = Session::of(&login(&world, &person, &device).await);
    let beside = world.sign_in(&person).await;
    let edge = world.edge();
    let email = person.email.to_uppercase();
    let revoke = ["admin", "revoke-devices", "--email", &email];
    let revoked = world.signalbox(&revoke).await.json();
    assert_eq!(revoked, json!({ "email": person.email, "revoked": 1 }));
    asks(&login(&world, &person, &device).await);
    on_it.expect_over(&world).await;
    ends_at_the_edge(&edge, &on_it.access).await;
    drop(rail.call_as(&beside.access, "GET", "/me").await.data(200));
    drop(Session::of(&login(&world, &other, &theirs).await));
    // Its owner sees that it was done, and not from where.
    let request = rail.request_root("GET", "/api/v1/account/activity").bearer_auth(&beside.access);
    let seen = send(request).await.data(200);
    let event = seen.as_array().unwrap().iter().find(|one| one["event"] == "auth.device.revoked");
    assert_eq!(event.unwrap()["ip"], Value::Null, "{seen}");
    assert_eq!(world.signalbox(&revoke).await.json()["revoked"], 0);
    let nobody = ["admin", "revoke-devices", "--email", "nobody@example.com"];
    assert_eq!(world.signalbox(&nobody).await.code, 2);
}

#[tokio::test]
async fn a_device_is_listed_with_the_end_of_what_the_longest_policy_counts() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    drop(world.trusted_device(&person).await);
    world.advance(Duration::from_secs(2 * STEP));
    let session = world.sign_in(&person).await;
    let lives = async |session: &Session| -> Vec<i64> {
        let listed = rail.call_as(&session.access, "GET", "/devices").await.data(200);
        let instant = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        let life = |device: &Value| {
            instant(&device["expiresAt"]).duration_since(instant(&device["createdAt"])).as_secs()
        };
        listed.as_array().unwrap().iter().map(life).collect()
    };
    assert_eq!(lives(&session).await, [30 * 24 * 3600]);
    let site = json!({
        "site_key": "patient", "base_url": "http://patient.localhost", "hosts": ["patient.localhost"],
        "upstreams": ["http://127.0.0.1:9"], "policy": { "trusted_device": { "days": 40 } },
    });
    drop(world.create_site(&site).await);
    assert_eq!(lives(&session).await, [40 * 24 * 3600]);
    // Where it counts no longer it is none that stands in for anything.
    world.advance(days(41));
    let session = world.sign_in(&person).await;
    assert!(lives(&session).await.is_empty());
}

#[tokio::test]
async fn ending_all_devices_ends_what_rests_on_one_that_is_gone_already() {
    let mut world = World::start().await;
    let (rail, mut person) = (world.rail(), world.enrolled().await);
    let first = world.trusted_device(&person).await;
    let on_it = Session::of(&login(&world, &person, &first).await);
    world.advance(Duration::from_secs(2 * STEP));
    let session = world.sign_in(&person).await;
    world.enrol_by_mail(&mut person, &session).await;
    // The next one takes the place of those that are trusted no more.
    world.advance(Duration::from_secs(2 * STEP));
    drop(world.trusted_device(&person).await);
    drop(rail.call_as(&on_it.access, "GET", "/me").await.data(200));
    let ended = rail.call_as(&session.access, "DELETE", "/devices").await.data(200);
    assert_eq!(ended["revoked"], 1);
    rail.call_as(&on_it.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    refresh(&rail, &on_it.refresh).await.refused(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_device_may_be_trusted_as_the_first_factor_is_confirmed() {
    let world = World::shared().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let mut body = person.credentials();
    body["siteKey"] = "demo".into();
    let half = rail.post("/login", body).await.data(200)["mfaToken"].as_str().unwrap().to_owned();
    let wanted = json!({ "mfaToken": half, "method": "TOTP" });
    person.take_secrets(&rail.post("/mfa/setup", wanted).await.data(200));
    let answer = json!({
        "mfaToken": half, "method": "TOTP", "code": person.code(&world), "trustDevice": true,
    });
    let data = rail.post("/mfa/setup/confirm", answer).await.data(200);
    let device = data["deviceToken"].as_str().unwrap();
    drop(Session::of(&login(&world, &person, device).await));
}
