//! From a request to what is known of it: parsing only, nothing is judged here.

use std::{borrow::Cow, net::IpAddr};

use http::{HeaderMap, HeaderValue, Method, Version, header};
use ipnet::IpNet;
use jwks::{
    api_key,
    facts::{Malformed, Sender},
    forwarding::MAX_HEAD,
    verify::MAX_TOKEN_BYTES,
};
use pingora::http::{RequestHeader, authority};

use crate::{headers, path};

/// The most header fields a request may have.
pub const MAX_FIELDS: usize = 64;
/// A request too large to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLarge {
    /// More than [`MAX_FIELDS`] fields or [`MAX_HEAD`](jwks::forwarding::MAX_HEAD) bytes: 431.
    Head,
    /// More than [`path::MAX_PATH`] bytes of path: 414.
    Path,
    /// More bytes of body than the site takes: 413.
    Body,
}

/// What a request says, before any token is verified.
#[derive(Debug)]
pub struct Parsed<'r> {
    /// The host: lower case, without port and trailing dot.
    pub host: Option<Cow<'r, str>>,
    /// The canonical path, or what is wrong with it or with the framing.
    pub path: Result<Cow<'r, str>, Malformed>,
    /// What the caller shows.
    pub credential: Credential<'r>,
    /// Whether a person looks at the answer: a GET (or HEAD) that fetches a page.
    pub navigation: bool,
    /// Which page sends it.
    pub sender: Sender<'r>,
    /// Whether it asks for another protocol.
    pub upgrade: bool,
}

/// What a caller shows, unverified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential<'r> {
    /// Nothing that is meant for the edge.
    Nothing,
    /// What stands behind `Authorization: Bearer`.
    Bearer(&'r str),
    /// Something behind `Authorization: Bearer` that no token can be.
    NoToken,
    /// What is to be an API key, in `X-API-Key` or behind `Authorization: Bearer`.
    ApiKey(&'r str),
    /// A kind that is not judged here yet.
    Unsupported,
    /// More than one.
    Conflicting,
}

/// Reads `request`, whose head on the wire was `head` (request line and fields).
///
/// # Errors
/// [`TooLarge`] before anything else is looked at.
pub fn parse<'r>(request: &'r RequestHeader, head: &[u8]) -> Result<Parsed<'r>, TooLarge> {
    let fields = &request.headers;
    if fields.len() > MAX_FIELDS {
        return Err(TooLarge::Head);
    }
    let (path, query) = path::split(origin_form(request.raw_path()));
    if path.len() > path::MAX_PATH {
        return Err(TooLarge::Path);
    }
    if head.len() as u64 > MAX_HEAD {
        return Err(TooLarge::Head);
    }
    let host = host(request);
    let path = if is_framed_plainly(request, head) && !(host.is_none() && needs_host(request)) {
        path::judged(path, query, has_fragment(head))
    } else {
        Err(Malformed::Framing)
    };
    let navigation = request.method == Method::GET || request.method == Method::HEAD;
    Ok(Parsed {
        host,
        path,
        credential: credential(fields),
        navigation: navigation && looks_for_page(request),
        sender: sender(fields),
        upgrade: asks_upgrade(fields),
    })
}

/// The path and query of a target in absolute form (RFC 9112 section 3.2.2), whose authority
/// pingora has compared with `Host`; any other target as it is.
#[must_use]
pub fn origin_form(target: &[u8]) -> &[u8] {
    if target.first() == Some(&b'/') {
        return target;
    }
    match authority::raw_target_authority(target) {
        authority::RawTargetAuthority::Absolute { scheme, path_and_query, .. }
            if scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https") =>
        {
            if path_and_query.is_empty() {
                b"/"
            } else {
                path_and_query
            }
        }
        _ => target,
    }
}

/// HTTP/1.0 knows requests without a host; they have no site.
fn needs_host(request: &RequestHeader) -> bool {
    request.version != Version::HTTP_10 || request.headers.contains_key(header::HOST)
}

