//! `signalbox serve`: the server, which answers though its stores may not yet.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use server::{
    admin, app::App, config::Config, control, courier, data_dir::DataDir, figures, http::listener,
    router::router, tls,
};
use tokio::{task::JoinHandle, time::sleep};

use super::{
    GRACE, Outcome, bind,
    ending::Ending,
    failure::Failure,
    say,
    stores::{Stores, assemble, is_embedded, take},
};

/// How long to wait before a store that does not answer is asked again.
const RETRY: Duration = Duration::from_millis(200);

/// A server that answers, though its stores may not yet.
pub struct Server {
    pub app: Arc<App>,
    stores: Stores,
    ending: Ending,
    serving: JoinHandle<()>,
    courier: OnceLock<JoinHandle<()>>,
}

impl Server {
    pub async fn start(
        mut config: Config,
        data: &DataDir,
        ending: Ending,
    ) -> Result<Self, Failure> {
        figures::install().map_err(Failure::failed)?;
        take(data, &config).await?;
        let listener = bind("server.listen", "--listen", config.server.listen).await?;
        config.server.listen = listener.local_addr().map_err(Failure::failed)?;
        let stores = Stores::open(&config, data)?;
        let embedded = is_embedded(&config);
        let app = assemble(config, data, &stores)?;
        if embedded {
            let socket = control::listen(data.path())
                .map_err(|error| Failure::failed(format!("--data: control socket: {error}")))?;
            let app = app.clone();
            tokio::spawn(control::serve(socket, move |command| {
                let app = app.clone();
                async move { admin::execute(&app, command).await.into() }
            }));
        }
        let tls = match (&app.config.server.tls_cert, &app.config.server.tls_key) {
            (Some(cert), Some(key)) => Some(tls::acceptor(cert, key).map_err(|problem| {
                Failure::failed(format!("{}: {}", problem.setting, problem.what))
            })?),
            _ => None,
        };
        tokio::spawn(figures::keep_up());
        let serving = tokio::spawn(listener::serve(
            listener,
            tls,
            router(app.clone()),
            ending.clone().asked(),
            GRACE,
        ));
        Ok(Self { app, stores, ending, serving, courier: OnceLock::new() })
    }

    /// Waits until the stores have answered and everything in them that a server needs is there;
    /// from then on keeps up with them.
    ///
    /// # Errors
    /// When a store is set up so that no server may start on it. Where it answers at once, nothing
    /// has been written then.
    pub async fn become_ready(&self) -> Outcome {
        let mut is_judged = self.judge().await?;
        while let Err(error) = self.prepare().await {
            tracing::warn!(error, "not ready, trying again");
            sleep(RETRY).await;
        }
        tokio::spawn(self.app.clone().keep_current());
        let courier = courier::work(self.app.clone(), self.ending.clone().asked());
        self.courier.get_or_init(|| tokio::spawn(courier));
        while !is_judged {
            sleep(RETRY).await;
            is_judged = self.judge().await?;
        }
        Ok(())
    }

    /// Waits, once the process was asked to end, until everything that was begun is done.
    pub async fn end(self) {
        drop(self.serving.await);
        if let Some(courier) = self.courier.into_inner() {
            drop(courier.await);
        }
    }

    /// Whether the stores have told how they are set up.
    async fn judge(&self) -> Result<bool, Failure> {
        match self.stores.judge().await {
            Ok(problems) if problems.is_empty() => Ok(true),
            Ok(problems) => Err(problems.into()),
            Err(error) => {
                tracing::warn!(%error, "not ready, trying again");
                Ok(false)
            }
        }
    }

    async fn prepare(&self) -> Result<(), String> {
        self.stores.migrate().await.map_err(|error| error.to_string())?;
        self.app.prepare().await.map_err(|error| error.to_string())
    }
}

pub async fn serve(config: Config, data: &Path) -> Outcome {
    let data = DataDir::open(data)?;
    let ending = Ending::listen().map_err(Failure::failed)?;
    let server = Server::start(config, &data, ending.clone()).await?;
    say(format!("server  {}", server.app.issuer))?;
    tokio::select! {
        () = ending.clone().asked() => {}
        ready = server.become_ready() => {
            ready?;
            tracing::info!("ready");
        }
    }
    server.end().await;
    Ok(())
}
