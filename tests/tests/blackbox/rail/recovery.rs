//! Forgotten, reset and changed passwords.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    Person, Session, World,
    person::{refresh, verify},
};

use crate::{ends_at_the_edge, minutes, names, set};

const NEW: &str = "velvet harbour 27 quince";

/// Asks for a link, and gives the token of what was mailed.
async fn forgotten(world: &World, person: &Person) -> String {
    let body = json!({ "email": person.email });
    assert_eq!(world.rail().post("/forgot-password", body).await.data(202)["accepted"], true);
    world.mailed_token(&person.email).await
}

/// Sets a new password with that token.
async fn reset(world: &World, token: &str, password: &str) -> tests::Answer {
    let body = json!({ "token": token, "password": password });
    world.rail().post("/reset-password", body).await
}

async fn change(world: &World, session: &Session, current: &str, new: &str) -> tests::Answer {
    let body = json!({ "currentPassword": current, "newPassword": new });
    world.rail().post_as(&session.access, "/change-password", body).await
}

async fn subjects(world: &World, person: &Person) -> Vec<Value> {
    world.mails(&person.email).await.iter().map(|mail| mail["subject"].clone()).collect()
}

#[tokio::test]
async fn a_forgotten_password_is_chosen_anew_by_a_mailed_link() {
    let world = World::shared().await;
    let mut person = world.person().await;
    let token = forgotten(&world, &person).await;
    let data = reset(&world, &token, NEW).await.data(200);
    assert_eq!(names(&data), set(["passwordChanged"]), "it signs nobody in");
    let rail = world.rail();
    rail.post("/login", person.credentials()).await.refused(401, "INVALID_CREDENTIALS");
    NEW.clone_into(&mut person.password);
    // At once, in the very second of the reset.
    let session = world.sign_in(&person).await;
    drop(rail.call_as(&session.access, "GET", "/me").await.data(200));
    drop(refresh(&rail, &session.refresh).await.data(200));
    assert_eq!(subjects(&world, &person).await[0], "Your password was changed");
}

