//! What callers are told of the budgets they are counted in.

use serde_json::{Value, json};
use tests::{Answer, Person, World, rail::Rail};

use crate::minutes;

/// Limit, remaining and reset, as told.
#[track_caller]
fn told(answer: &Answer) -> (u64, u64, u64) {
    let number = |name: &str| -> u64 {
        let text = answer.header(name);
        text.parse().unwrap_or_else(|_| panic!("{name}: {text:?} of {}", answer.text))
    };
    (number("x-ratelimit-limit"), number("x-ratelimit-remaining"), number("x-ratelimit-reset"))
}

async fn guess(rail: &Rail, email: &str) -> Answer {
    rail.post("/login", json!({ "email": email, "password": "wrong guess" })).await
}

#[tokio::test]
async fn every_answer_of_a_limited_route_tells_what_is_left() {
    let world = World::start().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    let nobody = json!({ "email": Person::new().email });
    let password = json!({ "password": person.password });
    let change = json!({ "currentPassword": person.password, "newPassword": "velvet quince 27" });
    let reset = json!({ "token": "nonsense", "password": "velvet quince 27" });
    let bearer = session.access.as_str();
    let calls: [(&str, Value); 7] = [
        ("/login", person.credentials()),
        ("/register", Person::new().registration()),
        ("/resend-verification", nobody.clone()),
        ("/forgot-password", nobody),
        ("/reset-password", reset),
        ("/reauthenticate", password),
        ("/change-password", change),
    ];
    for (path, body) in calls {
        let answer = rail.post_as(bearer, path, body).await;
        let (limit, remaining, reset) = told(&answer);
        assert!(remaining <= limit && reset <= 900, "{path}: {limit} {remaining} {reset}");
    }
    let world = World::shared().await;
    person = world.person().await;
    let session = world.sign_in(&person).await;
    world.enrol(&mut person, &session).await;
    let half = world.half_sign_in(&person).await;
    let wrong = json!({ "mfaToken": half, "code": person.wrong_code(&world) });
    let answer = world.rail().post("/mfa/verify", wrong).await;
    assert_eq!(told(&answer).1, told(&answer).0 - 1);
}

#[tokio::test]
async fn known_and_unknown_addresses_have_the_same_numbers() {
    let world = World::start().await;
    let rail = world.rail();
    let pending = Person::new();
    drop(rail.post("/register", pending.registration()).await.data(201));
    let people = [world.person().await, world.enrolled().await, pending, Person::new()];
    let mut runs = Vec::new();
    for person in &people {
        let mut run = Vec::new();
        for _ in 0..12 {
            let answer = guess(&rail, &person.email).await;
            let (limit, remaining, _) = told(&answer);
            run.push((answer.status, limit, remaining));
        }
        runs.push(run);
    }
    let left: Vec<u64> = runs[0].iter().map(|one| one.2).collect();
    assert_eq!(left[..10], [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(left[10..], [0, 0]);
    assert!(runs[0].iter().skip(10).all(|one| one.0 == 429));
    assert!(runs.iter().all(|run| *run == runs[0]), "{runs:#?}");
}

#[tokio::test]
async fn mail_that_is_held_back_shows_in_no_number() {
    let world = World::plan().set("limits.register_per_network", 1000).start().await;
    let rail = world.rail();
    let known = world.person().await;
    let unknown = Person::new();
    let mut left = Vec::new();
    for path in ["/forgot-password", "/resend-verification"] {
        for person in [&known, &unknown] {
            for _ in 0..7 {
                let answer = rail.post(path, json!({ "email": person.email })).await;
                drop(answer.data(202));
                left.push(told(&answer).1);
            }
        }
    }
    // One for each call, whoever was asked for and whether or not anything was mailed.
    let expected: Vec<u64> = (0..28).map(|number| left[0] - number).collect();
    assert_eq!(left, expected);
}

#[tokio::test]
async fn a_right_password_gives_its_place_back() {
    let mut world = World::start().await;
    let (rail, person) = (world.rail(), world.person().await);
    assert_eq!(told(&guess(&rail, &person.email).await).1, 9);
    for _ in 0..3 {
        let answer = rail.post("/login", person.credentials()).await;
        drop(answer.data(200));
        assert_eq!(told(&answer).1, 9);
    }
    for _ in 0..10 {
        guess(&rail, &person.email).await;
    }
    let refused = rail.post("/login", person.credentials()).await;
    refused.refused(429, "RATE_LIMITED");
    let (limit, remaining, reset) = told(&refused);
    assert_eq!((limit, remaining), (10, 0));
    assert_eq!(refused.header("retry-after"), reset.to_string());
    world.advance(minutes(16));
    drop(rail.post("/login", person.credentials()).await.data(200));
}
