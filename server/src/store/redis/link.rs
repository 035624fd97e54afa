//! The connection: one, multiplexed, made when it is first needed and made anew when it is lost.
//!
//! The driver's own connection manager keeps a failed connection for good when the server
//! refused it with an answer ("max number of clients reached") instead of an I/O error; this one
//! asks again, and serves a cluster in the same way.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, IntoConnectionInfo, Pipeline,
    ProtocolVersion, PushInfo, PushKind, RedisError, RedisFuture, RedisResult, ScriptInvocation,
    ServerErrorKind, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
};
use tokio::{
    sync::{Mutex, watch},
    time::timeout,
};

use super::{LONGEST, broken, machine_time, ttl_millis, unavailable};
use crate::store::{StoreError, StoreResult, patience};

/// How long making a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
/// How long one answer may take.
const RESPONSE_LIMIT: Duration = Duration::from_millis(1500);
/// How long an act may take, waiting for a connection included.
const ACT_LIMIT: Duration = Duration::from_millis(2500);
/// How long a failure to connect answers for those that wait behind it, so that a crowd does not
/// try one after the other. Also the longest delay of a recovery.
const FAILURE_STANDS: Duration = Duration::from_millis(100);
/// A caller that goes away after waiting this long takes the connection with it: it may be silent
/// for good, and those that come next may not wait long enough to find out either.
const SUSPICIOUS: Duration = Duration::from_millis(500);

enum Target {
    Node(Box<Client>),
    Cluster(Box<ClusterClient>),
}

#[derive(Clone)]
enum Wire {
    Node(MultiplexedConnection),
    Cluster(ClusterConnection),
}

#[derive(Clone)]
struct Connection {
    wire: Wire,
    /// Set by whoever notices first: nobody takes the connection after that, and nobody waits on
    /// it any longer.
    lost: Arc<watch::Sender<bool>>,
}

impl Connection {
    fn is_lost(&self) -> bool {
        *self.lost.borrow()
    }

    fn give_up(&self) {
        self.lost.send_replace(true);
    }

    /// The answer to an act on this connection, unless that is found lost before it comes.
    async fn answer<T>(&self, act: impl Future<Output = RedisResult<T>>) -> StoreResult<T> {
        let mut waiting = Waiting { connection: self, since: Instant::now(), answered: false };
        let mut lost = self.lost.subscribe();
        tokio::select! {
            biased;
            answer = act => {
                waiting.answered = true;
                settle(self, answer)
            }
            _ = lost.wait_for(|lost| *lost) => Err(unavailable("the connection was lost")),
        }
    }
}

/// Gives a connection up that keeps silent until nobody waits any more: the driver tells only
/// those who wait for as long as it does.
struct Waiting<'a> {
    connection: &'a Connection,
    since: Instant,
    answered: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answered && self.since.elapsed() >= SUSPICIOUS {
            self.connection.give_up();
        }
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match &mut self.wire {
            Wire::Node(wire) => wire.req_packed_command(cmd),
            Wire::Cluster(wire) => wire.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match &mut self.wire {
            Wire::Node(wire) => wire.req_packed_commands(pipeline, offset, count),
            Wire::Cluster(wire) => wire.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match &self.wire {
            Wire::Node(wire) => wire.get_db(),
            Wire::Cluster(wire) => wire.get_db(),
        }
    }
}

#[derive(Default)]
struct State {
    connection: Option<Connection>,
    failure: Option<(Instant, String)>,
}

/// The way to Redis.
pub(super) struct Link {
    target: Target,
    memories: Vec<String>,
    state: Mutex<State>,
}

