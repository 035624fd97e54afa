//! How a request is judged: what it says is read, `jwks::decide` decides, and what answering it
//! needs is put together.

use std::{
    net::{IpAddr, Ipv4Addr},
    panic::{self, AssertUnwindSafe},
    sync::Arc,
};

use http::{HeaderValue, Method, header};
use jwks::{
    Time,
    api_key::{self, Shown},
    decide::{Challenge, ChallengeReason, Decision, Permit, RefusalReason, decide, reached},
    facts::{Facts, Malformed, Presented},
    record::RecordedFacts,
    site::Site,
    site_session,
    verify::{TokenError, VerifiedToken},
    who::Who,
};
use pingora::{Error, ErrorType, http::RequestHeader, proxy::Session};
use serde_json::{Value, json};

use crate::{
    cookies,
    exchange::{Exchange, Passing, Renewing, RenewingState, UnknownKey},
    facts::{self, Caller, Credential, Parsed, TooLarge},
    flow::Flow,
    forward_auth::{self, Original},
    headers::{self, Identity},
    holding::{Holding, Served},
    ids,
    key_lookup::Lookup,
    open,
    own::{self, AUTH, Access, Own, OwnPath},
    path,
    proxy::Edge,
    rate::Asker,
    reason::Reason,
    renewal,
    session::{self, Visit},
};

/// How a request was judged, with all that answering it needs.
pub enum Verdict {
    /// It goes to the site.
    Pass(Passing),
    /// What an app is told of the caller.
    Me(Value, Arc<Served>),
    /// What is the edge's own, and open to anybody.
    Own(Own, Visit),
    /// Yes, to a proxy that asks.
    Vouch(Vouching),
    /// A browser has come back from signing in, and a form waits to be sent.
    Form(Flow, Visit),
    /// Somebody at a browser may mend it by signing in.
    SignIn {
        /// What is missing.
        reason: ChallengeReason,
        /// The canonical path.
        path: String,
        /// Who, and where.
        visit: Visit,
    },
    /// No.
    Refuse {
        /// Why.
        reason: Reason,
        /// The site, where one is named.
        served: Option<Arc<Served>>,
    },
}

/// What a proxy is told of a request that may pass.
pub struct Vouching {
    /// Why, and whose it is.
    pub permit: Permit,
    /// What it is told of the caller.
    pub identity: Option<Identity>,
    /// The caller's address.
    pub client: IpAddr,
}

impl Verdict {
    const fn refuse(reason: Reason) -> Self {
        Self::Refuse { reason, served: None }
    }

    const fn refuse_at(served: Option<Arc<Served>>, reason: Reason) -> Self {
        Self::Refuse { reason, served }
    }
}

impl Edge {
    /// Judges the request of `session`. A path or target that had to be put into its canonical
    /// form is rewritten, so that what was judged is what is sent. A fault in the judging of one
    /// request is the end of that request, and no permit.
    ///
    /// # Errors
    /// A fault.
    pub fn judge(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
    ) -> pingora::Result<Verdict> {
        let judging = panic::catch_unwind(AssertUnwindSafe(|| self.read(session, exchange)));
        judging.unwrap_or_else(|_| {
            Error::e_explain(ErrorType::InternalError, "the judging of a request panicked")
        })
    }

    fn read(&self, session: &mut Session, exchange: &mut Exchange) -> pingora::Result<Verdict> {
        let head = session.to_h1_raw();
        let peer = peer(session);
        let secure = session.digest().is_some_and(|digest| digest.ssl_digest.is_some());
        let request = session.req_header();
        let parsed = match facts::parse(request, &head) {
            Ok(parsed) => parsed,
            Err(too_large) => return Ok(Verdict::refuse(Reason::TooLarge(too_large))),
        };
        exchange.navigation = parsed.navigation;
        let caller = facts::caller(peer, secure, &request.headers, &self.trusted_proxies);
        let path = parsed.path.as_deref().map_err(|malformed| *malformed);
        exchange.asked = forward_auth::Question::by(request);
        let holding = self.held.load();
        let Some(holding) = holding.as_ref() else {
            return Ok(Verdict::refuse(path.err().map_or(Reason::NoView, malformed)));
        };
        if exchange.asked.is_some() {
            let asked = self.original(request, peer);
            let asked = asked.map(|original| {
                self.judge_original(holding, request, &parsed, &original, caller, exchange)
            });
            return Ok(asked.unwrap_or_else(Verdict::refuse));
        }
        let (verdict, target) =
            self.judge_direct(holding, request, head.len() as u64, &parsed, caller, exchange);
        if let Some(Rewritten { target, host }) = target {
            let request = session.req_header_mut();
            request.set_raw_path(&target)?;
            if let Some(host) = host {
                request.insert_header(header::HOST, host)?;
            }
        }
        Ok(verdict)
    }

