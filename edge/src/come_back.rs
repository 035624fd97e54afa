//! Somebody comes back from the server: signed in, or astray.

use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use jwks::{
    Time,
    claims::{ID_TOKEN_TYPE, IdClaims},
    decide::{Challenge, ChallengeReason, Decision, decide},
    facts::{Facts, Presented, Sender},
    site_session::{CALLBACK, CLIENT_ID},
    verify::{LEEWAY, VerifiedToken, verify_signed},
    view::View,
};
use pingora::{http::RequestHeader, proxy::Session};

use crate::{
    backchannel::Denied,
    cookies,
    exchange::Exchange,
    flow::{Flow, Phase},
    ids,
    page::{Action, Page},
    path,
    proxy::Edge,
    query::Query,
    reason::Reason,
    session::{self, Visit},
    sign_in::{self, Wanted},
};

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

impl Edge {
    /// Answers a browser that comes back with the answer to an authorization request.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn end_sign_in(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
        visit: &Visit,
    ) -> pingora::Result<()> {
        match self.come_back(session.req_header(), visit).await {
            Ok(Arrival { location, cookies }) => {
                let status = StatusCode::SEE_OTHER;
                self.replies.redirect(session, status, &location, &cookies, None).await
            }
            Err(astray) => {
                let decision = ids::decision_id();
                let page = astray.page(visit, &decision);
                let (reason, served) = (Reason::Astray(astray.reason), Some(&*visit.served));
                self.note_refusal(session, exchange, &decision, reason, served, page.status);
                self.replies.page(session, visit.brand(), &page, &astray.cookies).await
            }
        }
    }

    async fn come_back(&self, request: &RequestHeader, visit: &Visit) -> Result<Arrival, Astray> {
        let now = (self.clock)();
        let query = Query::of(request);
        let view = &visit.holding.view;
        let secure = visit.secure();
        let state = query.one("state").unwrap_or_default();
        let flow = Flow::of_state(cookies::all(&request.headers), state, secure, now);
        let flow = flow.ok_or_else(|| Astray::new("unknown_flow", None))?;
        let removed: Vec<HeaderValue> = flow.cookie_removed(secure).into_iter().collect();
        let astray = |reason| Astray {
            cookies: removed.clone(),
            ..Astray::new(reason, Some(flow.target.clone()))
        };
        // RFC 9207 section 2.4: who answers is the one who was asked.
        if query.one("iss") != Some(&view.issuer) {
            return Err(astray("wrong_issuer"));
        }
        if let Some(error) = query.one("error") {
            return Err(astray(known_error(error)));
        }
        let code = query.one("code").ok_or_else(|| astray("no_code"))?;
        let (redirect_uri, place) = (visit.at(CALLBACK), &visit.site().base_url);
        let backchannel = &self.sessions.backchannel;
        let redeemed = backchannel.redeem(code, &redirect_uri, &flow.verifier(), place).await;
        let tokens = redeemed.map_err(|denied| {
            tracing::warn!(%denied, site = visit.site().site_key, "a code was not redeemed");
            astray(match denied {
                Denied::Refused(_) => "code_refused",
                Denied::Away(_) => "server_away",
            })
        })?;
        let token = self
            .cache
            .get_or_verify(&view.keys, &view.issuer, &tokens.access_token, now)
            .map_err(|why| astray(why.as_str()))?;
        let sid = id_token_fits(view, &tokens.id_token, &token, &flow, now).map_err(astray)?;
        let held = session::cookie(&tokens.access_token, secure);
        let held = held.ok_or_else(|| astray("too_large"))?;
        // It is a session from here on; whether it is enough for what was asked is seen now, and not
        // by going round in a circle.
        let method = if flow.phase == Phase::Visit { "GET" } else { "POST" };
        if let Some(Challenge { reason, .. }) = self.objection(visit, &flow, &token, method, now) {
            let wanted = Wanted::by(reason, method, flow.path());
            let again = matches!(reason, ChallengeReason::Insufficient { .. }).then(|| {
                let address = sign_in::address(visit.site(), &visit.host, &wanted);
                sign_in::with_return(&address, &flow.target)
            });
            let cookies = [vec![held], removed].concat();
            return Err(Astray {
                cookies,
                again,
                ..Astray::new(reason.as_str(), Some(flow.target))
            });
        }
        let of_flow = match flow.phase {
            // The browser goes where it posted the form; the form is sent as it arrives.
            Phase::Kept => flow.ready(&sid).cookie(secure).into_iter().collect(),
            Phase::Visit | Phase::Ready(_) => removed,
        };
        Ok(Arrival { location: visit.at(&flow.target), cookies: [vec![held], of_flow].concat() })
    }

    /// What speaks against what was asked for, now that somebody has signed in.
    fn objection(
        &self,
        visit: &Visit,
        flow: &Flow,
        token: &Arc<VerifiedToken>,
        method: &str,
        now: Time,
    ) -> Option<Challenge> {
        let canonical = path::canonical(flow.path().as_bytes());
        let facts = Facts {
            host: Some(&visit.host),
            method,
            path: canonical.as_deref().map_err(|malformed| *malformed),
            peer: visit.peer,
            presented: Presented::Nothing,
            session: Some(Ok(token.clone())),
            sender: Sender::Own,
            upgrade: false,
            view_confirmed_at: self.held.confirmed_at(),
        };
        match decide(&visit.holding.view, &facts, now) {
            Decision::Challenge(challenge) => Some(challenge),
            // Whoever may not enter is told so there.
            Decision::Allow(_) | Decision::Deny(_) => None,
        }
    }
}

/// Whether an ID token says that the owner of `token` signed in for this very flow (OpenID Connect
/// Core section 3.1.3.7); and as which session.
fn id_token_fits(
    view: &View,
    id_token: &str,
    token: &VerifiedToken,
    flow: &Flow,
    now: Time,
) -> Result<String, &'static str> {
    let claims: IdClaims =
        verify_signed(&view.keys, ID_TOKEN_TYPE, id_token).map_err(|why| why.as_str())?;
    let fits = claims.iss == *view.issuer
        && claims.aud == CLIENT_ID
        && claims.sub == token.sub()
        && token.sid() == Some(claims.sid.as_str())
        && now < Time::from_secs(claims.exp).plus(LEEWAY);
    match (fits, claims.nonce.as_deref() == Some(flow.nonce().as_str())) {
        (true, true) => Ok(claims.sid),
        (true, false) => Err("wrong_nonce"),
        (false, _) => Err("wrong_id_token"),
    }
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
