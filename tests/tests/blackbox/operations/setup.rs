//! The first admin.

use std::time::Duration;

use serde_json::json;
use tests::{
    Answer, World,
    forge::claims,
    outbox::token_of,
    person::{Person, code_of},
    rail::send,
};

use crate::minutes;

/// What the page of a link shows: the authenticator's key, and its sealed form.
struct Form {
    key: String,
    sealed: String,
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}")).1;
    rest.split_once(after).unwrap().0
}

impl Form {
    fn of(page: &Answer) -> Self {
        Self {
            key: between(&page.text, "<code class=\"key\">", "</code>").trim().replace(' ', ""),
            sealed: between(&page.text, "name=\"sealed\" value=\"", "\"").to_owned(),
        }
    }
}

async fn link(world: &World) -> String {
    let made = world.signalbox(&["admin", "setup-link"]).await.json();
    let url = made["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("{}/setup?token=", world.issuer())), "{url}");
    token_of(url).unwrap()
}

async fn show(world: &World, token: &str) -> Answer {
    world.rail().root("GET", &format!("/setup?token={token}")).await
}

async fn fill_in(world: &World, token: &str, person: &Person, form: &Form, code: &str) -> Answer {
    let fields = [
        ("token", token),
        ("email", &person.email),
        ("name", &person.name),
        ("password", &person.password),
        ("sealed", &form.sealed),
        ("code", code),
    ];
    world.rail().form("/setup", &fields).await
}

#[tokio::test]
async fn a_link_makes_the_first_admin_and_no_second() {
    let mut world = World::start().await;
    let token = link(&world).await;
    let page = show(&world, &token).await;
    page.expect(200);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    let (form, mut person) = (Form::of(&page), Person::new());
    let code = code_of(&form.key, world.clock().secs());

    // Fields that cannot be taken are named, and use nothing up.
    let mut weak = Person::new().called("<script>alert(1)</script>");
    weak.password = "password123".into();
    let again = fill_in(&world, &token, &weak, &form, &code).await;
    again.expect(422);
    assert!(!again.text.contains("<script>alert"), "{}", again.text);
    assert_eq!(Form::of(&again).key, form.key);
    let stale = code_of(&form.key, world.clock().secs() - 600);
    fill_in(&world, &token, &person, &form, &stale).await.expect(422);

    let done = fill_in(&world, &token, &person, &form, &code).await;
    done.expect(200);
    assert!(done.text.contains(&person.email), "{}", done.text);
    let second = fill_in(&world, &token, &Person::new(), &form, &code).await;
    assert!((400..500).contains(&second.status), "{}", second.text);
    assert!((400..500).contains(&show(&world, &token).await.status));
    let refused = world.signalbox(&["admin", "setup-link"]).await;
    assert_ne!(refused.code, 0, "{refused:?}");
    assert!(refused.err.contains("admin"), "{refused:?}");

    // The admin signs in with both factors; the code of the form is used up.
    person.secret = Some(form.key);
    let half = world.half_sign_in(&person).await;
    tests::person::verify(&world.rail(), &half, &code).await.refused(401, "INVALID_CODE");
    world.advance(Duration::from_secs(60));
    let session = world.sign_in(&person).await;
    assert_eq!(claims(&session.access)["roles"], json!(["admin"]));
    world.edge().demo(&session.access).await.expect(200);
    let backup = between(&done.text, "<li><code>", "</code>");
    let half = world.half_sign_in(&person).await;
    drop(tests::person::verify(&world.rail(), &half, backup).await.data(200));
}

#[tokio::test]
async fn a_newer_link_kills_the_older_one_and_half_an_hour_kills_both() {
    let mut world = World::start().await;
    let older = link(&world).await;
    let newer = link(&world).await;
    assert!((400..500).contains(&show(&world, &older).await.status));
    show(&world, &newer).await.expect(200);
    world.advance(minutes(30) + Duration::from_secs(1));
    assert!((400..500).contains(&show(&world, &newer).await.status));
}

#[tokio::test]
async fn a_form_of_another_site_makes_no_admin() {
    let world = World::start().await;
    let token = link(&world).await;
    let form = Form::of(&show(&world, &token).await);
    let code = code_of(&form.key, world.clock().secs());
    let body = format!(
        "token={token}&email=mallory%40example.com&name=Mallory&password=gravel+lantern+77+up&\
         sealed={}&code={code}",
        form.sealed
    );
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let request = world
            .rail()
            .request_root("POST", "/setup")
            .header("content-type", "application/x-www-form-urlencoded")
            .header(name, value);
        send(request.body(body.clone())).await.expect(403);
    }
    show(&world, &token).await.expect(200);
}

#[tokio::test]
async fn the_secret_of_a_form_is_the_forms_alone() {
    let world = World::start().await;
    let token = link(&world).await;
    let (form, person) = (Form::of(&show(&world, &token).await), Person::new());
    let code = code_of(&form.key, world.clock().secs());
    for sealed in ["", "AAAA", &form.sealed[1..]] {
        let forged = Form { key: String::new(), sealed: sealed.into() };
        let answer = fill_in(&world, &token, &person, &forged, &code).await;
        assert!((400..500).contains(&answer.status), "{}", answer.text);
    }
}

#[tokio::test]
async fn two_who_fill_in_the_form_at_once_are_one_admin() {
    let world = World::start().await;
    let token = link(&world).await;
    let form = Form::of(&show(&world, &token).await);
    let code = code_of(&form.key, world.clock().secs());
    let people: Vec<Person> = (0..8).map(|_| Person::new()).collect();
    let tries = people.iter().map(|person| fill_in(&world, &token, person, &form, &code));
    let answers = futures_util::future::join_all(tries).await;
    let made = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(made, 1);
    assert!(answers.iter().all(|answer| answer.status < 500));
}
