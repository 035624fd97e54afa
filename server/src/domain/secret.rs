//! Opaque secrets: 256 random bits behind a fixed prefix, stored as a hash (rule 8).

use std::fmt;

use aws_lc_rs::{constant_time, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// What a store keeps of a secret: SHA-256 of one of at least 256 bits, HMAC-SHA256 of a shorter
/// one. Compared whole and in constant time.
#[derive(Clone, Copy, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The hash of `secret`.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
        Self(bytes)
    }

    /// A digest that was computed elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From stored bytes; `None` when they are not 32.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The first half of it as an identifier: names what is done with the secret, once.
    #[must_use]
    pub fn to_id(&self) -> Uuid {
        let mut half = [0; 16];
        half.copy_from_slice(&self.0[..16]);
        uuid::Builder::from_random_bytes(half).into_uuid()
    }

    /// As unpadded base64url, 43 characters: how it is named in Redis.
    #[must_use]
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// From [`Self::to_text`].
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?)
    }
}

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

impl Serialize for SecretHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for SecretHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_text(&text).ok_or_else(|| serde::de::Error::custom("not a SHA-256"))
    }
}

/// SHA-256 as 64 hexadecimal digits.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    digest::digest(&digest::SHA256, bytes)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The kinds of opaque token, each with a prefix that leak scanners know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A refresh token; names a person, a session, a family, and what vouches for those three.
    Refresh,
    /// A half-signed-in state.
    Mfa,
    /// A one-time token; names its owner.
    OneTime,
    /// The credential of an edge.
    Edge,
    /// What a trusted device is known by; names its row.
    Device,
    /// What a browser holds of its session; names a person and a session.
    Browser,
    /// An authorization code.
    Code,
    /// What a pushed authorization request is named by, within its `request_uri`.
    Pushed,
    /// What the pages name a sign-in by that is under way.
    Flow,
    /// A device code (RFC 8628).
    DeviceCode,
    /// A client's secret.
    ClientSecret,
    /// With which a client manages itself (RFC 7592).
    Registration,
    /// With which clients register themselves (RFC 7591).
    InitialAccess,
}

impl TokenKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Refresh => "sbr_",
            Self::Mfa => "sbm_",
            Self::OneTime => "sbo_",
            Self::Edge => "sbe_",
            Self::Device => "sbd_",
            Self::Browser => "sbb_",
            Self::Code => "sbc_",
            Self::Pushed => "sbp_",
            Self::Flow => "sbf_",
            Self::DeviceCode => "sbdc_",
            Self::ClientSecret => "sbs_",
            Self::Registration => "sbg_",
            Self::InitialAccess => "sbi_",
        }
    }

    const fn names(self) -> usize {
        match self {
            Self::Refresh => 4,
            Self::OneTime | Self::Device => 1,
            Self::Browser => 2,
            Self::Mfa
            | Self::Edge
            | Self::Code
            | Self::Pushed
            | Self::Flow
            | Self::DeviceCode
            | Self::ClientSecret
            | Self::Registration
            | Self::InitialAccess => 0,
        }
    }
}

const SECRET_BYTES: usize = 32;
const CHECK_BYTES: usize = 4;

/// An opaque token: prefix, the identifiers it names, 256 random bits, and a checksum so that a
/// slip of the hand is told from a theft.
#[derive(Clone)]
pub struct OpaqueToken {
    names: Vec<Uuid>,
    text: String,
}

impl OpaqueToken {
    /// A new token of `kind` from 32 random bytes, naming `names` (as many as the kind has).
    #[must_use]
    pub fn new(kind: TokenKind, names: &[Uuid], random: [u8; SECRET_BYTES]) -> Self {
        debug_assert_eq!(names.len(), kind.names());
        let mut body: Vec<u8> = names.iter().flat_map(|name| *name.as_bytes()).collect();
        body.extend_from_slice(&random);
        let check = checksum(kind, &body);
        body.extend_from_slice(&check);
        let text = format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(&body));
        Self { names: names.to_vec(), text }
    }

    /// Reads a token of `kind`; `None` when it is of another kind, cut short or mistyped.
    #[must_use]
    pub fn parse(kind: TokenKind, text: &str) -> Option<Self> {
        let body = URL_SAFE_NO_PAD.decode(text.strip_prefix(kind.prefix())?).ok()?;
        let named = kind.names() * 16;
        if body.len() != named + SECRET_BYTES + CHECK_BYTES {
            return None;
        }
        let (body, check) = body.split_at(named + SECRET_BYTES);
        if checksum(kind, body) != check {
            return None;
        }
        let names = body[..named].chunks_exact(16).filter_map(|name| Uuid::from_slice(name).ok());
        Some(Self { names: names.collect(), text: text.to_owned() })
    }

    /// The token as it is handed out.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The identifiers it names.
    #[must_use]
    pub fn names(&self) -> &[Uuid] {
        &self.names
    }

    /// What the store keeps of it.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.text)
    }
}

impl fmt::Debug for OpaqueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpaqueToken(…)")
    }
}

fn checksum(kind: TokenKind, body: &[u8]) -> [u8; CHECK_BYTES] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(kind.prefix().as_bytes());
    context.update(body);
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&context.finish().as_ref()[..CHECK_BYTES]);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_whole_and_only_as_its_own_kind() {
        let owner = Uuid::from_u128(7);
        let token = OpaqueToken::new(TokenKind::OneTime, &[owner], [9; 32]);
        let read = OpaqueToken::parse(TokenKind::OneTime, token.as_str()).unwrap();
        assert_eq!(read.names(), [owner]);
        assert_eq!(read.hash(), token.hash());
        for other in [TokenKind::Refresh, TokenKind::Mfa, TokenKind::Edge] {
            assert!(OpaqueToken::parse(other, token.as_str()).is_none());
        }
    }

    #[test]
    fn one_changed_character_is_a_slip_and_no_token() {
        let token = OpaqueToken::new(TokenKind::Mfa, &[], [1; 32]);
        for at in 4..token.as_str().len() {
            let mut text = token.as_str().to_owned();
            let other = if &text[at..=at] == "A" { "B" } else { "A" };
            text.replace_range(at..=at, other);
            assert!(OpaqueToken::parse(TokenKind::Mfa, &text).is_none(), "at {at}");
        }
    }
}
