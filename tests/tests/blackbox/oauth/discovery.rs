//! OpenID Connect Discovery sections 3 and 4, RFC 8414: what the server says of itself is so.

use serde_json::{Value, json};
use tests::World;

async fn metadata(world: &World) -> Value {
    let answer = world.rail().root("GET", "/.well-known/openid-configuration").await;
    answer.expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    answer.json()
}

fn has(metadata: &Value, name: &str, value: &str) -> bool {
    metadata[name].as_array().is_some_and(|values| values.contains(&json!(value)))
}

#[tokio::test]
async fn it_names_what_there_is() {
    let world = World::shared().await;
    let metadata = metadata(&world).await;
    let issuer = world.issuer();
    assert_eq!(metadata["issuer"], issuer.as_str());
    for (name, path) in [
        ("authorization_endpoint", "/authorize"),
        ("token_endpoint", "/token"),
        ("userinfo_endpoint", "/userinfo"),
        ("jwks_uri", "/.well-known/jwks.json"),
        ("registration_endpoint", "/register"),
        ("introspection_endpoint", "/introspect"),
        ("revocation_endpoint", "/revoke"),
        ("pushed_authorization_request_endpoint", "/par"),
        ("device_authorization_endpoint", "/device_authorization"),
        ("end_session_endpoint", "/end_session"),
        ("check_session_iframe", "/check_session"),
    ] {
        assert_eq!(metadata[name], format!("{issuer}{path}"), "{name}");
    }
}

#[tokio::test]
async fn every_endpoint_it_names_is_there() {
    let world = World::shared().await;
    let metadata = metadata(&world).await;
    for (name, value) in metadata.as_object().unwrap() {
        let Some(address) = value.as_str().filter(|_| name != "issuer") else { continue };
        let Some(path) = address.strip_prefix(&world.issuer()) else { continue };
        let answer = world.rail().root("GET", path).await;
        assert_ne!(answer.status, 404, "{name}");
    }
}

#[tokio::test]
async fn it_says_what_the_profiles_ask_for() {
    let world = World::shared().await;
    let metadata = metadata(&world).await;
    for (name, values) in [
        ("response_types_supported", &["code"][..]),
        ("response_modes_supported", &["query", "fragment", "form_post"]),
        (
            "grant_types_supported",
            &[
                "authorization_code",
                "refresh_token",
                "client_credentials",
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
        ),
        ("subject_types_supported", &["public"]),
        ("id_token_signing_alg_values_supported", &["RS256", "PS256", "ES256", "EdDSA"]),
        ("userinfo_signing_alg_values_supported", &["RS256", "PS256", "ES256", "EdDSA"]),
        ("scopes_supported", &["openid", "profile", "email", "address", "phone", "offline_access"]),
        (
            "token_endpoint_auth_methods_supported",
            &["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
        ),
        ("code_challenge_methods_supported", &["S256"]),
        ("prompt_values_supported", &["none", "login", "consent", "select_account"]),
        ("claims_supported", &["sub", "name", "email", "email_verified", "updated_at", "address"]),
        ("ui_locales_supported", &["en", "de"]),
    ] {
        for value in values {
            assert!(has(&metadata, name, value), "{name} without {value}: {}", metadata[name]);
        }
    }
    for name in [
        "claims_parameter_supported",
        "authorization_response_iss_parameter_supported",
        "backchannel_logout_supported",
        "backchannel_logout_session_supported",
        "frontchannel_logout_supported",
        "frontchannel_logout_session_supported",
    ] {
        assert_eq!(metadata[name], true, "{name}");
    }
}

#[tokio::test]
async fn what_is_not_done_is_not_announced() {
    let world = World::shared().await;
    let metadata = metadata(&world).await;
    for (name, value) in [
        ("grant_types_supported", "implicit"),
        ("grant_types_supported", "password"),
        ("response_types_supported", "token"),
        ("response_types_supported", "id_token"),
        ("response_types_supported", "code id_token"),
        ("id_token_signing_alg_values_supported", "none"),
        ("id_token_signing_alg_values_supported", "HS256"),
        ("code_challenge_methods_supported", "plain"),
        ("subject_types_supported", "pairwise"),
        ("token_endpoint_auth_methods_supported", "client_secret_jwt"),
    ] {
        assert!(!has(&metadata, name, value), "{name} has {value}");
    }
    // Left out, the first of them would be true (OpenID Connect Discovery section 3).
    assert_eq!(metadata["request_uri_parameter_supported"], false);
    assert_ne!(metadata["request_parameter_supported"], true);
}

#[tokio::test]
async fn nothing_in_it_is_empty_and_every_address_is_the_servers_own() {
    let world = World::shared().await;
    let metadata = metadata(&world).await;
    for (name, value) in metadata.as_object().unwrap() {
        let is_something = match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            // RFC 8414 section 2: what has no elements is left out.
            Value::Array(values) => !values.is_empty(),
            _ => true,
        };
        assert!(is_something, "{name}: {value}");
        if name.ends_with("_endpoint") || name.ends_with("_uri") || name.ends_with("_iframe") {
            assert!(value.as_str().unwrap().starts_with(&world.issuer()), "{name}: {value}");
        }
    }
}

#[tokio::test]
async fn whatever_host_is_asked_the_answer_is_that_of_the_issuer() {
    let world = World::shared().await;
    let request = world.rail().request_root("GET", "/.well-known/openid-configuration");
    let request = request.header("host", "evil.test").header("x-forwarded-host", "evil.test");
    let answer = tests::rail::send(request).await;
    assert!(!answer.text.contains("evil.test"), "{}", answer.text);
}

#[tokio::test]
async fn both_documents_say_the_same() {
    let world = World::shared().await;
    let metadata = metadata(&world).await;
    let other = world.rail().root("GET", "/.well-known/oauth-authorization-server").await;
    let other = other.expect(200).json();
    for (name, value) in other.as_object().unwrap() {
        assert_eq!(metadata[name], *value, "{name}");
    }
    for name in ["issuer", "authorization_endpoint", "token_endpoint", "response_types_supported"] {
        assert_eq!(other[name], metadata[name], "{name}");
    }
}

#[tokio::test]
async fn keys_are_public_and_named_and_say_what_they_are_for() {
    let world = World::shared().await;
    let answer = world.rail().root("GET", "/.well-known/jwks.json").await;
    assert_eq!(answer.expect(200).header("access-control-allow-origin"), "*");
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    let mut kids = std::collections::BTreeSet::new();
    for key in &keys {
        assert!(kids.insert(key["kid"].as_str().unwrap()), "{key}");
        assert_eq!(key["use"], "sig");
        for secret in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
            assert_eq!(key.get(secret), None);
        }
        let padded =
            key.as_object().unwrap().values().any(|v| v.as_str().is_some_and(|t| t.contains('=')));
        assert!(!padded, "{key}");
    }
    for kind in ["RSA", "EC", "OKP"] {
        assert!(keys.iter().any(|key| key["kty"] == kind), "{kind}");
    }
}
