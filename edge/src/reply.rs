//! What the edge itself answers: refusals, failures of upstreams, and the few pages of its own.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use pingora::{http::ResponseHeader, proxy::Session};
use serde_json::json;

use crate::{
    brand::Brand, forward_auth, headers, holding::Served, ids, language::Language, page::Page,
    reason::Reason,
};

/// How long the rest of a refused request is read, so that the answer arrives before the
/// connection closes.
const DRAIN: Duration = Duration::from_millis(500);
/// When to come back after a 503, seconds.
const RETRY_AFTER: u32 = 5;

/// Answers in the edge's own name.
pub struct Replies {
    /// The look where no site is named.
    plain: Brand,
    hsts: Option<HeaderValue>,
}

impl Replies {
    /// Answers, which tell browsers over TLS for how many seconds to come by TLS alone
    /// (`Strict-Transport-Security`, RFC 6797); 0: they are told nothing.
    #[must_use]
    pub fn new(hsts: u64) -> Self {
        let hsts = (hsts > 0).then(|| HeaderValue::try_from(format!("max-age={hsts}")).ok());
        Self { plain: Brand::plain(), hsts: hsts.flatten() }
    }

    /// Says in `head` that browsers are to come by TLS alone, where this one did.
    ///
    /// # Errors
    /// Only where pingora cannot take a header value, which none made here is.
    pub fn secure(&self, session: &Session, head: &mut ResponseHeader) -> pingora::Result<()> {
        let is_tls = session.digest().is_some_and(|digest| digest.ssl_digest.is_some());
        match &self.hsts {
            Some(hsts) if is_tls => {
                head.insert_header(header::STRICT_TRANSPORT_SECURITY, hsts.clone())
            }
            _ => Ok(()),
        }
    }