/// Whether the request can be framed in one way only (RFC 9112 section 6.3). pingora refuses most
/// of the rest, but lets pass what it can repair, and an upstream may repair it differently.
fn is_framed_plainly(request: &RequestHeader, head: &[u8]) -> bool {
    let fields = &request.headers;
    if fields.get_all(header::HOST).iter().count() > 1 {
        return false;
    }
    if let (Some(authority), Some(host)) = (authority(request), fields.get(header::HOST))
        && !authority.eq_ignore_ascii_case(host.as_bytes())
    {
        return false;
    }
    let mut lengths = fields.get_all(header::CONTENT_LENGTH).iter();
    if let Some(length) = lengths.next() {
        let digits = !length.is_empty() && length.as_bytes().iter().all(u8::is_ascii_digit);
        if !digits || lengths.next().is_some() {
            return false;
        }
    }
    let mut codings = fields.get_all(header::TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        // pingora has dropped a Content-Length beside it, so only the bytes on the wire tell.
        return coding.as_bytes().eq_ignore_ascii_case(b"chunked")
            && codings.next().is_none()
            && !names_field(head, b"content-length");
    }
    true
}

/// Whether a line of `head` is a field called `name` (lower case).
fn names_field(head: &[u8], name: &[u8]) -> bool {
    head.split(|byte| *byte == b'\n').any(|line| {
        line.len() > name.len()
            && line[..name.len()].eq_ignore_ascii_case(name)
            && matches!(line[name.len()], b':' | b' ' | b'\t')
    })
}

/// pingora drops fragments silently; no client sends one (RFC 9112 section 3.2).
fn has_fragment(head: &[u8]) -> bool {
    head.iter().take_while(|byte| **byte != b'\n').any(|byte| *byte == b'#')
}

/// `:authority`, or `Host` where there is none (RFC 9113 section 8.3.1). Where both are there
/// pingora has compared them.
#[must_use]
pub fn authority(request: &RequestHeader) -> Option<&[u8]> {
    match pseudo_authority(request) {
        Some(authority) => Some(authority.as_bytes()),
        None => request.headers.get(header::HOST).map(HeaderValue::as_bytes),
    }
}

/// The same, as a field is written.
#[must_use]
pub fn authority_field(request: &RequestHeader) -> Option<HeaderValue> {
    match pseudo_authority(request) {
        Some(authority) => HeaderValue::from_str(authority).ok(),
        None => request.headers.get(header::HOST).cloned(),
    }
}

fn pseudo_authority(request: &RequestHeader) -> Option<&str> {
    let authority = request.uri.authority().filter(|_| request.version == Version::HTTP_2);
    authority.map(http::uri::Authority::as_str)
}

/// Whether a request with these fields asks for another protocol.
#[must_use]
pub fn asks_upgrade(fields: &HeaderMap) -> bool {
    fields.contains_key(header::UPGRADE)
}

/// The host that a request asks for, as it is compared.
#[must_use]
pub fn host(request: &RequestHeader) -> Option<Cow<'_, str>> {
    host_name(std::str::from_utf8(authority(request)?).ok()?)
}

/// The host that `host` names, lower case, without port and trailing dot; `None` where it is not a
/// host.
#[must_use]
pub fn host_name(host: &str) -> Option<Cow<'_, str>> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']')?;
            (&host[..end + 2], &rest[end + 1..])
        }
        None => host.find(':').map_or((host, ""), |at| host.split_at(at)),
    };
    if let Some(digits) = port.strip_prefix(':') {
        if digits.len() > 5 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
    } else if !port.is_empty() {
        return None;
    }
    let name = if name.starts_with('[') { name } else { name.strip_suffix('.').unwrap_or(name) };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    if name.is_empty() || name.ends_with('.') || !name.bytes().all(is_host) {
        return None;
    }
    Some(if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    })
}

fn credential(fields: &HeaderMap) -> Credential<'_> {
    let mut keys = fields.get_all(&headers::API_KEY).iter();
    let api_key = keys.next();
    let mut authorizations = fields.get_all(header::AUTHORIZATION).iter();
    let authorization = authorizations.next();
    if authorizations.next().is_some() || keys.next().is_some() {
        return Credential::Conflicting;
    }
    let shown =
        authorization.map_or(Credential::Nothing, |value| authorization_of(value.as_bytes()));
    match (shown, api_key) {
        (shown, None) => shown,
        // What is no text is no key.
        (Credential::Nothing, Some(key)) => Credential::ApiKey(key.to_str().unwrap_or_default()),
        (_, Some(_)) => Credential::Conflicting,
    }
}

