//! The session of a browser at one site: what issuer and edge have to agree on.
//!
//! It is an access token, in a cookie of that site: of one client, which every edge is, and good at
//! that site alone. What makes it a session is that such tokens count in the cookie and nowhere else.

use std::time::Duration;

use crate::{cutoff::CutOff, facts::Sender, site::Site, verify::VerifiedToken};

/// The cookie at a site that holds its session: an access token.
pub const SESSION_COOKIE: &str = "sb_site";
/// How the names of cookies begin that hold a sign-in at a site which is under way.
pub const FLOW_COOKIE: &str = "sb_flow_";
/// What the server and its pages give browsers.
pub mod server_cookie {
    /// The tokens of the browser's sessions.
    pub const SESSION: &str = "sb_session";
    /// The state of the browser, for pages of clients.
    pub const STATE: &str = "sb_browser_state";
    /// The token of a trusted device.
    pub const DEVICE: &str = "sb_device";
    /// The mark of a device that has signed in before.
    pub const KNOWN: &str = "sb_known";
    /// All of them: sites see none, where all ports of a host are one to a browser.
    pub const ALL: [&str; 4] = [SESSION, STATE, DEVICE, KNOWN];
}

/// The largest form that is kept while its sender signs in, bytes.
pub const LARGEST_FORM: usize = 1024 * 1024;
/// The most that a kept form takes with what is said of it and its seal, bytes.
pub const LARGEST_SEALED_FORM: usize = LARGEST_FORM + 16 * 1024;
/// How long a form is kept, and somebody may take to sign in at a site.
pub const SIGN_IN_LIFE: Duration = Duration::from_secs(600);

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

/// Whether a browser says that a page of `site` itself sends a request, or nobody says anything. A
/// page of the same host by another scheme, or at another port, is another's.
#[must_use]
pub fn is_own_sender(site: &Site, sender: &Sender<'_>) -> bool {
    match sender {
        Sender::Own => true,
        Sender::Origin(origin) => {
            let (scheme, port) = parts(&site.base_url);
            let host = origin.strip_prefix(scheme).and_then(|rest| rest.strip_suffix(port));
            host.is_some_and(|host| site.hosts.iter().any(|own| own == host))
        }
        Sender::Foreign => false,
    }
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

    #[test]
    fn a_page_is_the_sites_own_by_scheme_host_and_port() {
        let site = |base_url: &str| -> Site {
            serde_json::from_value(serde_json::json!({
                "site_key": "wiki", "base_url": base_url, "upstreams": [],
                "hosts": ["wiki.example", "docs.example", "[::1]"],
            }))
            .unwrap()
        };
        let is_own = |base_url: &str, origin: &str| {
            is_own_sender(&site(base_url), &Sender::Origin(origin.into()))
        };
        let (secure, ported) = ("https://wiki.example", "http://wiki.example:81");
        for (base_url, origin, own) in [
            (secure, "https://wiki.example", true),
            (secure, "https://docs.example", true),
            (secure, "https://[::1]", true),
            (secure, "http://wiki.example", false),
            (secure, "https://wiki.example:8443", false),
            (secure, "https://wiki.example.evil.example", false),
            (secure, "https://evil.example", false),
            (secure, "wiki.example", false),
            (secure, "https://", false),
            (secure, "", false),
            (ported, "http://docs.example:81", true),
            (ported, "http://[::1]:81", true),
            (ported, "http://wiki.example", false),
            (ported, "http://wiki.example:8181", false),
            (ported, "https://wiki.example:81", false),
        ] {
            assert_eq!(is_own(base_url, origin), own, "{origin} at {base_url}");
        }
        assert!(is_own_sender(&site(secure), &Sender::Own));
        assert!(!is_own_sender(&site(secure), &Sender::Foreign));
    }
}
