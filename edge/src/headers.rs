//! The header fields that reach an upstream: what callers may not say is removed, what the edge
//! knows is said.

use std::{net::IpAddr, sync::Arc};

use http::{HeaderName, HeaderValue, Method, header, request::Parts};
use jwks::who::Who;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pingora::http::RequestHeader;

use crate::{cookies, facts};

/// `X-Signalbox-Decision`: the id of a refusal.
pub static DECISION: HeaderName = HeaderName::from_static("x-signalbox-decision");
/// `X-API-Key`.
pub static API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// `X-Forwarded-For`.
pub static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `X-Forwarded-Proto`.
pub static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// `X-Request-ID`.
pub static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// [`DECISION`], as it is written.
pub const DECISION_CASED: &str = "X-Signalbox-Decision";
static FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static ASSERTION: HeaderName = HeaderName::from_static("x-auth-assertion");
static USER: HeaderName = HeaderName::from_static("x-auth-user");
static EMAIL: HeaderName = HeaderName::from_static("x-auth-email");
static NAME: HeaderName = HeaderName::from_static("x-auth-name");
static ROLES: HeaderName = HeaderName::from_static("x-auth-roles");
static TENANT: HeaderName = HeaderName::from_static("x-auth-tenant");
static SESSION: HeaderName = HeaderName::from_static("x-auth-session");
static ACR: HeaderName = HeaderName::from_static("x-auth-acr");
static AMR: HeaderName = HeaderName::from_static("x-auth-amr");
static METHOD: HeaderName = HeaderName::from_static("x-auth-method");

/// What is said of a caller, field by field: `X-Auth-*`.
pub type Identity = Arc<[(&'static HeaderName, HeaderValue)]>;

/// `encodeURIComponent`'s unreserved characters stay, everything else is encoded.
const IN_NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// In a list, besides what no header field may hold: its separator and the escape itself.
const IN_LIST: &AsciiSet = &percent_encoding::CONTROLS.add(b' ').add(b',').add(b'%');

/// What the edge says of a request that it passes on.
pub struct Origin<'r> {
    /// The caller's address.
    pub client: IpAddr,
    /// Whether the caller came over TLS.
    pub secure: bool,
    /// The request's id.
    pub request_id: &'r HeaderValue,
    /// What is said of the caller; `None`: nobody signed in.
    pub identity: Option<&'r Identity>,
    /// Whether the caller's `Authorization` was its credential here and stays here.
    pub take_authorization: bool,
}

/// Whether only the edge may send a field of this name. Names are compared as a careless upstream
/// reads them: without regard to case, and with `_` and `.` taken for `-`.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    starts_like(name, b"x-auth-")
        || starts_like(name, b"x-forwarded-")
        || is_like(name, b"forwarded")
        || is_like(name, b"x-real-ip")
        || is_like(name, b"x-signalbox-decision")
        || is_like(name, b"x-request-id")
}

fn starts_like(name: &str, prefix: &[u8]) -> bool {
    name.len() >= prefix.len()
        && name.bytes().zip(prefix).all(|(byte, wanted)| folded(byte) == *wanted)
}

fn is_like(name: &str, wanted: &[u8]) -> bool {
    name.len() == wanted.len() && starts_like(name, wanted)
}

const fn folded(byte: u8) -> u8 {
    match byte {
        b'_' | b'.' => b'-',
        other => other.to_ascii_lowercase(),
    }
}

/// Makes `request` what the upstream may see. pingora has already removed what `Connection`
/// nominates and the hop-by-hop fields, and normalised a WebSocket upgrade.
///
/// The names of fields reach HTTP/1.1 upstreams in lower case, as they come from HTTP/2 anyway:
/// pingora's second map, of the case they were written in, costs more than all that is said here.
///
/// # Errors
/// Never: the request that stands in for this one meanwhile is a sound one.
pub fn prepare(request: &mut RequestHeader, origin: &Origin<'_>) -> pingora::Result<()> {
    let host = facts::authority_field(request);
    let stand_in = RequestHeader::build_no_case(Method::GET, b"/", Some(0))?;
    let mut parts: Parts = std::mem::replace(request, stand_in).into();
    let fields = &mut parts.headers;
    let is_foreign =
        |name: &&HeaderName| is_ours(name.as_str()) || name.as_str().starts_with("proxy-");
    let foreign: Vec<HeaderName> = fields.keys().filter(is_foreign).cloned().collect();
    for name in &foreign {
        fields.remove(name);
    }
    if origin.take_authorization {
        fields.remove(&header::AUTHORIZATION);
    }
    cookies::strip(fields);

    let identity = origin.identity.map(|identity| &**identity).unwrap_or_default();
    fields.reserve(4 + identity.len());
    if let Ok(client) = HeaderValue::try_from(origin.client.to_string()) {
        fields.insert(&FORWARDED_FOR, client);
    }
    let scheme = if origin.secure { "https" } else { "http" };
    fields.insert(&FORWARDED_PROTO, HeaderValue::from_static(scheme));
    if let Some(host) = host {
        fields.insert(&FORWARDED_HOST, host);
    }
    fields.insert(&REQUEST_ID, origin.request_id.clone());
    for (name, value) in identity {
        fields.insert(*name, value.clone());
    }
    *request = parts.into();
    Ok(())
}

