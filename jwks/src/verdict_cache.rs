//! Verdicts on tokens already verified.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::digest::{SHA256, digest};

use crate::{
    Time,
    key_set::KeySet,
    verify::{MAX_TOKEN_BYTES, TokenError, VerifiedToken, verify_access_token},
};

/// Remembers good verdicts, so that a token's signature is checked once and not at every request.
///
/// Bounded: each shard keeps a young and an old generation; when the young one is full it becomes
/// the old one, and what nobody asked for since is gone. A verdict lives no longer than the keys
/// it was reached with, and its times are judged anew at each use. Failures are not remembered,
/// so that nobody can push good verdicts out with bad tokens.
pub struct VerdictCache {
    shards: Box<[Mutex<Shard>]>,
}

/// Enough that threads seldom meet; a power of two.
const SHARDS: usize = 32;

type TokenHash = [u8; 32];
type Generation = HashMap<TokenHash, Arc<VerifiedToken>, BuildHasherDefault<LeadingBytes>>;

struct Shard {
    /// How many verdicts a generation holds.
    capacity: usize,
    /// What the verdicts here were reached with.
    keys: Arc<KeySet>,
    issuer: Box<str>,
    young: Generation,
    old: Generation,
    hits: u64,
    misses: u64,
}

impl VerdictCache {
    /// A cache for about `capacity` verdicts, of roughly half a kilobyte each.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let shard = || {
            Mutex::new(Shard {
                capacity: capacity.div_ceil(2 * SHARDS).max(1),
                keys: Arc::default(),
                issuer: Box::default(),
                young: Generation::default(),
                old: Generation::default(),
                hits: 0,
                misses: 0,
            })
        };
        Self { shards: (0..SHARDS).map(|_| shard()).collect() }
    }

    /// As [`verify_access_token`], remembering what was found good with these very keys and
    /// issuer.
    ///
    /// # Errors
    /// As [`verify_access_token`].
    pub fn get_or_verify(
        &self,
        keys: &Arc<KeySet>,
        issuer: &str,
        token: &str,
        now: Time,
    ) -> Result<Arc<VerifiedToken>, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let hash = hash(token);
        let held = self.shard(&hash).get_counted(keys, issuer, &hash);
        if let Some(verified) = held {
            verified.check_times(now)?;
            return Ok(verified);
        }
        // The lock is free while the signature is checked.
        let verified = Arc::new(verify_access_token(keys, issuer, token, now)?);
        let retired = self.shard(&hash).put(keys, issuer, hash, verified.clone());
        // Freed here, where nobody waits for the lock.
        drop(retired);
        Ok(verified)
    }

    /// How many verdicts it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        let held = |shard: &Mutex<Shard>| {
            let shard = lock(shard);
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(held).sum()
    }

    /// How often it knew a token since it was made, and how often it did not.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        self.shards.iter().fold((0, 0), |(hits, misses), shard| {
            let shard = lock(shard);
            (hits + shard.hits, misses + shard.misses)
        })
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, hash: &TokenHash) -> MutexGuard<'_, Shard> {
        // The last byte: the maps within go by the first ones.
        lock(&self.shards[usize::from(hash[31]) % SHARDS])
    }
}

impl Shard {
    fn get_counted(
        &mut self,
        keys: &Arc<KeySet>,
        issuer: &str,
        hash: &TokenHash,
    ) -> Option<Arc<VerifiedToken>> {
        let held = self.get(keys, issuer, hash);
        if held.is_some() {
            self.hits += 1;
        } else {
            self.misses += 1;
        }
        held
    }

    fn get(
        &mut self,
        keys: &Arc<KeySet>,
        issuer: &str,
        hash: &TokenHash,
    ) -> Option<Arc<VerifiedToken>> {
        self.adopt(keys, issuer);
        if let Some(verified) = self.young.get(hash) {
            return Some(verified.clone());
        }
        let verified = self.old.remove(hash)?;
        self.insert(*hash, verified.clone());
        Some(verified)
    }

