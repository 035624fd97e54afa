//! One downstream connection: let in, perhaps wrapped in TLS, then requests one after another, each
//! with a deadline for its head.
//!
//! pingora limits single reads, so a caller that sends a byte a minute keeps a connection for
//! ever. And it answers what it cannot parse before any hook of ours is asked. Both are mended
//! here, around its proxy: the stream notes when a head begins, and until pingora has read the
//! head, whatever it writes is a refusal and goes out in our words. On an HTTP/2 connection, which
//! pingora serves as a whole, the stream watches the frames instead.

use std::{
    collections::HashMap,
    future::poll_fn,
    io,
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use async_trait::async_trait;
use http::StatusCode;
use jwks::record::Refused;
use pingora::{
    apps::{HttpPersistentSettings, HttpServerApp, ServerApp},
    listeners::tls::Acceptor,
    protocols::{
        ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
        Stream, TimingDigest, UniqueID, UniqueIDType,
        http::ServerSession,
        raw_connect::ProxyDigest,
        tls::{SslDigest, TlsRef},
    },
    proxy::HttpProxy,
    server::ShutdownWatch,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, timeout},
};

use crate::{
    config::Clock,
    frames::Frames,
    limits::{Limits, Visitors},
    metrics,
    open::Cuttable,
    proxy::Edge,
    refusals::Refusals,
    reply,
};

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// HTTP/1.1.
    Plain,
    /// TLS, and in it HTTP/2 or HTTP/1.1.
    Tls,
    /// HTTP/1.1, sent on to https.
    Redirect,
}

/// The edge's way of serving a connection.
pub struct Connections {
    proxy: Arc<Cuttable>,
    /// What each port is for; [`Door::Plain`] where nothing is said.
    doors: HashMap<u16, Door>,
    tls: Option<Acceptor>,
    limits: Limits,
    visitors: Arc<Visitors>,
    unread: Arc<Unread>,
}

/// Where what is refused before it is read is kept, like any other refusal.
pub struct Unread {
    /// The refusals.
    pub refusals: Arc<Refusals>,
    /// Tells when.
    pub clock: Clock,
}

impl Connections {
    /// Connections whose requests `proxy` serves.
    #[must_use]
    pub fn new(
        mut proxy: HttpProxy<Edge>,
        doors: HashMap<u16, Door>,
        tls: Option<Acceptor>,
        limits: Limits,
        visitors: Arc<Visitors>,
        unread: Unread,
    ) -> Self {
        let unread = Arc::new(unread);
        proxy.h2_options = Some(limits.h2());
        proxy.server_options = Some(limits.server());
        Self { proxy: Arc::new(Cuttable::new(proxy)), doors, tls, limits, visitors, unread }
    }

    /// What the port is for that `stream` came in by.
    fn door(&self, stream: &Stream) -> Door {
        if self.doors.is_empty() {
            return Door::Plain;
        }
        let digest = stream.get_socket_digest();
        let local = digest.as_ref().and_then(|digest| digest.local_addr()?.as_inet());
        local.and_then(|local| self.doors.get(&local.port())).copied().unwrap_or(Door::Plain)
    }

    /// TLS on `stream`; `None`: it did not come about in time.
    async fn encrypted(&self, stream: Stream) -> Option<Stream> {
        let acceptor = self.tls.as_ref()?;
        let bare = Watched { stream, watch: Watch::Nothing };
        match timeout(self.limits.head, acceptor.tls_handshake(bare)).await {
            Ok(Ok(stream)) => Some(Box::new(stream)),
            Ok(Err(error)) => {
                tracing::debug!(%error, "no TLS connection came about");
                None
            }
            Err(_) => {
                tracing::debug!("a TLS handshake took too long");
                None
            }
        }
    }

