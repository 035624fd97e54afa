//! One downstream connection: requests one after another, each with a deadline for its head.
//!
//! pingora limits single reads, so a caller that sends a byte a minute keeps a connection for
//! ever. And it answers what it cannot parse before any hook of ours is asked. Both are mended
//! here, around its proxy: the stream notes when a head begins, and until pingora has read the
//! head, whatever it writes is a refusal and goes out in our words.

use std::{
    future::poll_fn,
    io,
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
use pingora::{
    apps::{HttpPersistentSettings, HttpServerApp, ServerApp},
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
    time::{Instant, Sleep},
};

use crate::{metrics, open::Cuttable, proxy::Edge, reply};

/// From the first byte of a head (of a connection's first head: from its beginning) to the last.
const HEAD: Duration = Duration::from_secs(10);
/// How long a connection may rest between requests, seconds.
const IDLE: u64 = 60;

/// The edge's way of serving a connection.
pub struct Connections {
    proxy: Arc<Cuttable>,
}

impl Connections {
    /// Connections whose requests `proxy` serves.
    #[must_use]
    pub fn new(proxy: HttpProxy<Edge>) -> Self {
        Self { proxy: Arc::new(Cuttable::new(proxy)) }
    }
}

#[async_trait]
impl ServerApp for Connections {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let head = Arc::new(Head::default());
        let watched = Watched { stream, head: head.clone(), refusal: None };
        let mut session = ServerSession::new_http1(Box::new(watched));
        session.set_keepalive((!*shutdown.borrow()).then_some(IDLE));
        let mut timer: Option<Pin<Box<Sleep>>> = None;
        let mut first = true;
        loop {
            head.expect(first);
            first = false;
            // It comes back through `on_connection_reuse`, as soon as the head is read.
            session.set_connection_user_context(Some(Box::new(HeadRead(head.clone()))));
            let mut serving = self.proxy.process_new_http(session, shutdown);
            let served = poll_fn(|context| {
                if let Poll::Ready(served) = serving.as_mut().poll(context) {
                    return Poll::Ready(served);
                }
                ready!(head.poll_overdue(&mut timer, context));
                tracing::debug!("a head was not complete in time");
                Poll::Ready(None)
            })
            .await;
            let (stream, settings): (Stream, Option<HttpPersistentSettings>) = served?.consume();
            session = ServerSession::new_http1(stream);
            if let Some(settings) = settings {
                settings.apply_to_session(&mut session);
            }
            // pingora would wait for ever where the caller did not ask for less.
            session.set_keepalive((!*shutdown.borrow()).then_some(IDLE));
        }
    }

    async fn cleanup(&self) {
        self.proxy.http_cleanup().await;
    }
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
        timer: &mut Option<Pin<Box<Sleep>>>,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let began = self.began.load(Ordering::Relaxed);
        if began == WAITING || began == READ {
            return Poll::Pending;
        }
        let deadline = self.origin + Duration::from_millis(began) + HEAD;
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

/// Handed to the proxy with each request; says that the head has been read.
pub struct HeadRead(Arc<Head>);

impl HeadRead {
    /// The head has been read.
    pub fn note(&self) {
        self.0.began.store(READ, Ordering::Relaxed);
    }
}

/// A stream that notes when a head begins and words the refusals that come before it is read.
struct Watched {
    stream: Stream,
    head: Arc<Head>,
    refusal: Option<Refusal>,
}

/// What is written instead of pingora's own answer.
struct Refusal {
    bytes: Vec<u8>,
    written: usize,
}

impl Refusal {
    /// Reads the status out of `HTTP/1.1 400 …`.
    fn instead_of(answer: &[u8]) -> Self {
        let status = answer
            .get(9..12)
            .and_then(|status| StatusCode::from_bytes(status).ok())
            .unwrap_or(StatusCode::BAD_REQUEST);
        let (bytes, decision) = reply::raw_refusal(status);
        metrics::count(None, "unreadable");
        tracing::info!(decision, status = status.as_u16(), reason = "unreadable", "refused");
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
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.head.byte_came();
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.head.is_read() {
            return Pin::new(&mut this.stream).poll_write(context, bytes);
        }
        let refusal = this.refusal.get_or_insert_with(|| Refusal::instead_of(bytes));
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
        if self.head.is_read() {
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
