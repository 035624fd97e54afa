use std::collections::HashSet;

use futures_util::future::join_all;
use jwks::{Algorithm, signing_key::SigningKey};
use serde_json::{Value, json};

use super::*;
use crate::oauth::{
    client_secret::secret_mac,
    ground::{Ground, SECRET},
    registration::new_secret,
};

const NOW: Time = Time::from_secs(1_800_000_000);

fn params(pairs: &[(&str, &str)]) -> Params {
    Params::new(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
}

fn header(client_id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{client_id}:{secret}")))
}

async fn ask(ground: &Ground, authorization: Option<&str>, params: &Params) -> OAuthResult<String> {
    let client = authenticate(&ground.app, &ground.origin, authorization, params, "/token").await?;
    Ok(client.client_id.clone())
}

fn is_refused<T>(result: OAuthResult<T>) -> bool {
    matches!(result, Err(OAuthError::InvalidClient(_)))
}

fn is_bad<T>(result: OAuthResult<T>) -> bool {
    matches!(result, Err(OAuthError::InvalidRequest(_)))
}

#[test]
fn name_and_secret_of_http_basic_are_form_encoded() {
    let read = |text: &str| basic(&format!("basic {}", STANDARD.encode(text)));
    let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
    assert_eq!(read("https%3A%2F%2Fapp.example:a%2Bb+c%25"), pair("https://app.example", "a+b c%"));
    assert_eq!(read("app:with:colons"), pair("app", "with:colons"));
    for bad in ["app", ":secret", "a%00b:c", "app:%FF"] {
        assert_eq!(read(bad), None, "{bad}");
    }
    assert_eq!(basic("Bearer abc"), None);
    assert_eq!(basic("Basic !!"), None);
}

#[tokio::test]
async fn each_method_counts_for_the_clients_that_are_registered_for_it_and_no_others() {
    let ground = Ground::new().await;
    let methods = [
        ClientAuthMethod::None,
        ClientAuthMethod::ClientSecretBasic,
        ClientAuthMethod::ClientSecretPost,
    ];
    for method in methods {
        let change = |client: &mut Client| client.metadata.token_endpoint_auth_method = method;
        ground.client(method.as_str(), change).await;
    }
    for registered in methods {
        let id = registered.as_str();
        let header = header(id, SECRET);
        let bare = params(&[("client_id", id)]);
        let posted = params(&[("client_id", id), ("client_secret", SECRET)]);
        let answers = [
            ask(&ground, None, &bare).await,
            ask(&ground, Some(&header), &Params::default()).await,
            ask(&ground, None, &posted).await,
        ];
        for (shown, answer) in methods.into_iter().zip(answers) {
            if shown == registered {
                assert_eq!(answer.unwrap(), id);
            } else {
                assert!(is_refused(answer), "{shown:?} for {registered:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_client_must_not_use_more_than_one_authentication_method_in_each_request() {
    let ground = Ground::new().await;
    ground.client("app", |_| {}).await;
    let posted = params(&[("client_id", "app"), ("client_secret", SECRET)]);
    assert!(is_bad(ask(&ground, Some(&header("app", SECRET)), &posted).await));
    let both = params(&[
        ("client_id", "app"),
        ("client_secret", SECRET),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", "x.y.z"),
    ]);
    assert!(is_bad(ask(&ground, None, &both).await));
    let twice = params(&[("client_id", "app"), ("client_id", "app"), ("client_secret", SECRET)]);
    assert!(is_bad(ask(&ground, None, &twice).await));
}

#[tokio::test]
async fn a_client_id_beside_the_header_is_the_same_or_refused() {
    let ground = Ground::new().await;
    let basic = |client: &mut Client| {
        client.metadata.token_endpoint_auth_method = ClientAuthMethod::ClientSecretBasic;
    };
    ground.client("app", basic).await;
    let header = header("app", SECRET);
    assert!(ask(&ground, Some(&header), &params(&[("client_id", "app")])).await.is_ok());
    assert!(is_bad(ask(&ground, Some(&header), &params(&[("client_id", "other")])).await));
}

#[tokio::test]
async fn unknown_clients_and_wrong_secrets_hear_the_same() {
    let ground = Ground::new().await;
    ground.client("app", |_| {}).await;
    let mut texts = HashSet::new();
    for (id, secret) in [("app", "wrong"), ("nobody", SECRET)] {
        let shown = params(&[("client_id", id), ("client_secret", secret)]);
        texts.insert(ask(&ground, None, &shown).await.unwrap_err().to_string());
    }
    assert_eq!(texts.len(), 1);
    assert!(is_refused(ask(&ground, None, &Params::default()).await));
    assert!(is_refused(ask(&ground, Some("Bearer x"), &Params::default()).await));
}

#[tokio::test]
async fn guesses_at_a_secret_are_counted_and_the_right_one_waits_with_them() {
    let ground = Ground::new().await;
    ground.client("app", |_| {}).await;
    let right = params(&[("client_id", "app"), ("client_secret", SECRET)]);
    assert!(ask(&ground, None, &right).await.is_ok());
    let guesses: Vec<Params> = (0..200)
        .map(|guess: i32| params(&[("client_id", "app"), ("client_secret", &guess.to_string())]))
        .collect();
    let answers = join_all(guesses.iter().map(|guess| ask(&ground, None, guess))).await;
    let judged =
        answers.iter().filter(|answer| matches!(answer, Err(OAuthError::InvalidClient(_))));
    assert!(judged.count() <= 21);
    assert!(matches!(ask(&ground, None, &right).await, Err(OAuthError::TooMany { .. })));
    // Whoever comes from elsewhere does not suffer from that.
    let mut elsewhere = ground.origin.clone();
    elsewhere.ip = [198, 51, 100, 7].into();
    let answer = authenticate(&ground.app, &elsewhere, None, &right, "/token").await;
    assert!(answer.is_ok());
}

#[tokio::test]
async fn a_secret_of_ours_is_shut_out_by_no_guesses() {
    let ground = Ground::new().await;
    let secret = new_secret();
    let mac = secret_mac(&ground.app, "app", &secret);
    ground.client("app", |client| client.secret = Some(mac)).await;
    let shown = |secret: &str| params(&[("client_id", "app"), ("client_secret", secret)]);
    for guess in 0..100 {
        assert!(ask(&ground, None, &shown(&guess.to_string())).await.is_err());
    }
    assert!(ask(&ground, None, &shown(&secret)).await.is_ok());
    // Another one of that form is as wrong as any.
    assert!(is_refused(ask(&ground, None, &shown(&new_secret())).await));
    assert!(matches!(ask(&ground, None, &shown("one")).await, Err(OAuthError::TooMany { .. })));
}

fn assertion(change: Value) -> Result<Times, &'static str> {
    let mut claims = json!({
        "iss": "app", "sub": "app", "aud": "https://id.example", "jti": "j1",
        "iat": NOW.secs(), "exp": NOW.secs() + 60,
    });
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let claims: Assertion = serde_json::from_value(claims).map_err(|_| "unreadable")?;
    let audiences = ["https://id.example".to_owned(), "https://id.example/token".to_owned()];
    judge(&claims, "app", &audiences, NOW)
}

#[test]
fn an_assertion_says_who_made_it_for_whom_and_for_how_long() {
    let now = NOW.secs();
    assert!(assertion(json!({})).is_ok());
    let both = ["https://id.example", "https://id.example/token"];
    assert!(assertion(json!({ "aud": both })).is_ok());
    assert!(assertion(json!({ "exp": now + 300, "nbf": now })).is_ok());
    assert!(assertion(json!({ "exp": now as f64 + 60.5 })).is_ok());
    for bad in [
        json!({ "iss": "other" }),
        json!({ "sub": "other" }),
        json!({ "aud": "https://id.example/" }),
        json!({ "aud": [] }),
        json!({ "aud": ["https://else.example", "https://id.example/token"] }),
        json!({ "aud": ["https://id.example", "https://else.example"] }),
        json!({ "exp": now - 10 }),
        json!({ "exp": now + 311 }),
        json!({ "exp": null }),
        json!({ "exp": "soon" }),
        json!({ "exp": 1e300 }),
        json!({ "nbf": now + 11 }),
        json!({ "iat": now + 11 }),
        json!({ "jti": "" }),
        json!({ "jti": null }),
        json!({ "jti": "x".repeat(257) }),
    ] {
        assert!(assertion(bad.clone()).is_err(), "{bad}");
    }
    let silent = assertion(json!({ "iat": null })).unwrap();
    assert_eq!(silent.issued_at, NOW.plus(Duration::from_secs(60)).minus(ASSERTION_TTL));
}

#[tokio::test]
async fn an_assertion_counts_once_however_many_come_at_the_same_time() {
    let ground = Ground::new().await;
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let registered = json!({ "keys": [key.public_jwk()] });
    ground
        .client("app", |client| {
            client.metadata.token_endpoint_auth_method = ClientAuthMethod::PrivateKeyJwt;
            client.metadata.jwks = Some(registered);
        })
        .await;
    let now = ground.app.clock.now().secs();
    let sign = |key: &SigningKey, aud: &str, jti: &str| {
        let claims = json!({
            "iss": "app", "sub": "app", "aud": aud, "jti": jti, "iat": now + 1, "exp": now + 60,
        });
        let token = key.sign("JWT", &claims).unwrap();
        params(&[("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &token)])
    };
    let issuer = ground.app.issuer.clone();
    let one = sign(&key, &issuer, "once");
    let tries = join_all((0..32).map(|_| ask(&ground, None, &one))).await;
    assert_eq!(tries.iter().filter(|answer| answer.is_ok()).count(), 1);
    // Another name, another assertion; another audience, none; another key, none.
    assert!(ask(&ground, None, &sign(&key, &format!("{issuer}/token"), "twice")).await.is_ok());
    assert!(is_refused(ask(&ground, None, &sign(&key, "https://else", "three")).await));
    let stranger = SigningKey::generate(Algorithm::ES256).unwrap();
    assert!(is_refused(ask(&ground, None, &sign(&stranger, &issuer, "four")).await));
    // The name beside it is the client's, or nothing counts.
    let mut beside = sign(&key, &issuer, "five");
    beside = Params::new(
        beside
            .iter()
            .chain([("client_id", "other")])
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    );
    assert!(is_refused(ask(&ground, None, &beside).await));
}

#[tokio::test]
async fn the_endpoint_is_an_audience_for_clients_that_are_registered_so() {
    let ground = Ground::new().await;
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    for (id, strict) in [("strict", true), ("lenient", false)] {
        let registered = json!({ "keys": [key.public_jwk()] });
        ground
            .client(id, |client| {
                client.metadata.token_endpoint_auth_method = ClientAuthMethod::PrivateKeyJwt;
                client.metadata.jwks = Some(registered);
                client.metadata.require_issuer_audience = strict;
            })
            .await;
    }
    let now = ground.app.clock.now().secs();
    let app = &ground.app;
    let mut number = 0;
    let mut show = async |id: &str, aud: Value, endpoint: &str| {
        number += 1;
        let claims = json!({
            "iss": id, "sub": id, "aud": aud, "jti": number.to_string(), "iat": now + 1,
            "exp": now + 60,
        });
        let token = key.sign("JWT", &claims).unwrap();
        let shown =
            params(&[("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &token)]);
        authenticate(app, &ground.origin, None, &shown, endpoint).await
    };
    for endpoint in ["/token", "/par", "/api/v1/oauth2/par"] {
        for aud in [json!(app.link("/token")), json!([app.link(endpoint), app.issuer])] {
            assert!(show("lenient", aud.clone(), endpoint).await.is_ok(), "{aud} at {endpoint}");
            let refused = show("strict", aud, endpoint).await.unwrap_err().to_string();
            assert!(refused.contains("require_issuer_audience = false"), "{refused}");
        }
        assert!(show("strict", json!(app.issuer), endpoint).await.is_ok());
        let both = json!([app.issuer, "https://else.example"]);
        assert!(is_refused(show("strict", both.clone(), endpoint).await));
        assert!(is_refused(show("lenient", both, endpoint).await));
    }
    let elsewhere = json!(app.link("/par"));
    assert!(is_refused(show("lenient", elsewhere, "/token").await));
}
