//! What an edge tells the server besides how far it is: the public half of its key, and what it
//! refused. No request waits for it, and nothing is decided by it.

use std::{sync::Arc, time::Duration};

use jwks::key_set::JwkSet;
use reqwest::{Client, Response, StatusCode};
use tokio::time::{Instant, sleep, sleep_until};

use crate::{assertion::Assertions, config::EdgeConfig, refusals::Refusals};

const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(5);
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

/// The way to the server.
pub struct Teller {
    client: Client,
    server: String,
    credential: String,
    assertions: Arc<Assertions>,
    refusals: Arc<Refusals>,
}

impl Teller {
    /// The way to the server whose feed is followed.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn new(
        config: &EdgeConfig,
        assertions: Arc<Assertions>,
        refusals: Arc<Refusals>,
    ) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .build()?;
        Ok(Self {
            client,
            server: config.server_url.as_str().trim_end_matches('/').to_owned(),
            credential: config.credential.clone(),
            assertions,
            refusals,
        })
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
        self.post("/feed/keys", key).await?.json().await
    }

    async fn deliver(&self) {
        loop {
            self.refusals.next().await;
            sleep(GATHER).await;
            let batch = self.refusals.take(BATCH);
            let Ok(text) = serde_json::to_string(&batch) else { continue };
            if let Err(error) = self.post("/feed/refusals", text).await {
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

    async fn post(&self, path: &str, body: String) -> Result<Response, reqwest::Error> {
        let request = self.client.post(format!("{}{path}", self.server));
        let request = request.bearer_auth(&self.credential);
        let request = request.header("content-type", "application/json").body(body);
        request
            .send()
            .await
            .and_then(Response::error_for_status)
            .map_err(reqwest::Error::without_url)
    }
}
