//! Somebody at a browser may mend a refusal by signing in: they are sent there and come back, and
//! what they posted waits for them.

use http::{HeaderValue, Method, StatusCode};
use jwks::decide::ChallengeReason;
use pingora::proxy::Session;

use crate::{
    exchange::{Exchange, Posting},
    facts,
    flow::{Flow, Phase},
    ids,
    judge::Verdict,
    kept_form::{Form, NoForm},
    page::{Action, Page},
    proxy::Edge,
    reason::Reason,
    session::{self, Asked, Departure, Visit},
};

const KEPT: &str =
    "What you sent is kept for ten minutes, and is sent as soon as you have signed in.";
const TOO_LARGE: &str =
    "What you sent is too large to be kept while you sign in. Sign in first, then send it again.";
const BROKEN: &str = "What you sent did not arrive whole. Sign in first, then send it again.";
const NOT_KEPT: &str =
    "What you sent could not be kept while you sign in. Sign in first, then send it again.";
const NOT_TAKEN: &str =
    "What you sent is kept, and could not be fetched at the moment. Reload this page to send it.";

fn continue_at(address: &str) -> Vec<Action> {
    vec![Action::Go { label: "Sign in", to: address.to_owned() }]
}

impl Edge {
    /// Answers somebody who may mend it by signing in: a browser that fetches a page goes there, and
    /// everybody else hears where that is.
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
        let asked = Asked::by(reason, request.method.as_str(), path);
        let posts = request.method == Method::POST
            && facts::looks_for_page(request)
            && exchange.posting.is_none();
        if posts {
            return self
                .keep_form(session, exchange, Reason::Challenge(reason), visit, &asked)
                .await;
        }
        if !exchange.navigation {
            let address = session::sign_in_address(visit.site(), &visit.host, &asked);
            let (reason, served) = (Reason::Challenge(reason), Some(&*visit.served));
            return self.refuse(session, exchange, reason, served, Some(&address)).await;
        }
        let issuer = self.held.load().as_ref().map(|holding| holding.view.issuer.clone());
        let target = session::target_of(request);
        let departure = Flow::begin(Phase::Visit, target, (self.clock)()).and_then(|flow| {
            session::depart(issuer.as_deref()?, visit, &request.headers, &flow, &asked)
        });
        let Some(Departure { location, cookies }) = departure else {
            return self
                .replies
                .fail(session, StatusCode::INTERNAL_SERVER_ERROR, visit.brand(), true)
                .await;
        };
        let decision = ids::decision_id();
        let (reason, served) = (Reason::Challenge(reason), Some(&*visit.served));
        self.note_refusal(session, exchange, &decision, reason, served, StatusCode::FOUND);
        self.replies
            .redirect(session, StatusCode::FOUND, &location, &cookies, Some(&decision))
            .await
    }

    /// Answers somebody who posted a form and has to sign in first: it is kept, and they go there. A
    /// form of another site's page is nothing that this one's people have sent.
    async fn keep_form(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
        reason: Reason,
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
            exchange.navigation = true;
            return self.refuse(session, exchange, reason, Some(&visit.served), None).await;
        };
        let target = session::target_of(session.req_header());
        let is_whole = facts::origin_form(session.req_header().raw_path()) == target.as_bytes();
        let most = visit.served.pool.forwarding.max_body.unwrap_or(u64::MAX);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        // Nobody has shown who they are: what such forms take of memory is bounded for all.
        let room = self.sessions.forms.try_acquire();
        let read = match &room {
            Ok(_) => Form::read(session, &self.limits, most).await,
            Err(_) => Err(NoForm::NoRoom),
        };
        let kept = match read {
            Ok(form) if is_whole => self.seal_and_keep(&form, target, visit).await,
            Ok(_) | Err(NoForm::TooLarge) => Err((StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE)),
            Err(NoForm::Broken) => Err((StatusCode::BAD_REQUEST, BROKEN)),
            Err(NoForm::NoRoom) => Err((StatusCode::SERVICE_UNAVAILABLE, NOT_KEPT)),
        };
        drop(room);
        let departure = kept.and_then(|flow| {
            let fields = &session.req_header().headers;
            session::depart(&holding.view.issuer, visit, fields, &flow, asked)
                .ok_or((StatusCode::INTERNAL_SERVER_ERROR, BROKEN))
        });
        let decision = ids::decision_id();
        let served = &*visit.served;
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
                let sign_in = session::sign_in_address(visit.site(), &visit.host, asked);
                let page = Page {
                    title: "Please sign in and send it again",
                    message,
                    decision: Some(&decision),
                    actions: continue_at(&sign_in),
                    ..Page::new(status)
                };
                self.replies.page(session, visit.brand(), &page, &[]).await
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
    /// taken, and only then sent; so it reaches the app once, and never before the proof. `None`: the
    /// browser was answered.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn post_form(
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
        let mut verdict = self.judge(session, exchange)?;
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
                    let form = Form::open(sealed, &flow, &visit.site().site_key);
                    if let Some(form) = form {
                        if let Some(posting) = &mut exchange.posting {
                            posting.form = Some(form);
                        }
                        return Ok(Some(verdict));
                    }
                }
                Ok(None) => {}
                Err(denied) => {
                    tracing::warn!(%denied, site = visit.site().site_key, "a form was not taken");
                    let page = Page {
                        title: "Not sent yet",
                        message: NOT_TAKEN,
                        ..Page::new(StatusCode::SERVICE_UNAVAILABLE)
                    };
                    self.replies.page(session, visit.brand(), &page, &[]).await?;
                    return Ok(None);
                }
            }
        }
        // It was sent before, or may not be sent any more: what is there is to be seen.
        let location = visit.at(&flow.target);
        cookies.extend(exchange.renewed());
        self.replies.redirect(session, StatusCode::SEE_OTHER, &location, &cookies, None).await?;
        Ok(None)
    }
}
