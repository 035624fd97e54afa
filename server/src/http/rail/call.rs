//! One request to the Auth Rail: its origin, its credential, its body, in that order.

use std::sync::Arc;

use axum::{
    body::to_bytes,
    extract::{FromRequest, Request},
    response::Response,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;
use tokio::time::{error::Elapsed, timeout};
use uuid::Uuid;

use super::{answer, answer::RailError, body::Body};
use crate::{
    app::App,
    auth::{
        AuthError,
        bearer::{self, Caller, Place},
        known_device,
        origin::{Origin, RAIL},
        repeats::Repeatable,
    },
    domain::{
        secret::{OpaqueToken, TokenKind},
        tenant::is_tenant_id,
    },
    http::{BODY_LIMIT, BODY_TIME, cookies, origin::origin},
};

/// Names the tenant where somebody belongs to several.
const TENANT: &str = "X-Tenant-ID";
/// Names a request, so that it can be sent again.
const IDEMPOTENCY_KEY: &str = "X-Idempotency-Key";

/// A request, and what it needs to be answered.
pub struct Call {
    /// The application.
    pub app: Arc<App>,
    /// Where it comes from.
    pub origin: Origin,
    headers: HeaderMap,
    query: String,
    /// Read up to the limit with the request; judged after the credential. `None`: too large.
    /// `Err`: it did not come in time.
    body: Result<Option<Bytes>, Elapsed>,
}

/// Whether a bearer is an `mfaToken`, by its form alone.
pub fn is_mfa_token(bearer: &str) -> bool {
    OpaqueToken::parse(TokenKind::Mfa, bearer).is_some()
}

impl FromRequest<Arc<App>> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let mut origin = origin(app, &parts.headers, &parts.extensions, RAIL);
        origin.known = cookies::read(app, &parts.headers, cookies::KNOWN)
            .and_then(|mark| known_device::read(app, mark, app.clock.now()));
        Ok(Self {
            app: app.clone(),
            origin,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body: timeout(BODY_TIME, async { to_bytes(body, BODY_LIMIT).await.ok() }).await,
        })
    }
}

