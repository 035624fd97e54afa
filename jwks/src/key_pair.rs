//! Private keys as they sign: read once. jsonwebtoken reads the private key again for every token,
//! which costs more than the signature itself (RSA: twice as much).

use aws_lc_rs::{
    error::Unspecified,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256,
        RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
    },
};

use crate::Algorithm;

/// A private key that was read.
pub enum KeyPair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

impl KeyPair {
    /// Reads PKCS#8 (RFC 5958), for RSA PKCS#1 (RFC 8017 appendix A.1.2). `None`: it is neither.
    pub fn read(algorithm: Algorithm, der: &[u8]) -> Option<Self> {
        match algorithm {
            Algorithm::ES256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
                .map(Self::Ecdsa)
                .ok(),
            Algorithm::EdDSA => Ed25519KeyPair::from_pkcs8(der).map(Self::Ed25519).ok(),
            Algorithm::RS256 => Self::read_rsa(der, &RSA_PKCS1_SHA256),
            Algorithm::PS256 => Self::read_rsa(der, &RSA_PSS_SHA256),
        }
    }

    fn read_rsa(der: &[u8], encoding: &'static dyn RsaEncoding) -> Option<Self> {
        RsaKeyPair::from_der(der).map(|pair| Self::Rsa(pair, encoding)).ok()
    }

    /// The signature of `message`, in the form of RFC 7518 section 3.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let random = SystemRandom::new();
        match self {
            Self::Ecdsa(pair) => pair.sign(&random, message).map(|made| made.as_ref().to_vec()),
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Self::Rsa(pair, encoding) => {
                let mut made = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut made)?;
                Ok(made)
            }
        }
    }
}
