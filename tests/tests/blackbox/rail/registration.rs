//! Registration and the proof of an address.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Person, World, outbox::token_of, rail::send};

use crate::minutes;

#[tokio::test]
async fn a_registration_is_pending_until_its_address_is_proved() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), Person::new());
    let answer = rail.post("/register", person.registration()).await.data(201);
    assert!(answer.get("accessToken").is_none(), "{answer}");
    rail.post("/login", person.credentials()).await.refused(403, "EMAIL_NOT_VERIFIED");
    world.verify_address(&person).await;
    let data = rail.post("/login", person.credentials()).await.data(200);
    assert_eq!(data["user"]["name"], person.name.as_str());
}

#[tokio::test]
async fn every_field_that_cannot_be_taken_is_named() {
    let world = World::shared().await;
    let rail = world.rail();
    let wrong = |changes: Value| {
        let mut body = Person::new().registration();
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        let rail = rail.clone();
        async move { rail.post("/register", body).await.wrong_fields() }
    };
    for email in ["", "ada", "ada@", "@example.com", "a b@example.com", "a@b@c", "ada@exa mple.com"]
    {
        assert_eq!(wrong(json!({ "email": email })).await, ["email"], "{email:?}");
    }
    let long = "gravel lantern 77 ".repeat(8);
    for password in ["", "k7#Qz!p", "żółćęńś", "password123", "PASSWORD123", "aaaaaaaaaaaab", &long]
    {
        assert_eq!(wrong(json!({ "password": password })).await, ["password"], "{password:?}");
    }
    for name in [String::new(), "  ".into(), "a\u{7}b".into(), "a".repeat(201)] {
        assert_eq!(wrong(json!({ "name": name })).await, ["name"], "{name:?}");
    }
    assert_eq!(wrong(json!({ "tenantId": "another" })).await, ["tenantId"]);
    assert_eq!(wrong(json!({ "invitation": "nonsense" })).await, ["invitation"]);
    let all = wrong(json!({ "email": "", "password": "", "name": "" })).await;
    assert_eq!(all, ["email", "name", "password"]);
}

#[tokio::test]
async fn nobody_gives_themselves_roles_a_status_or_a_tenant() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), Person::new());
    let fields = ["roles", "role", "status", "tenant", "tenant_id", "emailVerified", "isAdmin"];
    for field in fields {
        let mut body = person.registration();
        body[field] = json!("admin");
        assert_eq!(rail.post("/register", body).await.wrong_fields(), [field]);
    }
    let person = world.person().await;
    let session = world.sign_in(&person).await;
    let me = rail.call_as(&session.access, "GET", "/me").await.data(200);
    assert_eq!(me["roles"], json!([]));
}

#[tokio::test]
async fn a_known_address_gets_the_same_answer_and_its_owner_a_mail() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let mails = world.mails(&person.email).await.len();
    let other = json!({
        "email": person.email, "password": "another gravel lantern 9", "name": "Mallory",
    });
    let known = rail.post("/register", other).await;
    let fresh = rail.post("/register", Person::new().called("Mallory").registration()).await;
    let without_address = |answer: &tests::Answer| {
        let mut body = answer.without_meta();
        body["data"]["email"].take();
        (answer.status, body)
    };
    assert_eq!(without_address(&known), without_address(&fresh));
    let mails_now = world.mails(&person.email).await;
    assert_eq!(mails_now.len(), mails + 1);
    assert!(token_of(mails_now[0]["text"].as_str().unwrap()).is_none(), "{mails_now:?}");
    // Nothing has changed for its owner.
    world.sign_in(&person).await;
}

#[tokio::test]
async fn a_mail_link_is_good_once() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), Person::new());
    drop(rail.post("/register", person.registration()).await.data(201));
    let token = world.mailed_token(&person.email).await;
    let body = json!({ "token": token });
    drop(rail.post("/verify-email", body.clone()).await.data(200));
    rail.post("/verify-email", body).await.refused(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_mail_link_dies_with_a_newer_one() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), Person::new());
    drop(rail.post("/register", person.registration()).await.data(201));
    let older = world.mailed_token(&person.email).await;
    let email = json!({ "email": person.email });
    drop(rail.post("/resend-verification", email).await.data(202));
    let newer = world.mailed_token(&person.email).await;
    assert_ne!(older, newer);
    let try_it = async |token: &str| rail.post("/verify-email", json!({ "token": token })).await;
    try_it(&older).await.refused(401, "INVALID_TOKEN");
    drop(try_it(&newer).await.data(200));
}

