//! `/mfa/enrol`: an authenticator or a passkey for somebody who must have a second factor and has none.

use std::time::Duration;

use axum::response::Response;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use jwks::policy::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{
    answer,
    views::{Enrol, EnrolDone, EnrolPasskey, Person, Problem},
    visit::{Paged, Stop, Visit, end},
};
use crate::{
    auth::{
        AuthError,
        error::FieldProblem,
        mfa::{
            Standing,
            enrol::{self, Confirmation, SetUp, Source},
            totp,
            verify::Given,
            webauthn,
        },
    },
    domain::{login::Outstanding, secret::SecretHash, user::User},
    http::{
        oauth::call::Call,
        route::{Credential, Route, get, post},
    },
    oauth::authorize::{SET_UP_ON_PAGES, Step},
};

const PATH: &str = "/mfa/enrol";
/// What was set up and waits for its first code: loading the page again sets up nothing new. Sealed
/// for its owner.
const PREPARED: &str = "sb_enrol";
const PREPARED_TTL: Duration = Duration::from_secs(600);

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![get(PATH, Credential::Anybody, show), post(PATH, Credential::Form, submit)]
}

/// What was set up.
#[derive(Serialize, Deserialize)]
struct Prepared {
    factor_id: Uuid,
    method: Method,
    /// Of an authenticator.
    secret: Vec<u8>,
    /// Of a passkey, in JSON.
    options: String,
    backup_codes: Vec<String>,
}

impl Prepared {
    fn name(user_id: Uuid) -> String {
        format!("enrol-page:{user_id}")
    }

    /// What it is called in the browser: one for a person, in however many tabs they are asked.
    fn cookie(user_id: Uuid) -> String {
        let hash = SecretHash::of(&Self::name(user_id)).to_text();
        format!("{PREPARED}_{}", &hash[..16])
    }

    /// What the browser carries of it, if that waits for its first proof still.
    async fn read(visit: &Visit, user_id: Uuid) -> Result<Option<Self>, AuthError> {
        let app = &visit.call.app;
        let carried = visit.cookie(&Self::cookie(user_id));
        let sealed = carried.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let opened = sealed.and_then(|it| app.sealer.open(&Self::name(user_id), &it).ok());
        let read: Option<Self> = opened.and_then(|json| serde_json::from_slice(&json).ok());
        let Some(read) = read else { return Ok(None) };
        let waits = enrol::waits(app, user_id, read.method, read.factor_id).await?;
        Ok(Some(read).filter(|_| waits))
    }

    /// Sets up a factor in the place of any that waits.
    async fn anew(visit: &mut Visit, asked: &Asked, method: Method) -> Result<Self, Stop> {
        let (app, origin) = (&visit.call.app, &visit.call.origin);
        let site_key = asked.site_key.as_deref();
        let new = enrol::set_up(app, origin, &asked.standing, method, site_key).await?;
        let SetUp { factor_id, source, backup_codes } = new;
        let (secret, options) = match source {
            Source::Authenticator(totp) => (totp.secret, String::new()),
            Source::Passkey(options) => (Vec::new(), options.to_string()),
            Source::Mail(_) => {
                return Err(AuthError::Internal("a code was mailed".to_owned()).into());
            }
        };
        let backup_codes = backup_codes.unwrap_or_default();
        let prepared = Self { factor_id, method, secret, options, backup_codes };
        prepared.keep(visit, asked.user.id)?;
        Ok(prepared)
    }

    /// Keeps it in the browser, for as long as it can be answered.
    fn keep(&self, visit: &mut Visit, user_id: Uuid) -> Result<(), AuthError> {
        let json =
            serde_json::to_vec(self).map_err(|error| AuthError::Internal(error.to_string()))?;
        let sealed = visit.call.app.sealer.seal(&Self::name(user_id), &json)?;
        let sealed = URL_SAFE_NO_PAD.encode(sealed);
        let life = match self.method {
            Method::Hardware => webauthn::LIFE,
            _ => PREPARED_TTL,
        };
        visit.set_cookie(&Self::cookie(user_id), &sealed, life);
        Ok(())
    }

