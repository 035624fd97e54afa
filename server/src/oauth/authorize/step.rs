//! PURE: what is missing before a request can be answered.

use std::time::Duration;

use jwks::{
    Time,
    effective::Effective,
    policy::{Level, Method},
};
use uuid::Uuid;

use super::{asks::Asks, validate::values};
use crate::{
    auth::{
        bearer::FRESH,
        mfa::evidence::{counts_factor, is_met, is_of_wrong_model},
    },
    domain::{
        authorization::{AuthorizationRequest, Prompt},
        client::Client,
        consent::Consent,
        session::{Proof, Session},
    },
    oauth::OAuthError,
};

/// The methods that somebody who must have a second factor can set up on the pages.
pub const SET_UP_ON_PAGES: [Method; 2] = [Method::Totp, Method::Hardware];

/// A session of the browser, and what its owner could do with it.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// It.
    pub session: Session,
    /// The names its owner could be called by in `login_hint`, as they are compared.
    pub names: Vec<String>,
    /// What they allowed this client.
    pub consent: Option<Consent>,
    /// The second factors they have.
    pub methods: Vec<Method>,
    /// The models of their passkeys, where any place lists some ([`lists_models`]).
    pub models: Vec<Option<Uuid>>,
}

impl Candidate {
    /// Whether they have a passkey that counts wherever this is asked.
    fn has_passkey(&self, policies: &[Effective<'_>]) -> bool {
        let counts = |model: &Option<Uuid>| policies.iter().all(|one| one.counts_model(*model));
        self.methods.contains(&Method::Hardware)
            && (!lists_models(policies) || self.models.iter().any(counts))
    }
}

/// Whether any place lists the models that count there.
#[must_use]
pub fn lists_models(policies: &[Effective<'_>]) -> bool {
    policies.iter().any(|policy| !policy.webauthn.models.is_empty())
}

/// Everything that decides.
#[derive(Clone, Copy)]
pub struct Situation<'s> {
    /// What is asked for.
    pub request: &'s AuthorizationRequest,
    /// By whom.
    pub client: &'s Client,
    /// This server's name.
    pub issuer: &'s str,
    /// What is asked where the tokens will be good; never empty.
    pub policies: &'s [Effective<'s>],
    /// The live sessions of the browser, the one used last first.
    pub candidates: &'s [Candidate],
    /// `login_hint`, as it is compared.
    pub hinted: Option<&'s str>,
    /// Now.
    pub now: Time,
}

/// Why somebody is to prove a second factor again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// More is asked than they proved.
    Level,
    /// What they proved is too old.
    Age,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Somebody signs in. `sid`: it is for want of a fresh proof of this session's owner.
    SignIn(Option<Uuid>),
    /// One of those who are signed in is chosen, or somebody else signs in.
    Choose,
    /// The owner of this session proves a second factor.
    StepUp(Uuid, Why),
    /// The owner of this session sets up a second factor.
    Enrol(Uuid),
    /// The owner of this session is asked for this.
    Consent(Uuid, Asks),
    /// A code is issued for this session.
    Issue(Uuid),
    /// It cannot be: the client hears why.
    Refuse(Unmet),
}

/// What cannot be met by this person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// Somebody signed in for this request who is not the one it is about.
    Subject,
    /// A level, or a factor, that they have no way to.
    Level,
}

impl Unmet {
    /// As the client hears it.
    #[must_use]
    pub fn reason(self) -> OAuthError {
        match self {
            Self::Subject => OAuthError::LoginRequired("somebody else is signed in".into()),
            Self::Level => {
                let text = "what is asked of the sign-in cannot be met";
                OAuthError::UnmetAuthenticationRequirements(text.into())
            }
        }
    }
}

impl Step {
    /// The session it is about.
    #[must_use]
    pub fn session(&self) -> Option<Uuid> {
        match self {
            Self::SignIn(sid) => *sid,
            Self::StepUp(sid, _) | Self::Enrol(sid) | Self::Consent(sid, _) | Self::Issue(sid) => {
                Some(*sid)
            }
            Self::Choose | Self::Refuse(_) => None,
        }
    }

