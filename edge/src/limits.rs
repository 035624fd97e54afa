//! What one caller may take of the edge.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ipnet::IpNet;
use jwks::forwarding::MAX_HEAD;
use pingora::{apps::HttpServerOptions, protocols::http::v2::server::H2Options};

use crate::facts;

/// What one connection, or one address, may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the first byte of a request's head (of a connection's first head: from its beginning)
    /// to the last. The TLS handshake has as long.
    pub head: Duration,
    /// How long a connection may rest between requests.
    pub idle: Duration,
    /// How long a caller may take nothing of its answer.
    pub write: Duration,
    /// Bytes a second that the body of a request must bring, counted from the end of its head,
    /// after [`Self::body_grace`]; 0: any.
    pub body_rate: u64,
    /// Before this has passed nobody asks how fast a body is coming.
    pub body_grace: Duration,
    /// Connections of one address (IPv6: of one network of 64 bits) at once; 0: any. Trusted
    /// proxies have as many as they like.
    pub connections: u32,
    /// Requests at once on one HTTP/2 connection.
    pub streams: u32,
    /// HTTP/2 frames that only cost (resets, pings, settings, priorities, empty data) within ten
    /// seconds on one connection.
    pub frames: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            write: Duration::from_secs(60),
            body_rate: 240,
            body_grace: Duration::from_secs(10),
            connections: 1024,
            streams: 100,
            frames: 300,
        }
    }
}

impl Limits {
    /// What a caller may do on an HTTP/2 connection.
    #[must_use]
    pub fn h2(&self) -> H2Options {
        let mut options = H2Options::new();
        options
            .max_concurrent_streams(self.streams)
            // Each field counts 32 bytes more than it has (RFC 9113 section 6.5.2).
            .max_header_list_size(MAX_HEAD as u32 + 32 * facts::MAX_FIELDS as u32)
            .max_pending_accept_reset_streams(20)
            .max_local_error_reset_streams(Some(64));
        options
    }

    /// How connections end that nobody uses.
    #[must_use]
    pub fn server(&self) -> HttpServerOptions {
        let mut options = HttpServerOptions::default();
        options.h2_idle_timeout = Some(self.idle);
        options
    }

    /// Whether a body of which `bytes` have come in `elapsed` is too slow.
    #[must_use]
    pub fn is_too_slow(&self, bytes: u64, elapsed: Duration) -> bool {
        elapsed > self.body_grace && bytes < self.body_rate.saturating_mul(elapsed.as_secs())
    }
}

/// Who is connected, and how often.
pub struct Visitors {
    most: u32,
    trusted: Vec<IpNet>,
    shards: [Mutex<HashMap<IpAddr, u32>>; SHARDS],
}

const SHARDS: usize = 16;

/// One connection among those of its address. Dropped, it is over.
pub struct Place {
    visitors: Arc<Visitors>,
    from: IpAddr,
}

impl Visitors {
    /// At most `most` of each address (0: any number), but for those in `trusted`.
    #[must_use]
    pub fn new(most: u32, trusted: Vec<IpNet>) -> Self {
        Self { most, trusted, shards: Default::default() }
    }

    /// Lets a connection in; `None`: there are too many from there. The inner `None`: it is not
    /// counted.
    #[must_use]
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Option<Place>> {
        let address = address.to_canonical();
        if self.most == 0 || self.trusted.iter().any(|net| net.contains(&address)) {
            return Some(None);
        }
        let from = network(address);
        let mut shard = self.shard(from).lock().unwrap_or_else(PoisonError::into_inner);
        let count = shard.entry(from).or_insert(0);
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Some(Place { visitors: self.clone(), from }))
    }

    fn shard(&self, from: IpAddr) -> &Mutex<HashMap<IpAddr, u32>> {
        let last = match from {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(address) => address.octets()[7],
        };
        &self.shards[usize::from(last) % SHARDS]
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut shard =
            self.visitors.shard(self.from).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = shard.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                shard.remove(&self.from);
            }
        }
    }
}

/// What one caller is given to call from: an IPv4 address, or 64 bits of an IPv6 one.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let bits = u128::from(address) & (u128::MAX << 64);
            IpAddr::V6(bits.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_connections_and_no_more() {
        let trusted = vec!["10.0.0.0/8".parse().unwrap()];
        let visitors = Arc::new(Visitors::new(2, trusted));
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let one = visitors.enter(address("192.0.2.1")).unwrap();
        let two = visitors.enter(address("::ffff:192.0.2.1")).unwrap();
        assert!(visitors.enter(address("192.0.2.1")).is_none());
        assert!(visitors.enter(address("192.0.2.2")).is_some());
        drop(one);
        let again = visitors.enter(address("192.0.2.1"));
        assert!(again.is_some());
        assert!(visitors.enter(address("192.0.2.1")).is_none());
        drop((two, again));
        assert!(visitors.shards.iter().all(|shard| shard.lock().unwrap().is_empty()));

        let proxies: Vec<_> = (0..9).map(|_| visitors.enter(address("10.1.2.3"))).collect();
        assert!(proxies.iter().all(Option::is_some));
    }

    #[test]
    fn an_ipv6_network_is_one_caller() {
        let visitors = Arc::new(Visitors::new(1, vec![]));
        let first = visitors.enter("2001:db8::1".parse().unwrap());
        assert!(first.is_some());
        assert!(visitors.enter("2001:db8::2".parse().unwrap()).is_none());
        assert!(visitors.enter("2001:db8:0:1::1".parse().unwrap()).is_some());
    }

    #[test]
    fn a_body_may_be_slow_for_a_while_but_not_for_long() {
        let limits = Limits { body_rate: 100, ..Limits::default() };
        assert!(!limits.is_too_slow(0, limits.body_grace));
        assert!(limits.is_too_slow(1000, Duration::from_secs(11)));
        assert!(!limits.is_too_slow(1100, Duration::from_secs(11)));
        let any = Limits { body_rate: 0, ..limits };
        assert!(!any.is_too_slow(0, Duration::from_secs(1000)));
    }
}
