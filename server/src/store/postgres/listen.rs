//! Hearing of the feed's growth, whoever wrote to it: by notice on a connection of its own, and,
//! should a notice be lost, by asking for the head each second.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_postgres::Client;

use super::{ACT_LIMIT, journal::CHANNEL, server::Server, unavailable};
use crate::store::StoreResult;

/// How long after the head was asked for it is asked for again.
const POLL: Duration = Duration::from_secs(1);
/// How long to wait before connecting again, at first and at most.
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(1);

/// Bumps `grown` whenever the feed may have grown, until the task is aborted.
pub(super) async fn follow(server: Server, grown: watch::Sender<u64>) {
    let mut delay = FIRST_DELAY;
    loop {
        let heard = grown.clone();
        let on_notice = move || heard.send_modify(|times| *times += 1);
        match server.connect(on_notice).await {
            Ok(client) => {
                delay = FIRST_DELAY;
                if let Err(error) = listen(&client, &grown).await {
                    tracing::warn!(%error, "lost the connection that hears of the feed");
                }
            }
            Err(error) => tracing::debug!(%error, "cannot hear of the feed yet"),
        }
        sleep(delay).await;
        delay = (2 * delay).min(LONGEST_DELAY);
    }
}

/// Listens until the connection fails.
async fn listen(client: &Client, grown: &watch::Sender<u64>) -> StoreResult<()> {
    within_limit(async { Ok(client.batch_execute(&format!("LISTEN {CHANNEL}")).await?) }).await?;
    let mut known = None;
    loop {
        let head = within_limit(async {
            let row = client.query_one("SELECT epoch, feed_seq FROM head", &[]).await?;
            Ok((row.try_get::<_, String>(0)?, row.try_get::<_, i64>(1)?))
        })
        .await?;
        // The first head of a connection counts as growth: what came before it was not heard.
        if known.as_ref() != Some(&head) {
            known = Some(head);
            grown.send_modify(|times| *times += 1);
        }
        sleep(POLL).await;
    }
}

async fn within_limit<T>(asking: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
    timeout(ACT_LIMIT, asking).await.unwrap_or_else(|_| Err(unavailable("no answer in time")))
}
