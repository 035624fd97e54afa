//! Whether a site says only what can be meant. Judged when somebody writes a site; the edge takes
//! what the server has accepted.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use crate::{
    effective::Effective,
    forwarding::{Forwarding, MAX_HEAD},
    policy::{Accept, Allow, Method, Policy, Require, Rule, TrustedDevice, is_scope},
    site::Site,
    site_session,
};

/// What is wrong with one field, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field, as a path into the JSON: `policy.rules[0].prefix`.
    pub field: String,
    /// What is wrong and the remedy, for people.
    pub message: String,
}

const MAX_NAME_CHARS: usize = 200;
const MAX_ENTRIES: usize = 100;
const MAX_DEVICE_DAYS: u32 = 365;
/// The longest time that anything of an upstream is waited for, seconds.
const MAX_WAIT: u64 = 3600;
/// A head smaller than this holds no credential.
const LEAST_HEAD: u64 = 1024;

impl Site {
    /// Judges every field.
    ///
    /// # Errors
    /// One [`FieldError`] for each thing that is wrong.
    pub fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut found = Findings::default();
        found.site_key(&self.site_key);
        found.label("name", &self.name);
        found.addresses(self);
        found.forwarding(&self.forwarding);
        found.branding(self);
        found.policy(&self.policy);
        if found.errors.is_empty() { Ok(()) } else { Err(found.errors) }
    }
}

#[derive(Default)]
struct Findings {
    errors: Vec<FieldError>,
}

impl Findings {
    fn expect(&mut self, holds: bool, field: impl Into<String>, message: impl Into<String>) {
        if !holds {
            self.errors.push(FieldError { field: field.into(), message: message.into() });
        }
    }

    fn site_key(&mut self, key: &str) {
        let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_');
        self.expect(
            (1..=64).contains(&key.len()) && key.chars().all(allowed),
            "site_key",
            "must be 1 to 64 lower-case letters, digits, `-` or `_`",
        );
    }

    fn label(&mut self, field: &str, text: &str) {
        self.expect(
            text.chars().count() <= MAX_NAME_CHARS && !text.chars().any(char::is_control),
            field,
            format!(
                "must be at most {MAX_NAME_CHARS} characters, none of them a control character"
            ),
        );
    }

    fn addresses(&mut self, site: &Site) {
        let stays_here = site.hosts.iter().all(|host| is_loopback(host));
        match origin_host(&site.base_url) {
            Some(host) => {
                self.expect(
                    site.hosts.iter().any(|listed| listed == host),
                    "hosts",
                    format!("must list `{host}`, the host of base_url"),
                );
                self.expect(
                    site.base_url.starts_with("https://") || stays_here && is_loopback(host),
                    "base_url",
                    "must begin with https://, because sessions and tokens would travel in the clear: \
                     let the edge end TLS (edge.tls_listen and edge.certificates), or a proxy before \
                     it. http:// is for this machine alone: every host is localhost, below \
                     .localhost, 127.0.0.1 or [::1]",
                );
            }
            None => self.expect(
                false,
                "base_url",
                "must be https://host or http://host in lower case, with a port only where it \
                 is not the usual one, and without slash, path, query or fragment at the end",
            ),
        }
        self.count("hosts", site.hosts.len(), 1);
        for (n, host) in site.hosts.iter().enumerate() {
            self.expect(
                is_host(host),
                format!("hosts[{n}]"),
                "must be a host name or address in lower case, without scheme, port or dot at the end",
            );
            self.expect(
                !site.hosts[..n].contains(host),
                format!("hosts[{n}]"),
                format!("`{host}` is listed twice; remove one"),
            );
        }
        self.count("upstreams", site.upstreams.len(), 1);
        for (n, upstream) in site.upstreams.iter().enumerate() {
            self.expect(
                is_upstream(upstream),
                format!("upstreams[{n}]"),
                "must be http://host, http://host:port or the same with https or h2c, and nothing after it",
            );
            self.expect(
                !site.upstreams[..n].contains(upstream),
                format!("upstreams[{n}]"),
                format!("`{upstream}` is listed twice; remove one"),
            );
        }
    }

