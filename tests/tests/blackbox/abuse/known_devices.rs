//! A flood of wrong passwords does not shut the owner out, and what a device is known by is no
//! credential.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    Answer, Person, Session, World,
    person::{STEP, on_device, verify},
    rail::send,
};

use crate::minutes;

/// How many guesses are judged in a quarter of an hour.
const BUDGET: usize = 10;

/// Signs in, and takes the mark that the device is known by.
async fn marked(world: &World, person: &Person) -> (Session, String) {
    let answer = world.rail().post("/login", person.credentials()).await;
    (Session::of(&answer.data(200)), mark(&answer))
}

#[track_caller]
pub(super) fn mark(answer: &Answer) -> String {
    let all = answer.headers.get_all("set-cookie").iter();
    let all: Vec<&str> = all.map(|field| field.to_str().unwrap()).collect();
    let carried = all.iter().find(|cookie| cookie.starts_with("sb_known="));
    let carried = carried.unwrap_or_else(|| panic!("{all:?}"));
    for part in ["; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age="] {
        assert!(carried.contains(part), "{carried}");
    }
    carried["sb_known=".len()..].split(';').next().unwrap().to_owned()
}

async fn login(world: &World, body: &Value, mark: &str) -> Answer {
    let request = world.rail().request("POST", "/login").json(body);
    send(request.header("cookie", format!("sb_known={mark}"))).await
}

fn wrong(person: &Person) -> Value {
    json!({ "email": person.email, "password": "wrong guess" })
}

async fn flood(world: &World, person: &Person) {
    let rail = world.rail();
    for _ in 0..BUDGET {
        rail.post("/login", wrong(person)).await.refused(401, "INVALID_CREDENTIALS");
    }
    rail.post("/login", person.credentials()).await.refused(429, "RATE_LIMITED");
}

#[tokio::test]
async fn a_flood_from_elsewhere_does_not_shut_out_a_device_that_has_signed_in_before() {
    let world = World::start().await;
    let person = world.person().await;
    let (session, mark) = marked(&world, &person).await;
    flood(&world, &person).await;
    drop(Session::of(&login(&world, &person.credentials(), &mark).await.data(200)));
    // Nor from proving the password again, or from choosing another.
    let rail = world.rail();
    let known = |path: &str, body: Value| {
        let request = rail.request("POST", path).bearer_auth(&session.access).json(&body);
        send(request.header("cookie", format!("sb_known={mark}")))
    };
    let password = json!({ "password": person.password });
    rail.post_as(&session.access, "/reauthenticate", password.clone()).await.expect(429);
    drop(known("/reauthenticate", password).await.data(200));
    let new = json!({ "currentPassword": person.password, "newPassword": Person::new().password });
    known("/change-password", new).await.expect(200);
}

#[tokio::test]
async fn a_known_device_has_ten_guesses_and_no_more() {
    let mut world = World::start().await;
    let person = world.person().await;
    let (_, mark) = marked(&world, &person).await;
    for _ in 0..BUDGET {
        login(&world, &wrong(&person), &mark).await.refused(401, "INVALID_CREDENTIALS");
    }
    login(&world, &person.credentials(), &mark).await.refused(429, "RATE_LIMITED");
    // They are its own: the account's are untouched. And signing in again makes no other device.
    let answer = world.rail().post("/login", person.credentials()).await;
    drop(answer.data(200));
    world.advance(minutes(15));
    let again = login(&world, &person.credentials(), &mark).await;
    drop(again.data(200));
    let renewed = self::mark(&again);
    for number in 0..BUDGET {
        let mark = if number % 2 == 0 { &mark } else { &renewed };
        login(&world, &wrong(&person), mark).await.refused(401, "INVALID_CREDENTIALS");
    }
    for mark in [mark, renewed] {
        login(&world, &person.credentials(), &mark).await.refused(429, "RATE_LIMITED");
    }
}

