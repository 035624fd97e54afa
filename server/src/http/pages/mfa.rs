//! `/mfa`: a second factor, at the end of a sign-in or for more than was proved so far.

use std::time::Duration;

use axum::response::Response;
use jwks::policy::{Level, Method};
use serde_json::Value;
use url::form_urlencoded;

use super::{
    answer,
    views::{Person, Problem, Reason, SecondFactor},
    visit::{Paged, Stop, Visit, end},
};
use crate::{
    auth::{
        AuthError,
        login::{SignedIn, usable_methods},
        mfa::{
            Standing, backup,
            challenge::{Begun, challenge},
            require_proof_of,
            sent::is_sent,
            verify::{self, Given},
            works_here,
        },
        sent_code,
    },
    domain::{login::Outstanding, secret::SecretHash, user::User},
    http::{
        oauth::call::Call,
        route::{Credential, Route, get, post},
    },
    oauth::authorize::{Judgement, Step, Why},
};

const PATH: &str = "/mfa";
/// Where a code was sent to, by what it is for and how: whoever loads the page again, or is led to another
/// one like it, sends no other code.
const SENT: &str = "sb_sent";

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![get(PATH, Credential::Anybody, show), post(PATH, Credential::Form, submit)]
}

/// Who stands before the page, and by what they may prove who they are.
struct Asked {
    standing: Standing,
    user: User,
    methods: Vec<Method>,
    reason: Reason,
    site_key: Option<String>,
    /// Whether a device that is trusted would count where they are on their way to.
    counts_devices: bool,
}

impl Asked {
    /// Half a sign-in goes before a step up: it was begun on this very way.
    async fn of(visit: &mut Visit) -> Result<Option<Self>, Stop> {
        let judgement = visit.judge().await?;
        visit.brand(judgement.as_ref());
        let counts_devices = match &judgement {
            Some(judgement) => judgement.counts_devices,
            None => {
                let (app, now) = (&visit.call.app, visit.call.app.clock.now());
                app.config.policy.default.without_rules().counts_device(now, now)
            }
        };
        let site_key = |judgement: Option<Judgement>| {
            judgement.and_then(|judgement| judgement.site).map(|site| site.site_key)
        };
        if let Some(standing) = visit.half(Outstanding::Verify).await? {
            let user = standing.person(&visit.call.app).await?;
            let methods = match &standing {
                Standing::Half(_, login) => provable(visit, &login.methods),
                Standing::Full(_) | Standing::Browser(_) => Vec::new(),
            };
            let (reason, site_key) = (Reason::SignIn, site_key(judgement));
            return Ok(Some(Self { standing, user, methods, reason, site_key, counts_devices }));
        }
        let Some(judgement) = judgement else {
            return Self::at_account(visit, counts_devices).await;
        };
        let Step::StepUp(sid, why) = judgement.step else { return Ok(None) };
        let Some(held) = visit.browser.find(sid) else { return Ok(None) };
        Ok(Some(Self {
            standing: Standing::Browser(Box::new(held.clone())),
            user: held.user.clone(),
            methods: provable(visit, &judgement.methods),
            reason: match why {
                Why::Level => Reason::StepUp,
                Why::Age => Reason::Reauthentication,
            },
            site_key: site_key(Some(judgement)),
            counts_devices,
        }))
    }

    /// Somebody who is signed in, on their way to change something of their account.
    async fn at_account(visit: &Visit, counts_devices: bool) -> Result<Option<Self>, Stop> {
        let Some(held) = visit.browser.current().filter(|_| visit.account_page().is_some()) else {
            return Ok(None);
        };
        let app = &visit.call.app;
        match require_proof_of(app, held, app.clock.now()).await {
            Ok(_) => return Ok(None),
            Err(AuthError::StepUpRequired { .. }) => {}
            Err(reason) => return Err(reason.into()),
        }
        let factors = app.identity.list_factors(held.user.id).await.map_err(AuthError::from)?;
        let methods = usable_methods(&factors);
        // Theirs is the password, which is asked for elsewhere.
        if methods.is_empty() {
            return Ok(None);
        }
        // What can be asked for at this moment, if anything can.
        let able = provable(visit, &methods);
        let has_two = held.session.proof.acr >= Level::TwoFactor;
        Ok(Some(Self {
            standing: Standing::Browser(Box::new(held.clone())),
            user: held.user.clone(),
            methods: if able.is_empty() { methods } else { able },
            reason: if has_two { Reason::Reauthentication } else { Reason::StepUp },
            site_key: None,
            counts_devices,
        }))
    }

