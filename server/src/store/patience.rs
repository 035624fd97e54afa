//! How long one request may wait for its stores in all. Each act has a limit of its own; a store
//! that answers each of many acts just within it would still hold a request up for half a minute.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// What a request may spend waiting for stores. What is left to do then fails as it does when the
/// store is away.
const PATIENCE: Duration = Duration::from_secs(4);

tokio::task_local! {
    static LEFT: Cell<Duration>;
}

/// Answers a request that waits for its stores no longer than is reasonable. What runs outside
/// (commands, the feed, the work between requests) waits as long as its acts may.
pub async fn bounded<T>(request: impl Future<Output = T>) -> T {
    LEFT.scope(Cell::new(PATIENCE), request).await
}

/// Begins to wait for an act that may take `limit`.
pub(super) fn wait(limit: Duration) -> Wait {
    let left = LEFT.try_with(Cell::get).unwrap_or(Duration::MAX);
    Wait { began: Instant::now(), limit: limit.min(left) }
}

/// The time of one act, taken from the request's when it is over.
pub(super) struct Wait {
    began: Instant,
    limit: Duration,
}

impl Wait {
    /// How long this act may take.
    pub(super) const fn limit(&self) -> Duration {
        self.limit
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        // Outside of a request there is nothing to take it from.
        let _outside =
            LEFT.try_with(|left| left.set(left.get().saturating_sub(self.began.elapsed())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn acts_of_one_request_share_its_patience() {
        let long = Duration::from_secs(60);
        assert_eq!(wait(long).limit(), long);
        bounded(async {
            assert_eq!(wait(Duration::from_secs(1)).limit(), Duration::from_secs(1));
            let first = wait(long);
            assert!(first.limit() <= PATIENCE);
            std::thread::sleep(Duration::from_millis(20));
            drop(first);
            assert!(wait(long).limit() <= PATIENCE - Duration::from_millis(20));
        })
        .await;
        bounded(async { assert!(wait(long).limit() > PATIENCE - Duration::from_millis(10)) }).await;
    }
}
