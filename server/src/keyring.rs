//! The issuer's signing keys in memory, brought up to date from the store.
//!
//! The life of a key is a matter of the times in its row: published when it is written, signing
//! from `active_at`, gone after `expires_at`. A rotation is therefore one write, which two
//! replicas or a kill -9 can neither halve nor double.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
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

/// How long a replaced key stays published beyond the life of the last token it can have signed.
const GRACE: Duration = Duration::from_secs(60);

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
    /// No key of that algorithm signs yet.
    #[error("no {0} key is active")]
    Missing(Algorithm),
}

struct Loaded {
    row: KeyRow,
    key: Arc<SigningKey>,
}

#[derive(Default)]
struct Ring {
    keys: Vec<Loaded>,
    published: Arc<KeySet>,
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
        Self { ring: ArcSwap::from_pointee(Ring { keys: Vec::new(), published }) }
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
        let published = if held.published.to_jwks() == jwks {
            held.published.clone()
        } else {
            Arc::new(KeySet::from_jwks(&jwks))
        };
        self.ring.store(Arc::new(Ring { keys, published }));
        Ok(())
    }

    /// The public keys, as they are published.
    #[must_use]
    pub fn published(&self) -> Arc<KeySet> {
        self.ring.load().published.clone()
    }

    /// The key that signs with `algorithm` at `now`: the newest that is active.
    ///
    /// # Errors
    /// [`KeyError::Missing`] when there is none.
    pub fn signing(&self, algorithm: Algorithm, now: Time) -> Result<Arc<SigningKey>, KeyError> {
        self.ring
            .load()
            .keys
            .iter()
            .rev()
            .find(|loaded| loaded.row.algorithm == algorithm && loaded.row.active_at <= now)
            .map(|loaded| loaded.key.clone())
            .ok_or(KeyError::Missing(algorithm))
    }

    /// Whether there is a key that signs with `algorithm` at `now`.
    #[must_use]
    pub fn is_ready(&self, algorithm: Algorithm, now: Time) -> bool {
        self.signing(algorithm, now).is_ok()
    }
}

fn sealed_name(kid: &str) -> String {
    format!("signing-key:{kid}")
}

fn open(sealer: &Sealer, row: &KeyRow) -> Result<SigningKey, KeyError> {
    let der = sealer.open(&sealed_name(&row.kid), &row.sealed)?;
    SigningKey::from_der(row.algorithm, &der).map_err(|error| KeyError::Library(error.to_string()))
}

/// Makes a signing key and publishes it as the successor of the newest of its algorithm. A first
/// key signs at once; a successor after `tokens.key_lead`, and its predecessor stays published
/// until the last token it can have signed is dead.
///
/// `Ok(None)`: another replica was faster, and its key is there now.
///
/// # Errors
/// [`KeyError`] when the store or the library fails.
pub async fn add_key(
    store: &dyn IdentityStore,
    sealer: &Sealer,
    tokens: &TokensSection,
    algorithm: Algorithm,
    now: Time,
    event: impl FnOnce(&KeyRow) -> Event,
) -> Result<Option<KeyRow>, KeyError> {
    // RSA keys take a varying while to make.
    let key = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm))
        .await
        .map_err(|error| KeyError::Library(error.to_string()))?
        .map_err(|error| KeyError::Library(error.to_string()))?;
    let rows = store.list_signing_keys(now).await?;
    let newest = rows.iter().rev().find(|row| row.algorithm == algorithm);
    let active_at = match newest {
        None => now,
        Some(_) => now.plus(Duration::from_secs(tokens.key_lead)),
    };
    let longest = Duration::from_secs(tokens.access_ttl.max(tokens.id_ttl));
    let row = KeyRow {
        kid: key.kid().to_owned(),
        algorithm,
        sealed: sealer.seal(&sealed_name(key.kid()), key.to_der())?,
        public_jwk: serde_json::to_string(key.public_jwk())
            .map_err(|error| KeyError::Library(error.to_string()))?,
        published_at: now,
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

/// Makes sure that there is a key of `algorithm`.
///
/// # Errors
/// [`KeyError`] when the store or the library fails.
pub async fn ensure_key(
    store: &dyn IdentityStore,
    sealer: &Sealer,
    tokens: &TokensSection,
    algorithm: Algorithm,
    now: Time,
) -> Result<(), KeyError> {
    let rows = store.list_signing_keys(now).await?;
    if rows.iter().any(|row| row.algorithm == algorithm) {
        return Ok(());
    }
    add_key(store, sealer, tokens, algorithm, now, |row| Event {
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
        details: json!({ "kid": row.kid, "algorithm": algorithm.as_str() }),
    })
    .await?;
    Ok(())
}
