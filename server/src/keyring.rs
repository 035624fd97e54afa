//! The issuer's signing keys in memory, brought up to date from the store.
//!
//! The life of a key is a matter of the times in its row: published when it is written, signing
//! from `active_at`, gone after `expires_at`. A rotation is therefore one write, which two
//! replicas or a kill -9 can neither halve nor double.
//!
//! Nobody signs with a key that others may not know: `tokens.key_lead` is longer than any server
//! takes to read the keys, than anybody may keep a key set, and than clocks differ. And nobody
//! signs by what was read longer ago than that: all keys of such a ring may be gone.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use jwks::{
    Algorithm, Time,
    key_set::{JwkSet, KeySet},
    signing_key::SigningKey,
};
use serde_json::json;

use crate::{
    clock::new_id,
    config::TokensSection,
    domain::{
        audit::{Action, Event},
        key::KeyRow,
    },
    seal::{Sealer, Unsealable},
    store::{IdentityStore, StoreError, identity::KeyAdded},
};

/// How often the keys are read anew without being told that there is something to read.
pub const LOAD_INTERVAL: Duration = Duration::from_secs(5);
/// How long others may keep the key set.
pub const JWKS_MAX_AGE: Duration = Duration::from_secs(300);
/// How far apart clocks may be, and how long a reading may take.
const SLACK: Duration = Duration::from_secs(30);
/// The shortest `tokens.key_lead`: whoever reads the keys as seldom as they may has read a new one
/// by then, from a server that had not read it yet itself.
pub const LEAST_LEAD: Duration = LOAD_INTERVAL.saturating_add(JWKS_MAX_AGE).saturating_add(SLACK);
/// How long a replaced key stays published beyond the life of the last token it can have signed.
pub const GRACE: Duration = Duration::from_secs(60);

/// Why a key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A sealed key does not open.
    #[error(transparent)]
    Sealed(#[from] Unsealable),
    /// The library made or read no key.
    #[error("a signing key cannot be made or read: {0}")]
    Library(String),
    /// No key signs yet.
    #[error("no key is active")]
    Missing,
}

struct Loaded {
    row: KeyRow,
    key: Arc<SigningKey>,
}

#[derive(Default)]
struct Ring {
    keys: Vec<Loaded>,
    published: Arc<KeySet>,
    /// The published keys as a document, ready to be sent.
    document: Bytes,
    /// When the store was asked for them.
    read_at: Option<Time>,
}

/// The keys.
#[derive(Default)]
pub struct KeyRing {
    ring: ArcSwap<Ring>,
}

impl KeyRing {
    /// A ring that publishes `keys` and signs with none, until the store has been read.
    #[must_use]
    pub fn remembering(keys: &JwkSet) -> Self {
        let published = Arc::new(KeySet::from_jwks(keys));
        let document = document(&published);
        Self { ring: ArcSwap::from_pointee(Ring { published, document, ..Ring::default() }) }
    }

    /// Reads the keys anew.
    ///
    /// # Errors
    /// [`KeyError`] when the store fails or a key does not open; what was held stays.
    pub async fn load(
        &self,
        store: &dyn IdentityStore,
        sealer: &Sealer,
        now: Time,
    ) -> Result<(), KeyError> {
        let rows = store.list_signing_keys(now).await?;
        let held = self.ring.load();
        let mut keys = Vec::with_capacity(rows.len());
        let mut public = Vec::with_capacity(rows.len());
        for row in rows {
            public.push(
                serde_json::from_str(&row.public_jwk)
                    .map_err(|error| KeyError::Library(error.to_string()))?,
            );
            let known = held.keys.iter().find(|loaded| loaded.row.kid == row.kid);
            let key = match known {
                Some(loaded) => loaded.key.clone(),
                None => Arc::new(open(sealer, &row)?),
            };
            keys.push(Loaded { row, key });
        }
        let jwks = JwkSet { keys: public };
        // Verdicts hang on the identity of the set: the same keys stay the same value.
        let (published, document) = if held.published.to_jwks() == jwks {
            (held.published.clone(), held.document.clone())
        } else {
            let published = Arc::new(KeySet::from_jwks(&jwks));
            let document = document(&published);
            (published, document)
        };
        self.ring.store(Arc::new(Ring { keys, published, document, read_at: Some(now) }));
        Ok(())
    }

    /// The public keys, as they are published.
    #[must_use]
    pub fn published(&self) -> Arc<KeySet> {
        self.ring.load().published.clone()
    }

