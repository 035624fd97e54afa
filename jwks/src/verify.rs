//! The one verifier, for server and edge.
//!
//! jsonwebtoken checks the signature and nothing else: its own validation knows neither `typ` nor
//! `crit`, and reads a clock of its own.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, IgnoredAny},
};

use crate::{
    Algorithm, Time,
    claims::{ACCESS_TOKEN_TYPE, AccessClaims},
    key_set::KeySet,
};

pub use crate::verified_token::{LEEWAY, VerifiedToken};

/// The longest token that is looked at.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Why a token does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum TokenError {
    /// Not a compact JWS, too long, or claims missing or of the wrong type.
    #[error("malformed")]
    Malformed,
    /// The header names a type that is not meant for this place.
    #[error("wrong token type")]
    WrongType,
    /// The header names a critical extension.
    #[error("unknown critical header")]
    Critical,
    /// No key of that name. The one case where asking for newer keys may help.
    #[error("unknown key")]
    UnknownKey,
    /// The header's algorithm is not the key's.
    #[error("algorithm does not match the key")]
    WrongAlgorithm,
    /// The signature does not fit.
    #[error("bad signature")]
    BadSignature,
    /// Somebody else's token.
    #[error("wrong issuer")]
    WrongIssuer,
    /// Its life is over.
    #[error("expired")]
    Expired,
    /// Its life has not begun, or it comes from the future.
    #[error("not yet valid")]
    NotYetValid,
}

impl TokenError {
    /// A word for logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "token_malformed",
            Self::WrongType => "token_wrong_type",
            Self::Critical => "token_critical_header",
            Self::UnknownKey => "token_unknown_key",
            Self::WrongAlgorithm => "token_wrong_algorithm",
            Self::BadSignature => "token_bad_signature",
            Self::WrongIssuer => "token_wrong_issuer",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
        }
    }
}

/// Verifies an access token (RFC 9068 section 4) but for its audience, which is judged where it
/// is used.
///
/// # Errors
/// What is wrong with it, judged in the order form, type, critical extensions, key, algorithm,
/// signature, claims, issuer, times.
pub fn verify_access_token(
    keys: &KeySet,
    issuer: &str,
    token: &str,
    now: Time,
) -> Result<VerifiedToken, TokenError> {
    let verified = read_access_token(keys, issuer, token)?;
    verified.check_times(now)?;
    Ok(verified)
}

/// The same, whether or not its life has begun or is over: for whoever judges that otherwise.
///
/// # Errors
/// As [`verify_access_token`], up to the issuer.
pub fn read_access_token(
    keys: &KeySet,
    issuer: &str,
    token: &str,
) -> Result<VerifiedToken, TokenError> {
    let claims: AccessClaims = verify_signed(keys, ACCESS_TOKEN_TYPE, token)?;
    if claims.iss != issuer {
        return Err(TokenError::WrongIssuer);
    }
    VerifiedToken::from_claims(&claims)
}

/// Verifies form, type and signature of a token of type `typ` and reads its claims, which the
/// caller has yet to judge: issuer, audience and times.
///
/// # Errors
/// As [`verify_access_token`], up to the claims.
pub fn verify_signed<C: DeserializeOwned>(
    keys: &KeySet,
    typ: &str,
    token: &str,
) -> Result<C, TokenError> {
    let parts = Parts::of(token)?;
    if !parts.header.typ.as_deref().is_some_and(|sent| is_type(sent, typ)) {
        return Err(TokenError::WrongType);
    }
    if parts.header.crit.is_some() {
        return Err(TokenError::Critical);
    }
    let kid = parts.header.kid.as_deref();
    let key = kid.and_then(|kid| keys.find(kid)).ok_or(TokenError::UnknownKey)?;
    if parts.header.alg != key.algorithm.as_str() {
        return Err(TokenError::WrongAlgorithm);
    }
    parts.claims(key.algorithm, &key.decoding)
}

/// A compact JWS, taken apart and not yet believed.
pub(crate) struct Parts<'t> {
    pub(crate) header: Header,
    message: &'t str,
    signature: &'t str,
    claims: Vec<u8>,
}

