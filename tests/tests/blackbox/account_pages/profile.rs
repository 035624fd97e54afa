//! What people say of themselves, on its page and in JSON.

use serde_json::{Value, json};
use tests::{Answer, Session, World, rail::send};

use super::{says, signed_in, told};
use crate::minutes;

const PATH: &str = "/api/v1/account/profile";

async fn patch(world: &World, session: &Session, body: Value) -> Answer {
    let request = world.rail().request_root("PATCH", PATH).bearer_auth(&session.access);
    send(request.json(&body)).await
}

async fn profile(world: &World, session: &Session) -> Value {
    send(world.rail().request_root("GET", PATH).bearer_auth(&session.access)).await.data(200)
}

/// Everything that can be said, with a value for each.
fn everything() -> Value {
    json!({
        "name": "Ada Lovelace", "givenName": "Augusta Ada", "middleName": "King",
        "familyName": "Lovelace", "nickname": "Ada", "gender": "female",
        "birthdate": "1815-12-10", "profile": "https://ada.example/about",
        "website": "https://ada.example", "picture": "https://ada.example/ada.png",
        "locale": "en-GB", "zoneinfo": "Europe/London",
        "address": {
            "formatted": "12 St James's Square\nLondon", "streetAddress": "12 St James's Square",
            "postalCode": "SW1Y 4JH", "locality": "London", "region": "England",
            "country": "United Kingdom",
        },
    })
}

#[tokio::test]
async fn what_is_said_comes_back_and_is_told_to_clients_that_may_know() {
    let world = World::shared().await;
    let person = world.person().await;
    let session = world.sign_in(&person).await;
    let mut wanted = everything();
    wanted["preferredUsername"] = format!("ada.{}", &session.user_id[24..]).into();
    let said = patch(&world, &session, wanted.clone()).await.data(200);
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&said[name], value, "{name}");
    }
    assert_eq!(profile(&world, &session).await, said);
    assert_eq!((&said["email"], &said["emailVerified"]), (&json!(person.email), &json!(true)));
    // The user name is one to sign in with.
    let by_name = json!({ "email": wanted["preferredUsername"], "password": person.password });
    drop(world.rail().post("/login", by_name).await.data(200));
    // What is left out stays; null takes away, a part or the whole.
    let body = json!({ "nickname": null, "address": { "region": null } });
    let said = patch(&world, &session, body).await.data(200);
    assert_eq!((&said["nickname"], &said["address"]["region"]), (&Value::Null, &Value::Null));
    assert_eq!(said["address"]["locality"], "London");
    let said = patch(&world, &session, json!({ "address": null })).await.data(200);
    assert!(said["address"].as_object().unwrap().values().all(Value::is_null), "{said}");
    assert_eq!(said["gender"], "female");
}

#[tokio::test]
async fn nobody_gives_themselves_what_others_give_or_prove() {
    let world = World::shared().await;
    let session = world.sign_in(&world.person().await).await;
    let before = profile(&world, &session).await;
    for (name, value) in [
        ("roles", json!(["admin"])),
        ("tenantId", json!("other")),
        ("status", json!("active")),
        ("email", json!("mallory@example.com")),
        ("emailVerified", json!(true)),
        ("phoneNumber", json!("+442071234567")),
        ("phoneNumberVerified", json!(true)),
        ("sub", json!("somebody")),
        ("claims", json!({ "roles": ["admin"] })),
        ("updatedAt", json!("2026-01-01T00:00:00Z")),
    ] {
        let body = json!({ "nickname": "x", name: value });
        assert_eq!(patch(&world, &session, body).await.wrong_fields(), [name]);
    }
    let body = json!({ "address": { "country": "UK", "isAdmin": true } });
    assert_eq!(patch(&world, &session, body).await.wrong_fields(), ["address.isAdmin"]);
    assert_eq!(profile(&world, &session).await, before);
}

#[tokio::test]
async fn each_field_that_cannot_be_taken_is_named_and_nothing_is_kept() {
    let world = World::shared().await;
    let session = world.sign_in(&world.person().await).await;
    let before = profile(&world, &session).await;
    let wrong = json!({
        "name": null, "preferredUsername": "ada@example.com", "birthdate": "31.12.1815",
        "website": "javascript:alert(1)", "picture": "data:image/svg+xml,x", "profile": "ada",
        "locale": "english please", "zoneinfo": "<b>", "nickname": "a\u{202e}b",
        "gender": "x".repeat(65), "address": { "country": "x".repeat(101) },
    });
    let mut fields = patch(&world, &session, wrong.clone()).await.wrong_fields();
    let mut wanted: Vec<String> = wrong.as_object().unwrap().keys().cloned().collect();
    wanted.retain(|name| name != "address");
    wanted.push("address.country".to_owned());
    fields.sort();
    wanted.sort();
    assert_eq!(fields, wanted);
    for nul in [json!({ "nickname": "a\u{0}b" }), json!({ "address": { "region": "\u{0}" } })] {
        patch(&world, &session, nul).await.refused(422, "VALIDATION_ERROR");
    }
    assert_eq!(profile(&world, &session).await, before);
}

