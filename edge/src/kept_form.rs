//! Somebody posts a form and has to sign in first: it is sealed, kept by the server meanwhile, and sent
//! to the app once, after the proof.

use http::{HeaderValue, Method, StatusCode};
use pingora::proxy::Session;

use crate::{
    exchange::{Exchange, Passing, Posting},
    facts,
    flow::{Flow, Phase},
    form::{Form, NoForm},
    ids,
    judge::Verdict,
    page::{Action, Page},
    proxy::Edge,
    reason::Reason,
    session::Visit,
    sign_in::{self, Departure, Wanted},
};

/// How many are read at once.
pub const AT_ONCE: usize = 64;

const KEPT: &str =
    "What you sent is kept for ten minutes, and is sent as soon as you have signed in.";
const TOO_LARGE: &str =
    "What you sent is too large to be kept while you sign in. Sign in first, then send it again.";
const BROKEN: &str = "What you sent did not arrive whole. Sign in first, then send it again.";
const NOT_KEPT: &str =
    "What you sent could not be kept while you sign in. Sign in first, then send it again.";
const NOT_TAKEN: &str = "What you sent is kept, and could not be sent on at the moment.";

fn continue_at(address: &str) -> Vec<Action> {
    vec![Action::Go { label: "Sign in", to: address.to_owned() }]
}

impl Edge {
    /// Answers somebody who posted a form and has to sign in first: it is kept, and they go there. A
    /// form of another site's page is nothing that this one's people have sent.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn keep_form(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
        reason: Reason,
        visit: &Visit,
        wanted: &Wanted,
    ) -> pingora::Result<()> {
        let fields = &session.req_header().headers;
        let served = &*visit.served;
        if !facts::names_sender(fields) || !visit.is_own_sender(&facts::sender(fields)) {
            exchange.navigation = true;
            return self.refuse(session, exchange, reason, Some(served), None).await;
        }
        let kept = self.read_and_keep(session, visit).await;
        let departure = kept.and_then(|flow| {
            let fields = &session.req_header().headers;
            sign_in::depart(visit, fields, &flow, wanted)
                .ok_or((StatusCode::INTERNAL_SERVER_ERROR, BROKEN))
        });
        let decision = ids::decision_id();
        match departure {
            Ok(Departure { location, cookies }) => {
                // Not by a redirect: browsers hold one that answers a form against the `form-action`
                // of the app's own page.
                let status = StatusCode::UNAUTHORIZED;
                self.note_refusal(session, exchange, &decision, reason, Some(served), status);
                let page = Page {
                    title: "Please sign in",
                    message: KEPT,
                    decision: Some(&decision),
                    actions: continue_at(&location),
                    refresh: Some(&location),
                    challenge: reason.challenge(&served.realm),
                    ..Page::new(status)
                };
                self.replies.page(session, visit.brand(), &page, &cookies).await
            }
            Err((status, message)) => {
                self.note_refusal(session, exchange, &decision, reason, Some(served), status);
                let address = sign_in::address(visit.site(), &visit.host, wanted);
                let page = Page {
                    title: "Please sign in and send it again",
                    message,
                    decision: Some(&decision),
                    actions: continue_at(&address),
                    ..Page::new(status)
                };
                self.replies.page(session, visit.brand(), &page, &[]).await
            }
        }
    }

    async fn read_and_keep(
        &self,
        session: &mut Session,
        visit: &Visit,
    ) -> Result<Flow, (StatusCode, &'static str)> {
        let target = sign_in::target_of(session.req_header());
        let is_whole = facts::origin_form(session.req_header().raw_path()) == target.as_bytes();
        let most = visit.served.pool.forwarding.max_body.unwrap_or(u64::MAX);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        // Nobody has shown who they are: what such forms take of memory is bounded for all.
        let room = self.sessions.forms.try_acquire();
        let read = match &room {
            Ok(_) => Form::read(session, &self.limits, most).await,
            Err(_) => Err(NoForm::NoRoom),
        };
        match read {
            Ok(form) if is_whole => self.seal_and_keep(&form, target, visit).await,
            Ok(_) | Err(NoForm::TooLarge) => Err((StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE)),
            Err(NoForm::Broken) => Err((StatusCode::BAD_REQUEST, BROKEN)),
            Err(NoForm::NoRoom) => Err((StatusCode::SERVICE_UNAVAILABLE, NOT_KEPT)),
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
        let sealed = form.seal(&flow, &visit.site().site_key);
        let sealed = sealed.ok_or((StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE))?;
        let kept = self.sessions.backchannel.keep(&flow.kept_name(), visit.peer, sealed).await;
        kept.map_err(|denied| {
            tracing::warn!(%denied, site = visit.site().site_key, "a form was not kept");
            (StatusCode::SERVICE_UNAVAILABLE, NOT_KEPT)
        })?;
        Ok(flow)
    }

    /// Sends the form that waits for a browser that has come back: it is judged as it was posted,
    /// taken where an upstream is there to take it, and only then sent; so it reaches the app once, and
    /// never before the proof. `None`: the browser was answered.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn post_form(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
        flow: Flow,
        visit: Visit,
    ) -> pingora::Result<Option<Passing>> {
        let cookie = flow.cookie_removed(visit.secure());
        exchange.posting = Some(Posting { form: None, cookie: cookie.clone() });
        session.req_header_mut().set_method(Method::POST);
        let verdict = self.judge_with_patience(session, exchange).await?;
        // Whatever comes of it, somebody looks at it.
        exchange.navigation = true;
        if let Verdict::Pass(passing) = verdict {
            let taken = match passing.served.pool.is_reachable() {
                true => self.sessions.backchannel.take(&flow.kept_name()).await,
                false => return self.say_not_sent(session, &visit).await,
            };
            match taken {
                Ok(sealed) => {
                    let form =
                        sealed.and_then(|sealed| Form::open(sealed, &flow, &visit.site().site_key));
                    if let (Some(form), Some(posting)) = (form, &mut exchange.posting) {
                        posting.form = Some(form);
                        return Ok(Some(passing));
                    }
                }
                Err(denied) => {
                    tracing::warn!(%denied, site = visit.site().site_key, "a form was not taken");
                    return self.say_not_sent(session, &visit).await;
                }
            }
        }
        // It was sent before, or may not be sent any more: what is there is to be seen.
        let location = visit.at(&flow.target);
        let cookies: Vec<HeaderValue> = cookie.into_iter().chain(exchange.take_renewed()).collect();
        self.replies.redirect(session, StatusCode::SEE_OTHER, &location, &cookies, None).await?;
        Ok(None)
    }

    async fn say_not_sent(
        &self,
        session: &mut Session,
        visit: &Visit,
    ) -> pingora::Result<Option<Passing>> {
        // The browser asks again as it came.
        session.req_header_mut().set_method(Method::GET);
        let page = Page {
            title: "Not sent yet",
            message: NOT_TAKEN,
            again: true,
            ..Page::new(StatusCode::SERVICE_UNAVAILABLE)
        };
        self.replies.page(session, visit.brand(), &page, &[]).await?;
        Ok(None)
    }
}
