//! Personal API keys: how one is written, what is known of it, and what it is good for. Server and
//! edge ask [`judge`] and nobody else.

use std::{fmt, sync::Arc, time::Duration};

use aws_lc_rs::{constant_time, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::Time;

/// What every key begins with: leak scanners know it.
pub const PREFIX: &str = "sbk_";
/// Random bytes in a key.
pub const SECRET_BYTES: usize = 32;
/// The digits of the key's id.
const ID_DIGITS: usize = 32;
const CHECK_BYTES: usize = 4;

/// SHA-256 of a whole key. Compared in constant time.
#[derive(Clone, Copy, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a key.
    #[must_use]
    pub fn of(key: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, key.as_bytes()).as_ref());
        Self(bytes)
    }

    /// A digest that was computed elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("not a SHA-256"))
    }
}

/// The key of this id from 32 random bytes: `sbk_<id>_<secret><checksum>`. The id is 32 hexadecimal
/// digits, the rest the random bytes and four of a checksum as base64url: a slip of the hand is told
/// without asking anybody.
#[must_use]
pub fn written(id: Uuid, secret: &[u8; SECRET_BYTES]) -> String {
    let mut body = [0; SECRET_BYTES + CHECK_BYTES];
    body[..SECRET_BYTES].copy_from_slice(secret);
    body[SECRET_BYTES..].copy_from_slice(&checksum(id, secret));
    format!("{PREFIX}{}_{}", id.simple(), URL_SAFE_NO_PAD.encode(body))
}

fn checksum(id: Uuid, secret: &[u8]) -> [u8; CHECK_BYTES] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(PREFIX.as_bytes());
    context.update(id.as_bytes());
    context.update(secret);
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&context.finish().as_ref()[..CHECK_BYTES]);
    check
}

/// A key that somebody presents, without its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The id it names.
    pub id: Uuid,
    /// Its digest.
    pub digest: Digest,
}

impl Shown {
    /// Reads a key; `None` when it is none, cut short or mistyped.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (digits, body) = text.strip_prefix(PREFIX)?.split_at_checked(ID_DIGITS)?;
        let is_plain = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let id = Uuid::try_parse(digits).ok().filter(|_| is_plain)?;
        let mut bytes = [0; SECRET_BYTES + CHECK_BYTES];
        let read = URL_SAFE_NO_PAD.decode_slice(body.strip_prefix('_')?, &mut bytes).ok()?;
        let (secret, check) = bytes.split_at(SECRET_BYTES);
        let is_whole = read == bytes.len() && checksum(id, secret) == check;
        is_whole.then(|| Self { id, digest: Digest::of(text) })
    }
}

/// A person who has API keys, with all that is said of them where one is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyHolder {
    /// The person (`sub`).
    pub user_id: Uuid,
    /// Their mail address.
    pub email: String,
    /// Their name.
    pub name: String,
    /// Their roles where they are at home.
    pub roles: Vec<String>,
    /// The tenant they are at home in: keys act there.
    pub tenant_id: String,
    /// Whether they may do anything at the moment.
    pub active: bool,
    /// All of their keys; none: nothing more is to be known of them.
    pub keys: Vec<KeyRecord>,
}

/// What is known of one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Its name for programs.
    pub id: Uuid,
    /// The digest of the whole key.
    pub digest: Digest,
    /// What it may do.
    pub scopes: Vec<String>,
    /// The sites it is good at. At no other.
    pub sites: Vec<String>,
    /// Where it is good from; empty: from wherever the sites let callers in.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub networks: Box<[IpNet]>,
    /// When it was made.
    pub created_at: Time,
    /// When it is over.
    pub expires_at: Time,
}

/// A key and whose it is.
#[derive(Clone, Debug)]
pub struct HeldKey {
    holder: Arc<KeyHolder>,
    place: usize,
}

impl HeldKey {
    /// The key of `holder` at this place; `None` where there is none.
    #[must_use]
    pub fn new(holder: Arc<KeyHolder>, place: usize) -> Option<Self> {
        (place < holder.keys.len()).then_some(Self { holder, place })
    }

    /// Whose it is.
    #[must_use]
    pub fn holder(&self) -> &Arc<KeyHolder> {
        &self.holder
    }

    /// What is known of it.
    #[must_use]
    pub fn record(&self) -> &KeyRecord {
        &self.holder.keys[self.place]
    }
}

/// The last instant of which no key survives an ending, at `ended_at`, of everything of its owner.
/// Such an ending spares what is issued in the very second it falls in, for whoever signs in anew at
/// once; a key is not spared: it may have been made just before.
#[must_use]
pub fn dead_until(ended_at: Time) -> Time {
    ended_at.plus(Duration::from_secs(1))
}

/// What a key is presented for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// At which site; `None`: nobody asks for one.
    pub site_key: Option<&'a str>,
    /// All of these scopes.
    pub scopes: &'a [String],
}

