//! The decision: `decide(&View, &Facts, now)`. Pure, and the only maker of a [`Permit`].
//!
//! It reads from the top: [`decide`] asks whether the request names a site, `judge` goes through
//! the questions in the order of their answers, and each question is one small function below.

use std::{net::IpAddr, sync::Arc, time::Duration};

use crate::{
    Time,
    api_key::HeldKey,
    cutoff::CutOffKind,
    effective::Effective,
    facts::{Facts, Presented},
    policy::{Accept, Allow, Level, OnStale, Require},
    site::{Site, SiteStatus},
    site_session,
    verify::{TokenError, VerifiedToken},
    view::View,
    who::Who,
};

pub use crate::decision::{Challenge, ChallengeReason, Decision, Refusal, RefusalReason};

/// Proof that a request was judged and may pass. Only [`decide`] makes one.
#[derive(Clone, Debug)]
pub struct Permit {
    site: Arc<Site>,
    who: Option<Who>,
}

impl Permit {
    /// The site it may reach.
    #[must_use]
    pub const fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// Who the caller is; `None` where a public site was asked without a credential.
    #[must_use]
    pub const fn who(&self) -> Option<&Who> {
        self.who.as_ref()
    }

    /// The caller's token, where it showed one.
    #[must_use]
    pub fn token(&self) -> Option<&Arc<VerifiedToken>> {
        self.who.as_ref().and_then(Who::token)
    }

    /// The API key it was asked for with.
    #[must_use]
    pub const fn api_key(&self) -> Option<&HeldKey> {
        match &self.who {
            Some(Who::ApiKey(key)) => Some(key),
            _ => None,
        }
    }
}

/// Judges one request at `now`.
///
/// Order of refusals: framing and path 400, host 421, site 503, staleness 503, credential 400 or
/// 401, `allow` 403, level 401.
#[must_use]
pub fn decide(view: &View, facts: &Facts<'_>, now: Time) -> Decision {
    let (site, path) = match named(view, facts) {
        Ok(named) => named,
        Err(refusal) => return Decision::Deny(refusal),
    };
    let judged = match &facts.presented {
        Presented::ApiKey { shown, looked_up } => {
            key::judge(view, &site, path, facts, (shown.as_ref(), looked_up.as_ref()), now)
                .map(|key| Some(Who::ApiKey(key)))
        }
        _ => judge(view, &site, path, facts, now).map(|shown| shown.map(Credential::who)),
    };
    match judged {
        Ok(who) => Decision::Allow(Permit { site, who }),
        Err(Objection::Challenge(reason)) => {
            let accept = site.policy.effective(facts.method, path).accept;
            let sign_in = accept.session && beside_session(&facts.presented, accept);
            Decision::Challenge(Challenge { site, reason, sign_in })
        }
        Err(Objection::Refusal(reason)) => Decision::Deny(Refusal { site: Some(site), reason }),
    }
}

/// The site that a request reaches at `now`, whoever sends it: what is the edge's own there (signing
/// in and out) is open to anybody.
///
/// # Errors
/// The refusals of [`decide`] up to staleness.
pub fn reached(view: &View, facts: &Facts<'_>, now: Time) -> Result<Arc<Site>, Refusal> {
    let (site, _) = named(view, facts)?;
    let served = site_is_served(&site)
        .and_then(|()| view_is_fresh_enough(&site, facts.view_confirmed_at, now));
    match served {
        Ok(()) => Ok(site),
        Err(reason) => Err(Refusal { site: Some(site), reason }),
    }
}

/// The site and the path that a request names.
fn named<'f>(view: &View, facts: &Facts<'f>) -> Result<(Arc<Site>, &'f str), Refusal> {
    let site = facts.host.and_then(|host| view.site_by_host(host)).cloned();
    match (facts.path, site) {
        (Err(malformed), site) => {
            Err(Refusal { site, reason: RefusalReason::Malformed(malformed) })
        }
        (Ok(_), None) => Err(Refusal { site: None, reason: RefusalReason::UnknownHost }),
        (Ok(path), Some(site)) => Ok((site, path)),
    }
}

