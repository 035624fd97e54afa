//! Judging the settings: what can be said about them without a store or a network.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
};

use ipnet::IpNet;
use url::{Host, Url};

use super::{
    Config, EdgeSection, Problem, ServerSection, TelemetrySection, load::readable_by_others,
};
use crate::{
    data_dir,
    domain::secret::{OpaqueToken, TokenKind},
    keyring::{GRACE, LEAST_LEAD},
    mailer, outgoing, sms, tls,
};

/// Passwords that examples and images use.
const DEFAULT_PASSWORDS: [&str; 9] =
    ["admin", "changeme", "default", "foobared", "password", "postgres", "redis", "root", "secret"];
/// Fewest characters of a password that goes over a network.
const LEAST_PASSWORD: usize = 8;

/// Longest time that a recovery link waits, seconds: the owner's link to deny it lives as long.
const MOST_DELAY: u64 = 7 * 24 * 60 * 60;

/// What the settings are judged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The server, alone or with an edge in the same process.
    Server,
    /// An edge alone, which needs to be told where its server is and what to show it.
    Edge,
}

/// Everything that is wrong with `config` for `part`, in the order of the sections.
#[must_use]
pub fn judge(config: &Config, part: Part) -> Vec<Problem> {
    let mut judge = Judge { problems: Vec::new() };
    if part == Part::Server {
        judge.server(config);
        judge.stores(config);
        judge.mail(config);
        judge.problems.extend(sms::judge(config));
        judge.tokens(config);
        judge.password(config);
        judge.limits(config);
        judge.outgoing(config);
        judge.telemetry(config);
        judge.sites(config);
    }
    judge.edge(config, part);
    judge.problems
}

/// Whether `url` names this machine: `localhost`, a name under it, or a loopback address.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // The host of an address that is not the web's is text, even where it is a number.
        Some(Host::Domain(name)) => match name.parse::<IpAddr>() {
            Ok(ip) => ip.is_loopback(),
            Err(_) => name == "localhost" || name.ends_with(".localhost"),
        },
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Whether only this machine reaches the server: by its address, and by its public name.
#[must_use]
pub fn is_local(config: &Config) -> bool {
    config.server.listen.ip().is_loopback() && is_loopback(&config.public_url())
}

struct Judge {
    problems: Vec<Problem>,
}

