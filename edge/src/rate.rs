//! How often somebody may ask: one clock for each that is limited, in bounded memory.
//!
//! Each limit is the generic cell rate algorithm: all that is kept is the instant at which
//! everything taken so far would have come at an even pace. A full minute's worth may be taken at
//! once, and then one more whenever its time has come.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use jwks::{Time, policy::Limits, who::Who};

use crate::limits::network;

/// What may be taken at once: a minute's worth.
const WINDOW_MICROS: u64 = 60_000_000;
const SHARDS: usize = 16;
/// How many clocks a shard keeps of late, and as many from before: with 24 bytes each and the
/// map's own, some 50 MB at the most.
const KEPT: usize = 65_536;

/// All clocks of an edge.
pub struct Rates {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
}

/// Clocks that were asked lately, and those before them. What nobody has asked for that long is
/// forgotten, as though it had taken nothing.
#[derive(Default)]
struct Shard {
    young: HashMap<u64, u64>,
    old: HashMap<u64, u64>,
}

/// Who asks, for what.
pub struct Asker<'r> {
    /// The site.
    pub site_key: &'r str,
    /// What it allows.
    pub limits: Limits,
    /// The caller, where it has said who it is.
    pub who: Option<&'r Who>,
    /// The caller's address.
    pub address: IpAddr,
}

impl Default for Rates {
    fn default() -> Self {
        Self { shards: Default::default(), hasher: RandomState::new() }
    }
}

impl Rates {
    /// Takes one request; `Err`: too many have come, and one more is welcome in so many seconds.
    /// What is narrow is asked first, so that one caller's excess takes nothing from the others.
    ///
    /// # Errors
    /// The seconds to wait.
    pub fn take(&self, asker: &Asker<'_>, now: Time) -> Result<(), u64> {
        let Limits { site, person, key, network: from } = asker.limits;
        if !asker.limits.are_set() {
            return Ok(());
        }
        match asker.who {
            Some(who @ Who::ApiKey(held)) => {
                self.one(key, (asker.site_key, "key", held.record().id), now)?;
                self.one(person, (asker.site_key, "person", who.sub()), now)?;
            }
            Some(Who::Bearer(token)) if token.is_client() => {
                self.one(key, (asker.site_key, "client", token.client_id()), now)?;
            }
            Some(who) => self.one(person, (asker.site_key, "person", who.sub()), now)?,
            None => {}
        }
        self.one(from, (asker.site_key, network(asker.address)), now)?;
        self.one(site, asker.site_key, now)
    }

    fn one(&self, limit: u32, name: impl Hash, now: Time) -> Result<(), u64> {
        if limit == 0 {
            return Ok(());
        }
        let name = self.hasher.hash_one(name);
        let shard = &self.shards[usize::try_from(name % SHARDS as u64).unwrap_or(0)];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.take(name, WINDOW_MICROS / u64::from(limit), micros(now))
    }
}

impl Shard {
    /// One more of what comes every `pace` microseconds.
    fn take(&mut self, name: u64, pace: u64, now: u64) -> Result<(), u64> {
        let before = self.young.get(&name).or_else(|| self.old.get(&name)).copied();
        let next = before.unwrap_or(0).max(now) + pace;
        let ahead = next - now;
        if ahead > WINDOW_MICROS {
            return Err((ahead - WINDOW_MICROS).div_ceil(1_000_000));
        }
        if self.young.len() >= KEPT && !self.young.contains_key(&name) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name, next);
        Ok(())
    }
}

fn micros(now: Time) -> u64 {
    u64::try_from(now.millis()).unwrap_or(0).saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn taken(rates: &Rates, limits: Limits, address: &str, now: Time) -> Result<(), u64> {
        let address = address.parse().unwrap();
        rates.take(&Asker { site_key: "app", limits, who: None, address }, now)
    }

    #[test]
    fn a_minutes_worth_comes_at_once_and_then_one_at_a_time() {
        let (rates, start) = (Rates::default(), Time::from_secs(1_000_000));
        let limits = Limits { site: 3, ..Limits::default() };
        let take = |secs| taken(&rates, limits, "192.0.2.1", start.plus(Duration::from_secs(secs)));
        for _ in 0..3 {
            assert_eq!(take(0), Ok(()));
        }
        assert_eq!(take(0), Err(20));
        assert_eq!(take(19), Err(1));
        assert_eq!(take(20), Ok(()));
        assert_eq!(take(20), Err(20));
        for _ in 0..3 {
            assert_eq!(take(3600), Ok(()));
        }
        assert_eq!(take(3600), Err(20));
    }

    #[test]
    fn one_network_takes_nothing_from_another_nor_from_the_site() {
        let (rates, now) = (Rates::default(), Time::from_secs(1_000_000));
        let limits = Limits { site: 3, network: 1, ..Limits::default() };
        assert_eq!(taken(&rates, limits, "192.0.2.1", now), Ok(()));
        for _ in 0..10 {
            assert_eq!(taken(&rates, limits, "192.0.2.1", now), Err(60));
        }
        assert_eq!(taken(&rates, limits, "2001:db8::1", now), Ok(()));
        assert_eq!(taken(&rates, limits, "2001:db8::2", now), Err(60));
        assert_eq!(taken(&rates, limits, "192.0.2.2", now), Ok(()));
        assert_eq!(taken(&rates, limits, "192.0.2.3", now), Err(20), "the site has had its three");
    }

    #[test]
    fn nothing_is_limited_where_nothing_is_said() {
        let rates = Rates::default();
        for _ in 0..1000 {
            assert_eq!(taken(&rates, Limits::default(), "::1", Time::from_secs(1)), Ok(()));
        }
        assert!(rates.shards.iter().all(|shard| shard.lock().unwrap().young.is_empty()));
    }

    #[test]
    fn memory_is_bounded_and_the_latest_are_kept() {
        let mut shard = Shard::default();
        for name in 0..(3 * KEPT as u64) {
            shard.take(name, WINDOW_MICROS, 0).unwrap();
        }
        assert!(shard.young.len() + shard.old.len() <= 2 * KEPT);
        assert!(shard.take(3 * KEPT as u64 - 1, WINDOW_MICROS, 0).is_err());
        assert!(shard.take(0, WINDOW_MICROS, 0).is_ok());
    }
}
