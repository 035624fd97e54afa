//! What others sign for us: the key sets of clients, and their assertions (RFC 7523).

use jsonwebtoken::{DecodingKey, jwk::Jwk};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    Algorithm,
    key_set::{algorithm, is_for_signatures, is_readable},
    verify::{Parts, TokenError, is_type},
};

/// The most keys of a set that are looked at.
const MAX_KEYS: usize = 32;

/// The public keys of somebody else. They need no `kid` and no `alg`: a key that names no algorithm
/// is good for each of ours that fits its type.
#[derive(Clone, Debug, Default)]
pub struct ForeignKeys {
    keys: Vec<ForeignKey>,
}

#[derive(Clone, Debug)]
struct ForeignKey {
    kid: Option<Box<str>>,
    algorithms: Vec<Algorithm>,
    decoding: DecodingKey,
}

impl ForeignKeys {
    /// From a JWK Set (RFC 7517 section 5). Left out are keys that cannot be read, are of no
    /// algorithm of ours, or are meant for something other than signatures. `None`: it is no set.
    #[must_use]
    pub fn from_document(document: &Value) -> Option<Self> {
        let keys = document.get("keys")?.as_array()?;
        Some(Self { keys: keys.iter().take(MAX_KEYS).filter_map(ForeignKey::read).collect() })
    }

    /// Verifies form, type and signature of a token that one of these keys signed, and reads its
    /// claims, which the caller has yet to judge. `types`: what `typ` may be, where it is there at
    /// all. `only`: the one algorithm that counts.
    ///
    /// # Errors
    /// What is wrong with it. [`TokenError::UnknownKey`] is the one case where asking for newer keys
    /// may help.
    pub fn verify<C: DeserializeOwned>(
        &self,
        types: &[&str],
        only: Option<Algorithm>,
        token: &str,
    ) -> Result<C, TokenError> {
        let parts = Parts::of(token)?;
        let header = &parts.header;
        if header.typ.as_deref().is_some_and(|sent| !types.iter().any(|typ| is_type(sent, typ))) {
            return Err(TokenError::WrongType);
        }
        if header.crit.is_some() {
            return Err(TokenError::Critical);
        }
        let named = Algorithm::ALL.into_iter().find(|one| one.as_str() == header.alg);
        let named = named.filter(|named| only.is_none_or(|only| only == *named));
        let named = named.ok_or(TokenError::WrongAlgorithm)?;
        let key = match header.kid.as_deref() {
            Some(kid) => {
                let mut same_name = self.keys.iter().filter(|key| key.kid.as_deref() == Some(kid));
                let first = same_name.clone().next().ok_or(TokenError::UnknownKey)?;
                same_name.find(|key| key.algorithms.contains(&named)).unwrap_or(first)
            }
            None => {
                let mut fitting = self.keys.iter().filter(|key| key.algorithms.contains(&named));
                let key = fitting.next().ok_or(TokenError::UnknownKey)?;
                // Which of several is not for us to try out.
                if fitting.next().is_some() {
                    return Err(TokenError::Malformed);
                }
                key
            }
        };
        if !key.algorithms.contains(&named) {
            return Err(TokenError::WrongAlgorithm);
        }
        parts.claims(named, &key.decoding)
    }
}

impl ForeignKey {
    fn read(document: &Value) -> Option<Self> {
        let jwk = Jwk::deserialize(document).ok()?;
        if !is_for_signatures(&jwk) {
            return None;
        }
        let readable = |one: &Algorithm| is_readable(*one, &jwk.algorithm);
        let algorithms: Vec<Algorithm> = match jwk.common.key_algorithm {
            Some(named) => algorithm(named).filter(readable).into_iter().collect(),
            None => Algorithm::ALL.into_iter().filter(readable).collect(),
        };
        if algorithms.is_empty() {
            return None;
        }
        Some(Self {
            kid: jwk.common.key_id.as_deref().map(Into::into),
            algorithms,
            decoding: DecodingKey::from_jwk(&jwk).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::signing_key::SigningKey;

    const JWT: &[&str] = &["JWT"];

    fn public(key: &SigningKey, strip: &[&str]) -> Value {
        let mut jwk = serde_json::to_value(key.public_jwk()).unwrap();
        for member in strip {
            jwk.as_object_mut().unwrap().remove(*member);
        }
        jwk
    }

    fn keys(keys: &[Value]) -> ForeignKeys {
        ForeignKeys::from_document(&json!({ "keys": keys })).unwrap()
    }

    #[test]
    fn a_key_of_every_algorithm_verifies_with_and_without_naming_it() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm).unwrap();
            let token = key.sign("JWT", &json!({ "iss": "c" })).unwrap();
            for strip in [&[][..], &["alg"], &["use", "alg"]] {
                let set = keys(&[public(&key, strip)]);
                let claims: Value = set.verify(JWT, None, &token).unwrap();
                assert_eq!(claims["iss"], "c", "{algorithm}");
                let other = Algorithm::ALL.into_iter().find(|other| *other != algorithm);
                let verdict = set.verify::<Value>(JWT, other, &token);
                assert_eq!(verdict, Err(TokenError::WrongAlgorithm));
            }
        }
    }

    #[test]
    fn a_key_is_found_by_its_name_and_no_other_is_tried() {
        let [one, two] = [(); 2].map(|()| SigningKey::generate(Algorithm::ES256).unwrap());
        let token = one.sign("JWT", &json!({})).unwrap();
        let verdict = keys(&[public(&two, &[])]).verify::<Value>(JWT, None, &token);
        assert_eq!(verdict, Err(TokenError::UnknownKey));
        let mut renamed = public(&two, &[]);
        renamed["kid"] = one.kid().into();
        let verdict = keys(&[renamed]).verify::<Value>(JWT, None, &token);
        assert_eq!(verdict, Err(TokenError::BadSignature));
        assert!(
            keys(&[public(&two, &[]), public(&one, &[])])
                .verify::<Value>(JWT, None, &token)
                .is_ok()
        );
    }

    #[test]
    fn a_token_of_another_type_is_no_assertion() {
        let key = SigningKey::generate(Algorithm::RS256).unwrap();
        let set = keys(&[public(&key, &[])]);
        let token = key.sign("at+jwt", &json!({})).unwrap();
        assert_eq!(set.verify::<Value>(JWT, None, &token), Err(TokenError::WrongType));
    }

    #[test]
    fn secrets_and_what_cannot_be_read_are_left_out_and_what_is_no_set_is_none() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let token = key.sign("JWT", &json!({})).unwrap();
        let odd = [
            json!({ "kty": "oct", "k": "c2VjcmV0", "kid": key.kid() }),
            json!({ "kty": "AKP", "kid": key.kid(), "alg": "ML-DSA-44", "pub": "AA" }),
            json!(7),
        ];
        let set = keys(&odd);
        assert_eq!(set.verify::<Value>(JWT, None, &token), Err(TokenError::UnknownKey));
        for bad in [json!([]), json!({}), json!({ "keys": {} }), json!("x")] {
            assert!(ForeignKeys::from_document(&bad).is_none());
        }
    }
}
