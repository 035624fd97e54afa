//! A key with which a client shows who it is (RFC 7523).

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{forge, world::World};

/// A key of a client.
pub struct Key {
    pair: EcdsaKeyPair,
    /// Its name.
    pub kid: String,
}

impl Key {
    /// A new one of that name.
    ///
    /// # Panics
    /// When none can be made.
    #[must_use]
    pub fn new(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { pair, kid: kid.to_owned() }
    }

    /// As it is registered, a JSON Web Key.
    #[must_use]
    pub fn public(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (&point[1..33], &point[33..]);
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        })
    }

    /// A client assertion (RFC 7523 section 2.2), as fields of a form.
    ///
    /// # Panics
    /// When it cannot be signed.
    #[must_use]
    pub fn proof(&self, world: &World, client_id: &str, aud: &str) -> Vec<(String, String)> {
        let mut jti = [0; 16];
        aws_lc_rs::rand::fill(&mut jti).unwrap();
        let now = world.clock().secs();
        let claims = json!({
            "iss": client_id, "sub": client_id, "aud": aud, "iat": now, "exp": now + 60,
            "jti": URL_SAFE_NO_PAD.encode(jti),
        });
        let header = json!({ "alg": "ES256", "kid": self.kid });
        let sign = |message: &[u8]| {
            self.pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
        };
        let bearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        vec![
            ("client_assertion_type".to_owned(), bearer.to_owned()),
            ("client_assertion".to_owned(), forge::token(&header, &claims, sign)),
        ]
    }
}
