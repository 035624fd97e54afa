//! When API keys were last used here, until the server has been told.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jwks::Time;
use uuid::Uuid;

/// How many keys a shard remembers while the server is away. Of others the use is not told.
const MOST: usize = 8192;
/// So many that callers with different keys seldom wait for one another.
const SHARDS: usize = 16;

/// The newest use of each key since the server was last told.
#[derive(Default)]
pub struct KeyUses {
    shards: [Mutex<HashMap<Uuid, Time>>; SHARDS],
}

impl KeyUses {
    /// Notes that this key was used at `now`.
    pub fn note(&self, key: Uuid, now: Time) {
        // The end of an id is random, whatever kind of UUID it is.
        let place = usize::from(key.as_bytes()[15]) % SHARDS;
        let mut noted = held(&self.shards[place]);
        if let Some(at) = noted.get_mut(&key) {
            *at = now.max(*at);
        } else if noted.len() < MOST {
            noted.insert(key, now);
        }
    }

    /// Takes out at most `most` of them, to tell the server.
    #[must_use]
    pub fn take(&self, most: usize) -> Vec<(Uuid, Time)> {
        let mut taken = Vec::new();
        for shard in &self.shards {
            let mut noted = held(shard);
            let keys: Vec<Uuid> = noted.keys().take(most - taken.len()).copied().collect();
            taken.extend(keys.into_iter().filter_map(|key| noted.remove_entry(&key)));
        }
        taken
    }

    /// Takes back what the server could not be told.
    pub fn put_back(&self, uses: &[(Uuid, Time)]) {
        for (key, at) in uses {
            self.note(*key, *at);
        }
    }
}

/// No code of ours panics under the lock; if it did, the map would still be whole.
fn held(shard: &Mutex<HashMap<Uuid, Time>>) -> MutexGuard<'_, HashMap<Uuid, Time>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_use_is_told_once_or_again_where_that_failed() {
        let (uses, key, other) = (KeyUses::default(), Uuid::from_u128(1), Uuid::from_u128(2));
        let at = Time::from_secs;
        uses.note(key, at(3));
        uses.note(key, at(2));
        uses.note(other, at(1));
        let mut taken = uses.take(10);
        taken.sort_unstable();
        assert_eq!(taken, [(key, at(3)), (other, at(1))]);
        assert!(uses.take(10).is_empty());
        uses.note(key, at(4));
        uses.put_back(&taken);
        assert_eq!(uses.take(1).len(), 1);
        assert_eq!(uses.take(1).len(), 1);
        uses.put_back(&taken);
        uses.note(other, at(5));
        let mut taken = uses.take(10);
        taken.sort_unstable();
        assert_eq!(taken, [(key, at(3)), (other, at(5))]);
    }
}