/// What is said of a caller, and the same as an `assertion`, where there is one.
#[must_use]
pub fn identity(who: &Who, assertion: Option<HeaderValue>) -> Identity {
    let said = [
        (&USER, plain(&who.sub())),
        (&EMAIL, who.email().and_then(plain)),
        (&NAME, who.name().and_then(name)),
        (&ROLES, list(who.roles())),
        (&TENANT, who.tenant_id().and_then(plain)),
        (&SESSION, who.sid().and_then(plain)),
        (&ACR, who.level().map(|level| HeaderValue::from_static(level.acr()))),
        (&AMR, list(who.amr())),
        (&METHOD, Some(HeaderValue::from_static(who.method()))),
        (&ASSERTION, assertion),
    ];
    said.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect()
}

/// Takes the caller's API key away, wherever it stood.
pub fn take_api_key(request: &mut RequestHeader) {
    // Where the key stood here, `Authorization` is the app's.
    if request.remove_header(&API_KEY).is_none() {
        request.remove_header(&header::AUTHORIZATION);
    }
}

/// A value of printable ASCII, as it is. Anything else is left out: a wrong value would be worse
/// than none.
fn plain(value: &str) -> Option<HeaderValue> {
    (!value.is_empty() && value.bytes().all(|byte| (0x21..=0x7e).contains(&byte)))
        .then(|| HeaderValue::try_from(value).ok())
        .flatten()
}

/// A person's name, percent-encoded UTF-8.
fn name(value: &str) -> Option<HeaderValue> {
    if value.is_empty() {
        return None;
    }
    HeaderValue::try_from(utf8_percent_encode(value, IN_NAME).to_string()).ok()
}

/// Values joined by commas. What would break the list is percent-encoded.
fn list<'v>(values: impl Iterator<Item = &'v str>) -> Option<HeaderValue> {
    let mut joined = String::new();
    for value in values {
        if !joined.is_empty() {
            joined.push(',');
        }
        joined.extend(utf8_percent_encode(value, IN_LIST));
    }
    if joined.is_empty() { None } else { HeaderValue::try_from(joined).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    static REQUEST: HeaderValue = HeaderValue::from_static("id-1");

    fn nobody() -> Origin<'static> {
        Origin {
            client: IpAddr::from([192, 0, 2, 7]),
            secure: false,
            request_id: &REQUEST,
            identity: None,
            take_authorization: true,
        }
    }

    fn request(fields: &[(&'static str, &'static str)]) -> RequestHeader {
        let mut request = RequestHeader::build("GET", b"/", None).unwrap();
        for (name, value) in fields {
            request.append_header(*name, *value).unwrap();
        }
        request
    }

    #[test]
    fn look_alikes_of_our_fields_are_recognised() {
        for name in [
            "x-auth-user",
            "x_auth_user",
            "x.auth.user",
            "x-auth_roles",
            "X-AUTH-EMAIL",
            "x-auth-",
            "x-auth-assertion",
            "x-forwarded-for",
            "x_forwarded_host",
            "x-forwarded-anything",
            "forwarded",
            "x-real-ip",
            "x_real_ip",
            "x.real-ip",
            "x-signalbox-decision",
        ] {
            assert!(is_ours(name), "{name}");
        }
        for name in [
            "x-author",
            "x-auth",
            "forwarded-by",
            "x-real-ips",
            "authorization",
            "x-api-key",
            "host",
        ] {
            assert!(!is_ours(name), "{name}");
        }
    }

    #[test]
    fn spoofed_fields_are_replaced_or_removed() {
        let mut request = request(&[
            ("Host", "app.test:8000"),
            ("X-Auth-User", "admin"),
            ("x_auth_user", "admin"),
            ("X-Auth-Roles", "root"),
            ("X-Auth-Roles", "again"),
            ("X-Forwarded-For", "10.0.0.1"),
            ("Forwarded", "for=10.0.0.1"),
            ("X-Real-IP", "10.0.0.1"),
            ("Proxy-Foo", "bar"),
            ("Authorization", "Bearer x"),
            ("X-Other", "kept"),
        ]);
        prepare(&mut request, &nobody()).unwrap();
        let mut names: Vec<&str> = request.headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "host",
                "x-forwarded-for",
                "x-forwarded-host",
                "x-forwarded-proto",
                "x-other",
                "x-request-id"
            ]
        );
        assert_eq!(request.headers["x-forwarded-for"], "192.0.2.7");
        assert_eq!(request.headers["x-forwarded-host"], "app.test:8000");
    }

    #[test]
    fn values_are_encoded_or_left_out() {
        assert_eq!(plain("a@b.test").unwrap(), "a@b.test");
        assert!(plain("a\r\nX-Auth-Roles: root").is_none());
        assert!(plain("jörg@b.test").is_none());
        assert!(plain("").is_none());
        assert_eq!(name("Jörg Ä, \r\n").unwrap(), "J%C3%B6rg%20%C3%84%2C%20%0D%0A");
        assert_eq!(list(["a", "b,c", "d\r\n", "é"].into_iter()).unwrap(), "a,b%2Cc,d%0D%0A,%C3%A9");
        assert!(list([].into_iter()).is_none());
    }
}
