//! The proxy: pingora's hooks, each a few lines. Who may pass, `jwks::decide` says.

use std::{
    any::Any,
    net::{IpAddr, Ipv4Addr},
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use ipnet::IpNet;
use jwks::{
    api_key::{HeldKey, Shown},
    decide::{ChallengeReason, Decision, Permit, decide},
    facts::{Facts, Presented},
    verdict_cache::VerdictCache,
    verify::{TokenError, VerifiedToken},
};
use pingora::{
    Error, ErrorSource, ErrorType,
    http::{RequestHeader, ResponseHeader},
    modules::http::HttpModules,
    proxy::{FailToProxy, ProxyHttp, Session},
    upstreams::peer::HttpPeer,
};
use serde_json::json;
use tokio::sync::Notify;

use crate::{
    config::Clock,
    connection::HeadRead,
    facts::{self, Caller, Credential},
    headers::{self, Origin},
    holding::{Held, Holding, Served},
    ids,
    key_uses::KeyUses,
    metrics,
    open::{Kept, OpenExchanges, Span},
    reply::{self, Reason, Replies},
};

/// Everything below it is the edge's own, on every site.
const RESERVED: &str = "/.signalbox/";
const ME: &str = "/.signalbox/me";

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
    /// Answers that take long.
    pub open: Arc<OpenExchanges>,
    /// When API keys were last used.
    pub key_uses: Arc<KeyUses>,
}

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
    passing: Option<Passing>,
    navigation: bool,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.under_way.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.under_way.ended.notify_waiters();
        }
    }
}

/// A request that may pass.
struct Passing {
    permit: Permit,
    presented: Presented,
    served: Arc<Served>,
    caller: Caller,
    request_id: HeaderValue,
}

/// How a request was judged, with all that answering it needs.
enum Verdict {
    Pass(Passing),
    Me(serde_json::Value),
    Refuse { reason: Reason, served: Option<Arc<Served>>, site_key: Option<String> },
}

impl Edge {
    /// Judges the request of `session`. A path or target that had to be put into its canonical
    /// form is rewritten, so that what was judged is what is sent.
    fn judge(&self, session: &mut Session, exchange: &mut Exchange) -> pingora::Result<Verdict> {
        let refuse = |reason| Ok(Verdict::Refuse { reason, served: None, site_key: None });
        let head = session.to_h1_raw();
        let peer = peer(session);
        let secure = session.digest().is_some_and(|digest| digest.ssl_digest.is_some());
        let request = session.req_header();
        let parsed = match facts::parse(request, &head) {
            Ok(parsed) => parsed,
            Err(too_large) => return refuse(Reason::TooLarge(too_large)),
        };
        exchange.navigation = parsed.navigation;
        let caller = facts::caller(peer, secure, &request.headers, &self.trusted_proxies);
        let holding = self.held.load();
        let Some(holding) = holding.as_ref() else {
            return refuse(match parsed.path {
                Ok(_) => Reason::NoView,
                Err(malformed) => {
                    Reason::Refusal(jwks::decide::RefusalReason::Malformed(malformed))
                }
            });
        };

        let now = (self.clock)();
        let facts = Facts {
            host: parsed.host.as_deref(),
            method: request.method.as_str(),
            path: parsed.path.as_deref().map_err(|malformed| *malformed),
            peer: caller.address,
            presented: self.presented(holding, parsed.credential, now),
            navigation: parsed.navigation,
            view_confirmed_at: self.held.confirmed_at(),
        };
        let decision = decide(&holding.view, &facts, now);
        let presented = facts.presented;
        let named = |site: &jwks::site::Site| holding.site(&site.site_key).cloned();
        let permit = match decision {
            Decision::Allow(permit) => permit,
            Decision::Challenge(challenge) => {
                return Ok(Verdict::Refuse {
                    reason: Reason::Challenge(challenge.reason),
                    served: named(&challenge.site),
                    site_key: Some(challenge.site.site_key.clone()),
                });
            }
            Decision::Deny(refusal) => {
                return Ok(Verdict::Refuse {
                    reason: Reason::Refusal(refusal.reason),
                    served: refusal.site.as_deref().and_then(named),
                    site_key: refusal.site.map(|site| site.site_key.clone()),
                });
            }
        };
        let site_key = permit.site().site_key.as_str();
        // A view and its sites are one value, so whatever the view names is there.
        let Some(served) = holding.site(site_key).cloned() else {
            return refuse(Reason::NoView);
        };
        let Ok(path) = &parsed.path else {
            return refuse(Reason::NoView);
        };

        if path.starts_with(RESERVED) || **path == RESERVED[..RESERVED.len() - 1] {
            let caller = permit.token().map(|token| me(token));
            let caller = caller.or_else(|| permit.api_key().map(me_by_key));
            let reason = match (&**path, &request.method, caller) {
                (ME, &(Method::GET | Method::HEAD), Some(caller)) => {
                    return Ok(Verdict::Me(caller));
                }
                (ME, &(Method::GET | Method::HEAD), None) => {
                    Reason::Challenge(ChallengeReason::NotSignedIn)
                }
                (ME, ..) => Reason::ReadOnly,
                _ => Reason::NoSuchPage,
            };
            let site_key = Some(site_key.to_owned());
            return Ok(Verdict::Refuse { reason, served: Some(served), site_key });
        }
        let request_id = request_id(request);
        if let Some(target) = rewritten(request.raw_path(), path) {
            session.req_header_mut().set_raw_path(&target)?;
        }
        if let Some(key) = permit.api_key() {
            self.key_uses.note(key.record().id, now);
        }
        Ok(Verdict::Pass(Passing { permit, presented, served, caller, request_id }))
    }

