//! What a caller is told of the budgets they were counted in.
//!
//! Tries are counted deep in the use cases, and which of them a call meets depends on how far it
//! gets. So whoever serves a call puts a meter around it, and the throttle notes on it what it
//! counts; nobody in between has to know.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::store::sessions::Budget;

tokio::task_local! {
    static METER: Meter;
}

#[derive(Clone, Default)]
struct Meter(Arc<Mutex<Vec<Reading>>>);

/// What one budget has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    key: String,
    /// How many tries fit into its window.
    pub limit: u32,
    /// How many more fit now.
    pub remaining: u32,
    /// When one more fits at the latest, counted from now.
    pub reset: Duration,
}

/// Carries `work` out, and tells of the budgets it was counted in the one with the least left.
pub async fn metered<T>(work: impl Future<Output = T>) -> (T, Option<Reading>) {
    let meter = Meter::default();
    let done = METER.scope(meter.clone(), work).await;
    let readings = std::mem::take(&mut *meter.0.lock().unwrap_or_else(PoisonError::into_inner));
    (done, readings.into_iter().min_by_key(|reading| (reading.remaining, reading.limit)))
}

/// Notes what a budget has left after a try.
pub(super) fn note(key: &str, limit: u32, budget: Budget, reset: Duration) {
    let key = key.to_owned();
    let reading = Reading { key, limit, remaining: budget.remaining, reset };
    with_readings(|readings| readings.push(reading));
}

/// Gives a try back that was noted.
pub(super) fn take_back(key: &str) {
    with_readings(|readings| {
        for reading in readings.iter_mut().filter(|reading| reading.key == key) {
            reading.remaining = reading.remaining.saturating_add(1).min(reading.limit);
        }
    });
}

/// Work that nobody meters, such as an errand, is counted all the same.
fn with_readings(change: impl FnOnce(&mut Vec<Reading>)) {
    if let Ok(meter) = METER.try_with(Clone::clone) {
        change(&mut meter.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use jwks::Time;

    use super::*;

    fn count(key: &str, limit: u32, remaining: u32) {
        let budget = Budget { allowed: true, remaining, reset_at: Time::from_secs(1) };
        note(key, limit, budget, Duration::from_secs(60));
    }

    #[tokio::test]
    async fn the_tightest_budget_is_told_after_what_was_given_back() {
        let (done, tightest) = metered(async {
            count("network", 100, 57);
            count("account", 10, 3);
            7
        })
        .await;
        let tightest = tightest.unwrap();
        assert_eq!((done, tightest.limit, tightest.remaining), (7, 10, 3));
        let (_, tightest) = metered(async {
            count("account", 10, 9);
            take_back("account");
            take_back("other");
        })
        .await;
        assert_eq!(tightest.unwrap().remaining, 10);
        count("nobody's", 1, 0);
        assert_eq!(metered(async {}).await.1, None);
    }
}
