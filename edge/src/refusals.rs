//! What was refused and not yet told to the server: so many and no more, whatever comes.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jwks::record::Refused;
use tokio::sync::Notify;

/// How many are kept until the server takes them.
const KEPT: usize = 4096;

/// The refusals of one edge.
#[derive(Default)]
pub struct Refusals {
    waiting: Mutex<Waiting>,
    noted: Notify,
}

#[derive(Default)]
struct Waiting {
    /// Of somebody who may ask.
    known: VecDeque<Refused>,
    /// Of nobody that is known: dropped first.
    anonymous: VecDeque<Refused>,
}

impl Refusals {
    /// Keeps one. Where there are too many, the oldest of nobody goes, or else the oldest.
    pub fn note(&self, refused: Refused) {
        let mut waiting = self.waiting();
        let queue = waiting.queue(&refused);
        queue.push_back(refused);
        waiting.shrink();
        drop(waiting);
        self.noted.notify_one();
    }

    /// Waits for one.
    pub async fn next(&self) {
        loop {
            let noted = self.noted.notified();
            if !self.waiting().is_empty() {
                return;
            }
            noted.await;
        }
    }

    /// Takes the oldest out, `most` at most: those of somebody first.
    #[must_use]
    pub fn take(&self, most: usize) -> Vec<Refused> {
        let mut waiting = self.waiting();
        let known = most.min(waiting.known.len());
        let mut taken: Vec<Refused> = waiting.known.drain(..known).collect();
        let anonymous = (most - known).min(waiting.anonymous.len());
        taken.extend(waiting.anonymous.drain(..anonymous));
        taken
    }

    /// Puts back what nobody took.
    pub fn put_back(&self, refused: Vec<Refused>) {
        let mut waiting = self.waiting();
        for refused in refused.into_iter().rev() {
            let queue = waiting.queue(&refused);
            queue.push_front(refused);
        }
        waiting.shrink();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.known.is_empty() && self.anonymous.is_empty()
    }

    fn queue(&mut self, refused: &Refused) -> &mut VecDeque<Refused> {
        if refused.is_anonymous() { &mut self.anonymous } else { &mut self.known }
    }

    fn shrink(&mut self) {
        while self.known.len() + self.anonymous.len() > KEPT {
            if self.anonymous.pop_front().is_none() {
                self.known.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jwks::Time;
    use serde_json::json;

    use super::*;

    fn refused(id: usize, is_known: bool) -> Refused {
        let claims = json!({ "iss": "i", "sub": "s", "aud": "a", "exp": 1, "iat": 1, "jti": "j",
            "client_id": "c" });
        let presented = match is_known {
            true => json!({ "kind": "bearer", "of": { "token": "good", "is": claims } }),
            false => json!({ "kind": "nothing" }),
        };
        let facts = json!({
            "host": "app.test", "method": "GET", "path": { "Ok": "/" }, "peer": "192.0.2.1",
            "presented": presented, "navigation": false, "view_confirmed_at": 0,
        });
        Refused {
            id: id.to_string(),
            at: Time::from_millis(0),
            site_key: None,
            site_version: None,
            status: 403,
            reason: "not_allowed".into(),
            facts: Some(serde_json::from_value(facts).unwrap()),
        }
    }

    fn ids(refused: &[Refused]) -> Vec<&str> {
        refused.iter().map(|one| one.id.as_str()).collect()
    }

    #[test]
    fn a_flood_of_nobody_drives_nobody_out_that_may_ask() {
        let refusals = Refusals::default();
        refusals.note(refused(0, true));
        for id in 1..=2 * KEPT {
            refusals.note(refused(id, false));
        }
        let all = refusals.take(usize::MAX);
        assert_eq!(all.len(), KEPT);
        assert_eq!(
            (all[0].id.as_str(), all[1].id.as_str()),
            ("0", (KEPT + 2).to_string().as_str())
        );
        assert!(refusals.take(1).is_empty());
    }

    #[test]
    fn the_oldest_goes_where_all_may_ask() {
        let refusals = Refusals::default();
        for id in 0..=KEPT {
            refusals.note(refused(id, true));
        }
        assert_eq!(ids(&refusals.take(1)), ["1"]);
    }

    #[test]
    fn what_nobody_took_comes_again_in_its_order() {
        let refusals = Refusals::default();
        for id in 0..3 {
            refusals.note(refused(id, id == 2));
        }
        let taken = refusals.take(2);
        assert_eq!(ids(&taken), ["2", "0"]);
        refusals.put_back(taken);
        assert_eq!(ids(&refusals.take(3)), ["2", "0", "1"]);
    }
}
