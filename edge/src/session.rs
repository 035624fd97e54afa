//! Browsers sign in and out at a site: the edge is an OpenID Connect client of the server, and keeps
//! what it is given in a cookie of that site.

use std::{fmt::Write as _, net::IpAddr, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jwks::{
    Time,
    claims::{ID_TOKEN_TYPE, IdClaims},
    decide::{Challenge, ChallengeReason, Decision, decide},
    facts::{Facts, Presented, Sender},
    policy::Level,
    site::Site,
    site_session::{self, ASKED_OF, CALLBACK, CLIENT_ID, RESERVED, SIGNED_OUT},
    verify::{VerifiedToken, verify_signed},
    view::View,
};
use pingora::{http::RequestHeader, proxy::Session};
use tokio::sync::Semaphore;
use url::form_urlencoded;

use crate::{
    assertion,
    backchannel::{Backchannel, Denied},
    brand::Brand,
    cookies,
    exchange::Exchange,
    facts::{self, origin_form},
    flow::{self, Flow, Phase},
    holding::{Holding, Served},
    ids,
    page::{Action, Page, Sign},
    path,
    proxy::Edge,
    reason::Reason,
    renewal::Renewals,
};

/// Where somebody who was told to sign in begins: for callers that are not redirected.
pub const SIGN_IN: &str = "/.signalbox/sign-in";
const SIGN_OUT: &str = "/.signalbox/sign-out";
/// What an authorization request asks to know of the person.
const SCOPE: &str = "openid profile email";
/// The largest cookie that browsers keep, with its name.
const MAX_COOKIE: usize = 4096 - 64;

/// The sessions of browsers at the sites of one edge.
pub struct Sessions {
    /// The way to the server.
    pub backchannel: Arc<Backchannel>,
    /// Tokens that are being renewed.
    pub renewals: Arc<Renewals>,
    /// Room for forms that are read to be kept.
    pub forms: Semaphore,
}

/// What is the edge's own at a site, and open to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// Begins a sign-in.
    SignIn,
    /// Ends one.
    Callback,
    /// Asks, and signs out.
    SignOut,
    /// Says that somebody was signed out.
    SignedOut,
    /// Shows the keys that assertions are signed with.
    Keys,
}

impl Own {
    /// What is at this path.
    #[must_use]
    pub fn at(path: &str) -> Option<Self> {
        if !path.starts_with(RESERVED) {
            return None;
        }
        Some(match path {
            SIGN_IN => Self::SignIn,
            CALLBACK => Self::Callback,
            SIGN_OUT => Self::SignOut,
            SIGNED_OUT => Self::SignedOut,
            assertion::KEYS_PATH => Self::Keys,
            _ => return None,
        })
    }

    /// Whether it can be asked for so.
    #[must_use]
    pub fn takes(self, method: &Method) -> bool {
        match *method {
            Method::GET => true,
            Method::HEAD => self != Self::Callback,
            Method::POST => self == Self::SignOut,
            _ => false,
        }
    }

    /// What another method is told.
    #[must_use]
    pub const fn refusal(self) -> Reason {
        match self {
            Self::SignOut => Reason::ReadOrPost,
            _ => Reason::ReadOnly,
        }
    }
}

/// A browser at a site.
pub struct Visit {
    /// The site.
    pub served: Arc<Served>,
    /// The host that it is called by.
    pub host: String,
    /// The caller's address.
    pub peer: IpAddr,
}

impl Visit {
    /// Whether the site is reached over https: cookies say so.
    #[must_use]
    pub fn secure(&self) -> bool {
        is_secure(self.site())
    }

    /// The address of this path and query there.
    #[must_use]
    pub fn at(&self, target: &str) -> String {
        format!("{}{target}", self.origin())
    }

    fn origin(&self) -> String {
        site_session::origin(self.site(), &self.host)
    }

    /// The site.
    #[must_use]
    pub fn site(&self) -> &Site {
        self.served.site()
    }

    /// How its pages look.
    #[must_use]
    pub fn brand(&self) -> Option<&Brand> {
        Some(&self.served.brand)
    }
}

/// Whether a site is reached over https.
#[must_use]
pub fn is_secure(site: &Site) -> bool {
    site.base_url.starts_with("https://")
}

/// The cookie for a token. `None`: no browser would keep it.
#[must_use]
pub fn cookie(token: &str, secure: bool) -> Option<HeaderValue> {
    let fits = token.len() <= MAX_COOKIE;
    fits.then(|| cookies::set(cookies::SESSION, token, None, secure)).flatten()
}

