//! Forward-auth: a proxy that holds a request asks, at `/.signalbox/auth`, what the edge says to it
//! (nginx `auth_request`, HAProxy, Caddy `forward_auth`, Traefik `ForwardAuth`).
//!
//! The request that is judged is the one that is held, as that proxy describes it in header fields;
//! so they are believed from trusted proxies alone, and a description that can be read in two ways
//! is none. Everything but yes is 401 or 403: what else there is, proxies take for a failure of
//! their own, and some of them let the request pass then.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use jwks::{decide::ChallengeReason, facts::Malformed, site::Site, view::View};
use pingora::{http::RequestHeader, proxy::Session};

use crate::{
    facts::{self, TooLarge},
    judge::Vouching,
    own::AUTH,
    path,
    reason::Reason,
    reply::{self, Replies},
    sign_in::{self, Wanted},
};

/// The request that a proxy holds.
#[derive(Debug)]
pub struct Original<'r> {
    /// The host it asks for, as a host is compared.
    pub host: Option<Cow<'r, str>>,
    /// Its method.
    pub method: &'r str,
    /// Its canonical path.
    pub path: Result<Cow<'r, str>, Malformed>,
    /// Its path and query, as they were sent.
    pub target: &'r str,
}

impl<'r> Original<'r> {
    /// Reads what a trusted proxy says, in one of two ways: `X-Forwarded-Method`, `-Host` and `-Uri`,
    /// or `X-Original-Method` and `X-Original-URL`. Callers can add the fields of the way that their
    /// proxy does not use, so both ways at once are refused.
    ///
    /// # Errors
    /// Where it does not say all of it, or says it twice.
    pub fn read(fields: &'r HeaderMap) -> Result<Self, Reason> {
        let (method, host, target) =
            match (one(fields, "x-original-url")?, one(fields, "x-forwarded-uri")?) {
                (Some(url), None) => {
                    let (_, rest) = url.split_once("://").ok_or(Reason::NoOriginal)?;
                    let end = rest.find(['/', '?']).unwrap_or(rest.len());
                    (one(fields, "x-original-method")?, Some(&rest[..end]), &rest[end..])
                }
                (None, Some(uri)) => {
                    (one(fields, "x-forwarded-method")?, one(fields, "x-forwarded-host")?, uri)
                }
                _ => return Err(Reason::NoOriginal),
            };
        let method = method.filter(|method| http::Method::from_bytes(method.as_bytes()).is_ok());
        let (Some(method), Some(host)) = (method, host) else {
            return Err(Reason::NoOriginal);
        };
        let (path, query) = path::split(target.as_bytes());
        if path.len() > path::MAX_PATH {
            return Err(Reason::TooLarge(TooLarge::Path));
        }
        let path = path::judged(path, query, target.contains('#'));
        Ok(Self { host: facts::host_name(host), method, path, target })
    }

    /// Whether it reads only.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self.method, "GET" | "HEAD")
    }

    /// Where the person signs in for it: at the site, and back to what they asked for where that can
    /// be asked again.
    #[must_use]
    pub fn sign_in_address(&self, site: &Site, reason: ChallengeReason) -> Option<String> {
        let (host, path) = (self.host.as_deref()?, self.path.as_deref().ok()?);
        let wanted = Wanted::by(reason, self.method, path);
        let address = sign_in::address(site, host, &wanted);
        Some(match self.is_read() {
            true => sign_in::with_return(&address, self.target),
            false => address,
        })
    }
}

/// Whether a request for the host `asked_at` may ask about one for `host`: where the first names a
/// site, it is the site of the second. So nobody is judged by the policy of another site at a proxy
/// that forgets to say which host it was asked for.
#[must_use]
pub fn agree(view: &View, asked_at: Option<&str>, host: Option<&str>) -> bool {
    let site = |host: Option<&str>| host.and_then(|host| view.site_by_host(host));
    site(asked_at).is_none_or(|own| site(host).is_some_and(|other| other.site_key == own.site_key))
}

/// The value of a field that is there once, if at all.
fn one<'r>(fields: &'r HeaderMap, name: &str) -> Result<Option<&'r str>, Reason> {
    let mut values = fields.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Reason::NoOriginal),
        (Some(_), Some(_)) => Err(Reason::NoOriginal),
    }
}

/// Whether the request that a proxy holds asks for another protocol: proxies leave `Upgrade` out when
/// they ask, and pass on what only an opening handshake has (RFC 6455 section 4.1).
#[must_use]
pub fn is_upgrade(request: &RequestHeader) -> bool {
    let fields = &request.headers;
    fields.contains_key(header::UPGRADE) || fields.contains_key(header::SEC_WEBSOCKET_KEY)
}

/// How the answer to a proxy differs from the answer to a caller.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Whether the proxy passes answers on as they are, and wants browsers sent to sign in.
    pub redirect: bool,
    /// Where the person signs in, where that would help.
    pub sign_in: Option<String>,
}

impl Question {
    /// How `request` asks; `None`: it does not. Proxies write the path as it is; what is written in
    /// another way comes from a caller, past what the proxy keeps from callers.
    #[must_use]
    pub fn by(request: &RequestHeader) -> Option<Self> {
        let (path, query) = path::split(facts::origin_form(request.raw_path()));
        let asks = path == AUTH.as_bytes();
        asks.then_some(Self { redirect: query == b"redirect", sign_in: None })
    }

