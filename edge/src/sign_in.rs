//! Somebody at a browser may mend a refusal by signing in: they are sent to the server. What comes
//! of it is in [`crate::come_back`].

use std::fmt::Write as _;

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jwks::{
    decide::ChallengeReason,
    policy::Level,
    site::Site,
    site_session::{self, ASKED_OF, CALLBACK, CLIENT_ID},
};
use pingora::{http::RequestHeader, proxy::Session};
use url::form_urlencoded;

use crate::{
    cookies,
    exchange::Exchange,
    facts::{self, origin_form},
    flow::{self, Flow, Phase},
    ids,
    own::SIGN_IN,
    path,
    proxy::Edge,
    query::Query,
    reason::Reason,
    session::Visit,
};

/// What an authorization request asks to know of the person.
const SCOPE: &str = "openid profile email";

/// What a sign-in is to reach, and for which request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The level, and how old the proof may be.
    pub level: Option<(Level, Option<u64>)>,
    /// Method and path of the request that needs it.
    pub request: Option<String>,
}

impl Wanted {
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
    fn read(query: &Query) -> Self {
        let max_age = query.one("max_age").and_then(|age| age.parse().ok());
        let level = query.one("acr_values").and_then(Level::from_acr);
        let request = query.one("for").filter(|said| said.len() <= flow::MAX_TARGET);
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
pub fn address(site: &Site, host: &str, wanted: &Wanted) -> String {
    let mut address = format!("{}{SIGN_IN}", site_session::origin(site, host));
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(wanted.pairs());
    // Nothing of it where a sign-in of any kind is what is missing.
    if let (Some(_), Some(request)) = (wanted.level, &wanted.request) {
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
    visit: &Visit,
    fields: &HeaderMap,
    flow: &Flow,
    wanted: &Wanted,
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
        .extend_pairs(wanted.pairs());
    if let Some(request) = &wanted.request {
        query.append_pair(ASKED_OF, request);
    }
    let mut cookies = flow::too_many(cookies::all(fields), secure);
    cookies.push(flow.cookie(secure)?);
    let location = format!("{}/authorize?{}", visit.issuer(), query.finish());
    Some(Departure { location, cookies })
}

/// The way back to what was asked for: path and query, or what of it can be remembered.
#[must_use]
pub fn target_of(request: &RequestHeader) -> String {
    let target = std::str::from_utf8(origin_form(request.raw_path())).unwrap_or("/");
    let path = &target[..path::split(target.as_bytes()).0.len()];
    let target = [target, path].into_iter().find(|target| flow::is_target(target));
    target.unwrap_or("/").to_owned()
}

impl Edge {
    /// Answers somebody who may mend it by signing in: a browser that fetches a page goes there, what
    /// it posts is kept, and everybody else hears where that is.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn send_to_sign_in(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
        reason: ChallengeReason,
        path: &str,
        visit: &Visit,
    ) -> pingora::Result<()> {
        let request = session.req_header();
        let wanted = Wanted::by(reason, request.method.as_str(), path);
        let (reason, served) = (Reason::Challenge(reason), &*visit.served);
        let posts = request.method == Method::POST
            && facts::looks_for_page(request)
            && exchange.posting.is_none();
        if posts {
            return self.keep_form(session, exchange, reason, visit, &wanted).await;
        }
        if !exchange.navigation {
            let address = address(visit.site(), &visit.host, &wanted);
            return self.refuse(session, exchange, reason, Some(served), Some(&address)).await;
        }
        let departure = Flow::begin(Phase::Visit, target_of(request), (self.clock)())
            .and_then(|flow| depart(visit, &request.headers, &flow, &wanted));
        let Some(Departure { location, cookies }) = departure else {
            return self.fail_to_depart(session, visit).await;
        };
        let decision = ids::decision_id();
        self.note_refusal(session, exchange, &decision, reason, Some(served), StatusCode::FOUND);
        self.replies
            .redirect(session, StatusCode::FOUND, &location, &cookies, Some(&decision))
            .await
    }

    /// Begins a sign-in for somebody who was told where.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn begin_sign_in(&self, session: &mut Session, visit: &Visit) -> pingora::Result<()> {
        let request = session.req_header();
        let query = Query::of(request);
        let target = query.one("return").filter(|target| flow::is_target(target)).unwrap_or("/");
        let departure = Flow::begin(Phase::Visit, target.to_owned(), (self.clock)())
            .and_then(|flow| depart(visit, &request.headers, &flow, &Wanted::read(&query)));
        match departure {
            Some(Departure { location, cookies }) => {
                self.replies.redirect(session, StatusCode::FOUND, &location, &cookies, None).await
            }
            None => self.fail_to_depart(session, visit).await,
        }
    }

    async fn fail_to_depart(&self, session: &mut Session, visit: &Visit) -> pingora::Result<()> {
        self.replies.fail(session, StatusCode::INTERNAL_SERVER_ERROR, visit.brand(), true).await
    }
}

#[cfg(test)]
mod tests {
    use jwks::Time;

    use super::*;
    use crate::session::tests::visit;

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
        let wanted = Wanted::by(reason, "POST", "/pay");
        let departure = depart(&visit, &HeaderMap::new(), &flow, &wanted).unwrap();
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
            let wanted = Wanted::by(reason, "GET", "/api");
            address(visit.site(), "wiki.example", &wanted)
        };
        let plain = "http://wiki.example:81/.signalbox/sign-in";
        assert_eq!(said(ChallengeReason::NotSignedIn), plain);
        let asked = said(ChallengeReason::Insufficient { acr: Level::TwoFactor, max_age: None });
        assert_eq!(asked, format!("{plain}?acr_values=urn%3Asignalbox%3A2fa&for=GET+%2Fapi"));
        let target = asked.strip_prefix("http://wiki.example:81").unwrap();
        let request = RequestHeader::build("GET", target.as_bytes(), None).unwrap();
        let read = Wanted::read(&Query::of(&request));
        assert_eq!(read.level, Some((Level::TwoFactor, None)));
        assert_eq!(read.request.as_deref(), Some("GET /api"));
    }
}
