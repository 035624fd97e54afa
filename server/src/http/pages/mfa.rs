//! `/mfa`: a second factor, at the end of a sign-in or for more than was proved so far.

use std::time::Duration;

use axum::response::Response;
use jwks::policy::Method;
use url::form_urlencoded;

use super::{
    answer,
    views::{Person, Problem, Reason, SecondFactor},
    visit::{Paged, Stop, Visit, end},
};
use crate::{
    auth::{
        AuthError,
        login::SignedIn,
        mfa::{Standing, backup, challenge::challenge, email, verify},
    },
    domain::{login::Outstanding, secret::SecretHash, user::User},
    http::{
        oauth::call::Call,
        route::{Credential, Route, get, post},
    },
    oauth::authorize::{Judgement, Step, Why},
};

const PATH: &str = "/mfa";
/// Where a code was mailed to, by what it is for: whoever loads the page again, or is led to another
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
                Standing::Half(_, login) => login.methods.clone(),
                Standing::Full(_) | Standing::Browser(_) => Vec::new(),
            };
            let (reason, site_key) = (Reason::SignIn, site_key(judgement));
            return Ok(Some(Self { standing, user, methods, reason, site_key, counts_devices }));
        }
        let Some(judgement) = judgement else { return Ok(None) };
        let Step::StepUp(sid, why) = judgement.step else { return Ok(None) };
        let Some(held) = visit.browser.find(sid) else { return Ok(None) };
        Ok(Some(Self {
            standing: Standing::Browser(Box::new(held.clone())),
            user: held.user.clone(),
            methods: judgement.methods.clone(),
            reason: match why {
                Why::Level => Reason::StepUp,
                Why::Age => Reason::Reauthentication,
            },
            site_key: site_key(Some(judgement)),
            counts_devices,
        }))
    }

    /// The method that is asked for: the one that was chosen, else the first.
    fn method(&self, chosen: Option<&str>) -> Option<Method> {
        let chosen = self.methods.iter().find(|method| Some(method.as_str()) == chosen);
        chosen.or(self.methods.first()).copied()
    }

    /// Where a code for this was mailed before.
    fn sent_before(&self, visit: &Visit) -> Option<String> {
        let sent = visit.cookie(&self.sent_cookie())?;
        Some(form_urlencoded::parse(sent.as_bytes()).next()?.0.into_owned())
    }

    fn sent_cookie(&self) -> String {
        let challenge = SecretHash::of(&self.standing.challenge()).to_text();
        format!("{SENT}_{}", &challenge[..16])
    }

    /// Mails a code.
    async fn send(&self, visit: &mut Visit) -> Result<Option<String>, AuthError> {
        let call = &visit.call;
        let sent = challenge(&call.app, &call.origin, &self.standing, Method::EmailOtp).await?;
        let Some(sent) = sent else { return Ok(None) };
        let address: String = form_urlencoded::byte_serialize(sent.sent_to.as_bytes()).collect();
        visit.set_cookie(&self.sent_cookie(), &address, email::LIFE);
        Ok(Some(sent.sent_to))
    }

    fn page(
        &self,
        visit: &Visit,
        method: Method,
        sent_to: Option<&str>,
        problem: Option<Problem>,
    ) -> Response {
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
            sent_to,
            offers_trust: self.counts_devices,
            problem,
        };
        visit.finish(answer::form(problem, &view))
    }
}

/// GET /mfa
async fn show(call: Call) -> Response {
    end(Visit::shown(call).await, shown).await
}

async fn shown(mut visit: Visit) -> Paged {
    let Some(asked) = Asked::of(&mut visit).await? else { return visit.go_on().await };
    let chosen = visit.params.get("method").map(str::to_owned);
    let Some(method) = asked.method(chosen.as_deref()) else { return visit.go_on().await };
    if method != Method::EmailOtp {
        return Ok(asked.page(&visit, method, None, None));
    }
    let mut problem = None;
    let sent_to = match asked.sent_before(&visit) {
        Some(address) => Some(address),
        None => match asked.send(&mut visit).await {
            Ok(sent_to) => sent_to,
            Err(reason) => {
                problem = Some(Problem::of(&reason).ok_or(reason)?);
                None
            }
        },
    };
    Ok(asked.page(&visit, method, sent_to.as_deref(), problem))
}

/// POST /mfa: a code; or another method.
async fn submit(call: Call) -> Response {
    end(Visit::submitted(call).await, submitted).await
}

async fn submitted(mut visit: Visit) -> Paged {
    if visit.params.get("cancel").is_some() {
        return visit.cancel();
    }
    let Some(asked) = Asked::of(&mut visit).await? else {
        // Somebody who comes with a code, and has nothing that it could be for.
        let is_for_nothing = visit.browser.current().is_none();
        if visit.params.get("code").is_some() && is_for_nothing {
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
    match visit.params.get("code").map(str::to_owned) {
        Some(code) => prove(visit, asked, &code).await,
        None => choose(visit, &asked).await,
    }
}

/// Another method; its code is on its way before its page is shown.
async fn choose(mut visit: Visit, asked: &Asked) -> Paged {
    let chosen = visit.params.get("method").map(str::to_owned);
    let Some(method) = asked.method(chosen.as_deref()) else { return visit.go_on().await };
    if method == Method::EmailOtp
        && let Err(reason) = asked.send(&mut visit).await
    {
        let problem = Problem::of(&reason).ok_or(reason)?;
        return Ok(asked.page(&visit, method, None, Some(problem)));
    }
    let link = visit.link_with(PATH, "method", method.as_str());
    Ok(visit.redirect(&link))
}

async fn prove(mut visit: Visit, asked: Asked, code: &str) -> Paged {
    let chosen = visit.params.get("chosen").map(str::to_owned);
    let Some(method) = asked.method(chosen.as_deref()) else { return visit.go_on().await };
    // A backup code is seen to be one, wherever it is typed.
    let is_backup = asked.methods.contains(&Method::BackupCode) && backup::read(code).is_some();
    let method = if is_backup { Method::BackupCode } else { method };
    let sent_to = asked.sent_before(&visit);
    let Asked { standing, user, methods, reason, site_key, counts_devices } = asked;
    let again =
        Asked { standing: standing.clone(), user, methods, reason, site_key: None, counts_devices };
    let answer = verify::Answer {
        code,
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
                visit.set_cookie(&again.sent_cookie(), "", Duration::ZERO);
                visit.go_on().await
            }
            SignedIn::Half(half) => Ok(visit.go_on_half(&half)),
        },
        // It was used up, or ended, while this was on its way.
        Err(AuthError::InvalidToken) => visit.go_on().await,
        Err(reason) => match Problem::of(&reason) {
            Some(problem) => Ok(again.page(&visit, method, sent_to.as_deref(), Some(problem))),
            None => Err(reason.into()),
        },
    }
}