    /// Sends the caller on to `location` for good, with the same method: 308.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn redirect_for_good(
        &self,
        session: &mut Session,
        location: &str,
    ) -> pingora::Result<()> {
        let mut head = ResponseHeader::build(StatusCode::PERMANENT_REDIRECT, Some(2))?;
        head.insert_header(header::LOCATION, location)?;
        head.insert_header(header::CONTENT_LENGTH, 0)?;
        self.send(session, head, Bytes::new()).await
    }

    /// Refuses a request under a fresh decision id, which it gives back with the status. `sign_in` is
    /// where signing in begins, where that would help; `asked`: it is told to a proxy that asks;
    /// `page`: a person looks at the answer.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn refuse(
        &self,
        session: &mut Session,
        reason: Reason,
        served: Option<&Served>,
        sign_in: Option<&str>,
        asked: Option<&forward_auth::Question>,
        page: bool,
    ) -> pingora::Result<(String, StatusCode)> {
        let decision = ids::decision_id();
        let realm = served.map_or("", |served| served.realm.as_str());
        let status = match asked {
            Some(asked) => asked.status(reason.status(), page),
            None => reason.status(),
        };
        if reason.ends_connection() {
            session.set_keepalive(None);
        }
        let mut head = head(status, 10)?;
        if let Some(challenge) = reason.challenge(realm) {
            head.insert_header(header::WWW_AUTHENTICATE, challenge)?;
        }
        if let Reason::TooMany(wait) = reason {
            head.insert_header(header::RETRY_AFTER, wait.max(1))?;
        }
        if let Some(allowed) = reason.allows() {
            head.insert_header(header::ALLOW, allowed)?;
        }
        if let Some(address) = asked.and_then(|asked| asked.sign_in.as_deref()) {
            head.insert_header(header::LOCATION, address)?;
        }
        let (code, message) = reason.text();
        let refusal = Refusal { code, message, decision: Some(&decision), sign_in };
        let brand = served.map(|served| &served.brand);
        self.say(session, head, status, &refusal, brand, page).await?;
        Ok((decision, status))
    }

    /// Shows a page of the edge's own, in this look, with these cookies.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn page(
        &self,
        session: &mut Session,
        brand: Option<&Brand>,
        page: &Page<'_>,
        cookies: &[HeaderValue],
    ) -> pingora::Result<()> {
        let mut head = head(page.status, 10 + cookies.len())?;
        if let Some(address) = page.refresh {
            head.insert_header("Refresh", format!("0;url={address}"))?;
        }
        if let Some(challenge) = &page.challenge {
            head.insert_header(header::WWW_AUTHENTICATE, challenge.as_str())?;
        }
        for cookie in cookies {
            head.append_header(header::SET_COOKIE, cookie.clone())?;
        }
        self.show(session, head, brand, page).await
    }

    /// Says that the site behind the edge failed (502, 503, 504), or the edge did (500). `page`: a
    /// person looks at the answer.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn fail(
        &self,
        session: &mut Session,
        status: StatusCode,
        brand: Option<&Brand>,
        page: bool,
    ) -> pingora::Result<()> {
        let (code, message) = failure(status);
        let refusal = Refusal { code, message, decision: None, sign_in: None };
        session.set_keepalive(None);
        self.say(session, head(status, 8)?, status, &refusal, brand, page).await
    }

    /// Sends JSON that is text already: 200, with these cookies.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn json(
        &self,
        session: &mut Session,
        body: Bytes,
        cookies: &[HeaderValue],
    ) -> pingora::Result<()> {
        let mut head = head(StatusCode::OK, 5 + cookies.len())?;
        for cookie in cookies {
            head.append_header(header::SET_COOKIE, cookie.clone())?;
        }
        head.insert_header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))?;
        head.insert_header(header::CONTENT_LENGTH, body.len())?;
        self.send(session, head, body).await
    }

    /// Sends a browser elsewhere, with these cookies. `decision`: it is a refusal, under this id.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn redirect(
        &self,
        session: &mut Session,
        status: StatusCode,
        location: &str,
        cookies: &[HeaderValue],
        decision: Option<&str>,
    ) -> pingora::Result<()> {
        let mut head = head(status, 6 + cookies.len())?;
        head.insert_header(header::LOCATION, location)?;
        // What a browser came with (a code, for example) is nobody's business where it goes.
        head.insert_header(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"))?;
        for cookie in cookies {
            head.append_header(header::SET_COOKIE, cookie.clone())?;
        }
        let mut body = Bytes::new();
        if let Some(decision) = decision {
            head.insert_header(headers::DECISION_CASED, decision)?;
            head.insert_header(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))?;
            body = format!("You need to sign in. (Reference: {decision})\n").into();
        }
        head.insert_header(header::CONTENT_LENGTH, body.len())?;
        self.send(session, head, body).await
    }

    /// Sends an answer, as every one is sent that is the edge's own.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn send(
        &self,
        session: &mut Session,
        mut head: ResponseHeader,
        body: Bytes,
    ) -> pingora::Result<()> {
        self.secure(session, &mut head)?;
        let has_more = !session.is_body_done();
        if has_more {
            // What follows on this connection is the body of a request that nobody has taken.
            session.set_keepalive(None);
        }
        let is_head = session.req_header().method == Method::HEAD;
        session.write_response_header(Box::new(head), is_head).await?;
        if !is_head {
            session.write_response_body(Some(body), true).await?;
        }
        if has_more && !session.req_header().headers.contains_key(header::EXPECT) {
            // Closing with bytes unread would reset the connection and could take the answer along.
            session.set_total_drain_timeout(Some(DRAIN));
            let _ = session.drain_request_body().await;
        }
        Ok(())
    }

    /// Says no, to a person or to a program.
    async fn say(
        &self,
        session: &mut Session,
        mut head: ResponseHeader,
        status: StatusCode,
        refusal: &Refusal<'_>,
        brand: Option<&Brand>,
        page: bool,
    ) -> pingora::Result<()> {
        if page {
            let mut page = Page::refusal(status, refusal.message, refusal.decision);
            page.again = status == StatusCode::SERVICE_UNAVAILABLE
                && session.req_header().method == Method::GET;
            return self.show(session, head, brand, &page).await;
        }
        if let Some(decision) = refusal.decision {
            head.insert_header(headers::DECISION_CASED, decision)?;
        }
        let body = Bytes::from(refusal.json());
        head.insert_header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))?;
        head.insert_header(header::CONTENT_LENGTH, body.len())?;
        self.send(session, head, body).await
    }

    async fn show(
        &self,
        session: &mut Session,
        mut head: ResponseHeader,
        brand: Option<&Brand>,
        page: &Page<'_>,
    ) -> pingora::Result<()> {
        let brand = brand.unwrap_or(&self.plain);
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        head.insert_header(header::CONTENT_TYPE, html)?;
        head.insert_header(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))?;
        let (policy, referrer) = match page.forms_to {
            // Browsers hold the redirect that answers a form against this too.
            Some(issuer) => (brand.policy_with_forms_to(issuer), "same-origin"),
            None => (brand.policy.clone(), "no-referrer"),
        };
        head.insert_header(header::CONTENT_SECURITY_POLICY, policy)?;
        head.insert_header(header::REFERRER_POLICY, HeaderValue::from_static(referrer))?;
        if page.again {
            head.insert_header("Refresh", RETRY_AFTER)?;
        }
        if let Some(decision) = page.decision {
            head.insert_header(headers::DECISION_CASED, decision)?;
        }
        let language = Language::of(&session.req_header().headers);
        let body = Bytes::from(brand.page(page, language));
        head.insert_header(header::CONTENT_LENGTH, body.len())?;
        self.send(session, head, body).await
    }
}

