//! Personal API keys (rule 29): scoped, expiring, revocable; shown once, stored as a hash.

use std::{fmt, time::Duration};

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jwks::{Time, cutoff::CutOff};
use uuid::Uuid;

use super::secret::SecretHash;

/// What every key begins with: leak scanners know it.
const PREFIX: &str = "sbk_";
/// The digits of the key's id.
const ID_DIGITS: usize = 32;
const SECRET_BYTES: usize = 32;
const CHECK_BYTES: usize = 4;

/// A personal API key, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its name for programs, which stands in the key itself. UUID version 7.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// Hash of the whole key.
    pub hash: SecretHash,
    /// Its name for people.
    pub name: String,
    /// What it may do, each once, in order.
    pub scopes: Vec<String>,
    /// The sites it is good at, each once, in order. At no other.
    pub sites: Vec<String>,
    /// When it was made.
    pub created_at: Time,
    /// When it is over.
    pub expires_at: Time,
    /// When it was last used, as far as that was written back.
    pub last_used_at: Option<Time>,
}

impl ApiKey {
    /// Whether it is over at `now`.
    #[must_use]
    pub fn is_expired(&self, now: Time) -> bool {
        self.expires_at <= now
    }

    /// Whether `cut_off`, an ending of everything that its owner has, ended it.
    #[must_use]
    pub fn is_ended_by(&self, cut_off: &CutOff) -> bool {
        self.created_at <= dead_until(cut_off)
    }
}

/// The last instant of which no key survives `cut_off`, an ending of everything of a person. Such an
/// ending spares what is issued in the very second it falls in, for whoever signs in anew at once;
/// a key is not spared: it may have been made just before.
#[must_use]
pub fn dead_until(cut_off: &CutOff) -> Time {
    cut_off.at.plus(Duration::from_secs(1))
}

/// A key as it is handed out, once: `sbk_<id>_<secret><checksum>`. The id is 32 hexadecimal digits,
/// the rest 256 random bits and four bytes of a checksum as base64url: a slip of the hand is told
/// without asking anybody.
#[derive(Clone)]
pub struct PresentedKey {
    id: Uuid,
    text: String,
}

impl PresentedKey {
    /// A new key of this id from 32 random bytes.
    #[must_use]
    pub fn new(id: Uuid, random: [u8; SECRET_BYTES]) -> Self {
        let mut body = random.to_vec();
        body.extend_from_slice(&checksum(id, &random));
        let text = format!("{PREFIX}{}_{}", id.simple(), URL_SAFE_NO_PAD.encode(&body));
        Self { id, text }
    }

    /// Reads a key; `None` when it is none, cut short or mistyped.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, body) = text.strip_prefix(PREFIX)?.split_at_checked(ID_DIGITS)?;
        let digits = id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let id = Uuid::try_parse(id).ok().filter(|_| digits)?;
        let body = URL_SAFE_NO_PAD.decode(body.strip_prefix('_')?).ok()?;
        if body.len() != SECRET_BYTES + CHECK_BYTES {
            return None;
        }
        let (secret, check) = body.split_at(SECRET_BYTES);
        (checksum(id, secret) == check).then(|| Self { id, text: text.to_owned() })
    }

    /// The key as it is handed out.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The id it names.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// What the store keeps of it.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.text)
    }
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedKey(…)")
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use jwks::cutoff::CutOffKind;

    const ID: Uuid = Uuid::from_u128(0x0199_a1b2_c3d4_7e5f_8a6b_7c8d_9e0f_1a2b);

    #[test]
    fn a_key_is_read_back_whole_and_says_its_id() {
        let key = PresentedKey::new(ID, [9; 32]);
        assert!(key.as_str().starts_with("sbk_0199a1b2c3d47e5f8a6b7c8d9e0f1a2b_"));
        assert_eq!(key.as_str().len(), 85);
        let read = PresentedKey::parse(key.as_str()).unwrap();
        assert_eq!((read.id(), read.hash()), (ID, key.hash()));
        assert_ne!(PresentedKey::new(ID, [8; 32]).hash(), key.hash());
    }

    #[test]
    fn one_changed_character_is_a_slip_and_no_key() {
        let key = PresentedKey::new(ID, [0xa5; 32]);
        let text = key.as_str();
        for at in 0..text.len() {
            for other in ["0", "a", "A", "F", "_", "-"] {
                let mut slip = text.to_owned();
                slip.replace_range(at..=at, other);
                assert_eq!(PresentedKey::parse(&slip).is_some(), slip == text, "at {at}: {other}");
            }
            assert!(PresentedKey::parse(&text[..at]).is_none());
            assert!(PresentedKey::parse(&format!("{}{}", &text[..at], &text[at + 1..])).is_none());
        }
        let (left, right) = (&text[36..], &text[..36]);
        for bad in ["", "sbk_", "sbk_é", &format!("{text} "), &format!("{left}{right}")] {
            assert!(PresentedKey::parse(bad).is_none(), "{bad}");
        }
        // The id in capitals names the same row, and is not what was handed out.
        assert!(PresentedKey::parse(&text.replace("c3d4", "C3D4")).is_none());
    }

    #[test]
    fn an_ending_of_everything_ends_what_was_made_in_the_second_it_falls_in() {
        let cut = |at| CutOff {
            kind: CutOffKind::User,
            id: String::new(),
            at: Time::from_millis(at),
            until: Time::from_millis(at),
        };
        let key = ApiKey {
            id: ID,
            user_id: ID,
            hash: SecretHash::of(""),
            name: String::new(),
            scopes: Vec::new(),
            sites: Vec::new(),
            created_at: Time::from_millis(5_400),
            expires_at: Time::from_millis(9_000),
            last_used_at: None,
        };
        assert!(key.is_ended_by(&cut(4_999)));
        assert!(!key.is_ended_by(&cut(3_999)));
        assert!(!key.is_expired(Time::from_millis(8_999)));
        assert!(key.is_expired(Time::from_millis(9_000)));
    }
}
