//! Races: many at once, on as many servers as the stores allow. One wins.

use std::{collections::BTreeSet, time::Duration};

use futures_util::{StreamExt, future::join_all};
use serde_json::json;
use tests::{
    Answer, Person, Session, World,
    forge::{claims, header},
    outbox::token_of,
    person::{STEP, refresh, verify},
    process::until,
};

use crate::{ends_at_the_edge, minutes};

const AT_ONCE: usize = 64;
const THOUSAND: usize = 1000;
/// How many guesses are judged in a quarter of an hour.
const BUDGET: usize = 10;

async fn replicas() -> World {
    // Everybody comes at once, and is to be judged rather than sent away.
    World::plan().set("password.queue", 1000).replicas().start().await
}

/// How many succeeded; the others were refused, and nothing failed.
#[track_caller]
fn winners(answers: &[Answer]) -> usize {
    for answer in answers {
        assert!([200, 401, 429].contains(&answer.status), "{}: {}", answer.status, answer.text);
    }
    answers.iter().filter(|answer| answer.status == 200).count()
}

async fn half_sign_ins(world: &World, person: &Person) -> Vec<String> {
    let mut tokens = Vec::new();
    for _ in 0..AT_ONCE {
        tokens.push(world.half_sign_in(person).await);
    }
    tokens
}

#[tokio::test]
async fn of_many_refreshes_of_one_token_at_most_one_live_token_comes() {
    let world = replicas().await;
    let person = world.person().await;
    for _ in 0..3 {
        let session = world.sign_in(&person).await;
        let tries = (0..AT_ONCE).map(|number| {
            let (rail, token) = (world.rail_of(number), session.refresh.clone());
            async move { refresh(&rail, &token).await }
        });
        let answers = join_all(tries).await;
        assert!(winners(&answers) >= 1);
        let given: Vec<String> = answers
            .iter()
            .filter(|answer| answer.status == 200)
            .map(|answer| Session::of(&answer.data(200)).refresh)
            .collect();
        let later = join_all(given.iter().enumerate().map(|(number, token)| {
            let rail = world.rail_of(number);
            async move { refresh(&rail, token).await }
        }))
        .await;
        assert!(winners(&later) <= 1, "{} live tokens", winners(&later));
        // Several callers held the session: afterwards nobody does, or one.
        let alive = later.iter().filter(|answer| answer.status == 200);
        let alive = join_all(alive.map(|answer| {
            let rail = world.rail();
            async move { refresh(&rail, &Session::of(&answer.data(200)).refresh).await }
        }));
        assert!(winners(&alive.await) <= 1);
    }
}

#[tokio::test]
async fn a_code_used_many_times_at_once_signs_in_once() {
    let mut world = replicas().await;
    let person = world.enrolled().await;
    let tokens = half_sign_ins(&world, &person).await;
    world.advance(Duration::from_secs(2 * STEP));
    let code = person.code(&world);
    let tries = tokens.iter().enumerate().map(|(number, token)| {
        let (rail, code) = (world.rail_of(number), code.clone());
        async move { verify(&rail, token, &code).await }
    });
    assert_eq!(winners(&join_all(tries).await), 1);
}

#[tokio::test]
async fn a_backup_code_used_many_times_at_once_signs_in_once() {
    let world = replicas().await;
    let person = world.enrolled().await;
    let tokens = half_sign_ins(&world, &person).await;
    let code = &person.backup_codes[3];
    let tries = tokens.iter().enumerate().map(|(number, token)| {
        let rail = world.rail_of(number);
        async move { verify(&rail, token, code).await }
    });
    assert_eq!(winners(&join_all(tries).await), 1);
}

/// Of so many guesses, how many were judged; the others were sent away uncounted.
#[track_caller]
fn judged(answers: &[Answer]) -> usize {
    let wrong = |answer: &&Answer| match answer.status {
        401 => {
            answer.refused(401, "INVALID_CODE");
            true
        }
        429 => false,
        other => panic!("{other}: {}", answer.text),
    };
    answers.iter().filter(wrong).count()
}

/// Calls in flight at once: as many as a proxy would let through.
async fn all<T>(calls: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    futures_util::stream::iter(calls).buffer_unordered(250).collect().await
}

#[tokio::test]
async fn of_a_thousand_guesses_at_one_challenge_ten_are_judged() {
    let world = replicas().await;
    for person in [world.enrolled().await, world.enrolled_by_mail().await] {
        let half = world.half_sign_in(&person).await;
        if person.secret.is_none() {
            drop(world.challenged_code(&person, &half).await);
        }
        let wrong = match &person.secret {
            Some(_) => person.wrong_code(&world),
            None => "000000".to_owned(),
        };
        let guesses = (0..THOUSAND).map(|number| {
            let (rail, half, wrong) = (world.rail_of(number), half.clone(), wrong.clone());
            async move { verify(&rail, &half, &wrong).await }
        });
        assert_eq!(judged(&all(guesses).await), BUDGET);
    }
}