#[tokio::test]
async fn a_mark_of_somebody_else_or_of_nobody_does_not_count() {
    let world = World::start().await;
    let (person, other) = (world.person().await, world.person().await);
    let (_, own) = marked(&world, &person).await;
    let (_, of_another) = marked(&world, &other).await;
    let mut altered = own.clone().into_bytes();
    let middle = altered.len() / 2;
    altered[middle] = if altered[middle] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    let bad = [of_another.as_str(), &altered, "", "nonsense", "\"", &"A".repeat(3000)];
    // They are counted with the account's, wherever they come from.
    for number in 0..BUDGET {
        let mark = bad[number % bad.len()];
        login(&world, &wrong(&person), mark).await.refused(401, "INVALID_CREDENTIALS");
    }
    for mark in bad {
        login(&world, &person.credentials(), mark).await.refused(429, "RATE_LIMITED");
    }
    drop(login(&world, &person.credentials(), &own).await.data(200));
    // A known address answers as an unknown one does.
    let stranger = Person::new();
    let unknown = login(&world, &wrong(&stranger), &own).await;
    let known = login(&world, &wrong(&other), &own).await;
    assert_eq!(unknown.without_meta(), known.without_meta());
}

#[tokio::test]
async fn a_stolen_mark_signs_nobody_in() {
    let world = World::shared().await;
    let person = world.enrolled().await;
    let half = world.half_sign_in(&person).await;
    let proved = json!({ "mfaToken": half, "code": person.code(&world) });
    let mark = mark(&world.rail().post("/mfa/verify", proved).await);
    // The factor is asked for as ever, and without the password there is nothing.
    let data = login(&world, &person.credentials(), &mark).await.data(200);
    assert_eq!(data["mfaRequired"], true);
    login(&world, &wrong(&person), &mark).await.refused(401, "INVALID_CREDENTIALS");
    let rail = world.rail();
    rail.call_as(&mark, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    let request = rail.request("GET", "/me").header("cookie", format!("sb_known={mark}"));
    send(request).await.refused(401, "UNAUTHORIZED");
    let mut as_device = person.credentials();
    as_device["deviceToken"] = mark.into();
    assert_eq!(rail.post("/login", as_device).await.data(200)["mfaRequired"], true);
}

#[tokio::test]
async fn half_a_sign_in_makes_no_device_known() {
    let world = World::shared().await;
    let person = world.enrolled().await;
    for body in [person.credentials(), wrong(&person)] {
        let answer = world.rail().post("/login", body).await;
        assert!(answer.headers.get("set-cookie").is_none(), "{answer:?}");
    }
}

#[tokio::test]
async fn a_device_that_signed_in_with_an_older_password_is_unknown() {
    let world = World::start().await;
    let mut person = world.person().await;
    let (session, mark) = marked(&world, &person).await;
    let new = Person::new().password;
    let body = json!({ "currentPassword": person.password, "newPassword": new });
    world.rail().post_as(&session.access, "/change-password", body).await.expect(200);
    person.password = new;
    flood(&world, &person).await;
    login(&world, &person.credentials(), &mark).await.refused(429, "RATE_LIMITED");
}

#[tokio::test]
async fn a_device_that_was_trusted_is_known_until_a_password_or_factor_changes() {
    let mut world = World::start().await;
    let (rail, mut person) = (world.rail(), world.enrolled().await);
    let device = world.trusted_device(&person).await;
    world.advance(Duration::from_secs(2 * STEP));
    let session = world.sign_in(&person).await;
    flood(&world, &person).await;
    drop(Session::of(&rail.post("/login", on_device(&person, &device)).await.data(200)));
    world.enrol_by_mail(&mut person, &session).await;
    rail.post("/login", on_device(&person, &device)).await.refused(429, "RATE_LIMITED");
}

/// Signs somebody with an authenticator in, and takes the mark that the device is known by.
async fn marked_by_code(world: &World, person: &Person) -> String {
    let half = world.half_sign_in(person).await;
    mark(&verify(&world.rail(), &half, &person.code(world)).await)
}

async fn verify_on(world: &World, half: &str, code: &str, mark: &str) -> Answer {
    let body = json!({ "mfaToken": half, "code": code });
    let request = world.rail().request("POST", "/mfa/verify").json(&body);
    send(request.header("cookie", format!("sb_known={mark}"))).await
}

#[tokio::test]
async fn wrong_codes_from_elsewhere_do_not_shut_out_a_device_that_has_signed_in_before() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    world.advance(Duration::from_secs(2 * STEP));
    let mark = marked_by_code(&world, &person).await;
    world.advance(Duration::from_secs(2 * STEP));
    // Somebody knows the password, and types codes until the factor is locked for them for good.
    for round in 0..10 {
        let half = world.half_sign_in(&person).await;
        let wrong = person.wrong_code(&world);
        for _ in 0..BUDGET {
            verify(&rail, &half, &wrong).await.refused(401, "INVALID_CODE");
        }
        verify(&rail, &half, &person.code(&world)).await.refused(429, "RATE_LIMITED");
        if round == 0 {
            let code = person.code(&world);
            drop(
                verify_on(&world, &world.half_sign_in(&person).await, &code, &mark).await.data(200),
            );
            // A right code ends the row: begin anew.
            world.advance(minutes(15));
            let half = world.half_sign_in(&person).await;
            let wrong = person.wrong_code(&world);
            for _ in 0..BUDGET {
                verify(&rail, &half, &wrong).await.refused(401, "INVALID_CODE");
            }
        }
        world.advance(minutes(15));
    }
    let half = world.half_sign_in(&person).await;
    verify(&rail, &half, &person.code(&world)).await.refused(423, "ACCOUNT_LOCKED");
    let half = world.half_sign_in(&person).await;
    let answer = verify_on(&world, &half, &person.code(&world), &mark).await;
    drop(answer.data(200));
    // Which the owner has proved, and so it is open again for all.
    world.advance(Duration::from_secs(2 * STEP));
    world.sign_in(&person).await;
}