    /// Whether the keys were read at most `lead` before `now`: then nobody signs with one that is
    /// not here, and none that signs here is gone.
    #[must_use]
    pub fn is_current(&self, lead: Duration, now: Time) -> bool {
        self.ring.load().read_at.is_some_and(|read_at| now.since(read_at) <= lead)
    }

    /// The same as a document, ready to be sent; empty while there is none.
    #[must_use]
    pub fn document(&self) -> Bytes {
        self.ring.load().document.clone()
    }

    /// The key that signs at `now` what has to be signed by `algorithm`: the newest active one.
    ///
    /// # Errors
    /// [`KeyError::Missing`] when there is none.
    pub fn signing(&self, algorithm: Algorithm, now: Time) -> Result<Arc<SigningKey>, KeyError> {
        self.ring.load().signing(algorithm, now).ok_or(KeyError::Missing)
    }

    /// The key that signs access tokens at `now`, where `algorithm` is asked for: while its first
    /// key is still only published, one of the others that has been signing all along.
    ///
    /// # Errors
    /// [`KeyError::Missing`] when there is none.
    pub fn signing_access(
        &self,
        algorithm: Algorithm,
        now: Time,
    ) -> Result<Arc<SigningKey>, KeyError> {
        let ring = self.ring.load();
        let wanted = [algorithm].into_iter().chain(Algorithm::ALL);
        wanted.into_iter().find_map(|one| ring.signing(one, now)).ok_or(KeyError::Missing)
    }

    /// When a key of `algorithm` is to be made, if that is due at `now`: the first, or the successor
    /// of one that has become as old as `tokens.key_rotation` allows.
    #[must_use]
    pub fn due(&self, tokens: &TokensSection, algorithm: Algorithm, now: Time) -> Option<Due> {
        let ring = self.ring.load();
        let newest = ring.keys.iter().rev().find(|key| key.row.algorithm == algorithm);
        let schedule = Duration::from_secs(tokens.key_rotation);
        let due = if newest.is_none() { Due::First } else { Due::Older(schedule) };
        let is_off = due != Due::First && schedule.is_zero();
        (!is_off && due.is_due(newest.map(|newest| &newest.row), now)).then_some(due)
    }

    /// Whether there is a key that signs access tokens at `now`.
    #[must_use]
    pub fn is_ready(&self, algorithm: Algorithm, now: Time) -> bool {
        self.signing_access(algorithm, now).is_ok()
    }
}

impl Ring {
    fn signing(&self, algorithm: Algorithm, now: Time) -> Option<Arc<SigningKey>> {
        let is_it =
            |loaded: &&Loaded| loaded.row.algorithm == algorithm && loaded.row.active_at <= now;
        self.keys.iter().rev().find(is_it).map(|loaded| loaded.key.clone())
    }
}

/// The JWK Set (RFC 7517 section 5) of what is published; empty where nothing is.
fn document(published: &KeySet) -> Bytes {
    let jwks = published.to_jwks();
    if jwks.keys.is_empty() {
        return Bytes::new();
    }
    serde_json::to_vec(&jwks).unwrap_or_default().into()
}

fn sealed_name(kid: &str) -> String {
    format!("signing-key:{kid}")
}

fn open(sealer: &Sealer, row: &KeyRow) -> Result<SigningKey, KeyError> {
    let der = sealer.open(&sealed_name(&row.kid), &row.sealed)?;
    SigningKey::from_der(row.algorithm, &der).map_err(|error| KeyError::Library(error.to_string()))
}

/// When a key is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// If there is none of the algorithm.
    First,
    /// If the newest of the algorithm was published at least so long ago.
    Older(Duration),
    /// Whatever there is.
    Now,
}

impl Due {
    fn is_due(self, newest: Option<&KeyRow>, now: Time) -> bool {
        match (self, newest) {
            (Self::Now, _) | (Self::First, None) => true,
            (Self::First, Some(_)) | (Self::Older(_), None) => false,
            (Self::Older(age), Some(newest)) => newest.published_at.plus(age) <= now,
        }
    }
}

