//! Guessing passwords and codes.

use futures_util::future::join_all;
use serde_json::json;
use tests::{Answer, Person, Session, World, person::verify};

use crate::minutes;

const AT_ONCE: usize = 64;
/// How many guesses are judged in a quarter of an hour.
const BUDGET: usize = 10;

/// Of so many guesses made at once, how many were judged; the others were limited, and told when
/// to come back.
#[track_caller]
fn judged(answers: &[Answer], code: &str) -> usize {
    let (limited, judged): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == 429);
    for answer in limited {
        answer.refused(429, "RATE_LIMITED");
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=900).contains(&wait), "{wait}");
        assert_eq!(answer.header("x-ratelimit-remaining"), "0");
        for name in ["x-ratelimit-limit", "x-ratelimit-reset"] {
            assert!(answer.header(name).parse::<u64>().is_ok(), "{name}");
        }
    }
    for answer in &judged {
        answer.refused(401, code);
    }
    judged.len()
}

#[tokio::test]
async fn of_many_passwords_at_once_ten_are_judged_known_address_or_not() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.person().await);
    let stranger = Person::new();
    for email in [&person.email, &stranger.email] {
        let guesses = (0..AT_ONCE).map(|number| {
            let body = json!({ "email": email, "password": format!("wrong guess {number}") });
            let rail = rail.clone();
            async move { rail.post("/login", body).await }
        });
        let answers = join_all(guesses).await;
        assert_eq!(judged(&answers, "INVALID_CREDENTIALS"), BUDGET, "{email}");
    }
    // The budget is of the account: however it is written, and for the right password too.
    for email in [person.email.clone(), person.email.to_uppercase(), format!(" {} ", person.email)]
    {
        let body = json!({ "email": email, "password": person.password });
        rail.post("/login", body).await.refused(429, "RATE_LIMITED");
    }
    world.advance(minutes(15));
    world.sign_in(&person).await;
}

#[tokio::test]
async fn right_passwords_use_nothing_up_and_forgive_no_wrong_ones() {
    let world = World::start().await;
    let (rail, person) = (world.rail(), world.person().await);
    for _ in 0..BUDGET + 2 {
        world.sign_in(&person).await;
    }
    let wrong = json!({ "email": person.email, "password": "wrong guess" });
    for _ in 0..BUDGET - 1 {
        rail.post("/login", wrong.clone()).await.refused(401, "INVALID_CREDENTIALS");
    }
    world.sign_in(&person).await;
    rail.post("/login", wrong.clone()).await.refused(401, "INVALID_CREDENTIALS");
    rail.post("/login", wrong).await.refused(429, "RATE_LIMITED");
}

#[tokio::test]
async fn guesses_at_a_fresh_proof_count_with_those_at_the_door() {
    let world = World::start().await;
    let (rail, person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    let wrong = json!({ "password": "wrong guess" });
    for _ in 0..BUDGET {
        let answer = rail.post_as(&session.access, "/reauthenticate", wrong.clone()).await;
        answer.refused(401, "INVALID_CREDENTIALS");
    }
    rail.post("/login", person.credentials()).await.refused(429, "RATE_LIMITED");
    let right = json!({ "password": person.password });
    let answer = rail.post_as(&session.access, "/reauthenticate", right).await;
    answer.refused(429, "RATE_LIMITED");
}

#[tokio::test]
async fn one_network_has_so_many_guesses_at_all_addresses_together() {
    let world = World::plan().set("limits.password_per_network", 20).start().await;
    let rail = world.rail();
    let guesses = (0..AT_ONCE).map(|number| {
        let body =
            json!({ "email": format!("nobody-{number}@example.com"), "password": "wrong guess" });
        let rail = rail.clone();
        async move { rail.post("/login", body).await }
    });
    assert_eq!(judged(&join_all(guesses).await, "INVALID_CREDENTIALS"), 20);
}

#[tokio::test]
async fn one_network_registers_so_many_accounts_and_no_more() {
    let world = World::plan().set("limits.register_per_network", 3).start().await;
    let rail = world.rail();
    for _ in 0..3 {
        drop(rail.post("/register", Person::new().registration()).await.data(201));
    }
    let answer = rail.post("/register", Person::new().registration()).await;
    answer.refused(429, "RATE_LIMITED");
}

#[tokio::test]
async fn of_many_codes_at_once_ten_are_judged() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let (half, other_half) = (world.half_sign_in(&person).await, world.half_sign_in(&person).await);
    let wrong = person.wrong_code(&world);
    let guesses = (0..AT_ONCE).map(|number| {
        let half = if number % 2 == 0 { &half } else { &other_half };
        verify(&rail, half, &wrong)
    });
    assert_eq!(judged(&join_all(guesses).await, "INVALID_CODE"), BUDGET);

    // Neither another sign-in, nor another challenge, nor the right code gives more.
    let fresh = world.half_sign_in(&person).await;
    verify(&rail, &fresh, &person.code(&world)).await.refused(429, "RATE_LIMITED");
    let challenge = json!({ "mfaToken": fresh, "method": "TOTP" });
    drop(rail.post("/mfa/challenge", challenge).await.data(200));
    verify(&rail, &fresh, &wrong).await.refused(429, "RATE_LIMITED");
    world.advance(minutes(15));
    world.sign_in(&person).await;
}

