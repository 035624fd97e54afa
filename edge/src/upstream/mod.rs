//! Where a site's requests go.

mod health;
mod pool;
mod route;
mod upgrade;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use http::{Method, Version, header};
use jwks::forwarding::Forwarding;
use pingora::{Error, ErrorType, http::RequestHeader, protocols::ALPN, upstreams::peer::HttpPeer};
use url::{Host, Url};

pub use self::{
    health::{Health, read_authorities},
    pool::Pool,
    route::Route,
};

/// How long an upstream's name may stand for the addresses it once had.
const RESOLVED_FOR: Duration = Duration::from_secs(30);
/// How long an unused connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(60);
/// Requests at once on one HTTP/2 connection to an upstream.
const STREAMS: usize = 100;
/// HTTP/2 connections to upstreams are asked for a sign of life as often, so that one that died
/// silently is not given the next request.
const PING: Duration = Duration::from_secs(30);

/// What is spoken with an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// HTTP/1.1.
    Plain,
    /// HTTP/2 without TLS and without asking first.
    H2c,
    /// HTTP/2 over TLS where the upstream offers it, else HTTP/1.1.
    Tls,
}

/// An upstream as a site names it.
#[derive(Debug)]
pub struct Upstream {
    text: String,
    wire: Wire,
    name: String,
    port: u16,
    address: Address,
}

#[derive(Debug)]
enum Address {
    Fixed(SocketAddr),
    Resolved(ArcSwapOption<(SocketAddr, Instant)>),
}

/// What a request needs of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// One answer, before long.
    Answer,
    /// An answer that may be silent for any time: server-sent events, gRPC.
    Endless,
    /// A connection of its own, for a WebSocket.
    Upgrade,
}

impl Need {
    /// What `request` needs.
    #[must_use]
    pub fn of(request: &RequestHeader) -> Self {
        const EVENTS: &[u8] = b"text/event-stream";
        let accepts_events = || {
            request.headers.get(header::ACCEPT).is_some_and(|accept| {
                accept
                    .as_bytes()
                    .windows(EVENTS.len())
                    .any(|part| part.eq_ignore_ascii_case(EVENTS))
            })
        };
        if is_upgrade(request) {
            Self::Upgrade
        } else if is_grpc(request) || accepts_events() {
            Self::Endless
        } else {
            Self::Answer
        }
    }
}

