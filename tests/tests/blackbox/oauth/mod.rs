//! The authorization server and OpenID Provider, document by document: tests are named by the
//! sentences of the RFCs.

mod answers;
mod authorization_errors;
mod backchannel;
mod browsers;
mod budgets;
mod claims;
mod client_secrets;
mod clients_command;
mod codes;
mod device_errors;
mod device_grant;
mod discovery;
mod examiners;
mod forgotten_password;
mod introspection;
mod logos;
mod logout;
mod models;
mod no_redirect;
mod other_requests;
mod pkce;
mod places;
mod pushed_requests;
mod registration;
mod revocation;
mod sign_in_pages;
mod token_endpoint;
mod token_errors;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::{
    Answer, Person, World,
    browser::Browser,
    relying_party::{RelyingParty, STATE},
};

/// Asks for an error of this code that came back to the client, whole (RFC 6749 section 4.1.2.1,
/// RFC 9207 section 2).
#[track_caller]
fn refused_with(world: &World, arrived: &BTreeMap<String, String>, code: &str) {
    assert_eq!(arrived.get("error").map(String::as_str), Some(code), "{arrived:?}");
    assert_eq!(arrived.get("state").map(String::as_str), Some(STATE), "{arrived:?}");
    assert_eq!(arrived.get("iss"), Some(&world.issuer()), "{arrived:?}");
    let known = ["error", "error_description", "error_uri", "state", "iss"];
    assert!(arrived.keys().all(|name| known.contains(&name.as_str())), "{arrived:?}");
    let text = arrived.get("error_description").map_or("", String::as_str);
    assert!(!text.is_empty() && is_plain(text), "{text}");
}

/// Whether it has no character that RFC 6749 section 5.2 rules out.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| (' '..='~').contains(&c) && !['"', '\\'].contains(&c))
}

/// Goes to `/authorize` with these changes, without anybody there to answer: what comes back.
async fn sent_back(
    world: &World,
    client: &RelyingParty,
    changes: &[(&str, &str)],
) -> BTreeMap<String, String> {
    let mut browser = Browser::new(world);
    browser.get(&client.url(changes)).await;
    browser.arrived()
}

/// Asks for an error page of this code at `/authorize` itself, and for no way on from it.
#[track_caller]
fn shown(browser: &Browser, code: &str) {
    let answer = browser.answer();
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(browser.left(), None);
    assert_eq!(answer.header("location"), "");
    assert_eq!(browser.path(), "/authorize");
    assert_eq!(browser.element("error-code").as_deref(), Some(code), "{}", answer.text);
}

/// Asks for an OAuth error (RFC 6749 section 5.2).
#[track_caller]
fn error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    // RFC 9110 section 15.5.2: each 401 has a challenge; section 10.2.3: when to come again.
    assert!(status != 401 || !answer.header("www-authenticate").is_empty());
    assert!(status != 429 || !answer.header("retry-after").is_empty());
    let body = answer.json();
    assert_eq!(body["error"], code, "{body}");
    assert!(is_plain(body["error_description"].as_str().unwrap_or_else(|| panic!("{body}"))));
    let known = ["error", "error_description", "error_uri"];
    assert!(body.as_object().unwrap().keys().all(|name| known.contains(&name.as_str())), "{body}");
}

/// Every standard claim that can be given to somebody (OpenID Connect Core section 5.1).
fn every_claim() -> Value {
    json!({
        "given_name": "Ada",
        "family_name": "Lovelace",
        "middle_name": "King",
        "nickname": "ada",
        "preferred_username": "countess",
        "profile": "https://people.test/ada",
        "picture": "https://people.test/ada.png",
        "website": "https://ada.test/",
        "gender": "female",
        "birthdate": "1815-12-10",
        "zoneinfo": "Europe/London",
        "locale": "en-GB",
        "phone_number": "+442071234567",
        "phone_number_verified": true,
        "address": {
            "formatted": "12 St James's Square\nLondon",
            "street_address": "12 St James's Square",
            "locality": "London",
            "postal_code": "SW1Y 4JH",
            "country": "United Kingdom",
        },
    })
}

/// Somebody with a verified address and these claims, made by command.
async fn person_with(world: &World, claims: &Value) -> Person {
    let person = Person::new();
    let file = world.dir().join(format!("{}.claims.json", person.email));
    std::fs::write(&file, claims.to_string()).unwrap();
    let mut args = vec!["admin", "create-user", "--email", &person.email, "--name", &person.name];
    args.extend(["--password-stdin", "--active", "--claims-json", file.to_str().unwrap()]);
    let made = world.signalbox_with_input(&args, &person.password).await.json();
    assert_eq!(made["email"], person.email.as_str());
    person
}

/// How many random bytes these characters can hold at most (base64url: six bits each).
fn bytes_in(secret: &str) -> usize {
    let named = secret.rsplit(':').next().unwrap_or(secret);
    // What comes before the first `_` is the prefix; the rest may hold another one.
    let random = named.split_once('_').map_or(named, |(_, random)| random);
    random.len() * 6 / 8
}