#[tokio::test]
async fn a_reset_ends_every_session_and_every_half_sign_in() {
    let mut world = World::start().await;
    let person = world.enrolled().await;
    world.advance(minutes(1));
    let sessions = [world.sign_in(&person).await, world.sign_in(&person).await];
    let half = world.half_sign_in(&person).await;
    let edge = world.edge();
    for session in &sessions {
        edge.demo(&session.access).await.expect(200);
    }
    let token = forgotten(&world, &person).await;
    drop(reset(&world, &token, NEW).await.data(200));
    for session in &sessions {
        session.expect_over(&world).await;
        ends_at_the_edge(&edge, &session.access).await;
    }
    world.advance(minutes(1));
    let code = person.code(&world);
    verify(&world.rail(), &half, &code).await.refused(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_reset_stands_for_no_second_factor() {
    let world = World::shared().await;
    let mut person = world.enrolled().await;
    let token = forgotten(&world, &person).await;
    drop(reset(&world, &token, NEW).await.data(200));
    NEW.clone_into(&mut person.password);
    let half = world.half_sign_in(&person).await;
    let rail = world.rail();
    rail.call_as(&half, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    let proved = verify(&rail, &half, &person.code(&world)).await.data(200);
    drop(rail.call_as(&Session::of(&proved).access, "GET", "/me").await.data(200));
}

#[tokio::test]
async fn a_password_that_cannot_be_taken_leaves_the_link_good() {
    let world = World::shared().await;
    let mut person = world.person().await;
    let token = forgotten(&world, &person).await;
    let own = format!("{}1", person.email);
    for weak in ["", "short", "password123", "aaaaaaaaaaaab", &own, &"x".repeat(129)] {
        assert_eq!(reset(&world, &token, weak).await.wrong_fields(), ["password"], "{weak}");
    }
    // Nothing has changed by that.
    world.sign_in(&person).await;
    drop(reset(&world, &token, NEW).await.data(200));
    NEW.clone_into(&mut person.password);
    world.sign_in(&person).await;
}

#[tokio::test]
async fn a_reset_link_is_good_once_and_only_the_newest() {
    let world = World::shared().await;
    let person = world.person().await;
    let older = forgotten(&world, &person).await;
    let newer = forgotten(&world, &person).await;
    assert_ne!(older, newer);
    reset(&world, &older, NEW).await.refused(401, "INVALID_TOKEN");
    drop(reset(&world, &newer, NEW).await.data(200));
    for spent in [&older, &newer] {
        reset(&world, spent, "another velvet quince 9").await.refused(401, "INVALID_TOKEN");
    }
}

#[tokio::test]
async fn a_reset_link_dies_with_the_password_it_was_sent_for() {
    let world = World::shared().await;
    let person = world.person().await;
    let session = world.sign_in(&person).await;
    let token = forgotten(&world, &person).await;
    drop(change(&world, &session, &person.password, NEW).await.data(200));
    reset(&world, &token, "another velvet quince 9").await.refused(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_reset_link_lives_half_an_hour() {
    let mut world = World::start().await;
    let (early, late) = (world.person().await, world.person().await);
    let tokens = [forgotten(&world, &early).await, forgotten(&world, &late).await];
    world.advance(minutes(29));
    drop(reset(&world, &tokens[0], NEW).await.data(200));
    world.advance(minutes(1) + Duration::from_secs(5));
    reset(&world, &tokens[1], NEW).await.refused(401, "INVALID_TOKEN");
    world.sign_in(&late).await;
}

#[tokio::test]
async fn a_link_of_another_kind_sets_no_password_and_a_reset_link_does_nothing_else() {
    let world = World::shared().await;
    let rail = world.rail();
    let pending = Person::new();
    drop(rail.post("/register", pending.registration()).await.data(201));
    let to_verify = world.mailed_token(&pending.email).await;
    reset(&world, &to_verify, NEW).await.refused(401, "INVALID_TOKEN");
    let person = world.person().await;
    let token = forgotten(&world, &person).await;
    let body = json!({ "token": token });
    rail.post("/verify-email", body).await.refused(401, "INVALID_TOKEN");
    let mut body = Person::new().registration();
    body["invitation"] = token.clone().into();
    assert_eq!(rail.post("/register", body).await.wrong_fields(), ["invitation"]);
    rail.call_as(&token, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    for cut in [&token[..token.len() - 1], &format!("{token}A"), "sbo_", ""] {
        reset(&world, cut, NEW).await.refused(401, "INVALID_TOKEN");
    }
    drop(reset(&world, &token, NEW).await.data(200));
}

#[tokio::test]
async fn whoever_proves_a_pending_address_by_a_reset_has_the_account_and_nobody_else() {
    let world = World::shared().await;
    let rail = world.rail();
    // Somebody registers an address that is not theirs, and waits.
    let squatter = Person::new().called("Mallory");
    drop(rail.post("/register", squatter.registration()).await.data(201));
    let to_verify = world.mailed_token(&squatter.email).await;
    let token = forgotten(&world, &squatter).await;
    drop(reset(&world, &token, NEW).await.data(200));
    rail.post("/login", squatter.credentials()).await.refused(401, "INVALID_CREDENTIALS");
    let body = json!({ "token": to_verify });
    rail.post("/verify-email", body).await.refused(401, "INVALID_TOKEN");
    let mut owner = Person::new().at(&squatter.email);
    NEW.clone_into(&mut owner.password);
    world.sign_in(&owner).await;
}

#[tokio::test]
async fn asking_for_a_link_changes_nothing_and_an_unknown_address_gets_none() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    let token = forgotten(&world, &person).await;
    for _ in 0..3 {
        rail.root("GET", &format!("/reset-password?token={token}")).await.expect(200);
    }
    drop(rail.call_as(&session.access, "GET", "/me").await.data(200));
    world.sign_in(&person).await;
    let nobody = Person::new();
    let body = json!({ "email": nobody.email });
    drop(rail.post("/forgot-password", body).await.data(202));
    assert!(world.mails(&nobody.email).await.is_empty());
    for bad in ["", "ada", "a@b@c", "a\r\nBcc: x@example.com@example.com"] {
        let answer = rail.post("/forgot-password", json!({ "email": bad })).await;
        assert_eq!(answer.wrong_fields(), ["email"], "{bad:?}");
    }
}

#[tokio::test]
async fn a_changed_password_keeps_the_session_that_asks_and_ends_the_others() {
    let world = World::shared().await;
    let mut person = world.person().await;
    let (here, there) = (world.sign_in(&person).await, world.sign_in(&person).await);
    drop(change(&world, &here, &person.password, NEW).await.data(200));
    let rail = world.rail();
    drop(rail.call_as(&here.access, "GET", "/me").await.data(200));
    drop(refresh(&rail, &here.refresh).await.data(200));
    there.expect_over(&world).await;
    rail.post("/login", person.credentials()).await.refused(401, "INVALID_CREDENTIALS");
    NEW.clone_into(&mut person.password);
    world.sign_in(&person).await;
    assert_eq!(subjects(&world, &person).await[0], "Your password was changed");
}

#[tokio::test]
async fn a_changed_password_is_judged_like_a_first_one_and_differs_from_the_old_one() {
    let world = World::shared().await;
    let person = world.person().await;
    let session = world.sign_in(&person).await;
    let own = format!("{}1", person.email);
    for wrong in ["", "password123", &own, &person.password] {
        let answer = change(&world, &session, &person.password, wrong).await;
        assert_eq!(answer.wrong_fields(), ["newPassword"], "{wrong}");
    }
    let answer = change(&world, &session, "not the present one", NEW).await;
    answer.refused(401, "INVALID_CREDENTIALS");
    world.sign_in(&person).await;
}

#[tokio::test]
async fn guesses_at_the_present_password_are_counted_with_those_at_sign_in() {
    let world = World::start().await;
    let (rail, person) = (world.rail(), world.person().await);
    let session = world.sign_in(&person).await;
    for number in 0..10 {
        if number % 2 == 0 {
            let answer = change(&world, &session, "wrong guess", NEW).await;
            answer.refused(401, "INVALID_CREDENTIALS");
        } else {
            let body = json!({ "email": person.email, "password": "wrong guess" });
            rail.post("/login", body).await.refused(401, "INVALID_CREDENTIALS");
        }
    }
    change(&world, &session, &person.password, NEW).await.refused(429, "RATE_LIMITED");
}

#[tokio::test]
async fn who_has_a_factor_proves_it_before_changing_the_password() {
    let mut world = World::start().await;
    let person = world.enrolled().await;
    let session = world.sign_in(&person).await;
    world.advance(minutes(6));
    let answer = change(&world, &session, &person.password, NEW).await;
    let error = answer.error(403, "STEP_UP_REQUIRED");
    assert_eq!(error["maxAge"], 300);
    let body = json!({ "code": person.code(&world) });
    let raised = world.rail().post_as(&session.access, "/mfa/verify", body).await.data(200);
    drop(change(&world, &Session::of(&raised), &person.password, NEW).await.data(200));
}

#[tokio::test]
async fn a_changed_password_ends_what_was_half_begun_with_the_old_one() {
    let mut world = World::start().await;
    let mut person = world.enrolled().await;
    world.advance(minutes(1));
    let session = world.sign_in(&person).await;
    let half = world.half_sign_in(&person).await;
    drop(change(&world, &session, &person.password, NEW).await.data(200));
    world.advance(minutes(1));
    let code = person.code(&world);
    verify(&world.rail(), &half, &code).await.refused(401, "INVALID_TOKEN");
    // The code was not even looked at.
    NEW.clone_into(&mut person.password);
    let half = world.half_sign_in(&person).await;
    drop(verify(&world.rail(), &half, &code).await.data(200));
}

#[tokio::test]
async fn nobody_changes_a_password_without_a_bearer_or_with_half_a_sign_in() {
    let world = World::shared().await;
    let person = world.enrolled().await;
    let half = world.half_sign_in(&person).await;
    let body = json!({ "currentPassword": person.password, "newPassword": NEW });
    let rail = world.rail();
    rail.post("/change-password", body.clone()).await.refused(401, "UNAUTHORIZED");
    rail.post_as(&half, "/change-password", body.clone()).await.refused(401, "INVALID_TOKEN");
    let mut with_more = body;
    with_more["userId"] = "somebody else".into();
    let session = world.sign_in(&person).await;
    let answer = rail.post_as(&session.access, "/change-password", with_more).await;
    assert_eq!(answer.wrong_fields(), ["userId"]);
}

#[tokio::test]
async fn the_page_of_a_reset_shows_what_is_wrong_and_then_sets_the_password() {
    let world = World::shared().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let token = forgotten(&world, &person).await;
    let page = rail.root("GET", &format!("/reset-password?token={token}")).await;
    assert!(page.expect(200).text.contains("<form"), "{}", page.text);
    assert!(page.text.contains(&person.email) && !page.text.contains("<script>"), "{}", page.text);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    let weak = rail.form("/reset-password", &[("token", &token), ("password", "password1")]).await;
    assert!(weak.expect(422).text.contains("aria-invalid"), "{}", weak.text);
    assert!(!weak.text.contains("value=\"password1\""), "{}", weak.text);
    let done = rail.form("/reset-password", &[("token", &token), ("password", NEW)]).await;
    done.expect(200);
    assert!(done.headers.get("set-cookie").is_none(), "it signs nobody in");
    rail.root("GET", &format!("/reset-password?token={token}")).await.expect(400);
    rail.form("/reset-password", &[("token", &token), ("password", NEW)]).await.expect(400);
    NEW.clone_into(&mut person.password);
    world.sign_in(&person).await;
}

#[tokio::test]
async fn a_form_of_another_site_sets_no_password() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let token = forgotten(&world, &person).await;
    for origin in ["https://evil.example", "null"] {
        let request = rail
            .request_root("POST", "/reset-password")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", origin);
        let body = format!("token={token}&password={}", NEW.replace(' ', "+"));
        tests::rail::send(request.body(body)).await.expect(403);
    }
    world.sign_in(&person).await;
    drop(reset(&world, &token, NEW).await.data(200));
}