/// Whether this is the beginning of a WebSocket (RFC 6455 section 4.1); no other upgrade is passed
/// on.
#[must_use]
pub fn is_upgrade(request: &RequestHeader) -> bool {
    request.version == Version::HTTP_11
        && request.method == Method::GET
        && request
            .headers
            .get(header::UPGRADE)
            .is_some_and(|wanted| wanted.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Whether this is a call of gRPC, whose two bodies are streams.
#[must_use]
pub fn is_grpc(request: &RequestHeader) -> bool {
    request.version == Version::HTTP_2
        && request
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

impl Upstream {
    /// Reads `http://host:port`, `https://host:port` or `h2c://host:port`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // To the URL standard only schemes it knows have hosts as we mean them.
        let (wire, url) = match text.strip_prefix("h2c://") {
            Some(rest) => (Wire::H2c, Url::parse(&format!("http://{rest}")).ok()?),
            None => {
                let url = Url::parse(text).ok()?;
                match url.scheme() {
                    "http" => (Wire::Plain, url),
                    "https" => (Wire::Tls, url),
                    _ => return None,
                }
            }
        };
        let port = url.port_or_known_default()?;
        let host = url.host()?;
        let name = host.to_string();
        let address = match host {
            Host::Ipv4(ip) => Address::Fixed((ip, port).into()),
            Host::Ipv6(ip) => Address::Fixed((ip, port).into()),
            Host::Domain(_) => Address::Resolved(ArcSwapOption::empty()),
        };
        Some(Self { text: text.to_owned(), wire, name, port, address })
    }

    /// As the site names it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The peer to connect to.
    ///
    /// # Errors
    /// The name has no address; or HTTP/2 alone is spoken there, and a WebSocket is asked for.
    pub async fn peer(
        &self,
        need: Need,
        forwarding: &Forwarding,
    ) -> pingora::Result<Box<HttpPeer>> {
        let address = self.address().await?;
        let tls = self.wire == Wire::Tls;
        let sni = if tls { self.name.clone() } else { String::new() };
        let mut peer = HttpPeer::new(address, tls, sni);
        peer.options.connection_timeout = Some(forwarding.connect_timeout());
        peer.options.total_connection_timeout = Some(forwarding.connect_timeout());
        peer.options.idle_timeout = Some(IDLE);
        peer.options.read_timeout = (need == Need::Answer).then(|| forwarding.read_timeout());
        peer.options.write_timeout = Some(forwarding.read_timeout());
        match (need, self.wire) {
            (Need::Upgrade, Wire::H2c) => {
                return Error::e_explain(
                    ErrorType::HTTPStatus(501),
                    "the upstream speaks HTTP/2 alone, and HTTP/2 carries no WebSocket here",
                );
            }
            (Need::Upgrade, Wire::Plain | Wire::Tls) => {
                upgrade::own_connection(&mut peer, forwarding.connect_timeout());
            }
            (_, Wire::Plain) => {}
            (_, Wire::H2c | Wire::Tls) => {
                let alpn = if tls { ALPN::H2H1 } else { ALPN::H2 };
                peer.options.alpn = alpn;
                peer.options.max_h2_streams = STREAMS;
                peer.options.h2_ping_interval = Some(PING);
            }
        }

        Ok(Box::new(peer))
    }

    async fn address(&self) -> pingora::Result<SocketAddr> {
        match &self.address {
            Address::Fixed(address) => Ok(*address),
            Address::Resolved(held) => self.resolve(held).await,
        }
    }

    async fn resolve(
        &self,
        held: &ArcSwapOption<(SocketAddr, Instant)>,
    ) -> pingora::Result<SocketAddr> {
        let known = held.load_full();
        if let Some(known) = &known
            && known.1.elapsed() < RESOLVED_FOR
        {
            return Ok(known.0);
        }
        let found = tokio::net::lookup_host((self.name.as_str(), self.port)).await;
        match (found.map(|mut addresses| addresses.next()), known) {
            (Ok(Some(address)), _) => {
                held.store(Some(Arc::new((address, Instant::now()))));
                Ok(address)
            }
            // A resolver that is away does not take a site down whose address was known.
            (_, Some(known)) => Ok(known.0),
            _ => Error::e_explain(ErrorType::ConnectError, format!("no address for {}", self.name))
                .map_err(|error: Box<Error>| error.into_up()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstreams_are_read_as_sites_name_them() {
        let plain = Upstream::parse("http://127.0.0.1:3000").unwrap();
        assert!(plain.wire == Wire::Plain && plain.port == 3000);
        assert!(matches!(plain.address, Address::Fixed(_)));
        let named = Upstream::parse("https://app.internal").unwrap();
        assert!(named.wire == Wire::Tls && named.port == 443);
        assert!(matches!(named.address, Address::Resolved(_)));
        let grpc = Upstream::parse("h2c://[::1]:50051").unwrap();
        assert!(grpc.wire == Wire::H2c && grpc.port == 50051);
        assert_eq!(grpc.text(), "h2c://[::1]:50051");
        for odd in ["ftp://x", "not a url", "h2c://", "h2c:a"] {
            assert!(Upstream::parse(odd).is_none(), "{odd}");
        }
    }

    #[test]
    fn only_a_websocket_is_an_upgrade() {
        let request = |method: &str, version, value: &'static str| {
            let mut request = RequestHeader::build(method, b"/", None).unwrap();
            request.set_version(version);
            request.insert_header(header::UPGRADE, value).unwrap();
            is_upgrade(&request)
        };
        assert!(request("GET", Version::HTTP_11, "WebSocket"));
        assert!(!request("POST", Version::HTTP_11, "websocket"));
        assert!(!request("GET", Version::HTTP_10, "websocket"));
        assert!(!request("GET", Version::HTTP_11, "h2c"));
    }
}