#[tokio::test]
async fn codes_guessed_by_bearer_count_with_the_others() {
    let world = World::start().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    world.enrol(&mut person, &session).await;
    let wrong = json!({ "code": person.wrong_code(&world) });
    for _ in 0..BUDGET {
        let answer = rail.post_as(&session.access, "/mfa/verify", wrong.clone()).await;
        answer.refused(401, "INVALID_CODE");
    }
    let half = world.half_sign_in(&person).await;
    verify(&rail, &half, &person.code(&world)).await.refused(429, "RATE_LIMITED");
}

#[tokio::test]
async fn backup_codes_cannot_be_guessed_either() {
    let world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    let half = world.half_sign_in(&person).await;
    let prefix = &person.backup_codes[0][..4];
    let guesses = (0..AT_ONCE).map(|number| {
        let guess = format!("{prefix}-2222-22{}{}", number / 8 + 2, number % 8 + 2);
        let (rail, half) = (rail.clone(), half.clone());
        async move { verify(&rail, &half, &guess).await }
    });
    assert_eq!(judged(&join_all(guesses).await, "INVALID_CODE"), BUDGET);
    verify(&rail, &half, &person.backup_codes[0]).await.refused(429, "RATE_LIMITED");
    // The authenticator has a budget of its own.
    drop(verify(&rail, &half, &person.code(&world)).await.data(200));
}

#[tokio::test]
async fn the_code_that_confirms_a_factor_cannot_be_guessed() {
    let world = World::start().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let session: Session = world.sign_in(&person).await;
    let wanted = json!({ "method": "TOTP" });
    let set_up = rail.post_as(&session.access, "/mfa/setup", wanted).await.data(200);
    person.take_secrets(&set_up);
    let body = json!({ "method": "TOTP", "code": person.wrong_code(&world) });
    let guesses =
        (0..AT_ONCE).map(|_| rail.post_as(&session.access, "/mfa/setup/confirm", body.clone()));
    assert_eq!(judged(&join_all(guesses).await, "INVALID_CODE"), BUDGET);
}

#[tokio::test]
async fn a_hundred_wrong_codes_in_a_row_lock_the_factor_and_not_its_neighbour() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled().await);
    for _ in 0..10 {
        let half = world.half_sign_in(&person).await;
        let wrong = person.wrong_code(&world);
        for _ in 0..BUDGET {
            verify(&rail, &half, &wrong).await.refused(401, "INVALID_CODE");
        }
        verify(&rail, &half, &wrong).await.refused(429, "RATE_LIMITED");
        world.advance(minutes(15));
    }
    let half = world.half_sign_in(&person).await;
    verify(&rail, &half, &person.code(&world)).await.refused(423, "ACCOUNT_LOCKED");
    let mails = world.mails(&person.email).await;
    let told = |mail: &serde_json::Value| mail["subject"].as_str().unwrap().contains("locked");
    assert_eq!(mails.iter().filter(|mail| told(mail)).count(), 1, "{mails:?}");
    // No time opens it; another factor is not locked with it.
    world.advance(minutes(60 * 24));
    let half = world.half_sign_in(&person).await;
    verify(&rail, &half, &person.code(&world)).await.refused(423, "ACCOUNT_LOCKED");
    drop(verify(&rail, &half, &person.backup_codes[0]).await.data(200));
}

#[tokio::test]
async fn mailed_codes_cannot_be_guessed_by_asking_for_others() {
    let world = World::start().await;
    let (rail, person) = (world.rail(), world.enrolled_by_mail().await);
    // Every guess at a challenge of a sign-in of its own; some by an access token.
    let half = world.half_sign_in(&person).await;
    let code = world.challenged_code(&person, &half).await;
    let session = Session::of(&verify(&rail, &half, &code).await.data(200));
    for number in 0..BUDGET {
        let half = world.half_sign_in(&person).await;
        let wrong = json!({ "code": format!("{:06}", number), "method": "EMAIL_OTP" });
        if number % 3 == 0 {
            drop(world.challenged_code(&person, &half).await);
        }
        let bearer = if number % 2 == 0 { &half } else { &session.access };
        let answer = rail.post_as(bearer, "/mfa/verify", wrong).await;
        answer.refused(401, "INVALID_CODE");
    }
    let half = world.half_sign_in(&person).await;
    let code = world.challenged_code(&person, &half).await;
    verify(&rail, &half, &code).await.refused(429, "RATE_LIMITED");
    // A backup code has a budget of its own.
    drop(verify(&rail, &half, &person.backup_codes[0]).await.data(200));
}

#[tokio::test]
async fn the_mailed_code_that_confirms_a_factor_cannot_be_guessed_by_setting_it_up_anew() {
    let world = World::start().await;
    let (rail, person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    let wanted = json!({ "method": "EMAIL_OTP" });
    for number in 0..BUDGET {
        if number % 4 == 0 {
            // The other one takes its place in between.
            for wanted in [json!({ "method": "TOTP" }), wanted.clone()] {
                let set_up = rail.post_as(&session.access, "/mfa/setup", wanted).await;
                drop(set_up.data(200));
            }
        }
        let body = json!({ "method": "EMAIL_OTP", "code": format!("{number:06}") });
        let answer = rail.post_as(&session.access, "/mfa/setup/confirm", body).await;
        answer.refused(401, "INVALID_CODE");
    }
    drop(rail.post_as(&session.access, "/mfa/setup", wanted).await.data(200));
    let code = world.mailed_code(&person.email).await;
    let body = json!({ "method": "EMAIL_OTP", "code": code });
    let answer = rail.post_as(&session.access, "/mfa/setup/confirm", body).await;
    answer.refused(429, "RATE_LIMITED");
}
