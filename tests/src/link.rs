//! A connection to a store that can be cut, silenced or slowed, without touching the store.

use std::{
    collections::VecDeque,
    net::{SocketAddr, TcpListener as StdListener},
    sync::LazyLock,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime::{Builder, Runtime},
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::world::free_port;

/// How the way to a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Each direction takes this long.
    Open(Duration),
    /// Connections are reset and refused.
    Cut,
    /// Connections and bytes are taken, and nothing comes back.
    Silent,
}

/// A port on loopback behind which another address is reached, for as long as the way is open.
pub struct Link {
    port: u16,
    way: watch::Sender<Way>,
}

impl Link {
    /// A link to `target`, which is open. It lasts as long as the process.
    ///
    /// # Panics
    /// When no port can be had.
    #[must_use]
    pub fn to(target: SocketAddr) -> Self {
        // A port that was free may be somebody's by now; then another one.
        let (port, listener) = (0..20)
            .map(|_| free_port())
            .find_map(|port| Some((port, StdListener::bind(("127.0.0.1", port)).ok()?)))
            .unwrap();
        listener.set_nonblocking(true).unwrap();
        let (way, seen) = watch::channel(Way::Open(Duration::ZERO));
        runtime().spawn(accept(listener, target, seen));
        Self { port, way }
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Resets every connection, and refuses new ones.
    pub fn cut(&self) {
        self.way.send_replace(Way::Cut);
    }

    /// Takes connections and bytes, and lets nothing through. A connection on which it has
    /// swallowed something never speaks again.
    pub fn silence(&self) {
        self.way.send_replace(Way::Silent);
    }

    /// Lets everything through, `delay` later; in each direction.
    pub fn slow_down(&self, delay: Duration) {
        self.way.send_replace(Way::Open(delay));
    }

    /// Lets everything through at once.
    pub fn mend(&self) {
        self.slow_down(Duration::ZERO);
    }
}

/// A test's own runtime ends with the test, before its world does.
fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
    });
    &RUNTIME
}

async fn accept(listener: StdListener, target: SocketAddr, mut way: watch::Receiver<Way>) {
    let address = listener.local_addr().unwrap();
    let mut open = Some(TcpListener::from_std(listener).unwrap());
    loop {
        let listener = match open.take() {
            Some(listener) => listener,
            None => TcpListener::bind(address).await.unwrap(),
        };
        loop {
            tokio::select! {
                cut = is(&mut way, Way::Cut) => {
                    if !cut {
                        return;
                    }
                    break;
                }
                accepted = listener.accept() => {
                    // A caller that has gone again is no reason to stop.
                    if let Ok((near, _)) = accepted {
                        tokio::spawn(join(near, target, way.clone()));
                    }
                }
            }
        }
        // Without a listener the system refuses.
        drop(listener);
        if way.wait_for(|way| *way != Way::Cut).await.is_err() {
            return;
        }
    }
}

/// Waits until the way is `wanted`. `false`: the link is gone.
async fn is(way: &mut watch::Receiver<Way>, wanted: Way) -> bool {
    way.wait_for(|way| *way == wanted).await.is_ok()
}

/// Carries one connection, until either side ends it or the way is cut.
async fn join(near: TcpStream, target: SocketAddr, mut way: watch::Receiver<Way>) {
    let Ok(far) = TcpStream::connect(target).await else {
        drop(near.set_zero_linger());
        return;
    };
    drop((near.set_nodelay(true), far.set_nodelay(true)));
    // Whoever is cut off is told so at once, and not asked to wait for the other side.
    drop((near.set_zero_linger(), far.set_zero_linger()));
    let (from_near, to_near) = near.into_split();
    let (from_far, to_far) = far.into_split();
    let (there, back) = (way.clone(), way.clone());
    tokio::select! {
        () = carry(from_near, to_far, there) => {}
        () = carry(from_far, to_near, back) => {}
        _ = is(&mut way, Way::Cut) => {}
    }
}

/// Carries one direction.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: watch::Receiver<Way>) {
    let mut bytes = vec![0; 16 * 1024];
    let mut under_way: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
    loop {
        let due = under_way.front().map(|(due, _)| *due);
        tokio::select! {
            () = at(due) => {
                let Some((_, bytes)) = under_way.pop_front() else { continue };
                if to.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            read = from.read(&mut bytes) => {
                let Ok(count @ 1..) = read else { return };
                let now = *way.borrow();
                match now {
                    Way::Open(Duration::ZERO) if under_way.is_empty() => {
                        if to.write_all(&bytes[..count]).await.is_err() {
                            return;
                        }
                    }
                    Way::Open(delay) => {
                        under_way.push_back((Instant::now() + delay, bytes[..count].to_vec()));
                    }
                    Way::Cut => return,
                    Way::Silent => {
                        // Read on, so that the sender is never held up, and never speak again.
                        while let Ok(1..) = from.read(&mut bytes).await {}
                        return;
                    }
                }
            }
        }
    }
}

/// Waits for an instant; for ever where there is none.
async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