    /// Judges the request that a proxy holds.
    fn judge_original(
        &self,
        holding: &Arc<Holding>,
        request: &RequestHeader,
        parsed: &Parsed<'_>,
        original: &Original<'_>,
        caller: Caller,
        exchange: &mut Exchange,
    ) -> Verdict {
        exchange.navigation &= original.is_read();
        let host = original.host.as_deref();
        if !forward_auth::agree(&holding.view, parsed.host.as_deref(), host) {
            return Verdict::refuse(Reason::NoOriginal);
        }
        let now = (self.clock)();
        let site = host.and_then(|host| holding.view.site_by_host(host));
        let facts = Facts {
            host,
            method: original.method,
            path: original.path.as_deref().map_err(|malformed| *malformed),
            peer: caller.address,
            presented: self.presented(holding, parsed.credential, caller.address, exchange, now),
            session: site.and_then(|site| self.session(holding, site, request, exchange, now)),
            sender: parsed.sender.clone(),
            upgrade: forward_auth::is_upgrade(request),
            view_confirmed_at: self.held.confirmed_at(),
        };
        match self.decided(holding, &facts, exchange, now) {
            Ok((permit, served)) => {
                if let Err(wait) = self.rate(&permit, caller.address, now) {
                    exchange.recorded = Some(record(&facts, holding, exchange.navigation));
                    return Verdict::refuse_at(Some(served), Reason::TooMany(wait));
                }
                served.figures.allowed.increment(1);
                if let Some(key) = permit.api_key() {
                    self.key_uses.note(key.record().id, now);
                }
                let identity = self.assertions.of(&holding.view.issuer, &permit, now);
                Verdict::Vouch(Vouching { permit, identity, client: caller.address })
            }
            Err(Objection { served, reason, sign_in }) => {
                if let (Some(asked), Some(served), true, Reason::Challenge(why)) =
                    (&mut exchange.asked, &served, sign_in, reason)
                {
                    asked.sign_in = original.sign_in_address(served.site(), why);
                }
                Verdict::Refuse { reason, served }
            }
        }
    }

    /// Judges a request that came to the edge itself. With it comes the target to send, where that is
    /// not the one that came.
    fn judge_direct(
        &self,
        holding: &Arc<Holding>,
        request: &RequestHeader,
        head: u64,
        parsed: &Parsed<'_>,
        caller: Caller,
        exchange: &mut Exchange,
    ) -> (Verdict, Option<Rewritten>) {
        let host = parsed.host.as_deref();
        let site = host.and_then(|host| holding.view.site_by_host(host));
        let now = (self.clock)();
        let visit = |served: Arc<Served>| Visit {
            holding: holding.clone(),
            served,
            host: host.unwrap_or_default().to_owned(),
            peer: caller.address,
        };
        let session = site.and_then(|site| self.session(holding, site, request, exchange, now));
        if let (Some(site), Some(Ok(token))) = (site, &session)
            && parsed.navigation
            && request.method == Method::GET
            && parsed.path.is_ok()
            && let Some(flow) = ready_form(request, site, token, now)
            && let Some(served) = holding.site(&site.site_key)
        {
            return (Verdict::Form(flow, visit(served.clone())), None);
        }
        let facts = Facts {
            host,
            method: request.method.as_str(),
            path: parsed.path.as_deref().map_err(|malformed| *malformed),
            peer: caller.address,
            presented: self.presented(holding, parsed.credential, caller.address, exchange, now),
            session,
            sender: open::sender(exchange.posting.is_some(), parsed.sender.clone()),
            upgrade: parsed.upgrade,
            view_confirmed_at: self.held.confirmed_at(),
        };
        let path = facts.path.unwrap_or("/");
        let own = OwnPath::at(path);
        if let Some(own) = own.filter(|own| own.access == Access::Anybody) {
            return (for_anybody(own, &request.method, holding, &facts, visit, now), None);
        }
        let (permit, served) = match self.decided(holding, &facts, exchange, now) {
            Ok(permitted) => permitted,
            Err(Objection {
                served: Some(served),
                reason: Reason::Challenge(reason),
                sign_in: true,
            }) => {
                let path = path.to_owned();
                return (Verdict::SignIn { reason, path, visit: visit(served) }, None);
            }
            Err(Objection { served, reason, .. }) => {
                return (Verdict::refuse_at(served, reason), None);
            }
        };
        if own::is_reserved(path) {
            return (for_callers(own, &request.method, &permit, served), None);
        }
        if let Some(reason) = self.excess(request, head, &permit, &served, caller.address, now) {
            exchange.recorded = Some(record(&facts, holding, exchange.navigation));
            return (Verdict::refuse_at(Some(served), reason), None);
        }
        if let Some(key) = permit.api_key() {
            self.key_uses.note(key.record().id, now);
        }
        let request_id = request_id(request);
        let identity = self.assertions.of(&holding.view.issuer, &permit, now);
        let target = rewritten(request.raw_path(), path).map(|target| {
            // The authority of HTTP/2 is a part of the target and would be lost with it.
            Rewritten { target, host: facts::authority_field(request) }
        });
        (Verdict::Pass(Passing { permit, served, caller, request_id, identity }), target)
    }

