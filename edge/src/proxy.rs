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
use jwks::{decide::ChallengeReason, record::Refused, verdict_cache::VerdictCache, who::Who};
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
    exchange::{Course, Exchange, UnderWay},
    facts::TooLarge,
    forward_auth,
    headers::{self, Origin},
    holding::{Held, Served},
    ids,
    judge::Verdict,
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

/// The edge's logic, shared by all requests.
pub struct Edge {
    /// What is known.
    pub held: Arc<Held>,
    /// Tokens verified before.
    pub cache: Arc<VerdictCache>,
    /// Proxies whose word counts.
    pub trusted_proxies: Vec<IpNet>,
    /// The present instant.
    pub clock: Clock,
    /// Whether requests that pass are logged.
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
        let facts = exchange.recorded.take();
        let request = session.req_header();
        let edge_us = micros(exchange.course.begun.elapsed());
        tracing::info!(
            decision = reason.as_str(),
            id,
            site = site_key,
            status = status.as_u16(),
            edge_us,
            method = request.method.as_str(),
            path = request.uri.path(),
            client = facts.as_ref().map(|facts| tracing::field::display(facts.peer)),
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

    /// Has what was let in closed when it may go on no longer, as far as it lasts for `span`. One that
    /// has taken its time already may last for ever.
    fn tie(&self, session: &Session, exchange: &mut Exchange, span: Span) -> pingora::Result<()> {
        let Exchange { passing: Some(passing), tied: false, posting, course, .. } = exchange else {
            return Ok(());
        };
        let span = if course.begun.elapsed() >= open::SHORT { Span::Endless } else { span };
        if span == Span::Short {
            return Ok(());
        }
        let (request, head) = (session.req_header(), session.to_h1_raw());
        let (peer, posted) = (passing.caller.address, posting.is_some());
        let kept = Kept::of(request, &head, peer, &passing.permit, posted);
        let kept = kept.ok_or_else(|| Error::new(ErrorType::InternalError))?;
        exchange.tied = true;
        if self.open.tie(kept, span) {
            return Ok(());
        }
        ended_by_caller(StatusCode::UNAUTHORIZED, "it was let in by what has ended since")
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
        let mut verdict = self.judge(session, exchange)?;
        if exchange.renewing.is_some()
            && let Some(anew) = self.revive(session, exchange).await?
        {
            verdict = anew;
        }
        if exchange.unknown_key.is_some()
            && let Some(anew) = self.look_up(session, exchange, &verdict).await?
        {
            verdict = anew;
        }
        if let Verdict::Form(flow, visit) = verdict {
            match self.post_form(session, exchange, flow, visit).await? {
                Some(pass) => verdict = pass,
                None => return Ok(true),
            }
        }
        match verdict {
            // There is one of it for each request, and it was dealt with.
            Verdict::Form(..) => Ok(true),
            Verdict::Pass(passing) => {
                passing.served.figures.allowed.increment(1);
                if upstream::is_upgrade(session.req_header()) {
                    // A WebSocket may be silent for any time.
                    session.set_read_timeout(None);
                }
                session.set_write_timeout(Some(self.limits.write));
                exchange.passing = Some(passing);
                Ok(false)
            }
            Verdict::Me(caller) => {
                let cookies: Vec<HeaderValue> = exchange.renewed().into_iter().collect();
                self.replies.json(session, caller.to_string().into(), &cookies).await?;
                Ok(true)
            }
            Verdict::Own(own, visit, holding) => {
                self.sessions.answer(self, &holding, session, exchange, own, &visit).await?;
                Ok(true)
            }
            Verdict::SignIn { reason, path, visit } => {
                self.send_to_sign_in(session, exchange, reason, &path, &visit).await?;
                Ok(true)
            }
            Verdict::Vouch(permit, assertion) => {
                let cookie = exchange.renewed();
                forward_auth::vouch(&self.replies, session, &permit, assertion, cookie).await?;
                Ok(true)
            }
            Verdict::Refuse { reason, served } => {
                self.refuse(session, exchange, reason, served.as_deref(), None).await?;
                Ok(true)
            }
        }
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
    ) -> pingora::Result<Box<HttpPeer>> {
        let Exchange { passing: Some(passing), route, course, posting, .. } = exchange else {
            return without_permit();
        };
        course.judged.get_or_insert_with(Instant::now);
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
            request_id: passing.request_id.clone(),
            who: passing.permit.who(),
            assertion: passing.assertion.clone(),
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
        if let (Some(passing), Some(part)) = (&exchange.passing, &body)
            && !session.was_upgraded()
        {
            let course = &mut exchange.course;
            course.received += part.len() as u64;
            let most = passing.served.pool.forwarding.max_body;
            if most.is_some_and(|most| course.received > most) {
                return ended_by_caller(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
            }
            if !end_of_stream
                && self.limits.is_too_slow(course.received, course.begun.elapsed())
                && !upstream::is_grpc(session.req_header())
            {
                return ended_by_caller(StatusCode::REQUEST_TIMEOUT, "the body comes too slowly");
            }
        }
        if !end_of_stream {
            self.tie(session, exchange, Span::Short)?;
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
        exchange.course.answered.get_or_insert_with(Instant::now);
        self.tie(session, exchange, Span::of(response))?;
        self.replies.secure(session, response)?;
        // Only the edge refuses under this name.
        response.remove_header(&headers::DECISION);
        if let Some(cookie) = exchange.posting.as_mut().and_then(|posting| posting.cookie.take()) {
            response.append_header(header::SET_COOKIE, cookie)?;
        }
        let is_last = !response.status.is_informational()
            || response.status == StatusCode::SWITCHING_PROTOCOLS;
        if is_last
            && exchange.renewing.is_some()
            && let Some(cookie) = exchange.renewed()
        {
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
        if !end_of_stream {
            self.tie(session, exchange, Span::Short)?;
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
        if !self.access_log {
            return;
        }
        let Some(passing) = &exchange.passing else {
            return;
        };
        let request = session.req_header();
        let Course { begun, judged, answered, received } = &exchange.course;
        let now = Instant::now();
        let judged = judged.unwrap_or(now);
        let answered = answered.unwrap_or(now);
        tracing::info!(
            decision = "allow",
            level = passing.permit.who().and_then(|who| Some(who.level()?.acr())),
            edge_us = micros(judged.saturating_duration_since(*begun)),
            upstream_us = micros(answered.saturating_duration_since(judged)),
            total_us = micros(now.saturating_duration_since(*begun)),
            received,
            sent = session.body_bytes_sent(),
            site = passing.permit.site().site_key,
            method = request.method.as_str(),
            path = request.uri.path(),
            status = session.response_written().map_or(0, |head| head.status.as_u16()),
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