/// What a sign-in is to reach, and for which request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The level, and how old the proof may be.
    pub level: Option<(Level, Option<u64>)>,
    /// Method and path of the request that needs it.
    pub request: Option<String>,
}

impl Asked {
    /// What a challenge asks, of a request of `method` for the canonical `path`.
    #[must_use]
    pub fn by(reason: ChallengeReason, method: &str, path: &str) -> Self {
        let level = match reason {
            ChallengeReason::Insufficient { acr, max_age } => Some((acr, max_age)),
            _ => None,
        };
        let request = format!("{method} {path}");
        Self { level, request: (request.len() <= flow::MAX_TARGET).then_some(request) }
    }

    /// What the query of [`SIGN_IN`] says.
    fn read(query: &[(String, String)]) -> Self {
        let max_age = one(query, "max_age").and_then(|age| age.parse().ok());
        let level = one(query, "acr_values").and_then(Level::from_acr);
        let request = one(query, "for").filter(|said| said.len() <= flow::MAX_TARGET);
        Self { level: level.map(|level| (level, max_age)), request: request.map(ToOwned::to_owned) }
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        if let Some((level, max_age)) = self.level {
            pairs.push(("acr_values", level.acr().to_owned()));
            pairs.extend(max_age.map(|age| ("max_age", age.to_string())));
        }
        pairs
    }
}

/// Where callers that are not redirected send the person.
#[must_use]
pub fn sign_in_address(site: &Site, host: &str, asked: &Asked) -> String {
    let mut address = format!("{}{SIGN_IN}", site_session::origin(site, host));
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(asked.pairs());
    // Nothing of it where a sign-in of any kind is what is missing.
    if let (Some(_), Some(request)) = (asked.level, &asked.request) {
        query.append_pair("for", request);
    }
    let query = query.finish();
    if !query.is_empty() {
        let _ = write!(address, "?{query}");
    }
    address
}

/// The same address, which leads back to `target`.
#[must_use]
pub fn with_return(address: &str, target: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let joint = if address.contains('?') { '&' } else { '?' };
    format!("{address}{joint}{}", query.append_pair("return", target).finish())
}

/// A redirect to the server, and the cookies that go with it.
pub struct Departure {
    /// Where to.
    pub location: String,
    /// `Set-Cookie` fields.
    pub cookies: Vec<HeaderValue>,
}

/// Begins a sign-in for whoever sent a request with these fields. `None`: it cannot be.
#[must_use]
pub fn depart(
    issuer: &str,
    visit: &Visit,
    fields: &HeaderMap,
    flow: &Flow,
    asked: &Asked,
) -> Option<Departure> {
    let secure = visit.secure();
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", CLIENT_ID)
        .append_pair("redirect_uri", &visit.at(CALLBACK))
        .append_pair("resource", &visit.site().base_url)
        .append_pair("scope", SCOPE)
        .append_pair("state", &flow.state())
        .append_pair("nonce", &flow.nonce())
        .append_pair("code_challenge", &flow.challenge())
        .append_pair("code_challenge_method", "S256")
        .extend_pairs(asked.pairs());
    if let Some(request) = &asked.request {
        query.append_pair(ASKED_OF, request);
    }
    let mut cookies = flow::too_many(cookies::all(fields), secure);
    cookies.push(flow.cookie(secure)?);
    Some(Departure { location: format!("{issuer}/authorize?{}", query.finish()), cookies })
}

/// The way back to what was asked for: path and query, or what of it can be remembered.
#[must_use]
pub fn target_of(request: &RequestHeader) -> String {
    let target = std::str::from_utf8(origin_form(request.raw_path())).unwrap_or("/");
    let path = target.split('?').next().unwrap_or("/");
    let target = [target, path].into_iter().find(|target| flow::is_target(target));
    target.unwrap_or("/").to_owned()
}

