//! Registrations that are sent again (`X-Idempotency-Key`).

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Answer, Person, World, rail::send};

use crate::hours;

/// A key nobody else has.
fn key() -> String {
    format!("key of {}", Person::new().password)
}

async fn register(world: &World, number: usize, key: &str, body: &Value) -> Answer {
    let request = world.rail_of(number).request("POST", "/register").json(body);
    send(request.header("x-idempotency-key", key)).await
}

#[tokio::test]
async fn a_registration_sent_again_is_answered_the_same_and_mailed_once() {
    let world = World::shared().await;
    let (person, key) = (Person::new(), key());
    let body = person.registration();
    let first = register(&world, 0, &key, &body).await;
    drop(first.data(201));
    for _ in 0..3 {
        let again = register(&world, 0, &key, &body).await;
        assert_eq!((again.status, again.without_meta()), (201, first.without_meta()));
    }
    assert_eq!(world.mails(&person.email).await.len(), 1);
    world.verify_address(&person).await;
    // Also when the account is somebody's by now.
    let again = register(&world, 0, &key, &body).await;
    assert_eq!(again.without_meta(), first.without_meta());
    assert_eq!(world.mails(&person.email).await.len(), 1);
    world.sign_in(&person).await;
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_address() {
    let world = World::shared().await;
    let (person, key) = (Person::new(), key());
    drop(register(&world, 0, &key, &person.registration()).await.data(201));
    let mut other_password = person.registration();
    other_password["password"] = "velvet harbour 27 quince".into();
    let mut other_name = Person::new().at(&person.email.to_uppercase()).registration();
    other_name["password"] = person.password.clone().into();
    for other in [other_name, other_password] {
        let answer = register(&world, 0, &key, &other).await;
        assert_eq!(answer.wrong_fields(), ["X-Idempotency-Key"]);
    }
    // A stranger who chose the same key is in nobody's way.
    let stranger = Person::new();
    drop(register(&world, 0, &key, &stranger.registration()).await.data(201));
    assert_eq!(world.mails(&stranger.email).await.len(), 1);
    // The password is the one of the request that was carried out.
    world.verify_address(&person).await;
    world.sign_in(&person).await;
}

#[tokio::test]
async fn a_key_that_is_none_is_named_as_the_header() {
    let world = World::shared().await;
    let rail = world.rail();
    let body = Person::new().registration();
    for bad in ["", "\u{e4}", &"a".repeat(129)] {
        let request = rail.request("POST", "/register").json(&body);
        let answer = send(request.header("x-idempotency-key", bad)).await;
        assert_eq!(answer.wrong_fields(), ["X-Idempotency-Key"], "{bad:?}");
    }
    let twice = rail.request("POST", "/register").json(&body);
    let twice = twice.header("x-idempotency-key", "a").header("x-idempotency-key", "a");
    assert_eq!(send(twice).await.wrong_fields(), ["X-Idempotency-Key"]);
    drop(register(&world, 0, &"~".repeat(128), &body).await.data(201));
}

#[tokio::test]
async fn what_was_refused_is_not_kept() {
    let world = World::shared().await;
    let (person, key) = (Person::new(), key());
    let mut body = person.registration();
    body["password"] = "password123".into();
    for _ in 0..2 {
        assert_eq!(register(&world, 0, &key, &body).await.wrong_fields(), ["password"]);
    }
    drop(register(&world, 0, &key, &person.registration()).await.data(201));
    world.verify_address(&person).await;
    world.sign_in(&person).await;
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day() {
    let mut world = World::start().await;
    let (person, key) = (Person::new(), key());
    let body = person.registration();
    drop(register(&world, 0, &key, &body).await.data(201));
    world.advance(hours(23));
    drop(register(&world, 0, &key, &body).await.data(201));
    assert_eq!(world.mails(&person.email).await.len(), 1);
    world.advance(hours(2));
    drop(register(&world, 0, &key, &body).await.data(201));
    assert_eq!(world.mails(&person.email).await.len(), 2);
}

#[tokio::test]
async fn of_many_at_once_under_one_key_one_is_carried_out() {
    let world = World::plan().set("password.queue", 1000).replicas().start().await;
    let (person, key) = (Person::new(), key());
    let body = person.registration();
    let tries = join_all((0..32).map(|number| register(&world, number, &key, &body))).await;
    for answer in &tries {
        match answer.status {
            201 => assert_eq!(answer.data(201)["email"], person.email.as_str()),
            _ => {
                answer.refused(409, "CONFLICT");
                assert!(!answer.header("retry-after").is_empty());
            }
        }
    }
    assert!(tries.iter().any(|answer| answer.status == 201));
    let deadline = std::time::Instant::now() + Duration::from_secs(5);
    while register(&world, 1, &key, &body).await.status != 201 {
        assert!(std::time::Instant::now() < deadline, "the answer never came");
    }
    assert_eq!(world.mails(&person.email).await.len(), 1);
    let incomplete = json!({ "email": person.email });
    assert_eq!(register(&world, 1, &key, &incomplete).await.wrong_fields().len(), 2);
}
