//! What an edge tells the server besides how far it is: the public half of its key, and what it
//! refused. No request waits for it, and nothing is decided by it.

use std::{sync::Arc, time::Duration};

use jwks::key_set::JwkSet;
use reqwest::StatusCode;
use tokio::time::{Instant, sleep, sleep_until};

use crate::{assertion::Assertions, backchannel::Backchannel, refusals::Refusals};

/// How often the keys of all edges are asked for.
const KEYS_EVERY: Duration = Duration::from_secs(30);
/// How long after a failure the server is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// Refusals go out together, and soon enough to be explained at once.
const GATHER: Duration = Duration::from_millis(200);
/// What a server says to a batch that it cannot read, now or later: it is of another version.
const NEVER: [StatusCode; 3] =
    [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::UNPROCESSABLE_ENTITY];
/// How many at once.
const BATCH: usize = 200;

/// Who tells it.
pub struct Teller {
    backchannel: Arc<Backchannel>,
    assertions: Arc<Assertions>,
    refusals: Arc<Refusals>,
}

impl Teller {
    /// Tells of these, by this way.
    pub const fn new(
        backchannel: Arc<Backchannel>,
        assertions: Arc<Assertions>,
        refusals: Arc<Refusals>,
    ) -> Self {
        Self { backchannel, assertions, refusals }
    }

    /// Tells, for as long as it is polled.
    pub async fn run(self) {
        tokio::join!(self.exchange_keys(), self.deliver());
    }

    async fn exchange_keys(&self) {
        let mut due = Instant::now();
        loop {
            sleep_until(due).await;
            match self.exchange().await {
                Ok(keys) => {
                    self.assertions.publish(keys);
                    due = Instant::now() + KEYS_EVERY;
                }
                Err(error) => {
                    tracing::debug!(%error, "the server did not take this edge's key");
                    due = Instant::now() + AGAIN;
                }
            }
        }
    }

    async fn exchange(&self) -> Result<JwkSet, reqwest::Error> {
        let key = self.assertions.public_jwk().to_string();
        self.backchannel.tell("/feed/keys", key).await?.json().await
    }

    async fn deliver(&self) {
        loop {
            self.refusals.next().await;
            sleep(GATHER).await;
            let batch = self.refusals.take(BATCH);
            let Ok(text) = serde_json::to_string(&batch) else { continue };
            if let Err(error) = self.backchannel.tell("/feed/refusals", text).await {
                if error.status().is_some_and(|status| NEVER.contains(&status)) {
                    tracing::warn!(%error, count = batch.len(), "refusals cannot be explained");
                    continue;
                }
                tracing::debug!(%error, "the server did not take what was refused");
                self.refusals.put_back(batch);
                sleep(AGAIN).await;
            }
        }
    }
}