/// What one `Authorization` shows (RFC 9110 section 11.6.2). Schemes that are not ours belong to
/// the app behind the edge.
fn authorization_of(value: &[u8]) -> Credential<'_> {
    let value = value.trim_ascii();
    let (scheme, rest) = match value.iter().position(|byte| *byte == b' ' || *byte == b'\t') {
        Some(at) => (&value[..at], value[at + 1..].trim_ascii()),
        None => (value, &[][..]),
    };
    if scheme.eq_ignore_ascii_case(b"dpop") {
        return Credential::Unsupported;
    }
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Credential::Nothing;
    }
    match std::str::from_utf8(rest) {
        Ok(token) if token.starts_with(api_key::PREFIX) => Credential::ApiKey(token),
        Ok(token) if !token.is_empty() && token.len() <= MAX_TOKEN_BYTES => {
            Credential::Bearer(token)
        }
        _ => Credential::NoToken,
    }
}

/// Whether a browser fetches a page with it, as it says itself (`Sec-Fetch-Mode`); of one that does
/// not say, `Accept` names `text/html`.
#[must_use]
pub fn looks_for_page(request: &RequestHeader) -> bool {
    if let Some(mode) = request.headers.get("sec-fetch-mode") {
        return mode == "navigate";
    }
    request.headers.get_all(header::ACCEPT).iter().any(|accept| {
        const HTML: &[u8] = b"text/html";
        accept.as_bytes().windows(HTML.len()).any(|part| part.eq_ignore_ascii_case(HTML))
    })
}

/// Which page sends a request. No script can say otherwise: the names of both fields are forbidden
/// to it (Fetch section 2.2.2, Fetch Metadata section 2.3).
#[must_use]
pub fn sender(fields: &HeaderMap) -> Sender<'_> {
    let site = fields.get("sec-fetch-site");
    if site.is_some_and(|site| site == "same-origin" || site == "none") {
        return Sender::Own;
    }
    let mut origins = fields.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) if site.is_none() => Sender::Own,
        // `null` is what browsers say for a page that has none.
        (Some(origin), None) => match origin.to_str() {
            Ok(origin) if origin.contains("://") => Sender::Origin(origin.into()),
            _ => Sender::Foreign,
        },
        _ => Sender::Foreign,
    }
}

/// Whether a browser says which page sends a request; not merely that nobody says anything.
#[must_use]
pub fn names_sender(fields: &HeaderMap) -> bool {
    fields.get("sec-fetch-site").is_some_and(|site| site == "same-origin")
        || fields.contains_key(header::ORIGIN)
}

/// Where a request comes from, as far as the proxies before the edge are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The caller's address.
    pub address: IpAddr,
    /// Whether the caller spoke TLS.
    pub secure: bool,
}

/// Whether the word of `address` counts.
#[must_use]
pub fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}