    fn presented(
        &self,
        holding: &Holding,
        credential: Credential<'_>,
        now: jwks::Time,
    ) -> Presented {
        match credential {
            Credential::Nothing => Presented::Nothing,
            Credential::Bearer(token) => {
                let view = &holding.view;
                Presented::Bearer(self.cache.get_or_verify(&view.keys, &view.issuer, token, now))
            }
            Credential::ApiKey(key) => Presented::ApiKey(Shown::parse(key)),
            Credential::NoToken => Presented::Bearer(Err(TokenError::Malformed)),
            Credential::Unsupported => Presented::Unsupported,
            Credential::Conflicting => Presented::Conflicting,
        }
    }

    async fn refuse(
        &self,
        session: &mut Session,
        reason: Reason,
        served: Option<&Served>,
        site_key: Option<&str>,
        page: bool,
    ) -> pingora::Result<()> {
        match (reason, served) {
            (Reason::Challenge(ChallengeReason::NotSignedIn), Some(served)) => {
                served.figures.not_signed_in.increment(1);
            }
            _ => metrics::count(site_key, reason.as_str()),
        }
        let realm = served.map_or("", |served| served.realm.as_str());
        let decision = self.replies.refuse(session, reason, realm, page).await?;
        let status = session.response_written().map_or(0, |head| head.status.as_u16());
        tracing::info!(decision, site = site_key, status, reason = reason.as_str(), "refused");
        Ok(())
    }
}

#[async_trait]
impl ProxyHttp for Edge {
    type CTX = Exchange;

    fn new_ctx(&self) -> Exchange {
        self.under_way.count.fetch_add(1, Ordering::AcqRel);
        Exchange { under_way: self.under_way.clone(), passing: None, navigation: false }
    }

    /// pingora's one module compresses answers; ours pass as they come.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    /// The first hook after the head is read.
    fn on_connection_reuse(
        &self,
        _session: &mut Session,
        _exchange: &mut Exchange,
        context: Box<dyn Any + Send + Sync>,
    ) {
        if let Some(head) = context.downcast_ref::<HeadRead>() {
            head.note();
        }
    }

    async fn request_filter(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
    ) -> pingora::Result<bool> {
        // A fault in the judging of one request is the end of that request, and no permit.
        let judging = panic::catch_unwind(AssertUnwindSafe(|| self.judge(session, exchange)));
        let verdict = judging.unwrap_or_else(|_| {
            Error::e_explain(ErrorType::InternalError, "the judging of a request panicked")
        })?;
        match verdict {
            Verdict::Pass(passing) => {
                passing.served.figures.allowed.increment(1);
                if is_upgrade(session.req_header()) {
                    // A WebSocket may be silent for any time.
                    session.set_read_timeout(None);
                }
                exchange.passing = Some(passing);
                Ok(false)
            }
            Verdict::Me(caller) => {
                reply::json(session, &caller).await?;
                Ok(true)
            }
            Verdict::Refuse { reason, served, site_key } => {
                let page = exchange.navigation;
                self.refuse(session, reason, served.as_deref(), site_key.as_deref(), page).await?;
                Ok(true)
            }
        }
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
    ) -> pingora::Result<Box<HttpPeer>> {
        let upstream =
            exchange.passing.as_ref().and_then(|passing| passing.served.upstream.as_ref());
        match upstream {
            Some(upstream) => upstream.peer(is_endless(session.req_header())).await,
            None => Error::e_explain(ErrorType::ConnectError, "the site has no upstream")
                .map_err(|error: Box<Error>| error.into_up()),
        }
    }

    async fn upstream_request_filter(
        &self,
        _session: &mut Session,
        request: &mut RequestHeader,
        exchange: &mut Exchange,
    ) -> pingora::Result<()> {
        let Some(passing) = &exchange.passing else {
            return Error::e_explain(ErrorType::InternalError, "a request without a permit");
        };
        let token = passing.permit.token();
        let origin = Origin {
            client: passing.caller.address,
            secure: passing.caller.secure,
            request_id: passing.request_id.clone(),
            token: token.map(AsRef::as_ref),
            api_key: passing.permit.api_key(),
            take_authorization: token.is_some() && !passing.permit.site().forward_credentials,
        };
        headers::prepare(request, &origin)?;
        if origin.api_key.is_some() && !passing.permit.site().forward_credentials {
            headers::take_api_key(request);
        }
        Ok(())
    }