    fn forget(visit: &mut Visit, user_id: Uuid) {
        visit.set_cookie(&Self::cookie(user_id), "", Duration::ZERO);
    }

    fn page(
        &self,
        visit: &Visit,
        asked: &Asked,
        problem: Option<Problem>,
    ) -> Result<Response, AuthError> {
        let user = &asked.user;
        let (csrf, not_you, account) = (visit.csrf(), visit.not_you(), user.id.to_string());
        let hidden = [("account", account.as_str())];
        let form = visit.form(PATH, &csrf, &hidden);
        let who = Person { name: &user.name, address: &user.email, not_you: Some(&not_you) };
        let offers = |method| asked.methods.contains(&method);
        let sent = if self.method == Method::Hardware {
            let view = EnrolPasskey {
                look: &visit.look,
                form,
                who,
                options: &self.options,
                offers_authenticator: offers(Method::Totp),
                problem,
            };
            answer::form(problem, &view)
        } else {
            let shown = totp::describe(&visit.call.app, &user.email, self.secret.clone())?;
            let view = Enrol {
                look: &visit.look,
                form,
                who,
                qr_code: &shown.qr_code,
                secret: &shown.base32,
                offers_passkeys: offers(Method::Hardware),
                problem,
            };
            answer::form(problem, &view)
        };
        Ok(visit.finish(sent))
    }
}

/// Who sets up a factor here, which one may be, and where they are on their way to.
struct Asked {
    standing: Standing,
    user: User,
    methods: Vec<Method>,
    site_key: Option<String>,
}

