//! What is missing for production, in plain words. Nothing here changes anything.

use std::time::Duration;

use jwks::{Algorithm, Time, site::Site};
use url::Url;

use crate::{
    config::{Config, Problem, check::is_loopback},
    data_dir::KEY_RECIPE,
    store::{IdentityStore, StoreError, StoreResult, postgres, redis},
};

/// The oldest Postgres that is tested with, as `server_version_num` counts.
const LEAST_POSTGRES: u32 = 150_000;
/// How far the clock of a store may be from this machine's: codes and tokens live by it.
const SKEW: Duration = Duration::from_secs(2);
/// How long a key may have been the newest before somebody should make another.
const KEY_AGE: Duration = Duration::from_secs(180 * 24 * 3600);
/// Free bytes under which a disk counts as nearly full.
const LEAST_FREE: u64 = 1 << 30;

/// What the settings lack. They are sound: [`crate::config::check`] has judged them.
#[must_use]
pub fn settings(config: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut add = |setting: &str, what: &str, remedy: &str| {
        found.push(Problem::new(setting, what, remedy));
    };
    let server = &config.server;
    match &server.public_url {
        None => add(
            "server.public_url",
            "is not set: links and tokens name this machine alone",
            "the https address at which people reach the server",
        ),
        Some(url) if url.scheme() != "https" => add(
            "server.public_url",
            "is plain http: passwords and tokens would cross a network in the clear",
            "an https address, with a proxy before the server that ends TLS",
        ),
        Some(_) if server.trusted_proxies.is_empty() => add(
            "server.trusted_proxies",
            "is empty: everybody seems to come from the proxy that ends TLS, and shares its limits",
            "the network of that proxy, such as 10.1.2.0/24",
        ),
        Some(_) => {}
    }
    if server.sealing_key.is_none() {
        add(
            "server.sealing_key",
            "is not set: the key lies in the data folder, beside what it seals",
            &format!("a file of its own, by SIGNALBOX__SERVER__SEALING_KEY_FILE; {KEY_RECIPE}"),
        );
    }
    let embedded = |url: &str| url == "embedded";
    if embedded(&config.identity.url) != embedded(&config.sessions.url) {
        let setting = if embedded(&config.identity.url) { "identity.url" } else { "sessions.url" };
        add(
            setting,
            "is embedded while the other store is not: a second server would share half of it",
            "both embedded for one server, both deployed for several",
        );
    }
    identity_link(&config.identity.url, &mut add);
    let nodes = config.sessions.url.trim_end_matches(',').split(',');
    for url in nodes.filter_map(|node| Url::parse(node.trim()).ok()) {
        sessions_link(&url, &mut add);
    }
    if config.mail.url == "capture" {
        add(
            "mail.url",
            "is captured: no letter ever reaches anybody",
            "smtps://user:password@host:465",
        );
    } else if config.mail.from.contains("@localhost") {
        add(
            "mail.from",
            "is the default sender, which mail servers refuse",
            "Signalbox <no-reply@example.com>",
        );
    }
    if config.sms.url == "capture" {
        add(
            "sms.url",
            "is captured: no code by SMS ever reaches anybody",
            "the address of a gateway, or off",
        );
    }
    if let Some(url) = &config.edge.server_url
        && url.scheme() == "http"
        && !is_loopback(url)
    {
        add(
            "edge.server_url",
            "is plain http: the edge's credential and its feed cross a network in the clear",
            "an https address of the server",
        );
    }
    found
}

fn identity_link(url: &str, add: &mut impl FnMut(&str, &str, &str)) {
    let Ok(url) = Url::parse(url) else { return };
    let checks = ["require", "verify-ca", "verify-full"];
    let is_checked = url
        .query_pairs()
        .any(|(name, value)| name == "sslmode" && checks.contains(&value.as_ref()));
    if !is_loopback(&url) && !is_checked {
        add(
            "identity.url",
            "reaches Postgres over a network without TLS",
            "postgres://…?sslmode=verify-full",
        );
    }
}

fn sessions_link(url: &Url, add: &mut impl FnMut(&str, &str, &str)) {
    if is_loopback(url) {
        return;
    }
    if url.scheme() == "redis" {
        add("sessions.url", "reaches Redis over a network without TLS", "rediss://…");
    }
    if url.password().is_none() {
        add(
            "sessions.url",
            "has no password: whoever reaches Redis reads and ends sessions",
            "rediss://:password@host:6379, and requirepass or an ACL in Redis",
        );
    }
}

