//! Why a request was refused, and what would have passed: found by judging it again, mended in one
//! point after the other until it passes.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    Time,
    claims::{AccessClaims, Audience},
    decide::{ChallengeReason, Decision, RefusalReason},
    effective::Effective,
    facts::Sender,
    policy::{Level, Method, Require, takes_from},
    record::{RecordedCredential, RecordedFacts, RecordedToken},
    site::Site,
    site_session,
    view::View,
};

/// How many points a request can be mended in; each is one that [`decide`](crate::decide::decide)
/// judges.
const POINTS: usize = 16;

/// What a refusal comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// What the request is answered when it is judged again, in a word; `allow` where it passes.
    pub outcome: String,
    /// With this status.
    pub status: u16,
    /// What was asked of it; `None`: it reached no site.
    pub asked: Option<Asked>,
    /// What would have to be different, all of it.
    pub would_pass: Vec<Remedy>,
    /// Whether it would pass then.
    pub passes_then: bool,
}

/// What a policy asks of one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The rule of the policy that speaks of it, counted from 0; `None`: no rule does, and the policy
    /// itself speaks.
    pub rule: Option<usize>,
    /// Which it is: its path or prefix.
    pub place: Option<String>,
    /// The level.
    pub require: Require,
    /// Second factors that count; empty: every one.
    pub allowed_factors: Vec<Method>,
    /// How old the proof may be, seconds.
    pub max_auth_age: Option<u64>,
}

/// Something that would have to be different.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "need")]
pub enum Remedy {
    /// A credential that is good here: a sign-in, or a token that is neither over nor ended and names
    /// this audience.
    SignIn {
        /// The audience.
        audience: String,
    },
    /// A stronger or fresher proof.
    Proof {
        /// The level.
        acr: Level,
        /// Seconds since.
        max_age: Option<u64>,
        /// By one of these factors; empty: by any.
        factors: Vec<Method>,
    },
    /// Somebody who may enter: one of every kind that lists any.
    Person {
        /// Of these roles,
        roles: Vec<String>,
        /// these people,
        users: Vec<String>,
        /// these tenants.
        tenants: Vec<String>,
    },
    /// Another address: one of every list that does not hold this one.
    Network {
        /// Of these networks, which the site is kept to,
        networks: Vec<IpNet>,
        /// these, which the API key is bound to itself.
        #[serde(default)]
        of_key: Vec<IpNet>,
    },
    /// These scopes.
    Scopes {
        /// They.
        scopes: Vec<String>,
    },
    /// A request that a page of the site itself sends, and not one of another site.
    OwnPage,
    /// An API key that is good at this site.
    ApiKey {
        /// The site.
        site_key: String,
    },
    /// A credential of a kind that is taken here: a person's.
    OtherCredential,
    /// One credential, not two.
    OneCredential,
    /// An address that can be read in one way only.
    PlainRequest,
    /// A host that a site answers to.
    KnownHost,
    /// A site that is switched on.
    ActiveSite,
    /// An edge that has heard from the server lately.
    FreshView,
}

/// Explains what came of `facts` at `now` in `view`.
#[must_use]
pub fn explain(view: &View, facts: &RecordedFacts, now: Time) -> Explanation {
    let first = facts.judge(view, now);
    let asked = site_of(view, facts).map(|site| asked(site, facts));
    let mut mended = facts.clone();
    let mut would_pass = Vec::new();
    let mut decision = first.clone();
    for _ in 0..POINTS {
        let Some(remedy) = mend(view, &decision, &mut mended, now) else { break };
        // Said again, it has mended nothing.
        if would_pass.contains(&remedy) {
            break;
        }
        would_pass.push(remedy);
        decision = mended.judge(view, now);
    }
    Explanation {
        outcome: first.as_str().to_owned(),
        status: first.status(),
        asked,
        passes_then: matches!(decision, Decision::Allow(_)),
        would_pass,
    }
}

fn site_of<'v>(view: &'v View, facts: &RecordedFacts) -> Option<&'v Site> {
    facts.request.host.as_deref().and_then(|host| view.site_by_host(host)).map(AsRef::as_ref)
}

fn named(facts: &RecordedFacts) -> (&str, &str) {
    (&facts.request.method, facts.request.path.as_deref().unwrap_or("/"))
}