    async fn serve_h1(&self, stream: Stream, door: Door, shutdown: &ShutdownWatch) {
        let head = Arc::new(Head::default());
        let idle = self.limits.idle.as_secs();
        let unread = self.unread.clone();
        let watch = Watch::Requests { head: head.clone(), refusal: None, unread };
        let mut session = ServerSession::new_http1(Box::new(Watched { stream, watch }));
        session.set_keepalive((!*shutdown.borrow()).then_some(idle));
        let mut timer: Option<Pin<Box<Sleep>>> = None;
        let mut first = true;
        loop {
            head.expect(first);
            first = false;
            // It comes back through `on_connection_reuse`, as soon as the head is read.
            let read = HeadRead { head: head.clone(), door };
            session.set_connection_user_context(Some(Box::new(read)));
            let mut serving = self.proxy.serve(session, shutdown);
            let served = poll_fn(|context| {
                if let Poll::Ready(served) = Pin::new(&mut serving).poll(context) {
                    return Poll::Ready(served);
                }
                ready!(head.poll_overdue(self.limits.head, &mut timer, context));
                tracing::debug!("a head was not complete in time");
                Poll::Ready(None)
            })
            .await;
            let Some(served) = served else {
                return;
            };
            let (stream, settings): (Stream, Option<HttpPersistentSettings>) = served.consume();
            session = ServerSession::new_http1(stream);
            if let Some(settings) = settings {
                settings.apply_to_session(&mut session);
            }
            // pingora would wait for ever where the caller did not ask for less.
            session.set_keepalive((!*shutdown.borrow()).then_some(idle));
        }
    }

    async fn serve_h2(&self, stream: Stream, shutdown: &ShutdownWatch) {
        let head = Arc::new(Head::default());
        head.expect(true);
        let frames = Box::new(Frames::new(self.limits.frames));
        let watch = Watch::Frames { head: head.clone(), frames };
        let stream: Stream = Box::new(Watched { stream, watch });
        let mut serving = self.proxy.process_new(stream, shutdown);
        let mut timer: Option<Pin<Box<Sleep>>> = None;
        poll_fn(|context| {
            if serving.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            ready!(head.poll_overdue(self.limits.head, &mut timer, context));
            tracing::debug!("a header section was not complete in time");
            Poll::Ready(())
        })
        .await;
    }
}

#[async_trait]
impl ServerApp for Connections {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let Some(_place) = self.visitors.enter(address(&stream)) else {
            metrics::count_connection("too_many");
            tracing::debug!("an address has too many connections");
            return None;
        };
        let door = self.door(&stream);
        let stream = if door == Door::Tls { self.encrypted(stream).await? } else { stream };
        if stream.selected_alpn_proto() == Some(ALPN::H2) {
            self.serve_h2(stream, shutdown).await;
        } else {
            self.serve_h1(stream, door, shutdown).await;
        }
        None
    }

    async fn cleanup(&self) {
        self.proxy.http_cleanup().await;
    }
}

