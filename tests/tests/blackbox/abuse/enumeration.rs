//! Nobody learns which accounts exist.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tests::{Answer, Person, World};

/// All that a stranger sees of an answer, but for what differs from request to request.
fn shown(answer: &Answer) -> (u16, Value, BTreeMap<String, String>) {
    let differing = ["x-request-id", "date"];
    let headers = answer.headers.iter().filter(|(name, _)| !differing.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()));
    let mut headers: BTreeMap<String, String> = headers.collect();
    // Timestamps are as long as their fractions.
    headers.remove("content-length");
    // What is left of a budget that everybody here shares.
    if answer.header("x-ratelimit-limit").len() > 3 {
        headers.remove("x-ratelimit-remaining");
        headers.remove("x-ratelimit-reset");
    }
    (answer.status, answer.without_meta(), headers)
}

async fn pending(world: &World) -> Person {
    let person = Person::new();
    drop(world.rail().post("/register", person.registration()).await.data(201));
    person
}

#[tokio::test]
async fn a_wrong_password_of_any_account_is_answered_as_one_of_none() {
    let world = World::shared().await;
    let rail = world.rail();
    let accounts =
        [Person::new(), pending(&world).await, world.person().await, world.enrolled().await];
    let mut seen = Vec::new();
    for account in &accounts {
        let body = json!({ "email": account.email, "password": "wrong guess" });
        let answer = rail.post("/login", body).await;
        answer.refused(401, "INVALID_CREDENTIALS");
        seen.push(shown(&answer));
    }
    for strange in ["", "not an address", "a@b", "\u{202e}@example.com", &"x".repeat(3000)] {
        let body = json!({ "email": strange, "password": "wrong guess" });
        seen.push(shown(&rail.post("/login", body).await));
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
}

#[tokio::test]
async fn password_rules_are_not_applied_at_sign_in() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    for password in ["", "a", "password123", &"x".repeat(5000)] {
        let body = json!({ "email": person.email, "password": password });
        rail.post("/login", body).await.refused(401, "INVALID_CREDENTIALS");
    }
}

#[tokio::test]
async fn a_resend_is_answered_alike_for_every_address() {
    let world = World::shared().await;
    let rail = world.rail();
    let mut seen = Vec::new();
    for person in [Person::new(), pending(&world).await, world.person().await] {
        let body = json!({ "email": person.email });
        let answer = rail.post("/resend-verification", body).await;
        drop(answer.data(202));
        seen.push(shown(&answer));
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
}

#[tokio::test]
async fn a_forgotten_password_is_answered_alike_for_every_address() {
    let world = World::shared().await;
    let rail = world.rail();
    let mut seen = Vec::new();
    let people =
        [Person::new(), pending(&world).await, world.person().await, world.enrolled().await];
    for person in &people {
        // More often than mail leaves.
        for _ in 0..7 {
            let body = json!({ "email": person.email });
            let answer = rail.post("/forgot-password", body).await;
            drop(answer.data(202));
            seen.push(shown(&answer));
        }
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
    assert_eq!(world.mails(&people[0].email).await.len(), 0);
    assert_eq!(world.mails(&people[2].email).await.len(), 5);
}

#[tokio::test]
async fn a_mailed_link_costs_as_much_time_for_every_address() {
    let world = World::plan().set("limits.mail_per_address", 1000).start().await;
    let rail = world.rail();
    let people = [Person::new(), pending(&world).await, world.person().await];
    for path in ["/resend-verification", "/forgot-password"] {
        let mut fastest = [Duration::MAX; 3];
        // In turn, so that what else the machine does falls on all of them.
        for _ in 0..16 {
            for (fastest, person) in fastest.iter_mut().zip(&people) {
                world.mail_has_left().await;
                let body = json!({ "email": person.email });
                let answer = rail.post(path, body).await;
                *fastest = answer.elapsed.min(*fastest);
                drop(answer.data(202));
            }
        }
        let [unknown, pending, active] = fastest;
        for one in [unknown, active] {
            let alike = one >= pending / 2 && pending >= one / 2;
            assert!(alike, "{path}: {unknown:?}, {pending:?}, {active:?}");
        }
    }
}

#[tokio::test]
async fn an_unknown_account_costs_as_much_time_as_a_known_one() {
    let world = World::start().await;
    let (rail, person) = (world.rail(), world.person().await);
    let fastest = async |email: &str| {
        let mut fastest = Duration::MAX;
        for _ in 0..8 {
            let body = json!({ "email": email, "password": "wrong guess" });
            fastest = fastest.min(rail.post("/login", body).await.elapsed);
        }
        fastest
    };
    let known = fastest(&person.email).await;
    let unknown = fastest(&Person::new().email).await;
    assert!(unknown >= known / 2 && known >= unknown / 2, "{known:?} and {unknown:?}");
}
