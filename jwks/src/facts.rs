//! What is known of one request, before anything is judged. Plain values: a recorded `Facts`
//! ([`crate::record`]) can be judged again later, by the server, with the same outcome.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "of")]
pub enum Sender<'r> {
    /// One of the very origin that it goes to, or the person themselves; or nobody says.
    #[default]
    Own,
    /// One of this origin: scheme, host and port, as browsers write them.
    Origin(Cow<'r, str>),
    /// Another one.
    Foreign,
}

impl Sender<'_> {
    /// The same, to be kept.
    #[must_use]
    pub fn into_owned(self) -> Sender<'static> {
        match self {
            Self::Own => Sender::Own,
            Self::Origin(origin) => Sender::Origin(origin.into_owned().into()),
            Self::Foreign => Sender::Foreign,
        }
    }

    fn borrowed(&self) -> Sender<'_> {
        match self {
            Self::Own => Sender::Own,
            Self::Origin(origin) => Sender::Origin(Cow::Borrowed(origin)),
            Self::Foreign => Sender::Foreign,
        }
    }
}

/// A request without its credential, to be kept: what [`Facts`] borrow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// [`Facts::host`].
    pub host: Option<String>,
    /// [`Facts::method`].
    pub method: String,
    /// [`Facts::path`].
    pub path: Result<String, Malformed>,
    /// [`Facts::peer`].
    pub peer: IpAddr,
    /// [`Facts::sender`].
    #[serde(default)]
    pub sender: Sender<'static>,
    /// [`Facts::upgrade`].
    #[serde(default)]
    pub upgrade: bool,
}

impl Request {
    /// What `facts` say of it.
    #[must_use]
    pub fn of(facts: &Facts<'_>) -> Self {
        Self {
            host: facts.host.map(str::to_owned),
            method: facts.method.to_owned(),
            path: facts.path.map(str::to_owned),
            peer: facts.peer,
            sender: facts.sender.clone().into_owned(),
            upgrade: facts.upgrade,
        }
    }

    /// The facts of it with these credentials, where the view is known to be current at
    /// `view_confirmed_at`.
    #[must_use]
    pub fn with(
        &self,
        presented: Presented,
        session: Option<Result<Arc<VerifiedToken>, TokenError>>,
        view_confirmed_at: Time,
    ) -> Facts<'_> {
        Facts {
            host: self.host.as_deref(),
            method: &self.method,
            path: self.path.as_deref().map_err(|malformed| *malformed),
            peer: self.peer,
            presented,
            session,
            sender: self.sender.borrowed(),
            upgrade: self.upgrade,
            view_confirmed_at,
        }
    }
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