    fn forwarding(&mut self, forwarding: &Forwarding) {
        if let Some(path) = &forwarding.health_path {
            self.expect(
                path.starts_with('/')
                    && path.len() <= 2048
                    && path.bytes().all(|c| c.is_ascii_graphic() && c != b'#'),
                "forwarding.health_path",
                "must start with `/` and be written as it is sent, percent-encoded where needed",
            );
        }
        for (field, secs) in [
            ("forwarding.health_interval", forwarding.health_interval),
            ("forwarding.connect_timeout", forwarding.connect_timeout),
            ("forwarding.read_timeout", forwarding.read_timeout),
        ] {
            self.expect(
                (1..=MAX_WAIT).contains(&secs),
                field,
                format!("must be 1 to {MAX_WAIT} seconds"),
            );
        }
        self.expect(
            (LEAST_HEAD..=MAX_HEAD).contains(&forwarding.max_head),
            "forwarding.max_head",
            format!("must be {LEAST_HEAD} to {MAX_HEAD} bytes: no site takes larger heads"),
        );
    }

    fn branding(&mut self, site: &Site) {
        let branding = &site.branding;
        if let Some(color) = &branding.color {
            let digits = color.strip_prefix('#').unwrap_or_default();
            self.expect(
                digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()),
                "branding.color",
                "must be `#` and six hexadecimal digits, as in #1a2b3c",
            );
        }
        if let Some(logo) = &branding.logo {
            let is_below = |origin: String| {
                logo.strip_prefix(&origin).is_some_and(|rest| rest.starts_with('/'))
            };
            self.expect(
                site_session::origins(site).any(is_below)
                    && logo.len() <= 2048
                    && logo.bytes().all(|byte| byte.is_ascii_graphic()),
                "branding.logo",
                "must be an address at the site itself (base_url, or another of its hosts) of at most \
                 2048 characters: anybody else would be told who is here",
            );
        }
        self.label("branding.support", branding.support.as_deref().unwrap_or_default());
    }

    fn policy(&mut self, policy: &Policy) {
        self.trusted_device("policy", policy.trusted_device);
        let models = &policy.webauthn.models;
        self.count("policy.webauthn.models", models.len(), 0);
        self.expect(
            !models.iter().any(uuid::Uuid::is_nil),
            "policy.webauthn.models",
            "must not hold the AAGUID of noughts alone: authenticators say it that tell no model",
        );
        for (field, span) in [
            ("policy.max_auth_age", policy.max_auth_age),
            ("policy.session_idle", policy.session_idle),
            ("policy.session_absolute", policy.session_absolute),
            ("policy.max_staleness", Some(policy.max_staleness)),
        ] {
            self.span(field, span);
        }
        if let (Some(idle), Some(absolute)) = (policy.session_idle, policy.session_absolute) {
            self.expect(
                idle <= absolute,
                "policy.session_idle",
                "must not be longer than session_absolute",
            );
        }
        self.allow("policy.allow", &policy.allow);
        self.accept("policy.accept", &policy.accept);
        self.contradictions("policy", &policy.with_rule(None));
        self.count("policy.rules", policy.rules.len(), 0);
        for (n, rule) in policy.rules.iter().enumerate() {
            let field = format!("policy.rules[{n}]");
            self.rule(&field, rule);
            self.contradictions(&field, &policy.with_rule(Some(rule)));
        }
    }

    fn trusted_device(&mut self, field: &str, trusted: TrustedDevice) {
        self.expect(
            trusted.days <= MAX_DEVICE_DAYS,
            format!("{field}.trusted_device.days"),
            format!("must be at most {MAX_DEVICE_DAYS}; 0 if devices do not count"),
        );
    }

    fn rule(&mut self, field: &str, rule: &Rule) {
        match (&rule.path, &rule.prefix) {
            (Some(path), None) => self.path(format!("{field}.path"), path),
            (None, Some(prefix)) => {
                self.path(format!("{field}.prefix"), prefix);
                self.expect(
                    prefix == "/" || !prefix.ends_with('/'),
                    format!("{field}.prefix"),
                    "must not end in a slash: it covers the path itself and all below it",
                );
            }
            _ => self.expect(false, field, "must have either path or prefix, and not both"),
        }
        self.count(&format!("{field}.methods"), rule.methods.len(), 0);
        for (n, method) in rule.methods.iter().enumerate() {
            self.expect(
                !method.is_empty() && method.bytes().all(|c| c.is_ascii_uppercase() || c == b'-'),
                format!("{field}.methods[{n}]"),
                "must be a method in upper case, as in GET",
            );
        }
        self.span(&format!("{field}.max_auth_age"), rule.max_auth_age);
        self.trusted_device(field, rule.trusted_device.unwrap_or_default());
        if let Some(allow) = &rule.allow {
            self.allow(&format!("{field}.allow"), allow);
        }
        if let Some(accept) = &rule.accept {
            self.accept(&format!("{field}.accept"), accept);
        }
    }

    /// A rule that no request can match would be a hole that looks like a fence.
    fn path(&mut self, field: String, path: &str) {
        let segments = path.strip_prefix('/').unwrap_or_default().split('/');
        let has_odd_segment = path.len() > 1
            && segments.enumerate().any(|(n, segment)| {
                // One empty segment, the last: a slash at the end.
                matches!(segment, "." | "..")
                    || (segment.is_empty() && !(path.ends_with('/') && n + 1 == slashes(path)))
            });
        self.expect(
            path.starts_with('/')
                && path.bytes().all(|c| c.is_ascii_graphic() && !b"?#;\\".contains(&c))
                && !has_odd_segment,
            field,
            "must start with `/` and be written as it is sent, percent-encoded where needed, \
             without `//`, `.`, `..`, `;`, query or fragment",
        );
    }

    fn allow(&mut self, field: &str, allow: &Allow) {
        for (name, list) in
            [("roles", &allow.roles), ("users", &allow.users), ("tenants", &allow.tenants)]
        {
            self.count(&format!("{field}.{name}"), list.len(), 0);
            for (n, value) in list.iter().enumerate() {
                self.expect(
                    !value.is_empty(),
                    format!("{field}.{name}[{n}]"),
                    "must not be empty; remove it",
                );
            }
        }
        self.count(&format!("{field}.networks"), allow.networks.len(), 0);
        for (n, network) in allow.networks.iter().enumerate() {
            self.expect(
                !is_mapped(network),
                format!("{field}.networks[{n}]"),
                "must be written as an IPv4 network: IPv4 callers are compared as such",
            );
        }
    }

    fn accept(&mut self, field: &str, accept: &Accept) {
        for (name, rule) in [("api_key", &accept.api_key), ("client", &accept.client)] {
            for (n, scope) in rule.iter().flat_map(|rule| &rule.scopes).enumerate() {
                self.expect(
                    is_scope(scope),
                    format!("{field}.{name}.scopes[{n}]"),
                    "must be one scope: printable characters without space, `\"` or `\\`",
                );
            }
        }
        self.expect(
            !accept.dpop_only,
            format!("{field}.dpop_only"),
            "cannot be set yet: tokens bound by DPoP are not taken, so nobody would enter by a bearer \
             token; leave it out, or say so by bearer = false",
        );
        self.expect(
            accept.bearer || accept.client.is_none(),
            format!("{field}.client"),
            "needs accept.bearer = true, because clients come with bearer tokens",
        );
    }

    /// What is right in each field and still means nothing together.
    fn contradictions(&mut self, field: &str, asked: &Effective<'_>) {
        self.expect(
            asked.require != Require::Public || !asked.allow.names_people(),
            format!("{field}.require"),
            "a public place cannot be kept to roles, users or tenants: require signed_in, or \
             empty these lists",
        );
        self.expect(
            asked.require != Require::PhishingResistant
                || asked.allowed_factors.is_empty()
                || asked.allowed_factors.contains(&Method::Hardware),
            format!("{field}.allowed_factors"),
            "must contain HARDWARE, because phishing_resistant is reached with nothing else",
        );
    }

    fn count(&mut self, field: &str, count: usize, least: usize) {
        self.expect(
            (least..=MAX_ENTRIES).contains(&count),
            field,
            format!("must have {least} to {MAX_ENTRIES} entries"),
        );
    }

    fn span(&mut self, field: &str, secs: Option<u64>) {
        self.expect(
            secs != Some(0),
            field,
            "must be at least 1 second; leave it out for the usual value",
        );
    }
}

