//! The signature algorithms a Signalbox key can have (RFC 7518 section 3.1, RFC 8037 section 3.1).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The algorithm of a key. A key has exactly one, and a token's header never chooses it
/// (RFC 8725 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256: the default.
    ES256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 bits: for OpenID clients that know nothing else.
    /// Signing costs 17 times ES256.
    RS256,
    /// RSASSA-PSS with SHA-256, 2048 bits.
    PS256,
    /// Ed25519.
    EdDSA,
}

impl Algorithm {
    /// Every algorithm, in the order of preference.
    pub const ALL: [Self; 4] = [Self::ES256, Self::EdDSA, Self::RS256, Self::PS256];

    /// The registered name (IANA JSON Web Signature and Encryption Algorithms).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::EdDSA => "EdDSA",
        }
    }

    /// Whether the keys of both are of one type: RSA keys do not say themselves how they sign.
    #[cfg(test)]
    pub(crate) fn shares_keys(self, other: Self) -> bool {
        let is_rsa = |one| matches!(one, Self::RS256 | Self::PS256);
        self == other || (is_rsa(self) && is_rsa(other))
    }

    pub(crate) const fn jose(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::ES256 => jsonwebtoken::Algorithm::ES256,
            Self::RS256 => jsonwebtoken::Algorithm::RS256,
            Self::PS256 => jsonwebtoken::Algorithm::PS256,
            Self::EdDSA => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or_else(|| format!("`{name}` is not one of ES256, EdDSA, RS256, PS256"))
    }
}