    /// What it is where nobody may be asked anything (`prompt=none`): the session that a code is
    /// issued for, or why not (OpenID Connect Core section 3.1.2.6).
    ///
    /// # Errors
    /// For every step but [`Step::Issue`].
    pub fn without_asking(self) -> Result<Uuid, OAuthError> {
        Err(match self {
            Self::Issue(sid) => return Ok(sid),
            Self::SignIn(_) => OAuthError::LoginRequired("nobody is signed in as asked".into()),
            Self::Choose => {
                let text = "several accounts are signed in";
                OAuthError::AccountSelectionRequired(text.into())
            }
            Self::StepUp(_, Why::Age) => OAuthError::LoginRequired("the sign-in is too old".into()),
            // They could, if they were asked: that is no refusal of what is asked for.
            Self::StepUp(_, Why::Level) => {
                let text = "a higher level is asked for than was proved";
                OAuthError::LoginRequired(text.into())
            }
            Self::Enrol(_) => {
                OAuthError::InteractionRequired("a second factor has to be set up".into())
            }
            Self::Consent(..) => OAuthError::ConsentRequired("the person has to be asked".into()),
            Self::Refuse(unmet) => unmet.reason(),
        })
    }
}

impl Situation<'_> {
    /// Whether it matters which second factors the owner of a session has: not where what they
    /// proved is all that is asked.
    #[must_use]
    pub fn depends_on_factors(&self, proof: &Proof) -> bool {
        let asks_for_level = || {
            let wished = self.request.acr_values.iter().map(String::as_str);
            let named = self.request.claims.id_token.get("acr").and_then(Option::as_ref);
            let mut levels =
                wished.chain(named.into_iter().flat_map(values)).filter_map(Level::from_acr);
            levels.any(|level| !has_reached(self.policies, proof, level))
        };
        let asks_for_age = || {
            let policies = self.policies.iter().any(|policy| {
                policy.max_auth_age.or(policy.session_idle).or(policy.session_absolute).is_some()
            });
            policies || self.request.max_age.is_some()
        };
        asks_for_level()
            || asks_for_age()
            || !self.policies.iter().all(|policy| is_met(policy, proof, self.now))
    }
}

/// What comes next.
#[must_use]
pub fn next_step(situation: &Situation<'_>) -> Step {
    let candidate = match situation.select() {
        Ok(candidate) => candidate,
        Err(step) => return step,
    };
    let sid = candidate.session.sid;
    let is_of_now = situation.signed_in(candidate);
    if situation.request.prompts(Prompt::Login) && !is_of_now {
        return Step::SignIn(Some(sid));
    }
    let (by_age, by_consent) = (|| situation.by_age(candidate), || situation.by_consent(candidate));
    by_policy(situation.policies, candidate, situation.now)
        .or_else(|| situation.by_level(candidate))
        // Who signed in for this is not asked again before they have read what they are to allow:
        // they would be as often as they take longer than their sign-in may be old.
        .or_else(|| {
            if is_of_now { by_consent().or_else(by_age) } else { by_age().or_else(by_consent) }
        })
        .unwrap_or(Step::Issue(sid))
}