    /// The method that is asked for: the one that was chosen, else the first.
    fn method(&self, chosen: Option<&str>) -> Option<Method> {
        let chosen = self.methods.iter().find(|method| Some(method.as_str()) == chosen);
        chosen.or(self.methods.first()).copied()
    }

    /// Where a code for this was sent before.
    fn sent_before(&self, visit: &Visit, method: Method) -> Option<String> {
        let sent = visit.cookie(&self.sent_cookie(method))?;
        Some(form_urlencoded::parse(sent.as_bytes()).next()?.0.into_owned())
    }

    fn sent_cookie(&self, method: Method) -> String {
        let name = format!("{} {}", method.as_str(), self.standing.challenge());
        format!("{SENT}_{}", &SecretHash::of(&name).to_text()[..16])
    }

    /// Sends a code.
    async fn send(&self, visit: &mut Visit, method: Method) -> Result<Option<String>, AuthError> {
        let Begun::Sent(sent) = self.begin(visit, method).await? else { return Ok(None) };
        let sent_to: String = form_urlencoded::byte_serialize(sent.sent_to.as_bytes()).collect();
        visit.set_cookie(&self.sent_cookie(method), &sent_to, sent_code::LIFE);
        Ok(Some(sent.sent_to))
    }

    async fn begin(&self, visit: &Visit, method: Method) -> Result<Begun, AuthError> {
        let (app, origin) = (&visit.call.app, &visit.call.origin);
        challenge(app, origin, &self.standing, method, self.site_key.as_deref()).await
    }

    async fn page(
        &self,
        visit: &Visit,
        method: Method,
        sent_to: Option<&str>,
        problem: Option<Problem>,
    ) -> Paged {
        // A challenge is good for one answer: each page has one of its own.
        let options = match method {
            Method::Hardware => match self.begin(visit, method).await? {
                Begun::Asked(options) => Some(options.to_string()),
                Begun::Nothing | Begun::Sent(_) => None,
            },
            _ => None,
        };
        let (csrf, not_you, account) = (visit.csrf(), visit.not_you(), self.user.id.to_string());
        let hidden = [("chosen", method.as_str()), ("account", account.as_str())];
        let view = SecondFactor {
            look: &visit.look,
            form: visit.form(PATH, &csrf, &hidden),
            client: visit.client(),
            who: Person {
                name: &self.user.name,
                address: &self.user.email,
                not_you: Some(&not_you),
            },
            reason: self.reason,
            methods: &self.methods,
            method,
            options: options.as_deref(),
            sent_to,
            offers_trust: self.counts_devices,
            problem,
        };
        Ok(visit.finish(answer::form(problem, &view)))
    }
}

/// Those of the methods that can be proved here: where no messages leave any more, nobody waits for
/// one.
fn provable(visit: &Visit, methods: &[Method]) -> Vec<Method> {
    let works = |method: &Method| works_here(&visit.call.app, *method);
    methods.iter().copied().filter(works).collect()
}

/// GET /mfa
async fn show(call: Call) -> Response {
    end(Visit::shown(call).await, shown).await
}

async fn shown(mut visit: Visit) -> Paged {
    let Some(asked) = Asked::of(&mut visit).await? else { return visit.go_on().await };
    let chosen = visit.params.get("method").map(str::to_owned);
    let Some(method) = asked.method(chosen.as_deref()) else { return visit.go_on().await };
    if !is_sent(method) {
        return asked.page(&visit, method, None, None).await;
    }
    let mut problem = None;
    let sent_to = match asked.sent_before(&visit, method) {
        Some(address) => Some(address),
        None => match asked.send(&mut visit, method).await {
            Ok(sent_to) => sent_to,
            Err(reason) => {
                problem = Some(Problem::of(&reason).ok_or(reason)?);
                None
            }
        },
    };
    asked.page(&visit, method, sent_to.as_deref(), problem).await
}

