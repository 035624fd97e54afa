//! Connected apps and recent activity, on their pages.

use serde_json::json;
use tests::{Person, World, browser::Browser, relying_party::Tokens};

use super::{says, sign_in, signed_in, told};

/// A browser in which somebody is signed in who has let a client of others in, and its tokens.
async fn connected(world: &World, person: &Person, name: &str) -> (Browser, Tokens, String) {
    let metadata = json!({ "first_party": false, "client_name": name });
    let client = world.confidential(metadata).await;
    let mut browser = Browser::new(world);
    let tokens = client.sign_in(&mut browser, person, "openid email offline_access").await;
    client.userinfo(&tokens.access).await.expect(200);
    (browser, tokens, client.id.clone())
}

#[tokio::test]
async fn an_app_is_listed_in_plain_words_and_disconnected() {
    let world = World::shared().await;
    let person = world.person().await;
    let client =
        world.confidential(json!({ "first_party": false, "client_name": "Harbour Planner" })).await;
    let mut browser = Browser::new(&world);
    let tokens = client.sign_in(&mut browser, &person, "openid email offline_access").await;
    browser.get("/account/apps").await;
    browser.expect_at("/account/apps");
    for words in ["Harbour Planner", "see your mail address", "while you are away"] {
        says(&browser, words);
    }
    browser.get("/account/sessions").await;
    says(&browser, "Harbour Planner");
    browser.get("/account/apps").await;
    browser.submit(&[("end", &client.id)]).await;
    told(&browser, "disconnected");
    says(&browser, "No app is connected");
    client.userinfo(&tokens.access).await.expect(401);
    assert_eq!(client.refresh(&tokens.refresh).await.status, 400);
}

#[tokio::test]
async fn an_apps_name_is_text_and_nobody_disconnects_the_apps_of_somebody_else() {
    let world = World::shared().await;
    let (ada, bob) = (world.person().await, world.person().await);
    let evil = "<script>alert(1)</script>\"'>";
    let (mut theirs, tokens, id) = connected(&world, &ada, evil).await;
    theirs.get("/account/apps").await;
    says(&theirs, "&#60;script&#62;alert(1)");
    assert!(!theirs.answer().text.contains("<script>alert"));
    let mut browser = signed_in(&world, &bob, "/account/devices").await;
    browser.get("/account/profile/edit").await;
    let csrf = browser.forms()[0].fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
    for wanted in [id.as_str(), "nobody", ""] {
        browser.post("/account/apps", &[("csrf", &csrf), ("end", wanted)]).await;
        told(&browser, "not there any more");
    }
    // Their own ends, whatever it calls itself.
    theirs.submit(&[("end", &id)]).await;
    told(&theirs, "disconnected");
    assert!(!theirs.answer().text.contains("alert(1)"));
    drop(tokens);
}

#[tokio::test]
async fn what_happened_is_told_newest_first_to_its_owner_alone() {
    let world = World::shared().await;
    let (ada, bob) = (world.person().await, world.person().await);
    let wrong = json!({ "email": ada.email, "password": "wrong horse battery" });
    world.rail().post("/login", wrong).await.refused(401, "INVALID_CREDENTIALS");
    let mut browser = signed_in(&world, &ada, "/account/activity").await;
    says(&browser, "A sign-in failed");
    says(&browser, "wrong password");
    let text = browser.answer().text.clone();
    let place = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words}: {text}"));
    assert!(place("Signed in</strong>") < place("A sign-in failed"));
    assert!(place("A sign-in failed") < place("Mail address verified"));
    for odd in ["?after=nonsense", "?after=1-1", "?after=%3Cscript%3E", "?after=-1--1"] {
        browser.get(&format!("/account/activity{odd}")).await;
        browser.expect_at("/account/activity");
        assert!(!browser.answer().text.contains("<script>"));
    }
    sign_in(&world, &mut browser, &bob, "/account/activity").await;
    assert!(!browser.answer().text.contains("A sign-in failed"));
}

#[tokio::test]
async fn what_happened_before_is_a_page_away() {
    let world = World::shared().await;
    let person = world.person().await;
    for _ in 0..28 {
        drop(world.sign_in(&person).await);
    }
    let mut browser = signed_in(&world, &person, "/account/activity").await;
    assert!(!browser.answer().text.contains("Mail address verified"));
    let text = browser.answer().text.clone();
    let mark = "/account/activity?after=";
    let older = text.split(mark).nth(1).unwrap().split('"').next().unwrap();
    browser.get(&format!("{mark}{older}")).await;
    says(&browser, "Mail address verified");
    says(&browser, "Newest");
}
