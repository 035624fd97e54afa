//! API keys that the view does not hold: the server is asked for them when they are shown, and what it
//! says is kept for a minute. What ends a key comes over the feed, and counts here as it does there.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jwks::api_key::{HeldKey, KeyHolder};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{backchannel::Backchannel, limits::network};

/// How long an answer counts.
const KEPT: Duration = Duration::from_secs(60);
/// The most answers that are kept.
const MOST: usize = 10_000;
/// How many questions are under way at once.
const AT_ONCE: usize = 16;
/// Within a minute: questions about keys that are none, for callers from one network.
const MISSES: u32 = 30;

/// What is known of a key.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// This.
    Known(HeldKey),
    /// It is none.
    Nothing,
    /// The server was not there, or is asked too much.
    Away,
}

/// The keys that were looked up.
pub struct KeyLookup {
    backchannel: Arc<Backchannel>,
    kept: Mutex<Kept>,
    questions: Semaphore,
    /// Rises when the feed begins anew: what was asked before may be older than what it says.
    generation: AtomicU64,
}

#[derive(Default)]
struct Kept {
    answers: HashMap<Uuid, (Option<HeldKey>, Instant)>,
    misses: HashMap<IpAddr, (u32, Instant)>,
}

impl KeyLookup {
    /// Nothing yet.
    #[must_use]
    pub fn new(backchannel: Arc<Backchannel>) -> Self {
        Self {
            backchannel,
            kept: Mutex::default(),
            questions: Semaphore::new(AT_ONCE),
            generation: AtomicU64::new(0),
        }
    }

    /// What was said of this key lately. `None`: the server has to be asked.
    #[must_use]
    pub fn lately(&self, key: Uuid) -> Option<Option<HeldKey>> {
        let kept = self.kept();
        let (answer, at) = kept.answers.get(&key)?;
        (at.elapsed() < KEPT).then(|| answer.clone())
    }

    /// Asks the server of this key, for a caller at `peer`.
    pub async fn ask(&self, key: Uuid, peer: IpAddr) -> Lookup {
        if self.kept().has_missed_too_often(peer) {
            return Lookup::Away;
        }
        let Ok(_question) = self.questions.try_acquire() else {
            return Lookup::Away;
        };
        let generation = self.generation.load(Ordering::Acquire);
        let holder = match self.backchannel.key_holder(key).await {
            Ok(holder) => holder,
            Err(denied) => {
                tracing::warn!(%denied, "an API key was not looked up");
                return Lookup::Away;
            }
        };
        let held = holder.and_then(|holder| held(holder, key));
        let mut kept = self.kept();
        if held.is_none() {
            kept.note_miss(peer);
        }
        if self.generation.load(Ordering::Acquire) == generation {
            kept.put(key, held.clone());
        }
        held.map_or(Lookup::Nothing, Lookup::Known)
    }

    /// Forgets everything: the feed has begun anew.
    pub fn forget(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.kept().answers.clear();
    }

    /// No code of ours panics under the lock; if it did, the maps would still be whole.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn put(&mut self, key: Uuid, held: Option<HeldKey>) {
        if self.answers.len() >= MOST {
            self.answers.retain(|_, (_, at)| at.elapsed() < KEPT);
            if self.answers.len() >= MOST {
                self.answers.clear();
            }
        }
        self.answers.insert(key, (held, Instant::now()));
    }

    fn has_missed_too_often(&self, peer: IpAddr) -> bool {
        let missed = self.misses.get(&network(peer));
        missed.is_some_and(|(count, since)| *count >= MISSES && since.elapsed() < KEPT)
    }

    fn note_miss(&mut self, peer: IpAddr) {
        if self.misses.len() >= MOST {
            self.misses.retain(|_, (_, since)| since.elapsed() < KEPT);
        }
        let now = Instant::now();
        let (count, since) = self.misses.entry(network(peer)).or_insert((0, now));
        if since.elapsed() >= KEPT {
            (*count, *since) = (0, now);
        }
        *count += 1;
    }
}

fn held(holder: KeyHolder, key: Uuid) -> Option<HeldKey> {
    let place = holder.keys.iter().position(|record| record.id == key)?;
    HeldKey::new(Arc::new(holder), place)
}