impl Judge {
    fn add(&mut self, setting: &str, what: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem::new(setting, what, remedy));
    }

    fn within(&mut self, setting: &str, value: u64, allowed: RangeInclusive<u64>) {
        if !allowed.contains(&value) {
            let (least, most) = (allowed.start(), allowed.end());
            self.add(
                setting,
                format!("{value} is out of bounds"),
                if *most == u64::MAX {
                    format!("at least {least}")
                } else {
                    format!("{least} to {most}")
                },
            );
        }
    }

    fn no_longer(&mut self, setting: &str, value: u64, than: &str, most: u64) {
        if value > most {
            self.add(
                setting,
                format!("{value} s outlives {than} ({most} s)"),
                format!("at most {than}"),
            );
        }
    }

    fn tls(&mut self, server: &ServerSection) {
        let (cert, key) = match (&server.tls_cert, &server.tls_key) {
            (Some(cert), Some(key)) => (cert, key),
            (None, None) => return,
            (Some(_), None) => {
                return self.add(
                    "server.tls_key",
                    "is not set, and server.tls_cert is",
                    "set both",
                );
            }
            (None, Some(_)) => {
                return self.add(
                    "server.tls_cert",
                    "is not set, and server.tls_key is",
                    "set both",
                );
            }
        };
        if let Some(url) = &server.public_url
            && url.scheme() != "https"
        {
            self.add(
                "server.public_url",
                "is plain http, and server.tls_cert is set",
                "begin it with https://",
            );
        }
        if readable_by_others(key) {
            self.add(
                "server.tls_key",
                format!("{} can be read by everybody on this machine", key.display()),
                "chmod 600",
            );
        }
        if let Err(problem) = tls::load(cert, key) {
            self.add(problem.setting, problem.what, "name PEM files that belong together");
        }
    }

    fn server(&mut self, config: &Config) {
        let server = &config.server;
        if let Some(url) = &server.public_url {
            self.public_url(url);
        }
        let is_open = !server.listen.ip().is_loopback();
        if is_open && server.public_url.is_none() {
            self.add(
                "server.public_url",
                format!("is not set, and server.listen ({}) is not loopback", server.listen),
                "set the https address at which people reach the server",
            );
        } else if let Some(url) = &server.public_url
            && is_open
            && !server.published_on_loopback
            && url.scheme() == "http"
            && is_loopback(url)
        {
            self.add(
                "server.public_url",
                format!("is plain http, and server.listen ({}) is not loopback", server.listen),
                "set the https address at which people reach the server, or listen on 127.0.0.1, \
                 or say server.published_on_loopback where a container's port is published there",
            );
        }
        self.tls(server);
        self.proxies("server.trusted_proxies", &server.trusted_proxies);
        match &server.sealing_key {
            Some(text) => {
                if let Err(what) = data_dir::parse_sealing_key(text) {
                    self.add("server.sealing_key", what.to_string(), data_dir::KEY_RECIPE);
                }
            }
            None if config.identity.url != "embedded" => self.add(
                "server.sealing_key",
                "is not set, and every replica on the same database needs the same",
                data_dir::KEY_RECIPE,
            ),
            None => {}
        }
    }

    fn public_url(&mut self, url: &Url) {
        const SETTING: &str = "server.public_url";
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(url) => {}
            "http" => self.add(
                SETTING,
                "plain http is for loopback alone",
                format!("https://{}", url.host_str().unwrap_or("…")),
            ),
            other => self.add(SETTING, format!("`{other}` is not a web address"), "https://…"),
        }
        if url.host().is_none() {
            self.add(SETTING, "names no host", "https://login.example.com");
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            self.add(
                SETTING,
                "has a path, a query or a fragment",
                "scheme, host and port alone: the server has its host to itself",
            );
        }
        if !url.username().is_empty() || url.password().is_some() {
            self.add(SETTING, "has a user name or a password", "leave them out");
        }
    }

    fn proxies(&mut self, setting: &str, networks: &[IpNet]) {
        for network in networks {
            if network.prefix_len() == 0 {
                self.add(
                    setting,
                    format!("`{network}` would believe everybody"),
                    "the networks of your own proxies, such as 10.1.2.0/24",
                );
            }
        }
    }

    fn stores(&mut self, config: &Config) {
        self.store(
            "identity.url",
            &config.identity.url,
            &["postgres", "postgresql"],
            "postgres://",
        );
        // A cluster is named by several of its nodes, or by one and a comma.
        let nodes = config.sessions.url.trim_end_matches(',').split(',');
        for node in nodes.map(str::trim) {
            self.store("sessions.url", node, &["redis", "rediss"], "redis://");
        }
    }

    /// A password that goes over a network is neither short nor one that examples use (rule 40).
    fn password_of(&mut self, setting: &str, url: &Url) {
        let Some(password) = url.password() else { return };
        if is_loopback(url) {
            return;
        }
        let is_default = DEFAULT_PASSWORDS.contains(&password) || password == url.username();
        if is_default || password.len() < LEAST_PASSWORD {
            self.add(
                setting,
                if is_default { "its password is a default" } else { "its password is short" },
                format!("one of at least {LEAST_PASSWORD} random characters"),
            );
        }
    }

    fn store(&mut self, setting: &str, url: &str, schemes: &[&str], form: &str) {
        if url == "embedded" {
            return;
        }
        match Url::parse(url) {
            Ok(url) if schemes.contains(&url.scheme()) && url.host().is_some() => {
                self.password_of(setting, &url);
            }
            _ => self.add(
                setting,
                "is neither `embedded` nor the address of a store",
                format!("embedded, or {form}…"),
            ),
        }
    }

    fn mail(&mut self, config: &Config) {
        let mail = &config.mail;
        if mail.url == "capture" {
            if !is_local(config) {
                self.add(
                    "mail.url",
                    "captured mail is for loopback alone: nobody would ever get it",
                    "smtps://user:password@host:465",
                );
            }
            return;
        }
        const FORMS: &str = "smtp://host:587?tls=required or smtps://user:password@host:465";
        match Url::parse(&mail.url) {
            Ok(url) if ["smtp", "smtps"].contains(&url.scheme()) && url.host().is_some() => {
                let must_encrypt = url.scheme() == "smtps"
                    // The first of several counts, as it does for the transport.
                    || url
                        .query_pairs()
                        .find(|(name, _)| name == "tls")
                        .is_some_and(|(_, value)| value == "required");
                if !must_encrypt && !is_loopback(&url) {
                    self.add(
                        "mail.url",
                        "sends links that sign people in over a network in plaintext",
                        FORMS,
                    );
                }
                self.password_of("mail.url", &url);
            }
            _ => {
                self.add("mail.url", "is neither `capture` nor the address of a mail server", FORMS)
            }
        }
        if !mailer::is_sender(&mail.from) {
            self.add("mail.from", "is not a sender", "Signalbox <signalbox@example.com>");
        }
    }

    fn tokens(&mut self, config: &Config) {
        const YEAR: u64 = 366 * 24 * 3600;
        let tokens = &config.tokens;
        self.within("tokens.access_ttl", tokens.access_ttl, 1..=24 * 3600);
        self.within("tokens.id_ttl", tokens.id_ttl, 1..=24 * 3600);
        self.within("tokens.refresh_ttl", tokens.refresh_ttl, 1..=YEAR);
        self.within("tokens.session_ttl", tokens.session_ttl, 1..=YEAR);
        self.within("tokens.short_session_ttl", tokens.short_session_ttl, 1..=YEAR);
        self.within("tokens.refresh_retry", tokens.refresh_retry, 0..=300);
        self.within("tokens.api_key_ttl", tokens.api_key_ttl, 3600..=365 * 24 * 3600);
        self.within("tokens.login_ttl", tokens.login_ttl, 1..=600);
        self.within("tokens.key_lead", tokens.key_lead, LEAST_LEAD.as_secs()..=30 * 24 * 3600);
        if tokens.key_rotation > 0 {
            // One rotation is over, its predecessor gone, when the next begins.
            let longest = tokens.access_ttl.max(tokens.id_ttl);
            let least = tokens.key_lead.saturating_add(longest).saturating_add(GRACE.as_secs());
            self.within("tokens.key_rotation", tokens.key_rotation, least..=10 * YEAR);
        }
        let session = tokens.session_ttl;
        self.no_longer("tokens.refresh_ttl", tokens.refresh_ttl, "tokens.session_ttl", session);
        self.no_longer(
            "tokens.short_session_ttl",
            tokens.short_session_ttl,
            "tokens.session_ttl",
            session,
        );
        self.no_longer("tokens.access_ttl", tokens.access_ttl, "tokens.session_ttl", session);
    }

    fn password(&mut self, config: &Config) {
        let password = &config.password;
        self.within("password.min_length", password.min_length as u64, 8..=64);
        self.within("password.max_length", password.max_length as u64, 64..=128);
        self.within("password.min_score", password.min_score.into(), 2..=4);
        self.within("password.memory_kib", password.memory_kib.into(), 19_456..=4 << 20);
        self.within("password.iterations", password.iterations.into(), 2..=100);
        self.within("password.threads", password.threads as u64, 0..=1024);
        self.within("password.queue", password.queue as u64, 1..=100_000);
    }

    fn limits(&mut self, config: &Config) {
        let limits = &config.limits;
        for (setting, value, most) in [
            ("limits.password_per_account", limits.password_per_account, 10),
            ("limits.password_per_network", limits.password_per_network, u32::MAX),
            ("limits.code_per_factor", limits.code_per_factor, 10),
            ("limits.code_lock", limits.code_lock, 100),
            ("limits.register_per_network", limits.register_per_network, u32::MAX),
            ("limits.mail_per_address", limits.mail_per_address, u32::MAX),
            ("limits.codes_sent_per_person", limits.codes_sent_per_person, u32::MAX),
            ("limits.codes_sent_per_network", limits.codes_sent_per_network, u32::MAX),
            ("limits.codes_sent_per_number", limits.codes_sent_per_number, u32::MAX),
            ("limits.codes_sent_unproved_daily", limits.codes_sent_unproved_daily, u32::MAX),
            ("limits.sms_daily_per_person", limits.sms_daily_per_person, u32::MAX),
            ("limits.sms_daily", limits.sms_daily, 100_000),
            ("limits.requests_per_network", limits.requests_per_network, u32::MAX),
            ("limits.requests_per_client", limits.requests_per_client, u32::MAX),
            ("limits.revocations_per_client", limits.revocations_per_client, u32::MAX),
            ("limits.api_keys_per_person", limits.api_keys_per_person, 100),
        ] {
            self.within(setting, value.into(), 1..=most.into());
        }
        self.within("policy.recovery_delay", config.policy.recovery_delay, 0..=MOST_DELAY);
    }

    fn outgoing(&mut self, config: &Config) {
        for file in &config.outgoing.extra_ca {
            if let Err(what) = outgoing::authorities(file) {
                let remedy = "a PEM file with certificates that can be read";
                self.add("outgoing.extra_ca", what, remedy);
            }
        }
        for network in &config.outgoing.allow_private {
            if network.prefix_len() == 0 {
                self.add(
                    "outgoing.allow_private",
                    format!("`{network}` would open every network to whoever registers a client"),
                    "the networks of your own clients, such as 10.1.2.0/24",
                );
            }
        }
    }

    fn telemetry(&mut self, config: &Config) {
        let (telemetry, unset) = (&config.telemetry, TelemetrySection::default());
        let is_there = cfg!(feature = "otel");
        for (setting, is_set) in [
            ("telemetry.otlp_url", telemetry.otlp_url != unset.otlp_url),
            ("telemetry.sample_ratio", telemetry.sample_ratio != unset.sample_ratio),
        ] {
            if is_set && !is_there {
                self.add(setting, "this build sends no traces", "cargo build --features otel");
            }
        }
        if let Some(url) = &telemetry.otlp_url
            && (!["http", "https"].contains(&url.scheme()) || url.host().is_none())
        {
            self.add(
                "telemetry.otlp_url",
                "is not a web address",
                "http://127.0.0.1:4318/v1/traces",
            );
        }
        if !(0.0..=1.0).contains(&telemetry.sample_ratio) {
            self.add(
                "telemetry.sample_ratio",
                format!("{} is out of bounds", telemetry.sample_ratio),
                "0 to 1",
            );
        }
    }

    fn sites(&mut self, config: &Config) {
        let (mut keys, mut hosts) = (BTreeSet::new(), BTreeSet::new());
        for site in &config.sites {
            let setting = format!("sites.{}", site.site_key);
            for error in site.validate().err().unwrap_or_default() {
                self.add(&format!("{setting}.{}", error.field), error.message, "correct the site");
            }
            if !keys.insert(&site.site_key) {
                self.add(&setting, "stands here twice", "give each site its own site_key");
            }
            for host in &site.hosts {
                if !hosts.insert(host) {
                    self.add(
                        &setting,
                        format!("another site answers to the host `{host}`"),
                        "give each host to one site",
                    );
                }
            }
        }
    }

    fn edge(&mut self, config: &Config, part: Part) {
        let edge = &config.edge;
        if same_socket(edge.listen, config.server.listen) && part == Part::Server {
            self.add(
                "edge.listen",
                format!("{} is the server's", edge.listen),
                "a port of its own, such as 8000",
            );
        }
        if let Some(url) = &edge.server_url
            && (!["http", "https"].contains(&url.scheme()) || url.host().is_none())
        {
            self.add("edge.server_url", "is not a web address", "https://login.example.com");
        }
        match &edge.credential {
            Some(text) if OpaqueToken::parse(TokenKind::Edge, text).is_none() => self.add(
                "edge.credential",
                "is not the credential of an edge, or was cut or mistyped",
                "signalbox admin create-edge --name NAME",
            ),
            None if part == Part::Edge => self.add(
                "edge.credential",
                "is not set, and an edge alone needs one",
                "signalbox admin create-edge --name NAME",
            ),
            _ => {}
        }
        if part == Part::Edge && edge.server_url.is_none() {
            self.add(
                "edge.server_url",
                "is not set, and an edge alone needs it",
                "the address of the server, such as https://login.example.com",
            );
        }
        if let Some(admin) = edge.admin_listen
            && same_socket(admin, edge.listen)
        {
            self.add(
                "edge.admin_listen",
                format!("{admin} is where people come in"),
                "a port of its own, such as 127.0.0.1:8001",
            );
        }
        self.edge_tls(edge);
        self.proxies("edge.trusted_proxies", &edge.trusted_proxies);
        let limits = &edge.limits;
        self.within("edge.limits.head_timeout", limits.head_timeout, 1..=10);
        self.within("edge.limits.idle_timeout", limits.idle_timeout, 1..=3600);
        self.within("edge.limits.write_timeout", limits.write_timeout, 1..=3600);
        self.within("edge.limits.http2_streams", limits.http2_streams.into(), 1..=10_000);
        self.within("edge.limits.http2_frames", limits.http2_frames.into(), 10..=1_000_000);
        self.within("edge.threads", edge.threads as u64, 0..=1024);
        self.within("edge.token_cache", edge.token_cache as u64, 1..=10_000_000);
    }

    fn edge_tls(&mut self, edge: &EdgeSection) {
        let places = [
            ("edge.listen", Some(edge.listen)),
            ("edge.tls_listen", edge.tls_listen),
            ("edge.redirect_listen", edge.redirect_listen),
            ("edge.admin_listen", edge.admin_listen),
        ];
        for (at, (setting, place)) in places.iter().enumerate().skip(1) {
            let other = places[..at]
                .iter()
                .find(|(_, other)| matches!((place, other), (Some(a), Some(b)) if a.port() != 0 && a.port() == b.port()));
            if let (Some((other, _)), "edge.tls_listen" | "edge.redirect_listen") =
                (other, *setting)
            {
                self.add(setting, format!("has the port of {other}"), "a port of its own");
            }
        }
        if edge.tls_listen.is_some() && edge.certificates.is_empty() {
            self.add(
                "edge.certificates",
                "is not set, and edge.tls_listen is",
                "`signalbox tls local` makes some for this machine",
            );
        }
        for (n, pair) in edge.certificates.iter().enumerate() {
            let setting = format!("edge.certificates[{n}]");
            if readable_by_others(&pair.key) {
                self.add(
                    &setting,
                    format!("{} can be read by everybody on this machine", pair.key.display()),
                    "chmod 600",
                );
            }
            if let Err(problem) = tls::load(&pair.certificate, &pair.key) {
                self.add(&setting, problem.what, "name PEM files that belong together");
            }
        }
    }
}

fn same_socket(one: SocketAddr, other: SocketAddr) -> bool {
    let overlap = |a: IpAddr, b: IpAddr| a == b || a.is_unspecified() || b.is_unspecified();
    one.port() != 0 && one.port() == other.port() && overlap(one.ip(), other.ip())
}

#[cfg(test)]
mod tests;
