//! The session of a browser at one site: what issuer and edge have to agree on.
//!
//! It is an access token, in a cookie of that site: of one client, which every edge is, and good at
//! that site alone. What makes it a session is that such tokens count in the cookie and nowhere else.

use std::time::Duration;

use crate::{cutoff::CutOff, site::Site, verify::VerifiedToken};

/// The client that every edge is.
pub const CLIENT_ID: &str = "signalbox-edge";
/// The `grant_type` by which an edge has such a token renewed.
pub const GRANT_TYPE: &str = "urn:signalbox:params:oauth:grant-type:site-session";
/// What an authorization request of an edge says of the request that led to it: its method and its
/// path, with a space in between, by which the policy of the site is judged.
pub const ASKED_OF: &str = "site_request";

/// Below this everything is the edge's own, on every site.
pub const RESERVED: &str = "/.signalbox/";
/// Where answers to authorization requests go.
pub const CALLBACK: &str = "/.signalbox/callback";
/// Where a browser comes back to when it was signed out everywhere.
pub const SIGNED_OUT: &str = "/.signalbox/signed-out";

/// For how long after its end a token may be renewed. Endings are remembered for as long after the
/// end of the last token that they could kill.
pub const RENEWABLE_FOR: Duration = CutOff::KEPT_BEYOND;

/// Whether a token is one of a site session, wherever it is shown.
#[must_use]
pub fn is_of_session(token: &VerifiedToken) -> bool {
    token.client_id() == CLIENT_ID
}

/// Where browsers reach a site: its base address, and the same with each of its other hosts.
pub fn origins(site: &Site) -> impl Iterator<Item = String> {
    let (scheme, port) = parts(&site.base_url);
    site.hosts.iter().map(move |host| format!("{scheme}{host}{port}"))
}

/// The one of the [`origins`] that has this host, as it is compared.
#[must_use]
pub fn origin(site: &Site, host: &str) -> String {
    let (scheme, port) = parts(&site.base_url);
    format!("{scheme}{host}{port}")
}

/// What stands before and behind the host.
fn parts(base_url: &str) -> (&str, &str) {
    let begin = base_url.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = base_url.split_at(begin);
    // The colons of an IPv6 address stand in brackets.
    let bracket = rest.find(']').unwrap_or(0);
    let port = rest[bracket..].find(':').map_or("", |at| &rest[bracket + at..]);
    (scheme, port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_reached_at_each_of_its_hosts() {
        let site = |base_url: &str| -> Site {
            serde_json::from_value(serde_json::json!({
                "site_key": "wiki", "base_url": base_url, "upstreams": [],
                "hosts": ["wiki.example", "docs.example"],
            }))
            .unwrap()
        };
        let all = |base_url| origins(&site(base_url)).collect::<Vec<_>>();
        assert_eq!(all("https://wiki.example"), ["https://wiki.example", "https://docs.example"]);
        let ported = ["http://wiki.example:81", "http://docs.example:81"];
        assert_eq!(all("http://wiki.example:81"), ported);
        assert_eq!(origin(&site("http://[::1]:81"), "[::1]"), "http://[::1]:81");
        assert_eq!(origin(&site("http://[::1]"), "[::1]"), "http://[::1]");
    }
}