    /// Whether a request of these facts may pass, and at which site.
    fn decided(
        &self,
        holding: &Holding,
        facts: &Facts<'_>,
        exchange: &mut Exchange,
        now: Time,
    ) -> Result<(Permit, Arc<Served>), Objection> {
        let named = |site: &Site| holding.site(&site.site_key).cloned();
        let decision = decide(&holding.view, facts, now);
        let is_allowed = matches!(decision, Decision::Allow(_));
        exchange.recorded = (!is_allowed).then(|| record(facts, holding, exchange.navigation));
        match decision {
            Decision::Allow(permit) => match named(permit.site()) {
                Some(served) => Ok((permit, served)),
                // A view and its sites are one value, so whatever the view names is there.
                None => Err(Objection { served: None, reason: Reason::NoView, sign_in: false }),
            },
            Decision::Challenge(Challenge { site, reason, sign_in }) => {
                Err(Objection { served: named(&site), reason: Reason::Challenge(reason), sign_in })
            }
            Decision::Deny(refusal) => Err(Objection {
                served: refusal.site.as_deref().and_then(named),
                reason: Reason::Refusal(refusal.reason),
                sign_in: false,
            }),
        }
    }

    /// What a request that may pass has too much of, for its site.
    fn excess(
        &self,
        request: &RequestHeader,
        head: u64,
        permit: &Permit,
        served: &Served,
        address: IpAddr,
        now: Time,
    ) -> Option<Reason> {
        let forwarding = &served.pool.forwarding;
        if head > forwarding.max_head {
            return Some(Reason::TooLarge(TooLarge::Head));
        }
        if forwarding.max_body.is_some_and(|most| announced_length(request) > most) {
            return Some(Reason::TooLarge(TooLarge::Body));
        }
        self.rate(permit, address, now).err().map(Reason::TooMany)
    }

    /// Takes one request of what its site allows; or how many seconds to wait.
    fn rate(&self, permit: &Permit, address: IpAddr, now: Time) -> Result<(), u64> {
        let site = permit.site();
        let (site_key, limits) = (site.site_key.as_str(), site.policy.limits);
        self.rates.take(&Asker { site_key, limits, who: permit.who(), address }, now)
    }

