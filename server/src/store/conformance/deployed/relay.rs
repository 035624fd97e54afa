//! A relay before a real server, through which a test takes the server away and brings it back.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::AbortHandle,
};

/// How the server behind the relay looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looks {
    /// As it is.
    Well,
    /// It takes connections and bytes, and says nothing. A connection on which it once kept
    /// silent never speaks again.
    Hung,
    /// Connections are closed and refused.
    Away,
}

/// A relay on a port of its own.
pub(super) struct Relay {
    address: SocketAddr,
    looks: watch::Sender<Looks>,
    task: AbortHandle,
}

impl Relay {
    /// A relay to the server of a URL, which is well.
    pub(super) async fn to(url: &str, default_port: u16) -> Self {
        let url = url::Url::parse(url).unwrap();
        let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(default_port));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (looks, seen) = watch::channel(Looks::Well);
        let task = tokio::spawn(relay(listener, target, seen)).abort_handle();
        Self { address, looks, task }
    }

    /// Its port on 127.0.0.1.
    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on the server looks so.
    pub(super) fn look(&self, looks: Looks) {
        self.looks.send_replace(looks);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(listener: TcpListener, target: String, mut looks: watch::Receiver<Looks>) {
    let address = listener.local_addr().unwrap();
    let mut open = Some(listener);
    loop {
        let listener = match open.take() {
            Some(listener) => listener,
            None => TcpListener::bind(address).await.unwrap(),
        };
        loop {
            tokio::select! {
                gone = left_or(&mut looks, Looks::Away) => {
                    if gone {
                        return;
                    }
                    break;
                }
                accepted = listener.accept() => {
                    let (client, _) = accepted.unwrap();
                    tokio::spawn(carry(client, target.clone(), looks.clone()));
                }
            }
        }
        drop(listener);
        if looks.wait_for(|looks| *looks != Looks::Away).await.is_err() {
            return;
        }
    }
}

/// Waits until the server looks so. Whether nobody is left to say.
async fn left_or(seen: &mut watch::Receiver<Looks>, looks: Looks) -> bool {
    seen.wait_for(|seen| *seen == looks).await.is_err()
}

async fn carry(client: TcpStream, target: String, mut looks: watch::Receiver<Looks>) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (there, back) = (looks.clone(), looks.clone());
    tokio::select! {
        () = pump(from_client, to_server, there) => {}
        () = pump(from_server, to_client, back) => {}
        _ = looks.wait_for(|looks| *looks == Looks::Away) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, looks: watch::Receiver<Looks>) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if *looks.borrow() == Looks::Hung {
            return std::future::pending().await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
