//! Long answers: WebSockets, server-sent events, downloads. Whoever was let in is judged again
//! whenever what is known changes, and when time alone could change the verdict; where it would be
//! no, the exchange is closed.
//!
//! Exchanges that are over within a second take no part in this; those that may take longer carry a
//! note until then.

use std::{
    cell::RefCell,
    collections::HashMap,
    future::Future,
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::task::AtomicWaker;
use http::{StatusCode, header};
use jwks::{
    Time,
    api_key::Shown,
    decide::{Decision, Permit, decide, lapse::lapses_at},
    facts::{Facts, Presented, Request, Sender},
    who::Who,
};
use pingora::{
    apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream},
    http::{RequestHeader, ResponseHeader},
    protocols::http::{ServerSession, v2::server::H2Options},
    proxy::HttpProxy,
    server::ShutdownWatch,
};
use tokio::{
    sync::{Notify, watch},
    time::Sleep,
};

use crate::{config::Clock, facts, holding::Held, metrics, path, proxy::Edge};

/// An exchange that is not over by then is watched.
pub const SHORT: Duration = Duration::from_secs(1);
/// An announced body of at most so many bytes is not worth watching.
const SMALL: u64 = 16 * 1024;
/// How often the clock is compared with the next instant that matters.
const TICK: Duration = Duration::from_millis(25);

thread_local! {
    /// The exchange that a hook of the request being polled on this thread wants watched.
    static TIED: RefCell<Option<Rope>> = const { RefCell::new(None) };
}

/// Everything that is open and watched.
pub struct OpenExchanges {
    held: Arc<Held>,
    clock: Clock,
    open: Mutex<HashMap<u64, Arc<Open>>>,
    next: AtomicU64,
    /// The first instant at which time alone may end one of them, milliseconds.
    lapse: AtomicI64,
    arrived: Notify,
}

/// What is needed to judge a request again: its facts, kept.
pub struct Kept {
    request: Request,
    who: Option<Who>,
}

impl Kept {
    /// Keeps what was let in: `request`, from `peer`, by what `permit` says of who that is. It was
    /// judged before, so its target is canonical by now. `posted`: it stands for a form that was kept.
    /// `None`: it cannot be read again, which nothing is that was let in.
    #[must_use]
    pub fn of(
        request: &RequestHeader,
        peer: IpAddr,
        permit: &Permit,
        posted: bool,
    ) -> Option<Self> {
        let (path, _) = path::split(facts::origin_form(request.raw_path()));
        let request = Request {
            host: Some(facts::host(request)?.into_owned()),
            method: request.method.as_str().to_owned(),
            path: Ok(std::str::from_utf8(path).ok()?.to_owned()),
            peer,
            sender: sender(posted, facts::sender(&request.headers)).into_owned(),
            upgrade: facts::asks_upgrade(&request.headers),
        };
        Some(Self { request, who: permit.who().cloned() })
    }

    fn facts(&self, view_confirmed_at: Time) -> Facts<'_> {
        let (presented, session) = match &self.who {
            None => (Presented::Nothing, None),
            Some(Who::Bearer(token)) => (Presented::Bearer(Ok(token.clone())), None),
            Some(Who::Session(token)) => (Presented::Nothing, Some(Ok(token.clone()))),
            Some(Who::ApiKey(key)) => {
                let (id, digest) = (key.record().id, key.record().digest);
                let (shown, looked_up) = (Some(Shown { id, digest }), Some(key.clone()));
                (Presented::ApiKey { shown, looked_up }, None)
            }
        };
        self.request.with(presented, session, view_confirmed_at)
    }
}

/// Which page sends a request. A form was kept only where a page of the site had posted it.
#[must_use]
pub fn sender(posted: bool, said: Sender<'_>) -> Sender<'_> {
    if posted { Sender::Own } else { said }
}

/// One exchange that is open.
struct Open {
    request: Kept,
    cut: AtomicBool,
    waker: AtomicWaker,
}

impl Open {
    fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.waker.wake();
    }
}