    /// The request that whoever sends `request` asks about.
    fn original<'r>(
        &self,
        request: &'r RequestHeader,
        peer: IpAddr,
    ) -> Result<Original<'r>, Reason> {
        if !facts::is_trusted(peer, &self.trusted_proxies) {
            return Err(Reason::NotTrusted);
        }
        OwnPath::at(AUTH).map_or(Ok(()), |auth| auth.takes(&request.method))?;
        Original::read(&request.headers)
    }

    fn presented(
        &self,
        holding: &Holding,
        credential: Credential<'_>,
        peer: IpAddr,
        exchange: &mut Exchange,
        now: Time,
    ) -> Presented {
        match credential {
            Credential::Nothing => Presented::Nothing,
            Credential::Bearer(token) => {
                let view = &holding.view;
                Presented::Bearer(self.cache.get_or_verify(&view.keys, &view.issuer, token, now))
            }
            Credential::ApiKey(key) => self.api_key(holding, key, peer, exchange),
            Credential::NoToken => Presented::Bearer(Err(TokenError::Malformed)),
            Credential::Unsupported => Presented::Unsupported,
            Credential::Conflicting => Presented::Conflicting,
        }
    }

    /// An API key, with what the server has said of it where the view has no room for all.
    fn api_key(
        &self,
        holding: &Holding,
        key: &str,
        peer: IpAddr,
        exchange: &mut Exchange,
    ) -> Presented {
        let shown = Shown::parse(key);
        let beyond = shown
            .filter(|shown| holding.view.more_keys() && holding.view.api_key(shown.id).is_none());
        let looked_up = beyond.and_then(|Shown { id, .. }| {
            if let Some(UnknownKey { said: Some(said), .. }) = &exchange.unknown_key {
                return match said {
                    Lookup::Known(held) => Some(held.clone()),
                    Lookup::Nothing | Lookup::Away => None,
                };
            }
            let lately = self.key_lookup.lately(id);
            if lately.is_none() {
                exchange.unknown_key = Some(UnknownKey { id, peer, said: None });
            }
            lately.flatten()
        });
        Presented::ApiKey { shown, looked_up }
    }

    /// Judges, and judges anew where the server has to be asked first: for the next token of a session
    /// whose last one is over, or for an API key that the view has no room for.
    ///
    /// # Errors
    /// A fault.
    pub async fn judge_with_patience(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
    ) -> pingora::Result<Verdict> {
        let mut verdict = self.judge(session, exchange)?;
        if let Some(anew) = self.revive(session, exchange, &verdict).await? {
            verdict = anew;
        }
        if let Some(anew) = self.look_up(session, exchange, &verdict).await? {
            verdict = anew;
        }
        Ok(verdict)
    }

    /// Judges anew where `verdict` is no because the view does not hold the API key that is shown, by
    /// what the server says of it.
    async fn look_up(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
        verdict: &Verdict,
    ) -> pingora::Result<Option<Verdict>> {
        let Some(unknown) = &mut exchange.unknown_key else {
            return Ok(None);
        };
        let Verdict::Refuse { reason: Reason::Challenge(ChallengeReason::ApiKey(why)), served } =
            verdict
        else {
            return Ok(None);
        };
        if *why != api_key::Verdict::Unknown {
            return Ok(None);
        }
        let said = self.key_lookup.ask(unknown.id, unknown.peer).await;
        if matches!(said, Lookup::Away) {
            return Ok(Some(Verdict::refuse_at(served.clone(), Reason::NotLookedUp)));
        }
        unknown.said = Some(said);
        self.judge(session, exchange).map(Some)
    }

    /// The session that a browser shows at `site`, as it was found.
    fn session(
        &self,
        holding: &Holding,
        site: &Site,
        request: &RequestHeader,
        exchange: &mut Exchange,
        now: Time,
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

    /// Judges anew where `verdict` is no because the token of a session is over, and a new one is to be
    /// had: a page whose script calls after a long rest is not to hear of it. Where nobody need be
    /// anybody, nobody waits: it comes with one of the next answers.
    async fn revive(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
        verdict: &Verdict,
    ) -> pingora::Result<Option<Verdict>> {
        let Some(Renewing { secure, state: RenewingState::Over(token) }) = &exchange.renewing
        else {
            return Ok(None);
        };
        let secure = *secure;
        match verdict {
            Verdict::SignIn { reason: OVER, .. }
            | Verdict::Refuse { reason: Reason::Challenge(OVER), .. } => {}
            Verdict::Pass(_) | Verdict::Vouch(_) => {
                let watched = self.sessions.renewals.of(token);
                let state = watched.map(RenewingState::Watched);
                exchange.renewing = state.map(|state| Renewing { secure, state });
                return Ok(None);
            }
            _ => return Ok(None),
        }
        let renewed = self.sessions.renewals.now(token).await;
        let state = renewed.map(RenewingState::Renewed);
        exchange.renewing = state.map(|state| Renewing { secure, state });
        match exchange.renewing {
            Some(_) => self.judge(session, exchange).map(Some),
            None => Ok(None),
        }
    }
}