/// What speaks against a request.
enum Objection {
    Challenge(ChallengeReason),
    Refusal(RefusalReason),
}

impl From<ChallengeReason> for Objection {
    fn from(reason: ChallengeReason) -> Self {
        Self::Challenge(reason)
    }
}

impl From<RefusalReason> for Objection {
    fn from(reason: RefusalReason) -> Self {
        Self::Refusal(reason)
    }
}

/// A credential that counts here, and where it came from.
#[derive(Clone, Copy)]
enum Credential<'f> {
    Bearer(&'f Arc<VerifiedToken>),
    Session(&'f Arc<VerifiedToken>),
}

impl<'f> Credential<'f> {
    const fn token(self) -> &'f Arc<VerifiedToken> {
        match self {
            Self::Bearer(token) | Self::Session(token) => token,
        }
    }

    fn who(self) -> Who {
        match self {
            Self::Bearer(token) => Who::Bearer(token.clone()),
            Self::Session(token) => Who::Session(token.clone()),
        }
    }
}

/// Who may pass: the caller of the token, or (`None`) anybody.
fn judge<'f>(
    view: &View,
    site: &Site,
    path: &str,
    facts: &'f Facts<'_>,
    now: Time,
) -> Result<Option<Credential<'f>>, Objection> {
    site_is_served(site)?;
    view_is_fresh_enough(site, facts.view_confirmed_at, now)?;

    let asked = site.policy.effective(facts.method, path);
    if let Some(token) = credential(facts, asked.accept)? {
        let shown = Credential::Bearer(token);
        token_counts(view, site, shown, now)?;
        return person_or_client_may_enter(&asked, shown, facts.peer, now);
    }
    let Some(session) = session(site, facts, asked.accept) else {
        anybody_may_enter(&asked, facts.peer)?;
        return Ok(None);
    };
    let counts = session.map_err(ChallengeReason::InvalidToken).and_then(|token| {
        let shown = Credential::Session(token);
        token_counts(view, site, shown, now).map(|()| shown)
    });
    match counts {
        Ok(shown) => person_or_client_may_enter(&asked, shown, facts.peer, now),
        // A browser cannot put down a cookie whose session is over: its owner is nobody, as before
        // they signed in. Where that is not enough they hear why.
        Err(reason) => match anybody_may_enter(&asked, facts.peer) {
            Ok(()) => Ok(None),
            Err(Objection::Challenge(_)) => Err(reason.into()),
            Err(refusal) => Err(refusal),
        },
    }
}

/// Whether a token is one that counts here, whatever it opens.
fn token_counts(
    view: &View,
    site: &Site,
    shown: Credential<'_>,
    now: Time,
) -> Result<(), ChallengeReason> {
    let token = shown.token();
    token.check_times(now).map_err(ChallengeReason::InvalidToken)?;
    // What is made for the cookie counts nowhere else, and nothing else counts there.
    let in_its_place = match shown {
        Credential::Bearer(_) => !site_session::is_of_session(token),
        Credential::Session(_) => site_session::is_of_session(token) && !token.is_client(),
    };
    if !in_its_place {
        return Err(ChallengeReason::InvalidToken(TokenError::WrongType));
    }
    if let Credential::Session(token) = shown {
        session_goes_on(site, token, now)?;
    }
    token_is_not_ended(view, token)?;
    token_is_for(site, &view.issuer, token)
}

/// How long a session may rest and last is judged by the policy that is in force now; its token was
/// given by one that may have allowed more.
fn session_goes_on(site: &Site, token: &VerifiedToken, now: Time) -> Result<(), ChallengeReason> {
    let is_within = |most: Option<u64>, since: Option<Time>| {
        let most = most.map(Duration::from_secs);
        most.is_none_or(|most| since.is_some_and(|since| now.since(since) <= most))
    };
    let goes_on = is_within(site.policy.session_idle, Some(token.issued_at()))
        && is_within(site.policy.session_absolute, token.auth_time());
    if goes_on { Ok(()) } else { Err(ChallengeReason::InvalidToken(TokenError::Expired)) }
}

