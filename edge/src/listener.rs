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

use crate::{EdgeError, connection::Door};

/// A service and its sockets.
pub struct Bound<A> {
    service: Service<A>,
    sockets: Sockets,
    closed: watch::Sender<bool>,
}

/// Sockets, each with the address that it listens at.
type Sockets = Vec<(SocketAddr, TcpListener)>;

/// Binds each address, which comes from the setting beside it; gives the sockets, and the actual
/// addresses with what each is for.
///
/// # Errors
/// [`EdgeError::Listen`].
pub fn bind(
    places: &[(SocketAddr, &'static str, Door)],
) -> Result<(Sockets, Vec<(SocketAddr, Door)>), EdgeError> {
    let (mut sockets, mut bound) = (Vec::new(), Vec::new());
    for &(address, setting, door) in places {
        let failed = |source| EdgeError::Listen { address, setting, source };
        let socket = TcpListener::bind(address).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        sockets.push((address, socket));
        bound.push((address, door));
    }
    Ok((sockets, bound))
}

impl<A> Bound<A> {
    /// A service that listens with `sockets`. `closed` turns true when it has closed them again.
    #[must_use]
    pub fn new(mut service: Service<A>, sockets: Sockets, closed: watch::Sender<bool>) -> Self {
        for (address, _) in &sockets {
            service.add_tcp(&address.to_string());
        }
        Self { service, sockets, closed }
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
            for (address, socket) in self.sockets.drain(..) {
                table.add(address.to_string(), socket.into_raw_fd());
            }
        }
        self.service.start_service(fds, shutdown, listeners_per_fd).await;
        self.closed.send_replace(true);
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
