//! What the commands do: each a few lines over the library.

pub mod data;
pub mod demo;
pub mod doctor;
pub mod edge;
pub mod ending;
pub mod failure;
pub mod routes;
pub mod server;
mod stores;
pub mod up;

use std::{
    fmt::Display,
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use tokio::net::TcpListener;

use self::failure::Failure;

/// How long what was asked before the end may take to be answered.
const GRACE: Duration = Duration::from_secs(3);

/// How a command ends.
pub type Outcome = Result<(), Failure>;

/// Prints a line for whoever started the command.
pub fn say(line: impl Display) -> Outcome {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        // Whoever has stopped reading wants no more.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::failed(error)),
        _ => Ok(()),
    }
}

async fn bind(setting: &str, flag: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::failed(format!("{setting}: {address}: {error} (choose another with {flag})"))
    })
}

/// Where a person on this machine reaches a listener.
fn local_address(listen: SocketAddr) -> String {
    if listen.ip().is_loopback() || listen.ip().is_unspecified() {
        format!("http://localhost:{}", listen.port())
    } else {
        format!("http://{listen}")
    }
}