fn slashes(path: &str) -> usize {
    path.bytes().filter(|byte| *byte == b'/').count()
}

/// The host of an origin in the one form that is compared byte for byte as an audience.
fn origin_host(url: &str) -> Option<&str> {
    let (scheme, host, port) = split_origin(url)?;
    let usual = match scheme {
        "https" => 443,
        _ => 80,
    };
    (port != Some(usual)).then_some(host)
}

/// An origin, or `h2c://host[:port]`.
fn is_upstream(url: &str) -> bool {
    let as_http = url.strip_prefix("h2c://").map(|rest| format!("http://{rest}"));
    split_origin(as_http.as_deref().unwrap_or(url)).is_some()
}

/// Scheme, host and port of `http(s)://host[:port]`.
fn split_origin(url: &str) -> Option<(&str, &str, Option<u16>)> {
    let (scheme, authority) = url.split_once("://")?;
    if !matches!(scheme, "http" | "https") {
        return None;
    }
    // The colons of an IPv6 address are inside its brackets.
    let after_address = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match authority[after_address..].split_once(':') {
        Some((rest, port)) => (&authority[..after_address + rest.len()], Some(read_port(port)?)),
        None => (authority, None),
    };
    is_host(host).then_some((scheme, host, port))
}

fn read_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|digit| digit.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| digits)
}