fn person_or_client_may_enter<'f>(
    asked: &Effective<'_>,
    shown: Credential<'f>,
    peer: IpAddr,
    now: Time,
) -> Result<Option<Credential<'f>>, Objection> {
    let token = shown.token();
    if token.is_client() {
        client_may_enter(asked, token, peer)?;
    } else {
        caller_may_enter(asked.allow, token, peer)?;
        proof_is_strong_enough(asked, token, now)?;
    }
    Ok(Some(shown))
}

fn site_is_served(site: &Site) -> Result<(), RefusalReason> {
    match site.status {
        SiteStatus::Active => Ok(()),
        SiteStatus::Inactive => Err(RefusalReason::Inactive),
    }
}

fn view_is_fresh_enough(site: &Site, confirmed_at: Time, now: Time) -> Result<(), RefusalReason> {
    let is_stale = now.since(confirmed_at) > site.policy.max_staleness();
    match site.policy.on_stale {
        OnStale::Deny if is_stale => Err(RefusalReason::Stale),
        OnStale::Deny | OnStale::Allow => Ok(()),
    }
}

/// The token of a header that counts here; `None` when there is none. Where bearers are not
/// accepted, `Authorization` belongs to the application.
fn credential<'f>(
    facts: &'f Facts<'_>,
    accept: &Accept,
) -> Result<Option<&'f Arc<VerifiedToken>>, Objection> {
    let presented = &facts.presented;
    if accept.session && facts.session.is_some() && !beside_session(presented, accept) {
        return Err(RefusalReason::ConflictingCredentials.into());
    }
    match presented {
        Presented::Nothing => Ok(None),
        Presented::Conflicting => Err(RefusalReason::ConflictingCredentials.into()),
        // Keys are judged by themselves, and count as no token.
        Presented::Unsupported | Presented::ApiKey { .. } => {
            Err(RefusalReason::CredentialNotAccepted.into())
        }
        Presented::Bearer(_) if !accept.bearer => Ok(None),
        Presented::Bearer(_) if accept.dpop_only => {
            Err(RefusalReason::CredentialNotAccepted.into())
        }
        Presented::Bearer(Err(why)) => Err(ChallengeReason::InvalidToken(*why).into()),
        Presented::Bearer(Ok(token)) => Ok(Some(token)),
    }
}

/// Whether what the header fields hold is no credential here, and may stand beside a session.
const fn beside_session(presented: &Presented, accept: &Accept) -> bool {
    match presented {
        Presented::Nothing => true,
        Presented::Bearer(_) => !accept.bearer,
        Presented::Unsupported | Presented::Conflicting | Presented::ApiKey { .. } => false,
    }
}

/// The session of the browser, where it counts: not where the site takes none, and not for what a
/// page of another site sends to change something, or to talk at length. Browsers of today leave the
/// cookie out of most of that; sites that share a registrable domain are one to them, and to us not.
fn session<'f>(
    site: &Site,
    facts: &'f Facts<'_>,
    accept: &Accept,
) -> Option<Result<&'f Arc<VerifiedToken>, TokenError>> {
    let session = facts.session.as_ref().filter(|_| accept.session)?;
    let only_reads = !facts.upgrade && ["GET", "HEAD", "OPTIONS"].contains(&facts.method);
    let counts = only_reads || site_session::is_own_sender(site, &facts.sender);
    counts.then(|| session.as_ref().map_err(|why| *why))
}

/// Without a credential nobody is anybody: a public place that still names people or roles asks
/// who is there.
fn anybody_may_enter(asked: &Effective<'_>, peer: IpAddr) -> Result<(), Objection> {
    if asked.require != Require::Public || asked.allow.names_people() {
        return Err(ChallengeReason::NotSignedIn.into());
    }
    network_is_allowed(asked.allow, peer)?;
    Ok(())
}

