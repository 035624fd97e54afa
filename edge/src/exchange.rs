//! What is remembered of one request while it is served.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use http::HeaderValue;
use jwks::{decide::Permit, record::RecordedFacts};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{
    connection::Door,
    facts::Caller,
    form::Form,
    forward_auth,
    headers::Identity,
    holding::Served,
    key_lookup::Lookup,
    renewal::{Renewal, Watched},
    session,
    upstream::Route,
};

/// How many requests are being served.
#[derive(Default)]
pub struct UnderWay {
    count: AtomicUsize,
    ended: Notify,
}

impl UnderWay {
    /// Waits until there are none.
    pub async fn none(&self) {
        loop {
            let ended = self.ended.notified();
            if self.count.load(Ordering::Acquire) == 0 {
                return;
            }
            ended.await;
        }
    }
}

/// What is remembered of one request between its hooks.
pub struct Exchange {
    under_way: Arc<UnderWay>,
    /// It may pass.
    pub passing: Option<Passing>,
    /// The upstreams that were tried.
    pub route: Route,
    /// The listener that it came by.
    pub door: Door,
    /// How far it has come.
    pub course: Course,
    /// Whether a person looks at the answer.
    pub navigation: bool,
    /// The session that it shows is old.
    pub renewing: Option<Renewing>,
    /// The API key that it shows, where the view does not hold it and the server was not asked of it
    /// lately.
    pub unknown_key: Option<UnknownKey>,
    /// Whether it is closed when it may go on no longer.
    pub tied: bool,
    /// It stands for a form that was kept.
    pub posting: Option<Posting>,
    /// A proxy asks about a request that it holds.
    pub asked: Option<forward_auth::Question>,
    /// What a refusal was judged by.
    pub recorded: Option<Box<RecordedFacts>>,
    /// The site whose page of the edge's own it is answered with.
    pub own: Option<Arc<Served>>,
}

/// An API key that the view does not hold.
pub struct UnknownKey {
    /// Its id.
    pub id: Uuid,
    /// The address it is shown from.
    pub peer: IpAddr,
    /// What the server said, once it was asked.
    pub said: Option<Lookup>,
}

/// A form that its sender had to sign in for.
pub struct Posting {
    /// It, once it was taken.
    pub form: Option<Form>,
    /// What the browser is given with the answer: it holds the form no longer.
    pub cookie: Option<HeaderValue>,
}

/// A session whose token is old.
pub struct Renewing {
    /// Whether its site is reached over https.
    pub secure: bool,
    /// How far it is.
    pub state: RenewingState,
}

/// How far a session's renewal is.
pub enum RenewingState {
    /// A new one may come.
    Watched(Watched),
    /// It is over, and was this.
    Over(String),
    /// A new one came before the request was judged.
    Renewed(Arc<str>),
}

/// How far a request has come, and when.
pub struct Course {
    /// When its head was read.
    pub begun: Instant,
    /// When an upstream was first asked for it, where that is logged.
    pub sent: Option<Instant>,
    /// When the head of the upstream's answer came.
    pub answered: Option<Instant>,
    /// Bytes of its body so far.
    pub received: u64,
}

/// A request that may pass.
pub struct Passing {
    /// That it may.
    pub permit: Permit,
    /// The site.
    pub served: Arc<Served>,
    /// Where it comes from.
    pub caller: Caller,
    /// `X-Request-ID`.
    pub request_id: HeaderValue,
    /// What the upstream is told of the caller.
    pub identity: Option<Identity>,
}

impl Exchange {
    /// One that begins now.
    #[must_use]
    pub fn new(under_way: &Arc<UnderWay>) -> Self {
        under_way.count.fetch_add(1, Ordering::AcqRel);
        Self {
            under_way: under_way.clone(),
            passing: None,
            route: Route::default(),
            // HTTP/2 is spoken there alone; HTTP/1.1 says by which it came.
            door: Door::Tls,
            course: Course { begun: Instant::now(), sent: None, answered: None, received: 0 },
            navigation: false,
            renewing: None,
            unknown_key: None,
            tied: false,
            posting: None,
            asked: None,
            recorded: None,
            own: None,
        }
    }

    /// The cookie that the browser is given beside the answer: the session's new token, where there
    /// is one by now.
    #[must_use]
    pub fn take_renewed(&mut self) -> Option<HeaderValue> {
        let renewing = self.renewing.take()?;
        match &renewing.state {
            RenewingState::Over(_) => None,
            RenewingState::Renewed(token) => session::cookie(token, renewing.secure),
            RenewingState::Watched(watched) => match &*watched.borrow() {
                Renewal::Renewed(token) => session::cookie(token, renewing.secure),
                Renewal::UnderWay | Renewal::Denied => None,
            },
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.under_way.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.under_way.ended.notify_waiters();
        }
    }
}
