//! A visit to one of the pages of a sign-in: which browser comes, what it is on its way to, and where
//! it goes on. Each page judges anew what is missing, and sends on whoever is wrong there: so neither
//! the back button nor another tab leads astray.

use std::time::Duration;

use axum::response::{IntoResponse, Redirect, Response};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, StatusCode, header};
use url::{Url, form_urlencoded};

use super::{
    PAGES, answer,
    views::{ClientCard, FlowOver, Form, Look},
};
use crate::{
    auth::{
        AuthError,
        browser::{self, Browser, BrowserSession},
        devices, known_device,
        login::HalfSignedIn,
        mfa::{self, Standing},
    },
    clock::random,
    domain::{
        authorization::Done,
        login::Outstanding,
        secret::{OpaqueToken, SecretHash},
    },
    http::{
        cookies,
        oauth::{answer as oauth_answer, call::Call, response_mode},
    },
    oauth::{
        OAuthError, OAuthResult,
        authorize::{self, Destination, Flow, Judgement, Step},
        clients, device,
        params::Params,
    },
};

/// What a browser is known by to the forms that it is given: no other one sends them.
const FORMS: &str = "sb_forms";
/// Half a sign-in, by what it is on its way to: so two tabs do not disturb each other.
const HALF: &str = "sb_half";
/// What stands in the address of a page. A form that was posted there is answered as if it had it.
const ADDRESS: [&str; 10] = [
    "flow",
    "client_id",
    "to",
    "user_code",
    "token",
    "id_token_hint",
    "logout_hint",
    "post_logout_redirect_uri",
    "state",
    "ui_locales",
];
/// The pages of this server that somebody may come back to. Each is a whole first segment.
const LOCAL: [&str; 3] = ["device", "account", "admin"];

/// The page where a step of a flow is done.
#[must_use]
pub fn page_of(flow: &Flow, step: &Step) -> String {
    format!("{}?{}", path_of(step), flow_query(flow))
}

fn path_of(step: &Step) -> &'static str {
    match step {
        Step::SignIn(_) | Step::Issue(_) | Step::Refuse(_) => "/login",
        Step::Choose => "/choose-account",
        Step::StepUp(..) => "/mfa",
        Step::Enrol(_) => "/mfa/enrol",
        Step::Consent(..) => "/consent",
    }
}

fn flow_query(flow: &Flow) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("flow", flow.token.as_str())
        .append_pair("client_id", &flow.client.client_id)
        .finish()
}

/// What somebody signs in for.
pub enum Way {
    /// A client's request.
    Flow(Box<Flow>),
    /// A page of this server, or nothing in particular.
    Local(Option<String>),
}

/// A visit.
pub struct Visit {
    /// The request.
    pub call: Call,
    /// What it says: its query, or its form.
    pub params: Params,
    /// How its pages look.
    pub look: Look,
    /// What it is for.
    pub way: Way,
    /// Who is signed in here.
    pub browser: Browser,
    /// What the browser's forms are bound to.
    forms: String,
    cookies: Vec<HeaderValue>,
    /// Whether the browser is to hold something else from now on.
    holds_anew: bool,
}

/// Why a visit ends before its page.
pub enum Stop {
    /// It was answered.
    Answered(Box<Response>),
    /// Signing in said no.
    Auth(AuthError),
    /// The authorization server did.
    OAuth(OAuthError),
}

impl From<AuthError> for Stop {
    fn from(reason: AuthError) -> Self {
        Self::Auth(reason)
    }
}

impl From<OAuthError> for Stop {
    fn from(reason: OAuthError) -> Self {
        Self::OAuth(reason)
    }
}

impl From<Response> for Stop {
    fn from(response: Response) -> Self {
        Self::Answered(Box::new(response))
    }
}

/// What a page gives.
pub type Paged = Result<Response, Stop>;

impl Visit {
    /// A visit by a link.
    pub async fn shown(call: Call) -> Result<Self, Response> {
        let params = call.asked().map_err(|reason| oauth_answer::refused_page(&call, &reason))?;
        Self::open(call, params).await
    }