impl Call {
    /// The bearer token, if there is one.
    ///
    /// # Errors
    /// Several `Authorization` fields are an invalid credential.
    pub fn bearer(&self) -> Result<Option<&str>, RailError> {
        let mut fields = self.headers.get_all(header::AUTHORIZATION).iter();
        let Some(field) = fields.next() else {
            return Ok(None);
        };
        if fields.next().is_some() {
            return Err(AuthError::InvalidToken.into());
        }
        let text = field.to_str().map_err(|_| AuthError::InvalidToken)?;
        match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                Ok(Some(token.trim()))
            }
            _ => Err(AuthError::NoCredential.into()),
        }
    }

    /// The value of a cookie, if it came.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        cookies::read(&self.app, &self.headers, name)
    }

    /// Whoever sent the bearer token, which must be meant for `place`.
    ///
    /// # Errors
    /// Without a valid one.
    pub async fn caller(&self, place: Place) -> Result<Caller, RailError> {
        let token = self.bearer()?.ok_or(AuthError::NoCredential)?;
        let caller = bearer::authenticate(&self.app, token, RAIL, place).await?;
        match self.tenant()? {
            Some(tenant) if tenant != caller.session.tenant_id => Err(AuthError::Forbidden.into()),
            _ => Ok(caller),
        }
    }

    /// The tenant that the call names, if it does (`X-Tenant-ID`).
    ///
    /// # Errors
    /// When it is not the name of a tenant, or given twice.
    pub fn tenant(&self) -> Result<Option<String>, RailError> {
        let id = self.one_field(TENANT, is_tenant_id, "must be 1 to 64 of a-z, 0-9 and -")?;
        Ok(id.map(ToOwned::to_owned))
    }

    /// What the caller calls this request, if it may be sent again (`X-Idempotency-Key`).
    ///
    /// # Errors
    /// When it is no key, or given twice.
    pub fn repeatable(&self) -> Result<Option<Repeatable>, RailError> {
        let is_key = |text: &str| {
            (1..=128).contains(&text.len())
                && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        };
        let rule = "must be 1 to 128 printable ASCII characters";
        let key = self.one_field(IDEMPOTENCY_KEY, is_key, rule)?;
        let content = self.body.as_ref().ok().cloned().flatten().unwrap_or_default();
        Ok(key.map(|key| Repeatable {
            key: key.to_owned(),
            field: IDEMPOTENCY_KEY,
            content: content.to_vec(),
        }))
    }

    /// A header field of this API, which is there once if at all.
    ///
    /// # Errors
    /// Names the field when it is there twice, or `is_good` does not hold of it.
    fn one_field(
        &self,
        name: &'static str,
        is_good: impl Fn(&str) -> bool,
        rule: &str,
    ) -> Result<Option<&str>, RailError> {
        let mut fields = self.headers.get_all(name).iter();
        let Some(field) = fields.next() else {
            return Ok(None);
        };
        let good = field.to_str().ok().filter(|text| is_good(text));
        match (good, fields.next()) {
            (Some(text), None) => Ok(Some(text)),
            _ => {
                let message = format!("{rule}, and given once");
                Err(AuthError::field(name, message).into())
            }
        }
    }

    /// The version of something that the call is about (`If-Match`, RFC 9110 section 13.1.1), if it says.
    ///
    /// # Errors
    /// When it is no such thing, or given twice.
    pub fn version(&self) -> Result<Option<u64>, RailError> {
        fn number(tag: &str) -> Option<u64> {
            tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
        }
        let is_good = |tag: &str| number(tag).is_some();
        let tag = self.one_field("If-Match", is_good, "must be an ETag of this API")?;
        Ok(tag.and_then(number))
    }

    /// The body. Ask for it after the credential.
    ///
    /// # Errors
    /// When it is too large, did not come in time, or is not JSON.
    pub fn body(&self) -> Result<Body, RailError> {
        let whole = self.body.as_ref().map_err(|_| RailError::TooSlow)?;
        let bytes = whole.as_ref().ok_or(RailError::TooLarge)?;
        if !bytes.is_empty() && !self.is_json() {
            return Err(RailError::NotJson);
        }
        Ok(Body::read(bytes))
    }

    /// A parameter of the query, if it came: the first of its name.
    #[must_use]
    pub fn query(&self, wanted: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    }

    /// An id in the query, if it came.
    ///
    /// # Errors
    /// When it is none.
    pub fn query_id(&self, name: &'static str) -> Result<Option<Uuid>, RailError> {
        let read = |text: String| {
            Uuid::parse_str(&text).map_err(|_| AuthError::field(name, "must be an id").into())
        };
        self.query(name).map(read).transpose()
    }

    /// Which page of a list is asked for, and how long pages are: 1 and 20 unless said otherwise,
    /// at most 100 a page.
    ///
    /// # Errors
    /// When either is no such number.
    pub fn page(&self) -> Result<(usize, usize), RailError> {
        let number = |wanted: &'static str, default: usize, most: usize| match self
            .query(wanted)
            .map(|value| value.parse::<usize>().ok())
        {
            None => Ok(default),
            Some(Some(number)) if (1..=most).contains(&number) => Ok(number),
            Some(_) => Err(AuthError::field(wanted, format!("must be a number from 1 to {most}"))),
        };
        Ok((number("page", 1, 1_000_000)?, number("perPage", 20, 100)?))
    }

    /// A successful answer.
    #[must_use]
    pub fn answer(&self, status: StatusCode, data: Value) -> Response {
        answer::data(&self.origin.request_id, status, data)
    }

    /// Answers with what came of the request.
    pub fn end(self, result: Result<Response, RailError>) -> Response {
        result.unwrap_or_else(|error| answer::error(&self.origin.request_id, &error))
    }

    fn is_json(&self) -> bool {
        let declared = self.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let media = declared.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        media.eq_ignore_ascii_case("application/json")
            || (media.len() > 5 && media.to_ascii_lowercase().ends_with("+json"))
    }
}
