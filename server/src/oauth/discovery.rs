//! What the authorization server says of itself: RFC 8414, OpenID Connect Discovery, and what the
//! other specifications add. One value for both addresses.

use jwks::{Algorithm, policy::Level};
use serde_json::{Value, json};

use super::{claims, grants, scope};
use crate::{
    config::{Config, RegistrationMode},
    domain::{authorization::ResponseMode, client::ClientAuthMethod},
};

/// Claims of tokens and userinfo that are no standard claims of a person.
const OF_TOKENS: [&str; 8] = ["iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "amr"];
/// Levels that can be reached.
const LEVELS: [Level; 2] = [Level::OneFactor, Level::TwoFactor];

/// The document.
#[must_use]
pub fn document(issuer: &str, config: &Config) -> Value {
    let at = |path: &str| format!("{issuer}{path}");
    let methods = |all: &[ClientAuthMethod]| -> Vec<&str> {
        all.iter().map(|method| method.as_str()).collect()
    };
    let confidential: Vec<ClientAuthMethod> = ClientAuthMethod::ALL
        .into_iter()
        .filter(|method| *method != ClientAuthMethod::None)
        .collect();
    let algorithms = Algorithm::ALL.map(Algorithm::as_str);
    let claims: Vec<&str> = OF_TOKENS.into_iter().chain(claims::all()).collect();
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": at("/authorize"),
        "pushed_authorization_request_endpoint": at("/par"),
        "require_pushed_authorization_requests": false,
        "device_authorization_endpoint": at("/device_authorization"),
        "token_endpoint": at("/token"),
        "introspection_endpoint": at("/introspect"),
        "revocation_endpoint": at("/revoke"),
        "userinfo_endpoint": at("/userinfo"),
        "end_session_endpoint": at("/end_session"),
        "check_session_iframe": at("/check_session"),
        "jwks_uri": at("/.well-known/jwks.json"),
        "service_documentation": at("/docs"),
        "response_types_supported": ["code"],
        "response_modes_supported": ResponseMode::ALL.map(ResponseMode::as_str),
        "grant_types_supported": grants::names().collect::<Vec<_>>(),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "scopes_supported": scope::STANDARD,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "userinfo_signing_alg_values_supported": algorithms,
        "token_endpoint_auth_methods_supported": methods(&ClientAuthMethod::ALL),
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint_auth_methods_supported": methods(&confidential),
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": methods(&ClientAuthMethod::ALL),
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "acr_values_supported": LEVELS.map(Level::acr),
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claim_types_supported": ["normal"],
        "claims_supported": claims,
        "claims_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "ui_locales_supported": ["en", "de"],
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "frontchannel_logout_supported": true,
        "frontchannel_logout_session_supported": true,
    });
    if config.registration.mode != RegistrationMode::Off {
        document["registration_endpoint"] = json!(at("/register"));
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_standards_require_is_there() {
        let document = document("https://login.example.com", &Config::default());
        assert_eq!(document["issuer"], "https://login.example.com");
        // OpenID Connect Discovery section 3.
        let has = |member: &str, value: &str| {
            document[member].as_array().unwrap().iter().any(|one| one == value)
        };
        assert!(has("response_types_supported", "code"));
        assert!(has("subject_types_supported", "public"));
        assert!(has("id_token_signing_alg_values_supported", "RS256"));
        assert!(has("scopes_supported", "openid"));
        assert!(has("claims_supported", "sub"));
        // RFC 8414 section 2: what is announced of a method needs its algorithms, without none.
        assert!(has("token_endpoint_auth_methods_supported", "private_key_jwt"));
        assert!(!has("token_endpoint_auth_signing_alg_values_supported", "none"));
        // RFC 9700 section 2.1.2: no implicit grant.
        assert_eq!(document["response_types_supported"], json!(["code"]));
        assert!(
            !has("grant_types_supported", "implicit") && !has("grant_types_supported", "password")
        );
        assert!(!document.to_string().contains("plain"));
    }

    #[test]
    fn registration_is_announced_unless_it_is_off() {
        let mut config = Config::default();
        for (mode, announced) in [
            (RegistrationMode::Token, true),
            (RegistrationMode::Open, true),
            (RegistrationMode::Off, false),
        ] {
            config.registration.mode = mode;
            let document = document("https://login.example.com", &config);
            assert_eq!(document.get("registration_endpoint").is_some(), announced);
        }
    }
}