impl Situation<'_> {
    /// Whether the owner of a session signed in, or proved who they are again, for this very
    /// request. What they did for another one, be it later, is not for this one.
    fn signed_in(&self, candidate: &Candidate) -> bool {
        self.request.signed_in == Some(candidate.session.sid)
    }

    /// Which session it is about: the one that was chosen, or signed in to, for this request; of
    /// those that fit `id_token_hint` the one of `login_hint`, the only one, or the only one that
    /// the client takes part in. A client does not change from one account to another because
    /// somebody signed in elsewhere.
    fn select(&self) -> Result<&Candidate, Step> {
        let request = self.request;
        let is_subject = |candidate: &&Candidate| {
            request.subject_hint.is_none_or(|hint| hint == candidate.session.user_id)
        };
        let fitting = || self.candidates.iter().filter(is_subject);
        if fitting().next().is_none() {
            let somebody_else = self.candidates.iter().any(|candidate| self.signed_in(candidate));
            return Err(match somebody_else {
                true => Step::Refuse(Unmet::Subject),
                false => Step::SignIn(None),
            });
        }
        let chosen = |candidate: &&Candidate| Some(candidate.session.sid) == request.chosen;
        if let Some(candidate) = fitting().find(chosen) {
            return Ok(candidate);
        }
        if request.prompts(Prompt::SelectAccount) {
            return Err(Step::Choose);
        }
        let is_hinted = |candidate: &&Candidate| {
            self.hinted.is_some_and(|hint| candidate.names.iter().any(|name| name == hint))
        };
        let takes_part =
            |candidate: &&Candidate| candidate.session.clients.contains(&self.client.client_id);
        only(fitting().filter(is_hinted))
            .or_else(|| only(fitting()))
            .or_else(|| only(fitting().filter(takes_part)))
            .ok_or(Step::Choose)
    }

    /// What the client asks of the level. `acr_values` is a wish: the best of them that the person
    /// can reach is asked for, and where there is none, or nobody may be asked (`prompt=none`), they
    /// go on with what they proved. What is essential (`claims`, OpenID Connect Core section 5.5.1.1)
    /// is met or refused. A place may ask for a level by a rule, which only its edge knows of: a passkey
    /// that would not count there reaches none.
    fn by_level(&self, candidate: &Candidate) -> Option<Step> {
        let has_reached =
            |level: Level| has_reached(self.policies, &candidate.session.proof, level);
        let is_code = |method: &Method| *method != Method::Hardware;
        let has_passkey = candidate.has_passkey(self.policies);
        let can_reach = |level: Level| match level {
            Level::OneFactor => true,
            Level::TwoFactor => has_passkey || candidate.methods.iter().any(is_code),
            Level::PhishingResistant => has_passkey,
        };
        let step_up = Step::StepUp(candidate.session.sid, Why::Level);
        let asked = self.request.claims.id_token.get("acr").and_then(Option::as_ref);
        if let Some(asked) = asked.filter(|asked| asked.essential) {
            let mut named = values(asked).peekable();
            if named.peek().is_some() {
                let levels: Vec<Level> = named.filter_map(Level::from_acr).collect();
                if !levels.iter().any(|level| has_reached(*level)) {
                    let can = levels.into_iter().any(can_reach);
                    return Some(if can { step_up } else { Step::Refuse(Unmet::Level) });
                }
            }
        }
        if self.request.prompts(Prompt::None) {
            return None;
        }
        let wished = self.request.acr_values.iter().map(String::as_str);
        let wished = wished.chain(asked.into_iter().flat_map(values)).filter_map(Level::from_acr);
        let best = wished.into_iter().find(|level| has_reached(*level) || can_reach(*level));
        best.filter(|level| !has_reached(*level)).map(|_| step_up)
    }

    /// How old the proof may be. No age at all asks for a proof for this very request, as
    /// `prompt=login` does (OpenID Connect Core section 3.1.2.1).
    fn by_age(&self, candidate: &Candidate) -> Option<Step> {
        let age = age(candidate, self.now);
        let is_too_old = |max_age: u64| match max_age {
            0 => !self.signed_in(candidate),
            seconds => age > Duration::from_secs(seconds),
        };
        let policies = self.policies.iter();
        let policies = policies.flat_map(|policy| [policy.max_auth_age, policy.session_absolute]);
        let mut limits = policies.flatten().chain(self.request.max_age);
        let rests = self.now.since(candidate.session.last_active_at).min(age);
        let mut idle = self.policies.iter().filter_map(|policy| policy.session_idle);
        let has_rested = idle.any(|most| rests > Duration::from_secs(most));
        (has_rested || limits.any(is_too_old)).then(|| prove_again(candidate))
    }

    /// What the person has not allowed yet. What the operator's own clients ask needs nobody's
    /// consent, unless they ask for it; but where it is not sure that it is they who ask, nothing is
    /// answered that the person had no part in: they signed in for it, chose the account, or allow it
    /// (RFC 8252 section 8.6).
    fn by_consent(&self, candidate: &Candidate) -> Option<Step> {
        let (request, sid) = (self.request, candidate.session.sid);
        let asks = Asks::of(request, self.issuer);
        let is_own = self.client.metadata.first_party;
        let took_part = || self.signed_in(candidate) || request.chosen == Some(sid);
        let is_sure = is_remembered(self.client, request) || is_own && took_part();
        let asks_again = request.prompts(Prompt::Consent) || !is_sure;
        if asks_again && request.allowed != Some(sid) {
            return Some(Step::Consent(sid, asks));
        }
        if is_own {
            return None;
        }
        let consent = candidate.consent.as_ref();
        let new = asks.beyond(consent);
        (consent.is_none() || !new.is_empty()).then_some(Step::Consent(sid, new))
    }
}