/// What the Postgres lacks that keeps identity.
#[must_use]
pub fn postgres(facts: StoreResult<postgres::Facts>, now: Time) -> Vec<Problem> {
    const SETTING: &str = "identity.url";
    let facts = match facts {
        Ok(facts) => facts,
        Err(error) => return vec![away(SETTING, "Postgres", &error)],
    };
    let mut found = Vec::new();
    if facts.version < LEAST_POSTGRES {
        let (major, least) = (facts.version / 10_000, LEAST_POSTGRES / 10_000);
        found.push(Problem::new(
            SETTING,
            format!("Postgres is of version {major}, and {least} is the oldest tested with"),
            format!("Postgres {least} or newer"),
        ));
    }
    found.extend(skew(SETTING, "Postgres", facts.clock, now));
    found
}

/// What the Redis lacks that keeps sessions.
#[must_use]
pub fn redis(facts: StoreResult<redis::Facts>, now: Time) -> Vec<Problem> {
    const SETTING: &str = "sessions.url";
    let facts = match facts {
        Ok(facts) => facts,
        Err(error) => return vec![away(SETTING, "Redis", &error)],
    };
    let mut found = evicting(&facts.eviction_policies);
    if !facts.appends {
        found.push(Problem::new(
            SETTING,
            "Redis keeps nothing through a restart: everybody would have to sign in again",
            "appendonly yes, in redis.conf",
        ));
    }
    found.extend(skew(SETTING, "Redis", facts.clock, now));
    found
}

/// A server refuses to start on a Redis that may drop what is alive (rules 35 and 40).
#[must_use]
pub fn evicting(policies: &[String]) -> Vec<Problem> {
    let evicts = policies.iter().filter(|policy| *policy != "noeviction");
    evicts
        .map(|policy| {
            Problem::new(
                "sessions.url",
                format!(
                    "Redis may drop live sessions, one-time tokens and counters when its memory \
                     is full: its maxmemory-policy is {policy}"
                ),
                "maxmemory-policy noeviction, in redis.conf or by CONFIG SET",
            )
        })
        .collect()
}

/// What the data lacks: an admin who is safe, TLS for the sites that are reached by it, and a young key.
pub async fn data(identity: &dyn IdentityStore, ends_tls: bool, now: Time) -> Vec<Problem> {
    look(identity, ends_tls, now).await.unwrap_or_else(|error| {
        vec![Problem::new(
            "identity.url",
            format!("what it holds cannot be read: {error}"),
            "signalbox migrate, or start the server",
        )]
    })
}

async fn look(
    identity: &dyn IdentityStore,
    ends_tls: bool,
    now: Time,
) -> StoreResult<Vec<Problem>> {
    let mut found = Vec::new();
    if !identity.has_admin().await? {
        found.push(nobody_is_admin());
    }
    let bare = identity.count_admins_without_factor().await?;
    if bare > 0 {
        found.push(Problem::new(
            "admin",
            format!("{bare} of those with the admin role have no second factor"),
            "let them set one up, or take the role away",
        ));
    }
    if !ends_tls {
        found.extend(without_tls(&identity.list_sites().await?));
    }
    let keys = identity.list_signing_keys(now).await?;
    for algorithm in Algorithm::ALL {
        let published = keys.iter().filter(|key| key.algorithm == algorithm);
        let Some(newest) = published.map(|key| key.published_at).max() else { continue };
        if now.since(newest) > KEY_AGE {
            let days = now.since(newest).as_secs() / (24 * 3600);
            found.push(Problem::new(
                "keys",
                format!("the newest signing key for {algorithm} is {days} days old"),
                format!("signalbox keys rotate --algorithm {algorithm}"),
            ));
        }
    }
    Ok(found)
}

/// Whether sites are served by https: by the edge, or by a proxy before it. Where the store is not of
/// this machine, edges are elsewhere and have settings of their own, and are believed.
#[must_use]
pub fn ends_tls(config: &Config) -> bool {
    config.edge.tls_listen.is_some()
        || !config.edge.trusted_proxies.is_empty()
        || config.identity.url != "embedded"
}

/// Sites that browsers are sent to by https, where nothing serves it.
fn without_tls(sites: &[Site]) -> Option<Problem> {
    let is_https = |site: &&Site| site.base_url.starts_with("https://");
    let found: Vec<&str> =
        sites.iter().filter(is_https).map(|site| site.base_url.as_str()).collect();
    (!found.is_empty()).then(|| {
        Problem::new(
            "edge.tls_listen",
            format!("is not set, and nothing here serves {}", found.join(", ")),
            "an address such as 0.0.0.0:443 and edge.certificates, or edge.trusted_proxies with the \
             proxy that ends TLS",
        )
    })
}

/// What is missing before anybody has set the server up.
#[must_use]
pub fn nobody_is_admin() -> Problem {
    Problem::new("admin", "nobody is an admin yet", "signalbox admin setup-link")
}

/// A disk that is nearly full: `free` bytes are left for the data folder.
#[must_use]
pub fn disk(free: u64) -> Option<Problem> {
    (free < LEAST_FREE).then(|| {
        Problem::new(
            "--data",
            format!("{} MiB are free on its disk", free >> 20),
            "make room, or name a folder on another disk",
        )
    })
}