/// A target that is not the one that came.
struct Rewritten {
    /// The canonical path, and the query as it came.
    target: Vec<u8>,
    /// The host that would be lost with the old one.
    host: Option<HeaderValue>,
}

/// Why a request may not pass.
struct Objection {
    served: Option<Arc<Served>>,
    reason: Reason,
    /// Whether somebody at a browser may mend it by signing in.
    sign_in: bool,
}

/// What a session hears whose token is over.
const OVER: ChallengeReason = ChallengeReason::InvalidToken(TokenError::Expired);

const fn malformed(malformed: Malformed) -> Reason {
    Reason::Refusal(RefusalReason::Malformed(malformed))
}

fn record(facts: &Facts<'_>, holding: &Holding, navigation: bool) -> Box<RecordedFacts> {
    Box::new(RecordedFacts::of(facts, &holding.view.issuer, navigation))
}

/// What is the edge's own for anybody, where the site is served.
fn for_anybody(
    own: &OwnPath,
    method: &Method,
    holding: &Holding,
    facts: &Facts<'_>,
    visit: impl FnOnce(Arc<Served>) -> Visit,
    now: Time,
) -> Verdict {
    let served = |site: &Site| holding.site(&site.site_key).cloned();
    match reached(&holding.view, facts, now) {
        Ok(site) => match (own.takes(method), served(&site)) {
            (Ok(()), Some(served)) => Verdict::Own(own.own, visit(served)),
            (Ok(()), None) => Verdict::refuse(Reason::NoView),
            (Err(reason), served) => Verdict::refuse_at(served, reason),
        },
        Err(refusal) => Verdict::refuse_at(
            refusal.site.as_deref().and_then(served),
            Reason::Refusal(refusal.reason),
        ),
    }
}

/// What is the edge's own for who may enter.
fn for_callers(
    own: Option<&OwnPath>,
    method: &Method,
    permit: &Permit,
    served: Arc<Served>,
) -> Verdict {
    let Some(own) = own.filter(|own| own.own == Own::Me) else {
        return Verdict::refuse_at(Some(served), Reason::NoSuchPage);
    };
    match (own.takes(method), permit.who()) {
        (Ok(()), Some(who)) => Verdict::Me(me(who), served),
        (Ok(()), None) => {
            let reason = Reason::Challenge(ChallengeReason::NotSignedIn);
            Verdict::refuse_at(Some(served), reason)
        }
        (Err(reason), _) => Verdict::refuse_at(Some(served), reason),
    }
}

/// The form that waits for whoever sends this request with the session of `token`, if there is one.
fn ready_form(
    request: &RequestHeader,
    site: &Site,
    token: &VerifiedToken,
    now: Time,
) -> Option<Flow> {
    let target = facts::origin_form(request.raw_path());
    let all = cookies::all(&request.headers);
    Flow::ready_for(all, target, token.sid()?, session::is_secure(site), now)
}

/// What `Content-Length` says; 0 where it says nothing.
fn announced_length(request: &RequestHeader) -> u64 {
    let length = request.headers.get(header::CONTENT_LENGTH);
    length.map_or(0, |length| {
        // What is no number in so many bits is more than anything.
        length.to_str().ok().and_then(|digits| digits.parse().ok()).unwrap_or(u64::MAX)
    })
}

/// The address at the other end of the connection.
pub fn peer(session: &Session) -> IpAddr {
    session
        .client_addr()
        .and_then(|address| address.as_inet())
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), std::net::SocketAddr::ip)
}

/// The target to send where it is not the one that came: absolute form becomes origin form, a
/// path gets its canonical spelling.
fn rewritten(target: &[u8], canonical: &str) -> Option<Vec<u8>> {
    let origin_form = facts::origin_form(target);
    let (path, query) = origin_form.split_at(path::split(origin_form).0.len());
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
fn me(who: &Who) -> Value {
    json!({
        "sub": who.sub(),
        "email": who.email(),
        "name": who.name(),
        "roles": who.roles().collect::<Vec<_>>(),
        "tenant": who.tenant_id(),
        "acr": who.level().map(jwks::policy::Level::acr),
        "amr": who.amr().collect::<Vec<_>>(),
        "sid": who.sid(),
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
