//! A pingora service whose sockets are bound before it starts.
//!
//! pingora binds in the background, tries again for half a minute and panics at last. An address
//! that is taken must be an error of [`start`](crate::start) instead, and port 0 must be known to
//! the caller.

use std::{
    net::{SocketAddr, TcpListener},
    os::fd::IntoRawFd,
};

use async_trait::async_trait;
use pingora::{
    apps::ServerApp,
    server::{ListenFds, ShutdownWatch},
    services::listening::Service,
};
use tokio::sync::watch;

use crate::EdgeError;

/// A service and its sockets.
pub struct Bound<A> {
    service: Service<A>,
    sockets: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    closed: watch::Sender<usize>,
}

impl<A> Bound<A> {
    /// Binds `addresses`, which come from `setting`. `closed` counts the services that have
    /// closed their sockets again.
    ///
    /// # Errors
    /// [`EdgeError::Listen`].
    pub fn bind(
        mut service: Service<A>,
        addresses: &[SocketAddr],
        setting: &'static str,
        closed: watch::Sender<usize>,
    ) -> Result<Self, EdgeError> {
        let mut sockets = Vec::new();
        let mut actual = Vec::new();
        for &address in addresses {
            let failed = |source| EdgeError::Listen { address, setting, source };
            let socket = TcpListener::bind(address).map_err(failed)?;
            socket.set_nonblocking(true).map_err(failed)?;
            let address = socket.local_addr().map_err(failed)?;
            service.add_tcp(&address.to_string());
            actual.push(address);
            sockets.push(socket);
        }
        Ok(Self { service, sockets, addresses: actual, closed })
    }

    /// The addresses that were bound.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

#[async_trait]
impl<A: ServerApp + Send + Sync + 'static> pingora::services::Service for Bound<A> {
    async fn start_service(
        &mut self,
        fds: Option<ListenFds>,
        shutdown: ShutdownWatch,
        listeners_per_fd: usize,
    ) {
        if let Some(fds) = &fds {
            // pingora takes sockets over from this table, as it does in a graceful upgrade.
            let mut table = fds.lock();
            for (socket, address) in self.sockets.drain(..).zip(&self.addresses) {
                table.add(address.to_string(), socket.into_raw_fd());
            }
        }
        self.service.start_service(fds, shutdown, listeners_per_fd).await;
        self.closed.send_modify(|closed| *closed += 1);
    }

    fn name(&self) -> &str {
        self.service.name()
    }

    fn threads(&self) -> Option<usize> {
        self.service.threads()
    }

    fn listen_addresses(&self) -> Option<Vec<String>> {
        self.service.listen_addresses()
    }
}
