use serde_json::json;

use super::*;

fn judged(members: &Value, by: Registrar) -> Judged<Metadata> {
    judge(members.as_object().unwrap(), by)
}

/// The least a client registers, with `more`.
fn with(more: Value) -> Value {
    let mut members = json!({ "redirect_uris": ["https://client.example.com/cb"] });
    for (name, value) in more.as_object().unwrap() {
        members[name] = value.clone();
    }
    members
}

fn accepted(more: Value) -> Metadata {
    judged(&with(more), Registrar::Itself).unwrap()
}

/// The member that is named where this is refused.
fn refused(more: Value) -> &'static str {
    let members = with(more);
    let error = judged(&members, Registrar::Itself).expect_err(&members.to_string());
    assert_eq!(judged(&members, Registrar::Operator).unwrap_err().member, error.member);
    error.member
}

#[test]
fn what_is_left_out_has_the_default_of_its_document() {
    let metadata = accepted(json!({}));
    assert_eq!(metadata.token_endpoint_auth_method, ClientAuthMethod::ClientSecretBasic);
    assert_eq!(metadata.grant_types, ["authorization_code"]);
    assert_eq!(metadata.response_types, ["code"]);
    assert_eq!(metadata.application_type, ApplicationType::Web);
    assert!(!metadata.require_pkce && !metadata.first_party);
    assert_eq!(metadata.scope, None);
}

#[test]
fn null_and_an_empty_text_are_as_good_as_absent() {
    let metadata = accepted(json!({
        "client_name": null, "client_uri": "", "grant_types": null, "jwks": null,
        "software_statement": null, "sector_identifier_uri": null, "subject_type": "public",
    }));
    assert_eq!(metadata, accepted(json!({})));
}

#[test]
fn the_server_ignores_metadata_that_it_does_not_understand() {
    let metadata = accepted(json!({
        "frobnicate": [1, 2], "request_uris": ["https://client.example.com/r"],
        "request_object_signing_alg": "none", "request_object_encryption_alg": "RSA-OAEP",
        "client_name#de": "Beispiel", "dpop_bound_access_tokens": false,
    }));
    assert_eq!(metadata, accepted(json!({})));
}

#[test]
fn all_that_is_registered_is_kept() {
    let members = with(json!({
        "post_logout_redirect_uris": ["https://client.example.com/out"],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "PS256",
        "grant_types": ["authorization_code", "refresh_token"],
        "client_name": "Client", "client_uri": "https://client.example.com/",
        "logo_uri": "https://client.example.com/logo.png",
        "policy_uri": "https://client.example.com/policy",
        "tos_uri": "https://client.example.com/tos",
        "scope": "openid profile", "contacts": ["ops@client.example.com"],
        "jwks_uri": "https://client.example.com/jwks", "software_id": "id", "software_version": "1",
        "application_type": "native", "id_token_signed_response_alg": "EdDSA",
        "userinfo_signed_response_alg": "ES256", "default_max_age": 60, "require_auth_time": true,
        "default_acr_values": ["urn:signalbox:2fa"],
        "initiate_login_uri": "https://client.example.com/begin",
        "backchannel_logout_uri": "https://client.example.com/back",
        "backchannel_logout_session_required": true,
        "frontchannel_logout_uri": "https://client.example.com/front",
        "frontchannel_logout_session_required": true,
        "require_pushed_authorization_requests": true,
    }));
    let metadata = judged(&members, Registrar::Itself).unwrap();
    let kept = json!(metadata);
    for (name, value) in members.as_object().unwrap() {
        assert_eq!(&kept[name], value, "{name}");
    }
    // What is kept can be registered again as it is.
    assert_eq!(judged(&kept, Registrar::Itself).unwrap(), metadata);
}

#[test]
fn redirect_uris_are_required_for_codes_and_for_nothing_else() {
    for none in [json!({}), json!({ "redirect_uris": [] }), json!({ "redirect_uris": null })] {
        let error = judged(&none, Registrar::Itself).unwrap_err();
        assert_eq!(error.member, "redirect_uris");
        assert!(matches!(OAuthError::from(error), OAuthError::InvalidRedirectUri(_)));
    }
    let machine = json!({ "grant_types": ["client_credentials"] });
    let metadata = judged(&machine, Registrar::Itself).unwrap();
    assert!(metadata.response_types.is_empty() && metadata.redirect_uris.is_empty());
    let machine = json!({ "grant_types": ["client_credentials"], "response_types": ["code"] });
    assert_eq!(judged(&machine, Registrar::Itself).unwrap(), metadata);
}

