//! The proxy: pingora's hooks, each a few lines. Who may pass, `jwks::decide` says.

use std::{
    any::Any,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use ipnet::IpNet;
use jwks::{
    decide::{ChallengeReason, Permit},
    record::Refused,
    verdict_cache::VerdictCache,
    who::Who,
};
use pingora::{
    Error, ErrorSource, ErrorType,
    http::{RequestHeader, ResponseHeader},
    modules::http::HttpModules,
    proxy::{FailToProxy, ProxyHttp, Session},
    upstreams::peer::HttpPeer,
};

use crate::{
    assertion::Assertions,
    config::Clock,
    connection::{Door, HeadRead},
    exchange::{Course, Exchange, Passing, UnderWay},
    facts::TooLarge,
    forward_auth::{self, Original},
    headers::{self, Origin},
    holding::{Held, Served},
    ids,
    judge::{self, Verdict, Vouching},
    key_lookup::KeyLookup,
    key_uses::KeyUses,
    limits::Limits,
    metrics,
    open::{self, Kept, OpenExchanges, Span},
    rate::Rates,
    reason::Reason,
    refusals::Refusals,
    reply::Replies,
    session::Sessions,
    upstream::{self, Need},
};

/// The edge's logic, shared by all requests. What it does is in files of its own: requests are judged in
/// [`crate::judge`]; browsers sign in, come back and sign out in [`crate::sign_in`],
/// [`crate::come_back`] and [`crate::sign_out`], and what they posted waits in [`crate::kept_form`].
pub struct Edge {
    /// What is known.
    pub held: Arc<Held>,
    /// Tokens verified before.
    pub cache: Arc<VerdictCache>,
    /// Proxies whose word counts.
    pub trusted_proxies: Vec<IpNet>,
    /// The present instant.
    pub clock: Clock,
    /// Whether requests that are not refused are logged too.
    pub access_log: bool,
    /// The edge's own answers.
    pub replies: Replies,
    /// Requests being served.
    pub under_way: Arc<UnderWay>,
    /// How often who has asked.
    pub rates: Rates,
    /// What one caller may take.
    pub limits: Limits,
    /// The sessions of browsers.
    pub sessions: Sessions,
    /// What is said of callers to apps that do not trust the network.
    pub assertions: Arc<Assertions>,
    /// What was refused.
    pub refusals: Arc<Refusals>,
    /// Answers that take long.
    pub open: Arc<OpenExchanges>,
    /// API keys that the view does not hold.
    pub key_lookup: Arc<KeyLookup>,
    /// When API keys were last used.
    pub key_uses: Arc<KeyUses>,
}

impl Edge {
    /// Counts a refusal, and keeps it so that it can be explained.
    pub fn note_refusal(
        &self,
        session: &Session,
        exchange: &mut Exchange,
        id: &str,
        reason: Reason,
        served: Option<&Served>,
        status: StatusCode,
    ) {
        let site_key = served.map(|served| served.site().site_key.as_str());
        match (reason, served) {
            (Reason::Challenge(ChallengeReason::NotSignedIn), Some(served)) => {
                served.figures.not_signed_in.increment(1);
            }
            _ => metrics::count(site_key, reason.as_str()),
        }
        exchange.own = None;
        let facts = exchange.recorded.take();
        let request = session.req_header();
        let known = facts.as_ref().map(|facts| facts.request.peer);
        let client = known.unwrap_or_else(|| judge::peer(session));
        let edge_us = micros(exchange.course.begun.elapsed());
        tracing::info!(
            decision = reason.as_str(),
            id,
            site = site_key,
            status = status.as_u16(),
            edge_us,
            method = request.method.as_str(),
            path = request.uri.path(),
            client = %client,
            acr = facts.as_ref().and_then(|facts| facts.acr()),
            "refused"
        );
        let site = served.map(Served::site);
        self.refusals.note(Refused {
            id: id.to_owned(),
            at: (self.clock)(),
            site_key: site.map(|site| site.site_key.clone()),
            site_version: site.map(|site| site.version),
            status: status.as_u16(),
            reason: reason.as_str().to_owned(),
            facts: facts.map(|facts| *facts),
        });
    }

    /// Has what was let in closed when it may go on no longer, as far as it lasts for `span` from `now`
    /// on. One that has taken its time already may last for ever.
    fn tie(
        &self,
        session: &Session,
        exchange: &mut Exchange,
        span: Span,
        now: Instant,
    ) -> pingora::Result<()> {
        let Exchange { passing: Some(passing), tied: false, posting, course, .. } = exchange else {
            return Ok(());
        };
        let is_old = now.saturating_duration_since(course.begun) >= open::SHORT;
        let span = if is_old { Span::Endless } else { span };
        if span == Span::Short {
            return Ok(());
        }
        let (peer, posted) = (passing.caller.address, posting.is_some());
        let kept = Kept::of(session.req_header(), peer, &passing.permit, posted);
        let kept = kept.ok_or_else(|| Error::new(ErrorType::InternalError))?;
        exchange.tied = true;
        if self.open.tie(kept, span) {
            return Ok(());
        }
        ended_by_caller(StatusCode::UNAUTHORIZED, "it was let in by what has ended since")
    }

    /// Lets a request go to its site.
    fn pass(&self, session: &mut Session, exchange: &mut Exchange, passing: Passing) {
        passing.served.figures.allowed.increment(1);
        if upstream::is_upgrade(session.req_header()) {
            // A WebSocket may be silent for any time.
            session.set_read_timeout(None);
        }
        session.set_write_timeout(Some(self.limits.write));
        exchange.passing = Some(passing);
    }

    /// Says yes to a proxy that asks.
    async fn vouch(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
        vouching: Vouching,
    ) -> pingora::Result<()> {
        if self.access_log
            && let Ok(original) = Original::read(&session.req_header().headers)
        {
            tracing::info!(
                decision = "allow",
                acr = acr(&vouching.permit),
                edge_us = micros(exchange.course.begun.elapsed()),
                site = vouching.permit.site().site_key,
                method = original.method,
                path = original.path.as_deref().unwrap_or_default(),
                client = %vouching.client,
                sub = vouching.permit.who().map(|who| who.sub().into_owned()),
                "vouched"
            );
        }
        let cookie = exchange.take_renewed();
        forward_auth::vouch(&self.replies, session, &vouching, cookie).await
    }

    /// Counts what the edge has answered in its own name, and was no refusal.
    fn note_own(&self, session: &Session, exchange: &Exchange, served: &Served) {
        let site_key = &served.site().site_key;
        metrics::count(Some(site_key), OWN);
        if !self.access_log {
            return;
        }
        let request = session.req_header();
        tracing::info!(
            decision = OWN,
            edge_us = micros(exchange.course.begun.elapsed()),
            site = site_key,
            method = request.method.as_str(),
            path = request.uri.path(),
            status = status_written(session),
            client = %judge::peer(session),
            "answered"
        );
    }

    /// Refuses a request. `sign_in`: where signing in begins, where that would help.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn refuse(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
        reason: Reason,
        served: Option<&Served>,
        sign_in: Option<&str>,
    ) -> pingora::Result<()> {
        let (asked, page) = (exchange.asked.take(), exchange.navigation);
        let told = self.replies.refuse(session, reason, served, sign_in, asked.as_ref(), page);
        let (id, status) = told.await?;
        self.note_refusal(session, exchange, &id, reason, served, status);
        Ok(())
    }
}