/// What judging a key needs to know of it.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The digest of the whole key.
    pub digest: &'a Digest,
    /// What it may do.
    pub scopes: &'a [String],
    /// The sites it is good at.
    pub sites: &'a [String],
    /// When it is over.
    pub expires_at: Time,
    /// Whether it was ended, or everything of its owner after it was made.
    pub is_ended: bool,
    /// Whether its owner may do anything at the moment.
    pub is_owner_active: bool,
}

/// What a presented key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// What it is presented for.
    Good,
    /// It is none, or none any more.
    Unknown,
    /// Its time is over.
    Expired,
    /// It was ended, or everything of its owner after it was made.
    Ended,
    /// Its owner may not do anything at the moment.
    OwnerInactive,
    /// It is not for this site.
    OtherSite,
    /// It lacks a scope.
    Scope,
}

impl Verdict {
    /// A word for logs, metrics and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "key_good",
            Self::Unknown => "key_unknown",
            Self::Expired => "key_expired",
            Self::Ended => "key_ended",
            Self::OwnerInactive => "key_owner_inactive",
            Self::OtherSite => "key_other_site",
            Self::Scope => "key_scope",
        }
    }
}

/// What the key `known`, presented with the digest `shown`, is good for at `now`. Whoever does not
/// hold the key learns nothing of it.
#[must_use]
pub fn judge(known: Option<Known<'_>>, shown: &Digest, asked: Asked<'_>, now: Time) -> Verdict {
    let Some(known) = known.filter(|known| known.digest == shown) else {
        return Verdict::Unknown;
    };
    let has = |list: &[String], wanted: &str| list.iter().any(|listed| listed == wanted);
    if known.expires_at <= now {
        Verdict::Expired
    } else if known.is_ended {
        Verdict::Ended
    } else if !known.is_owner_active {
        Verdict::OwnerInactive
    } else if !asked.site_key.is_none_or(|site_key| has(known.sites, site_key)) {
        Verdict::OtherSite
    } else if !asked.scopes.iter().all(|scope| has(known.scopes, scope)) {
        Verdict::Scope
    } else {
        Verdict::Good
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_secs(1_800_000_000);
    const ID: Uuid = Uuid::from_u128(0x0199_a1b2_c3d4_7e5f_8a6b_7c8d_9e0f_1a2b);

    #[test]
    fn a_key_is_read_back_and_a_slip_of_the_hand_is_none() {
        let text = written(ID, &[0xa5; SECRET_BYTES]);
        assert!(text.starts_with("sbk_0199a1b2c3d47e5f8a6b7c8d9e0f1a2b_"));
        assert_eq!(text.len(), 85);
        assert_eq!(Shown::parse(&text), Some(Shown { id: ID, digest: Digest::of(&text) }));
        for at in 0..text.len() {
            for other in ["0", "a", "A", "F", "_", "-"] {
                let mut slip = text.clone();
                slip.replace_range(at..=at, other);
                assert_eq!(Shown::parse(&slip).is_some(), slip == text, "at {at}: {other}");
            }
            assert!(Shown::parse(&text[..at]).is_none());
        }
        for bad in ["", "sbk_", "sbk_é", &format!("{text} "), &format!("{text}AAAA")] {
            assert!(Shown::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_key_is_good_for_what_it_was_made_for_while_it_and_its_owner_are() {
        let texts = |texts: &[&str]| -> Vec<String> {
            texts.iter().map(|text| (*text).to_owned()).collect()
        };
        let (digest, scopes, sites) = (Digest::of("key"), texts(&["read"]), texts(&["wiki"]));
        let known = Known {
            digest: &digest,
            scopes: &scopes,
            sites: &sites,
            expires_at: NOW,
            is_ended: false,
            is_owner_active: true,
        };
        let before = NOW.minus(Duration::from_millis(1));
        let (wiki, read) = (Some("wiki"), texts(&["read"]));
        let asked = Asked { site_key: wiki, scopes: &read };
        assert_eq!(judge(Some(known), &digest, asked, before), Verdict::Good);
        assert_eq!(judge(Some(known), &digest, asked, NOW), Verdict::Expired);
        assert_eq!(judge(Some(known), &Digest::of("other"), asked, before), Verdict::Unknown);
        assert_eq!(judge(None, &digest, asked, before), Verdict::Unknown);
        let ended = Known { is_ended: true, ..known };
        assert_eq!(judge(Some(ended), &digest, asked, before), Verdict::Ended);
        let inactive = Known { is_owner_active: false, ..known };
        assert_eq!(judge(Some(inactive), &digest, asked, before), Verdict::OwnerInactive);
        let elsewhere = Asked { site_key: Some("Wiki"), ..asked };
        assert_eq!(judge(Some(known), &digest, elsewhere, before), Verdict::OtherSite);
        let more = texts(&["read", "write"]);
        let asked = Asked { scopes: &more, ..asked };
        assert_eq!(judge(Some(known), &digest, asked, before), Verdict::Scope);
    }
}