    /// A visit by a form that was sent from a page of ours, or by no browser at all.
    pub async fn posted(call: Call) -> Result<Self, Response> {
        if !answer::is_same_origin(&call.app, &call.headers) {
            return Err(refused(&call, &AuthError::Forbidden));
        }
        let unread = |reason: OAuthError| oauth_answer::refused_page(&call, &reason);
        let form = call.form().map_err(unread)?;
        let query = call.asked().map_err(unread)?;
        let beside =
            query.iter().filter(|(name, _)| ADDRESS.contains(name) && form.get(name).is_none());
        let pairs =
            form.iter().chain(beside).map(|(name, value)| (name.to_owned(), value.to_owned()));
        let params = Params::new(pairs.collect());
        Self::open(call, params).await
    }

    /// The same for a form that counts only from the browser that was given it. Who was given it
    /// before they lost a cookie, or beside another first visit, is shown the page again, and
    /// nothing is done.
    pub async fn submitted(call: Call) -> Result<Self, Response> {
        let visit = Self::posted(call).await?;
        match visit.params.get("csrf") {
            Some(given) if given == visit.csrf() => return Ok(visit),
            Some(_) => {}
            // No form of ours goes without.
            None => return Err(refused(&visit.call, &AuthError::Forbidden)),
        }
        let address = visit.params.iter().filter(|(name, _)| ADDRESS.contains(name));
        let mut query = form_urlencoded::Serializer::new(String::new());
        let query = query.extend_pairs(address).finish();
        Err(visit.redirect(&format!("{}?{query}", visit.call.path)))
    }

    async fn open(mut call: Call, params: Params) -> Result<Self, Response> {
        let app = call.app.clone();
        PAGES.clone_into(&mut call.origin.client_id);
        call.origin.known = cookies::read(&app, &call.headers, cookies::KNOWN)
            .and_then(|mark| known_device::read(&app, mark, app.clock.now()));
        let look = Look::of(&call.headers, &[]);
        let failed =
            |reason: OAuthError| oauth_answer::error_page(&look, &call.origin.request_id, &reason);
        let way = match params.get("flow") {
            Some(name) => match authorize::resume(&app, name).await.map_err(failed)? {
                Some(flow) => Way::Flow(Box::new(flow)),
                None => return Err(over(&call, &look, &params).await),
            },
            None => Way::Local(params.get("to").filter(|to| is_local(to)).map(str::to_owned)),
        };
        let held = cookies::read(&app, &call.headers, cookies::SESSION);
        let browser = browser::read(&app, held).await.map_err(|reason| failed(reason.into()))?;
        let locales = match &way {
            Way::Flow(flow) => flow.request.ui_locales.as_slice(),
            Way::Local(_) => &[],
        };
        let look = Look::of(&call.headers, locales);
        let mut cookies = Vec::new();
        let forms = match cookies::read(&app, &call.headers, FORMS) {
            Some(forms) => forms.to_owned(),
            None => {
                let forms = URL_SAFE_NO_PAD.encode(random::<32>());
                cookies.extend(cookies::set(&app, FORMS, &forms, None));
                forms
            }
        };
        let holds_anew = false;
        Ok(Self { call, params, look, way, browser, forms, cookies, holds_anew })
    }

    /// The flow, if a client asks.
    #[must_use]
    pub fn flow(&self) -> Option<&Flow> {
        match &self.way {
            Way::Flow(flow) => Some(flow),
            Way::Local(_) => None,
        }
    }

    /// What is missing before the client is answered, or before whoever is signed in may let in the
    /// device that they are on their way to; `None`: nobody asks for anything.
    pub async fn judge(&self) -> OAuthResult<Option<Judgement>> {
        let Call { app, origin, .. } = &self.call;
        match (&self.way, self.browser.current()) {
            (Way::Flow(flow), _) => flow.judge(app, &self.browser).await.map(Some),
            (Way::Local(Some(to)), Some(person)) => {
                let Some(user_code) = user_code(to) else { return Ok(None) };
                let now = app.clock.now();
                match device::find(app, origin, person, &user_code, now).await {
                    Ok(asked) => Ok(asked.map(|asked| asked.judgement)),
                    // The page of devices says so.
                    Err(OAuthError::TooMany { .. }) => Ok(None),
                    Err(reason) => Err(reason),
                }
            }
            (Way::Local(_), _) => Ok(None),
        }
    }

    /// Looks like the site that the client's tokens will open.
    pub fn brand(&mut self, judgement: Option<&Judgement>) {
        if let Some(site) = judgement.and_then(|judgement| judgement.site.as_ref()) {
            self.look = self.look.clone().branded(site);
        }
    }