    /// Remembers a verdict; gives back what had to make room.
    fn put(
        &mut self,
        keys: &Arc<KeySet>,
        issuer: &str,
        hash: TokenHash,
        verified: Arc<VerifiedToken>,
    ) -> Generation {
        self.adopt(keys, issuer);
        self.insert(hash, verified)
    }

    /// From now on these keys and this issuer: a verdict reached with a key that is not among
    /// them is forgotten. Keys only added cost nobody anything.
    fn adopt(&mut self, keys: &Arc<KeySet>, issuer: &str) {
        if Arc::ptr_eq(&self.keys, keys) && *self.issuer == *issuer {
            return;
        }
        if *self.issuer != *issuer || !keys.includes(&self.keys) {
            self.young.clear();
            self.old.clear();
        }
        self.keys = keys.clone();
        self.issuer = issuer.into();
    }

    fn insert(&mut self, hash: TokenHash, verified: Arc<VerifiedToken>) -> Generation {
        let mut retired = Generation::default();
        if self.young.len() >= self.capacity {
            retired = mem::replace(&mut self.old, mem::take(&mut self.young));
        }
        self.young.insert(hash, verified);
        retired
    }
}

/// No code of ours panics under the lock; if it did, the maps would still be whole.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hash(token: &str) -> TokenHash {
    let mut hash = TokenHash::default();
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

/// The keys are SHA-256 values of tokens that somebody signed: nobody picks them, and hashing
/// them again would gain nothing.
#[derive(Default)]
struct LeadingBytes(u64);

