//! No secret is shown where it does not belong.

use serde_json::json;
use tests::{
    Person, Session, World,
    person::{refresh, verify},
};

#[tokio::test]
async fn no_secret_is_in_a_log_or_a_metric() {
    let world = World::plan().env("SIGNALBOX_LOG", "debug").start().await;
    let rail = world.rail();
    let mut person = Person::new();
    drop(rail.post("/register", person.registration()).await.data(201));
    let mut secrets = vec![person.password.clone(), world.mailed_token(&person.email).await];
    let page = format!("/verify-email?token={}", secrets[1]);
    rail.root("GET", &page).await.expect(200);
    world.verify_address(&person).await;
    let first = world.sign_in(&person).await;
    world.enrol(&mut person, &first).await;
    let half = world.half_sign_in(&person).await;
    verify(&rail, &half, &person.backup_codes[0]).await.expect(200);
    let half_again = world.half_sign_in(&person).await;
    let second = Session::of(&verify(&rail, &half_again, &person.code(&world)).await.data(200));
    let third = Session::of(&refresh(&rail, &second.refresh).await.data(200));
    world.edge().demo(&third.access).await.expect(200);
    world.edge().demo(&first.access).await.expect(401);
    world
        .edge()
        .get_anonymously("demo.localhost", &format!("/?token={}", third.access))
        .await
        .expect(401);
    let wrong = "a wrong password that was typed";
    rail.post("/login", json!({ "email": person.email, "password": wrong })).await.expect(401);
    // A password in the wrong field, a token in the wrong place.
    rail.post("/login", json!({ "email": wrong, "password": wrong })).await.expect(401);
    rail.post("/login", json!({ "email": "a@example.com", "pasword": wrong })).await.expect(422);
    rail.call_as(&third.refresh, "GET", "/me").await.expect(401);
    drop(refresh(&rail, &third.access).await);
    refresh(&rail, &first.refresh).await.expect(200);
    drop(refresh(&rail, &second.refresh).await);
    drop(rail.post_as(&third.access, "/logout", json!({})).await);

    secrets.extend([wrong.to_owned(), person.secret.clone().unwrap(), half, half_again]);
    secrets.extend(person.backup_codes.clone());
    for session in [first, second, third] {
        // The signature makes a token one.
        for token in [session.access, session.id] {
            secrets.push(token.rsplit('.').next().unwrap().to_owned());
        }
        secrets.push(session.refresh);
    }
    let metrics = rail.root("GET", "/metrics").await.text;
    let log = world.log();
    assert!(log.contains("DEBUG") || log.contains("INFO"), "there is no log to look at");
    for secret in secrets {
        assert!(!log.contains(&secret), "`{secret}` is in the log");
        assert!(!metrics.contains(&secret), "`{secret}` is in the metrics");
    }
    assert!(!metrics.contains(&person.email), "an address is in the metrics");
}

#[tokio::test]
async fn no_answer_repeats_a_secret_that_was_sent() {
    let world = World::shared().await;
    let rail = world.rail();
    let secret = "a secret that nobody should echo";
    for (path, body) in [
        ("/login", json!({ "email": "a@example.com", "password": secret })),
        ("/login", json!({ "email": "a@example.com", "password": [secret] })),
        ("/register", json!({ "email": "a", "password": secret, "name": "" })),
        ("/refresh", json!({ "refreshToken": secret })),
        ("/verify-email", json!({ "token": secret })),
        ("/mfa/verify", json!({ "mfaToken": secret, "code": secret })),
    ] {
        let answer = rail.post(path, body).await;
        assert!((400..500).contains(&answer.status), "{path}");
        assert!(!answer.text.contains(secret), "{path}: {}", answer.text);
    }
    let answer = rail.call_as(secret, "GET", "/me").await;
    assert!(!answer.text.contains(secret), "{}", answer.text);
    let answer = world.edge().demo(secret).await;
    assert!(!answer.text.contains(secret), "{}", answer.text);
}
