//! A refused request, written down: what was known of it, without anything that opens a door, so
//! that the decision can be reached again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    Time,
    api_key::{Shown, Verdict},
    claims::AccessClaims,
    decide::{Decision, decide},
    facts::{Facts, Presented, Request},
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
    /// The request; of a long path its beginning.
    #[serde(flatten)]
    pub request: Request,
    /// Who the caller claimed to be.
    pub presented: RecordedCredential,
    /// What the site's own cookie held, if it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<RecordedToken>,
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

impl RecordedFacts {
    /// Writes `facts` down, judged in a view of `issuer`. `navigation`: a person looked at the answer.
    #[must_use]
    pub fn of(facts: &Facts<'_>, issuer: &str, navigation: bool) -> Self {
        let presented = match &facts.presented {
            Presented::Nothing => RecordedCredential::Nothing,
            Presented::Bearer(shown) => {
                RecordedCredential::Bearer(RecordedToken::of(shown, issuer))
            }
            Presented::ApiKey { shown, .. } => RecordedCredential::ApiKey(*shown),
            Presented::Unsupported => RecordedCredential::Unsupported,
            Presented::Conflicting => RecordedCredential::Conflicting,
        };
        let mut request = Request::of(facts);
        if let Ok(path) = &mut request.path
            && path.is_char_boundary(MAX_PATH)
        {
            path.truncate(MAX_PATH);
        }
        Self {
            request,
            presented,
            session: facts.session.as_ref().map(|shown| RecordedToken::of(shown, issuer)),
            navigation,
            view_confirmed_at: facts.view_confirmed_at,
        }
    }

    /// The level that the caller's credential says was reached (`acr`).
    #[must_use]
    pub fn acr(&self) -> Option<&str> {
        let bearer = match &self.presented {
            RecordedCredential::Bearer(token) => Some(token),
            _ => None,
        };
        match bearer.or(self.session.as_ref())? {
            RecordedToken::Good(claims) => claims.acr.as_deref(),
            RecordedToken::Refused(_) => None,
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
        let session = self.session.as_ref().map(RecordedToken::shown);
        decide(view, &self.request.with(presented, session, self.view_confirmed_at), now)
    }
}
