//! What reaches a site.

use serde_json::Value;
use tests::{World, edge::DEMO, raw};

use crate::names;

/// What the upstream saw of a raw request of these header lines.
async fn seen(world: &World, token: &str, lines: &str) -> Value {
    let request = format!(
        "GET /?access_token=x HTTP/1.1\r\nHost: {DEMO}\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\n{lines}\r\n"
    );
    let answer = raw::exchange(world.edge().port(), request.as_bytes()).await;
    assert_eq!(raw::status(&answer), 200, "{answer}");
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    let json = &body[body.find('{').unwrap()..=body.rfind('}').unwrap()];
    serde_json::from_str::<Value>(json).unwrap()["headers"].take()
}

#[tokio::test]
async fn nobody_says_who_they_are_but_by_their_token() {
    let world = World::shared().await;
    let person = world.enrolled().await;
    let session = world.sign_in(&person).await;
    let honest = seen(&world, &session.access, "").await;
    let lines = [
        "X-Auth-User: mallory",
        "x-auth-user: mallory",
        "X-AUTH-USER: mallory",
        "X_Auth_User: mallory",
        "X.Auth.User: mallory",
        "x-auth_user: mallory",
        "X-Auth-Roles: admin,mallory",
        "X_AUTH_ROLES: mallory",
        "X-Auth-Email: mallory@example.com",
        "X-Auth-Name: mallory",
        "X-Auth-Tenant: mallory",
        "X-Auth-Session: mallory",
        "X-Auth-Acr: urn:signalbox:mallory",
        "X-Auth-Assertion: mallory",
        "X-Auth-Anything: mallory",
        "X-Auth-: mallory",
        "X-Forwarded-User: mallory",
        "X-Forwarded-Host: mallory",
        "X-Forwarded-For: 6.6.6.6, mallory",
        "X_Forwarded_For: mallory",
        "X-Forwarded-Proto: mallory",
        "Forwarded: for=mallory",
        "X-Real-IP: mallory",
        "X_Real_IP: mallory",
        "X-Signalbox-Decision: mallory",
    ];
    let spoofed = seen(&world, &session.access, &(lines.join("\r\n") + "\r\n")).await;
    assert!(!spoofed.to_string().contains("mallory"), "{spoofed}");
    assert!(!spoofed.to_string().contains("6.6.6.6"), "{spoofed}");
    assert_eq!(names(&spoofed), names(&honest));
    for name in names(&honest).into_iter().filter(|name| name.starts_with("x-auth-")) {
        assert_eq!(spoofed[name], honest[name], "{name}");
    }
}

#[tokio::test]
async fn no_identity_is_taken_away_by_naming_it_in_connection() {
    let world = World::shared().await;
    let person = world.enrolled().await;
    let session = world.sign_in(&person).await;
    let nominated = "Connection: X-Auth-User, x-auth-roles, X-Request-ID, X-Own\r\nX-Own: 1\r\n";
    let seen = seen(&world, &session.access, nominated).await;
    assert_eq!(seen["x-auth-user"], session.user_id.as_str());
    assert!(seen["x-request-id"].is_string(), "{seen}");
    assert!(seen["x-own"].is_null(), "{seen}");
    // Who names what says where a request comes from is refused, or not heard.
    for name in ["X-Forwarded-For", "X-Forwarded-Host", "Host"] {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {DEMO}\r\nAuthorization: Bearer {}\r\n\
             Connection: close, {name}\r\n\r\n",
            session.access
        );
        let answer = raw::exchange(world.edge().port(), request.as_bytes()).await;
        let kept = answer.contains("\"x-forwarded-for\":\"127.0.0.1\"");
        assert!(raw::status(&answer) == 400 || kept, "{name}: {answer}");
    }
}

#[tokio::test]
async fn exactly_the_named_fields_are_added() {
    let world = World::shared().await;
    let person = world.enrolled().await;
    let session = world.sign_in(&person).await;
    let seen = seen(&world, &session.access, "X-Other: kept\r\n").await;
    let known = [
        "x-auth-user",
        "x-auth-email",
        "x-auth-name",
        "x-auth-roles",
        "x-auth-tenant",
        "x-auth-session",
        "x-auth-acr",
        "x-auth-amr",
        "x-auth-method",
        "x-auth-assertion",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-request-id",
    ];
    for name in names(&seen).into_iter().filter(|name| name.starts_with("x-")) {
        assert!(known.contains(&name) || name == "x-other", "{name}");
    }
    for name in
        ["x-auth-user", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id"]
    {
        assert!(names(&seen).contains(name), "{name} in {seen}");
    }
    assert_eq!(seen["x-other"], "kept");
    assert_eq!(
        (&seen["x-forwarded-for"], &seen["x-forwarded-proto"]),
        (&"127.0.0.1".into(), &"http".into())
    );
    // The caller's bearer is the edge's affair.
    assert!(!names(&seen).contains("authorization"), "{seen}");
}

#[tokio::test]
async fn a_name_of_any_letters_arrives_percent_encoded() {
    let world = World::shared().await;
    let person = tests::Person::new().called("Jörg Ł. \"x\" <y>, ń");
    drop(world.rail().post("/register", person.registration()).await.data(201));
    world.verify_address(&person).await;
    let mut person = person;
    let first = world.sign_in(&person).await;
    world.enrol(&mut person, &first).await;
    let session = world.sign_in(&person).await;
    let seen = seen(&world, &session.access, "").await;
    let name = seen["x-auth-name"].as_str().unwrap();
    assert!(name.starts_with("J%C3%B6rg%20%C5%81"), "{name}");
    assert!(name.bytes().all(|byte| byte.is_ascii_graphic()), "{name}");
    assert!(!name.contains(['"', '<', ',', ' ']), "{name}");
}

#[tokio::test]
async fn trailers_say_nothing_about_the_caller() {
    let world = World::shared().await;
    let person = world.enrolled().await;
    let session = world.sign_in(&person).await;
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {DEMO}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\nTrailer: X-Auth-User\r\n\r\n\
         5\r\nhello\r\n0\r\nX-Auth-User: mallory\r\n\r\n",
        session.access
    );
    let answer = raw::exchange(world.edge().port(), request.as_bytes()).await;
    assert!(!answer.contains("mallory"), "{answer}");
}

#[tokio::test]
async fn a_request_id_goes_through_where_it_is_plain() {
    let world = World::shared().await;
    let person = world.enrolled().await;
    let session = world.sign_in(&person).await;
    let own = seen(&world, &session.access, "X-Request-ID: trace-1.2_3\r\n").await;
    assert_eq!(own["x-request-id"], "trace-1.2_3");
    let odd = seen(&world, &session.access, "X-Request-ID: a b\"<c>\r\n").await;
    assert_ne!(odd["x-request-id"], "a b\"<c>");
}