#[tokio::test]
async fn of_a_thousand_challenges_with_one_guess_each_ten_are_judged() {
    let world = replicas().await;
    let person = world.enrolled().await;
    let sign_ins = (0..THOUSAND).map(|number| {
        let (rail, body) = (world.rail_of(number), person.credentials());
        async move {
            let data = rail.post("/login", body).await.data(200);
            data["mfaToken"].as_str().unwrap().to_owned()
        }
    });
    // Fewer at once than there are passwords to guess: each counts as a guess until it is found right.
    let halves: Vec<String> =
        futures_util::stream::iter(sign_ins).buffer_unordered(4).collect().await;
    let wrong = person.wrong_code(&world);
    let guesses = halves.iter().enumerate().map(|(number, half)| {
        let (rail, half, wrong) = (world.rail_of(number), half.clone(), wrong.clone());
        async move {
            // Each with a challenge of its own.
            let wanted = json!({ "mfaToken": half, "method": "TOTP" });
            drop(rail.post("/mfa/challenge", wanted).await.data(200));
            verify(&rail, &half, &wrong).await
        }
    });
    assert_eq!(judged(&all(guesses).await), BUDGET);
    // Nor does the right one count any more.
    let answer = verify(&world.rail(), &halves[0], &person.code(&world)).await;
    answer.refused(429, "RATE_LIMITED");
}

#[tokio::test]
async fn a_mailed_code_used_many_times_at_once_signs_in_once() {
    let world = replicas().await;
    let person = world.enrolled_by_mail().await;
    let half = world.half_sign_in(&person).await;
    let code = world.challenged_code(&person, &half).await;
    let tries = (0..AT_ONCE).map(|number| {
        let (rail, half, code) = (world.rail_of(number), half.clone(), code.clone());
        async move { verify(&rail, &half, &code).await }
    });
    assert_eq!(winners(&join_all(tries).await), 1);
}

#[tokio::test]
async fn half_a_sign_in_used_many_times_at_once_ends_once() {
    let world = replicas().await;
    let person = world.enrolled().await;
    let token = world.half_sign_in(&person).await;
    // Each with a code of its own, all of them right.
    let tries = person.backup_codes.iter().enumerate().map(|(number, code)| {
        let (rail, token) = (world.rail_of(number), token.clone());
        async move { verify(&rail, &token, code).await }
    });
    assert_eq!(winners(&join_all(tries).await), 1);
}

#[tokio::test]
async fn a_mail_token_used_many_times_at_once_verifies_once() {
    let world = replicas().await;
    let person = Person::new();
    drop(world.rail().post("/register", person.registration()).await.data(201));
    let token = world.mailed_token(&person.email).await;
    let tries = (0..AT_ONCE).map(|number| {
        let (rail, body) = (world.rail_of(number), json!({ "token": token }));
        async move { rail.post("/verify-email", body).await }
    });
    assert_eq!(winners(&join_all(tries).await), 1);
    world.sign_in(&person).await;
}

#[tokio::test]
async fn a_reset_link_used_many_times_at_once_sets_one_password() {
    let world = replicas().await;
    let person = world.person().await;
    let body = json!({ "email": person.email });
    drop(world.rail().post("/forgot-password", body).await.data(202));
    let token = world.mailed_token(&person.email).await;
    let tries: Vec<_> = (0..AT_ONCE)
        .map(|number| {
            let password = format!("velvet harbour {number} quince");
            let body = json!({ "token": token, "password": password });
            let rail = world.rail_of(number);
            async move { (rail.post("/reset-password", body).await, password) }
        })
        .collect();
    let (answers, passwords): (Vec<Answer>, Vec<String>) =
        join_all(tries).await.into_iter().unzip();
    assert_eq!(winners(&answers), 1);
    let winner = answers.iter().position(|answer| answer.status == 200).unwrap();
    let sign_in = async |password: &str| {
        let body = json!({ "email": person.email, "password": password });
        world.rail().post("/login", body).await.status
    };
    assert_eq!(sign_in(&passwords[winner]).await, 200);
    assert_eq!(sign_in(&passwords[(winner + 1) % AT_ONCE]).await, 401);
    assert_eq!(sign_in(&person.password).await, 401);
}

