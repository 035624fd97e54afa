//! One request to an OAuth endpoint: its origin, its credential, its parameters.

use std::sync::Arc;

use axum::{
    body::to_bytes,
    extract::{FromRequest, Request},
    response::Response,
};
use bytes::Bytes;
use http::{HeaderMap, header};
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::{
    app::App,
    auth::origin::Origin,
    http::{BODY_LIMIT, BODY_TIME, members::Members, origin::origin},
    oauth::{OAuthError, OAuthResult, params::Params},
};

/// The surface, as `client_id`, where no client is known yet.
pub const SURFACE: &str = "oauth";

const FORM: &str = "application/x-www-form-urlencoded";

/// A request, and what it needs to be answered.
pub struct Call {
    /// The application.
    pub app: Arc<App>,
    /// Where it comes from.
    pub origin: Origin,
    /// Its header fields.
    pub headers: HeaderMap,
    /// The path it came to.
    pub path: String,
    /// Its query, as it came.
    pub query: String,
    body: Result<Bytes, &'static str>,
}

impl FromRequest<Arc<App>> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let body = match timeout(BODY_TIME, to_bytes(body, BODY_LIMIT)).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(_)) => Err("the body is larger than 16 KiB"),
            Err(_) => Err("the body did not come in time"),
        };
        Ok(Self {
            app: app.clone(),
            origin: origin(app, &parts.headers, &parts.extensions, SURFACE),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body,
        })
    }
}

impl Call {
    /// The `Authorization` header, if it came.
    ///
    /// # Errors
    /// Several of them are no request that can be understood.
    pub fn authorization(&self) -> OAuthResult<Option<&str>> {
        let mut fields = self.headers.get_all(header::AUTHORIZATION).iter();
        match (fields.next(), fields.next()) {
            (None, _) => Ok(None),
            (Some(field), None) => match field.to_str() {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(OAuthError::request("the Authorization header is no text")),
            },
            (Some(_), Some(_)) => {
                Err(OAuthError::request("the Authorization header comes several times"))
            }
        }
    }

    /// The bearer token of the `Authorization` header (RFC 6750 section 2.1).
    ///
    /// # Errors
    /// As [`Self::authorization`].
    pub fn bearer(&self) -> OAuthResult<Option<&str>> {
        let scheme_and_token = self.authorization()?.and_then(|text| text.split_once(' '));
        Ok(scheme_and_token
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim()))
    }

    /// The parameters of the body: a form, or a JSON object of texts.
    ///
    /// # Errors
    /// When there is no such body, or a parameter comes twice (RFC 6749 section 3.2).
    pub fn params(&self) -> OAuthResult<Params> {
        let body = self.body()?;
        let params = if self.is_form() {
            let text = std::str::from_utf8(body);
            Params::parse(text.map_err(|_| OAuthError::request("the form is not UTF-8"))?)?
        } else if self.is_declared("application/json") {
            from_json(self.json()?)?
        } else if body.is_empty() {
            Params::default()
        } else {
            let text = "send the parameters as application/x-www-form-urlencoded";
            return Err(OAuthError::request(text));
        };
        match params.repeated() {
            Some(name) => Err(twice(name)),
            None => Ok(params),
        }
    }

    /// The parameters of the query, as often as they come.
    ///
    /// # Errors
    /// When there are too many.
    pub fn asked(&self) -> OAuthResult<Params> {
        Params::parse(&self.query)
    }

    /// The parameters of a form, as often as they come.
    ///
    /// # Errors
    /// When the body is no form.
    pub fn form(&self) -> OAuthResult<Params> {
        let body = self.body()?;
        if !body.is_empty() && !self.is_declared("application/x-www-form-urlencoded") {
            let text = "send the parameters as application/x-www-form-urlencoded";
            return Err(OAuthError::request(text));
        }
        let text = std::str::from_utf8(body);
        Params::parse(text.map_err(|_| OAuthError::request("the form is not UTF-8"))?)
    }

    /// Whether the body is declared as a form.
    #[must_use]
    pub fn is_form(&self) -> bool {
        self.is_declared(FORM)
    }

    /// The members of a JSON body.
    ///
    /// # Errors
    /// When it is no JSON object, or not declared as JSON, or has a member twice: which of the two
    /// would count is not for us to choose.
    pub fn json(&self) -> OAuthResult<Map<String, Value>> {
        let body = self.body()?;
        if !self.is_declared("application/json") {
            return Err(OAuthError::request("send the body as application/json"));
        }
        let read = serde_json::from_slice(body);
        let Members(pairs) =
            read.map_err(|_| OAuthError::request("the body is not a JSON object"))?;
        let mut members = Map::new();
        for (name, value) in pairs {
            if members.contains_key(&name) {
                return Err(twice(&name));
            }
            members.insert(name, value);
        }
        Ok(members)
    }

    fn body(&self) -> OAuthResult<&Bytes> {
        self.body.as_ref().map_err(|what| OAuthError::request(*what))
    }

    fn is_declared(&self, media: &str) -> bool {
        let declared = self.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let declared = declared.unwrap_or_default().split(';').next().unwrap_or_default();
        declared.trim().eq_ignore_ascii_case(media)
    }
}

/// Names come from the caller: told, but not at any length.
fn twice(name: &str) -> OAuthError {
    let name: String = name.chars().take(64).collect();
    OAuthError::request(format!("the parameter {name} comes twice"))
}

/// The source of this API shows JSON bodies beside forms.
fn from_json(members: Map<String, Value>) -> OAuthResult<Params> {
    let mut pairs = Vec::new();
    for (name, value) in members {
        match value {
            Value::String(text) => pairs.push((name, text)),
            Value::Null => {}
            Value::Array(items) if items.iter().all(Value::is_string) => {
                let texts = items.into_iter().filter_map(|item| match item {
                    Value::String(text) => Some(text),
                    _ => None,
                });
                pairs.extend(texts.map(|text| (name.clone(), text)));
            }
            number_or_flag @ (Value::Number(_) | Value::Bool(_)) => {
                pairs.push((name, number_or_flag.to_string()));
            }
            _ => return Err(OAuthError::request("a member of the body is no text")),
        }
    }
    Params::sent(pairs.into_iter())
}