impl Link {
    /// The way to `url`. `memories`: keys that hold since when there is a memory; one that is not
    /// there when a connection is made begins then.
    pub(super) fn new(url: &str, memories: Vec<String>) -> StoreResult<Self> {
        // Needed by `rediss://` only. An error says that a provider is installed already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let target = if url.contains(',') {
            let seeds = url.split(',').map(str::trim).filter(|seed| !seed.is_empty());
            let client = ClusterClient::builder(seeds)
                .connection_timeout(CONNECT_LIMIT)
                .response_timeout(RESPONSE_LIMIT)
                .overall_response_timeout(Some(ACT_LIMIT))
                .retries(4)
                .build();
            Target::Cluster(Box::new(client.map_err(broken)?))
        } else {
            let info = url.trim().into_connection_info().map_err(broken)?;
            // Only with protocol 3 does the driver say that an idle connection was closed.
            let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
            let client = Client::open(info.set_redis_settings(settings)).map_err(broken)?;
            Target::Node(Box::new(client))
        };
        Ok(Self { target, memories, state: Mutex::default() })
    }

    /// The answer to one command.
    pub(super) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> StoreResult<T> {
        self.within_limit(async {
            let connection = self.connection().await?;
            connection.answer(command.query_async(&mut connection.clone())).await
        })
        .await
    }

    /// What a script gives.
    pub(super) async fn invoke<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> StoreResult<T> {
        self.within_limit(async {
            let connection = self.connection().await?;
            connection.answer(script.invoke_async(&mut connection.clone())).await
        })
        .await
    }

    async fn within_limit<T>(&self, act: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        let waiting = patience::wait(ACT_LIMIT);
        timeout(waiting.limit(), act)
            .await
            .unwrap_or_else(|_| Err(unavailable("no answer in time")))
    }

    async fn connection(&self) -> StoreResult<Connection> {
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection
            && !connection.is_lost()
        {
            return Ok(connection.clone());
        }
        if let Some((at, cause)) = &state.failure
            && at.elapsed() < FAILURE_STANDS
        {
            return Err(unavailable(cause));
        }
        let made = match timeout(CONNECT_LIMIT, self.connect()).await {
            Ok(made) => made.map_err(|error| error.to_string()),
            Err(_) => Err("no connection in time".to_owned()),
        };
        match made {
            Ok(connection) => {
                state.connection = Some(connection.clone());
                state.failure = None;
                Ok(connection)
            }
            Err(cause) => {
                state.connection = None;
                state.failure = Some((Instant::now(), cause.clone()));
                Err(unavailable(cause))
            }
        }
    }

    /// Whether the connection there was has been found lost.
    #[cfg(test)]
    pub(super) async fn is_lost(&self) -> bool {
        self.state.lock().await.connection.as_ref().is_some_and(Connection::is_lost)
    }

    async fn connect(&self) -> RedisResult<Connection> {
        let lost = Arc::new(watch::Sender::new(false));
        let wire = match &self.target {
            Target::Node(client) => {
                let noticed = Arc::clone(&lost);
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT_LIMIT))
                    .set_response_timeout(Some(RESPONSE_LIMIT))
                    .set_push_sender(move |push: PushInfo| -> Result<(), redis::aio::SendError> {
                        if push.kind == PushKind::Disconnection {
                            noticed.send_replace(true);
                        }
                        Ok(())
                    });
                Wire::Node(client.get_multiplexed_async_connection_with_config(&config).await?)
            }
            Target::Cluster(client) => Wire::Cluster(client.get_async_connection().await?),
        };
        let connection = Connection { wire, lost };
        self.begin_memories(&connection).await;
        Ok(connection)
    }

    /// Where this fails, a memory begins with the first thing that is to be remembered.
    async fn begin_memories(&self, connection: &Connection) {
        let (now, ttl) = (machine_time().millis(), ttl_millis(LONGEST));
        join_all(self.memories.iter().map(async |memory| {
            let mut begin = redis::cmd("SET");
            begin.arg(memory).arg(now).arg("NX").arg("PX").arg(ttl);
            let begun: RedisResult<Value> = begin.query_async(&mut connection.clone()).await;
            if let Err(error) = begun {
                tracing::debug!(%error, "a memory could not be begun");
            }
        }))
        .await;
    }
}

/// Gives up a connection that failed, and sorts the failure.
fn settle<T>(connection: &Connection, answer: RedisResult<T>) -> StoreResult<T> {
    answer.map_err(|error| {
        // What has become a replica says so to every write; the name may lead elsewhere by now.
        let demoted = error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly);
        if error.is_io_error() || error.is_unrecoverable_error() || demoted {
            connection.give_up();
        }
        failure(&error)
    })
}

fn failure(error: &RedisError) -> StoreError {
    use ServerErrorKind::{Ask, BusyLoading, ClusterDown, MasterDown, Moved, ReadOnly, TryAgain};
    let passes = match error.kind() {
        ErrorKind::Io | ErrorKind::AuthenticationFailed | ErrorKind::ClusterConnectionNotFound => {
            true
        }
        ErrorKind::Server(kind) => {
            matches!(
                kind,
                Ask | BusyLoading | ClusterDown | MasterDown | Moved | ReadOnly | TryAgain
            )
        }
        // Out of memory, disk full, a script that blocks, too few replicas, a password changed.
        _ => matches!(error.code(), Some("OOM" | "MISCONF" | "BUSY" | "NOREPLICAS" | "NOAUTH")),
    };
    if passes { unavailable(error) } else { broken(error) }
}