#[tokio::test]
async fn codes_that_somebody_else_has_sent_keep_none_from_a_device_that_has_signed_in_before() {
    let mut world = World::start().await;
    let rail = world.rail();
    let (by_sms, _) = world.enrolled_by_sms().await;
    for (person, method, limit) in
        [(world.enrolled_by_mail().await, "EMAIL_OTP", 10), (by_sms, "SMS", 5)]
    {
        let half = world.half_sign_in(&person).await;
        let known = mark(&verify(&rail, &half, &person.backup_codes[0]).await);
        world.advance(minutes(15));
        let wanted = json!({ "mfaToken": world.half_sign_in(&person).await, "method": method });
        for _ in 0..limit {
            drop(rail.post("/mfa/challenge", wanted.clone()).await.data(200));
        }
        rail.post("/mfa/challenge", wanted.clone()).await.refused(429, "RATE_LIMITED");
        let challenge = || {
            let request = rail.request("POST", "/mfa/challenge").json(&wanted);
            send(request.header("cookie", format!("sb_known={known}")))
        };
        drop(challenge().await.data(200));
        // Whose own budget is no larger.
        for _ in 1..limit {
            drop(challenge().await.data(200));
        }
        challenge().await.refused(429, "RATE_LIMITED");
    }
}

#[tokio::test]
async fn a_known_device_has_ten_codes_a_hundred_in_a_row_and_no_more() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    world.advance(Duration::from_secs(2 * STEP));
    let mark = marked_by_code(&world, &person).await;
    for round in 0..10 {
        let half = world.half_sign_in(&person).await;
        let wrong = person.wrong_code(&world);
        for _ in 0..BUDGET {
            verify_on(&world, &half, &wrong, &mark).await.refused(401, "INVALID_CODE");
        }
        // Neither another half sign-in, nor a right password, nor the right code gives more.
        let half = world.half_sign_in(&person).await;
        let right = person.code_of_step(world.clock().secs() / STEP);
        verify_on(&world, &half, &right, &mark).await.refused(429, "RATE_LIMITED");
        if round < 9 {
            world.advance(minutes(15));
        }
    }
    world.advance(minutes(15));
    let half = world.half_sign_in(&person).await;
    verify_on(&world, &half, &person.code(&world), &mark).await.refused(423, "ACCOUNT_LOCKED");
    // What others have is untouched by that.
    world.advance(Duration::from_secs(2 * STEP));
    let half = world.half_sign_in(&person).await;
    drop(verify(&rail, &half, &person.code(&world)).await.data(200));
}

#[tokio::test]
async fn the_mark_of_somebody_else_gives_no_codes() {
    let world = World::start().await;
    let (rail, person, other) = (world.rail(), world.enrolled().await, world.person().await);
    let (_, of_another) = marked(&world, &other).await;
    let half = world.half_sign_in(&person).await;
    let wrong = person.wrong_code(&world);
    for number in 0..BUDGET {
        let answer = match number % 2 {
            0 => verify(&rail, &half, &wrong).await,
            _ => verify_on(&world, &half, &wrong, &of_another).await,
        };
        answer.refused(401, "INVALID_CODE");
    }
    let right = person.code(&world);
    verify_on(&world, &half, &right, &of_another).await.refused(429, "RATE_LIMITED");
}
