//! The five-minute tour, from end to end.

use serde_json::json;
use tests::{
    Person, Session, World,
    forge::claims,
    person::{STEP, verify},
};

use crate::{ends_at_the_edge, names};

#[tokio::test]
async fn the_tour_of_the_first_five_minutes() {
    let world = World::start().await;
    let (rail, edge) = (world.rail(), world.edge());
    let mut person = Person::new();

    // Register, and verify the address from the outbox.
    drop(rail.post("/register", person.registration()).await.data(201));
    rail.post("/login", person.credentials()).await.refused(403, "EMAIL_NOT_VERIFIED");
    world.verify_address(&person).await;

    // Sign in, and set up a second factor.
    let one_factor = Session::of(&rail.post("/login", person.credentials()).await.data(200));
    let wanted = json!({ "method": "TOTP" });
    let set_up = rail.post_as(&one_factor.access, "/mfa/setup", wanted).await.data(200);
    person.take_secrets(&set_up);
    let secret = person.secret.clone().unwrap();
    let code = world.signalbox(&["totp", &secret]).await;
    let near = world.clock().secs() / STEP;
    let possible = [person.code_of_step(near - 1), person.code_of_step(near)];
    assert!(possible.contains(&code.out.trim().to_owned()), "{code:?}");
    let answer = json!({ "method": "TOTP", "code": person.code(&world) });
    drop(rail.post_as(&one_factor.access, "/mfa/setup/confirm", answer).await.data(200));

    // One factor does not open the demo site: RFC 9470.
    let refused = edge.demo(&one_factor.access).await;
    refused.expect(401);
    let challenge = refused.header("www-authenticate");
    assert!(challenge.starts_with("Bearer "), "{challenge}");
    assert!(challenge.contains(r#"error="insufficient_user_authentication""#), "{challenge}");
    assert!(challenge.contains(r#"acr_values="urn:signalbox:2fa""#), "{challenge}");

    // Sign in again with the code; the demo site shows who calls.
    let half = rail.post("/login", person.credentials()).await.data(200);
    assert_eq!(half["mfaRequired"], true);
    let proved = verify(&rail, half["mfaToken"].as_str().unwrap(), &person.code(&world)).await;
    let session = Session::of(&proved.data(200));
    let seen = edge.demo(&session.access).await;
    let seen = &seen.expect(200).json()["headers"];
    let token = claims(&session.access);
    for (name, value) in [
        ("x-auth-user", session.user_id.clone()),
        ("x-auth-email", person.email.clone()),
        ("x-auth-name", person.name.replace(' ', "%20")),
        ("x-auth-tenant", token["tenant_id"].as_str().unwrap().into()),
        ("x-auth-session", token["sid"].as_str().unwrap().into()),
        ("x-auth-acr", "urn:signalbox:2fa".into()),
        ("x-auth-amr", "pwd,otp,mfa".into()),
        ("x-auth-method", "bearer".into()),
    ] {
        assert_eq!(seen[name], value.as_str(), "{name} in {seen}");
    }
    assert!(!names(seen).contains("authorization"), "{seen}");

    // List the sessions, revoke this one: the edge refuses.
    let sessions = rail.call_as(&session.access, "GET", "/sessions").await.data(200);
    let mine = sessions.as_array().unwrap().iter().find(|one| one["current"] == true).unwrap();
    assert_eq!(mine["id"], token["sid"]);
    let path = format!("/sessions/{}", mine["id"].as_str().unwrap());
    drop(rail.call_as(&session.access, "DELETE", &path).await.data(200));
    ends_at_the_edge(&edge, &session.access).await;
    rail.call_as(&session.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
}
