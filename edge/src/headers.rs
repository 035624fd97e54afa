//! The header fields that reach an upstream: what callers may not say is removed, what the edge
//! knows is said.

use std::net::IpAddr;

use http::{HeaderName, HeaderValue, header};
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

// pingora keeps the case a name is written in, and upstreams see it.
const FORWARDED_FOR_CASED: &str = "X-Forwarded-For";
const FORWARDED_PROTO_CASED: &str = "X-Forwarded-Proto";
const FORWARDED_HOST_CASED: &str = "X-Forwarded-Host";
const REQUEST_ID_CASED: &str = "X-Request-ID";
/// [`DECISION`], as it is written.
pub const DECISION_CASED: &str = "X-Signalbox-Decision";
/// `X-Auth-Assertion`: the caller, signed by the edge.
pub const ASSERTION_CASED: &str = "X-Auth-Assertion";

/// `encodeURIComponent`'s unreserved characters stay, everything else is encoded.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// In a list, besides what no header field may hold: its separator and the escape itself.
const LIST_ITEM: &AsciiSet = &percent_encoding::CONTROLS.add(b' ').add(b',').add(b'%');

/// What the edge says of a request that it passes on.
pub struct Origin<'r> {
    /// The caller's address.
    pub client: IpAddr,
    /// Whether the caller came over TLS.
    pub secure: bool,
    /// The request's id.
    pub request_id: &'r HeaderValue,
    /// The caller; `None`: nobody signed in.
    pub who: Option<&'r Who>,
    /// The same, signed by the edge for this site.
    pub assertion: Option<&'r HeaderValue>,
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
/// # Errors
/// Only where pingora cannot take a header value, which no value made here is.
pub fn prepare(request: &mut RequestHeader, origin: &Origin<'_>) -> pingora::Result<()> {
    let foreign: Vec<HeaderName> = request
        .headers
        .keys()
        .filter(|name| is_ours(name.as_str()) || name.as_str().starts_with("proxy-"))
        .cloned()
        .collect();
    for name in &foreign {
        request.remove_header(name);
    }
    if origin.take_authorization {
        request.remove_header(&header::AUTHORIZATION);
    }
    cookies::strip(request)?;

    let client = HeaderValue::try_from(origin.client.to_string()).ok();
    insert(request, FORWARDED_FOR_CASED, client)?;
    let scheme = HeaderValue::from_static(if origin.secure { "https" } else { "http" });
    insert(request, FORWARDED_PROTO_CASED, Some(scheme))?;
    let host = facts::authority_field(request);
    insert(request, FORWARDED_HOST_CASED, host)?;
    insert(request, REQUEST_ID_CASED, Some(origin.request_id.clone()))?;

    let Some(who) = origin.who else {
        return Ok(());
    };
    for (name, value) in identity(who) {
        insert(request, name, value)?;
    }
    insert(request, ASSERTION_CASED, origin.assertion.cloned())
}

/// What is said of a caller: each field, and its value where there is one.
#[must_use]
pub fn identity(who: &Who) -> [(&'static str, Option<HeaderValue>); 9] {
    [
        ("X-Auth-User", plain(&who.sub())),
        ("X-Auth-Email", who.email().and_then(plain)),
        ("X-Auth-Name", who.name().and_then(name)),
        ("X-Auth-Roles", list(who.roles())),
        ("X-Auth-Tenant", who.tenant_id().and_then(plain)),
        ("X-Auth-Session", who.sid().and_then(plain)),
        ("X-Auth-Acr", who.level().map(|level| HeaderValue::from_static(level.acr()))),
        ("X-Auth-Amr", list(who.amr())),
        ("X-Auth-Method", Some(HeaderValue::from_static(who.method()))),
    ]
}

/// Takes the caller's API key away, wherever it stood.
pub fn take_api_key(request: &mut RequestHeader) {
    // Where the key stood here, `Authorization` is the app's.
    if request.remove_header(&API_KEY).is_none() {
        request.remove_header(&header::AUTHORIZATION);
    }
}

fn insert(
    request: &mut RequestHeader,
    name: &'static str,
    value: Option<HeaderValue>,
) -> pingora::Result<()> {
    value.map_or(Ok(()), |value| request.insert_header(name, value))
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
    HeaderValue::try_from(utf8_percent_encode(value, NAME).to_string()).ok()
}

/// Values joined by commas. What would break the list is percent-encoded.
fn list<'v>(values: impl Iterator<Item = &'v str>) -> Option<HeaderValue> {
    let mut joined = String::new();
    for value in values {
        if !joined.is_empty() {
            joined.push(',');
        }
        joined.extend(utf8_percent_encode(value, LIST_ITEM));
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
            who: None,
            assertion: None,
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