#[async_trait]
impl ProxyHttp for Edge {
    type CTX = Exchange;

    fn new_ctx(&self) -> Exchange {
        Exchange::new(&self.under_way)
    }

    /// pingora's one module compresses answers; ours pass as they come.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    /// The first hook after the head is read.
    fn on_connection_reuse(
        &self,
        _session: &mut Session,
        exchange: &mut Exchange,
        context: Box<dyn Any + Send + Sync>,
    ) {
        if let Some(head) = context.downcast_ref::<HeadRead>() {
            head.note();
            exchange.door = head.door;
        }
    }

    async fn request_filter(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
    ) -> pingora::Result<bool> {
        if exchange.door == Door::Redirect {
            self.send_to_https(session, exchange).await?;
            return Ok(true);
        }
        match self.judge_with_patience(session, exchange).await? {
            Verdict::Pass(passing) => {
                self.pass(session, exchange, passing);
                return Ok(false);
            }
            Verdict::Form(flow, visit) => {
                if let Some(passing) = self.post_form(session, exchange, flow, visit).await? {
                    self.pass(session, exchange, passing);
                    return Ok(false);
                }
            }
            Verdict::Me(caller, served) => {
                exchange.own = Some(served);
                let cookies: Vec<HeaderValue> = exchange.take_renewed().into_iter().collect();
                self.replies.json(session, caller.to_string().into(), &cookies).await?;
            }
            Verdict::Own(own, visit) => {
                exchange.own = Some(visit.served.clone());
                self.answer_own(session, exchange, own, &visit).await?;
            }
            Verdict::SignIn { reason, path, visit } => {
                self.send_to_sign_in(session, exchange, reason, &path, &visit).await?;
            }
            Verdict::Vouch(vouching) => self.vouch(session, exchange, vouching).await?,
            Verdict::Refuse { reason, served } => {
                self.refuse(session, exchange, reason, served.as_deref(), None).await?;
            }
        }
        Ok(true)
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
    ) -> pingora::Result<Box<HttpPeer>> {
        let Exchange { passing: Some(passing), route, course, posting, .. } = exchange else {
            return without_permit();
        };
        if self.access_log {
            course.sent.get_or_insert_with(Instant::now);
        }
        let mut peer = route.next(&passing.served.pool, Need::of(session.req_header())).await?;
        if posting.is_some() {
            // A connection of its own: one that was used before may be closing, and nothing is sent
            // twice.
            peer.group_key = ids::next();
            // Over HTTP/2 pingora ends the request with its head, since none came with a body.
            peer.options.set_http_version(1, 1);
        }
        Ok(peer)
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        exchange: &mut Exchange,
        mut error: Box<Error>,
    ) -> Box<Error> {
        if let Exchange { passing: Some(passing), route, .. } = exchange {
            route.unreachable(&passing.served.pool, &mut error);
        }
        error
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        exchange: &mut Exchange,
        reused: bool,
    ) -> Box<Error> {
        if let Exchange { passing: Some(passing), route, .. } = exchange {
            route.broken(&passing.served.pool, session, &mut error, reused);
        }
        error
    }

