//! Personal API keys on their page.

use serde_json::json;
use tests::{Browser, World};

use super::{says, signed_in, told};
use crate::{
    account::{api_keys::site_with_keys, call},
    minutes,
};

const PATH: &str = "/account/api-keys";

/// The key that the page shows.
fn shown(browser: &Browser) -> Option<String> {
    let text = &browser.answer().text;
    let begin = text.find("<code>sbk_")? + "<code>".len();
    let end = text[begin..].find('<')?;
    Some(text[begin..begin + end].to_owned())
}

#[tokio::test]
async fn a_key_is_made_shown_once_and_revoked_on_the_page() {
    let world = World::shared().await;
    site_with_keys(&world, "keys-page", json!({})).await;
    let person = world.person().await;
    let mut browser = signed_in(&world, &person, PATH).await;
    browser.get("/account/api-keys/new").await;
    says(&browser, "keys-page");
    let name = "Ada's <b>build</b>";
    let fields = [
        ("name", name),
        ("site", "keys-page"),
        ("scopes", "read  write"),
        ("networks", " 192.0.2.9/24,2001:db8::7"),
        ("days", "30"),
    ];
    browser.submit(&fields).await.answer.expect(200);
    browser.expect_at("/account/api-keys/made");
    let key = shown(&browser).unwrap();
    assert_eq!(browser.answer().header("cache-control"), "no-store");
    assert!(!browser.answer().text.contains("<b>build"));
    // Shown again until it is kept, and to nobody else.
    browser.get("/account/api-keys/made").await;
    assert_eq!(shown(&browser).as_ref(), Some(&key));
    let mut other = signed_in(&world, &world.person().await, PATH).await;
    let carried = browser.cookie("sb_key").unwrap().value.clone();
    other.set_cookie("sb_key", &carried);
    other.get("/account/api-keys/made").await;
    assert_eq!((other.path(), shown(&other)), (PATH, None));
    browser.submit(&[]).await;
    assert_eq!((browser.path(), shown(&browser)), (PATH, None));
    browser.get("/account/api-keys/made").await;
    assert_eq!((browser.path(), shown(&browser)), (PATH, None));

    let access = world.sign_in(&person).await.access;
    let listed = call(&world.rail(), &access, "GET", "/api-keys").await.data(200);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(
        (&listed[0]["name"], &listed[0]["scopes"]),
        (&json!(name), &json!(["read", "write"]))
    );
    assert_eq!(listed[0]["sites"], json!(["keys-page"]));
    assert_eq!(listed[0]["networks"], json!(["192.0.2.0/24", "2001:db8::7/128"]));
    let id = listed[0]["id"].as_str().unwrap();
    browser.get(PATH).await;
    assert!(!browser.answer().text.contains(&key[37..]));
    says(&browser, "Only from <bdi>192.0.2.0/24, 2001:db8::7/128</bdi>");
    // Somebody else revokes nothing of theirs.
    other.get("/account/api-keys/new").await;
    let form = other.forms().into_iter().find(|form| form.action.ends_with("/new")).unwrap();
    let csrf = form.fields.iter().find(|(name, _)| name == "csrf").unwrap();
    other.post(PATH, &[("csrf", &csrf.1), ("revoke", id)]).await;
    told(&other, "not there any more");
    let listed = call(&world.rail(), &access, "GET", "/api-keys").await.data(200);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    browser.submit(&[("revoke", id)]).await.answer.expect(200);
    let listed = call(&world.rail(), &access, "GET", "/api-keys").await.data(200);
    assert_eq!(listed, json!([]));
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_said_on_its_page_and_what_was_filled_in_stays() {
    let world = World::plan().set("limits.api_keys_per_person", 1).start().await;
    site_with_keys(&world, "keys", json!({})).await;
    let person = world.person().await;
    let mut browser = signed_in(&world, &person, PATH).await;
    for (fields, problem) in [
        ([("name", " "), ("site", "keys"), ("scopes", "read")], "name-problem"),
        ([("name", "Build"), ("site", "elsewhere"), ("scopes", "read")], "sites-problem"),
        ([("name", "Build"), ("site", "keys"), ("scopes", "\"")], "scopes-problem"),
    ] {
        browser.get("/account/api-keys/new").await;
        browser.submit(&fields).await.answer.expect(422);
        assert!(browser.element(problem).is_some(), "{problem}: {}", browser.answer().text);
    }
    assert!(browser.answer().text.contains(r#"value="Build""#));
    let many = (0..17).map(|last| format!("192.0.2.{last}")).collect::<Vec<_>>().join(" ");
    for (networks, said) in [("192.0.2.7, <office>", "<office>"), (&many, "at most 16")] {
        browser.get("/account/api-keys/new").await;
        let fields = [("name", "Build"), ("site", "keys"), ("networks", networks)];
        browser.submit(&fields).await.answer.expect(422);
        let problem = browser.element("networks-problem").unwrap();
        assert!(problem.contains(said), "{problem}");
    }
    says(&browser, r#"value="192.0.2.0, 192.0.2.1, "#);
    browser.get("/account/api-keys/new").await;
    browser.submit(&[("name", "One"), ("site", "keys")]).await.answer.expect(200);
    browser.get("/account/api-keys/new").await;
    browser.submit(&[("name", "Two"), ("site", "keys")]).await.answer.expect(422);
    assert!(browser.element("problem").is_some(), "{}", browser.answer().text);
}

#[tokio::test]
async fn the_page_asks_for_a_proof_before_a_key_is_made() {
    let mut world = World::start().await;
    site_with_keys(&world, "keys", json!({})).await;
    let person = world.person().await;
    let mut browser = signed_in(&world, &person, PATH).await;
    browser.get("/account/api-keys/new").await;
    browser.expect_at("/account/api-keys/new");
    let mut late = browser.tab();
    late.get("/account/api-keys/new").await;
    world.advance(minutes(6));
    // The form that was open all the while makes nothing, and the page itself asks first.
    late.submit(&[("name", "Late"), ("site", "keys")]).await;
    late.expect_at("/account/confirm");
    browser.get("/account/api-keys/new").await;
    browser.expect_at("/account/confirm");
    browser.submit(&[("password", &person.password)]).await;
    browser.expect_at("/account/api-keys/new");
    browser.submit(&[("name", "In time"), ("site", "keys")]).await.answer.expect(200);
    assert!(shown(&browser).is_some());
}