/// Makes a signing key, if that is due, and publishes it as the successor of the newest of its
/// algorithm. It signs after `tokens.key_lead`, and its predecessor stays published until the last
/// token it can have signed is dead. The first key of an algorithm signs at once: nothing was
/// signed with that algorithm before, and whoever does not know a key asks for it. Only the first
/// of `tokens.algorithm` on an installation that has keys waits: there is another one that signs
/// access tokens meanwhile, which everybody knows.
///
/// `Ok(None)`: it was not due, or another replica was faster, and its key is there now.
///
/// # Errors
/// [`KeyError`] when the store or the library fails.
pub async fn add_key(
    store: &dyn IdentityStore,
    sealer: &Sealer,
    tokens: &TokensSection,
    algorithm: Algorithm,
    due: Due,
    now: Time,
    event: impl FnOnce(&KeyRow) -> Event,
) -> Result<Option<KeyRow>, KeyError> {
    let rows = store.list_signing_keys(now).await?;
    // What is judged here is what the store is told to expect: of two replicas for which a key is
    // due, the second finds another one than it has judged.
    let newest = rows.iter().rev().find(|row| row.algorithm == algorithm);
    if !due.is_due(newest, now) {
        return Ok(None);
    }
    // RSA keys take a varying while to make.
    let key = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm))
        .await
        .map_err(|error| KeyError::Library(error.to_string()))?
        .map_err(|error| KeyError::Library(error.to_string()))?;
    // A clock that is behind makes no successor that is older than its predecessor.
    let published_at = newest.map_or(now, |newest| now.max(newest.published_at));
    let waits = newest.is_some() || (algorithm == tokens.algorithm && !rows.is_empty());
    let lead = if waits { Duration::from_secs(tokens.key_lead) } else { Duration::ZERO };
    let active_at = published_at.plus(lead);
    let longest = Duration::from_secs(tokens.access_ttl.max(tokens.id_ttl));
    let row = KeyRow {
        kid: key.kid().to_owned(),
        algorithm,
        sealed: sealer.seal(&sealed_name(key.kid()), key.to_der())?,
        public_jwk: serde_json::to_string(key.public_jwk())
            .map_err(|error| KeyError::Library(error.to_string()))?,
        published_at,
        active_at,
        expires_at: None,
    };
    let predecessor_end = newest.map(|_| active_at.plus(longest).plus(GRACE));
    let expected = newest.map(|row| row.kid.as_str());
    match store.add_signing_key(&row, expected, predecessor_end, &event(&row)).await? {
        KeyAdded::Added => Ok(Some(row)),
        KeyAdded::Raced => Ok(None),
    }
}