fn age(candidate: &Candidate, now: Time) -> Duration {
    now.since(candidate.session.proof.auth_time)
}

/// What somebody does whose proof is too old.
fn prove_again(candidate: &Candidate) -> Step {
    let sid = candidate.session.sid;
    match candidate.methods.is_empty() {
        true => Step::SignIn(Some(sid)),
        false => Step::StepUp(sid, Why::Age),
    }
}

/// What the places ask where the tokens will be good.
fn by_policy(policies: &[Effective<'_>], candidate: &Candidate, now: Time) -> Option<Step> {
    let proof = &candidate.session.proof;
    if policies.iter().all(|policy| is_met(policy, proof, now)) {
        return None;
    }
    let sid = candidate.session.sid;
    let counts = |method: &&Method| policies.iter().all(|policy| policy.counts(**method));
    let is_of_wrong_model = policies.iter().any(|policy| is_of_wrong_model(policy, proof));
    let can_prove = candidate.methods.iter().any(|method| counts(&method));
    // Whoever has another passkey that counts is asked for that one.
    if can_prove && (!is_of_wrong_model || candidate.has_passkey(policies)) {
        return Some(Step::StepUp(sid, Why::Level));
    }
    if !SET_UP_ON_PAGES.iter().any(|method| counts(&method)) {
        return Some(Step::Refuse(Unmet::Level));
    }
    // A factor is set up on a fresh proof of what there is (rule 24).
    let is_fresh = age(candidate, now) <= Duration::from_secs(FRESH);
    Some(match (candidate.methods.is_empty(), is_fresh) {
        (true, true) => Step::Enrol(sid),
        (true, false) => Step::SignIn(Some(sid)),
        (false, true) if proof.acr >= Level::TwoFactor => Step::Enrol(sid),
        (false, _) => Step::StepUp(sid, Why::Level),
    })
}

/// What comes next where somebody at a browser lets a device in, to these places. They need time to
/// read what it asks for: no proof that is fresh as this server takes it (rule 24) is too old.
#[must_use]
pub fn next_for_device(policies: &[Effective<'_>], candidate: &Candidate, now: Time) -> Step {
    let age = age(candidate, now);
    let is_too_old = |seconds: u64| age > Duration::from_secs(seconds.max(FRESH));
    by_policy(policies, candidate, now)
        .or_else(|| {
            let mut limits = policies.iter().filter_map(|policy| policy.max_auth_age);
            limits.any(is_too_old).then(|| prove_again(candidate))
        })
        .unwrap_or(Step::Issue(candidate.session.sid))
}

/// Whether a consent to this request is remembered. Anybody's app may listen at a loopback address,
/// or claim a scheme: that it is this client's is for the person to say, every time (RFC 8252 section
/// 8.6), whatever the client calls itself.
#[must_use]
pub fn is_remembered(client: &Client, request: &AuthorizationRequest) -> bool {
    !client.is_public() || request.redirect_uri.starts_with("https://")
}

/// Whether a proof reaches a level wherever this is asked.
fn has_reached(policies: &[Effective<'_>], proof: &Proof, level: Level) -> bool {
    let counts = |policy: &Effective<'_>| counts_factor(&policy.at(level), proof);
    proof.acr >= level && (level < Level::TwoFactor || policies.iter().all(counts))
}

/// The one thing there is; `None` where there are several.
fn only<T>(mut things: impl Iterator<Item = T>) -> Option<T> {
    let first = things.next()?;
    things.next().is_none().then_some(first)
}