impl Hasher for LeadingBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(leading) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*leading);
        }
    }

    /// The length of the array, which is always the same.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use jsonwebtoken::jwk::JwkSet;
    use serde_json::json;

    use super::*;
    use crate::{Algorithm, signing_key::SigningKey};

    const ISSUER: &str = "https://id.example";
    const IAT: i64 = 1_800_000_000;
    const NOW: Time = Time::from_secs(IAT);

    static KEY: LazyLock<SigningKey> =
        LazyLock::new(|| SigningKey::generate(Algorithm::EdDSA).unwrap());
    static OTHER: LazyLock<SigningKey> =
        LazyLock::new(|| SigningKey::generate(Algorithm::EdDSA).unwrap());

    fn keys_of(keys: &[&SigningKey]) -> Arc<KeySet> {
        let keys = keys.iter().map(|key| key.public_jwk().clone()).collect();
        Arc::new(KeySet::from_jwks(&JwkSet { keys }))
    }

    fn token(n: usize) -> String {
        let claims = json!({
            "iss": ISSUER, "sub": "u", "aud": "a", "exp": IAT + 60, "iat": IAT,
            "jti": format!("j{n}"), "client_id": "c",
        });
        KEY.sign("at+jwt", &claims).unwrap()
    }

    #[test]
    fn a_second_look_gives_the_verdict_of_the_first() {
        let (cache, keys, token) = (VerdictCache::new(100), keys_of(&[&KEY]), token(1));
        let first = cache.get_or_verify(&keys, ISSUER, &token, NOW).unwrap();
        let second = cache.get_or_verify(&keys, ISSUER, &token, NOW).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn times_are_judged_at_every_look() {
        let (cache, keys, token) = (VerdictCache::new(100), keys_of(&[&KEY]), token(1));
        cache.get_or_verify(&keys, ISSUER, &token, NOW).unwrap();
        let over = Time::from_secs(IAT + 70);
        let verdict = cache.get_or_verify(&keys, ISSUER, &token, over);
        assert_eq!(verdict, Err(TokenError::Expired));
    }

    #[test]
    fn a_verdict_dies_with_the_key_it_was_reached_with() {
        let (cache, token) = (VerdictCache::new(100), token(1));
        let both = keys_of(&[&KEY, &OTHER]);
        cache.get_or_verify(&both, ISSUER, &token, NOW).unwrap();
        let without = keys_of(&[&OTHER]);
        for _ in 0..2 {
            let verdict = cache.get_or_verify(&without, ISSUER, &token, NOW);
            assert_eq!(verdict, Err(TokenError::UnknownKey));
        }
        assert!(cache.is_empty());
        assert!(cache.get_or_verify(&both, ISSUER, &token, NOW).is_ok());
    }

    #[test]
    fn a_verdict_outlives_a_set_that_only_grows() {
        let (cache, token) = (VerdictCache::new(100), token(1));
        let first = cache.get_or_verify(&keys_of(&[&KEY]), ISSUER, &token, NOW).unwrap();
        let grown = keys_of(&[&OTHER, &KEY]);
        let second = cache.get_or_verify(&grown, ISSUER, &token, NOW).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn a_verdict_for_one_issuer_is_none_for_another() {
        let (cache, keys, token) = (VerdictCache::new(100), keys_of(&[&KEY]), token(1));
        cache.get_or_verify(&keys, ISSUER, &token, NOW).unwrap();
        let verdict = cache.get_or_verify(&keys, "https://else.example", &token, NOW);
        assert_eq!(verdict, Err(TokenError::WrongIssuer));
    }

    #[test]
    fn failures_are_not_remembered() {
        let (cache, keys, token) = (VerdictCache::new(100), keys_of(&[&KEY]), token(1));
        let early = Time::from_secs(IAT - 60);
        let verdict = cache.get_or_verify(&keys, ISSUER, &token, early);
        assert_eq!(verdict, Err(TokenError::NotYetValid));
        let broken = format!("{token}x");
        assert!(cache.get_or_verify(&keys, ISSUER, &broken, NOW).is_err());
        let huge = "x".repeat(MAX_TOKEN_BYTES + 1);
        let verdict = cache.get_or_verify(&keys, ISSUER, &huge, NOW);
        assert_eq!(verdict, Err(TokenError::Malformed));
        assert!(cache.is_empty());
        assert!(cache.get_or_verify(&keys, ISSUER, &token, NOW).is_ok());
    }

    #[test]
    fn a_hundred_thousand_tokens_take_no_more_room_than_was_given() {
        let capacity = 1000;
        let keys = keys_of(&[&KEY]);
        let cache = VerdictCache::new(capacity);
        let verified = cache.get_or_verify(&keys, ISSUER, &token(0), NOW).unwrap();
        for n in 0..100_000_usize {
            let hash = hash(&n.to_string());
            drop(cache.shard(&hash).put(&keys, ISSUER, hash, verified.clone()));
        }
        // Each shard rounds its part up, and turns over when it meets the next verdict.
        assert!(cache.len() <= capacity + 2 * SHARDS, "{}", cache.len());
        assert!(cache.len() >= capacity / 2, "{}", cache.len());
    }

    #[test]
    fn what_is_asked_for_stays_while_others_pass_through() {
        let keys = keys_of(&[&KEY]);
        let cache = VerdictCache::new(1000);
        let token = token(0);
        let verified = cache.get_or_verify(&keys, ISSUER, &token, NOW).unwrap();
        for n in 0..20_000_usize {
            let hash = hash(&n.to_string());
            drop(cache.shard(&hash).put(&keys, ISSUER, hash, verified.clone()));
            if n % 50 == 0 {
                let again = cache.get_or_verify(&keys, ISSUER, &token, NOW).unwrap();
                assert!(Arc::ptr_eq(&again, &verified));
            }
        }
    }

    #[test]
    fn many_threads_get_one_and_the_same_answer() {
        let (cache, keys) = (VerdictCache::new(64), keys_of(&[&KEY]));
        let tokens: Vec<String> = (0..100).map(token).collect();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for (n, token) in tokens.iter().enumerate() {
                        let verified = cache.get_or_verify(&keys, ISSUER, token, NOW).unwrap();
                        assert_eq!(verified.jti(), format!("j{n}"));
                    }
                });
            }
        });
        assert!(cache.len() <= 64 + 2 * SHARDS);
    }
}
