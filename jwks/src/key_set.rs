//! The issuer's public keys (RFC 7517).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
pub use jsonwebtoken::jwk::{Jwk, JwkSet, ThumbprintHash};
use jsonwebtoken::{
    DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, KeyAlgorithm, KeyOperations, PublicKeyUse},
};

use crate::Algorithm;

/// RFC 7518 section 3.3: 2048 bits or more.
const MIN_RSA_BYTES: usize = 256;

/// Public keys, parsed once and ready for use, by `kid`.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    /// A handful: looking through them is quicker than hashing.
    keys: Vec<PublicKey>,
}

/// A public key with its one algorithm.
#[derive(Clone, Debug)]
pub(crate) struct PublicKey {
    pub(crate) algorithm: Algorithm,
    pub(crate) decoding: DecodingKey,
    kid: Box<str>,
    jwk: Jwk,
}

impl KeySet {
    /// From a JWKS document. Left out are keys that cannot be read, have no `kid` or one that
    /// came before, name no algorithm of ours or one that does not fit their type, or are meant
    /// for something other than signatures (RFC 7517 section 5).
    #[must_use]
    pub fn from_jwks(jwks: &JwkSet) -> Self {
        let mut set = Self::default();
        for key in jwks.keys.iter().filter_map(PublicKey::from_jwk) {
            if set.find(&key.kid).is_none() {
                set.keys.push(key);
            }
        }
        set
    }

    /// The JWKS document.
    #[must_use]
    pub fn to_jwks(&self) -> JwkSet {
        JwkSet { keys: self.keys.iter().map(|key| key.jwk.clone()).collect() }
    }

    /// The names of the keys.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| &*key.kid)
    }

    /// Whether every key of `other` is in this set too: what was verified with `other` is good
    /// with this one.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        other.keys.iter().all(|key| self.find(&key.kid).is_some_and(|ours| ours.jwk == key.jwk))
    }

    pub(crate) fn find(&self, kid: &str) -> Option<&PublicKey> {
        self.keys.iter().find(|key| &*key.kid == kid)
    }
}

impl PublicKey {
    fn from_jwk(jwk: &Jwk) -> Option<Self> {
        let common = &jwk.common;
        let algorithm = algorithm(common.key_algorithm?)?;
        if !is_for_signatures(jwk) || !is_readable(algorithm, &jwk.algorithm) {
            return None;
        }
        Some(Self {
            algorithm,
            decoding: DecodingKey::from_jwk(jwk).ok()?,
            kid: common.key_id.as_deref()?.into(),
            jwk: jwk.clone(),
        })
    }
}

/// Whether the key may verify signatures (RFC 7517 sections 4.2 and 4.3).
pub(crate) fn is_for_signatures(jwk: &Jwk) -> bool {
    let common = &jwk.common;
    let verifies = |operations: &Vec<KeyOperations>| operations.contains(&KeyOperations::Verify);
    matches!(common.public_key_use, None | Some(PublicKeyUse::Signature))
        && common.key_operations.as_ref().is_none_or(verifies)
}

/// The algorithm of ours that a key names, if it is one.
pub(crate) const fn algorithm(named: KeyAlgorithm) -> Option<Algorithm> {
    match named {
        KeyAlgorithm::ES256 => Some(Algorithm::ES256),
        KeyAlgorithm::EdDSA => Some(Algorithm::EdDSA),
        KeyAlgorithm::RS256 => Some(Algorithm::RS256),
        KeyAlgorithm::PS256 => Some(Algorithm::PS256),
        _ => None,
    }
}