impl Sessions {
    /// Answers a request for what is the edge's own.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn answer(
        &self,
        edge: &Edge,
        holding: &Holding,
        session: &mut Session,
        exchange: &mut Exchange,
        own: Own,
        visit: &Visit,
    ) -> pingora::Result<()> {
        let now = (edge.clock)();
        let query = query(session.req_header());
        match own {
            Own::SignIn => self.sign_in(edge, holding, session, visit, &query, now).await,
            Own::Callback => {
                match self.come_back(edge, holding, session, visit, &query, now).await {
                    Ok(arrival) => {
                        let Arrival { location, cookies } = arrival;
                        edge.replies
                            .redirect(session, StatusCode::SEE_OTHER, &location, &cookies, None)
                            .await
                    }
                    Err(astray) => {
                        let decision = ids::decision_id();
                        let page = astray.page(visit, &decision);
                        let reason = Reason::Astray(astray.reason);
                        let served = Some(&*visit.served);
                        edge.note_refusal(
                            session,
                            exchange,
                            &decision,
                            reason,
                            served,
                            page.status,
                        );
                        edge.replies.page(session, visit.brand(), &page, &astray.cookies).await
                    }
                }
            }
            Own::SignOut if session.req_header().method == Method::POST => {
                self.sign_out(edge, holding, session, exchange, visit, &query).await
            }
            Own::SignOut => {
                let page = Page {
                    title: "Sign out?",
                    message: "Here, or at every site and app that you use with this sign-in.",
                    actions: sign_out_buttons(),
                    forms_to: Some(&holding.view.issuer),
                    ..Page::new(StatusCode::OK)
                };
                edge.replies.page(session, visit.brand(), &page, &[]).await
            }
            Own::Keys => edge.replies.json(session, edge.assertions.published(), &[]).await,
            Own::SignedOut => edge.replies.page(session, visit.brand(), &signed_out(), &[]).await,
        }
    }

    async fn sign_in(
        &self,
        edge: &Edge,
        holding: &Holding,
        session: &mut Session,
        visit: &Visit,
        query: &[(String, String)],
        now: Time,
    ) -> pingora::Result<()> {
        let target = one(query, "return").filter(|target| flow::is_target(target)).unwrap_or("/");
        let fields = &session.req_header().headers;
        let asked = Asked::read(query);
        let departure = Flow::begin(Phase::Visit, target.to_owned(), now)
            .and_then(|flow| depart(&holding.view.issuer, visit, fields, &flow, &asked));
        match departure {
            Some(Departure { location, cookies }) => {
                edge.replies.redirect(session, StatusCode::FOUND, &location, &cookies, None).await
            }
            None => {
                edge.replies
                    .fail(session, StatusCode::INTERNAL_SERVER_ERROR, visit.brand(), true)
                    .await
            }
        }
    }

    /// The answer to an authorization request has come.
    async fn come_back(
        &self,
        edge: &Edge,
        holding: &Holding,
        session: &Session,
        visit: &Visit,
        query: &[(String, String)],
        now: Time,
    ) -> Result<Arrival, Astray> {
        let view = &holding.view;
        let secure = visit.secure();
        let fields = &session.req_header().headers;
        let state = one(query, "state").unwrap_or_default();
        let flow = Flow::of_state(cookies::all(fields), state, secure, now);
        let flow = flow.ok_or_else(|| Astray::new("unknown_flow", None))?;
        let removed: Vec<HeaderValue> = flow.cookie_removed(secure).into_iter().collect();
        let astray = |reason| Astray {
            cookies: removed.clone(),
            ..Astray::new(reason, Some(flow.target.clone()))
        };
        // RFC 9207 section 2.4: who answers is the one who was asked.
        if one(query, "iss") != Some(&view.issuer) {
            return Err(astray("wrong_issuer"));
        }
        if let Some(error) = one(query, "error") {
            return Err(astray(known_error(error)));
        }
        let code = one(query, "code").ok_or_else(|| astray("no_code"))?;
        let redirect_uri = visit.at(CALLBACK);
        let place = &visit.site().base_url;
        let redeemed = self.backchannel.redeem(code, &redirect_uri, &flow.verifier(), place).await;
        let tokens = redeemed.map_err(|denied| {
            tracing::warn!(%denied, site = visit.site().site_key, "a code was not redeemed");
            astray(match denied {
                Denied::Refused(_) => "code_refused",
                Denied::Away(_) => "server_away",
            })
        })?;
        let token = edge
            .cache
            .get_or_verify(&view.keys, &view.issuer, &tokens.access_token, now)
            .map_err(|why| astray(why.as_str()))?;
        id_token_fits(view, &tokens.id_token, &token, &flow, now).map_err(astray)?;
        let held = cookie(&tokens.access_token, secure).ok_or_else(|| astray("too_large"))?;
        // It is a session from here on; whether it is enough for what was asked is seen now, and not
        // by going round in a circle.
        let method = if flow.phase == Phase::Visit { "GET" } else { "POST" };
        let mut cookies = vec![held];
        if let Some(Challenge { reason, .. }) =
            objection(edge, view, visit, &flow, &token, method, now)
        {
            cookies.extend(removed);
            let asked = Asked::by(reason, method, flow.target.split('?').next().unwrap_or("/"));
            let again = matches!(reason, ChallengeReason::Insufficient { .. });
            return Err(Astray {
                cookies,
                again: again.then(|| {
                    let address = sign_in_address(visit.site(), &visit.host, &asked);
                    with_return(&address, &flow.target)
                }),
                ..Astray::new(reason.as_str(), Some(flow.target.clone()))
            });
        }
        match flow.phase {
            Phase::Kept => {
                // The browser goes where it posted the form; the form is sent as it arrives.
                cookies.extend(flow.ready().cookie(secure));
            }
            Phase::Visit | Phase::Ready => cookies.extend(removed),
        }
        let location = visit.at(&flow.target);
        Ok(Arrival { location, cookies })
    }

    async fn sign_out(
        &self,
        edge: &Edge,
        holding: &Holding,
        session: &mut Session,
        exchange: &mut Exchange,
        visit: &Visit,
        query: &[(String, String)],
    ) -> pingora::Result<()> {
        let request = session.req_header();
        let page = facts::looks_for_page(request);
        if !is_own_sender(holding, visit, facts::sender(&request.headers)) {
            exchange.navigation = page;
            let (reason, served) = (Reason::ForeignSender, Some(&*visit.served));
            return edge.refuse(session, exchange, reason, served, None).await;
        }
        let secure = visit.secure();
        let token = cookies::session(&request.headers, secure).map(ToOwned::to_owned);
        let mut onward = None;
        if one(query, "everywhere").is_some_and(|said| said != "0") {
            // The server signs out without a question whoever shows an ID token of the session.
            let hint = match &token {
                Some(token) => self.backchannel.renew(token).await.ok(),
                None => None,
            };
            onward = Some(end_session(&holding.view.issuer, visit, hint.map(|it| it.id_token)));
        }
        let ended = match &token {
            Some(token) => self.backchannel.end(token).await,
            None => Ok(()),
        };
        let removed: Vec<HeaderValue> =
            cookies::set(cookies::SESSION, "", Some(Duration::ZERO), secure).into_iter().collect();
        if let Err(denied) = ended {
            tracing::warn!(%denied, site = visit.site().site_key, "a session was not ended");
            let away = Page {
                title: "Not signed out everywhere",
                message: "This browser is signed out here, but the sign-in service could not be \
                          told. Please try again shortly.",
                ..Page::new(StatusCode::SERVICE_UNAVAILABLE)
            };
            return edge.replies.page(session, visit.brand(), &away, &removed).await;
        }
        match (page, onward) {
            (true, Some(location)) => {
                edge.replies
                    .redirect(session, StatusCode::SEE_OTHER, &location, &removed, None)
                    .await
            }
            (true, None) => {
                let location = visit.at(SIGNED_OUT);
                edge.replies
                    .redirect(session, StatusCode::SEE_OTHER, &location, &removed, None)
                    .await
            }
            (false, onward) => {
                let mut value = serde_json::json!({ "signed_out": true });
                if let Some(onward) = onward {
                    value["continue"] = onward.into();
                }
                edge.replies.json(session, value.to_string().into(), &removed).await
            }
        }
    }
}