fn address(stream: &Stream) -> IpAddr {
    stream
        .get_socket_digest()
        .and_then(|digest| digest.peer_addr()?.as_inet().map(std::net::SocketAddr::ip))
        .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// What is known of the head that is being read: milliseconds after `origin` when it began, or
/// one of the two states below.
struct Head {
    origin: Instant,
    began: AtomicU64,
}

/// The next byte begins a head.
const WAITING: u64 = u64::MAX;
/// The head is read.
const READ: u64 = u64::MAX - 1;

impl Default for Head {
    fn default() -> Self {
        Self { origin: Instant::now(), began: AtomicU64::new(WAITING) }
    }
}

impl Head {
    fn expect(&self, begun: bool) {
        self.began.store(if begun { self.elapsed() } else { WAITING }, Ordering::Relaxed);
    }

    /// Something that is read as a whole begins, or has been going on.
    fn byte_came(&self) {
        if self.began.load(Ordering::Relaxed) == WAITING {
            self.began.store(self.elapsed(), Ordering::Relaxed);
        }
    }

    fn is_read(&self) -> bool {
        self.began.load(Ordering::Relaxed) == READ
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(0)
    }

    /// Ready when the head has been coming for too long. The timer is only moved when it rings,
    /// so a request whose head came at once costs none.
    fn poll_overdue(
        &self,
        patience: Duration,
        timer: &mut Option<Pin<Box<Sleep>>>,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let began = self.began.load(Ordering::Relaxed);
        if began == WAITING || began == READ {
            return Poll::Pending;
        }
        let deadline = self.origin + Duration::from_millis(began) + patience;
        let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        while timer.as_mut().poll(context).is_ready() {
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

/// Handed to the proxy with each HTTP/1.1 request; says that the head has been read.
pub struct HeadRead {
    head: Arc<Head>,
    /// Where the request came in.
    pub door: Door,
}

impl HeadRead {
    /// The head has been read.
    pub fn note(&self) {
        self.head.began.store(READ, Ordering::Relaxed);
    }
}

/// A stream that is looked at while it is read and written.
struct Watched {
    stream: Stream,
    watch: Watch,
}

/// What is looked at.
enum Watch {
    /// Nothing: below TLS there is nothing to see.
    Nothing,
    /// When a head begins; and the refusals that come before it is read are worded.
    Requests { head: Arc<Head>, refusal: Option<Refusal>, unread: Arc<Unread> },
    /// The frames of HTTP/2.
    Frames { head: Arc<Head>, frames: Box<Frames> },
}

impl Watch {
    /// Takes in what was read.
    fn see(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Nothing => {}
            Self::Requests { head, .. } => head.byte_came(),
            Self::Frames { head, frames } => {
                frames.see(bytes).map_err(|abuse| {
                    metrics::count_connection("http2_abuse");
                    tracing::info!(?abuse, "an HTTP/2 connection is closed");
                    io::Error::from(io::ErrorKind::ConnectionAborted)
                })?;
                if frames.is_within_head() {
                    head.byte_came();
                } else {
                    head.expect(false);
                }
            }
        }
        Ok(())
    }
}

/// What is written instead of pingora's own answer.
struct Refusal {
    bytes: Vec<u8>,
    written: usize,
}

impl Refusal {
    /// Reads the status out of `HTTP/1.1 400 …`.
    fn instead_of(answer: &[u8], unread: &Unread) -> Self {
        let status = answer
            .get(9..12)
            .and_then(|status| StatusCode::from_bytes(status).ok())
            .unwrap_or(StatusCode::BAD_REQUEST);
        let (bytes, decision) = reply::raw_refusal(status);
        metrics::count(None, "unreadable");
        let reason = "unreadable";
        tracing::info!(decision = reason, id = decision, status = status.as_u16(), "refused");
        unread.refusals.note(Refused {
            id: decision,
            at: (unread.clock)(),
            site_key: None,
            site_version: None,
            status: status.as_u16(),
            reason: reason.to_owned(),
            facts: None,
        });
        Self { bytes, written: 0 }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let this = &mut *self;
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        let read = &buffer.filled()[before..];
        Poll::Ready(if read.is_empty() { Ok(()) } else { this.watch.see(read) })
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let refusal = match &mut this.watch {
            Watch::Requests { head, refusal, unread } if !head.is_read() => {
                refusal.get_or_insert_with(|| Refusal::instead_of(bytes, unread))
            }
            _ => return Pin::new(&mut this.stream).poll_write(context, bytes),
        };
        while refusal.written < refusal.bytes.len() {
            let rest = &refusal.bytes[refusal.written..];
            let written = ready!(Pin::new(&mut this.stream).poll_write(context, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            refusal.written += written;
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !matches!(&self.watch, Watch::Requests { head, .. } if !head.is_read()) {
            return Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        }
        let first = parts.iter().find(|part| !part.is_empty()).map_or(&[][..], |part| part);
        self.poll_write(context, first)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.stream.fmt(f)
    }
}

#[async_trait]
impl Shutdown for Watched {
    async fn shutdown(&mut self) {
        self.stream.shutdown().await;
    }
}

impl UniqueID for Watched {
    fn id(&self) -> UniqueIDType {
        self.stream.id()
    }
}

impl Ssl for Watched {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.stream.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.stream.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.stream.selected_alpn_proto()
    }
}

impl GetTimingDigest for Watched {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.stream.get_timing_digest()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.stream.get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.stream.get_write_pending_time()
    }
}

impl GetProxyDigest for Watched {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.stream.get_proxy_digest()
    }

    fn set_proxy_digest(&mut self, digest: ProxyDigest) {
        self.stream.set_proxy_digest(digest);
    }
}

impl GetSocketDigest for Watched {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.get_socket_digest()
    }

    fn set_socket_digest(&mut self, digest: SocketDigest) {
        self.stream.set_socket_digest(digest);
    }
}

#[async_trait]
impl Peek for Watched {
    async fn try_peek(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        self.stream.try_peek(buffer).await
    }
}