    async fn upstream_request_filter(
        &self,
        _session: &mut Session,
        request: &mut RequestHeader,
        exchange: &mut Exchange,
    ) -> pingora::Result<()> {
        let Some(passing) = &exchange.passing else {
            return without_permit();
        };
        let origin = Origin {
            client: passing.caller.address,
            secure: passing.caller.secure,
            request_id: &passing.request_id,
            identity: passing.identity.as_ref(),
            take_authorization: matches!(passing.permit.who(), Some(Who::Bearer(_)))
                && !passing.permit.site().forward_credentials,
        };
        headers::prepare(request, &origin)?;
        if passing.permit.api_key().is_some() && !passing.permit.site().forward_credentials {
            headers::take_api_key(request);
        }
        match exchange.posting.as_ref().and_then(|posting| posting.form.as_ref()) {
            Some(form) => form.dress(request),
            None => Ok(()),
        }
    }

    /// An HTTP/2 body may end in an empty DATA frame, which pingora turns into a second end of a
    /// chunked body (cloudflare/pingora issue 935); the upstream takes it for the beginning of
    /// the next request.
    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        exchange: &mut Exchange,
    ) -> pingora::Result<()> {
        let is_part = body.is_some() && !session.was_upgraded();
        if let (Some(passing), Some(part), true) = (&exchange.passing, &body, is_part) {
            let course = &mut exchange.course;
            course.received += part.len() as u64;
            let most = passing.served.pool.forwarding.max_body;
            if most.is_some_and(|most| course.received > most) {
                return ended_by_caller(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
            }
        }
        if !end_of_stream {
            let (now, Course { begun, received, .. }) = (Instant::now(), &exchange.course);
            if is_part
                && self.limits.is_too_slow(*received, now.saturating_duration_since(*begun))
                && !upstream::is_grpc(session.req_header())
            {
                return ended_by_caller(StatusCode::REQUEST_TIMEOUT, "the body comes too slowly");
            }
            self.tie(session, exchange, Span::Unknown, now)?;
        }
        if let Some(form) = exchange.posting.as_ref().and_then(|posting| posting.form.as_ref()) {
            // The browser came back with a request that has no body: this is its only end.
            *body = (!form.body.is_empty()).then(|| form.body.clone());
            return Ok(());
        }
        if end_of_stream && body.as_ref().is_some_and(Bytes::is_empty) {
            *body = None;
        }
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        exchange: &mut Exchange,
    ) -> pingora::Result<()> {
        let now = Instant::now();
        exchange.course.answered.get_or_insert(now);
        self.tie(session, exchange, Span::of(response), now)?;
        self.replies.secure(session, response)?;
        // Only the edge refuses under this name.
        response.remove_header(&headers::DECISION);
        if let Some(cookie) = exchange.posting.as_mut().and_then(|posting| posting.cookie.take()) {
            response.append_header(header::SET_COOKIE, cookie)?;
        }
        let is_last = !response.status.is_informational()
            || response.status == StatusCode::SWITCHING_PROTOCOLS;
        if is_last && let Some(cookie) = exchange.take_renewed() {
            response.append_header(header::SET_COOKIE, cookie)?;
            // No cache on the way may give it to anybody else.
            response.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))?;
        }
        Ok(())
    }

    /// An answer that was to be short may come in drops.
    fn response_body_filter(
        &self,
        session: &mut Session,
        _body: &mut Option<Bytes>,
        end_of_stream: bool,
        exchange: &mut Exchange,
    ) -> pingora::Result<Option<Duration>> {
        if !end_of_stream && !exchange.tied {
            self.tie(session, exchange, Span::Short, Instant::now())?;
        }
        Ok(None)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        exchange: &mut Exchange,
    ) -> FailToProxy {
        let status = status_of(error);
        let served = exchange.passing.as_ref().map(|passing| passing.served.clone());
        let reason = status.and_then(refused_after_all);
        if let (Some(status), Some(served), None) = (status, &served, reason) {
            metrics::failed(&served.site().site_key, status);
        }
        if let Some(status) = status
            && session.response_written().is_none()
        {
            session.set_keepalive(None);
            // A caller that is gone meanwhile is nobody's failure.
            let _ = match reason {
                Some(reason) => {
                    self.refuse(session, exchange, reason, served.as_deref(), None).await
                }
                None => {
                    let brand = served.as_ref().map(|served| &served.brand);
                    self.replies.fail(session, status, brand, exchange.navigation).await
                }
            };
        }
        FailToProxy {
            error_code: status.map_or(0, |status| status.as_u16()),
            can_reuse_downstream: false,
        }
    }

    async fn logging(
        &self,
        session: &mut Session,
        _error: Option<&Error>,
        exchange: &mut Exchange,
    ) {
        if let Some(served) = exchange.own.take() {
            self.note_own(session, exchange, &served);
        }
        let Some(passing) = exchange.passing.as_ref().filter(|_| self.access_log) else {
            return;
        };
        let request = session.req_header();
        let Course { begun, sent, answered, received } = &exchange.course;
        let now = Instant::now();
        let sent = sent.unwrap_or(now);
        let answered = answered.unwrap_or(now);
        tracing::info!(
            decision = "allow",
            acr = acr(&passing.permit),
            edge_us = micros(sent.saturating_duration_since(*begun)),
            upstream_us = micros(answered.saturating_duration_since(sent)),
            total_us = micros(now.saturating_duration_since(*begun)),
            received,
            sent = session.body_bytes_sent(),
            site = passing.permit.site().site_key,
            method = request.method.as_str(),
            path = request.uri.path(),
            status = status_written(session),
            client = %passing.caller.address,
            request_id = passing.request_id.to_str().unwrap_or_default(),
            key = passing.permit.api_key().map(|key| tracing::field::display(key.record().id)),
            sub = passing.permit.who().map(|who| who.sub().into_owned()),
            "passed"
        );
    }
}

