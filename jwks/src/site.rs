//! A site: the unit of policy.

use serde::{Deserialize, Serialize};

use crate::{forwarding::Forwarding, policy::Policy};

pub use crate::validate::{FieldError, is_loopback};

/// Whether a site is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteStatus {
    /// Requests are judged and passed on.
    #[default]
    Active,
    /// Every request is answered 503 with a page that says so.
    Inactive,
}

/// How a site looks on pages that speak for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Branding {
    /// Accent colour, `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// Address of a logo, at the site itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    /// Whom to ask for help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support: Option<String>,
}

/// A site behind the edge, with its policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Its name for programs: lower-case letters, digits, `-` and `_`, at most 64.
    pub site_key: String,
    /// Its name for people.
    #[serde(default)]
    pub name: String,
    /// Where people reach it, without a trailing slash; the audience of its tokens.
    pub base_url: String,
    /// Host names it answers to, lower case, without port.
    pub hosts: Vec<String>,
    /// Where requests go, one after another: `http://host:port`, `https://host:port` (HTTP/2 where the
    /// upstream offers it) or `h2c://host:port` (HTTP/2 without TLS, as gRPC servers speak it).
    pub upstreams: Vec<String>,
    /// Whether it is served.
    #[serde(default)]
    pub status: SiteStatus,
    /// How it looks.
    #[serde(default)]
    pub branding: Branding,
    /// What it asks.
    #[serde(default)]
    pub policy: Policy,
    /// How requests travel there.
    #[serde(default)]
    pub forwarding: Forwarding,
    /// Rises by one with every change; 1 for a new site.
    #[serde(default)]
    pub version: u64,
    /// Whether the caller's own `Authorization` is passed on.
    #[serde(default)]
    pub forward_credentials: bool,
}