/// How long an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// It is over soon.
    Short,
    /// Nobody knows.
    Unknown,
    /// It goes on until somebody ends it.
    Endless,
}

impl Span {
    /// What the head of an answer says.
    #[must_use]
    pub fn of(response: &ResponseHeader) -> Self {
        const EVENTS: &[u8] = b"text/event-stream";
        match response.status {
            StatusCode::SWITCHING_PROTOCOLS => return Self::Endless,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => return Self::Short,
            status if status.is_informational() => return Self::Short,
            _ => {}
        }
        let kind = response.headers.get(header::CONTENT_TYPE).map(http::HeaderValue::as_bytes);
        let begins = kind.and_then(|kind| kind.get(..EVENTS.len()));
        if begins.is_some_and(|begins| begins.eq_ignore_ascii_case(EVENTS)) {
            return Self::Endless;
        }
        let length = response.headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length <= SMALL) { Self::Short } else { Self::Unknown }
    }
}

impl OpenExchanges {
    /// Nothing is open yet. What is let in is judged by what is `held` then.
    #[must_use]
    pub fn new(held: Arc<Held>, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            held,
            clock,
            open: Mutex::default(),
            next: AtomicU64::new(0),
            lapse: AtomicI64::new(i64::MAX),
            arrived: Notify::new(),
        })
    }

    /// Ties the request that is being served on this thread, whose answer lasts for `span`. To be
    /// called by a hook of that request. `false`: it may go on no longer.
    #[must_use]
    pub fn tie(self: &Arc<Self>, kept: Kept, span: Span) -> bool {
        let open = Arc::new(Open {
            request: kept,
            cut: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        });
        let mut rope = Rope { exchanges: self.clone(), open, watched: None, timer: None };
        match span {
            Span::Short => return true,
            Span::Unknown => rope.timer = Some(Box::pin(tokio::time::sleep(SHORT))),
            Span::Endless => rope.watch(),
        }
        let goes_on = !rope.open.cut.load(Ordering::Acquire);
        TIED.with_borrow_mut(|tied| *tied = Some(rope));
        goes_on
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Open>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Judges what is open until `stop` turns true.
    pub async fn watch(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut swaps = self.held.swaps();
        loop {
            tokio::select! {
                // A sender that is gone means the same as one that says stop.
                _ = stop.wait_for(|stop| *stop) => return,
                swapped = swaps.changed() => if swapped.is_err() { return },
                () = self.lapsed() => {}
            }
            self.judge_all();
        }
    }

    /// Waits for the next instant that matters, by the edge's own clock.
    async fn lapsed(&self) {
        loop {
            if self.all().is_empty() {
                self.arrived.notified().await;
            }
            if (self.clock)().millis() >= self.lapse.load(Ordering::Acquire) {
                return;
            }
            tokio::time::sleep(TICK).await;
        }
    }

    fn judge_all(&self) {
        // Whatever is opened meanwhile lowers it again.
        self.lapse.store(i64::MAX, Ordering::Release);
        let open: Vec<Arc<Open>> = self.all().values().cloned().collect();
        for open in open {
            self.judge(&open);
        }
    }

    /// Judges one, by what is known now. A fault in that is its end.
    fn judge(&self, open: &Open) {
        let judged = catch_unwind(AssertUnwindSafe(|| self.verdict(&open.request)));
        match judged.unwrap_or(Err("fault")) {
            Ok(lapse) => {
                if let Some(lapse) = lapse {
                    self.lapse.fetch_min(lapse.millis(), Ordering::AcqRel);
                }
            }
            Err(reason) => {
                if !open.cut.load(Ordering::Acquire) {
                    metrics::count_closed(reason);
                    let host = open.request.request.host.as_deref();
                    tracing::info!(host, reason, "an open answer is closed");
                }
                open.cut();
            }
        }
    }

    /// When to ask again though nothing changes, if ever; or why not to go on.
    fn verdict(&self, request: &Kept) -> Result<Option<Time>, &'static str> {
        let holding = self.held.load();
        let holding = holding.as_ref().ok_or("no_view")?;
        let (facts, now) = (request.facts(self.held.confirmed_at()), (self.clock)());
        match decide(&holding.view, &facts, now) {
            Decision::Allow(permit) => Ok(lapses_at(&permit, &facts, now)),
            refused => Err(refused.as_str()),
        }
    }
}