/// POST /mfa: a code, or what a passkey answered; or another method.
async fn submit(call: Call) -> Response {
    end(Visit::submitted(call).await, submitted).await
}

async fn submitted(mut visit: Visit) -> Paged {
    if visit.params.get("cancel").is_some() {
        return visit.cancel();
    }
    let Some(asked) = Asked::of(&mut visit).await? else {
        // Somebody who comes with a proof, and has nothing that it could be for.
        let is_for_nothing = visit.browser.current().is_none();
        if proves(&visit).is_some() && is_for_nothing {
            let link = visit.link_with("/login", "over", "1");
            return Ok(visit.redirect(&link));
        }
        return visit.go_on().await;
    };
    // Whoever was shown the page: a code is no guess at the factor of somebody else, who signed in
    // in another tab since.
    if visit.params.get("account") != Some(asked.user.id.to_string().as_str()) {
        let link = visit.link(PATH);
        return Ok(visit.redirect(&link));
    }
    match proves(&visit) {
        Some((name, given)) => prove(visit, asked, name, &given).await,
        None => choose(visit, &asked).await,
    }
}

/// The field that proves something, and what it holds.
fn proves(visit: &Visit) -> Option<(&'static str, String)> {
    let given = |name| visit.params.get(name).map(|given| (name, given.to_owned()));
    given("credential").or_else(|| given("code"))
}

/// Another method; its code is on its way before its page is shown.
async fn choose(mut visit: Visit, asked: &Asked) -> Paged {
    let chosen = visit.params.get("method").map(str::to_owned);
    let Some(method) = asked.method(chosen.as_deref()) else { return visit.go_on().await };
    if is_sent(method)
        && let Err(reason) = asked.send(&mut visit, method).await
    {
        let problem = Problem::of(&reason).ok_or(reason)?;
        return asked.page(&visit, method, None, Some(problem)).await;
    }
    let link = visit.link_with(PATH, "method", method.as_str());
    Ok(visit.redirect(&link))
}

async fn prove(mut visit: Visit, asked: Asked, name: &str, text: &str) -> Paged {
    let chosen = visit.params.get("chosen").map(str::to_owned);
    let Some(method) = asked.method(chosen.as_deref()) else { return visit.go_on().await };
    let credential: Value;
    let (given, method) = if name == "credential" {
        credential = serde_json::from_str(text).unwrap_or_default();
        (Given::Credential(&credential), Method::Hardware)
    } else {
        // A backup code is seen to be one, wherever it is typed.
        let is_backup = asked.methods.contains(&Method::BackupCode) && backup::read(text).is_some();
        (Given::Code(text), if is_backup { Method::BackupCode } else { method })
    };
    let sent_to = asked.sent_before(&visit, method);
    let Asked { standing, user, methods, reason, site_key, counts_devices } = asked;
    let again = Asked {
        standing: standing.clone(),
        user,
        methods,
        reason,
        site_key: site_key.clone(),
        counts_devices,
    };
    let answer = verify::Answer {
        given,
        method: Some(method),
        site_key: site_key.as_deref(),
        trust_device: visit.params.get("trust_device").is_some(),
        browser: Some(&visit.browser),
    };
    let call = &visit.call;
    match verify::verify(&call.app, &call.origin, standing, answer).await {
        Ok(proved) => match proved.signed_in {
            SignedIn::Whole(held) => {
                visit.sign_in(held.browser()?, proved.device.as_ref()).await?;
                visit.set_cookie(&again.sent_cookie(method), "", Duration::ZERO);
                visit.go_on().await
            }
            SignedIn::Half(half) => Ok(visit.go_on_half(&half)),
        },
        // It was used up, or ended, while this was on its way.
        Err(AuthError::InvalidToken) => visit.go_on().await,
        Err(reason) => {
            let problem = match method {
                Method::Hardware => Problem::of_passkey(&reason),
                _ => Problem::of(&reason),
            };
            match problem {
                Some(problem) => {
                    again.page(&visit, method, sent_to.as_deref(), Some(problem)).await
                }
                None => Err(reason.into()),
            }
        }
    }
}