/// What the policy of `site` asks of what was recorded.
fn effective<'s>(site: &'s Site, facts: &RecordedFacts) -> Effective<'s> {
    let (method, path) = named(facts);
    site.policy.effective(method, path)
}

fn asked(site: &Site, facts: &RecordedFacts) -> Asked {
    let policy = &site.policy;
    let (method, path) = named(facts);
    let rule = policy.rules.iter().position(|rule| rule.matches(method, path));
    let place = rule.and_then(|at| {
        let rule = policy.rules.get(at)?;
        rule.path.clone().or_else(|| rule.prefix.clone())
    });
    let asked = effective(site, facts);
    Asked {
        rule,
        place,
        require: asked.require,
        allowed_factors: asked.allowed_factors.to_vec(),
        max_auth_age: asked.max_auth_age,
    }
}

/// Takes away what `decision` objects to. `None`: nothing is, or nothing can be.
fn mend(view: &View, decision: &Decision, facts: &mut RecordedFacts, now: Time) -> Option<Remedy> {
    match decision {
        Decision::Allow(_) => None,
        Decision::Challenge(challenge) => {
            let site = &challenge.site;
            Some(match challenge.reason {
                ChallengeReason::Insufficient { acr, max_age } => {
                    let asked = effective(site, facts);
                    let factors = asked.allowed_factors.to_vec();
                    change(facts, view, site, now, |claims| prove(claims, &asked, acr, now));
                    Remedy::Proof { acr, max_age, factors }
                }
                // Its session would count, if its own pages sent it.
                ChallengeReason::NotSignedIn
                    if facts.session.is_some() && facts.request.sender != Sender::Own =>
                {
                    facts.request.sender = Sender::Own;
                    Remedy::OwnPage
                }
                // Whether another key would do, nobody knows who has not seen it.
                ChallengeReason::ApiKey(_) => Remedy::ApiKey { site_key: site.site_key.clone() },
                ChallengeReason::NotSignedIn
                | ChallengeReason::InvalidToken(_)
                | ChallengeReason::Ended
                | ChallengeReason::WrongAudience => {
                    let fresh = person(view, site, now);
                    change(facts, view, site, now, |claims| {
                        *claims = AccessClaims {
                            sub: claims.sub.clone(),
                            tenant_id: claims.tenant_id.clone(),
                            roles: claims.roles.clone(),
                            acr: claims.acr.clone(),
                            amr: claims.amr.clone(),
                            auth_time: claims.auth_time,
                            device_time: claims.device_time,
                            model: claims.model.clone(),
                            ..fresh
                        };
                    });
                    Remedy::SignIn { audience: site.base_url.clone() }
                }
            })
        }
        Decision::Deny(refusal) => {
            let site = refusal.site.as_deref();
            match refusal.reason {
                RefusalReason::Malformed(_) => Some(Remedy::PlainRequest),
                RefusalReason::UnknownHost => Some(Remedy::KnownHost),
                RefusalReason::Inactive => Some(Remedy::ActiveSite),
                RefusalReason::Stale => {
                    facts.view_confirmed_at = now;
                    Some(Remedy::FreshView)
                }
                RefusalReason::ConflictingCredentials => {
                    facts.presented = RecordedCredential::Nothing;
                    Some(Remedy::OneCredential)
                }
                RefusalReason::CredentialNotAccepted => {
                    let site = site?;
                    facts.presented = RecordedCredential::Nothing;
                    change(facts, view, site, now, |claims| *claims = person(view, site, now));
                    Some(Remedy::OtherCredential)
                }
                RefusalReason::Network => {
                    let of_site: &[IpNet] = &effective(site?, facts).allow.networks;
                    let of_key = networks_of_key(view, facts);
                    let peer = facts.request.peer;
                    let wrong = |networks: &[IpNet]| match takes_from(networks, peer) {
                        true => Vec::new(),
                        false => networks.to_vec(),
                    };
                    let remedy =
                        Remedy::Network { networks: wrong(of_site), of_key: wrong(of_key) };
                    // Of two networks that share addresses one holds the address the other is named by.
                    let mut addresses = of_site.iter().chain(of_key).map(IpNet::addr);
                    let good = addresses.find(|address| {
                        [of_site, of_key].iter().all(|it| takes_from(it, *address))
                    });
                    facts.request.peer = good.unwrap_or(peer);
                    Some(remedy)
                }
                RefusalReason::NotAllowed => {
                    let site = site?;
                    let allow = effective(site, facts).allow;
                    change(facts, view, site, now, |claims| {
                        claims.roles.extend(allow.roles.first().cloned());
                        if let Some(user) = allow.users.first() {
                            claims.sub.clone_from(user);
                        }
                        if let Some(tenant) = allow.tenants.first() {
                            claims.tenant_id = Some(tenant.clone());
                        }
                    });
                    Some(Remedy::Person {
                        roles: allow.roles.clone(),
                        users: allow.users.clone(),
                        tenants: allow.tenants.clone(),
                    })
                }
                RefusalReason::Scope => {
                    let site = site?;
                    let accept = effective(site, facts).accept;
                    if let RecordedCredential::ApiKey(_) = facts.presented {
                        let scopes = accept.api_key.as_ref()?.scopes.clone();
                        return Some(Remedy::Scopes { scopes });
                    }
                    let scopes = accept.client.as_ref()?.scopes.clone();
                    change(facts, view, site, now, |claims| claims.scope = scopes.join(" "));
                    Some(Remedy::Scopes { scopes })
                }
            }
        }
    }
}