/// The event of a key that no command asked for.
#[must_use]
pub fn unasked(row: &KeyRow, now: Time) -> Event {
    Event {
        id: new_id(now),
        at: now,
        action: Action::KeyRotated,
        actor: None,
        user_id: None,
        site_key: None,
        client_id: None,
        ip: None,
        user_agent: None,
        request_id: None,
        details: json!({ "kid": row.kid, "algorithm": row.algorithm.as_str(), "by": "schedule" }),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::{data_dir::tests::Scratch, store::embedded::Embedded};

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    struct Ground {
        store: Arc<Embedded>,
        sealer: Sealer,
        tokens: TokensSection,
        _folder: Scratch,
    }

    impl Ground {
        fn new() -> Self {
            let folder = Scratch::new();
            Self {
                store: Embedded::open(&folder.0).unwrap(),
                sealer: Sealer::new(&[7; 32]).unwrap(),
                tokens: TokensSection::default(),
                _folder: folder,
            }
        }

        async fn add(&self, algorithm: Algorithm, due: Due, now: Time) -> Option<KeyRow> {
            let event = |row: &KeyRow| unasked(row, now);
            add_key(&*self.store, &self.sealer, &self.tokens, algorithm, due, now, event)
                .await
                .unwrap()
        }

        async fn ring(&self, now: Time) -> KeyRing {
            let ring = KeyRing::default();
            ring.load(&*self.store, &self.sealer, now).await.unwrap();
            ring
        }
    }

    #[tokio::test]
    async fn the_first_key_of_an_algorithm_signs_at_once_and_every_other_after_the_lead() {
        let ground = Ground::new();
        let start = Time::from_secs(1_000_000);
        let lead = Duration::from_secs(ground.tokens.key_lead);
        for algorithm in [Algorithm::ES256, Algorithm::EdDSA] {
            let first = ground.add(algorithm, Due::First, start).await.unwrap();
            assert_eq!(first.active_at, start);
        }
        let next = ground.add(Algorithm::ES256, Due::Now, start).await.unwrap();
        assert_eq!(next.active_at, start.plus(lead));
        let ring = ground.ring(start).await;
        for algorithm in [Algorithm::ES256, Algorithm::EdDSA] {
            assert_eq!(ring.signing(algorithm, start).unwrap().algorithm(), algorithm);
        }
        assert_eq!(ring.signing(Algorithm::ES256, start.plus(lead)).unwrap().kid(), next.kid);
    }

    #[tokio::test]
    async fn the_first_key_of_a_new_access_algorithm_waits_while_another_signs() {
        let mut ground = Ground::new();
        let start = Time::from_secs(1_000_000);
        let lead = Duration::from_secs(ground.tokens.key_lead);
        let old = ground.add(Algorithm::ES256, Due::First, start).await.unwrap();
        ground.tokens.algorithm = Algorithm::EdDSA;
        let next = ground.add(Algorithm::EdDSA, Due::First, start).await.unwrap();
        assert_eq!(next.active_at, start.plus(lead));
        let ring = ground.ring(start).await;
        let just_before = start.plus(lead).minus(Duration::from_millis(1));
        let signing = |now| ring.signing_access(Algorithm::EdDSA, now).unwrap();
        assert_eq!(signing(just_before).kid(), old.kid);
        assert_eq!(signing(start.plus(lead)).kid(), next.kid);
        // What has to be of one algorithm is of no other.
        let exact = ring.signing(Algorithm::EdDSA, just_before);
        assert!(matches!(exact, Err(KeyError::Missing)));
    }

    #[tokio::test]
    async fn the_document_that_is_sent_is_that_of_the_published_keys() {
        let ground = Ground::new();
        let now = Time::from_secs(1_000_000);
        assert!(KeyRing::default().document().is_empty());
        for algorithm in [Algorithm::ES256, Algorithm::EdDSA] {
            ground.add(algorithm, Due::First, now).await.unwrap();
            let ring = ground.ring(now).await;
            let sent: JwkSet = serde_json::from_slice(&ring.document()).unwrap();
            assert_eq!(sent, ring.published().to_jwks());
        }
        let remembered = KeyRing::remembering(&ground.ring(now).await.published().to_jwks());
        assert_eq!(remembered.document(), ground.ring(now).await.document());
    }

    #[tokio::test]
    async fn of_many_servers_one_makes_the_key_that_is_due() {
        let ground = Ground::new();
        let mut now = Time::from_secs(1_000_000);
        let age = Duration::from_secs(ground.tokens.key_rotation);
        for due in [Due::First, Due::Older(age), Due::Older(age), Due::First] {
            let tries = (0..16).map(|_| ground.add(Algorithm::ES256, due, now));
            let made = join_all(tries).await.into_iter().flatten().count();
            let wanted = usize::from(due != Due::First || now == Time::from_secs(1_000_000));
            assert_eq!(made, wanted, "{due:?}");
            now = now.plus(age);
        }
    }

    #[tokio::test]
    async fn a_key_is_due_at_its_age_and_never_where_that_is_left_to_commands() {
        let ground = Ground::new();
        let start = Time::from_secs(1_000_000);
        let mut tokens = ground.tokens.clone();
        tokens.key_rotation = DAY.as_secs();
        assert_eq!(
            ground.ring(start).await.due(&tokens, Algorithm::ES256, start),
            Some(Due::First)
        );
        ground.add(Algorithm::ES256, Due::First, start).await.unwrap();
        let ring = ground.ring(start).await;
        assert_eq!(
            ring.due(&tokens, Algorithm::ES256, start.plus(DAY).minus(Duration::from_millis(1))),
            None
        );
        assert_eq!(ring.due(&tokens, Algorithm::ES256, start.plus(DAY)), Some(Due::Older(DAY)));
        tokens.key_rotation = 0;
        assert_eq!(ring.due(&tokens, Algorithm::ES256, start.plus(1000 * DAY)), None);
        assert_eq!(ring.due(&tokens, Algorithm::EdDSA, start), Some(Due::First));
    }

    #[tokio::test]
    async fn a_clock_that_is_behind_still_makes_the_newest_key() {
        let ground = Ground::new();
        let now = Time::from_secs(1_000_000);
        ground.add(Algorithm::ES256, Due::First, now).await.unwrap();
        let second = ground.add(Algorithm::ES256, Due::Now, now).await.unwrap();
        let behind = now.minus(Duration::from_secs(5));
        let third = ground.add(Algorithm::ES256, Due::Now, behind).await.unwrap();
        assert!(third.active_at >= second.active_at);
        let later = now.plus(DAY);
        let ring = ground.ring(later).await;
        assert_eq!(ring.signing(Algorithm::ES256, later).unwrap().kid(), third.kid);
        assert!(ground.add(Algorithm::ES256, Due::Now, later).await.is_some());
    }

    #[tokio::test]
    async fn what_was_read_too_long_ago_is_not_current() {
        let ground = Ground::new();
        let now = Time::from_secs(1_000_000);
        let lead = Duration::from_secs(600);
        assert!(!KeyRing::default().is_current(lead, now));
        let ring = ground.ring(now).await;
        assert!(ring.is_current(lead, now.plus(lead)));
        assert!(!ring.is_current(lead, now.plus(lead).plus(Duration::from_millis(1))));
    }
}