impl Asked {
    /// Half signed in and asked to, or signed in and asked to.
    async fn of(visit: &mut Visit) -> Result<Option<Self>, Stop> {
        let judgement = visit.judge().await?;
        visit.brand(judgement.as_ref());
        let step = judgement.as_ref().map(|judgement| &judgement.step);
        let standing = match (visit.half(Outstanding::Enrol).await?, step) {
            (Some(half), _) => half,
            (None, Some(Step::Enrol(sid))) => match visit.browser.find(*sid) {
                Some(held) => Standing::Browser(Box::new(held.clone())),
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        let site_key = judgement.and_then(|judgement| judgement.site).map(|site| site.site_key);
        let app = &visit.call.app;
        let user = standing.person(app).await?;
        let mut methods = enrol::methods(app, &standing, site_key.as_deref()).await?;
        methods.retain(|method| SET_UP_ON_PAGES.contains(method));
        Ok(Some(Self { standing, user, methods, site_key }))
    }

    /// What is set up: what was chosen, else the first.
    fn method(&self, chosen: Option<&str>) -> Option<Method> {
        let chosen = self.methods.iter().find(|method| Some(method.as_str()) == chosen);
        chosen.or(self.methods.first()).copied()
    }
}

/// GET /mfa/enrol
async fn show(call: Call) -> Response {
    end(Visit::shown(call).await, shown).await
}

async fn shown(mut visit: Visit) -> Paged {
    let Some(asked) = Asked::of(&mut visit).await? else { return visit.go_on().await };
    let prepared = Prepared::read(&visit, asked.user.id).await?;
    let chosen = visit.params.get("method").map(str::to_owned);
    let method = match (&chosen, &prepared) {
        (None, Some(prepared)) => Some(prepared.method),
        _ => asked.method(chosen.as_deref()),
    };
    let Some(method) = method else { return visit.go_on().await };
    let prepared = match prepared.filter(|prepared| prepared.method == method) {
        Some(prepared) => prepared,
        None => Prepared::anew(&mut visit, &asked, method).await?,
    };
    let problem = visit.params.get("failed").map(|kind| match kind {
        "model" => Problem::WrongModel,
        _ => Problem::WrongPasskey,
    });
    Ok(prepared.page(&visit, &asked, problem)?)
}

/// POST /mfa/enrol: the first proof; another method; or the way on from the backup codes.
async fn submit(call: Call) -> Response {
    end(Visit::submitted(call).await, submitted).await
}

async fn submitted(mut visit: Visit) -> Paged {
    if visit.params.get("cancel").is_some() {
        return visit.cancel();
    }
    let given = |name: &str| visit.params.get(name).map(str::to_owned);
    if let Some(method) = given("method") {
        let chosen = [Method::Totp, Method::Hardware].map(Method::as_str);
        let query = chosen.iter().find(|one| **one == method).map(|one| format!("method={one}"));
        return Ok(again(&visit, query.as_deref().unwrap_or_default()));
    }
    let (code, credential) = (given("code"), given("credential"));
    if code.is_none() && credential.is_none() {
        return visit.go_on().await;
    }
    let Some(asked) = Asked::of(&mut visit).await? else { return visit.go_on().await };
    let user_id = asked.user.id;
    let is_theirs = visit.params.get("account") == Some(user_id.to_string().as_str());
    let Some(prepared) = Prepared::read(&visit, user_id).await?.filter(|_| is_theirs) else {
        // Somebody else signed in in another tab, or another one was set up elsewhere.
        return Ok(again(&visit, ""));
    };
    let credential: Value =
        credential.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let code = code.unwrap_or_default();
    let name = visit.params.get("name").map(str::to_owned);
    let confirmation = Confirmation {
        factor_id: Some(prepared.factor_id),
        method: prepared.method,
        given: match prepared.method {
            Method::Hardware => Given::Credential(&credential),
            _ => Given::Code(&code),
        },
        name: name.as_deref(),
        site_key: asked.site_key.as_deref(),
        trust_device: false,
        browser: Some(&visit.browser),
    };
    let call = &visit.call;
    match enrol::confirm(&call.app, &call.origin, asked.standing.clone(), confirmation).await {
        Ok(enrolled) => {
            if let Some(held) = enrolled.held {
                visit.sign_in(held.browser()?, None).await?;
            }
            Prepared::forget(&mut visit, user_id);
            if prepared.backup_codes.is_empty() {
                return visit.go_on().await;
            }
            let csrf = visit.csrf();
            let view = EnrolDone {
                look: &visit.look,
                form: visit.form(PATH, &csrf, &[]),
                method: prepared.method,
                codes: &prepared.backup_codes,
            };
            Ok(visit.finish(answer::page(StatusCode::OK, &view)))
        }
        // Sent twice, or from another tab: what was to be done is done, or begins anew.
        Err(AuthError::InvalidToken | AuthError::NotFound | AuthError::Conflict(_)) => {
            Prepared::forget(&mut visit, user_id);
            visit.go_on().await
        }
        // Its challenge is spent: another one is set up.
        Err(AuthError::WrongCode) if prepared.method == Method::Hardware => {
            Prepared::forget(&mut visit, user_id);
            Ok(again(&visit, "method=HARDWARE&failed=answer"))
        }
        Err(AuthError::Invalid(problems)) if is_about_credential(&problems) => {
            Prepared::forget(&mut visit, user_id);
            Ok(again(&visit, "method=HARDWARE&failed=model"))
        }
        Err(reason) => match Problem::of(&reason) {
            Some(problem) => Ok(prepared.page(&visit, &asked, Some(problem))?),
            None => Err(reason.into()),
        },
    }
}

fn is_about_credential(problems: &[FieldProblem]) -> bool {
    problems.iter().any(|problem| problem.field == "credential")
}

/// Shows the page anew, with this in its address.
fn again(visit: &Visit, query: &str) -> Response {
    let link = visit.link(PATH);
    if query.is_empty() {
        return visit.redirect(&link);
    }
    let joint = if link.contains('?') { '&' } else { '?' };
    visit.redirect(&format!("{link}{joint}{query}"))
}
