//! Sign-ins from where somebody had not signed in before: they are told.

use serde_json::{Value, json};
use tests::{Answer, Person, World, browser::Browser, person::verify, rail::send};

use super::known_devices::mark;

const SUBJECT: &str = "A sign-in from a new device";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const NEWER_FIREFOX: &str =
    "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0";

/// A world that believes its callers where they come from.
async fn world() -> World {
    World::plan().set("server.trusted_proxies", "[\"127.0.0.0/8\"]").start().await
}

/// Signs in from a network, with an agent, and with a mark of a known device.
async fn sign_in(world: &World, body: Value, from: &str, agent: &str, mark: &str) -> Answer {
    let request = world.rail().request("POST", "/login").json(&body);
    let request = request.header("x-forwarded-for", from).header("user-agent", agent);
    send(request.header("cookie", format!("sb_known={mark}"))).await
}

async fn told(world: &World, person: &Person) -> Vec<String> {
    let mails = world.mails(&person.email).await;
    let told = mails.iter().filter(|mail| mail["subject"] == SUBJECT);
    told.map(|mail| mail["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_sign_in_from_a_new_device_is_told_and_the_very_first_one_is_not() {
    let world = world().await;
    let person = world.person().await;
    let right = || person.credentials();
    let first = sign_in(&world, right(), "192.0.2.7", FIREFOX, "").await;
    drop(first.data(200));
    assert_eq!(told(&world, &person).await, [""; 0]);
    // The same kind of agent in the same network, whatever its version.
    drop(sign_in(&world, right(), "192.0.2.99", NEWER_FIREFOX, "").await.data(200));
    assert_eq!(told(&world, &person).await, [""; 0]);
    // A device that is known by its mark, wherever it is.
    let known = mark(&first);
    drop(sign_in(&world, right(), "203.0.113.5", "curl/8.5.0", &known).await.data(200));
    assert_eq!(told(&world, &person).await, [""; 0]);

    drop(sign_in(&world, right(), "198.51.100.20", FIREFOX, "").await.data(200));
    let letters = told(&world, &person).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    for words in ["Firefox on Linux", "198.51.100.20", "UTC", "/not-me?token="] {
        assert!(letters[0].contains(words), "{words}: {}", letters[0]);
    }
    drop(sign_in(&world, right(), "198.51.100.20", FIREFOX, "").await.data(200));
    drop(sign_in(&world, right(), "192.0.2.7", "curl/8.5.0", "").await.data(200));
    let letters = told(&world, &person).await;
    assert_eq!(letters.len(), 2, "{letters:?}");
    assert!(letters[0].contains("curl") && letters[0].contains("192.0.2.7"), "{}", letters[0]);

    // Who denies it is told anew of every device afterwards.
    let token = world.denial(&person.email, SUBJECT).await;
    world.rail().form("/not-me", &[("token", &token)]).await.expect(200);
    let reset = world.mailed_token(&person.email).await;
    let body = json!({ "token": reset, "password": "velvet harbour 77 quince" });
    drop(world.rail().post("/reset-password", body).await.data(200));
    let anew = json!({ "email": person.email, "password": "velvet harbour 77 quince" });
    drop(sign_in(&world, anew, "192.0.2.7", FIREFOX, &known).await.data(200));
    assert_eq!(told(&world, &person).await.len(), 3);
}

#[tokio::test]
async fn wrong_passwords_and_half_sign_ins_tell_nobody() {
    let world = world().await;
    let (person, enrolled) = (world.person().await, world.enrolled().await);
    world.sign_in(&person).await;
    for number in 0..5 {
        let from = format!("198.51.{number}.1");
        let wrong = json!({ "email": person.email, "password": "wrong guess" });
        sign_in(&world, wrong, &from, FIREFOX, "").await.refused(401, "INVALID_CREDENTIALS");
        drop(sign_in(&world, enrolled.credentials(), &from, FIREFOX, "").await.data(200));
    }
    for person in [&person, &enrolled] {
        assert_eq!(told(&world, person).await, [""; 0]);
    }
    // Once the second factor is proved, where it was.
    let half = world.half_sign_in(&enrolled).await;
    let request = world.rail().request("POST", "/mfa/verify");
    let request = request.header("x-forwarded-for", "198.51.100.9").header("user-agent", FIREFOX);
    let body = json!({ "mfaToken": half, "code": enrolled.code(&world) });
    drop(send(request.json(&body)).await.data(200));
    let letters = told(&world, &enrolled).await;
    assert!(letters.len() == 1 && letters[0].contains("198.51.100.9"), "{letters:?}");
    // From where they came before, nobody is told again.
    let half = world.half_sign_in(&enrolled).await;
    drop(verify(&world.rail(), &half, &enrolled.backup_codes[0]).await.data(200));
    assert_eq!(told(&world, &enrolled).await.len(), 1);
}

#[tokio::test]
async fn a_sign_in_on_the_pages_is_told_like_any_other() {
    let world = World::shared().await;
    let person = world.person().await;
    world.sign_in(&person).await;
    let mut browser = Browser::new(&world);
    for _ in 0..2 {
        browser.get("/login?switch=1").await;
        browser.sign_in(&person).await;
        browser.answer().expect(200);
    }
    let letters = told(&world, &person).await;
    assert!(letters.len() == 1 && letters[0].contains("Firefox on Linux"), "{letters:?}");
}

#[tokio::test]
async fn no_mailbox_is_flooded_with_sign_ins() {
    let world = world().await;
    let person = world.person().await;
    for number in 0..12 {
        let agent = format!("agent-{number}/1");
        drop(sign_in(&world, person.credentials(), "192.0.2.7", &agent, "").await.data(200));
    }
    assert_eq!(told(&world, &person).await.len(), 5);
}
