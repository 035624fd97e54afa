//! Where a request comes from: what throttles, sessions and the audit log need of it.

use std::net::IpAddr;

use jwks::Time;
use serde_json::Value;
use uuid::Uuid;

use super::known_device::KnownDevice;
use crate::{
    clock::new_id,
    domain::{
        audit::{Action, Event},
        user::User,
    },
};

/// The surface of the Auth Rail, as `client_id`.
pub const RAIL: &str = "rail";

/// Who is calling, as far as the transport knows.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The caller's address.
    pub ip: IpAddr,
    /// `User-Agent`, cut to 256 bytes; empty when there is none.
    pub user_agent: String,
    /// The request's id.
    pub request_id: String,
    /// The surface or OAuth client.
    pub client_id: String,
    /// The account that this device has signed in to before, if it shows so.
    pub known: Option<KnownDevice>,
}

impl Origin {
    /// The network that throttles count: IPv4 /24, IPv6 /56.
    #[must_use]
    pub fn network(&self) -> String {
        match self.ip.to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                format!("{a}.{b}.{c}.0/24")
            }
            IpAddr::V6(ip) => {
                let s = ip.segments();
                format!("{:x}:{:x}:{:x}:{:x}::/56", s[0], s[1], s[2], s[3] & 0xff00)
            }
        }
    }

    /// The device that asks, where it has signed in to the account of `user` with the password they
    /// have now.
    #[must_use]
    pub fn known_to(&self, user: &User) -> Option<&KnownDevice> {
        self.known.as_ref().filter(|known| known.is_of(user))
    }

    /// What the caller's agent is, in a few words.
    #[must_use]
    pub fn device(&self) -> String {
        device_of(&self.user_agent)
    }

    /// An event of this origin. `details` is an object without secrets.
    #[must_use]
    pub fn event(&self, action: Action, user: Option<&User>, at: Time, details: Value) -> Event {
        self.event_of(new_id(at), action, user.map(|user| user.id), at, details)
    }

    /// An event whose act has a name of its own, so that a retry adds no second row.
    #[must_use]
    pub fn event_of(
        &self,
        id: Uuid,
        action: Action,
        user_id: Option<Uuid>,
        at: Time,
        details: Value,
    ) -> Event {
        Event {
            id,
            at,
            action,
            actor: user_id,
            user_id,
            site_key: None,
            client_id: Some(self.client_id.clone()),
            ip: Some(self.ip.to_canonical().to_string()),
            user_agent: (!self.user_agent.is_empty()).then(|| self.user_agent.clone()),
            request_id: Some(self.request_id.clone()),
            details,
        }
    }
}

/// What the agent of this `User-Agent` is, in a few words.
#[must_use]
pub fn device_of(agent: &str) -> String {
    let first = |names: &[(&str, &str)]| {
        names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| (*name).to_owned())
    };
    let browser = first(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = first(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => agent.split(['/', ' ']).next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(ip: &str, user_agent: &str) -> Origin {
        Origin {
            ip: ip.parse().unwrap(),
            user_agent: user_agent.into(),
            request_id: "req_1".into(),
            client_id: RAIL.into(),
            known: None,
        }
    }

    #[test]
    fn neighbours_share_a_network_and_mapped_addresses_are_ipv4() {
        assert_eq!(origin("192.0.2.7", "").network(), "192.0.2.0/24");
        assert_eq!(origin("::ffff:192.0.2.9", "").network(), "192.0.2.0/24");
        assert_eq!(origin("2001:db8:1:2ff::1", "").network(), "2001:db8:1:200::/56");
    }

    #[test]
    fn a_device_is_told_in_a_few_words() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        assert_eq!(origin("127.0.0.1", firefox).device(), "Firefox on Linux");
        assert_eq!(origin("127.0.0.1", "curl/8.5.0").device(), "curl");
    }
}