fn away(setting: &str, name: &str, error: &StoreError) -> Problem {
    Problem::new(
        setting,
        format!("{name} gives no answer: {error}"),
        "start it, or correct the address",
    )
}

fn skew(setting: &str, name: &str, theirs: Time, ours: Time) -> Option<Problem> {
    let apart = theirs.millis().abs_diff(ours.millis());
    (u128::from(apart) > SKEW.as_millis()).then(|| {
        Problem::new(
            setting,
            format!("the clock of {name} and this one are {} s apart", apart / 1000),
            "let NTP keep both",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(change: impl FnOnce(&mut Config)) -> Vec<String> {
        let mut config = Config::default();
        config.server.public_url = Some("https://id.example.com".parse().unwrap());
        config.server.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        config.server.sealing_key = Some("key".into());
        config.mail.url = "smtps://mail.example.com".into();
        config.mail.from = "a@example.com".into();
        config.sms.url = "off".into();
        change(&mut config);
        settings(&config).into_iter().map(|problem| problem.setting).collect()
    }

    #[test]
    fn each_setting_that_is_not_for_production_is_named() {
        assert!(found(|_| {}).is_empty());
        assert_eq!(found(|config| config.server.public_url = None), ["server.public_url"]);
        assert_eq!(
            found(|config| {
                config.server.public_url = Some("http://localhost".parse().unwrap());
            }),
            ["server.public_url"]
        );
        assert_eq!(
            found(|config| config.server.trusted_proxies.clear()),
            ["server.trusted_proxies"]
        );
        assert_eq!(found(|config| config.server.sealing_key = None), ["server.sealing_key"]);
        assert_eq!(found(|config| config.mail.url = "capture".into()), ["mail.url"]);
        assert_eq!(found(|config| config.sms.url = "capture".into()), ["sms.url"]);
        assert_eq!(found(|config| config.mail.from = "a@localhost".into()), ["mail.from"]);
        assert_eq!(
            found(|config| config.edge.server_url = Some("http://server1".parse().unwrap())),
            ["edge.server_url"]
        );
    }

    #[test]
    fn sites_that_are_reached_by_https_are_served_so() {
        let site = |url: &str| {
            let site = serde_json::json!({
                "site_key": "app", "base_url": url, "hosts": ["app"], "upstreams": [],
            });
            serde_json::from_value::<Site>(site).unwrap()
        };
        let sites = [site("http://app.localhost:8000"), site("https://app.corp")];
        let found = without_tls(&sites).unwrap();
        assert_eq!(found.setting, "edge.tls_listen");
        assert!(found.what.contains("https://app.corp") && !found.what.contains("localhost"));
        assert!(without_tls(&sites[..1]).is_none());
        assert!(!ends_tls(&Config::default()));
        let with = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            ends_tls(&config)
        };
        assert!(with(|config| config.edge.tls_listen = Some(([0, 0, 0, 0], 443).into())));
        assert!(with(|config| {
            config.edge.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        }));
        assert!(with(|config| config.identity.url = "postgres://db/a".into()));
    }

    #[test]
    fn stores_across_a_network_are_reached_in_ciphertext() {
        let with = |identity: &str, sessions: &str| {
            found(|config| {
                config.identity.url = identity.into();
                config.sessions.url = sessions.into();
            })
        };
        assert!(with("postgres://127.0.0.1/a", "redis://localhost").is_empty());
        let sound = "postgres://db.example.com/a?sslmode=verify-full";
        assert!(with(sound, "rediss://:secret@redis.example.com").is_empty());
        assert_eq!(
            with("postgres://db.example.com/a?sslmode=prefer", "redis://redis.example.com"),
            ["identity.url", "sessions.url", "sessions.url"]
        );
        assert_eq!(with(sound, "embedded"), ["sessions.url"]);
        assert_eq!(with("embedded", "rediss://:secret@redis.example.com"), ["identity.url"]);
    }

    #[test]
    fn what_stores_tell_of_themselves_is_judged() {
        let now = Time::from_secs(1_000_000);
        let old = postgres::Facts { version: 140_011, clock: now.plus(Duration::from_secs(3)) };
        assert_eq!(postgres(Ok(old), now).len(), 2);
        assert!(postgres(Ok(postgres::Facts { version: 150_000, clock: now }), now).is_empty());
        let facts = |policy: &str, appends| redis::Facts {
            eviction_policies: vec![policy.into()],
            appends,
            clock: now,
        };
        assert!(redis(Ok(facts("noeviction", true)), now).is_empty());
        assert_eq!(redis(Ok(facts("allkeys-lru", false)), now).len(), 2);
        assert!(disk(LEAST_FREE).is_none() && disk(LEAST_FREE - 1).is_some());
    }
}