    /// An HTTP/2 body may end in an empty DATA frame, which pingora turns into a second end of a
    /// chunked body (cloudflare/pingora issue 935); the upstream takes it for the beginning of
    /// the next request.
    async fn request_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        _exchange: &mut Exchange,
    ) -> pingora::Result<()> {
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
        // Only the edge refuses under this name.
        response.remove_header(&headers::DECISION);
        let span = Span::of(response);
        if span != Span::Short
            && let Some(Passing { presented, caller, .. }) = &exchange.passing
        {
            let (request, head) = (session.req_header(), session.to_h1_raw());
            let kept = Kept::of(request, &head, caller.address, presented);
            let kept = kept.ok_or_else(|| Error::new(ErrorType::InternalError))?;
            self.open.tie(kept, span);
        }
        Ok(())
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        exchange: &mut Exchange,
    ) -> FailToProxy {
        let status = status_of(error);
        if let Some(status) = status
            && session.response_written().is_none()
        {
            // A caller that is gone meanwhile is nobody's failure.
            let _ = self.replies.fail(session, status, exchange.navigation).await;
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
        tracing::info!(
            site = passing.permit.site().site_key,
            method = request.method.as_str(),
            path = request.uri.path(),
            status = session.response_written().map_or(0, |head| head.status.as_u16()),
            client = %passing.caller.address,
            request_id = passing.request_id.to_str().unwrap_or_default(),
            sub = passing.permit.token().map(|token| token.sub()),
            key = passing.permit.api_key().map(|key| tracing::field::display(key.record().id)),
            "passed"
        );
    }
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

fn peer(session: &Session) -> IpAddr {
    session
        .client_addr()
        .and_then(|address| address.as_inet())
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), std::net::SocketAddr::ip)
}

/// The target to send where it is not the one that came: absolute form becomes origin form, a
/// path gets its canonical spelling.
fn rewritten(target: &[u8], canonical: &str) -> Option<Vec<u8>> {
    let origin_form = facts::origin_form(target);
    let path_end = origin_form.iter().position(|byte| *byte == b'?').unwrap_or(origin_form.len());
    let (path, query) = origin_form.split_at(path_end);
    if path == canonical.as_bytes() && origin_form.len() == target.len() {
        return None;
    }
    Some([canonical.as_bytes(), query].concat())
}

/// The caller's id for the request, where it has the form of one; else a new one.
fn request_id(request: &RequestHeader) -> HeaderValue {
    let mut given = request.headers.get_all(&headers::REQUEST_ID).iter();
    match (given.next(), given.next()) {
        (Some(id), None) if is_request_id(id.as_bytes()) => id.clone(),
        _ => ids::request_id(),
    }
}

fn is_request_id(id: &[u8]) -> bool {
    (1..=128).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
}

fn is_upgrade(request: &RequestHeader) -> bool {
    request.headers.contains_key(header::UPGRADE)
}

/// Whether an exchange may be silent for any time: WebSocket, server-sent events.
fn is_endless(request: &RequestHeader) -> bool {
    const EVENTS: &[u8] = b"text/event-stream";
    is_upgrade(request)
        || request.headers.get(header::ACCEPT).is_some_and(|accept| {
            accept.as_bytes().windows(EVENTS.len()).any(|part| part.eq_ignore_ascii_case(EVENTS))
        })
}

/// `/.signalbox/me`: what an app behind the edge is told of the caller.
fn me(token: &VerifiedToken) -> serde_json::Value {
    json!({
        "sub": token.sub(),
        "email": token.email(),
        "name": token.name(),
        "roles": token.roles().collect::<Vec<_>>(),
        "tenant": token.tenant_id(),
        "acr": token.level().map(jwks::policy::Level::acr),
        "amr": token.amr().collect::<Vec<_>>(),
        "sid": token.sid(),
    })
}

/// The same of whoever shows an API key.
fn me_by_key(key: &HeldKey) -> serde_json::Value {
    let holder = key.holder();
    json!({
        "sub": holder.user_id,
        "email": holder.email,
        "name": holder.name,
        "roles": holder.roles,
        "tenant": holder.tenant_id,
        "acr": null,
        "amr": [],
        "sid": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_rewritten_only_where_it_must_be() {
        assert_eq!(rewritten(b"/a?b=%61", "/a"), None);
        assert_eq!(rewritten(b"/%61?b=%61", "/a"), Some(b"/a?b=%61".to_vec()));
        assert_eq!(rewritten(b"http://app.test/a?b", "/a"), Some(b"/a?b".to_vec()));
        assert_eq!(rewritten(b"http://app.test", "/"), Some(b"/".to_vec()));
    }

    #[test]
    fn a_request_id_is_short_and_harmless() {
        assert!(is_request_id(b"0-a_B.9"));
        for id in [&b""[..], b"a b", b"a\"", b"<x>", &[b'a'; 129]] {
            assert!(!is_request_id(id));
        }
    }
}