#[tokio::test]
async fn a_password_changed_many_times_at_once_is_changed_once() {
    let world = replicas().await;
    let person = world.person().await;
    let session = world.sign_in(&person).await;
    let tries = (0..8).map(|number| {
        let body = json!({
            "currentPassword": person.password,
            "newPassword": format!("velvet harbour {number} quince"),
        });
        let (rail, bearer) = (world.rail_of(number), session.access.clone());
        async move { rail.post_as(&bearer, "/change-password", body).await.status }
    });
    let statuses = join_all(tries).await;
    let refused = statuses.iter().filter(|status| [401, 409].contains(status)).count();
    assert_eq!((statuses.iter().filter(|status| **status == 200).count(), refused), (1, 7));
}

#[tokio::test]
async fn an_invitation_accepted_many_times_at_once_makes_one_account() {
    let world = replicas().await;
    let person = Person::new();
    let made = world.signalbox(&["admin", "invite", "--email", &person.email]).await.json();
    let token = token_of(made["link"].as_str().unwrap()).unwrap();
    let tries = (0..AT_ONCE).map(|number| {
        let mut body = Person::new().at(&person.email).registration();
        body["invitation"] = token.clone().into();
        let rail = world.rail_of(number);
        async move { (rail.post("/register", body.clone()).await, body) }
    });
    let mut winners = Vec::new();
    for (answer, body) in join_all(tries).await {
        match answer.status {
            201 => winners.push(body),
            422 => assert_eq!(answer.wrong_fields(), ["invitation"]),
            _ => answer.refused(401, "INVALID_TOKEN"),
        }
    }
    assert_eq!(winners.len(), 1);
    let body = json!({ "email": person.email, "password": winners[0]["password"] });
    drop(world.rail().post("/login", body).await.data(200));
}

#[tokio::test]
async fn no_sign_in_with_the_old_password_outlives_a_new_one() {
    let mut world = replicas().await;
    for round in 0..4 {
        let person = world.person().await;
        let keeper = world.sign_in(&person).await;
        // No more than fit into the budget while none of them is judged.
        let sign_ins = (0..8).map(|number| {
            let (rail, body) = (world.rail_of(number), person.credentials());
            async move { rail.post("/login", body).await }
        });
        let new = "velvet harbour 27 quince";
        let change = async {
            let rail = world.rail_of(1);
            if round % 2 == 0 {
                let body = json!({ "currentPassword": person.password, "newPassword": new });
                rail.post_as(&keeper.access, "/change-password", body).await.data(200)
            } else {
                let body = json!({ "email": person.email });
                drop(rail.post("/forgot-password", body).await.data(202));
                let token = world.mailed_token(&person.email).await;
                let body = json!({ "token": token, "password": new });
                rail.post("/reset-password", body).await.data(200)
            }
        };
        let (answers, _) = tokio::join!(join_all(sign_ins), change);
        for answer in answers.iter().filter(|answer| answer.status == 200) {
            let session = Session::of(&answer.data(200));
            for number in 0..2 {
                let rail = world.rail_of(number);
                let me = rail.call_as(&session.access, "GET", "/me").await;
                me.refused(401, "INVALID_TOKEN");
                refresh(&rail, &session.refresh).await.refused(401, "INVALID_TOKEN");
            }
        }
        winners(&answers);
        world.advance(minutes(1));
    }
}

#[tokio::test]
async fn one_address_registered_many_times_at_once_is_one_account() {
    let mut world = replicas().await;
    let people: Vec<Person> =
        (0..AT_ONCE).map(|_| Person::new().at("wanted@example.com")).collect();
    let tries = people.iter().enumerate().map(|(number, person)| {
        let rail = world.rail_of(number);
        async move { rail.post("/register", person.registration()).await }
    });
    for answer in join_all(tries).await {
        drop(answer.data(201));
    }
    world.advance(minutes(16));
    let rail = world.rail();
    let email = json!({ "email": "wanted@example.com" });
    drop(rail.post("/resend-verification", email).await.data(202));
    world.verify_address(&people[0]).await;
    // One of the passwords is the account's, and no other.
    let mut who = Vec::new();
    for (number, person) in people.iter().enumerate() {
        if number % 9 == 8 {
            world.advance(minutes(16));
        }
        let answer = rail.post("/login", person.credentials()).await;
        assert!([200, 401].contains(&answer.status), "{}", answer.text);
        if answer.status == 200 {
            who.push(answer.data(200)["user"]["name"].clone());
        }
    }
    assert_eq!(who.len(), 1, "{who:?}");
}

