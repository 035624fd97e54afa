//! `/forgot-password`: whoever forgot their password on the way to a client chooses another, and the
//! way goes on.

use reqwest::Url;
use serde_json::json;
use tests::{
    Person, World,
    browser::Browser,
    rail::send,
    relying_party::{has, through},
};

const PAGE: &str = "/forgot-password";

/// Follows the link of the page that is shown that leads to `path`.
async fn follow_link(browser: &mut Browser, path: &str) {
    let html = browser.answer().text.clone();
    let links = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let mut links = links.map(|link| link.replace("&amp;", "&").replace("&#38;", "&"));
    let link = links.find(|link| link.split('?').next() == Some(path));
    let link = link.unwrap_or_else(|| panic!("no link to {path}: {html}"));
    browser.get(&link).await;
}

#[tokio::test]
async fn a_password_forgotten_on_the_way_to_a_client_is_chosen_anew_and_the_way_goes_on() {
    let world = World::shared().await;
    let client = world.relying_party(json!({})).await;
    let mut person = world.person().await;
    let mut browser = Browser::new(&world);
    browser.get(&client.url(&[("login_hint", &person.email)])).await;
    follow_link(&mut browser, PAGE).await;
    // Whom the client expects stands there already.
    assert!(browser.answer().text.contains(&person.email));
    browser.submit(&[("email", &person.email)]).await;
    assert_eq!((browser.answer().status, browser.path()), (200, PAGE));
    assert!(!browser.answer().text.contains(&person.email));

    // The letter is opened in a tab of its own.
    let token = world.mailed_token(&person.email).await;
    let mut tab = browser.tab();
    tab.get(&format!("/reset-password?token={token}")).await;
    "Lantern-Quarry-Vessel-23".clone_into(&mut person.password);
    tab.submit(&[("password", &person.password)]).await;
    assert_eq!(tab.answer().status, 200);

    follow_link(&mut browser, "/login").await;
    let arrived = through(&mut browser, &person).await;
    client.redeem(&arrived["code"]).await.expect(200);
}

#[tokio::test]
async fn whoever_comes_from_nowhere_goes_back_to_sign_in_and_on_to_where_they_were_going() {
    let world = World::shared().await;
    let person = world.person().await;
    for (begin, to) in [("/login", ""), ("/login?to=%2Fdevice", "?to=%2Fdevice")] {
        let mut browser = Browser::new(&world);
        browser.get(begin).await;
        follow_link(&mut browser, PAGE).await;
        browser.submit(&[("email", &person.email)]).await;
        assert_eq!(browser.path(), PAGE);
        // Shown again as often as it is looked at, and nothing more is mailed.
        let address = browser.page().url.to_string();
        browser.get(&address).await;
        follow_link(&mut browser, "/login").await;
        assert_eq!(browser.page().url.to_string(), format!("{}/login{to}", world.issuer()));
    }
    assert_eq!(world.mails(&person.email).await.len(), 3);
}

#[tokio::test]
async fn no_form_from_elsewhere_has_a_link_mailed() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let before = world.mails(&person.email).await.len();
    let mut browser = Browser::new(&world);
    browser.get(PAGE).await;
    let forms = browser.cookie("sb_forms").unwrap().value.clone();
    let csrf = browser.forms()[0].fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
    let post = async |cookie: &str, csrf: &str, site: &str| {
        let mut url: Url = "http://localhost/".parse().unwrap();
        url.query_pairs_mut().extend_pairs([("email", &*person.email), ("csrf", csrf)]);
        let request = rail
            .request_root("POST", PAGE)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", format!("sb_forms={cookie}"))
            .header("sec-fetch-site", site)
            .body(url.query().unwrap().to_owned());
        send(request).await
    };
    post(&forms, &csrf, "cross-site").await.expect(403);
    // Of another browser: the page is shown again.
    let again = post("another", &csrf, "same-origin").await;
    assert_eq!((again.status, again.header("location")), (303, "/forgot-password?"));
    rail.form(PAGE, &[("email", &person.email)]).await.expect(403);
    assert_eq!(world.mails(&person.email).await.len(), before);
    let sent = post(&forms, &csrf, "same-origin").await;
    assert_eq!((sent.status, sent.header("location")), (303, "/forgot-password?sent=1"));
    assert_eq!(world.mails(&person.email).await.len(), before + 1);
}

#[tokio::test]
async fn what_is_no_mail_address_is_said_beside_the_field() {
    let world = World::shared().await;
    let mut browser = Browser::new(&world);
    browser.get(PAGE).await;
    for typed in ["", "ada", "<b>ada</b>@", "a@b@c"] {
        browser.submit(&[("email", typed)]).await;
        assert_eq!(browser.answer().status, 422, "{typed}");
        let said = browser.element("email-problem").unwrap();
        assert!(said.starts_with("Enter a mail address"), "{said}");
        assert!(!browser.answer().text.contains("<b>ada"));
        assert!(has(&browser, "email"));
    }
}

#[tokio::test]
async fn the_page_for_a_forgotten_password_is_the_same_for_every_address() {
    let world = World::shared().await;
    let pending = Person::new();
    drop(world.rail().post("/register", pending.registration()).await.data(201));
    let people = [Person::new(), pending, world.person().await, world.enrolled().await];
    let mut browser = Browser::new(&world);
    let mut seen = Vec::new();
    for person in &people {
        // More often than mail leaves.
        for _ in 0..7 {
            browser.get(PAGE).await;
            let sent = browser.submit_only(&[("email", &person.email)]).await.answer.clone();
            let page = browser.follow().await.answer.text.clone();
            seen.push((sent.status, sent.header("location").to_owned(), sent.text, page));
        }
    }
    assert_eq!(seen[0].0, 303);
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
    assert_eq!(world.mails(&people[0].email).await.len(), 0);
    assert_eq!(world.mails(&people[3].email).await.len(), 1 + 5);
}
