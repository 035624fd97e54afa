//! A refused request, written down: what was known of it, without anything that opens a door, so
//! that the decision can be reached again.

use std::{net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    Time,
    api_key::{Shown, Verdict},
    claims::AccessClaims,
    decide::{Decision, decide},
    facts::{Facts, Malformed, Presented, Sender},
    verify::{TokenError, VerifiedToken},
    view::View,
};

/// What of a long path is kept, bytes.
const MAX_PATH: usize = 1024;

/// A refusal, under its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// `X-Signalbox-Decision`.
    pub id: String,
    /// When.
    pub at: Time,
    /// The site, where one was named.
    pub site_key: Option<String>,
    /// The version of the site that was judged by.
    pub site_version: Option<u64>,
    /// The status that was answered.
    pub status: u16,
    /// Why, in a word.
    pub reason: String,
    /// What it was judged by; `None`: it was refused before, or for something else.
    pub facts: Option<RecordedFacts>,
}

/// What is wrong with an API key whose holder has shown all of it.
const PROVED: [Verdict; 4] =
    [Verdict::Expired, Verdict::Ended, Verdict::OwnerInactive, Verdict::OtherSite];

impl Refused {
    /// Whether nobody stands behind it that could ask: the first to be forgotten.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        !self.facts.as_ref().is_some_and(|facts| {
            let bearer =
                matches!(facts.presented, RecordedCredential::Bearer(RecordedToken::Good(_)));
            // The digest is compared before anything else is looked at.
            let key = matches!(facts.presented, RecordedCredential::ApiKey(Some(_)))
                && PROVED.iter().any(|proved| self.reason == proved.as_str());
            bearer || key || matches!(facts.session, Some(RecordedToken::Good(_)))
        })
    }
}

/// [`Facts`], to be kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedFacts {
    /// The host.
    pub host: Option<String>,
    /// The method.
    pub method: String,
    /// The canonical path, without query.
    pub path: Result<String, Malformed>,
    /// The caller's address.
    pub peer: IpAddr,
    /// Who the caller claimed to be.
    pub presented: RecordedCredential,
    /// What the site's own cookie held, if it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<RecordedToken>,
    /// What the browser said of the page that sent it.
    #[serde(default)]
    pub sender: RecordedSender,
    /// Whether it asked for another protocol.
    #[serde(default)]
    pub upgrade: bool,
    /// Whether a person looked at the answer.
    pub navigation: bool,
    /// When the edge had last heard that its view was current.
    pub view_confirmed_at: Time,
}

/// A credential, as far as it was judged: what a token says, and not the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "of")]
pub enum RecordedCredential {
    /// None.
    Nothing,
    /// A token.
    Bearer(RecordedToken),
    /// An API key, by its id and its digest; `None`: it is none, cut short or mistyped.
    ApiKey(Option<Shown>),
    /// A kind that is not judged.
    Unsupported,
    /// Two.
    Conflicting,
}

impl RecordedCredential {
    /// Takes the token out, if it is one.
    pub(crate) fn take_token(&mut self) -> Option<RecordedToken> {
        match std::mem::replace(self, Self::Nothing) {
            Self::Bearer(token) => Some(token),
            Self::Nothing | Self::ApiKey(_) | Self::Unsupported | Self::Conflicting => None,
        }
    }
}

/// A token, as far as it was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "token", content = "is")]
pub enum RecordedToken {
    /// Its signature was good. Without mail address and name, which decide nothing.
    Good(Box<AccessClaims>),
    /// It was not.
    Refused(TokenError),
}

impl RecordedToken {
    fn of(shown: &Result<Arc<VerifiedToken>, TokenError>, issuer: &str) -> Self {
        match shown {
            Ok(token) => Self::Good(Box::new(token.to_claims(issuer))),
            Err(why) => Self::Refused(*why),
        }
    }

    fn shown(&self) -> Result<Arc<VerifiedToken>, TokenError> {
        match self {
            Self::Good(claims) => VerifiedToken::from_claims(claims).map(Arc::new),
            Self::Refused(why) => Err(*why),
        }
    }
}

/// [`Sender`], to be kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "of")]
pub enum RecordedSender {
    /// A page of the very origin, or nobody says.
    #[default]
    Own,
    /// A page of this host.
    Host(String),
    /// Another one.
    Foreign,
}

impl RecordedSender {
    /// What was kept.
    #[must_use]
    pub fn sender(&self) -> Sender<'_> {
        match self {
            Self::Own => Sender::Own,
            Self::Host(host) => Sender::Host(host),
            Self::Foreign => Sender::Foreign,
        }
    }
}

impl From<Sender<'_>> for RecordedSender {
    fn from(sender: Sender<'_>) -> Self {
        match sender {
            Sender::Own => Self::Own,
            Sender::Host(host) => Self::Host(host.to_owned()),
            Sender::Foreign => Self::Foreign,
        }
    }
}

impl RecordedFacts {
    /// Writes `facts` down, judged in a view of `issuer`.
    #[must_use]
    pub fn of(facts: &Facts<'_>, issuer: &str) -> Self {
        let presented = match &facts.presented {
            Presented::Nothing => RecordedCredential::Nothing,
            Presented::Bearer(shown) => {
                RecordedCredential::Bearer(RecordedToken::of(shown, issuer))
            }
            Presented::ApiKey { shown, .. } => RecordedCredential::ApiKey(*shown),
            Presented::Unsupported => RecordedCredential::Unsupported,
            Presented::Conflicting => RecordedCredential::Conflicting,
        };
        Self {
            host: facts.host.map(str::to_owned),
            method: facts.method.to_owned(),
            // A canonical path is ASCII.
            path: facts.path.map(|path| path.get(..MAX_PATH).unwrap_or(path).to_owned()),
            peer: facts.peer,
            presented,
            session: facts.session.as_ref().map(|shown| RecordedToken::of(shown, issuer)),
            sender: facts.sender.into(),
            upgrade: facts.upgrade,
            navigation: facts.navigation,
            view_confirmed_at: facts.view_confirmed_at,
        }
    }

    /// Judges them again, at `now`.
    #[must_use]
    pub fn judge(&self, view: &View, now: Time) -> Decision {
        let presented = match &self.presented {
            RecordedCredential::Nothing => Presented::Nothing,
            RecordedCredential::Bearer(token) => Presented::Bearer(token.shown()),
            RecordedCredential::ApiKey(shown) => {
                Presented::ApiKey { shown: *shown, looked_up: None }
            }
            RecordedCredential::Unsupported => Presented::Unsupported,
            RecordedCredential::Conflicting => Presented::Conflicting,
        };
        let facts = Facts {
            host: self.host.as_deref(),
            method: &self.method,
            path: self.path.as_deref().map_err(|malformed| *malformed),
            peer: self.peer,
            presented,
            session: self.session.as_ref().map(RecordedToken::shown),
            sender: self.sender.sender(),
            upgrade: self.upgrade,
            navigation: self.navigation,
            view_confirmed_at: self.view_confirmed_at,
        };
        decide(view, &facts, now)
    }
}
