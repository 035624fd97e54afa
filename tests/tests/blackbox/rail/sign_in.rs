//! Signing in.

use serde_json::json;
use tests::{
    Person, Session, World,
    forge::{claims, header},
    person::verify,
};

use crate::{names, set};

#[tokio::test]
async fn a_sign_in_without_a_factor_gives_every_token() {
    let world = World::shared().await;
    let person = world.person().await;
    let data = world.rail().post("/login", person.credentials()).await.data(200);
    assert_eq!(
        names(&data),
        set([
            "accessToken",
            "refreshToken",
            "idToken",
            "tokenType",
            "expiresIn",
            "user",
            "mfaRequired"
        ])
    );
    assert_eq!(data["tokenType"], "Bearer");
    assert_eq!(data["expiresIn"], 3600);
    assert_eq!(data["mfaRequired"], false);
    let user = &data["user"];
    assert_eq!(names(user), set(["id", "email", "name", "roles"]));
    assert_eq!((&user["email"], &user["name"]), (&json!(person.email), &json!(person.name)));
    assert_eq!(user["roles"], json!([]));
}

#[tokio::test]
async fn an_access_token_is_one_of_rfc_9068() {
    let world = World::shared().await;
    let person = world.person().await;
    let session = world.sign_in(&person).await;
    let (head, token) = (header(&session.access), claims(&session.access));
    assert_eq!(head["typ"], "at+jwt");
    assert_eq!(head["alg"], "ES256");
    let keys = world.rail().root("GET", "/.well-known/jwks.json").await.expect(200).json();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == head["kid"]);
    let key = key.unwrap_or_else(|| panic!("{head} is signed with none of {keys}"));
    assert_eq!(key["alg"], "ES256");
    assert!(key.get("d").is_none(), "a private key is published");

    let issuer = world.issuer();
    assert_eq!((&token["iss"], &token["aud"]), (&json!(issuer), &json!(issuer)));
    assert_eq!(token["sub"], session.user_id.as_str());
    assert_eq!(token["client_id"], "rail");
    assert_eq!(token["acr"], "urn:signalbox:1fa");
    assert_eq!(token["amr"], json!(["pwd"]));
    assert_eq!(token["email"], person.email.as_str());
    assert_eq!(token["name"], person.name.as_str());
    assert_eq!(token["exp"].as_i64().unwrap() - token["iat"].as_i64().unwrap(), 3600);
    assert!(token["auth_time"].as_i64().unwrap() <= token["iat"].as_i64().unwrap());
    for name in ["jti", "sid", "tenant_id"] {
        assert!(token[name].as_str().is_some_and(|value| !value.is_empty()), "{name} in {token}");
    }
}

#[tokio::test]
async fn an_id_token_speaks_of_the_same_sign_in_and_is_of_another_type() {
    let world = World::shared().await;
    let person = world.person().await;
    let session = world.sign_in(&person).await;
    let (id, access) = (claims(&session.id), claims(&session.access));
    assert_eq!(header(&session.id)["typ"], "JWT");
    assert_eq!(header(&session.id)["alg"], "ES256");
    for name in ["iss", "sub", "sid", "acr", "amr", "auth_time"] {
        assert_eq!(id[name], access[name], "{name}");
    }
    assert_eq!(id["aud"], "rail");
    assert!(id["at_hash"].is_string(), "{id}");
}

#[tokio::test]
async fn a_factor_is_asked_for_before_any_token_is_given() {
    let world = World::shared().await;
    let person = world.enrolled().await;
    let rail = world.rail();
    let data = rail.post("/login", person.credentials()).await.data(200);
    assert_eq!(
        names(&data),
        set(["mfaRequired", "mfaToken", "mfaMethods", "defaultMfaMethod", "expiresIn"])
    );
    assert_eq!(data["mfaMethods"], json!(["TOTP", "BACKUP_CODE"]));
    assert_eq!(data["defaultMfaMethod"], "TOTP");
    assert!((1..=600).contains(&data["expiresIn"].as_i64().unwrap()), "{data}");

    let token = data["mfaToken"].as_str().unwrap();
    let proved = verify(&rail, token, &person.code(&world)).await.data(200);
    assert_eq!(proved["mfaRequired"], false);
    let token = claims(&Session::of(&proved).access);
    assert_eq!(token["acr"], "urn:signalbox:2fa");
    assert_eq!(token["amr"], json!(["pwd", "otp", "mfa"]));
}

#[tokio::test]
async fn an_address_is_known_however_it_is_written() {
    let world = World::shared().await;
    let person = world.person().await;
    for email in [person.email.to_uppercase(), format!("  {}\n", person.email)] {
        let body = json!({ "email": email, "password": person.password });
        let data = world.rail().post("/login", body).await.data(200);
        assert_eq!(data["user"]["email"], person.email.as_str());
    }
}

#[tokio::test]
async fn a_pending_account_is_named_only_after_the_right_password() {
    let world = World::shared().await;
    let (rail, person) = (world.rail(), Person::new());
    drop(rail.post("/register", person.registration()).await.data(201));
    rail.post("/login", person.credentials()).await.refused(403, "EMAIL_NOT_VERIFIED");
    let wrong = json!({ "email": person.email, "password": "not the password" });
    rail.post("/login", wrong).await.refused(401, "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn a_site_key_makes_the_site_the_audience() {
    let world = World::shared().await;
    let person = world.enrolled().await;
    let session = world.sign_in_for(&person, "demo").await;
    let base_url = format!("http://demo.localhost:{}", world.edge().port());
    assert_eq!(claims(&session.access)["aud"], base_url);
    world.edge().demo(&session.access).await.expect(200);
}

#[tokio::test]
async fn an_unknown_site_key_is_named() {
    let world = World::shared().await;
    let person = world.person().await;
    let mut body = person.credentials();
    body["siteKey"] = "no-such-site".into();
    assert_eq!(world.rail().post("/login", body).await.wrong_fields(), ["siteKey"]);
}

#[tokio::test]
async fn who_must_have_a_factor_and_has_none_is_led_to_set_one_up() {
    let world = World::shared().await;
    let (rail, mut person) = (world.rail(), world.person().await);
    let mut body = person.credentials();
    body["siteKey"] = "demo".into();
    let data = rail.post("/login", body).await.data(200);
    assert_eq!((&data["mfaRequired"], &data["mfaMethods"]), (&json!(true), &json!([])));
    assert!(data.get("accessToken").is_none(), "{data}");

    let token = data["mfaToken"].as_str().unwrap();
    let wanted = json!({ "mfaToken": token, "method": "TOTP" });
    person.take_secrets(&rail.post("/mfa/setup", wanted).await.data(200));
    let answer = json!({ "mfaToken": token, "method": "TOTP", "code": person.code(&world) });
    let session = Session::of(&rail.post("/mfa/setup/confirm", answer.clone()).await.data(200));
    assert_eq!(claims(&session.access)["acr"], "urn:signalbox:2fa");
    world.edge().demo(&session.access).await.expect(200);
    rail.post("/mfa/setup/confirm", answer).await.refused(401, "INVALID_TOKEN");
}
