//! Personal API keys (rule 29): scoped, expiring, revocable; shown once, stored as a hash.

use std::fmt;

use ipnet::IpNet;
use jwks::{
    Time,
    api_key::{self, Digest, KeyHolder, KeyRecord, SECRET_BYTES, Shown},
    cutoff::CutOff,
};
use uuid::Uuid;

use super::secret::SecretHash;

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
    /// Where it is good from, each once, in order; empty: from wherever the sites let callers in.
    pub networks: Vec<IpNet>,
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

    /// What edges are told of it.
    #[must_use]
    pub fn record(&self) -> KeyRecord {
        KeyRecord {
            id: self.id,
            digest: Digest::from_bytes(*self.hash.as_bytes()),
            scopes: self.scopes.clone(),
            sites: self.sites.clone(),
            networks: self.networks.as_slice().into(),
            created_at: self.created_at,
            expires_at: self.expires_at,
        }
    }
}

/// The last instant of which no key survives `cut_off`, an ending of everything of a person.
#[must_use]
pub fn dead_until(cut_off: &CutOff) -> Time {
    api_key::dead_until(cut_off.at)
}

/// Puts the keys of one person together, out of rows of one key each that come person by person.
#[must_use]
pub fn by_person(rows: Vec<KeyHolder>) -> Vec<KeyHolder> {
    let mut people: Vec<KeyHolder> = Vec::new();
    for row in rows {
        match people.last_mut() {
            Some(last) if last.user_id == row.user_id => last.keys.extend(row.keys),
            _ => people.push(row),
        }
    }
    people
}

/// A person who has no keys any more: nothing else is to be known of them.
#[must_use]
pub fn without_keys(user_id: Uuid) -> KeyHolder {
    KeyHolder {
        user_id,
        email: String::new(),
        name: String::new(),
        roles: Vec::new(),
        tenant_id: String::new(),
        active: false,
        keys: Vec::new(),
    }
}

/// A key as it is handed out, once: see [`jwks::api_key::written`].
#[derive(Clone)]
pub struct PresentedKey {
    id: Uuid,
    text: String,
}

impl PresentedKey {
    /// A new key of this id from 32 random bytes.
    #[must_use]
    pub fn new(id: Uuid, random: [u8; SECRET_BYTES]) -> Self {
        Self { id, text: api_key::written(id, &random) }
    }

    /// Reads a key; `None` when it is none, cut short or mistyped.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Shown::parse(text).map(|shown| Self { id: shown.id, text: text.to_owned() })
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
            networks: Vec::new(),
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