/// What an exchange is held by, as long as it lives.
struct Rope {
    exchanges: Arc<OpenExchanges>,
    open: Arc<Open>,
    /// Its place, once it is watched.
    watched: Option<u64>,
    /// Rings when its answer is no short one any more.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Rope {
    /// In this order: what changes after it was judged finds it in its place.
    fn watch(&mut self) {
        let id = self.exchanges.next.fetch_add(1, Ordering::Relaxed);
        self.exchanges.all().insert(id, self.open.clone());
        self.watched = Some(id);
        self.exchanges.judge(&self.open);
        self.exchanges.arrived.notify_one();
    }

    /// Ready when the exchange is to end.
    fn poll_cut(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(timer) = &mut self.timer
            && timer.as_mut().poll(context).is_ready()
        {
            self.timer = None;
            self.watch();
        }
        if self.watched.is_none() {
            return Poll::Pending;
        }
        self.open.waker.register(context.waker());
        if self.open.cut.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Rope {
    fn drop(&mut self) {
        if let Some(id) = self.watched {
            self.exchanges.all().remove(&id);
        }
    }
}

/// The proxy, whose exchanges can be cut.
pub struct Cuttable(Arc<HttpProxy<Edge>>);

impl Cuttable {
    /// Around this proxy.
    #[must_use]
    pub fn new(proxy: HttpProxy<Edge>) -> Self {
        Self(Arc::new(proxy))
    }
}

impl Cuttable {
    /// Serves one request, until that is done or cut off.
    pub fn serve<'s>(
        &'s self,
        session: ServerSession,
        shutdown: &'s ShutdownWatch,
    ) -> UntilCut<dyn Future<Output = Option<ReusedHttpStream>> + Send + 's> {
        UntilCut { serving: self.0.process_new_http(session, shutdown), rope: None }
    }
}

#[async_trait]
impl HttpServerApp for Cuttable {
    async fn process_new_http(
        self: &Arc<Self>,
        session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        self.serve(session, shutdown).await
    }

    fn h2_options(&self) -> Option<H2Options> {
        self.0.h2_options()
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        self.0.server_options()
    }

    async fn http_cleanup(&self) {
        self.0.http_cleanup().await;
    }
}

/// Serves until that is done or cut off; then both connections are dropped as they are.
pub struct UntilCut<F: ?Sized> {
    serving: Pin<Box<F>>,
    rope: Option<Rope>,
}

impl<T, F: Future<Output = Option<T>> + ?Sized> Future for UntilCut<F> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let served = self.serving.as_mut().poll(context);
        // The hooks run within the poll, and on its thread.
        if let Some(tied) = TIED.take() {
            self.rope = Some(tied);
        }
        if served.is_ready() {
            self.rope = None;
            return served;
        }
        match &mut self.rope {
            Some(rope) => rope.poll_cut(context).map(|()| None),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_an_answer_says_how_long_it_may_take() {
        let span = |status: u16, fields: &[(&'static str, &str)]| {
            let mut response = ResponseHeader::build(status, None).unwrap();
            for (name, value) in fields {
                response.append_header(*name, *value).unwrap();
            }
            Span::of(&response)
        };
        assert_eq!(span(101, &[]), Span::Endless);
        assert_eq!(span(100, &[]), Span::Short);
        assert_eq!(span(304, &[]), Span::Short);
        assert_eq!(
            span(200, &[("Content-Type", "Text/Event-Stream; charset=utf-8")]),
            Span::Endless
        );
        assert_eq!(span(200, &[("Content-Type", "text/html")]), Span::Unknown);
        assert_eq!(span(200, &[("Content-Length", "16384")]), Span::Short);
        assert_eq!(span(200, &[("Content-Length", "16385")]), Span::Unknown);
        assert_eq!(span(200, &[("Content-Length", "many")]), Span::Unknown);
    }
}
