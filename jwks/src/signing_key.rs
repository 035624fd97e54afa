//! Signing keys: the private half, which never leaves its owner but sealed.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    encoding::AsDer,
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{
    EncodingKey, Header,
    jwk::{Jwk, PublicKeyUse, ThumbprintHash},
};
use serde::Serialize;

use crate::{Algorithm, key_pair::KeyPair};

/// The size of our RSA keys.
const RSA_KEY_SIZE: KeySize = KeySize::Rsa2048;

/// A private key with its one algorithm. Its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct SigningKey {
    algorithm: Algorithm,
    kid: String,
    public: Jwk,
    private: EncodingKey,
    pair: Arc<KeyPair>,
}

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The random source or the key generation failed.
    #[error("a key could not be generated")]
    Generation,
    /// The bytes are no private key of that algorithm, in the form [`SigningKey::to_der`] gives.
    #[error("not a private key for {0}")]
    Unreadable(Algorithm),
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The claims cannot be written as JSON.
    #[error("claims that are no JSON: {0}")]
    Claims(#[from] serde_json::Error),
    /// The key does not sign.
    #[error("signing failed")]
    Key,
}

impl SigningKey {
    /// A new key. One of RSA takes a varying while, up to seconds: call it off the request path.
    ///
    /// # Errors
    /// [`KeyError::Generation`].
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let failed = |_| KeyError::Generation;
        let private = match algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_der(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                    .and_then(|pair| pair.to_pkcs8v1())
                    .map_err(failed)?
                    .as_ref(),
            ),
            // Version 1 of PKCS#8: jsonwebtoken takes no other.
            Algorithm::EdDSA => EncodingKey::from_ed_der(
                Ed25519KeyPair::generate()
                    .and_then(|pair| pair.to_pkcs8v1())
                    .map_err(failed)?
                    .as_ref(),
            ),
            Algorithm::RS256 | Algorithm::PS256 => {
                let pkcs8 = RsaKeyPair::generate(RSA_KEY_SIZE)
                    .and_then(|pair| pair.as_der())
                    .map_err(failed)?;
                rsa_from_pkcs8(pkcs8.as_ref()).ok_or(KeyError::Generation)?
            }
        };
        Self::new(algorithm, private).ok_or(KeyError::Generation)
    }

    /// The key whose [`SigningKey::to_der`] gave `der`.
    ///
    /// # Errors
    /// [`KeyError::Unreadable`].
    pub fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let private = match algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_der(der),
            Algorithm::EdDSA => EncodingKey::from_ed_der(der),
            Algorithm::RS256 | Algorithm::PS256 => EncodingKey::from_rsa_der(der),
        };
        Self::new(algorithm, private).ok_or(KeyError::Unreadable(algorithm))
    }

    /// The private key, to be sealed: PKCS#8 (RFC 5958), for RSA PKCS#1 (RFC 8017 appendix
    /// A.1.2).
    #[must_use]
    pub fn to_der(&self) -> &[u8] {
        self.private.as_bytes()
    }

    /// Its one algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its name: the SHA-256 thumbprint of the public key (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key, to be published: with `kid`, `alg` and `use` (RFC 7517 section 4).
    #[must_use]
    pub fn public_jwk(&self) -> &Jwk {
        &self.public
    }

    /// A JWT in compact form of type `typ` that says `claims` (RFC 7515 section 7.1).
    ///
    /// # Errors
    /// [`SignError::Claims`] when `claims` cannot be written as JSON.
    pub fn sign<T: Serialize>(&self, typ: &str, claims: &T) -> Result<String, SignError> {
        let mut header = Header::new(self.algorithm.jose());
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.kid.clone());
        let mut token = String::with_capacity(1024);
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(&header)?, &mut token);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims)?, &mut token);
        let signature = self.pair.sign(token.as_bytes()).map_err(|_| SignError::Key)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    fn new(algorithm: Algorithm, private: EncodingKey) -> Option<Self> {
        let pair = Arc::new(KeyPair::read(algorithm, private.as_bytes())?);
        let mut public = Jwk::from_encoding_key(&private, algorithm.jose()).ok()?;
        let kid = public.thumbprint(ThumbprintHash::SHA256).ok()?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Some(Self { algorithm, kid, public, private, pair })
    }
}

/// jsonwebtoken signs with PKCS#1 and takes PKCS#8 only as PEM (RFC 7468).
fn rsa_from_pkcs8(der: &[u8]) -> Option<EncodingKey> {
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der)
    );
    EncodingKey::from_rsa_pem(pem.as_bytes()).ok()
}

impl fmt::Debug for SigningKey {
    /// Never the private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_every_algorithm_survives_export_and_import() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm).unwrap();
            let again = SigningKey::from_der(algorithm, key.to_der()).unwrap();
            assert_eq!(again.kid(), key.kid());
            assert_eq!(again.public_jwk(), key.public_jwk());
            assert_eq!(again.to_der(), key.to_der());
        }
    }

    #[test]
    fn a_key_is_not_read_as_one_of_another_type() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm).unwrap();
            for other in Algorithm::ALL.into_iter().filter(|other| !algorithm.shares_keys(*other)) {
                assert_eq!(
                    SigningKey::from_der(other, key.to_der()).unwrap_err(),
                    KeyError::Unreadable(other)
                );
            }
            let cut = &key.to_der()[..key.to_der().len() - 1];
            assert!(SigningKey::from_der(algorithm, cut).is_err());
        }
        assert!(SigningKey::from_der(Algorithm::ES256, b"").is_err());
    }

    #[test]
    fn the_published_key_carries_no_private_member() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm).unwrap();
            let json = serde_json::to_value(key.public_jwk()).unwrap();
            let members: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
            let known = ["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"];
            assert!(members.iter().all(|member| known.contains(member)), "{members:?}");
            assert_eq!(json["use"], "sig");
            assert_eq!(json["alg"], algorithm.as_str());
            assert_eq!(json["kid"], key.kid());
        }
    }

    #[test]
    fn debug_output_shows_no_private_key() {
        let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
        let shown = format!("{key:?}");
        assert_eq!(shown, format!("SigningKey {{ algorithm: EdDSA, kid: {:?}, .. }}", key.kid()));
    }

    #[test]
    fn an_rsa_key_has_2048_bits() {
        let key = SigningKey::generate(Algorithm::RS256).unwrap();
        let json = serde_json::to_value(key.public_jwk()).unwrap();
        // 256 bytes in base64url without padding.
        assert_eq!(json["n"].as_str().unwrap().len(), 342);
    }

    #[test]
    fn the_thumbprint_is_that_of_the_example_in_rfc_7638() {
        let jwk: Jwk = serde_json::from_str(RFC_7638_KEY).unwrap();
        assert_eq!(
            jwk.thumbprint(ThumbprintHash::SHA256).unwrap(),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
    }

    /// RFC 7638 section 3.1.
    const RFC_7638_KEY: &str = r#"{
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29"
    }"#;
}