impl<'t> Parts<'t> {
    pub(crate) fn of(token: &'t str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(TokenError::Malformed)?;
        // No part can hide a further dot: it is not in the alphabet.
        let header = read_json(&decode_base64url(header)?)?;
        let claims = decode_base64url(claims)?;
        decode_base64url(signature)?;
        Ok(Self { header, message, signature, claims })
    }

    /// The claims, once the signature was found good.
    pub(crate) fn claims<C: DeserializeOwned>(
        &self,
        algorithm: Algorithm,
        key: &DecodingKey,
    ) -> Result<C, TokenError> {
        let message = self.message.as_bytes();
        jsonwebtoken::crypto::verify(self.signature, message, key, algorithm.jose())
            .ok()
            .filter(|fits| *fits)
            .ok_or(TokenError::BadSignature)?;
        read_json(&self.claims)
    }
}

/// What we read of a JOSE header (RFC 7515 section 4.1). `jwk`, `jku`, `x5u` and `x5c` are not
/// here: a key is named by `kid` and by nothing else. A member that is here and comes twice is
/// refused.
#[derive(Deserialize)]
pub(crate) struct Header {
    pub(crate) alg: String,
    pub(crate) typ: Option<String>,
    pub(crate) kid: Option<String>,
    #[serde(default, deserialize_with = "is_present")]
    pub(crate) crit: Option<IgnoredAny>,
}

/// Present is present, even as `null`.
fn is_present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<IgnoredAny>, D::Error> {
    IgnoredAny::deserialize(value).map(Some)
}

/// Whether `sent` is the media type `wanted`: in any case, with or without `application/` (RFC
/// 7515 section 4.1.9).
pub(crate) fn is_type(sent: &str, wanted: &str) -> bool {
    const PREFIX: &str = "application/";
    let name = match sent.split_at_checked(PREFIX.len()) {
        Some((prefix, name)) if prefix.eq_ignore_ascii_case(PREFIX) => name,
        _ => sent,
    };
    name.eq_ignore_ascii_case(wanted)
}

fn decode_base64url(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)
}

fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, TokenError> {
    serde_json::from_slice(bytes).map_err(|_| TokenError::Malformed)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{
        EncodingKey,
        jwk::{Jwk, JwkSet},
    };
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::{policy::Level, signing_key::SigningKey};

    const ISSUER: &str = "https://id.example";
    const IAT: i64 = 1_800_000_000;
    const NOW: Time = Time::from_secs(IAT + 5);

    fn keys_of(keys: &[&SigningKey]) -> KeySet {
        let keys: Vec<Jwk> = keys.iter().map(|key| key.public_jwk().clone()).collect();
        KeySet::from_jwks(&JwkSet { keys })
    }

    fn claims() -> Value {
        json!({
            "iss": ISSUER,
            "sub": "01890000-0000-7000-8000-000000000001",
            "aud": "https://a.example",
            "exp": IAT + 3600,
            "iat": IAT,
            "jti": "token-1",
            "client_id": "rail",
            "acr": "urn:signalbox:2fa",
            "amr": ["pwd", "otp"],
            "auth_time": IAT - 60,
            "sid": "session-1",
            "roles": ["reader", "editor"],
        })
    }

    fn with(mut value: Value, member: &str, new: impl Into<Value>) -> Value {
        value[member] = new.into();
        value
    }

    /// A token with any header and any claims, rightly signed all the same.
    fn forge(key: &SigningKey, header: &Value, claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", part(&header.to_string()), part(claims));
        seal(key, &message)
    }

    fn seal(key: &SigningKey, message: &str) -> String {
        let private = match key.algorithm() {
            Algorithm::ES256 => EncodingKey::from_ec_der(key.to_der()),
            Algorithm::EdDSA => EncodingKey::from_ed_der(key.to_der()),
            Algorithm::RS256 | Algorithm::PS256 => EncodingKey::from_rsa_der(key.to_der()),
        };
        let jose = key.algorithm().jose();
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &private, jose).unwrap();
        format!("{message}.{signature}")
    }

    fn header(key: &SigningKey) -> Value {
        json!({ "alg": key.algorithm().as_str(), "typ": "at+jwt", "kid": key.kid() })
    }

    struct Bench {
        key: SigningKey,
        keys: KeySet,
    }

    impl Bench {
        fn new() -> Self {
            let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
            let keys = keys_of(&[&key]);
            Self { key, keys }
        }

        fn verify(&self, token: &str) -> Result<VerifiedToken, TokenError> {
            verify_access_token(&self.keys, ISSUER, token, NOW)
        }

        fn judge_claims(&self, claims: &Value) -> Result<VerifiedToken, TokenError> {
            self.verify(&self.key.sign(ACCESS_TOKEN_TYPE, claims).unwrap())
        }

        fn judge_header(&self, header: &Value) -> Result<VerifiedToken, TokenError> {
            self.verify(&forge(&self.key, header, &claims().to_string()))
        }
    }

    #[test]
    fn every_algorithm_verifies_through_the_published_document() {
        let signing = Algorithm::ALL.map(|algorithm| SigningKey::generate(algorithm).unwrap());
        let document = keys_of(&signing.each_ref()).to_jwks();
        let document = serde_json::to_string(&document).unwrap();
        let keys = KeySet::from_jwks(&serde_json::from_str(&document).unwrap());
        for key in &signing {
            let token = key.sign(ACCESS_TOKEN_TYPE, &claims()).unwrap();
            let verified = verify_access_token(&keys, ISSUER, &token, NOW).unwrap();
            assert_eq!(verified.jti(), "token-1");
        }
    }

    #[test]
    fn a_verified_token_says_what_its_claims_said() {
        let claims = json!({
            "iss": ISSUER, "sub": "u", "aud": ["https://a.example", "https://b.example"],
            "exp": IAT + 60, "iat": IAT, "nbf": IAT - 1, "jti": "j", "client_id": "c",
            "scope": "openid mail", "auth_time": IAT - 2, "acr": "urn:signalbox:phr",
            "amr": ["hwk", "user"], "sid": "s", "tenant_id": "t", "roles": ["r1", "r 2"],
            "email": "a@example.org", "name": "Zoë",
            "model": "2fc0579f-8113-47ea-b116-bb5a8db9202a",
        });
        let token = Bench::new().judge_claims(&claims).unwrap();
        assert_eq!(token.sub(), "u");
        assert_eq!(token.client_id(), "c");
        assert_eq!(token.jti(), "j");
        assert_eq!(token.scope(), "openid mail");
        assert!(token.has_scope("mail") && !token.has_scope("mai") && !token.has_scope(""));
        assert_eq!(token.sid(), Some("s"));
        assert_eq!(token.tenant_id(), Some("t"));
        assert_eq!(token.email(), Some("a@example.org"));
        assert_eq!(token.name(), Some("Zoë"));
        let model = uuid::uuid!("2fc0579f-8113-47ea-b116-bb5a8db9202a");
        assert_eq!(token.model(), Some(model));
        assert!(token.audiences().eq(["https://a.example", "https://b.example"]));
        assert!(token.roles().eq(["r1", "r 2"]));
        assert!(token.amr().eq(["hwk", "user"]));
        assert_eq!(token.level(), Some(Level::PhishingResistant));
        assert_eq!(token.auth_time(), Some(Time::from_secs(IAT - 2)));
        assert_eq!(token.issued_at(), Time::from_secs(IAT));
        assert_eq!(token.expires_at(), Time::from_secs(IAT + 60));
        assert_eq!(token.not_before(), Time::from_secs(IAT));
        assert!(!token.is_client());
        let shown = format!("{token:?}");
        assert!(!shown.contains("example.org") && !shown.contains("Zoë"), "{shown}");
    }

    #[test]
    fn a_token_without_the_optional_claims_knows_none_of_them() {
        let claims = json!({
            "iss": ISSUER, "sub": "c", "aud": "a", "exp": IAT + 60, "iat": IAT, "jti": "j",
            "client_id": "c",
        });
        let token = Bench::new().judge_claims(&claims).unwrap();
        assert_eq!((token.sid(), token.email(), token.name()), (None, None, None));
        assert_eq!((token.tenant_id(), token.level(), token.auth_time()), (None, None, None));
        assert_eq!((token.roles().count(), token.amr().count()), (0, 0));
        assert!(token.audiences().eq(["a"]));
        assert!(token.is_client());
    }

    #[test]
    fn only_a_token_without_session_and_level_speaks_for_a_client() {
        let bench = Bench::new();
        let client = with(claims(), "sub", "rail");
        assert!(!bench.judge_claims(&client).unwrap().is_client());
        let mut bare = client.clone();
        bare.as_object_mut().unwrap().remove("acr");
        assert!(!bench.judge_claims(&bare).unwrap().is_client());
        bare.as_object_mut().unwrap().remove("sid");
        assert!(bench.judge_claims(&bare).unwrap().is_client());
        let odd = with(bare.clone(), "acr", "urn:elsewhere:gold");
        let odd = bench.judge_claims(&odd).unwrap();
        assert!(!odd.is_client() && odd.level().is_none());
        assert!(!bench.judge_claims(&with(bare, "sub", "x")).unwrap().is_client());
    }

    #[test]
    fn the_type_decides_what_a_token_is_for() {
        let bench = Bench::new();
        let typed = |typ: &str| bench.judge_header(&with(header(&bench.key), "typ", typ));
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
            assert!(typed(typ).is_ok(), "{typ}");
        }
        for typ in [
            "JWT",
            "jwt",
            "logout+jwt",
            "site-assertion+jwt",
            "at+jwtx",
            "at",
            "",
            "text/at+jwt",
            "application/",
            "application/application/at+jwt",
            "äpplication/at+jwt",
        ] {
            assert_eq!(typed(typ), Err(TokenError::WrongType), "{typ}");
        }
        let mut none = header(&bench.key);
        none.as_object_mut().unwrap().remove("typ");
        assert_eq!(bench.judge_header(&none), Err(TokenError::WrongType));
    }

    #[test]
    fn another_type_of_token_is_verified_by_its_own_name_only() {
        let bench = Bench::new();
        let token = bench.key.sign("logout+jwt", &json!({ "sid": "s" })).unwrap();
        let read = |typ| verify_signed::<Value>(&bench.keys, typ, &token);
        assert_eq!(read("logout+jwt"), Ok(json!({ "sid": "s" })));
        assert_eq!(read(ACCESS_TOKEN_TYPE), Err(TokenError::WrongType));
    }

    #[test]
    fn any_critical_header_is_refused() {
        let bench = Bench::new();
        for crit in [json!(["b64"]), json!(["exp"]), json!([]), json!(null), json!("exp")] {
            let header = with(header(&bench.key), "crit", crit.clone());
            assert_eq!(bench.judge_header(&header), Err(TokenError::Critical), "{crit}");
        }
    }

    #[test]
    fn a_key_is_named_by_kid_and_by_nothing_else() {
        let bench = Bench::new();
        let stranger = SigningKey::generate(Algorithm::EdDSA).unwrap();
        let jwk = serde_json::to_value(stranger.public_jwk()).unwrap();
        let tempting = json!({
            "alg": "EdDSA", "typ": "at+jwt", "jwk": jwk, "jku": "https://evil.example/jwks",
            "x5u": "https://evil.example/x5u", "x5c": ["AAAA"],
        });
        let token = forge(&stranger, &tempting, &claims().to_string());
        assert_eq!(bench.verify(&token), Err(TokenError::UnknownKey));
        let named = with(tempting.clone(), "kid", stranger.kid());
        let token = forge(&stranger, &named, &claims().to_string());
        assert_eq!(bench.verify(&token), Err(TokenError::UnknownKey));
        let ours = with(tempting, "kid", bench.key.kid());
        let token = forge(&stranger, &ours, &claims().to_string());
        assert_eq!(bench.verify(&token), Err(TokenError::BadSignature));
        let token = forge(&bench.key, &ours, &claims().to_string());
        assert!(bench.verify(&token).is_ok());
    }

    #[test]
    fn the_algorithm_is_the_keys_and_the_header_must_say_so() {
        let bench = Bench::new();
        for alg in ["none", "None", "HS256", "ES256", "RS256", "eddsa", "EdDSA ", ""] {
            let header = with(header(&bench.key), "alg", alg);
            assert_eq!(bench.judge_header(&header), Err(TokenError::WrongAlgorithm), "{alg}");
        }
        let mut none = header(&bench.key);
        none.as_object_mut().unwrap().remove("alg");
        assert_eq!(bench.judge_header(&none), Err(TokenError::Malformed));
    }

    #[test]
    fn a_public_key_is_no_hmac_secret() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm).unwrap();
            let keys = keys_of(&[&key]);
            let jwk = serde_json::to_value(key.public_jwk()).unwrap();
            let secrets = [
                serde_json::to_vec(&jwk).unwrap(),
                URL_SAFE_NO_PAD
                    .decode(jwk.get("n").or(jwk.get("x")).unwrap().as_str().unwrap())
                    .unwrap(),
            ];
            for secret in secrets {
                for alg in ["HS256", algorithm.as_str()] {
                    let header = with(header(&key), "alg", alg);
                    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
                    let message = format!("{}.{}", part(&header), part(&claims()));
                    let signature = jsonwebtoken::crypto::sign(
                        message.as_bytes(),
                        &EncodingKey::from_secret(&secret),
                        jsonwebtoken::Algorithm::HS256,
                    )
                    .unwrap();
                    let token = format!("{message}.{signature}");
                    assert!(matches!(
                        verify_access_token(&keys, ISSUER, &token, NOW),
                        Err(TokenError::WrongAlgorithm | TokenError::BadSignature)
                    ));
                }
            }
        }
    }

    #[test]
    fn a_token_without_a_signature_is_refused() {
        let bench = Bench::new();
        let token = bench.key.sign(ACCESS_TOKEN_TYPE, &claims()).unwrap();
        let (message, _) = token.rsplit_once('.').unwrap();
        assert_eq!(bench.verify(&format!("{message}.")), Err(TokenError::BadSignature));
        assert_eq!(bench.verify(message), Err(TokenError::Malformed));
    }

    #[test]
    fn a_token_is_three_parts_of_strict_base64url_and_no_more_than_8_kib() {
        let bench = Bench::new();
        let token = bench.key.sign(ACCESS_TOKEN_TYPE, &claims()).unwrap();
        let part: Vec<&str> = token.split('.').collect();
        let (head, body, signature) = (part[0], part[1], part[2]);
        for broken in [
            String::new(),
            ".".into(),
            "..".into(),
            format!("{token}."),
            format!(".{token}"),
            format!("{token}.{signature}"),
            format!("{token}="),
            format!("{token} "),
            format!(" {token}"),
            format!("{token}\n"),
            format!("{head}=.{body}.{signature}"),
            format!("{head}.{body}=.{signature}"),
            format!("{head}.{body}.{}", signature.replace(['-', '_'], "+") + "+/"),
            format!("{head}.{body}.ä{signature}"),
        ] {
            assert_eq!(bench.verify(&broken), Err(TokenError::Malformed), "{broken}");
        }
        let large = with(claims(), "name", "x".repeat(MAX_TOKEN_BYTES));
        assert_eq!(bench.judge_claims(&large), Err(TokenError::Malformed));
        let fits = with(claims(), "name", "x".repeat(5000));
        assert!(bench.judge_claims(&fits).is_ok());
    }

    #[test]
    fn a_signature_is_written_in_one_way_only() {
        let bench = Bench::new();
        let token = bench.key.sign(ACCESS_TOKEN_TYPE, &claims()).unwrap();
        // 64 bytes leave four unused bits in the last character of 86.
        let last = token.as_bytes()[token.len() - 1];
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let value = alphabet.iter().position(|letter| *letter == last).unwrap();
        let other = char::from(alphabet[value | 1]);
        let twin = format!("{}{other}", &token[..token.len() - 1]);
        assert_ne!(twin, token);
        assert_eq!(bench.verify(&twin), Err(TokenError::Malformed));
    }

    #[test]
    fn every_claim_that_is_required_is_required_in_its_type() {
        let bench = Bench::new();
        assert!(bench.judge_claims(&claims()).is_ok());
        for name in ["exp", "iat", "iss", "aud", "sub", "jti", "client_id"] {
            let mut missing = claims();
            missing.as_object_mut().unwrap().remove(name);
            assert_eq!(bench.judge_claims(&missing), Err(TokenError::Malformed), "{name}");
            for wrong in [json!(null), json!(true), json!({}), json!([1]), json!(1.5)] {
                let claims = with(claims(), name, wrong.clone());
                assert_eq!(
                    bench.judge_claims(&claims),
                    Err(TokenError::Malformed),
                    "{name}: {wrong}"
                );
            }
        }
        for name in ["exp", "iat", "nbf", "auth_time"] {
            for wrong in [json!("1800000000"), json!(1e300), json!(u64::MAX)] {
                let claims = with(claims(), name, wrong.clone());
                assert_eq!(
                    bench.judge_claims(&claims),
                    Err(TokenError::Malformed),
                    "{name}: {wrong}"
                );
            }
        }
        for name in ["iss", "sub", "aud", "jti", "client_id", "scope", "acr", "sid", "amr", "roles"]
        {
            let claims = with(claims(), name, 7);
            assert_eq!(bench.judge_claims(&claims), Err(TokenError::Malformed), "{name}");
        }
        for name in ["sub", "jti", "client_id"] {
            let claims = with(claims(), name, "");
            assert_eq!(bench.judge_claims(&claims), Err(TokenError::Malformed), "{name}");
        }
    }

    #[test]
    fn a_name_that_comes_twice_is_refused() {
        let bench = Bench::new();
        let twice = claims().to_string().replacen('{', r#"{"sub":"admin","#, 1);
        let token = forge(&bench.key, &header(&bench.key), &twice);
        assert_eq!(bench.verify(&token), Err(TokenError::Malformed));
        let escaped = claims().to_string().replacen('{', r#"{"\u0073ub":"admin","#, 1);
        let token = forge(&bench.key, &header(&bench.key), &escaped);
        assert_eq!(bench.verify(&token), Err(TokenError::Malformed));

        let header = header(&bench.key).to_string().replacen('{', r#"{"alg":"none","#, 1);
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", part(&header), part(&claims().to_string()));
        assert_eq!(bench.verify(&seal(&bench.key, &message)), Err(TokenError::Malformed));
    }

    #[test]
    fn what_is_signed_but_no_json_object_is_refused() {
        let bench = Bench::new();
        let deep = "[".repeat(5000);
        let trailing = format!("{} {{}}", claims());
        for text in ["", "null", "7", "[]", "\"x\"", "{", deep.as_str(), trailing.as_str()] {
            let token = forge(&bench.key, &header(&bench.key), text);
            assert_eq!(bench.verify(&token), Err(TokenError::Malformed), "{text:.40}");
        }
        let bytes = URL_SAFE_NO_PAD.encode(b"{\"sub\":\"\xff\"}");
        let head = URL_SAFE_NO_PAD.encode(header(&bench.key).to_string());
        let token = seal(&bench.key, &format!("{head}.{bytes}"));
        assert_eq!(bench.verify(&token), Err(TokenError::Malformed));
    }

    #[test]
    fn the_issuer_is_compared_byte_for_byte() {
        let bench = Bench::new();
        for issuer in ["https://id.example/", "https://ID.example", "http://id.example", ""] {
            let claims = with(claims(), "iss", issuer);
            assert_eq!(bench.judge_claims(&claims), Err(TokenError::WrongIssuer), "{issuer}");
        }
    }

    #[test]
    fn times_have_a_leeway_of_ten_seconds_and_no_more() {
        let bench = Bench::new();
        let at = |claims: &Value, secs: i64, millis: i64| {
            let token = bench.key.sign(ACCESS_TOKEN_TYPE, claims).unwrap();
            let now = Time::from_millis(secs * 1000 + millis);
            verify_access_token(&bench.keys, ISSUER, &token, now).err()
        };
        let exp = IAT + 3600;
        assert_eq!(at(&claims(), exp, 0), None);
        assert_eq!(at(&claims(), exp + 9, 999), None);
        assert_eq!(at(&claims(), exp + 10, 0), Some(TokenError::Expired));
        assert_eq!(at(&claims(), IAT - 10, 0), None);
        assert_eq!(at(&claims(), IAT - 11, 999), Some(TokenError::NotYetValid));
        let later = with(claims(), "nbf", IAT + 100);
        assert_eq!(at(&later, IAT + 90, 0), None);
        assert_eq!(at(&later, IAT + 89, 999), Some(TokenError::NotYetValid));
        for extreme in [i64::MIN, i64::MAX] {
            assert!(at(&claims(), extreme / 1000, 0).is_some());
            let _ = at(&with(claims(), "exp", extreme), IAT, 0);
            let _ = at(&with(claims(), "iat", extreme), IAT, 0);
            let _ = at(&with(claims(), "nbf", extreme), IAT, 0);
        }
    }

    #[test]
    fn a_token_is_judged_again_at_another_time() {
        let token = Bench::new().judge_claims(&claims()).unwrap();
        assert_eq!(token.check_times(NOW), Ok(()));
        let over = Time::from_secs(IAT + 3610);
        assert_eq!(token.check_times(over), Err(TokenError::Expired));
        let before = Time::from_secs(IAT - 11);
        assert_eq!(token.check_times(before), Err(TokenError::NotYetValid));
    }

    #[test]
    fn a_version_7_jti_of_the_same_second_tells_the_millisecond() {
        let bench = Bench::new();
        let issued_at =
            |jti: String| bench.judge_claims(&with(claims(), "jti", jti)).unwrap().issued_at();
        let uuid = |millis: i64, version: u8| {
            let stamp = u128::try_from(millis).unwrap() << 80;
            let rest = u128::from(version) << 76 | 0x8000_0000_0000_0001;
            uuid::Uuid::from_u128(stamp | rest).to_string()
        };
        let start = IAT * 1000;
        assert_eq!(issued_at(uuid(start + 789, 7)), Time::from_millis(start + 789));
        assert_eq!(issued_at(uuid(start + 1789, 7)), Time::from_secs(IAT));
        assert_eq!(issued_at(uuid(start - 1, 7)), Time::from_secs(IAT));
        assert_eq!(issued_at(uuid(start + 789, 4)), Time::from_secs(IAT));
        assert_eq!(issued_at("anything".into()), Time::from_secs(IAT));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_verifier_panic_or_passes(text in "\\PC{0,200}") {
            prop_assert!(verify_access_token(&KeySet::default(), ISSUER, &text, NOW).is_err());
        }

        #[test]
        fn no_bytes_under_a_good_signature_make_the_verifier_panic(
            head in proptest::collection::vec(any::<u8>(), 0..80),
            body in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let bench = Bench::new();
            let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            let token = seal(&bench.key, &format!("{}.{}", part(&head), part(&body)));
            prop_assert!(bench.verify(&token).is_err());
            let good = URL_SAFE_NO_PAD.encode(header(&bench.key).to_string());
            let token = seal(&bench.key, &format!("{good}.{}", part(&body)));
            prop_assert_eq!(bench.verify(&token), Err(TokenError::Malformed));
        }

        #[test]
        fn a_token_with_one_character_changed_is_refused(
            algorithm in prop::sample::select(vec![Algorithm::ES256, Algorithm::EdDSA]),
            place in any::<prop::sample::Index>(),
            letter in "[A-Za-z0-9_.=-]",
        ) {
            let key = SigningKey::generate(algorithm).unwrap();
            let token = key.sign(ACCESS_TOKEN_TYPE, &claims()).unwrap();
            let place = place.index(token.len());
            let changed = format!("{}{letter}{}", &token[..place], &token[place + 1..]);
            let verdict = verify_access_token(&keys_of(&[&key]), ISSUER, &changed, NOW);
            prop_assert_eq!(verdict.is_ok(), changed == token);
        }
    }
}