/// What speaks against what was asked for, now that somebody has signed in.
fn objection(
    edge: &Edge,
    view: &View,
    visit: &Visit,
    flow: &Flow,
    token: &Arc<VerifiedToken>,
    method: &str,
    now: Time,
) -> Option<Challenge> {
    let target = flow.target.split('?').next().unwrap_or("/");
    let canonical = path::canonical(target.as_bytes());
    let facts = Facts {
        host: Some(&visit.host),
        method,
        path: canonical.as_deref().map_err(|malformed| *malformed),
        peer: visit.peer,
        presented: Presented::Nothing,
        session: Some(Ok(token.clone())),
        sender: Sender::Own,
        upgrade: false,
        navigation: true,
        view_confirmed_at: edge.held.confirmed_at(),
    };
    match decide(view, &facts, now) {
        Decision::Challenge(challenge) => Some(challenge),
        // Whoever may not enter is told so there.
        Decision::Allow(_) | Decision::Deny(_) => None,
    }
}

/// Whether an ID token says that the owner of `token` signed in for this very flow (OpenID Connect
/// Core section 3.1.3.7).
fn id_token_fits(
    view: &View,
    id_token: &str,
    token: &VerifiedToken,
    flow: &Flow,
    now: Time,
) -> Result<(), &'static str> {
    let claims: IdClaims =
        verify_signed(&view.keys, ID_TOKEN_TYPE, id_token).map_err(|why| why.as_str())?;
    let fits = claims.iss == *view.issuer
        && claims.aud == CLIENT_ID
        && claims.sub == token.sub()
        && token.sid() == Some(claims.sid.as_str())
        && now < Time::from_secs(claims.exp).plus(jwks::verify::LEEWAY);
    match (fits, claims.nonce.as_deref() == Some(flow.nonce().as_str())) {
        (true, true) => Ok(()),
        (true, false) => Err("wrong_nonce"),
        (false, _) => Err("wrong_id_token"),
    }
}