#[test]
fn a_redirect_uri_has_no_fragment_and_no_scheme_of_the_browsers_own() {
    for bad in [
        "https://client.example.com/cb#x",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://client.example.com/cb",
        "https://*.example.com/cb",
        "/cb",
        "com.example.app:/cb",
    ] {
        assert_eq!(refused(json!({ "redirect_uris": [bad] })), "redirect_uris", "{bad}");
        let out = json!({ "post_logout_redirect_uris": [bad] });
        assert_eq!(refused(out), "post_logout_redirect_uris", "{bad}");
    }
    for bad in [json!("https://client.example.com/cb"), json!([1]), json!([""]), json!({})] {
        assert_eq!(refused(json!({ "redirect_uris": bad })), "redirect_uris", "{bad}");
    }
    let native = json!({
        "application_type": "native", "token_endpoint_auth_method": "none",
        "redirect_uris": ["com.example.app:/cb", "http://127.0.0.1/cb", "http://[::1]/cb"],
    });
    accepted(native);
}

#[test]
fn grants_and_response_types_are_those_there_are_and_fit() {
    for bad in [
        json!({ "grant_types": ["implicit"] }),
        json!({ "grant_types": ["password"] }),
        json!({ "grant_types": ["authorization_code", "implicit"] }),
        json!({ "grant_types": ["refresh_token"] }),
        json!({ "grant_types": ["refresh_token", "client_credentials"] }),
        json!({ "grant_types": "authorization_code" }),
        json!({ "grant_types": ["client_credentials"], "token_endpoint_auth_method": "none" }),
    ] {
        assert_eq!(refused(bad.clone()), "grant_types", "{bad}");
    }
    for bad in [
        json!({ "response_types": ["token"] }),
        json!({ "response_types": ["code id_token"] }),
        json!({ "response_types": ["code", "id_token"] }),
        json!({ "response_types": [] }),
    ] {
        assert_eq!(refused(bad.clone()), "response_types", "{bad}");
    }
}

#[test]
fn methods_and_algorithms_are_those_there_are() {
    for method in ["client_secret_jwt", "tls_client_auth", "password", "None"] {
        let bad = json!({ "token_endpoint_auth_method": method });
        assert_eq!(refused(bad), "token_endpoint_auth_method");
    }
    for member in [
        "token_endpoint_auth_signing_alg",
        "id_token_signed_response_alg",
        "userinfo_signed_response_alg",
    ] {
        for algorithm in ["none", "HS256", "rs256", "RS1"] {
            assert_eq!(refused(json!({ member: algorithm })), member, "{algorithm}");
        }
        for algorithm in Algorithm::ALL {
            accepted(json!({ member: algorithm.as_str() }));
        }
    }
}

