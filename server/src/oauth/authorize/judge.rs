//! Gathers what decides about the next step, and asks for it.

use futures_util::future::try_join_all;
use jwks::{
    Time,
    effective::Effective,
    policy::{Method, Policy},
    site::Site,
};

use uuid::Uuid;

use super::{
    policy,
    step::{Candidate, Situation, Step, lists_models, next_for_device, next_step},
};
use crate::{
    app::App,
    auth::{
        browser::{Browser, BrowserSession},
        login::usable_methods,
    },
    domain::{
        authorization::AuthorizationRequest, client::Client, consent::Consent, login::login_key,
    },
    oauth::OAuthResult,
};

/// What comes next, and what whoever does it has to know.
pub struct Judgement {
    /// It.
    pub step: Step,
    /// The site that asks most of those that the tokens will open.
    pub site: Option<Site>,
    /// The second factors of the person it is about that count there; all of theirs where none
    /// does.
    pub methods: Vec<Method>,
    /// Whether a device that is trusted would count there.
    pub counts_devices: bool,
}

/// Judges what is missing before `request` can be answered to `browser` at `now`.
///
/// # Errors
/// When a store fails.
pub async fn judge(
    app: &App,
    request: &AuthorizationRequest,
    client: &Client,
    browser: &Browser,
    now: Time,
) -> OAuthResult<Judgement> {
    let (places, consents) = tokio::try_join!(
        policy::places(app, &request.resource),
        consents(app, client, &browser.sessions),
    )?;
    let policies: Vec<Effective<'_>> =
        places.policies.iter().map(|policy| asked_by(policy, request)).collect();
    let hinted = request.login_hint.as_deref().map(login_key);
    let mut situation = Situation {
        request,
        client,
        issuer: &app.issuer,
        policies: &policies,
        candidates: &[],
        hinted: hinted.as_deref(),
        now,
    };
    let mut candidates = Vec::with_capacity(browser.sessions.len());
    for (held, consent) in browser.sessions.iter().zip(consents) {
        let user = &held.user;
        let methods = match situation.depends_on_factors(&held.session.proof) {
            true => usable_methods(&app.identity.list_factors(user.id).await?),
            false => Vec::new(),
        };
        let models = models(app, &policies, &methods, user.id).await?;
        let names = std::iter::once(&user.email_key).chain(&user.username_key).cloned().collect();
        candidates.push(Candidate {
            session: held.session.clone(),
            names,
            consent,
            methods,
            models,
        });
    }
    situation.candidates = &candidates;
    let step = next_step(&situation);
    let about = step.session().and_then(|sid| candidates.iter().find(|one| one.session.sid == sid));
    let methods = about.map(|candidate| candidate.methods.clone()).unwrap_or_default();
    Ok(judgement(step, methods, &policies, places.site, now))
}

/// What a policy asks for this: of the request that an edge names, and else of the site as a whole.
fn asked_by<'p>(policy: &'p Policy, request: &AuthorizationRequest) -> Effective<'p> {
    let asked_of = request.asked_of.as_deref().and_then(|asked_of| asked_of.split_once(' '));
    match asked_of {
        Some((method, path)) => policy.effective(method, path),
        None => policy.without_rules(),
    }
}

/// Judges what is missing before the owner of `held` can let a device in to these `resources`.
///
/// # Errors
/// When a store fails.
pub async fn judge_device(
    app: &App,
    resources: &[String],
    held: &BrowserSession,
    now: Time,
) -> OAuthResult<Judgement> {
    let places = policy::places(app, resources).await?;
    let policies: Vec<Effective<'_>> =
        places.policies.iter().map(|policy| policy.without_rules()).collect();
    let methods = usable_methods(&app.identity.list_factors(held.user.id).await?);
    let models = models(app, &policies, &methods, held.user.id).await?;
    let candidate = Candidate {
        session: held.session.clone(),
        names: Vec::new(),
        consent: None,
        methods: methods.clone(),
        models,
    };
    let step = next_for_device(&policies, &candidate, now);
    Ok(judgement(step, methods, &policies, places.site, now))
}

/// `methods`: those of the person it is about.
fn judgement(
    step: Step,
    methods: Vec<Method>,
    policies: &[Effective<'_>],
    site: Option<Site>,
    now: Time,
) -> Judgement {
    let counts = |method: &&Method| policies.iter().all(|policy| policy.counts(**method));
    let enough: Vec<Method> = methods.iter().filter(counts).copied().collect();
    let methods = if enough.is_empty() { methods } else { enough };
    let counts_devices = policies.iter().all(|policy| policy.counts_device(now, now));
    Judgement { step, site, methods, counts_devices }
}

/// The models of a person's passkeys, where it matters which they are.
async fn models(
    app: &App,
    policies: &[Effective<'_>],
    methods: &[Method],
    user_id: Uuid,
) -> OAuthResult<Vec<Option<Uuid>>> {
    if !methods.contains(&Method::Hardware) || !lists_models(policies) {
        return Ok(Vec::new());
    }
    let passkeys = app.identity.list_passkeys(user_id).await?;
    Ok(passkeys.iter().map(|passkey| passkey.model).collect())
}

/// What the owner of each session allowed the client; a first party is not asked about.
async fn consents(
    app: &App,
    client: &Client,
    sessions: &[BrowserSession],
) -> OAuthResult<Vec<Option<Consent>>> {
    if client.metadata.first_party {
        return Ok(vec![None; sessions.len()]);
    }
    let find = |held: &BrowserSession| app.identity.find_consent(held.user.id, &client.client_id);
    Ok(try_join_all(sessions.iter().map(find)).await?)
}
