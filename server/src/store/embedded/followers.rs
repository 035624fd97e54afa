//! The edges that follow the feed. In memory alone: there is one server, and no edge follows a server that
//! is not there.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use jwks::Time;

use crate::domain::edge::Follower;

/// By name.
#[derive(Default)]
pub(super) struct Followers(Mutex<BTreeMap<String, Follower>>);

impl Followers {
    /// Notes some, and forgets those that do not follow any more.
    pub(super) fn note(&self, followers: &[Follower], now: Time) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, follower| follower.until > now);
        for follower in followers {
            held.entry(follower.name.clone())
                .and_modify(|held| {
                    held.acknowledged = held.acknowledged.max(follower.acknowledged);
                    held.until = held.until.max(follower.until);
                })
                .or_insert_with(|| follower.clone());
        }
    }

    /// Those that follow at `now`.
    pub(super) fn list(&self, now: Time) -> Vec<Follower> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.values().filter(|follower| follower.until > now).cloned().collect()
    }
}
