//! The upstreams of one site: which one is next, and which are well.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use jwks::{forwarding::Forwarding, site::Site};
use metrics::Gauge;

use super::Upstream;
use crate::metrics::upstream_alive;

/// The most upstreams of a site; sites have at most 100.
pub const MAX: usize = 128;

/// The upstreams of a site. It outlives changes of the site that do not concern it.
pub struct Pool {
    named: Vec<String>,
    host: String,
    /// How requests travel.
    pub forwarding: Forwarding,
    members: Box<[Member]>,
    next: AtomicUsize,
}

/// One upstream, and what is known of it.
pub struct Member {
    /// The upstream.
    pub upstream: Upstream,
    alive: AtomicBool,
    /// When it was last checked, milliseconds by the checker's clock.
    pub checked_at: AtomicU64,
    /// Whether it is being checked.
    pub checking: AtomicBool,
    gauge: Gauge,
}

impl Pool {
    /// The upstreams of `site`, all of them taken to be well. What cannot be understood is left out.
    #[must_use]
    pub fn new(site: &Site) -> Self {
        let member = |upstream| Member {
            gauge: upstream_alive(&site.site_key, Upstream::text(&upstream)),
            upstream,
            alive: AtomicBool::new(true),
            checked_at: AtomicU64::new(0),
            checking: AtomicBool::new(false),
        };
        let members: Box<[Member]> = site
            .upstreams
            .iter()
            .filter_map(|text| Upstream::parse(text))
            .take(MAX)
            .map(member)
            .collect();
        for member in &members {
            member.gauge.set(1.0);
        }
        if members.len() < site.upstreams.len() {
            tracing::warn!(site = site.site_key, "the site has upstreams that cannot be used");
        }
        Self {
            named: site.upstreams.clone(),
            host: site.hosts.first().cloned().unwrap_or_default(),
            forwarding: site.forwarding.clone(),
            members,
            next: AtomicUsize::new(0),
        }
    }

    /// Whether this is still the pool of `site`.
    #[must_use]
    pub fn is_of(&self, site: &Site) -> bool {
        self.named == site.upstreams
            && self.forwarding == site.forwarding
            && site.hosts.first() == Some(&self.host)
    }

    /// The host name under which upstreams are checked.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its upstreams, by number.
    #[must_use]
    pub const fn members(&self) -> &[Member] {
        &self.members
    }

    /// The next upstream that is well and not among `tried` (a bit for each number).
    #[must_use]
    pub fn next(&self, tried: u128) -> Option<usize> {
        let is_fit =
            |&at: &usize| tried & (1 << at) == 0 && self.members[at].alive.load(Ordering::Relaxed);
        match self.members.len() {
            0 => None,
            1 => Some(0).filter(is_fit),
            count => {
                let first = self.next.fetch_add(1, Ordering::Relaxed);
                (0..count).map(|step| first.wrapping_add(step) % count).find(is_fit)
            }
        }
    }

    /// Whether any upstream is well.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.members.iter().any(Member::is_alive)
    }

    /// Notes that the upstream `at` is well, or is not.
    pub fn note(&self, at: usize, alive: bool) {
        let Some(member) = self.members.get(at) else {
            return;
        };
        if member.alive.swap(alive, Ordering::Relaxed) == alive {
            return;
        }
        member.gauge.set(f64::from(u8::from(alive)));
        let upstream = member.upstream.text();
        if alive {
            tracing::info!(upstream, host = self.host, "an upstream is back");
        } else {
            tracing::warn!(upstream, host = self.host, "an upstream is out");
        }
    }
}

impl Member {
    /// Whether it is taken to be well.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(count: usize) -> Pool {
        let upstreams: Vec<String> = (1..=count).map(|n| format!("http://127.0.0.{n}")).collect();
        let site = serde_json::json!({
            "site_key": "app", "base_url": "https://app.test", "hosts": ["app.test"],
            "upstreams": upstreams,
        });
        Pool::new(&serde_json::from_value(site).unwrap())
    }

    #[test]
    fn upstreams_take_turns_and_the_dead_are_left_out() {
        let pool = pool(3);
        let next = |count: usize| (0..count).map(|_| pool.next(0).unwrap()).collect::<Vec<_>>();
        assert_eq!(next(6), [0, 1, 2, 0, 1, 2]);
        pool.note(1, false);
        let turns = next(6);
        assert!(!turns.contains(&1) && turns.contains(&0) && turns.contains(&2), "{turns:?}");
        pool.note(1, true);
        assert!(next(3).contains(&1));
        for at in 0..3 {
            pool.note(at, false);
        }
        assert_eq!(pool.next(0), None);
        assert!(!pool.is_reachable());
        pool.note(2, true);
        assert!(pool.is_reachable());
    }

    #[test]
    fn what_was_tried_is_not_tried_again() {
        let pool = pool(3);
        assert_eq!(pool.next(0b101), Some(1));
        assert_eq!(pool.next(0b111), None);
        let one = super::tests::pool(1);
        assert_eq!((one.next(0), one.next(1)), (Some(0), None));
    }

    #[test]
    fn a_pool_stays_where_only_the_policy_changes() {
        let mut site: Site = serde_json::from_value(serde_json::json!({
            "site_key": "app", "base_url": "https://app.test", "hosts": ["app.test"],
            "upstreams": ["http://127.0.0.1"],
        }))
        .unwrap();
        let pool = Pool::new(&site);
        site.policy.require = jwks::policy::Require::Public;
        assert!(pool.is_of(&site));
        site.forwarding.read_timeout = 1;
        assert!(!pool.is_of(&site));
    }
}
