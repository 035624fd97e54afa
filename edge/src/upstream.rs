//! Where a site's requests go.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use pingora::{Error, ErrorType, upstreams::peer::HttpPeer};
use url::{Host, Url};

/// How long an upstream's name may stand for the addresses it once had.
const RESOLVED_FOR: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);
const CONNECT_WITH_TLS: Duration = Duration::from_secs(10);
/// How long an upstream may be silent in the middle of an answer.
const SILENCE: Duration = Duration::from_secs(120);
/// How long an unused connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(60);

/// An upstream as a site names it.
#[derive(Debug)]
pub struct Upstream {
    tls: bool,
    name: String,
    port: u16,
    address: Address,
}

#[derive(Debug)]
enum Address {
    Fixed(SocketAddr),
    Resolved(ArcSwapOption<(SocketAddr, Instant)>),
}

impl Upstream {
    /// Reads `http://host:port` or `https://host:port`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let port = url.port_or_known_default()?;
        let host = url.host()?;
        let name = host.to_string();
        let address = match host {
            Host::Ipv4(ip) => Address::Fixed((ip, port).into()),
            Host::Ipv6(ip) => Address::Fixed((ip, port).into()),
            Host::Domain(_) => Address::Resolved(ArcSwapOption::empty()),
        };
        Some(Self { tls, name, port, address })
    }

    /// The peer to connect to. `endless`: the exchange may be silent for any time (WebSocket,
    /// server-sent events).
    ///
    /// # Errors
    /// The name has no address.
    pub async fn peer(&self, endless: bool) -> pingora::Result<Box<HttpPeer>> {
        let address = match &self.address {
            Address::Fixed(address) => *address,
            Address::Resolved(held) => self.resolve(held).await?,
        };
        let sni = if self.tls { self.name.clone() } else { String::new() };
        let mut peer = HttpPeer::new(address, self.tls, sni);
        peer.options.connection_timeout = Some(CONNECT);
        peer.options.total_connection_timeout = Some(CONNECT_WITH_TLS);
        peer.options.idle_timeout = Some(IDLE);
        peer.options.read_timeout = (!endless).then_some(SILENCE);
        Ok(Box::new(peer))
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
        assert!(!plain.tls && plain.port == 3000 && matches!(plain.address, Address::Fixed(_)));
        let named = Upstream::parse("https://app.internal").unwrap();
        assert!(named.tls && named.port == 443 && matches!(named.address, Address::Resolved(_)));
        assert!(Upstream::parse("ftp://x").is_none());
        assert!(Upstream::parse("not a url").is_none());
    }
}
