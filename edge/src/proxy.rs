//! The proxy: pingora's hooks, each a few lines. Who may pass, `jwks::decide` says.

use std::{
    any::Any,
    net::{IpAddr, Ipv4Addr},
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use ipnet::IpNet;
use jwks::{
    decide::{Challenge, ChallengeReason, Decision, Permit, RefusalReason, decide, reached},
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
    connection::{Door, HeadRead},
    cookies,
    facts::{self, Caller, Credential, Parsed, TooLarge},
    flow::{Flow, Phase},
    headers::{self, Origin},
    holding::{Held, Holding, Served},
    ids,
    kept_form::{Form, NoForm},
    limits::Limits,
    metrics,
    rate::{Asker, Rates},
    renewal::{self, Renewal, Watched},
    reply::{self, Page, Reason, Replies},
    session::{self, Asked, Departure, Own, Sessions, Visit},
    upstream::{self, Need, Route},
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
    /// How often who has asked.
    pub rates: Rates,
    /// What one caller may take.
    pub limits: Limits,
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
    route: Route,
    door: Door,
    course: Course,
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

/// How far a request has come, and when.
struct Course {
    /// When its head was read.
    begun: Instant,
    /// When an upstream was first asked for it.
    judged: Option<Instant>,
    /// When the head of the upstream's answer came.
    answered: Option<Instant>,
    /// Bytes of its body so far.
    received: u64,
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
                Err(malformed) => Reason::Refusal(RefusalReason::Malformed(malformed)),
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
        let named = |site: &Site| holding.site(&site.site_key).cloned();
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
        let site = permit.site();
        let forwarding = &served.pool.forwarding;
        let asker = Asker {
            site_key,
            limits: site.policy.limits,
            token: permit.token().map(AsRef::as_ref),
            address: caller.address,
        };
        let excess = if head.len() as u64 > forwarding.max_head {
            Some(Reason::TooLarge(TooLarge::Head))
        } else if forwarding.max_body.is_some_and(|most| announced_length(request) > most) {
            Some(Reason::TooLarge(TooLarge::Body))
        } else {
            self.rates.take(&asker, now).err().map(Reason::TooMany)
        };
        if let Some(reason) = excess {
            let site_key = Some(site_key.to_owned());
            return Ok(Verdict::Refuse { reason, served: Some(served), site_key });
        }
        let request_id = request_id(request);
        if let Some(target) = rewritten(request.raw_path(), path) {
            // The authority of HTTP/2 is a part of the target and would be lost with it.
            let host = facts::authority(request).map(HeaderValue::from_bytes);
            let request = session.req_header_mut();
            request.set_raw_path(&target)?;
            if let Some(Ok(host)) = host {
                request.insert_header(header::HOST, host)?;
            }
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
            route: Route::default(),
            door: Door::Tls,
            course: Course { begun: Instant::now(), judged: None, answered: None, received: 0 },
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
            return self.send_to_https(session).await;
        }
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
                if upstream::is_upgrade(session.req_header()) {
                    // A WebSocket may be silent for any time.
                    session.set_read_timeout(None);
                }
                session.set_write_timeout(Some(self.limits.write));
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

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        exchange: &mut Exchange,
    ) -> FailToProxy {
        let status = status_of(error);
        if let (Some(status), Some(passing)) = (status, &exchange.passing) {
            metrics::failed(&passing.permit.site().site_key, status);
        }
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
        let Course { begun, judged, answered, received } = &exchange.course;
        let now = Instant::now();
        let judged = judged.unwrap_or(now);
        let answered = answered.unwrap_or(now);
        tracing::info!(
            decision = "allow",
            level = passing.permit.token().and_then(|token| Some(token.level()?.acr())),
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

impl Edge {
    /// Sends a caller who came without TLS to the same address with it. Only hosts of sites are
    /// named in the answer.
    async fn send_to_https(&self, session: &mut Session) -> pingora::Result<bool> {
        let head = session.to_h1_raw();
        let request = session.req_header();
        let (target, page) = match facts::parse(request, &head) {
            Err(too_large) => (Err(Reason::TooLarge(too_large)), false),
            Ok(parsed) => (self.https_target(&parsed, request), parsed.navigation),
        };
        match target {
            Ok(location) => self.replies.redirect(session, &location).await?,
            Err(reason) => self.refuse(session, reason, None, None, None, page).await?,
        }
        Ok(true)
    }

    fn https_target(&self, parsed: &Parsed<'_>, request: &RequestHeader) -> Result<String, Reason> {
        let path = match &parsed.path {
            Ok(path) => path,
            Err(malformed) => {
                return Err(Reason::Refusal(RefusalReason::Malformed(*malformed)));
            }
        };
        let holding = self.held.load();
        let holding = holding.as_ref().ok_or(Reason::NoView)?;
        let host = parsed.host.as_deref().unwrap_or_default();
        let site = holding.view.site_by_host(host);
        let site = site.ok_or(Reason::Refusal(RefusalReason::UnknownHost))?;
        Ok(https_address(site, host, path, request))
    }
}

/// Where `request` would have gone by https: the host it names, at the port of the site's address.
fn https_address(site: &Site, host: &str, path: &str, request: &RequestHeader) -> String {
    let origin = site.base_url.strip_prefix("https://").unwrap_or_default();
    let after_address = origin.rfind(']').map_or(0, |bracket| bracket + 1);
    let port = origin[after_address..].find(':').map_or("", |at| &origin[after_address + at..]);
    let target = facts::origin_form(request.raw_path());
    let query = target.iter().position(|byte| *byte == b'?').map_or(&[][..], |at| &target[at..]);
    let query = String::from_utf8_lossy(query);
    format!("https://{host}{port}{path}{query}")
}

/// What `Content-Length` says; 0 where it says nothing.
fn announced_length(request: &RequestHeader) -> u64 {
    let length = request.headers.get(header::CONTENT_LENGTH);
    length.map_or(0, |length| {
        // What is no number in so many bits is more than anything.
        length.to_str().ok().and_then(|digits| digits.parse().ok()).unwrap_or(u64::MAX)
    })
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
