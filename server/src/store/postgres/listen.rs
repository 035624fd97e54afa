//! Hearing of the feed's growth, whoever wrote to it: by notice on a connection of its own, and,
//! should a notice be lost, by asking for the head each second.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::{sleep, timeout},
};
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls};

use super::{ACT_LIMIT, CONNECT_LIMIT, Server, journal::CHANNEL, unavailable};
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
        match connect(&server, &grown).await {
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

async fn connect(server: &Server, grown: &watch::Sender<u64>) -> StoreResult<Client> {
    let connecting = async {
        match server.tls.clone() {
            Some(tls) => {
                let (client, connection) = server.config.connect(tls).await?;
                tokio::spawn(hear(connection, grown.clone()));
                Ok(client)
            }
            None => {
                let (client, connection) = server.config.connect(NoTls).await?;
                tokio::spawn(hear(connection, grown.clone()));
                Ok(client)
            }
        }
    };
    timeout(CONNECT_LIMIT, connecting)
        .await
        .unwrap_or_else(|_| Err(unavailable("no connection in time")))
}

/// Drives a connection until it ends, as it does when its client is dropped.
async fn hear<S, T>(mut connection: Connection<S, T>, grown: watch::Sender<u64>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut messages = stream::poll_fn(|context| connection.poll_message(context));
    while let Some(Ok(message)) = messages.next().await {
        if matches!(message, AsyncMessage::Notification(_)) {
            grown.send_modify(|times| *times += 1);
        }
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