fn token_is_not_ended(view: &View, token: &VerifiedToken) -> Result<(), ChallengeReason> {
    let is_cut_off = |kind, id| view.is_cut_off(kind, id, token.issued_at());
    let session_ended = token.sid().is_some_and(|sid| is_cut_off(CutOffKind::Session, sid));
    let grant_ended = token.grant_id().is_some_and(|id| is_cut_off(CutOffKind::Grant, id));
    let consent_ended = token
        .granted_at()
        .is_some_and(|at| view.is_cut_off(CutOffKind::Consent, token.consent_id(), at));
    if session_ended
        || grant_ended
        || consent_ended
        || is_cut_off(CutOffKind::Token, token.jti())
        || is_cut_off(CutOffKind::User, token.sub())
        || is_cut_off(CutOffKind::Client, token.client_id())
    {
        return Err(ChallengeReason::Ended);
    }
    Ok(())
}

/// A token for one site opens no other; a token that somebody got from the issuer for itself opens
/// those that say so. What a client was granted is for the issuer's userinfo alone, wherever it
/// names the issuer: anybody may register a client.
fn token_is_for(site: &Site, issuer: &str, token: &VerifiedToken) -> Result<(), ChallengeReason> {
    let is_of_client = token.is_client() || token.grant_id().is_some();
    let is_first_party = site.policy.first_party && !is_of_client && token.has_audience(issuer);
    if is_first_party || token.has_audience(&site.base_url) {
        Ok(())
    } else {
        Err(ChallengeReason::WrongAudience)
    }
}

/// A client that speaks for itself has proved no level: it is judged by what the site lists.
fn client_may_enter(
    asked: &Effective<'_>,
    token: &VerifiedToken,
    peer: IpAddr,
) -> Result<(), RefusalReason> {
    let needed = asked.accept.client.as_ref();
    let needed = needed.ok_or(RefusalReason::CredentialNotAccepted)?;
    caller_may_enter(asked.allow, token, peer)?;
    if needed.scopes.iter().all(|scope| token.has_scope(scope)) {
        Ok(())
    } else {
        Err(RefusalReason::Scope)
    }
}

/// Every kind that lists anything must name the caller.
fn caller_may_enter(
    allow: &Allow,
    token: &VerifiedToken,
    peer: IpAddr,
) -> Result<(), RefusalReason> {
    network_is_allowed(allow, peer)?;
    let is_named = allow.names(token.sub(), token.roles(), token.tenant_id());
    if is_named { Ok(()) } else { Err(RefusalReason::NotAllowed) }
}

fn network_is_allowed(allow: &Allow, peer: IpAddr) -> Result<(), RefusalReason> {
    if allow.takes_from(peer) { Ok(()) } else { Err(RefusalReason::Network) }
}

/// The level, the factors it was reached with, and how long ago that was.
fn proof_is_strong_enough(
    asked: &Effective<'_>,
    token: &VerifiedToken,
    now: Time,
) -> Result<(), ChallengeReason> {
    let Some(needed) = asked.require.level() else {
        return Ok(());
    };
    let has_level = token.level().is_some_and(|reached| reached >= needed);
    if (has_level && used_an_allowed_factor(asked, needed, token)
        || trusted_device_stands_in(asked, token, now))
        && is_young_enough(asked, token, now)
    {
        return Ok(());
    }
    Err(ChallengeReason::Insufficient { acr: needed, max_age: asked.max_auth_age })
}

/// Factors are second factors: where one is enough, it is not asked which.
fn used_an_allowed_factor(asked: &Effective<'_>, needed: Level, token: &VerifiedToken) -> bool {
    needed < Level::TwoFactor
        || asked.counts_shown(|value| token.amr().any(|used| used == value), token.model())
}

/// One factor proved at this sign-in, and a second one before, on a device that counts here.
fn trusted_device_stands_in(asked: &Effective<'_>, token: &VerifiedToken, now: Time) -> bool {
    token.level().is_some()
        && token.device_time().is_some_and(|proved_at| asked.counts_device(proved_at, now))
}

fn is_young_enough(asked: &Effective<'_>, token: &VerifiedToken, now: Time) -> bool {
    let Some(max_age) = asked.max_auth_age.map(Duration::from_secs) else {
        return true;
    };
    token.auth_time().is_some_and(|proved_at| now.since(proved_at) <= max_age)
}

mod key;
pub mod lapse;

#[cfg(test)]
mod tests;