#[tokio::test]
async fn guesses_at_several_servers_are_counted_together() {
    let world = replicas().await;
    let person = world.person().await;
    let tries = (0..AT_ONCE).map(|number| {
        let body = json!({ "email": person.email, "password": "wrong guess" });
        let rail = world.rail_of(number);
        async move { rail.post("/login", body).await }
    });
    let answers = join_all(tries).await;
    assert_eq!(winners(&answers), 0);
    assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 10);
}

#[tokio::test]
async fn keys_rotated_many_times_at_once_are_one_line_of_successors() {
    let mut world = replicas().await;
    let old = world.sign_in(&world.enrolled().await).await;
    let rotations = join_all((0..6).map(|_| world.signalbox(&["keys", "rotate"]))).await;
    let won = rotations.iter().filter(|rotation| rotation.code == 0).count();
    assert!(won >= 1, "{rotations:?}");
    for lost in rotations.iter().filter(|rotation| rotation.code != 0) {
        assert!(lost.code == 1 && lost.err.contains("rotated"), "{lost:?}");
    }
    let listed = world.signalbox(&["keys", "list"]).await.json();
    // Keys for the other algorithms are beside them, and none of those was rotated.
    let listed = listed.as_array().unwrap().iter().filter(|key| key["algorithm"] == "ES256");
    let listed: Vec<_> = listed.collect();
    assert_eq!(listed.len(), 1 + won, "{listed:?}");
    // Each but the newest ends by itself, and one signs.
    assert_eq!(listed.iter().filter(|key| key["expiresAt"].is_null()).count(), 1, "{listed:?}");
    assert_eq!(listed.iter().filter(|key| key["state"] == "active").count(), 1, "{listed:?}");
    let published = async |number: usize| {
        let answer = world.rail_of(number).root("GET", "/.well-known/jwks.json").await;
        let set = answer.expect(200).json();
        let keys = set["keys"].as_array().unwrap().iter().filter(|key| key["alg"] == "ES256");
        keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    for number in 0..2 {
        until("every server publishes every key", Duration::from_secs(2), async || {
            (published(number).await.len() == 1 + won).then_some(())
        })
        .await;
    }
    // Once they sign, every server signs with the same.
    world.advance(minutes(11));
    world.caught_up().await;
    let newest = listed.iter().find(|key| key["expiresAt"].is_null()).unwrap();
    let mut refresh_token = old.refresh;
    for number in [0, 1, 0, 1] {
        let renewed = refresh(&world.rail_of(number), &refresh_token).await;
        let renewed = Session::of(&renewed.data(200));
        assert_eq!(header(&renewed.access)["kid"], newest["kid"]);
        refresh_token = renewed.refresh;
        for number in 0..2 {
            let answer = world.rail_of(number).call_as(&renewed.access, "GET", "/me").await;
            drop(answer.data(200));
        }
    }
}

#[tokio::test]
async fn what_one_server_begins_another_goes_on_with() {
    let world = replicas().await;
    let (here, there) = (world.rail_of(0), world.rail_of(1));
    let person = Person::new();
    drop(here.post("/register", person.registration()).await.data(201));
    let token = world.mailed_token(&person.email).await;
    drop(there.post("/verify-email", json!({ "token": token })).await.data(200));
    let mut person = person;
    let session = world.sign_in(&person).await;
    world.enrol(&mut person, &session).await;
    let half = world.half_sign_in(&person).await;
    let session = Session::of(&verify(&there, &half, &person.code(&world)).await.data(200));
    drop(here.call_as(&session.access, "GET", "/me").await.data(200));
    let session = Session::of(&refresh(&here, &session.refresh).await.data(200));
    drop(refresh(&there, &session.refresh).await.data(200));
}

#[tokio::test]
async fn an_ending_at_one_server_reaches_every_edge() {
    let world = replicas().await;
    let person = world.enrolled().await;
    let session = world.sign_in(&person).await;
    for number in 0..world.edge_count() {
        world.edge_of(number).demo(&session.access).await.expect(200);
    }
    let path = format!("/sessions/{}", claims(&session.access)["sid"].as_str().unwrap());
    drop(world.rail_of(0).call_as(&session.access, "DELETE", &path).await.data(200));
    let everywhere = (0..world.edge_count()).map(|number| {
        let (edge, token) = (world.edge_of(number), session.access.clone());
        async move { ends_at_the_edge(&edge, &token).await }
    });
    join_all(everywhere).await;
    for number in 0..2 {
        let answer = world.rail_of(number).call_as(&session.access, "GET", "/me").await;
        answer.refused(401, "INVALID_TOKEN");
        refresh(&world.rail_of(number), &session.refresh).await.refused(401, "INVALID_TOKEN");
    }
}