    /// The status that the proxy is told for one that a caller would be. `page`: a person looks at it.
    #[must_use]
    pub fn status(&self, of: StatusCode, page: bool) -> StatusCode {
        match of {
            StatusCode::UNAUTHORIZED if page && self.redirect && self.sign_in.is_some() => {
                StatusCode::FOUND
            }
            StatusCode::UNAUTHORIZED => of,
            _ => StatusCode::FORBIDDEN,
        }
    }
}

/// Says yes: 200, and who the caller is. `cookie`: the new one of their session.
///
/// # Errors
/// The proxy is gone.
pub async fn vouch(
    replies: &Replies,
    session: &mut Session,
    vouching: &Vouching,
    cookie: Option<HeaderValue>,
) -> pingora::Result<()> {
    let mut head = reply::head(StatusCode::OK, 12)?;
    for (name, value) in vouching.identity.iter().flat_map(|identity| identity.iter()) {
        head.insert_header(*name, value.clone())?;
    }
    if let Some(cookie) = cookie {
        head.insert_header(header::SET_COOKIE, cookie)?;
    }
    head.insert_header(header::CONTENT_LENGTH, 0)?;
    replies.send(session, head, bytes::Bytes::new()).await
}

#[cfg(test)]
mod tests {
    use jwks::policy::Level;

    use super::*;

    fn fields(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in pairs {
            fields.append(*name, value.parse().unwrap());
        }
        fields
    }

    fn read(pairs: &[(&'static str, &str)]) -> Result<String, Reason> {
        let fields = fields(pairs);
        let original = Original::read(&fields)?;
        let host = original.host.as_deref().unwrap_or("-");
        let path = original.path.as_deref().unwrap_or("-");
        Ok(format!("{} {host} {path}", original.method))
    }

    #[test]
    fn a_request_is_described_in_one_of_two_ways() {
        let forwarded = [
            ("x-forwarded-method", "PUT"),
            ("x-forwarded-host", "App.test:8443"),
            ("x-forwarded-uri", "/%61?b=/../c"),
        ];
        assert_eq!(read(&forwarded).unwrap(), "PUT app.test /a");
        let original =
            [("x-original-method", "GET"), ("x-original-url", "https://app.test:8443/a/b?c=d")];
        assert_eq!(read(&original).unwrap(), "GET app.test /a/b");
    }

    #[test]
    fn a_description_with_a_gap_or_a_second_meaning_is_none() {
        let all = [
            ("x-forwarded-method", "GET"),
            ("x-forwarded-host", "app.test"),
            ("x-forwarded-uri", "/"),
        ];
        for left_out in 0..all.len() {
            let mut some = all.to_vec();
            some.remove(left_out);
            assert_eq!(read(&some), Err(Reason::NoOriginal), "{some:?}");
        }
        for added in [
            ("x-forwarded-method", "POST"),
            ("x-forwarded-host", "other.test"),
            ("x-forwarded-uri", "/public"),
            ("x-original-url", "https://app.test/public"),
        ] {
            let mut more = all.to_vec();
            more.push(added);
            assert_eq!(read(&more), Err(Reason::NoOriginal), "{more:?}");
        }
        assert_eq!(
            read(&[("x-original-method", "GET"), ("x-original-url", "/a")]),
            Err(Reason::NoOriginal)
        );
    }

    #[test]
    fn the_path_is_held_to_what_holds_for_every_path() {
        for target in ["/a/../b", "/a%2fb", "/a;b", "/a#b", "/a?b#c", "a", ""] {
            let described = [
                ("x-forwarded-method", "GET"),
                ("x-forwarded-host", "app.test"),
                ("x-forwarded-uri", target),
            ];
            assert_eq!(read(&described).unwrap(), "GET app.test -", "{target}");
        }
    }

    #[test]
    fn whoever_signs_in_comes_back_to_what_they_asked_for() {
        let site: Site = serde_json::from_value(serde_json::json!({
            "site_key": "app", "base_url": "https://app.test:8443", "hosts": ["app.test", "b.test"],
            "upstreams": ["http://127.0.0.1:1"],
        }))
        .unwrap();
        let address = |method: &str, reason| {
            let fields = fields(&[
                ("x-forwarded-method", method),
                ("x-forwarded-host", "b.test"),
                ("x-forwarded-uri", "/a?b=c&d"),
            ]);
            Original::read(&fields).unwrap().sign_in_address(&site, reason)
        };
        let missing = ChallengeReason::NotSignedIn;
        assert_eq!(
            address("GET", missing).unwrap(),
            "https://b.test:8443/.signalbox/sign-in?return=%2Fa%3Fb%3Dc%26d"
        );
        assert_eq!(address("POST", missing).unwrap(), "https://b.test:8443/.signalbox/sign-in");
        let weak = ChallengeReason::Insufficient { acr: Level::TwoFactor, max_age: Some(300) };
        let address_of_weak = address("POST", weak).unwrap();
        assert!(
            address_of_weak
                .ends_with("?acr_values=urn%3Asignalbox%3A2fa&max_age=300&for=POST+%2Fa")
        );
    }
}
