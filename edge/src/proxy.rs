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
    decide::{Challenge, ChallengeReason, Decision, Permit, decide, reached},
    facts::{Facts, Presented, Sender},
    site::Site,
    site_session::{self, RESERVED},
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
    cookies,
    facts::{self, Caller, Credential},
    flow::{Flow, Phase},
    headers::{self, Origin},
    holding::{Held, Holding, Served},
    ids,
    kept_form::{Form, NoForm},
    metrics,
    renewal::{self, Renewal, Watched},
    reply::{self, Page, Reason, Replies},
    session::{self, Asked, Departure, Own, Sessions, Visit},
};

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
    /// The sessions of browsers.
    pub sessions: Sessions,
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
    renewing: Option<Renewing>,
    posting: Option<Posting>,
}

/// A form that its sender had to sign in for.
struct Posting {
    /// It, once it was taken.
    form: Option<Form>,
    /// What the browser is given with the answer: it holds the form no longer.
    cookie: Option<HeaderValue>,
}

/// A session whose token is old.
struct Renewing {
    secure: bool,
    state: RenewingState,
}

enum RenewingState {
    /// A new one may come.
    Watched(Watched),
    /// It is over, and was this.
    Over(String),
    /// A new one came before the request was judged.
    Renewed(Arc<str>),
}