/// Whether `parameters` are a sound public key for `algorithm`. jsonwebtoken would find out only
/// when a token comes, and would take a key of another curve until then.
pub(crate) fn is_readable(algorithm: Algorithm, parameters: &AlgorithmParameters) -> bool {
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    match (algorithm, parameters) {
        (Algorithm::ES256, AlgorithmParameters::EllipticCurve(key)) => {
            let (x, y) = (bytes(&key.x), bytes(&key.y));
            let point = [&[4], x.as_slice(), y.as_slice()].concat();
            key.curve == EllipticCurve::P256
                && x.len() == 32
                && ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).is_ok()
        }
        (Algorithm::EdDSA, AlgorithmParameters::OctetKeyPair(key)) => {
            key.curve == EllipticCurve::Ed25519
                && ParsedPublicKey::new(&ED25519, bytes(&key.x)).is_ok()
        }
        (Algorithm::RS256 | Algorithm::PS256, AlgorithmParameters::RSA(key)) => {
            let (n, e) = (bytes(&key.n), bytes(&key.e));
            let is_large = n.len() >= MIN_RSA_BYTES && n.first() != Some(&0);
            let key = RsaPublicKeyComponents { n, e };
            is_large && key.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).is_ok()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::signing_key::SigningKey;

    fn published(algorithm: Algorithm) -> Value {
        serde_json::to_value(SigningKey::generate(algorithm).unwrap().public_jwk()).unwrap()
    }

    fn set_of(keys: &[Value]) -> KeySet {
        KeySet::from_jwks(&serde_json::from_value(json!({ "keys": keys })).unwrap())
    }

    fn with(mut key: Value, member: &str, value: impl Into<Value>) -> Value {
        key[member] = value.into();
        key
    }

    fn without(mut key: Value, member: &str) -> Value {
        key.as_object_mut().unwrap().remove(member);
        key
    }

    #[test]
    fn a_set_survives_its_document() {
        let keys = Algorithm::ALL.map(published);
        let set = set_of(&keys);
        assert_eq!(serde_json::to_value(set.to_jwks()).unwrap(), json!({ "keys": keys }));
        assert_eq!(set.kids().count(), keys.len());
    }

    #[test]
    fn keys_without_a_name_or_an_algorithm_of_ours_are_left_out() {
        let key = published(Algorithm::ES256);
        assert_eq!(set_of(&[without(key.clone(), "kid")]).kids().count(), 0);
        assert_eq!(set_of(&[without(key.clone(), "alg")]).kids().count(), 0);
        for alg in ["HS256", "none", "ES384", "PS256", "RS512", "es256"] {
            assert_eq!(set_of(&[with(key.clone(), "alg", alg)]).kids().count(), 0, "{alg}");
        }
    }

    #[test]
    fn an_algorithm_that_does_not_fit_the_type_of_the_key_is_refused() {
        for algorithm in Algorithm::ALL {
            let key = published(algorithm);
            for other in Algorithm::ALL.into_iter().filter(|other| !algorithm.shares_keys(*other)) {
                let misnamed = with(key.clone(), "alg", other.as_str());
                assert_eq!(set_of(&[misnamed]).kids().count(), 0, "{algorithm} as {other}");
            }
        }
    }

    #[test]
    fn symmetric_keys_are_refused() {
        for alg in ["HS256", "ES256", "RS256", "EdDSA"] {
            let key = json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "a", "alg": alg });
            assert_eq!(set_of(&[key]).kids().count(), 0, "{alg}");
        }
    }

    #[test]
    fn keys_meant_for_something_other_than_signatures_are_refused() {
        let key = published(Algorithm::ES256);
        assert_eq!(set_of(&[with(key.clone(), "use", "enc")]).kids().count(), 0);
        assert_eq!(set_of(&[with(key.clone(), "use", "other")]).kids().count(), 0);
        assert_eq!(set_of(&[without(key.clone(), "use")]).kids().count(), 1);
        let encrypts = with(key.clone(), "key_ops", json!(["encrypt"]));
        assert_eq!(set_of(&[encrypts]).kids().count(), 0);
        let verifies = with(key, "key_ops", json!(["verify"]));
        assert_eq!(set_of(&[verifies]).kids().count(), 1);
    }

    #[test]
    fn broken_keys_are_left_out_and_the_others_kept() {
        let good = published(Algorithm::ES256);
        let broken = [
            with(published(Algorithm::ES256), "crv", "P-384"),
            with(published(Algorithm::ES256), "x", "AAAA"),
            // A point that is not on the curve.
            with(published(Algorithm::ES256), "x", published(Algorithm::ES256)["x"].clone()),
            with(published(Algorithm::ES256), "y", "!"),
            with(published(Algorithm::EdDSA), "x", "AAAA"),
            with(published(Algorithm::RS256), "n", "AQAB"),
            json!({ "kty": "AKP", "kid": "b", "alg": "ML-DSA-44", "pub": "AA" }),
        ];
        for key in broken {
            let set = set_of(&[key.clone(), good.clone()]);
            let kids: Vec<&str> = set.kids().collect();
            assert_eq!(kids, [good["kid"].as_str().unwrap()], "{key}");
        }
    }

    #[test]
    fn of_two_keys_of_one_name_the_first_counts() {
        let first = published(Algorithm::ES256);
        let second = with(published(Algorithm::EdDSA), "kid", first["kid"].clone());
        let set = set_of(&[first.clone(), second]);
        assert_eq!(serde_json::to_value(set.to_jwks()).unwrap(), json!({ "keys": [first] }));
    }

    #[test]
    fn a_set_includes_another_only_with_the_very_same_keys() {
        let (one, two) = (published(Algorithm::ES256), published(Algorithm::EdDSA));
        let both = set_of(&[one.clone(), two.clone()]);
        assert!(both.includes(&set_of(std::slice::from_ref(&one))));
        assert!(both.includes(&both));
        assert!(!set_of(std::slice::from_ref(&one)).includes(&both));
        let renamed = with(two, "kid", one["kid"].clone());
        assert!(!set_of(&[renamed]).includes(&set_of(&[one])));
    }
}
