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
    verify::VerifiedToken,
    view::View,
};

pub use crate::decision::{Challenge, ChallengeReason, Decision, Refusal, RefusalReason};

/// Proof that a request was judged and may pass. Only [`decide`] makes one.
#[derive(Clone, Debug)]
pub struct Permit {
    site: Arc<Site>,
    token: Option<Arc<VerifiedToken>>,
    api_key: Option<HeldKey>,
}

impl Permit {
    /// The site it may reach.
    #[must_use]
    pub const fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// Who the caller is; `None` where a public site was asked without a credential.
    #[must_use]
    pub fn token(&self) -> Option<&Arc<VerifiedToken>> {
        self.token.as_ref()
    }

    /// The API key it was asked for with.
    #[must_use]
    pub const fn api_key(&self) -> Option<&HeldKey> {
        self.api_key.as_ref()
    }
}

/// Judges one request at `now`.
///
/// Order of refusals: framing and path 400, host 421, site 503, staleness 503, credential 400 or
/// 401, `allow` 403, level 401.
#[must_use]
pub fn decide(view: &View, facts: &Facts<'_>, now: Time) -> Decision {
    let site = facts.host.and_then(|host| view.site_by_host(host)).cloned();
    let deny = |site, reason| Decision::Deny(Refusal { site, reason });

    let path = match facts.path {
        Ok(path) => path,
        Err(malformed) => return deny(site, RefusalReason::Malformed(malformed)),
    };
    let Some(site) = site else {
        return deny(None, RefusalReason::UnknownHost);
    };
    let judged = match &facts.presented {
        Presented::ApiKey(shown) => key::judge(view, &site, path, facts, shown.as_ref(), now)
            .map(|api_key| (None, Some(api_key))),
        _ => judge(view, &site, path, facts, now).map(|token| (token, None)),
    };
    match judged {
        Ok((token, api_key)) => Decision::Allow(Permit { site, token, api_key }),
        Err(Objection::Challenge(reason)) => Decision::Challenge(Challenge { site, reason }),
        Err(Objection::Refusal(reason)) => deny(Some(site), reason),
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

/// Who may pass: the caller of the token, or (`None`) anybody.
fn judge(
    view: &View,
    site: &Site,
    path: &str,
    facts: &Facts<'_>,
    now: Time,
) -> Result<Option<Arc<VerifiedToken>>, Objection> {
    site_is_served(site)?;
    view_is_fresh_enough(site, facts.view_confirmed_at, now)?;

    let asked = site.policy.effective(facts.method, path);
    let Some(token) = credential(&facts.presented, asked.accept)? else {
        anybody_may_enter(&asked, facts.peer)?;
        return Ok(None);
    };
    token.check_times(now).map_err(ChallengeReason::InvalidToken)?;
    token_is_not_ended(view, token)?;
    token_is_for(site, &view.issuer, token)?;
    if token.is_client() {
        client_may_enter(&asked, token, facts.peer)?;
    } else {
        caller_may_enter(asked.allow, token, facts.peer)?;
        proof_is_strong_enough(&asked, token, now)?;
    }
    Ok(Some(token.clone()))
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

/// The token that counts here; `None` when there is none. Where bearers are not accepted,
/// `Authorization` belongs to the application.
fn credential<'f>(
    presented: &'f Presented,
    accept: &Accept,
) -> Result<Option<&'f Arc<VerifiedToken>>, Objection> {
    match presented {
        Presented::Nothing => Ok(None),
        Presented::Conflicting => Err(RefusalReason::ConflictingCredentials.into()),
        // Keys are judged by themselves, and count as no token.
        Presented::Unsupported | Presented::ApiKey(_) => {
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
    // A listener for both families sees IPv4 callers as ::ffff:a.b.c.d.
    let peer = peer.to_canonical();
    if allow.networks.is_empty() || allow.networks.iter().any(|network| network.contains(&peer)) {
        Ok(())
    } else {
        Err(RefusalReason::Network)
    }
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