impl Exchange {
    /// The cookie that the browser is given beside the answer: the session's new token, where there
    /// is one by now.
    fn renewed(&mut self) -> Option<HeaderValue> {
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

/// A request that may pass.
struct Passing {
    permit: Permit,
    served: Arc<Served>,
    caller: Caller,
    request_id: HeaderValue,
}

/// How a request was judged, with all that answering it needs.
enum Verdict {
    Pass(Passing),
    Me(Arc<VerifiedToken>),
    Own(Own, Visit, Arc<Holding>),
    /// A browser has come back from signing in, and a form waits to be sent.
    Form(Flow, Visit),
    /// Somebody at a browser may mend it by signing in.
    SignIn {
        reason: ChallengeReason,
        path: String,
        served: Option<Arc<Served>>,
        visit: Visit,
    },
    Refuse {
        reason: Reason,
        served: Option<Arc<Served>>,
        site_key: Option<String>,
    },
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
        let site = parsed.host.as_deref().and_then(|host| holding.view.site_by_host(host));
        if let Some(site) = site
            && parsed.navigation
            && request.method == Method::GET
            && parsed.path.is_ok()
            && let Some(flow) = ready_form(request, site, now)
        {
            let host = parsed.host.as_deref().unwrap_or_default().to_owned();
            let visit = Visit { site: site.clone(), host, peer: caller.address };
            return Ok(Verdict::Form(flow, visit));
        }
        let shown = site.and_then(|site| self.session(holding, site, request, exchange, now));
        let facts = Facts {
            host: parsed.host.as_deref(),
            method: request.method.as_str(),
            path: parsed.path.as_deref().map_err(|malformed| *malformed),
            peer: caller.address,
            presented: self.presented(holding, parsed.credential, now),
            session: shown,
            // It was posted by a page of the site, and only then kept.
            sender: if exchange.posting.is_some() { Sender::Own } else { parsed.sender },
            upgrade: parsed.upgrade,
            navigation: parsed.navigation,
            view_confirmed_at: self.held.confirmed_at(),
        };
        let visit = |site: &Arc<Site>| Visit {
            site: site.clone(),
            host: parsed.host.as_deref().unwrap_or_default().to_owned(),
            peer: caller.address,
        };
        if let Some(own) = parsed.path.as_deref().ok().and_then(Own::at) {
            return match reached(&holding.view, &facts, now) {
                Ok(site) if own.takes(&request.method) => {
                    Ok(Verdict::Own(own, visit(&site), holding.clone()))
                }
                Ok(site) => Ok(Verdict::Refuse {
                    reason: Reason::ReadOnly,
                    served: holding.site(&site.site_key).cloned(),
                    site_key: Some(site.site_key.clone()),
                }),
                Err(refusal) => Ok(Verdict::Refuse {
                    reason: Reason::Refusal(refusal.reason),
                    served: refusal
                        .site
                        .as_ref()
                        .and_then(|it| holding.site(&it.site_key).cloned()),
                    site_key: refusal.site.map(|site| site.site_key.clone()),
                }),
            };
        }
        let decision = decide(&holding.view, &facts, now);
        let named = |site: &jwks::site::Site| holding.site(&site.site_key).cloned();
        let permit = match decision {
            Decision::Allow(permit) => permit,
            Decision::Challenge(Challenge { site, reason, sign_in: true }) => {
                return Ok(Verdict::SignIn {
                    reason,
                    path: parsed.path.as_deref().unwrap_or("/").to_owned(),
                    served: named(&site),
                    visit: visit(&site),
                });
            }
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
            let reason = match (&**path, &request.method, permit.token()) {
                (ME, &(Method::GET | Method::HEAD), Some(token)) => {
                    return Ok(Verdict::Me(token.clone()));
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
        Ok(Verdict::Pass(Passing { permit, served, caller, request_id }))
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
            Credential::NoToken => Presented::Bearer(Err(TokenError::Malformed)),
            Credential::Unsupported => Presented::Unsupported,
            Credential::Conflicting => Presented::Conflicting,
        }
    }

    /// The session that a browser shows at `site`, as it was found.
    fn session(
        &self,
        holding: &Holding,
        site: &Site,
        request: &RequestHeader,
        exchange: &mut Exchange,
        now: jwks::Time,
    ) -> Option<Result<Arc<VerifiedToken>, TokenError>> {
        let secure = session::is_secure(site);
        let shown = cookies::session(&request.headers, secure)?;
        let renewed = match &exchange.renewing {
            Some(Renewing { state: RenewingState::Renewed(token), .. }) => Some(token.clone()),
            _ => None,
        };
        let text = renewed.as_deref().unwrap_or(shown);
        let view = &holding.view;
        let token = self.cache.get_or_verify(&view.keys, &view.issuer, text, now);
        let state = match &token {
            _ if renewed.is_some() => return Some(token),
            Err(TokenError::Expired) => Some(RenewingState::Over(text.to_owned())),
            Ok(token)
                if site_session::is_of_session(token)
                    && renewal::is_due(token, &site.policy, now) =>
            {
                self.sessions.renewals.of(text).map(RenewingState::Watched)
            }
            _ => None,
        };
        exchange.renewing = state.map(|state| Renewing { secure, state });
        Some(token)
    }

    /// Judges anew where the token of a session is over, and a new one is to be had: a page whose
    /// script calls after a long rest is not to hear of it.
    async fn revive(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
    ) -> pingora::Result<Option<Verdict>> {
        let Some(Renewing { secure, state: RenewingState::Over(token) }) = &exchange.renewing
        else {
            return Ok(None);
        };
        let secure = *secure;
        let renewed = self.sessions.renewals.now(token).await;
        let state = renewed.map(RenewingState::Renewed);
        exchange.renewing = state.map(|state| Renewing { secure, state });
        match exchange.renewing {
            Some(_) => self.judge_safely(session, exchange).map(Some),
            None => Ok(None),
        }
    }

    /// A fault in the judging of one request is the end of that request, and no permit.
    fn judge_safely(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
    ) -> pingora::Result<Verdict> {
        let judging = panic::catch_unwind(AssertUnwindSafe(|| self.judge(session, exchange)));
        judging.unwrap_or_else(|_| {
            Error::e_explain(ErrorType::InternalError, "the judging of a request panicked")
        })
    }

    /// Answers somebody who may mend it by signing in: a browser that fetches a page goes there, and
    /// everybody else hears where that is.
    async fn send_to_sign_in(
        &self,
        session: &mut Session,
        exchange: &Exchange,
        reason: ChallengeReason,
        path: &str,
        served: Option<&Served>,
        visit: &Visit,
    ) -> pingora::Result<()> {
        let request = session.req_header();
        let asked = Asked::by(reason, request.method.as_str(), path);
        let posts = request.method == Method::POST
            && facts::looks_for_page(request)
            && exchange.posting.is_none();
        if posts {
            return self.keep_form(session, reason, served, visit, &asked).await;
        }
        if !exchange.navigation {
            let address = session::sign_in_address(&visit.site, &visit.host, &asked);
            let site_key = Some(visit.site.site_key.as_str());
            let reason = Reason::Challenge(reason);
            return self.refuse(session, reason, served, site_key, Some(&address), false).await;
        }
        let issuer = self.held.load().as_ref().map(|holding| holding.view.issuer.clone());
        let target = session::target_of(request);
        let departure = Flow::begin(Phase::Visit, target, (self.clock)()).and_then(|flow| {
            session::depart(issuer.as_deref()?, visit, &request.headers, &flow, &asked)
        });
        let Some(Departure { location, cookies }) = departure else {
            return self.replies.fail(session, StatusCode::INTERNAL_SERVER_ERROR, true).await;
        };
        let decision = ids::decision_id();
        self.note_refusal(&decision, Reason::Challenge(reason), served, &visit.site.site_key, 302);
        reply::redirect(session, StatusCode::FOUND, &location, &cookies, Some(&decision)).await
    }

    /// Answers somebody who posted a form and has to sign in first: it is kept, and they go there. A
    /// form of another site's page is nothing that this one's people have sent.
    async fn keep_form(
        &self,
        session: &mut Session,
        reason: ChallengeReason,
        served: Option<&Served>,
        visit: &Visit,
        asked: &Asked,
    ) -> pingora::Result<()> {
        let holding = self.held.load_full();
        let fields = &session.req_header().headers;
        let is_own = facts::names_sender(fields)
            && holding.as_ref().is_some_and(|holding| {
                session::is_own_sender(holding, visit, facts::sender(fields))
            });
        let Some(holding) = holding.filter(|_| is_own) else {
            let (site_key, reason) = (visit.site.site_key.as_str(), Reason::Challenge(reason));
            return self.refuse(session, reason, served, Some(site_key), None, true).await;
        };
        let target = session::target_of(session.req_header());
        let is_whole = facts::origin_form(session.req_header().raw_path()) == target.as_bytes();
        let kept = match Form::read(session).await {
            Ok(form) if is_whole => self.seal_and_keep(&form, target, visit).await,
            Ok(_) | Err(NoForm::TooLarge) => Err((StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE)),
            Err(NoForm::Broken) => Err((StatusCode::BAD_REQUEST, BROKEN)),
        };
        let departure = kept.and_then(|flow| {
            let fields = &session.req_header().headers;
            session::depart(&holding.view.issuer, visit, fields, &flow, asked)
                .ok_or((StatusCode::INTERNAL_SERVER_ERROR, BROKEN))
        });
        let decision = ids::decision_id();
        let (noted, site_key) = (Reason::Challenge(reason), visit.site.site_key.as_str());
        match departure {
            Ok(Departure { location, cookies }) => {
                // Not by a redirect: browsers hold one that answers a form against the `form-action`
                // of the app's own page.
                let status = StatusCode::UNAUTHORIZED;
                self.note_refusal(&decision, noted, served, site_key, status.as_u16());
                let realm = served.map_or("", |served| served.realm.as_str());
                let page = Page {
                    title: "Please sign in",
                    message: KEPT.to_owned(),
                    decision: Some(&decision),
                    actions: continue_link(&location),
                    refresh: Some(&location),
                    challenge: noted.challenge(realm),
                    ..Page::new(status)
                };
                self.replies.page(session, &page, &cookies).await
            }
            Err((status, message)) => {
                self.note_refusal(&decision, noted, served, site_key, status.as_u16());
                let sign_in = session::sign_in_address(&visit.site, &visit.host, asked);
                let page = Page {
                    title: "Please sign in and send it again",
                    message: message.to_owned(),
                    decision: Some(&decision),
                    actions: continue_link(&sign_in),
                    ..Page::new(status)
                };
                self.replies.page(session, &page, &[]).await
            }
        }
    }

    async fn seal_and_keep(
        &self,
        form: &Form,
        target: String,
        visit: &Visit,
    ) -> Result<Flow, (StatusCode, &'static str)> {
        let broken = (StatusCode::INTERNAL_SERVER_ERROR, BROKEN);
        let flow = Flow::begin(Phase::Kept, target, (self.clock)()).ok_or(broken)?;
        let sealed = form.seal(&flow, &visit.site.site_key);
        let sealed = sealed.ok_or((StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE))?;
        let kept = self.sessions.backchannel.keep(&flow.kept_name(), visit.peer, sealed).await;
        kept.map_err(|denied| {
            tracing::warn!(%denied, site = visit.site.site_key, "a form was not kept");
            (StatusCode::SERVICE_UNAVAILABLE, NOT_KEPT)
        })?;
        Ok(flow)
    }

    /// Sends the form that waits for a browser that has come back: it is judged as it was posted,
    /// taken, and only then sent; so it reaches the app once, and never before the proof. `None`: the
    /// browser was answered.
    async fn post_form(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
        flow: Flow,
        visit: Visit,
    ) -> pingora::Result<Option<Verdict>> {
        let secure = visit.secure();
        let cookie = flow.cookie_removed(secure);
        exchange.posting = Some(Posting { form: None, cookie: cookie.clone() });
        session.req_header_mut().set_method(Method::POST);
        let mut verdict = self.judge_safely(session, exchange)?;
        if exchange.renewing.is_some()
            && let Some(anew) = self.revive(session, exchange).await?
        {
            verdict = anew;
        }
        // Whatever comes of it, somebody looks at it.
        exchange.navigation = true;
        let mut cookies: Vec<HeaderValue> = cookie.into_iter().collect();
        if let Verdict::Pass(_) = verdict {
            match self.sessions.backchannel.take(&flow.kept_name()).await {
                Ok(Some(sealed)) => {
                    let form = Form::open(sealed, &flow, &visit.site.site_key);
                    if let Some(form) = form {
                        if let Some(posting) = &mut exchange.posting {
                            posting.form = Some(form);
                        }
                        return Ok(Some(verdict));
                    }
                }
                Ok(None) => {}
                Err(denied) => {
                    tracing::warn!(%denied, site = visit.site.site_key, "a form was not taken");
                    let page = Page {
                        title: "Not sent yet",
                        message: NOT_TAKEN.to_owned(),
                        ..Page::new(StatusCode::SERVICE_UNAVAILABLE)
                    };
                    self.replies.page(session, &page, &[]).await?;
                    return Ok(None);
                }
            }
        }
        // It was sent before, or may not be sent any more: what is there is to be seen.
        let location = visit.at(&flow.target);
        cookies.extend(exchange.renewed());
        reply::redirect(session, StatusCode::SEE_OTHER, &location, &cookies, None).await?;
        Ok(None)
    }

    fn note_refusal(
        &self,
        decision: &str,
        reason: Reason,
        served: Option<&Served>,
        site_key: &str,
        status: u16,
    ) {
        match (reason, served) {
            (Reason::Challenge(ChallengeReason::NotSignedIn), Some(served)) => {
                served.figures.not_signed_in.increment(1);
            }
            _ => metrics::count((!site_key.is_empty()).then_some(site_key), reason.as_str()),
        }
        tracing::info!(decision, site = site_key, status, reason = reason.as_str(), "refused");
    }

    async fn refuse(
        &self,
        session: &mut Session,
        reason: Reason,
        served: Option<&Served>,
        site_key: Option<&str>,
        sign_in: Option<&str>,
        page: bool,
    ) -> pingora::Result<()> {
        let realm = served.map_or("", |served| served.realm.as_str());
        let decision = self.replies.refuse(session, reason, realm, sign_in, page).await?;
        let status = session.response_written().map_or(0, |head| head.status.as_u16());
        self.note_refusal(&decision, reason, served, site_key.unwrap_or_default(), status);
        Ok(())
    }
}

#[async_trait]
impl ProxyHttp for Edge {
    type CTX = Exchange;

    fn new_ctx(&self) -> Exchange {
        self.under_way.count.fetch_add(1, Ordering::AcqRel);
        Exchange {
            under_way: self.under_way.clone(),
            passing: None,
            navigation: false,
            renewing: None,
            posting: None,
        }
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
        let mut verdict = self.judge_safely(session, exchange)?;
        if exchange.renewing.is_some()
            && let Some(anew) = self.revive(session, exchange).await?
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
                if is_upgrade(session.req_header()) {
                    // A WebSocket may be silent for any time.
                    session.set_read_timeout(None);
                }
                exchange.passing = Some(passing);
                Ok(false)
            }
            Verdict::Me(token) => {
                let cookies: Vec<HeaderValue> = exchange.renewed().into_iter().collect();
                reply::json(session, &me(&token), &cookies).await?;
                Ok(true)
            }
            Verdict::Own(own, visit, holding) => {
                self.sessions.answer(self, &holding, session, own, &visit).await?;
                Ok(true)
            }
            Verdict::SignIn { reason, path, served, visit } => {
                let served = served.as_deref();
                self.send_to_sign_in(session, exchange, reason, &path, served, &visit).await?;
                Ok(true)
            }
            Verdict::Refuse { reason, served, site_key } => {
                let page = exchange.navigation;
                let (served, site_key) = (served.as_deref(), site_key.as_deref());
                self.refuse(session, reason, served, site_key, None, page).await?;
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
            Some(upstream) => {
                let mut peer = upstream.peer(is_endless(session.req_header())).await?;
                if exchange.posting.is_some() {
                    // A connection of its own: one that was used before may be closing, and nothing
                    // is sent twice.
                    peer.group_key = ids::next();
                    // Over HTTP/2 pingora ends the request with its head, since none came with a body.
                    peer.options.set_http_version(1, 1);
                }
                Ok(peer)
            }
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
        let by_session = passing.permit.by_session();
        let origin = Origin {
            client: passing.caller.address,
            secure: passing.caller.secure,
            request_id: passing.request_id.clone(),
            token: token.map(AsRef::as_ref),
            method: if by_session { "session" } else { "bearer" },
            take_authorization: token.is_some()
                && !by_session
                && !passing.permit.site().forward_credentials,
        };
        headers::prepare(request, &origin)?;
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
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        exchange: &mut Exchange,
    ) -> pingora::Result<()> {
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
        _session: &mut Session,
        response: &mut ResponseHeader,
        exchange: &mut Exchange,
    ) -> pingora::Result<()> {
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
            "passed"
        );
    }
}

const KEPT: &str =
    "What you sent is kept for ten minutes, and is sent as soon as you have signed in.";
const TOO_LARGE: &str =
    "What you sent is too large to be kept while you sign in. Sign in first, then send it again.";
const BROKEN: &str = "What you sent did not arrive whole. Sign in first, then send it again.";
const NOT_KEPT: &str =
    "What you sent could not be kept while you sign in. Sign in first, then send it again.";
const NOT_TAKEN: &str =
    "What you sent is kept, and could not be fetched at the moment. Reload this page to send it.";

fn continue_link(address: &str) -> String {
    format!("<p><a href=\"{}\">Sign in</a></p>", reply::escaped(address))
}

/// The form that waits for whoever sends this request, if there is one.
fn ready_form(request: &RequestHeader, site: &Site, now: jwks::Time) -> Option<Flow> {
    if !request.headers.contains_key(header::COOKIE) {
        return None;
    }
    let target = facts::origin_form(request.raw_path());
    Flow::ready_for(cookies::all(&request.headers), target, session::is_secure(site), now)
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
