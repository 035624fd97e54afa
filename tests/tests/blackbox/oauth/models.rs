//! Sites that list the models of passkeys that count there, and the tokens of clients.

use serde_json::{Value, json};
use tests::{
    Answer, World,
    authenticator::Authenticator,
    browser::Browser,
    forge::claims,
    relying_party::{Tokens, through},
};

const HOST: &str = "vault.localhost";

async fn keys(world: &World, token: &str) -> Answer {
    world.edge().get(HOST, "/keys", token).await
}

/// Answers the page that asks for a passkey.
async fn prove(browser: &mut Browser, passkey: &mut Authenticator) {
    let options = browser.attribute("data-options").unwrap();
    let options: Value = serde_json::from_str(&options).unwrap();
    let credential = passkey.get(&options).to_string();
    browser.submit(&[("credential", &credential)]).await;
}

#[tokio::test]
async fn a_rule_takes_the_models_that_its_site_lists_from_new_tokens_and_refreshed_ones() {
    let world = World::start().await;
    let mut person = world.person().await;
    let session = world.sign_in(&person).await;
    let (mut other, mut listed) = (Authenticator::new(&world), Authenticator::new(&world));
    listed.aaguid = *b"a model we trust";
    world.enrol_passkey(&mut person, &session, &mut other).await;
    let session = tests::Session::of(&world.sign_in_by_passkey(&mut other).await.data(200));
    world.enrol_passkey(&mut person, &session, &mut listed).await;
    let base_url = format!("http://{HOST}");
    let site = json!({
        "site_key": "vault", "base_url": base_url, "hosts": [HOST],
        "upstreams": [world.upstream().await],
        "policy": {
            "require": "signed_in",
            "webauthn": { "models": [listed.model()] },
            "rules": [{ "prefix": "/keys", "require": "phishing_resistant" }],
        },
    });
    drop(world.create_site(&site).await);
    let client = world.confidential(json!({ "audiences": [base_url] })).await;

    // Signed in with one that does not count there, which the site itself does not ask about.
    let mut browser = Browser::new(&world);
    let elsewhere = world.confidential(json!({})).await;
    browser.get(&elsewhere.authorize_url("openid")).await;
    browser.submit(&[("username", &person.email), ("password", &person.password)]).await;
    prove(&mut browser, &mut other).await;
    let code = through(&mut browser, &person).await["code"].clone();
    let tokens = Tokens::of(&elsewhere.redeem(&code).await);
    let said = claims(&tokens.access);
    assert_eq!((&said["acr"], &said["model"]), (&json!("urn:signalbox:phr"), &Value::Null));
    let wrong = client.tokens(&mut browser, &person, &[]).await;
    let wrong = Tokens::of(&client.refresh(&wrong.refresh).await);
    assert_eq!(claims(&wrong.access)["model"], other.model());
    world.edge().get(HOST, "/", &wrong.access).await.expect(200);
    let refused = keys(&world, &wrong.access).await;
    let asked = refused.expect(401).header("www-authenticate");
    assert!(asked.contains("acr_values=\"urn:signalbox:phr\""), "{asked}");

    // Whoever is asked for more is led to the one that counts, and no other does it there.
    browser.get(&client.url(&[("acr_values", "urn:signalbox:phr")])).await;
    let options = browser.attribute("data-options").unwrap();
    let options: Value = serde_json::from_str(&options).unwrap();
    assert_eq!(options["allowCredentials"].as_array().unwrap().len(), 1, "{options}");
    prove(&mut browser, &mut listed).await;
    let code = through(&mut browser, &person).await["code"].clone();
    let right = Tokens::of(&client.redeem(&code).await);
    keys(&world, &right.access).await.expect(200);
    let again = Tokens::of(&client.refresh(&right.refresh).await);
    keys(&world, &again.access).await.expect(200);
    // The older grant stays what it was.
    let wrong = Tokens::of(&client.refresh(&wrong.refresh).await);
    keys(&world, &wrong.access).await.expect(401);
}
