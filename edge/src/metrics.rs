//! The edge's figures. Handles are made once, because looking one up by its labels costs more
//! than judging a request.

use http::StatusCode;
use jwks::Time;
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

const REQUESTS: &str = "signalbox_edge_requests_total";
const FAILED: &str = "signalbox_edge_failed_total";
const VIEW_AGE: &str = "signalbox_edge_view_age_seconds";
const CLOSED: &str = "signalbox_edge_closed_total";
const CONNECTIONS_CLOSED: &str = "signalbox_edge_connections_closed_total";
const FEED_SEQ: &str = "signalbox_edge_feed_seq";
const UPSTREAM_UP: &str = "signalbox_edge_upstream_up";
const CACHE_HITS: &str = "signalbox_edge_token_cache_hits_total";
const CACHE_MISSES: &str = "signalbox_edge_token_cache_misses_total";

/// The figures of the edge as a whole.
pub struct Figures {
    view_age: Gauge,
    feed_seq: Gauge,
    cache_hits: Counter,
    cache_misses: Counter,
}

impl Figures {
    /// Registers the figures with the process's recorder.
    #[must_use]
    pub fn register() -> Self {
        describe_counter!(REQUESTS, "Requests by site and decision");
        describe_counter!(
            FAILED,
            "Requests that were let through and then failed, by site and status"
        );
        describe_counter!(CLOSED, "Answers under way that were closed, by reason");
        describe_counter!(CONNECTIONS_CLOSED, "Connections that were closed at once, by reason");
        describe_gauge!(VIEW_AGE, "Seconds since the view was last known to be current");
        describe_gauge!(FEED_SEQ, "The last change that the edge knows");
        describe_gauge!(UPSTREAM_UP, "Whether an upstream is well: 1, or 0 while it is left out");
        describe_counter!(CACHE_HITS, "Tokens whose signature had been verified before");
        describe_counter!(CACHE_MISSES, "Tokens whose signature had to be verified");
        Self {
            view_age: gauge!(VIEW_AGE),
            feed_seq: gauge!(FEED_SEQ),
            cache_hits: counter!(CACHE_HITS),
            cache_misses: counter!(CACHE_MISSES),
        }
    }

    /// Notes the age of the view at `now` and what is in it.
    pub fn view(&self, seq: u64, confirmed_at: Time, now: Time) {
        self.view_age.set(now.since(confirmed_at).as_secs_f64());
        // A gauge is a float; beyond 2^53 changes the last digits would be lost.
        self.feed_seq.set(seq as f64);
    }

    /// Notes how often the token cache has answered and how often not, since the start.
    pub fn token_cache(&self, hits: u64, misses: u64) {
        self.cache_hits.absolute(hits);
        self.cache_misses.absolute(misses);
    }
}

/// The two outcomes of a site that are frequent enough for handles of their own.
pub struct SiteFigures {
    /// Passed on.
    pub allowed: Counter,
    /// Refused for want of any credential.
    pub not_signed_in: Counter,
}

impl SiteFigures {
    /// Registers the figures of the site called `site_key`.
    #[must_use]
    pub fn register(site_key: &str) -> Self {
        Self {
            allowed: requests(site_key, "allow"),
            not_signed_in: requests(site_key, "not_signed_in"),
        }
    }
}

/// Counts a request that was let through and then failed.
pub fn failed(site_key: &str, status: StatusCode) {
    counter!(FAILED, "site" => site_key.to_owned(), "status" => status.as_str().to_owned())
        .increment(1);
}

/// Whether `upstream` of the site called `site_key` is well.
pub fn upstream_alive(site_key: &str, upstream: &str) -> Gauge {
    gauge!(UPSTREAM_UP, "site" => site_key.to_owned(), "upstream" => upstream.to_owned())
}

/// Counts one request; for the outcomes that are rare.
pub fn count(site_key: Option<&str>, outcome: &'static str) {
    requests(site_key.unwrap_or("-"), outcome).increment(1);
}

/// Counts a connection that is closed for what it takes, and not for what it asks.
pub fn count_connection(reason: &'static str) {
    counter!(CONNECTIONS_CLOSED, "reason" => reason).increment(1);
}

/// Counts an answer under way whose caller may not have it any more.
pub fn count_closed(reason: &'static str) {
    counter!(CLOSED, "reason" => reason).increment(1);
}

fn requests(site_key: &str, outcome: &'static str) -> Counter {
    counter!(REQUESTS, "site" => site_key.to_owned(), "decision" => outcome)
}
