//! How a process ends: SIGINT and SIGTERM ask for it, and a second one does not wait.

use std::{io, process};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Resolves when the process has been asked to end.
#[derive(Clone)]
pub struct Ending(watch::Receiver<bool>);

impl Ending {
    /// Listens to SIGINT and SIGTERM.
    ///
    /// # Errors
    /// When the system does not let a process listen.
    pub fn listen() -> io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let (ask, asked) = watch::channel(false);
        tokio::spawn(async move {
            let mut next = async || {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            };
            next().await;
            tracing::info!("ending");
            ask.send_replace(true);
            next().await;
            process::exit(1);
        });
        Ok(Self(asked))
    }

    /// Waits until the process has been asked to end.
    pub async fn asked(mut self) {
        // The sender lives as long as the process.
        drop(self.0.wait_for(|asked| *asked).await);
    }
}
