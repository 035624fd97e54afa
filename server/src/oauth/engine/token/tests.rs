use jwks::Algorithm;
use uuid::Uuid;

use super::*;
use crate::{
    domain::{
        authorization::Granted,
        client::{ClientAuthMethod, Metadata, Registrar},
    },
    oauth::ground::{CALLBACK, CHALLENGE, VERIFIER, proof, redemption},
};

const NOW: Time = Time::from_secs(1_000_000);

fn client(method: ClientAuthMethod) -> Client {
    Client {
        client_id: "app".into(),
        secret: None,
        registration_token: None,
        registrar: Registrar::Operator,
        metadata: Metadata {
            token_endpoint_auth_method: method,
            id_token_signed_response_alg: Some(Algorithm::ES256),
            ..Metadata::default()
        },
        created_at: NOW,
        updated_at: NOW,
    }
}

fn public() -> Client {
    client(ClientAuthMethod::None)
}

fn confidential() -> Client {
    client(ClientAuthMethod::ClientSecretBasic)
}

fn code(pkce: Option<String>) -> Code {
    Code {
        client_id: "app".into(),
        redirect_uri: CALLBACK.into(),
        names_redirect_uri: true,
        user_id: Uuid::nil(),
        sid: Uuid::nil(),
        scope: "openid api".into(),
        nonce: None,
        pkce,
        granted: Granted {
            grant_id: Uuid::nil(),
            proof: proof(NOW),
            resource: Vec::new(),
            claims: Default::default(),
            id_sid: Uuid::nil(),
        },
        issued_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(60)),
    }
}

fn challenged() -> Code {
    code(Some(format!("{CHALLENGE}S")))
}

fn params(pairs: &[(&str, &str)]) -> Params {
    Params::new(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
}

/// A redemption with `name` saying something else, or nothing.
fn with(name: &str, value: &str) -> Params {
    let pairs =
        redemption("sbc_x").map(|(one, said)| (one, if one == name { value } else { said }));
    params(&pairs)
}

fn kind(result: OAuthResult<()>) -> &'static str {
    match result {
        Ok(()) => "ok",
        Err(OAuthError::InvalidGrant(_)) => "invalid_grant",
        Err(OAuthError::InvalidRequest(_)) => "invalid_request",
        Err(OAuthError::UnsupportedGrantType(_)) => "unsupported_grant_type",
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn the_kept_challenge_is_what_the_engine_writes_at_the_authorization_endpoint() {
    let kept = Pkce::required().challenge(Some("S256".into()), Some(CHALLENGE.into())).unwrap();
    let kept = kept.unwrap().into_private_value().unwrap();
    assert_eq!(kept, challenged().pkce);
}

#[test]
fn a_code_is_redeemed_with_the_verifier_of_its_challenge() {
    for client in [public(), confidential()] {
        let asked = with("", "");
        assert_eq!(kind(redeem(&asked, &client, &challenged(), NOW)), "ok");
    }
}

#[test]
fn if_the_values_are_not_equal_an_error_response_indicating_invalid_grant_is_returned() {
    for verifier in ["", CHALLENGE, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK"] {
        let asked = with("code_verifier", verifier);
        assert_eq!(kind(redeem(&asked, &confidential(), &challenged(), NOW)), "invalid_grant");
    }
}

#[test]
fn a_verifier_without_a_challenge_is_an_error() {
    assert_eq!(kind(redeem(&with("", ""), &confidential(), &code(None), NOW)), "invalid_grant");
    let bare = with("code_verifier", "");
    assert_eq!(kind(redeem(&bare, &confidential(), &code(None), NOW)), "ok");
}

#[test]
fn who_must_show_a_challenge_gets_nothing_for_a_code_without_one() {
    let bare = with("code_verifier", "");
    assert_eq!(kind(redeem(&bare, &public(), &code(None), NOW)), "invalid_grant");
    let mut strict = confidential();
    strict.metadata.require_pkce = true;
    assert_eq!(kind(redeem(&bare, &strict, &code(None), NOW)), "invalid_grant");
}

#[test]
fn a_plain_challenge_does_not_count() {
    let plain = Pkce::required().challenge(Some("plain".into()), Some(VERIFIER.into()));
    assert!(plain.is_err());
}

#[test]
fn redirect_uri_is_required_if_the_authorization_request_included_it_and_identical() {
    let judge =
        |said: &str| kind(redeem(&with("redirect_uri", said), &public(), &challenged(), NOW));
    for other in ["https://app.example/cb/", "https://app.example:443/cb", "HTTPS://app.example/cb"]
    {
        assert_eq!(judge(other), "invalid_grant", "{other}");
    }
    assert_eq!(judge(""), "invalid_request");
    let unnamed = Code { names_redirect_uri: false, ..challenged() };
    assert_eq!(kind(redeem(&with("redirect_uri", ""), &public(), &unnamed, NOW)), "ok");
}

#[test]
fn a_code_is_only_good_for_the_client_it_was_issued_to_and_until_it_expires() {
    let other = Client { client_id: "other".into(), ..confidential() };
    assert_eq!(kind(redeem(&with("", ""), &other, &challenged(), NOW)), "invalid_grant");
    let over = NOW.plus(Duration::from_secs(60));
    assert_eq!(kind(redeem(&with("", ""), &public(), &challenged(), over)), "invalid_grant");
}

#[test]
fn what_is_missing_or_of_another_grant_is_refused_by_its_own_name() {
    let judge = |name, value| kind(redeem(&with(name, value), &public(), &challenged(), NOW));
    assert_eq!(judge("code", ""), "invalid_request");
    assert_eq!(judge("grant_type", ""), "invalid_request");
    assert_eq!(judge("grant_type", "password"), "unsupported_grant_type");
}

#[test]
fn the_scope_of_a_refresh_must_not_include_any_scope_not_originally_granted() {
    let ask = |scope: &str| {
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", "sbr_x"), ("scope", scope)];
        refresh(&params(&pairs), &public(), "openid email api")
    };
    assert_eq!(ask("").unwrap(), "openid email api");
    assert_eq!(ask("api openid").unwrap(), "openid api");
    for more in ["openid admin", "OPENID", "openid \"x\""] {
        assert!(matches!(ask(more), Err(OAuthError::InvalidScope(_))), "{more}");
    }
}

#[test]
fn a_client_gets_for_itself_what_it_is_registered_for() {
    let ask = |scope: &str| {
        let pairs = [("grant_type", "client_credentials"), ("scope", scope)];
        client_credentials(&params(&pairs), &confidential(), "api admin")
    };
    assert_eq!(ask("").unwrap(), "api admin");
    assert_eq!(ask("admin").unwrap(), "admin");
    assert!(matches!(ask("admin root"), Err(OAuthError::InvalidScope(_))));
    let none = params(&[("grant_type", "client_credentials")]);
    assert_eq!(client_credentials(&none, &confidential(), "").unwrap(), "");
}
