//! Somebody signs out, of one site or of all.

use std::time::Duration;

use http::{HeaderValue, StatusCode};
use jwks::site_session::{CLIENT_ID, SESSION_COOKIE, SIGNED_OUT};
use pingora::proxy::Session;
use serde_json::json;
use url::form_urlencoded;

use crate::{
    cookies,
    exchange::Exchange,
    facts,
    own::SIGN_OUT,
    page::{Action, Page, Sign},
    proxy::Edge,
    query::Query,
    reason::Reason,
    session::Visit,
};

const NOT_TOLD: &str = "This browser is signed out here, but the sign-in service could not be told. \
                        Please try again shortly.";

impl Edge {
    /// Asks whether somebody wants to.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn ask_to_sign_out(
        &self,
        session: &mut Session,
        visit: &Visit,
    ) -> pingora::Result<()> {
        let page = Page {
            title: "Sign out?",
            message: "Here, or at every site and app that you use with this sign-in.",
            actions: buttons(),
            forms_to: Some(visit.issuer()),
            ..Page::new(StatusCode::OK)
        };
        self.replies.page(session, visit.brand(), &page, &[]).await
    }

    /// Says that somebody was signed out.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn say_signed_out(
        &self,
        session: &mut Session,
        visit: &Visit,
    ) -> pingora::Result<()> {
        let page = Page {
            title: "You are signed out",
            sign: Sign::Good,
            message: "On a shared device, close the browser too.",
            actions: vec![Action::Go { label: "Sign in again", to: "/".to_owned() }],
            ..Page::new(StatusCode::OK)
        };
        self.replies.page(session, visit.brand(), &page, &[]).await
    }

    /// Signs out, where a page of the site asks for it.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn sign_out(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
        visit: &Visit,
    ) -> pingora::Result<()> {
        let request = session.req_header();
        let is_page = facts::looks_for_page(request);
        if !visit.is_own_sender(&facts::sender(&request.headers)) {
            exchange.navigation = is_page;
            let (reason, served) = (Reason::ForeignSender, Some(&*visit.served));
            return self.refuse(session, exchange, reason, served, None).await;
        }
        let secure = visit.secure();
        let token = cookies::session(&request.headers, secure).map(ToOwned::to_owned);
        let everywhere = Query::of(request).one("everywhere").is_some_and(|said| said != "0");
        let backchannel = &self.sessions.backchannel;
        let mut onward = None;
        if everywhere {
            // The server signs out without a question whoever shows an ID token of the session.
            let hint = match &token {
                Some(token) => backchannel.renew(token).await.ok(),
                None => None,
            };
            onward = Some(end_session(visit, hint.map(|tokens| tokens.id_token)));
        }
        let ended = match &token {
            Some(token) => backchannel.end(token).await,
            None => Ok(()),
        };
        let removed: Vec<HeaderValue> =
            cookies::set(SESSION_COOKIE, "", Some(Duration::ZERO), secure).into_iter().collect();
        if let Err(denied) = ended {
            tracing::warn!(%denied, site = visit.site().site_key, "a session was not ended");
            let away = Page {
                title: "Not signed out everywhere",
                message: NOT_TOLD,
                ..Page::new(StatusCode::SERVICE_UNAVAILABLE)
            };
            return self.replies.page(session, visit.brand(), &away, &removed).await;
        }
        if is_page {
            let location = onward.unwrap_or_else(|| visit.at(SIGNED_OUT));
            let status = StatusCode::SEE_OTHER;
            return self.replies.redirect(session, status, &location, &removed, None).await;
        }
        let mut value = json!({ "signed_out": true });
        if let Some(onward) = onward {
            value["continue"] = onward.into();
        }
        self.replies.json(session, value.to_string().into(), &removed).await
    }
}

/// Where the server signs somebody out of everything (OpenID Connect RP-Initiated Logout section 2).
fn end_session(visit: &Visit, hint: Option<String>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("client_id", CLIENT_ID)
        .append_pair("post_logout_redirect_uri", &visit.at(SIGNED_OUT));
    if let Some(hint) = hint.filter(|hint| !hint.is_empty()) {
        query.append_pair("id_token_hint", &hint);
    }
    format!("{}/end_session?{}", visit.issuer(), query.finish())
}

fn buttons() -> Vec<Action> {
    let everywhere = format!("{SIGN_OUT}?everywhere=1");
    vec![
        Action::Post { label: "Sign out here", to: SIGN_OUT.to_owned(), name: "here" },
        Action::Post { label: "Sign out everywhere", to: everywhere, name: "everywhere" },
    ]
}