/// Somebody is back.
struct Arrival {
    location: String,
    cookies: Vec<HeaderValue>,
}

/// Somebody came back, and is not where they wanted to be.
struct Astray {
    reason: &'static str,
    target: Option<String>,
    again: Option<String>,
    cookies: Vec<HeaderValue>,
}

impl Astray {
    const fn new(reason: &'static str, target: Option<String>) -> Self {
        Self { reason, target, again: None, cookies: Vec::new() }
    }

    fn page<'p>(&self, visit: &Visit, decision: &'p str) -> Page<'p> {
        let (status, title, message) = match self.reason {
            "unknown_flow" => (
                StatusCode::BAD_REQUEST,
                "This sign-in is over",
                "It was finished before, took longer than ten minutes, or began in another \
                 browser. Cookies must be allowed here.",
            ),
            "access_denied" => {
                (StatusCode::FORBIDDEN, "Not signed in", "The sign-in was cancelled.")
            }
            "unmet_authentication_requirements" | "insufficient" => (
                StatusCode::FORBIDDEN,
                "This sign-in is not enough",
                "This page asks for a stronger or fresher sign-in than you can show here.",
            ),
            "server_away" => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Not available",
                "The sign-in service does not answer at the moment. Please try again shortly.",
            ),
            "too_large" => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "You cannot be signed in here",
                "There is more to say of you (roles, for example) than a browser can keep. Please \
                 tell whoever runs this site.",
            ),
            _ => (
                StatusCode::BAD_REQUEST,
                "The sign-in did not work",
                "It could not be finished. Please try again.",
            ),
        };
        let back = self.target.as_deref().unwrap_or("/");
        let onward = self.again.clone().unwrap_or_else(|| visit.at(back));
        Page {
            title,
            message,
            decision: Some(decision),
            actions: vec![Action::Go { label: "Try again", to: onward }],
            ..Page::new(status)
        }
    }
}

/// The error codes that have words of their own; what else comes is the caller's text.
fn known_error(error: &str) -> &'static str {
    match error {
        "access_denied" => "access_denied",
        "unmet_authentication_requirements" => "unmet_authentication_requirements",
        "temporarily_unavailable" | "server_error" => "server_away",
        _ => "authorization_error",
    }
}

/// Whether a browser says that a page of this very site sends a request, or nobody says anything.
#[must_use]
pub fn is_own_sender(holding: &Holding, visit: &Visit, sender: Sender<'_>) -> bool {
    match sender {
        Sender::Own => true,
        Sender::Host(host) => holding
            .view
            .site_by_host(host)
            .is_some_and(|sender| sender.site_key == visit.site().site_key),
        Sender::Foreign => false,
    }
}

fn end_session(issuer: &str, visit: &Visit, hint: Option<String>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("client_id", CLIENT_ID)
        .append_pair("post_logout_redirect_uri", &visit.at(SIGNED_OUT));
    if let Some(hint) = hint.filter(|hint| !hint.is_empty()) {
        query.append_pair("id_token_hint", &hint);
    }
    format!("{issuer}/end_session?{}", query.finish())
}

fn signed_out() -> Page<'static> {
    Page {
        title: "You are signed out",
        sign: Sign::Good,
        message: "On a shared device, close the browser too.",
        actions: vec![Action::Go { label: "Sign in again", to: "/".to_owned() }],
        ..Page::new(StatusCode::OK)
    }
}