/// The bytes of a refusal of something that is no request at all, with its decision id.
#[must_use]
pub fn raw_refusal(status: StatusCode) -> (Vec<u8>, String) {
    let decision = ids::decision_id();
    let reason = match status {
        StatusCode::METHOD_NOT_ALLOWED => Reason::Method(&[]),
        _ => Reason::Broken,
    };
    let (code, message) = reason.text();
    let body = Refusal { code, message, decision: Some(&decision), sign_in: None }.json();
    let text = format!(
        "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         {}: {decision}\r\nConnection: close\r\n\r\n{body}",
        status.as_str(),
        status.canonical_reason().unwrap_or_default(),
        body.len(),
        headers::DECISION_CASED,
    );
    (text.into_bytes(), decision)
}

/// The head of an answer that nobody keeps; of a 503 that may be asked for again.
///
/// # Errors
/// Only where pingora cannot take a status.
pub fn head(status: StatusCode, fields: usize) -> pingora::Result<ResponseHeader> {
    let mut head = ResponseHeader::build(status, Some(fields))?;
    head.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))?;
    if status == StatusCode::SERVICE_UNAVAILABLE {
        head.insert_header(header::RETRY_AFTER, RETRY_AFTER)?;
    }
    Ok(head)
}

/// What a refusal says.
struct Refusal<'r> {
    code: &'r str,
    message: &'r str,
    decision: Option<&'r str>,
    sign_in: Option<&'r str>,
}

impl Refusal<'_> {
    fn json(&self) -> String {
        let mut value = json!({ "error": { "code": self.code, "message": self.message } });
        if let Some(decision) = self.decision {
            value["decision"] = decision.into();
        }
        if let Some(address) = self.sign_in {
            value["sign_in"] = address.into();
        }
        value.to_string()
    }
}

/// The code and the words for something that failed.
const fn failure(status: StatusCode) -> (&'static str, &'static str) {
    match status.as_u16() {
        502 => ("BAD_GATEWAY", "The site did not answer properly."),
        504 => ("GATEWAY_TIMEOUT", "The site took too long to answer."),
        503 => (
            "SITE_UNAVAILABLE",
            "The site does not answer at the moment. Please try again shortly.",
        ),
        _ => ("INTERNAL_ERROR", "Something went wrong on our side."),
    }
}