#[test]
fn keys_are_given_in_one_way_and_are_public() {
    let public = json!({ "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" });
    let set = json!({ "keys": [public] });
    let uri = "https://client.example.com/jwks";
    accepted(json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": set }));
    accepted(json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": uri }));
    assert_eq!(refused(json!({ "jwks": set, "jwks_uri": uri })), "jwks");
    let none = json!({ "token_endpoint_auth_method": "private_key_jwt" });
    assert_eq!(refused(none), "token_endpoint_auth_method");
    let mut private = public.clone();
    private["d"] = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI".into();
    let symmetric = json!({ "kty": "oct", "k": "c2VjcmV0" });
    for bad in [
        json!({ "keys": [private] }),
        json!({ "keys": [symmetric] }),
        json!({ "keys": "x" }),
        json!({ "keys": [1] }),
        json!([]),
        json!("x"),
    ] {
        assert_eq!(refused(json!({ "jwks": bad })), "jwks", "{bad}");
    }
}

#[test]
fn other_addresses_are_https() {
    for member in [
        "client_uri",
        "logo_uri",
        "policy_uri",
        "tos_uri",
        "jwks_uri",
        "initiate_login_uri",
        "backchannel_logout_uri",
        "frontchannel_logout_uri",
    ] {
        for bad in ["http://client.example.com/", "javascript:alert(1)", "x", "com.example.app:/"] {
            assert_eq!(refused(json!({ member: bad })), member, "{bad}");
        }
        assert_eq!(refused(json!({ member: 1 })), member);
    }
}

#[test]
fn logout_addresses_have_no_fragment_and_the_framed_one_is_the_clients_own() {
    let own = "https://client.example.com/front?x=y";
    accepted(json!({ "frontchannel_logout_uri": own }));
    for other in [
        "https://other.example.com/front",
        "https://client.example.com:8443/front",
        "https://client.example.com.evil.example/front",
        "http://localhost/front",
        "https://client.example.com/front#x",
    ] {
        let refused = refused(json!({ "frontchannel_logout_uri": other }));
        assert_eq!(refused, "frontchannel_logout_uri", "{other}");
    }
    let fragment = json!({ "backchannel_logout_uri": "https://other.example.com/back#x" });
    assert_eq!(refused(fragment), "backchannel_logout_uri");
    accepted(json!({ "backchannel_logout_uri": "https://other.example.com/back" }));
}

#[test]
fn what_would_weaken_a_client_were_it_ignored_is_refused() {
    assert_eq!(refused(json!({ "subject_type": "pairwise" })), "subject_type");
    for (member, _) in REFUSED {
        assert_eq!(refused(json!({ member: "x" })), member);
        assert_eq!(refused(json!({ member: true })), member);
    }
}

#[test]
fn a_software_statement_is_not_approved() {
    let members = with(json!({ "software_statement": "eyJ.eyJ.sig" }));
    let error = judged(&members, Registrar::Itself).unwrap_err();
    assert!(matches!(OAuthError::from(error), OAuthError::UnapprovedSoftwareStatement(_)));
}

#[test]
fn who_registers_itself_says_nothing_of_what_operators_say() {
    let more = json!({
        "first_party": true, "require_pkce": true, "audiences": ["https://api.example.com"],
        "access_token_ttl": 60, "id_token_ttl": 60, "refresh_token_ttl": 60,
    });
    assert_eq!(accepted(more.clone()), accepted(json!({})));
    let metadata = judged(&with(more), Registrar::Operator).unwrap();
    assert!(metadata.first_party && metadata.require_pkce);
    assert_eq!(metadata.audiences, ["https://api.example.com"]);
    assert_eq!(metadata.access_token_ttl, Some(60));
    assert_eq!((metadata.id_token_ttl, metadata.refresh_token_ttl), (Some(60), Some(60)));
    // An operator's client shows a challenge unless it is said otherwise.
    assert!(judged(&with(json!({})), Registrar::Operator).unwrap().require_pkce);
    assert!(judged(&with(json!({})), Registrar::Operator).unwrap().require_issuer_audience);
    let lenient = with(json!({ "require_issuer_audience": false }));
    assert!(!judged(&lenient, Registrar::Operator).unwrap().require_issuer_audience);
    let itself = with(json!({ "require_issuer_audience": true }));
    assert!(!judged(&itself, Registrar::Itself).unwrap().require_issuer_audience);
    let without = with(json!({ "require_pkce": false }));
    assert!(!judged(&without, Registrar::Operator).unwrap().require_pkce);
    for (member, bad) in [
        ("audiences", json!(["api"])),
        ("access_token_ttl", json!(0)),
        ("refresh_token_ttl", json!(-1)),
        ("first_party", json!("yes")),
    ] {
        let error = judged(&with(json!({ member: bad })), Registrar::Operator).unwrap_err();
        assert_eq!(error.member, member);
    }
}

#[test]
fn scopes_that_stand_for_an_operators_services_are_an_operators_to_give() {
    let asked = json!({ "scope": "openid  email orders:write email" });
    assert_eq!(accepted(asked.clone()).scope.as_deref(), Some("openid email"));
    let metadata = judged(&with(asked), Registrar::Operator).unwrap();
    assert_eq!(metadata.scope.as_deref(), Some("openid email orders:write"));
    for bad in ["a\"b", "a\\b", "é", "a\tb"] {
        assert_eq!(refused(json!({ "scope": bad })), "scope", "{bad}");
    }
    assert_eq!(refused(json!({ "scope": ["openid"] })), "scope");
}

#[test]
fn a_name_is_short_and_turns_no_text_about() {
    assert_eq!(
        accepted(json!({ "client_name": " Kunde Nr. 1 " })).client_name.unwrap(),
        "Kunde Nr. 1"
    );
    accepted(json!({ "client_name": "לקוח" }));
    for bad in ["a".repeat(257), "a\nb".into(), "moc.knab\u{202e}".into(), "\u{2066}x".into()] {
        assert_eq!(refused(json!({ "client_name": bad })), "client_name");
    }
}

#[test]
fn no_member_of_another_type_is_taken() {
    for member in ["require_auth_time", "backchannel_logout_session_required"] {
        assert_eq!(refused(json!({ member: "true" })), member);
    }
    for number in [json!("60"), json!(-1), json!(1.5)] {
        assert_eq!(refused(json!({ "default_max_age": number })), "default_max_age");
    }
    let many: Vec<String> = (0..51).map(|n| format!("https://client.example.com/{n}")).collect();
    assert_eq!(refused(json!({ "redirect_uris": many })), "redirect_uris");
}

proptest::proptest! {
    #[test]
    fn whatever_is_sent_is_judged_and_what_is_taken_can_be_sent_back(
        name in "[a-z_]{1,12}", text in ".{0,40}", uri in "(https|http|[a-z.]{1,9}):[/a-z.@#:*%]{0,30}",
    ) {
        let members = with(json!({
            name.as_str(): text.as_str(), "client_name": text.as_str(), "redirect_uris": [uri],
        }));
        for by in [Registrar::Itself, Registrar::Operator] {
            if let Ok(metadata) = judged(&members, by) {
                assert_eq!(judged(&json!(metadata), by).unwrap(), metadata);
            }
        }
    }
}

#[test]
fn what_nobody_asks_for_is_told_from_what_is_registered() {
    let members = with(json!({
        "client_name": "Wiki",
        "clientname": "Wiki",
        "first_party": true,
        "jwks": null,
        "subject_type": "public",
        "dpop_bound_access_tokens": false,
        "x_more": [1],
    }));
    let members = members.as_object().unwrap();
    assert_eq!(ignored(members, Registrar::Operator), ["clientname", "x_more"]);
    // Whoever registers itself is not asked for what operators say.
    assert_eq!(ignored(members, Registrar::Itself), ["clientname", "first_party", "x_more"]);
}
