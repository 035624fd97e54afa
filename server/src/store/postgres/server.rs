//! Where Postgres is and how it is spoken to.

use std::{str::FromStr, time::Duration};

use futures_util::{StreamExt, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{ACT_LIMIT, CONNECT_LIMIT, broken, unavailable};
use crate::store::StoreResult;

/// A server, with the user, the database and the manner of speaking.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) config: Config,
    pub(super) tls: Option<MakeRustlsConnect>,
}

impl Server {
    pub(super) fn new(url: &str) -> StoreResult<Self> {
        // The driver knows `require` alone, and leaves all checking to the TLS library, which
        // always checks everything.
        let url = url
            .replace("sslmode=verify-full", "sslmode=require")
            .replace("sslmode=verify-ca", "sslmode=require");
        let mut config = Config::from_str(&url).map_err(broken)?;
        let tls = match config.get_ssl_mode() {
            SslMode::Require => Some(verifying_tls()?),
            _ => None,
        };
        // The server ends by itself what this side has given up.
        let limit = ACT_LIMIT.as_millis();
        let options = format!(
            "{} -c statement_timeout={limit} -c idle_in_transaction_session_timeout={}",
            config.get_options().unwrap_or_default(),
            2 * limit
        );
        config
            .options(options.trim())
            .connect_timeout(CONNECT_LIMIT)
            .tcp_user_timeout(2 * CONNECT_LIMIT)
            .keepalives_idle(Duration::from_secs(30));
        if config.get_application_name().is_none() {
            config.application_name("signalbox");
        }
        Ok(Self { config, tls })
    }

    /// A connection beside the pool's. `on_notice` is called for each notice that arrives on it.
    pub(super) async fn connect(
        &self,
        on_notice: impl Fn() + Send + 'static,
    ) -> StoreResult<Client> {
        let connecting = async {
            match self.tls.clone() {
                Some(tls) => {
                    let (client, connection) = self.config.connect(tls).await?;
                    tokio::spawn(drive(connection, on_notice));
                    Ok(client)
                }
                None => {
                    let (client, connection) = self.config.connect(NoTls).await?;
                    tokio::spawn(drive(connection, on_notice));
                    Ok(client)
                }
            }
        };
        match timeout(CONNECT_LIMIT, connecting).await {
            Ok(made) => made.map_err(|error| unavailable(super::explain(&error))),
            Err(_) => Err(unavailable("no connection in time")),
        }
    }
}

fn verifying_tls() -> StoreResult<MakeRustlsConnect> {
    // An error says that a provider is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match MakeRustlsConnect::with_native_certs() {
        Ok((tls, unreadable)) => {
            for error in unreadable {
                tracing::warn!(%error, "a certificate of this machine cannot be read");
            }
            Ok(tls)
        }
        Err(errors) => Err(broken(format!("no certificates to check the server by: {errors:?}"))),
    }
}

/// Drives a connection until it ends, as it does when its client is dropped.
async fn drive<S, T>(mut connection: Connection<S, T>, on_notice: impl Fn())
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut messages = stream::poll_fn(|context| connection.poll_message(context));
    while let Some(Ok(message)) = messages.next().await {
        if matches!(message, AsyncMessage::Notification(_)) {
            on_notice();
        }
    }
}