/// What the API key that was shown is bound to.
fn networks_of_key<'v>(view: &'v View, facts: &RecordedFacts) -> &'v [IpNet] {
    match &facts.presented {
        RecordedCredential::ApiKey(Some(shown)) => {
            view.api_key(shown.id).map_or(&[], |held| &held.record().networks)
        }
        _ => &[],
    }
}

/// Changes what the credential says, which is one of somebody who has signed in if there was none.
fn change(
    facts: &mut RecordedFacts,
    view: &View,
    site: &Site,
    now: Time,
    change: impl FnOnce(&mut AccessClaims),
) {
    let accept = effective(site, facts).accept;
    let takes_bearer = accept.bearer && !accept.dpop_only;
    let is_shown = matches!(facts.presented, RecordedCredential::Bearer(_)) && accept.bearer;
    let by_session = accept.session && !is_shown && (facts.session.is_some() || !takes_bearer);
    let shown = if by_session { facts.session.take() } else { facts.presented.take_token() };
    let mut claims = match shown {
        Some(RecordedToken::Good(claims)) => claims,
        Some(RecordedToken::Refused(_)) | None => Box::new(person(view, site, now)),
    };
    change(&mut claims);
    if by_session {
        claims.client_id = site_session::CLIENT_ID.to_owned();
        facts.session = Some(RecordedToken::Good(claims));
    } else {
        facts.presented = RecordedCredential::Bearer(RecordedToken::Good(claims));
    }
}

/// Somebody who has just signed in at a site with nothing but a password.
fn person(view: &View, site: &Site, now: Time) -> AccessClaims {
    AccessClaims {
        iss: view.issuer.to_string(),
        sub: "somebody".to_owned(),
        aud: Audience::One(site.base_url.clone()),
        exp: now.secs() + 3600,
        // In the next second, so that no ending of this one is about it.
        iat: now.secs() + 1,
        nbf: None,
        jti: "explained".to_owned(),
        client_id: "explained".to_owned(),
        scope: String::new(),
        auth_time: Some(now.secs()),
        acr: Some(Level::OneFactor.acr().to_owned()),
        amr: vec!["pwd".to_owned()],
        device_time: None,
        model: None,
        sid: None,
        grant_id: None,
        tenant_id: None,
        roles: Vec::new(),
        email: None,
        name: None,
        userinfo_claims: String::new(),
    }
}

/// Lets `claims` show what `asked` wants, proved just now.
fn prove(claims: &mut AccessClaims, asked: &Effective<'_>, acr: Level, now: Time) {
    let factor = Method::ALL.into_iter().find(|method| asked.counts(*method));
    claims.acr = Some(acr.acr().to_owned());
    claims.auth_time = Some(now.secs());
    claims.amr = vec!["pwd".to_owned(), "user".to_owned(), "mfa".to_owned()];
    claims.amr.extend(factor.into_iter().flat_map(Method::amr).map(|value| (*value).to_owned()));
    claims.model = asked.webauthn.models.first().map(ToString::to_string);
}

#[cfg(test)]
mod tests;