fn sign_out_buttons() -> Vec<Action> {
    let everywhere = format!("{SIGN_OUT}?everywhere=1");
    vec![
        Action::Post { label: "Sign out here", to: SIGN_OUT.to_owned(), name: "here" },
        Action::Post { label: "Sign out everywhere", to: everywhere, name: "everywhere" },
    ]
}

fn query(request: &RequestHeader) -> Vec<(String, String)> {
    let target = origin_form(request.raw_path());
    let at = target.iter().position(|byte| *byte == b'?').map_or(target.len(), |at| at + 1);
    form_urlencoded::parse(&target[at..]).into_owned().collect()
}

/// The value of a parameter that comes once.
fn one<'q>(query: &'q [(String, String)], name: &str) -> Option<&'q str> {
    let mut values = query.iter().filter(|(own, _)| own == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(base_url: &str) -> Visit {
        let site: Site = serde_json::from_value(serde_json::json!({
            "site_key": "wiki", "base_url": base_url, "hosts": ["wiki.example"], "upstreams": [],
        }))
        .unwrap();
        Visit {
            served: Arc::new(Served::new(&Arc::new(site), None)),
            host: "wiki.example".into(),
            peer: [192, 0, 2, 7].into(),
        }
    }

    #[test]
    fn a_request_is_gone_back_to_with_its_query_or_with_what_can_be_remembered() {
        let target =
            |raw: &str| target_of(&RequestHeader::build("GET", raw.as_bytes(), None).unwrap());
        assert_eq!(target("/a/b?c=d"), "/a/b?c=d");
        assert_eq!(target("http://wiki.example/a?b"), "/a?b");
        assert_eq!(target(&format!("/a?{}", "x".repeat(3000))), "/a");
        assert_eq!(target(&format!("/{}?a", "x".repeat(3000))), "/");
    }

    #[test]
    fn an_authorization_request_says_all_that_the_server_judges_by() {
        let visit = visit("https://wiki.example");
        let flow = Flow::begin(Phase::Visit, "/x".into(), Time::from_secs(1_800_000_000)).unwrap();
        let reason =
            ChallengeReason::Insufficient { acr: Level::PhishingResistant, max_age: Some(60) };
        let asked = Asked::by(reason, "POST", "/pay");
        let fields = HeaderMap::new();
        let departure = depart("https://id.example", &visit, &fields, &flow, &asked).unwrap();
        let url = url::Url::parse(&departure.location).unwrap();
        assert_eq!(url.path(), "/authorize");
        let said: std::collections::BTreeMap<_, _> = url.query_pairs().into_owned().collect();
        for (name, value) in [
            ("client_id", CLIENT_ID),
            ("redirect_uri", "https://wiki.example/.signalbox/callback"),
            ("resource", "https://wiki.example"),
            ("acr_values", "urn:signalbox:phr"),
            ("max_age", "60"),
            ("site_request", "POST /pay"),
            ("code_challenge_method", "S256"),
            ("state", &flow.state()),
            ("nonce", &flow.nonce()),
        ] {
            assert_eq!(said[name], value, "{name}");
        }
        let cookie = departure.cookies[0].to_str().unwrap();
        assert!(cookie.starts_with("__Host-sb_flow_") && cookie.ends_with("; Secure"), "{cookie}");
        assert!(!departure.location.contains(&flow.verifier()));
    }

    #[test]
    fn who_is_not_redirected_hears_where_to_sign_in() {
        let visit = visit("http://wiki.example:81");
        let said = |reason| {
            let asked = Asked::by(reason, "GET", "/api");
            sign_in_address(visit.site(), "wiki.example", &asked)
        };
        let plain = "http://wiki.example:81/.signalbox/sign-in";
        assert_eq!(said(ChallengeReason::NotSignedIn), plain);
        let asked = said(ChallengeReason::Insufficient { acr: Level::TwoFactor, max_age: None });
        assert_eq!(asked, format!("{plain}?acr_values=urn%3Asignalbox%3A2fa&for=GET+%2Fapi"));
        let url = url::Url::parse(&asked).unwrap();
        let query: Vec<_> = url.query_pairs().into_owned().collect();
        let read = Asked::read(&query);
        assert_eq!(read.level, Some((Level::TwoFactor, None)));
        assert_eq!(read.request.as_deref(), Some("GET /api"));
    }

    #[test]
    fn a_token_that_no_browser_keeps_is_no_session() {
        assert!(cookie(&"x".repeat(4000), true).is_some());
        assert!(cookie(&"x".repeat(4033), true).is_none());
    }
}