/// A host name (RFC 1123 section 2.1), an IPv4 address, or an IPv6 address in brackets; lower
/// case.
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address);
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
    };
    // What ends in a number is an address or nothing.
    let ends_in_number =
        host.rsplit('.').next().is_some_and(|label| label.bytes().all(|c| c.is_ascii_digit()));
    host.len() <= 253
        && host.split('.').all(is_label)
        && (!ends_in_number || host.parse::<IpAddr>().is_ok())
}

/// Whether a host is this machine to everybody who asks for it (RFC 6761 section 6.3).
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    match address.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

pub(crate) fn is_mapped(network: &IpNet) -> bool {
    matches!(network, IpNet::V6(network)
        if network.prefix_len() >= 96 && network.addr().to_ipv4_mapped().is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn site() -> Value {
        json!({
            "site_key": "wiki", "name": "Wiki", "base_url": "https://wiki.example",
            "hosts": ["wiki.example"], "upstreams": ["http://127.0.0.1:9000"],
            "policy": { "rules": [{ "prefix": "/admin", "methods": ["GET"] }] },
        })
    }

    /// The fields found wrong once `pointer` is `value`.
    fn wrong(pointer: &str, value: Value) -> Vec<String> {
        let mut site = site();
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        site.pointer_mut(parent).unwrap()[member] = value;
        fields(site)
    }

    fn fields(site: Value) -> Vec<String> {
        let site: Site = serde_json::from_value(site).unwrap();
        let errors = site.validate().err().unwrap_or_default();
        assert!(errors.iter().all(|error| !error.message.is_empty()));
        errors.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn a_site_with_everything_right_is_accepted() {
        assert!(fields(site()).is_empty());
        let full = json!({
            "site_key": "a-1_b", "name": "Ä", "base_url": "http://wiki.localhost:8443",
            "hosts": ["wiki.localhost", "127.0.0.1", "[::1]", "localhost"],
            "upstreams": ["http://app", "https://10.0.0.1:8443", "http://[::1]:80", "h2c://app:50051"],
            "forwarding": { "health_path": "/healthz?deep=1", "health_interval": 1, "connect_timeout": 1,
                "read_timeout": 3600, "max_body": 0, "max_head": 1024 },
            "branding": { "color": "#1A2b3c", "logo": "http://localhost:8443/l.png", "support": "help@x" },
            "policy": {
                "require": "phishing_resistant", "allowed_factors": ["HARDWARE", "TOTP"],
                "trusted_device": { "days": 30 }, "max_auth_age": 60, "session_idle": 60,
                "session_absolute": 60,
                "allow": { "roles": ["r"], "networks": ["10.0.0.0/8", "fd00::/8"] },
                "accept": { "client": { "scopes": ["read:all"] } },
                "rules": [
                    { "path": "/" }, { "path": "/a/" }, { "path": "/a%20b" }, { "prefix": "/" },
                    { "prefix": "/a/b", "methods": ["GET", "M-SEARCH"], "require": "public",
                      "allow": {}, "trusted_device": { "days": 365 } },
                ],
            },
        });
        assert!(fields(full.clone()).is_empty(), "{:?}", fields(full));
    }

    #[test]
    fn a_site_key_is_of_lower_case_letters_digits_and_two_signs() {
        for key in ["", "Wiki", "wi ki", "wiki.a", "ä", "a/b", &"x".repeat(65)] {
            assert_eq!(wrong("/site_key", json!(key)), ["site_key"], "{key}");
        }
    }

    #[test]
    fn a_base_url_is_an_origin_written_in_the_one_way() {
        for url in [
            "",
            "wiki.example",
            "https://",
            "https://wiki.example/",
            "https://wiki.example/a",
            "https://wiki.example?a",
            "https://wiki.example#a",
            "ftp://wiki.example",
            "HTTPS://wiki.example",
            "https://Wiki.example",
            "https://u@wiki.example",
            "https://wiki.example:",
            "https://wiki.example:443",
            "http://wiki.example:80",
            "https://wiki.example:0",
            "https://wiki.example:99999",
            "https://wiki.example:+1",
            "https://wiki.example.",
            " https://wiki.example",
            "https://[wiki.example]",
        ] {
            assert_eq!(wrong("/base_url", json!(url)), ["base_url"], "{url}");
        }
        for url in ["https://wiki.example:8443", "https://wiki.example:80"] {
            assert!(wrong("/base_url", json!(url)).is_empty(), "{url}");
        }
        assert_eq!(wrong("/base_url", json!("https://else.example")), ["hosts"]);
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        let of = |base_url: &str, hosts: &[&str]| {
            let mut site = site();
            site["base_url"] = base_url.into();
            site["hosts"] = json!(hosts);
            fields(site)
        };
        for host in ["localhost", "wiki.localhost", "127.0.0.1", "127.8.0.1", "[::1]"] {
            assert!(of(&format!("http://{host}:81"), &[host]).is_empty(), "{host}");
        }
        for host in ["wiki.example", "intranet", "192.0.2.1", "[2001:db8::1]", "localhost.example"]
        {
            assert_eq!(of(&format!("http://{host}"), &[host]), ["base_url"], "{host}");
            assert_eq!(of("http://localhost", &["localhost", host]), ["base_url"], "{host}");
            assert!(of(&format!("https://{host}"), &[host]).is_empty(), "{host}");
        }
    }

    #[test]
    fn hosts_are_lower_case_names_without_port() {
        for host in [
            "",
            "Wiki.example",
            "wiki.example:80",
            "wiki.example.",
            ".example",
            "a..b",
            "-a",
            "a-",
            "a_b",
            "https://a",
            "a/b",
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "[::1",
            "::1",
            "*.a",
        ] {
            assert_eq!(wrong("/hosts", json!(["wiki.example", host])), ["hosts[1]"], "{host}");
        }
        assert_eq!(wrong("/hosts", json!(["wiki.example", "wiki.example"])), ["hosts[1]"]);
        assert_eq!(wrong("/hosts", json!([])), ["hosts", "hosts"]);
    }

    #[test]
    fn upstreams_are_http_https_or_h2c_with_host_and_optional_port() {
        assert_eq!(wrong("/upstreams", json!([])), ["upstreams"]);
        for upstream in [
            "app:80",
            "http://",
            "http://app/",
            "unix:///a",
            "http://app:x",
            "http://a:1:2",
            "h2c:/a",
            "h2cs://a",
        ] {
            assert_eq!(wrong("/upstreams", json!([upstream])), ["upstreams[0]"], "{upstream}");
        }
        let twice = json!(["http://app", "https://app", "http://app"]);
        assert_eq!(wrong("/upstreams", twice), ["upstreams[2]"]);
    }

    #[test]
    fn forwarding_waits_for_a_while_and_takes_heads_of_a_size() {
        for field in ["health_interval", "connect_timeout", "read_timeout"] {
            for secs in [0, 3601] {
                let wrong = wrong("/forwarding", json!({ field: secs }));
                assert_eq!(wrong, [format!("forwarding.{field}")]);
            }
        }
        for max_head in [1023, 16 * 1024 + 1] {
            let wrong = wrong("/forwarding", json!({ "max_head": max_head }));
            assert_eq!(wrong, ["forwarding.max_head"]);
        }
        for path in ["", "health", "/a b", "/a#b", "/\u{e4}"] {
            let wrong = wrong("/forwarding", json!({ "health_path": path }));
            assert_eq!(wrong, ["forwarding.health_path"], "{path}");
        }
    }

    #[test]
    fn branding_is_plain() {
        for color in ["red", "#12345", "#1234567", "#12345g", "123456"] {
            assert_eq!(wrong("/branding", json!({ "color": color })), ["branding.color"]);
        }
        for logo in [
            "javascript:alert(1)",
            "data:image/png;base64,AA",
            "https://wiki.example/a b",
            "https://wiki.example",
            "https://wiki.example.evil.example/l.png",
            "https://wiki.example:8443/l.png",
            "http://wiki.example/l.png",
            "https://cdn.example/l.png",
            "",
        ] {
            assert_eq!(wrong("/branding", json!({ "logo": logo })), ["branding.logo"], "{logo}");
        }
        let own = json!({ "logo": "https://wiki.example/l.png?v=1" });
        assert!(wrong("/branding", own).is_empty());
        assert_eq!(wrong("/branding", json!({ "support": "a\nb" })), ["branding.support"]);
        assert_eq!(wrong("/name", json!("x".repeat(201))), ["name"]);
    }

    #[test]
    fn spans_are_positive_and_fit_one_another() {
        for field in ["max_auth_age", "session_idle", "session_absolute", "max_staleness"] {
            let pointer = format!("/policy/{field}");
            assert_eq!(wrong(&pointer, json!(0)), [format!("policy.{field}")]);
        }
        let policy = json!({ "session_idle": 61, "session_absolute": 60 });
        assert_eq!(wrong("/policy", policy), ["policy.session_idle"]);
        let device = json!({ "trusted_device": { "days": 366 } });
        assert_eq!(wrong("/policy", device.clone()), ["policy.trusted_device.days"]);
        let rules = json!([{ "path": "/", "trusted_device": device["trusted_device"] }]);
        assert_eq!(wrong("/policy/rules", rules), ["policy.rules[0].trusted_device.days"]);
    }

    #[test]
    fn a_model_of_authenticators_has_a_name_of_its_own() {
        let models = |models: Value| wrong("/policy", json!({ "webauthn": { "models": models } }));
        assert!(models(json!(["2fc0579f-8113-47ea-b116-bb5a8db9202a"])).is_empty());
        let nil = uuid::Uuid::nil();
        assert_eq!(models(json!([nil])), ["policy.webauthn.models"]);
        let many: Vec<uuid::Uuid> = (1..=200).map(uuid::Uuid::from_u128).collect();
        assert_eq!(models(json!(many)), ["policy.webauthn.models"]);
    }

    #[test]
    fn a_rule_has_exactly_one_of_path_and_prefix_as_they_are_sent() {
        let rule = |rule: Value| wrong("/policy/rules", json!([rule]));
        assert_eq!(rule(json!({})), ["policy.rules[0]"]);
        assert_eq!(rule(json!({ "path": "/a", "prefix": "/a" })), ["policy.rules[0]"]);
        for path in [
            "", "a", "/a b", "/a?b", "/a#b", "/a;b", "/a\\b", "//", "//a", "/a//b", "/a//", "/./a",
            "/a/..", "/ä",
        ] {
            assert_eq!(rule(json!({ "path": path })), ["policy.rules[0].path"], "{path}");
            assert!(rule(json!({ "prefix": path })).contains(&"policy.rules[0].prefix".into()));
        }
        assert_eq!(rule(json!({ "prefix": "/a/" })), ["policy.rules[0].prefix"]);
        for method in ["get", "", "GET,POST", "*"] {
            let rule = rule(json!({ "path": "/", "methods": [method] }));
            assert_eq!(rule, ["policy.rules[0].methods[0]"], "{method}");
        }
        assert_eq!(
            rule(json!({ "path": "/", "max_auth_age": 0 })),
            ["policy.rules[0].max_auth_age"]
        );
    }

    #[test]
    fn lists_of_who_and_what_name_something() {
        let allow = json!({ "roles": [""], "users": ["u", ""], "tenants": [""] });
        assert_eq!(
            wrong("/policy/allow", allow),
            ["policy.allow.roles[0]", "policy.allow.users[1]", "policy.allow.tenants[0]"]
        );
        let mapped = json!({ "networks": ["::ffff:10.0.0.0/104"] });
        assert_eq!(wrong("/policy/allow", mapped), ["policy.allow.networks[0]"]);
        let accept = json!({ "client": { "scopes": ["a b"] }, "api_key": { "scopes": [""] } });
        assert_eq!(
            wrong("/policy/accept", accept),
            ["policy.accept.api_key.scopes[0]", "policy.accept.client.scopes[0]"]
        );
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let client = json!({ "bearer": false, "client": {} });
        assert_eq!(wrong("/policy/accept", client), ["policy.accept.client"]);
        assert_eq!(
            wrong("/policy/accept", json!({ "dpop_only": true })),
            ["policy.accept.dpop_only"]
        );
        let public = json!({ "require": "public", "allow": { "roles": ["r"] } });
        assert_eq!(wrong("/policy", public), ["policy.require"]);
        let factors = json!({ "require": "phishing_resistant", "allowed_factors": ["TOTP"] });
        assert_eq!(wrong("/policy", factors), ["policy.allowed_factors"]);
        let by_rule = json!({
            "allow": { "roles": ["r"] },
            "rules": [{ "path": "/open", "require": "public" }],
        });
        assert_eq!(wrong("/policy", by_rule), ["policy.rules[0].require"]);
    }

    proptest! {
        #[test]
        fn no_address_makes_the_validation_panic(text in "\\PC{0,40}", origin in "https?://[\\[\\]:.a0-]{0,12}") {
            for address in [&text, &origin] {
                let _ = wrong("/base_url", json!(address));
                let _ = wrong("/hosts", json!([address]));
                let _ = wrong("/upstreams", json!([address]));
                let _ = wrong("/policy/rules", json!([{ "prefix": address }]));
            }
        }
    }
}