#[tokio::test]
async fn a_user_name_is_one_persons_alone() {
    let world = World::shared().await;
    let (ada, bob) =
        (world.sign_in(&world.person().await).await, world.sign_in(&world.person().await).await);
    let name = format!("Unique-{}", &ada.user_id[24..]);
    drop(patch(&world, &ada, json!({ "preferredUsername": name })).await.data(200));
    let same = json!({ "preferredUsername": name.to_uppercase(), "nickname": "x" });
    assert_eq!(patch(&world, &bob, same).await.wrong_fields(), ["preferredUsername"]);
    assert_eq!(profile(&world, &bob).await["nickname"], Value::Null);
    // Theirs it is still, written otherwise; and anybody's once they gave it up.
    drop(patch(&world, &ada, json!({ "preferredUsername": name.to_lowercase() })).await.data(200));
    drop(patch(&world, &ada, json!({ "preferredUsername": null })).await.data(200));
    drop(patch(&world, &bob, json!({ "preferredUsername": name })).await.data(200));
}

#[tokio::test]
async fn a_profile_changes_only_after_a_fresh_proof() {
    let mut world = World::start().await;
    let person = world.enrolled().await;
    world.advance(minutes(1));
    let session = world.sign_in(&person).await;
    world.advance(minutes(6));
    drop(profile(&world, &session).await);
    patch(&world, &session, json!({ "nickname": "x" })).await.refused(403, "STEP_UP_REQUIRED");
    let proved = json!({ "code": person.code(&world) });
    let proved = world.rail().post_as(&session.access, "/mfa/verify", proved).await.data(200);
    drop(patch(&world, &Session::of(&proved), json!({ "nickname": "x" })).await.data(200));
}

#[tokio::test]
async fn changes_of_a_profile_are_counted() {
    let world = World::shared().await;
    let session = world.sign_in(&world.person().await).await;
    let mut last = 0;
    for number in 0..31 {
        last = patch(&world, &session, json!({ "nickname": format!("n{number}") })).await.status;
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn the_page_shows_and_changes_what_is_said() {
    let world = World::shared().await;
    let person = world.person().await;
    let session = world.sign_in(&person).await;
    drop(patch(&world, &session, everything()).await.data(200));
    let mut browser = signed_in(&world, &person, "/account/profile").await;
    for words in ["Augusta Ada", "1815-12-10", "SW1Y 4JH", "Europe/London", "https://ada.example"] {
        says(&browser, words);
    }
    browser.get("/account/profile/edit").await;
    browser
        .submit(&[("nickname", ""), ("locality", "Marylebone"), ("street_address", "1 High St")])
        .await;
    browser.expect_at("/account/profile");
    told(&browser, "saved");
    let said = profile(&world, &session).await;
    assert_eq!(
        (&said["nickname"], &said["address"]["locality"]),
        (&Value::Null, &json!("Marylebone"))
    );
    // The whole of it, which the form does not ask for, was of the town before.
    assert_eq!(said["address"]["formatted"], Value::Null);
    browser.get("/account/profile/edit").await;
    browser
        .submit(&[("website", "javascript:alert(1)"), ("birthdate", "soon"), ("nickname", "Ada")])
        .await;
    assert_eq!(browser.answer().status, 422);
    says(&browser, "Enter a web address");
    says(&browser, "value=\"soon\"");
    assert_eq!(profile(&world, &session).await["nickname"], Value::Null);
}

#[tokio::test]
async fn whatever_people_say_of_themselves_is_text_on_every_page() {
    let world = World::shared().await;
    let person = world.person().await;
    let session = world.sign_in(&person).await;
    let evil = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>";
    let street = format!("</textarea>{evil}\n{evil}");
    let body = json!({
        "name": evil, "givenName": evil, "middleName": evil, "familyName": evil, "nickname": evil,
        "gender": evil, "website": "https://ada.example/\"><script>alert(1)</script>",
        "address": {
            "formatted": street, "streetAddress": street, "locality": evil, "region": evil,
            "country": evil, "postalCode": "\"><b>x</b>",
        },
    });
    drop(patch(&world, &session, body).await.data(200));
    let mut browser = signed_in(&world, &person, "/account").await;
    for path in super::PAGES {
        browser.get(path).await;
        let text = &browser.answer().text;
        for raw in ["<script>alert", "<img src=x", "<b>x", "</textarea>\""] {
            assert!(!text.contains(raw), "{path}: {raw}: {text}");
        }
    }
    browser.get("/account/profile").await;
    says(&browser, "&#60;script&#62;alert(1)");
}