/// Finds the caller behind `peer`. Only where `peer` is one of `trusted` are the forwarding fields
/// looked at: the caller is the last address in the chain that is no trusted proxy.
#[must_use]
pub fn caller(peer: IpAddr, secure: bool, fields: &HeaderMap, trusted: &[IpNet]) -> Caller {
    let peer = peer.to_canonical();
    let is_trusted = |address: &IpAddr| is_trusted(*address, trusted);
    if !is_trusted(&peer) {
        return Caller { address: peer, secure };
    }
    let secure = match fields.get(&headers::FORWARDED_PROTO).map(HeaderValue::as_bytes) {
        Some(b"https") => true,
        Some(b"http") => false,
        _ => secure,
    };
    let mut address = peer;
    let chain = fields.get_all(&headers::FORWARDED_FOR);
    for hop in chain.iter().rev().flat_map(|field| field.as_bytes().rsplit(|byte| *byte == b',')) {
        // A hop that is no address hides whatever is before it.
        let Some(hop) =
            std::str::from_utf8(hop).ok().and_then(|hop| hop.trim().parse::<IpAddr>().ok())
        else {
            break;
        };
        address = hop.to_canonical();
        if !is_trusted(&address) {
            break;
        }
    }
    Caller { address, secure }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, target: &str, fields: &[(&'static str, &str)]) -> RequestHeader {
        let mut request = RequestHeader::build(method, target.as_bytes(), None).unwrap();
        for (name, value) in fields {
            request.append_header(*name, *value).unwrap();
        }
        request.set_version(Version::HTTP_11);
        request
    }

    fn host_of(value: &'static str) -> Option<String> {
        let request = request("GET", "/", &[("Host", value)]);
        host(&request).map(Cow::into_owned)
    }

    #[test]
    fn hosts_are_compared_without_case_port_and_trailing_dot() {
        assert_eq!(host_of("app.test").as_deref(), Some("app.test"));
        assert_eq!(host_of("APP.Test:8000").as_deref(), Some("app.test"));
        assert_eq!(host_of("app.test.").as_deref(), Some("app.test"));
        assert_eq!(host_of("app.test.:80").as_deref(), Some("app.test"));
        assert_eq!(host_of("[::1]:8000").as_deref(), Some("[::1]"));
        for host in [
            "",
            ":80",
            "app.test:80:80",
            "app.test:x",
            "a b",
            "app.test..",
            "a/b",
            "a@b",
            "[::1",
            "[::1]x",
        ] {
            assert_eq!(host_of(host), None, "{host}");
        }
    }

    #[test]
    fn credentials_are_read_from_their_place_and_no_other() {
        let shown = |fields: &[(&'static str, &str)]| {
            format!("{:?}", credential(&request("GET", "/?access_token=x", fields).headers))
        };
        assert_eq!(shown(&[]), "Nothing");
        assert_eq!(shown(&[("Authorization", "Bearer a.b.c")]), "Bearer(\"a.b.c\")");
        assert_eq!(shown(&[("Authorization", "bearer   a.b.c ")]), "Bearer(\"a.b.c\")");
        assert_eq!(shown(&[("Authorization", "Basic dTpw")]), "Nothing");
        assert_eq!(shown(&[("Authorization", "Bearer")]), "NoToken");
        assert_eq!(shown(&[("Authorization", "Bearer sbk_1")]), "ApiKey(\"sbk_1\")");
        assert_eq!(shown(&[("Authorization", "DPoP a.b.c")]), "Unsupported");
        assert_eq!(shown(&[("X-API-Key", "sbk_1")]), "ApiKey(\"sbk_1\")");
        assert_eq!(shown(&[("X-API-Key", "1"), ("Authorization", "Bearer a")]), "Conflicting");
        let beside_basic = shown(&[("X-API-Key", "1"), ("Authorization", "Basic a")]);
        assert_eq!(beside_basic, "ApiKey(\"1\")");
        assert_eq!(shown(&[("X-API-Key", "1"), ("X-API-Key", "1")]), "Conflicting");
        assert_eq!(
            shown(&[("Authorization", "Bearer a"), ("Authorization", "Bearer a")]),
            "Conflicting"
        );
        let long = format!("Bearer {}", "a".repeat(MAX_TOKEN_BYTES + 1));
        assert_eq!(shown(&[("Authorization", &long)]), "NoToken");
    }

    #[test]
    fn framing_that_can_be_read_twice_is_refused() {
        let judged = |fields: &[(&'static str, &str)], head: &str| {
            parse(&request("POST", "/", fields), head.as_bytes()).unwrap().path.map(|_| ())
        };
        let host = ("Host", "app.test");
        assert_eq!(judged(&[host], ""), Ok(()));
        assert_eq!(judged(&[host, ("Content-Length", "5")], ""), Ok(()));
        assert_eq!(
            judged(&[host, ("Transfer-Encoding", "Chunked")], "POST / HTTP/1.1\r\nHost: a\r\n"),
            Ok(())
        );
        for (fields, head) in [
            (&[][..], ""),
            (&[host, host], ""),
            (&[host, ("Content-Length", "5"), ("Content-Length", "5")], ""),
            (&[host, ("Content-Length", "+5")], ""),
            (&[host, ("Content-Length", "5, 5")], ""),
            (&[host, ("Transfer-Encoding", "gzip, chunked")], ""),
            (&[host, ("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")], ""),
            (&[host, ("Transfer-Encoding", "chunked")], "POST / HTTP/1.1\r\ncontent-LENGTH: 5\r\n"),
        ] {
            assert_eq!(judged(fields, head), Err(Malformed::Framing), "{fields:?}");
        }
    }

    #[test]
    fn targets_are_judged_by_their_path_alone() {
        let path = |target: &str| {
            let head = format!("GET {target} HTTP/1.1\r\n");
            parse(&request("GET", target, &[("Host", "app.test")]), head.as_bytes())
                .unwrap()
                .path
                .map(Cow::into_owned)
        };
        assert_eq!(path("/a?b=/../c;d%2f"), Ok("/a".into()));
        assert_eq!(path("http://app.test/a?b"), Ok("/a".into()));
        assert_eq!(path("http://app.test"), Ok("/".into()));
        for target in ["*", "/a#b", "/a/../b", "ftp://app.test/a", "/a?b#c"] {
            assert_eq!(path(target), Err(Malformed::Path), "{target}");
        }
    }

    #[test]
    fn requests_over_the_limits_are_not_looked_at() {
        let many: Vec<(&'static str, &str)> = (0..=MAX_FIELDS).map(|_| ("X-A", "b")).collect();
        assert_eq!(parse(&request("GET", "/", &many), b"").unwrap_err(), TooLarge::Head);
        assert_eq!(
            parse(&request("GET", "/", &[]), &[b'a'; MAX_HEAD as usize + 1]).unwrap_err(),
            TooLarge::Head
        );
        let long = format!("/{}", "a".repeat(path::MAX_PATH));
        assert_eq!(parse(&request("GET", &long, &[]), b"").unwrap_err(), TooLarge::Path);
    }

    #[test]
    fn a_navigation_is_a_get_or_head_that_wants_a_page() {
        let is = |method: &str, accept: &'static str| {
            parse(&request(method, "/", &[("Accept", accept)]), b"").unwrap().navigation
        };
        assert!(is("GET", "text/html,application/xhtml+xml"));
        assert!(is("HEAD", "application/json, Text/HTML;q=0.5"));
        assert!(!is("POST", "text/html"));
        assert!(!is("GET", "*/*"));
        let said = |mode: &'static str| {
            let fields = [("Accept", "text/html"), ("Sec-Fetch-Mode", mode)];
            parse(&request("GET", "/", &fields), b"").unwrap().navigation
        };
        // Scripts fetch pages too, and are not to be sent to one.
        assert!(said("navigate") && !said("cors") && !said("same-origin"));
    }

    #[test]
    fn a_sender_is_named_by_its_browser() {
        let sender = |fields: &[(&'static str, &'static str)]| {
            let request = request("POST", "/", fields);
            match sender(&request.headers) {
                Sender::Own => "own".to_owned(),
                Sender::Origin(origin) => origin.into_owned(),
                Sender::Foreign => "foreign".to_owned(),
            }
        };
        for (fields, expected) in [
            (vec![], "own"),
            (vec![("Sec-Fetch-Site", "same-origin")], "own"),
            (vec![("Sec-Fetch-Site", "same-origin"), ("Origin", "null")], "own"),
            (vec![("Sec-Fetch-Site", "none")], "own"),
            (vec![("Sec-Fetch-Site", "same-site")], "foreign"),
            (vec![("Sec-Fetch-Site", "cross-site"), ("Origin", "null")], "foreign"),
            (
                vec![("Sec-Fetch-Site", "same-site"), ("Origin", "https://a.test:81")],
                "https://a.test:81",
            ),
            (vec![("Origin", "http://[::1]:81")], "http://[::1]:81"),
            (vec![("Origin", "null")], "foreign"),
            (vec![("Origin", "")], "foreign"),
            (vec![("Origin", "https://a.test"), ("Origin", "https://b.test")], "foreign"),
        ] {
            assert_eq!(sender(&fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn only_trusted_proxies_name_the_caller() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let address = |peer: &str, chain: &[&'static str]| {
            let mut fields = HeaderMap::new();
            for field in chain {
                fields.append(&headers::FORWARDED_FOR, http::HeaderValue::from_static(field));
            }
            fields.insert(&headers::FORWARDED_PROTO, http::HeaderValue::from_static("https"));
            let caller = caller(peer.parse().unwrap(), false, &fields, &trusted);
            (caller.address.to_string(), caller.secure)
        };
        assert_eq!(address("192.0.2.1", &["198.51.100.1"]), ("192.0.2.1".into(), false));
        assert_eq!(address("10.0.0.1", &["198.51.100.1"]), ("198.51.100.1".into(), true));
        assert_eq!(
            address("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.0.0.2"]),
            ("198.51.100.1".into(), true)
        );
        assert_eq!(
            address("10.0.0.1", &["1.1.1.1", "198.51.100.1"]),
            ("198.51.100.1".into(), true)
        );
        assert_eq!(address("10.0.0.1", &["198.51.100.1, unknown"]), ("10.0.0.1".into(), true));
        assert_eq!(address("::ffff:10.0.0.1", &["2001:db8::1"]), ("2001:db8::1".into(), true));
        assert_eq!(address("10.0.0.1", &[]), ("10.0.0.1".into(), true));
    }
}