    /// The client that asks, as people see it.
    #[must_use]
    pub fn client(&self) -> Option<ClientCard<'_>> {
        self.flow().map(|flow| ClientCard::of(&flow.client))
    }

    /// The address of a page on the same way.
    #[must_use]
    pub fn link(&self, path: &str) -> String {
        let query = match &self.way {
            Way::Flow(flow) => flow_query(flow),
            Way::Local(None) => return path.to_owned(),
            Way::Local(Some(to)) => {
                form_urlencoded::Serializer::new(String::new()).append_pair("to", to).finish()
            }
        };
        format!("{path}?{query}")
    }

    /// The same, with one word more in its query.
    #[must_use]
    pub fn link_with(&self, path: &str, name: &str, value: &str) -> String {
        let link = self.link(path);
        let joint = if link.contains('?') { '&' } else { '?' };
        format!("{link}{joint}{name}={value}")
    }

    /// The address of the page where somebody else signs in.
    #[must_use]
    pub fn not_you(&self) -> String {
        self.link_with("/login", "switch", "1")
    }

    /// What the forms of this browser carry on this way.
    #[must_use]
    pub fn csrf(&self) -> String {
        self.bound("form", &self.key())
    }

    /// What nobody makes but this server, and nobody shows but this browser: of `content`, for one
    /// `purpose`.
    #[must_use]
    pub fn bound(&self, purpose: &str, content: &str) -> String {
        let content = format!("{} {content}", self.forms);
        self.call.app.sealer.digest(purpose, content.as_bytes()).to_text()
    }

    /// A form of a page. `hidden`: what it carries beside what every form does.
    #[must_use]
    pub fn form<'v>(
        &'v self,
        action: &'v str,
        csrf: &'v str,
        hidden: &[(&'v str, &'v str)],
    ) -> Form<'v> {
        let way = match &self.way {
            Way::Flow(flow) => {
                vec![("flow", flow.token.as_str()), ("client_id", &*flow.client.client_id)]
            }
            Way::Local(to) => to.iter().map(|to| ("to", to.as_str())).collect(),
        };
        let hidden = way.into_iter().chain([("csrf", csrf)]).chain(hidden.iter().copied());
        Form {
            action,
            hidden: hidden.collect(),
            leads_to: self.flow().map(|flow| flow.request.redirect_uri.as_str()),
        }
    }

    /// A short name of what the visit is for.
    #[must_use]
    pub fn key(&self) -> String {
        let name = match &self.way {
            Way::Flow(flow) => flow.token.as_str(),
            Way::Local(to) => to.as_deref().unwrap_or_default(),
        };
        SecretHash::of(name).to_text()[..16].to_owned()
    }

    /// What a cookie of this way alone is called.
    #[must_use]
    pub fn own(&self, name: &str) -> String {
        format!("{name}_{}", self.key())
    }

    /// A cookie.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        cookies::read(&self.call.app, &self.call.headers, name)
    }

    /// Sets a cookie.
    pub fn set_cookie(&mut self, name: &str, value: &str, life: Duration) {
        self.cookies.extend(cookies::set(&self.call.app, name, value, life));
    }

    /// Half a sign-in of this browser on this way, with just that outstanding.
    pub async fn half(&self, outstanding: Outstanding) -> Result<Option<Standing>, AuthError> {
        let Some(token) = self.cookie(&self.own(HALF)) else { return Ok(None) };
        match mfa::half_signed_in(&self.call.app, token, PAGES, Some(outstanding)).await {
            Ok(standing) => Ok(Some(standing)),
            Err(AuthError::InvalidToken) => Ok(None),
            Err(reason) => Err(reason),
        }
    }

    /// Goes on with half a sign-in: the page where its other half is.
    pub fn go_on_half(mut self, half: &HalfSignedIn) -> Response {
        let name = self.own(HALF);
        self.set_cookie(&name, half.token.as_str(), Duration::from_secs(half.expires_in));
        let path = if half.methods.is_empty() { "/mfa/enrol" } else { "/mfa" };
        let link = self.link(path);
        self.redirect(&link)
    }

    /// Takes in what the browser holds from now on: it is its newest session, and the device is
    /// known, and trusted where it was to be.
    pub async fn sign_in(
        &mut self,
        held: BrowserSession,
        device: Option<&OpaqueToken>,
    ) -> Result<(), Stop> {
        let app = self.call.app.clone();
        let now = app.clock.now();
        let mark = known_device::mark(&app, &self.call.origin, &held.user, now)?;
        self.cookies.extend(cookies::set(&app, cookies::KNOWN, &mark, known_device::LIFE));
        if let Some(device) = device {
            let token = device.as_str();
            self.cookies.extend(cookies::set(&app, cookies::DEVICE, token, devices::LIFE));
        }
        let half = self.own(HALF);
        if self.cookie(&half).is_some() {
            self.set_cookie(&half, "", Duration::ZERO);
        }
        if let Way::Flow(flow) = &mut self.way {
            flow.note(&app, Done::SignedIn(held.session.sid)).await?;
        }
        self.hold(held).await
    }

    /// Puts a session first among those that the browser holds. What it pushes out ends.
    pub async fn hold(&mut self, held: BrowserSession) -> Result<(), Stop> {
        let (browser, pushed_out) = std::mem::take(&mut self.browser).with(held);
        self.holds(browser);
        for held in pushed_out {
            browser::let_go(&self.call.app, &self.call.origin, &held).await?;
        }
        Ok(())
    }

    /// From now on the browser holds this.
    pub fn holds(&mut self, browser: Browser) {
        self.browser = browser;
        self.holds_anew = true;
    }

    /// Goes on to whatever is next: another page, the client, or where somebody came from.
    pub async fn go_on(mut self) -> Paged {
        let app = self.call.app.clone();
        let step = self.judge().await?.map(|judgement| judgement.step);
        let is_local = matches!(self.way, Way::Local(_));
        let Some(step) = step.filter(|step| !is_local || !matches!(step, Step::Issue(_))) else {
            let to = match &self.way {
                Way::Local(Some(to)) => to.clone(),
                _ => {
                    return Ok(self.finish(answer::message(
                        &self.look,
                        StatusCode::OK,
                        "signed-in",
                    )));
                }
            };
            return Ok(self.redirect(&to));
        };
        if let (Step::Issue(sid), Way::Flow(flow)) = (&step, &mut self.way)
            && let Some(held) = self.browser.find(*sid)
        {
            match flow.answer(&app, &self.call.origin, &self.browser, held).await {
                Ok(Some(answer)) => {
                    let response = response_mode::answered(&app, &self.look, &answer);
                    return Ok(self.finish(response));
                }
                Ok(None) => {}
                Err(reason) => return self.refuse(reason),
            }
        }
        match step {
            Step::Refuse(unmet) => self.refuse(unmet.reason()),
            step => {
                let link = self.link(path_of(&step));
                Ok(self.redirect(&link))
            }
        }
    }

    /// Tells the client no.
    pub fn refuse(self, reason: OAuthError) -> Paged {
        let Some(flow) = self.flow() else { return Err(reason.into()) };
        let to = Destination::of(&flow.request);
        let response = response_mode::refused(&self.call.app, &self.look, &to, &reason);
        Ok(self.finish(response))
    }

    /// The page of their account that somebody is on their way to.
    #[must_use]
    pub fn account_page(&self) -> Option<&str> {
        let Way::Local(Some(to)) = &self.way else { return None };
        let first = to.trim_start_matches('/').split(['/', '?', '#']).next();
        Some(to.as_str()).filter(|_| first == Some("account"))
    }

    /// Goes no further: the client hears so, whoever is signed in is where they were, or somebody
    /// else may sign in.
    pub fn cancel(mut self) -> Paged {
        let half = self.own(HALF);
        if self.cookie(&half).is_none()
            && self.account_page().is_some()
            && self.browser.current().is_some()
        {
            return Ok(self.redirect("/account"));
        }
        self.set_cookie(&half, "", Duration::ZERO);
        if self.flow().is_some() {
            return self.refuse(OAuthError::AccessDenied("the person went no further".into()));
        }
        let link = self.not_you();
        Ok(self.redirect(&link))
    }

    /// Sends the browser to another page.
    pub fn redirect(&self, to: &str) -> Response {
        self.finish(Redirect::to(to).into_response())
    }

    /// The answer, with the cookies that were set.
    #[must_use]
    pub fn finish(&self, mut response: Response) -> Response {
        let (app, headers) = (&self.call.app, &self.call.headers);
        let now = app.clock.now();
        let held = match self.holds_anew {
            true => [
                cookies::set_session(app, &self.browser, now),
                cookies::set_state(app, &self.browser, now),
            ],
            false => [None, cookies::renew_state(app, headers, &self.browser, now)],
        };
        let cookies = self.cookies.iter().cloned().chain(held.into_iter().flatten());
        for cookie in cookies {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// The page of a request that cannot even be visited.
pub fn refused(call: &Call, reason: &AuthError) -> Response {
    answer::error(&Look::of(&call.headers, &[]), &call.origin.request_id, reason)
}

/// Answers a visit, whatever came of it.
pub async fn end<F>(visit: Result<Visit, Response>, page: impl FnOnce(Visit) -> F) -> Response
where
    F: Future<Output = Paged>,
{
    let visit = match visit {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let (look, request_id) = (visit.look.clone(), visit.call.origin.request_id.clone());
    match page(visit).await {
        Ok(response) => response,
        Err(Stop::Answered(response)) => *response,
        Err(Stop::Auth(reason)) => answer::error(&look, &request_id, &reason),
        Err(Stop::OAuth(reason)) => oauth_answer::error_page(&look, &request_id, &reason),
    }
}

/// The page of a flow that is over. The way on is to the client, which begins another.
async fn over(call: &Call, look: &Look, params: &Params) -> Response {
    let client = match params.get("client_id") {
        Some(client_id) => clients::find(&call.app, client_id).await.ok().flatten(),
        None => None,
    };
    let link = client.as_ref().and_then(|client| {
        let metadata = &client.metadata;
        let begins = metadata.initiate_login_uri.as_deref();
        let begins = begins.and_then(|uri| beginning(uri, &call.app.issuer));
        begins.or_else(|| metadata.client_uri.clone().filter(|uri| is_web(uri)))
    });
    let client = client.as_ref().map(|client| client.name());
    let view = FlowOver { look, client, link: link.as_deref() };
    answer::page(StatusCode::GONE, &view)
}

/// Where a client begins a sign-in with us (OpenID Connect Core section 4).
fn beginning(uri: &str, issuer: &str) -> Option<String> {
    let mut url = Url::parse(uri).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    url.query_pairs_mut().append_pair("iss", issuer);
    Some(url.to_string())
}

/// The code of the device that somebody is on their way to.
fn user_code(to: &str) -> Option<String> {
    let (_, query) = to.split_once('?').filter(|(path, _)| *path == "/device")?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "user_code").map(|(_, code)| code.into_owned())
}

fn is_web(uri: &str) -> bool {
    Url::parse(uri).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// Whether `to` is the address of a page of this server that somebody may come back to, as a path
/// and nothing that a browser could take for more (rule 11).
fn is_local(to: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && c != '\\';
    let Some(rest) = to.strip_prefix('/').filter(|_| to.chars().all(is_plain)) else {
        return false;
    };
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let mut segments = path.split('/');
    let is_known = segments.next().is_some_and(|first| LOCAL.contains(&first));
    is_known && segments.all(|segment| !matches!(segment, "." | "..") && !segment.contains('%'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_ours_are_come_back_to() {
        for to in
            ["/device", "/device?user_code=ABCD-EFGH", "/account", "/account/sessions", "/admin"]
        {
            assert!(is_local(to), "{to}");
        }
        for to in [
            "",
            "/",
            "device",
            "//evil.example",
            "//device",
            "///device",
            "/\\evil.example",
            "\\\\evil.example",
            "\\evil.example/device",
            "/device\\..\\evil",
            "https://evil.example/device",
            "HTTPS://evil.example",
            "javascript:alert(1)",
            "/devices",
            "/device.evil",
            "/login?to=/device",
            "/authorize?client_id=x",
            "/device/../authorize",
            "/device/%2e%2e/authorize",
            "/device/./x",
            "/device\r\nSet-Cookie: a=b",
            "/dev\tice",
            " /device",
            "/devic\u{e9}",
        ] {
            assert!(!is_local(to), "{to:?}");
        }
    }

    #[test]
    fn a_sign_in_is_begun_anew_at_an_address_of_the_web() {
        assert_eq!(
            beginning("https://a.example/login?x=1", "https://id.example").unwrap(),
            "https://a.example/login?x=1&iss=https%3A%2F%2Fid.example"
        );
        assert_eq!(beginning("javascript:alert(1)", "https://id.example"), None);
    }
}
