//! What a decision can be, and how each is answered.

use std::sync::Arc;

use crate::{
    api_key::Verdict, decide::Permit, facts::Malformed, policy::Level, site::Site,
    verify::TokenError,
};

/// What is to be done with a request.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Pass it on.
    Allow(Permit),
    /// Something the caller can mend by signing in, or in a stronger or fresher way.
    Challenge(Challenge),
    /// No.
    Deny(Refusal),
}

impl Decision {
    /// The HTTP status, where the answer is not a redirect: 200 for a permit.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Allow(_) => 200,
            Self::Challenge(challenge) => challenge.status(),
            Self::Deny(refusal) => refusal.reason.status(),
        }
    }

    /// A word for logs and metrics.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Allow(_) => "allow",
            Self::Challenge(challenge) => challenge.reason.as_str(),
            Self::Deny(refusal) => refusal.reason.as_str(),
        }
    }
}

/// What the caller would have to bring.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// The site that asks.
    pub site: Arc<Site>,
    /// Why what was brought is not enough.
    pub reason: ChallengeReason,
    /// Whether somebody at a browser would mend it by signing in there: sessions count, and nothing
    /// else was brought.
    pub sign_in: bool,
}

impl Challenge {
    /// The HTTP status for callers who are not redirected to a page.
    #[must_use]
    pub const fn status(&self) -> u16 {
        401
    }
}

/// Why a credential is missing or not enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeReason {
    /// No credential.
    NotSignedIn,
    /// A token that does not count (RFC 6750 `invalid_token`).
    InvalidToken(TokenError),
    /// An API key that is not good here.
    ApiKey(Verdict),
    /// The session, person or client was ended after the token was issued.
    Ended,
    /// The token is for another place.
    WrongAudience,
    /// A valid token, too weak or too old (RFC 9470).
    Insufficient {
        /// The level to reach.
        acr: Level,
        /// How old the proof may be, seconds.
        max_age: Option<u64>,
    },
}

impl ChallengeReason {
    /// A word for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotSignedIn => "not_signed_in",
            Self::InvalidToken(why) => why.as_str(),
            Self::ApiKey(why) => why.as_str(),
            Self::Ended => "ended",
            Self::WrongAudience => "wrong_audience",
            Self::Insufficient { .. } => "insufficient",
        }
    }
}

/// Why a request is refused, whoever sends it again.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The site, where the host named one.
    pub site: Option<Arc<Site>>,
    /// Why.
    pub reason: RefusalReason,
}

/// The reasons of a [`Refusal`], in the order they are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// 400: framing or path.
    Malformed(Malformed),
    /// 421: no such host.
    UnknownHost,
    /// 503: the site is inactive.
    Inactive,
    /// 503: the view is older than the site allows.
    Stale,
    /// 400: two different credentials.
    ConflictingCredentials,
    /// 401: a credential this site does not take.
    CredentialNotAccepted,
    /// 403: the caller's address.
    Network,
    /// 403: the caller is not one of those who may enter.
    NotAllowed,
    /// 403: a scope is missing.
    Scope,
}

impl RefusalReason {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed(_) | Self::ConflictingCredentials => 400,
            Self::CredentialNotAccepted => 401,
            Self::Network | Self::NotAllowed | Self::Scope => 403,
            Self::UnknownHost => 421,
            Self::Inactive | Self::Stale => 503,
        }
    }

    /// A word for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed(what) => what.as_str(),
            Self::UnknownHost => "unknown_host",
            Self::Inactive => "site_inactive",
            Self::Stale => "view_stale",
            Self::ConflictingCredentials => "conflicting_credentials",
            Self::CredentialNotAccepted => "credential_not_accepted",
            Self::Network => "network",
            Self::NotAllowed => "not_allowed",
            Self::Scope => "scope",
        }
    }
}
