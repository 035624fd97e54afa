//! What is known of one request, before anything is judged. Plain values: a recorded `Facts`
//! ([`crate::record`]) can be judged again later, by the server, with the same outcome.

use std::{net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    Time,
    api_key::{HeldKey, Shown},
    verify::{TokenError, VerifiedToken},
};

/// One request, as far as the decision needs it.
#[derive(Clone, Debug)]
pub struct Facts<'r> {
    /// The host asked for: lower case, without port; `None` when missing or ambiguous.
    pub host: Option<&'r str>,
    /// The method, as sent.
    pub method: &'r str,
    /// The canonical path that will be sent on, or why there is none.
    pub path: Result<&'r str, Malformed>,
    /// The caller's address.
    pub peer: IpAddr,
    /// Who the caller claims to be.
    pub presented: Presented,
    /// What the site's own cookie holds, if it came: a session of a browser.
    pub session: Option<Result<Arc<VerifiedToken>, TokenError>>,
    /// What the browser says of the page that sends it.
    pub sender: Sender<'r>,
    /// Whether it asks for another protocol, as WebSockets do.
    pub upgrade: bool,
    /// Whether a person looks at the answer: GET or HEAD, and `Accept` names text/html.
    pub navigation: bool,
    /// When the edge last heard that its view is current.
    pub view_confirmed_at: Time,
}

/// The credential of a request: exactly one, in the order of the contract.
#[derive(Clone, Debug)]
pub enum Presented {
    /// None at all.
    Nothing,
    /// `Authorization: Bearer` with something that is meant to be an access token.
    Bearer(Result<Arc<VerifiedToken>, TokenError>),
    /// `X-API-Key`, or `Authorization: Bearer` with what begins as an API key.
    ApiKey {
        /// The key; `None`: it can be none.
        shown: Option<Shown>,
        /// What the server said of it when it was asked, where the view holds no such key.
        looked_up: Option<HeldKey>,
    },
    /// A credential of a kind this edge cannot judge (yet): refused, never passed over.
    Unsupported,
    /// Two different credentials: refused.
    Conflicting,
}

/// Which page sends a request, as far as browsers say (`Sec-Fetch-Site`, `Origin`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sender<'r> {
    /// One of the very origin that it goes to, or the person themselves; or nobody says.
    #[default]
    Own,
    /// One of this host.
    Host(&'r str),
    /// Another one.
    Foreign,
}

/// Why a request is refused before anybody asks who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Malformed {
    /// The path is not canonical (encoded slash or backslash, dot segments, `;` parameters,
    /// double encoding, control characters, broken percent-encoding).
    Path,
    /// Framing or host fields contradict one another.
    Framing,
}

impl Malformed {
    /// A word for logs and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Path => "ambiguous_path",
            Self::Framing => "ambiguous_framing",
        }
    }
}