#[tokio::test]
async fn a_mail_link_dies_with_a_change_of_the_password_it_was_sent_for() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), Person::new());
    drop(rail.post("/register", person.registration()).await.data(201));
    let of_the_first = world.mailed_token(&person.email).await;
    let second = Person::new().at(&person.email);
    drop(rail.post("/register", second.registration()).await.data(201));
    let body = json!({ "token": of_the_first });
    rail.post("/verify-email", body).await.refused(401, "INVALID_TOKEN");
    world.verify_address(&second).await;
    // Whoever proves the address has the password that came with the proof, and no other.
    world.sign_in(&second).await;
    rail.post("/login", person.credentials()).await.refused(401, "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn following_a_link_consumes_nothing_and_pressing_its_button_does() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), Person::new());
    drop(rail.post("/register", person.registration()).await.data(201));
    let token = world.mailed_token(&person.email).await;
    let path = format!("/verify-email?token={token}");
    for _ in 0..3 {
        let page = rail.root("GET", &path).await;
        page.expect(200);
        assert!(page.header("content-type").starts_with("text/html"), "{page:?}");
        assert!(page.text.contains("<form"), "{}", page.text);
        let policy = page.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe-inline"), "{policy}");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
    }
    rail.post("/login", person.credentials()).await.refused(403, "EMAIL_NOT_VERIFIED");
    rail.form("/verify-email", &[("token", &token)]).await.expect(200);
    world.sign_in(&person).await;
    let again = rail.form("/verify-email", &[("token", &token)]).await;
    assert!((400..500).contains(&again.status), "{}", again.status);
}

#[tokio::test]
async fn a_form_of_another_site_verifies_nothing() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), Person::new());
    drop(rail.post("/register", person.registration()).await.data(201));
    let token = world.mailed_token(&person.email).await;
    for origin in ["https://evil.example", "null"] {
        let request = rail
            .request_root("POST", "/verify-email")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", origin);
        send(request.body(format!("token={token}"))).await.expect(403);
    }
    rail.post("/login", person.credentials()).await.refused(403, "EMAIL_NOT_VERIFIED");
}

#[tokio::test]
async fn a_mail_link_lives_half_an_hour() {
    let mut world = World::start().await;
    let rail = world.rail();
    let (early, late) = (Person::new(), Person::new());
    for person in [&early, &late] {
        drop(rail.post("/register", person.registration()).await.data(201));
    }
    // A link lives from when it was made, which is after the answer.
    world.mail_has_left().await;
    world.advance(minutes(29));
    world.verify_address(&early).await;
    world.advance(minutes(1) + Duration::from_secs(1));
    let token = world.mailed_token(&late.email).await;
    let body = json!({ "token": token });
    rail.post("/verify-email", body).await.refused(401, "INVALID_TOKEN");
    // Another link puts it right.
    drop(rail.post("/resend-verification", json!({ "email": late.email })).await.data(202));
    world.verify_address(&late).await;
    world.sign_in(&late).await;
}

#[tokio::test]
async fn a_link_of_one_kind_is_none_of_another() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), Person::new());
    drop(rail.post("/register", person.registration()).await.data(201));
    let token = world.mailed_token(&person.email).await;
    let page = rail.root("GET", &format!("/setup?token={token}")).await;
    assert!((400..500).contains(&page.status), "{}", page.text);
    let body = json!({ "refreshToken": token });
    rail.post("/refresh", body).await.refused(401, "INVALID_TOKEN");
    world.verify_address(&person).await;
}

#[tokio::test]
async fn one_address_in_many_spellings_is_one_account() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), world.person().await);
    let mails = world.mails(&person.email).await.len();
    for email in [person.email.to_uppercase(), format!(" {} ", person.email)] {
        let mut body = Person::new().registration();
        body["email"] = email.into();
        drop(rail.post("/register", body).await.data(201));
    }
    // Both times the owner was told, and nobody else became anybody.
    let upper = world.mails(&person.email.to_uppercase()).await.len();
    assert_eq!(world.mails(&person.email).await.len() + upper, mails + 2);
    world.sign_in(&person).await;
}

#[tokio::test]
async fn an_address_gets_so_many_mails_and_no_more() {
    let world = World::start().await;
    let (rail, person) = (world.rail(), Person::new());
    drop(rail.post("/register", person.registration()).await.data(201));
    for _ in 0..9 {
        let body = json!({ "email": person.email });
        drop(rail.post("/resend-verification", body).await.data(202));
    }
    assert_eq!(world.mails(&person.email).await.len(), 5);
    world.verify_address(&person).await;
}

#[tokio::test]
async fn what_people_type_is_inert_in_mails() {
    let world = World::shared().await;
    let name = "<script>alert(1)</script><img src=x onerror=alert(2)>";
    let person = Person::new().called(name);
    drop(world.rail().post("/register", person.registration()).await.data(201));
    let mails = world.mails(&person.email).await;
    let html = mails[0]["html"].as_str().unwrap();
    assert!(!html.contains("<script>") && !html.contains("<img src=x"), "{html}");
    let page = world.rail().root("GET", "/dev/outbox").await;
    assert!(!page.text.contains("<script>alert(1)"), "the outbox page runs a mail");
}
