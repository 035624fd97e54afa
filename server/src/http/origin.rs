//! Who is calling, as far as the transport knows.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap, header::USER_AGENT};
use ipnet::IpNet;

use super::observe::RequestId;
use crate::{app::App, auth::origin::Origin};

const USER_AGENT_LIMIT: usize = 256;

/// Reads the origin of a request to surface `client_id`.
#[must_use]
pub fn origin(app: &App, headers: &HeaderMap, extensions: &Extensions, client_id: &str) -> Origin {
    let peer = extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip().to_canonical());
    let agent = headers.get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let agent = agent.unwrap_or_default();
    let cut = agent.floor_char_boundary(USER_AGENT_LIMIT);
    Origin {
        ip: client_address(peer, headers, &app.config.server.trusted_proxies),
        user_agent: agent[..cut].to_owned(),
        request_id: extensions.get::<RequestId>().map_or_else(String::new, |id| id.0.clone()),
        client_id: client_id.to_owned(),
        known: None,
    }
}

/// The caller's address: the peer's, or, behind trusted proxies, the last one in
/// `X-Forwarded-For` that no trusted proxy put its own address behind.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|network| network.contains(ip));
    if !is_trusted(&peer) {
        return peer;
    }
    let mut address = peer;
    let chain = headers.get_all("x-forwarded-for");
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
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append("x-forwarded-for", value);
        }
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_say_who_is_behind_them() {
        assert_eq!(address("192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(address("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(address("10.0.0.1", &["6.6.6.6, 198.51.100.1", "10.0.0.2"]), "198.51.100.1");
        assert_eq!(address("10.0.0.1", &["6.6.6.6, nonsense"]), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn a_field_that_is_no_text_does_not_hide_what_a_proxy_added_to_it() {
        assert_eq!(address("10.0.0.1", &["6.6.6.6", "\u{fe}, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(address("10.0.0.1", &["6.6.6.6", "\u{fe}"]), "10.0.0.1");
    }
}