fn ended_by_caller<T>(status: StatusCode, why: &'static str) -> pingora::Result<T> {
    let error = Error::explain(ErrorType::HTTPStatus(status.as_u16()), why);
    Err(error.into_down())
}

/// The outcome of what the edge answers in its own name.
const OWN: &str = "own";

/// The level, as `acr`: every line has a `level` of its own, how much it matters.
fn acr(permit: &Permit) -> Option<&'static str> {
    permit.who().and_then(|who| Some(who.level()?.acr()))
}

fn status_written(session: &Session) -> u16 {
    session.response_written().map_or(0, |head| head.status.as_u16())
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn without_permit<T>() -> pingora::Result<T> {
    Error::e_explain(ErrorType::InternalError, "a request without a permit")
}

/// What turned out only while a request was passed on to be nothing that is accepted.
const fn refused_after_all(status: StatusCode) -> Option<Reason> {
    Some(match status.as_u16() {
        401 => Reason::Challenge(ChallengeReason::Ended),
        413 => Reason::TooLarge(TooLarge::Body),
        408 => Reason::TooSlow,
        400 => Reason::Broken,
        501 => Reason::NoWebSockets,
        _ => return None,
    })
}

/// What the caller is told when an exchange breaks; `None`: nobody is there to be told.
fn status_of(error: &Error) -> Option<StatusCode> {
    let status = match (error.etype(), error.esource()) {
        (ErrorType::HTTPStatus(status), _) => {
            StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
        }
        (
            ErrorType::ConnectTimedout
            | ErrorType::TLSHandshakeTimedout
            | ErrorType::ReadTimedout
            | ErrorType::WriteTimedout,
            ErrorSource::Upstream,
        ) => StatusCode::GATEWAY_TIMEOUT,
        (
            ErrorType::ConnectRefused | ErrorType::ConnectNoRoute | ErrorType::ConnectError,
            ErrorSource::Upstream,
        ) => StatusCode::SERVICE_UNAVAILABLE,
        (_, ErrorSource::Upstream) => StatusCode::BAD_GATEWAY,
        (
            ErrorType::WriteError | ErrorType::ReadError | ErrorType::ConnectionClosed,
            ErrorSource::Downstream,
        ) => return None,
        (_, ErrorSource::Downstream) => StatusCode::BAD_REQUEST,
        (_, ErrorSource::Internal | ErrorSource::Unset) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Some(status)
}
