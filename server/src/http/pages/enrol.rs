//! `/mfa/enrol`: a second factor, for somebody who must have one on their way, or who adds one on the
//! way back to their account.

use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use jwks::policy::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{
    account::{codes, member},
    answer,
    carried::Carried,
    views::{Enrol, EnrolDone, EnrolPasskey, EnrolPhone, EnrolSent, Person, Problem},
    visit::{Paged, Stop, Visit, end},
};
use crate::{
    auth::{
        AuthError,
        error::FieldProblem,
        mfa::{
            Standing,
            enrol::{self, Confirmation, Source, Wanted},
            sms, totp,
            verify::Given,
            webauthn,
        },
    },
    domain::{login::Outstanding, user::User},
    http::{
        oauth::call::Call,
        route::{Credential, Route, get, post},
    },
    oauth::authorize::Step,
};

const PATH: &str = "/mfa/enrol";
/// What carries what was set up and waits for its first proof: loading the page again sets up nothing
/// new. One for a person, in however many tabs they are asked.
const PREPARED: Carried = Carried::new("sb_enrol", "enrol-page").one_for_each_person();
const PREPARED_TTL: Duration = Duration::from_secs(600);

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![get(PATH, Credential::Anybody, show), post(PATH, Credential::Form, submit)]
}

/// What was set up.
#[derive(Serialize, Deserialize)]
struct Prepared {
    factor_id: Uuid,
    shown: Shown,
    backup_codes: Vec<String>,
}

/// What the first proof comes from.
#[derive(Serialize, Deserialize)]
enum Shown {
    /// An authenticator with this secret.
    Authenticator(Vec<u8>),
    /// A passkey, which is made by these options, in JSON.
    Passkey(String),
    /// A message.
    Sent {
        method: Method,
        /// Where it went, masked.
        to: String,
        /// The number, as it was typed: for another one there.
        phone: Option<String>,
    },
}

impl Prepared {
    fn method(&self) -> Method {
        match &self.shown {
            Shown::Authenticator(_) => Method::Totp,
            Shown::Passkey(_) => Method::Hardware,
            Shown::Sent { method, .. } => *method,
        }
    }

    /// What the browser carries of it, if that waits for its first proof still.
    async fn read(visit: &Visit, user_id: Uuid) -> Result<Option<Self>, AuthError> {
        let app = &visit.call.app;
        let carried = PREPARED.read(visit, user_id);
        let read: Option<Self> = carried.and_then(|json| serde_json::from_slice(&json).ok());
        let Some(read) = read else { return Ok(None) };
        let waits = enrol::waits(app, user_id, read.method(), read.factor_id).await?;
        Ok(Some(read).filter(|_| waits))
    }

    /// Sets a factor up in the place of any that waits.
    async fn anew(visit: &mut Visit, asked: &Asked, wanted: Wanted<'_>) -> Result<Self, AuthError> {
        let call = &visit.call;
        let wanted = Wanted { site_key: asked.site_key.as_deref(), ..wanted };
        let new = enrol::set_up(&call.app, &call.origin, &asked.standing, wanted).await?;
        let shown = match new.source {
            Source::Authenticator(totp) => Shown::Authenticator(totp.secret),
            Source::Passkey(options) => Shown::Passkey(options.to_string()),
            Source::Sent(sent) => Shown::Sent {
                method: wanted.method,
                to: sent.sent_to,
                phone: wanted.phone.map(str::to_owned),
            },
        };
        let backup_codes = new.backup_codes.unwrap_or_default();
        let prepared = Self { factor_id: new.factor_id, shown, backup_codes };
        prepared.keep(visit, asked.user.id)?;
        Ok(prepared)
    }

    /// Keeps it in the browser, for as long as it can be answered.
    fn keep(&self, visit: &mut Visit, user_id: Uuid) -> Result<(), AuthError> {
        let json =
            serde_json::to_vec(self).map_err(|error| AuthError::Internal(error.to_string()))?;
        let life = match self.shown {
            Shown::Passkey(_) => webauthn::LIFE,
            _ => PREPARED_TTL,
        };
        PREPARED.keep(visit, user_id, &json, life)
    }

    fn forget(visit: &mut Visit, user_id: Uuid) {
        PREPARED.forget(visit, user_id);
    }
}

/// Who sets up a factor here, which they may, and where they are on their way to.
struct Asked {
    standing: Standing,
    user: User,
    choices: Vec<Method>,
    site_key: Option<String>,
}

impl Asked {
    /// Half signed in and asked to, or signed in and asked to.
    async fn of(visit: &mut Visit) -> Result<Option<Self>, Stop> {
        let judgement = visit.judge().await?;
        visit.brand(judgement.as_ref());
        let standing = match visit.half(Outstanding::Enrol).await? {
            Some(half) => Some(half),
            None => match judgement.as_ref().map(|judgement| &judgement.step) {
                Some(Step::Enrol(sid)) => {
                    let held = visit.browser.find(*sid);
                    held.map(|held| Standing::Browser(Box::new(held.clone())))
                }
                // Signed in, and on the way back to their account.
                _ => member::adding(visit).await?,
            },
        };
        let Some(standing) = standing else { return Ok(None) };
        let site_key = judgement.and_then(|judgement| judgement.site).map(|site| site.site_key);
        let app = &visit.call.app;
        let user = standing.person(app).await?;
        let choices = enrol::choices(app, &standing, site_key.as_deref()).await?;
        Ok(Some(Self { standing, user, choices, site_key }))
    }

    /// The method that is to be set up: the one that was chosen, else the first.
    fn method(&self, chosen: Option<&str>) -> Option<Method> {
        let chosen = self.choices.iter().find(|method| Some(method.as_str()) == chosen);
        chosen.or(self.choices.first()).copied()
    }

    fn others(&self, method: Method) -> Vec<Method> {
        self.choices.iter().copied().filter(|other| *other != method).collect()
    }

    fn person<'v>(&'v self, not_you: &'v str) -> Person<'v> {
        Person { name: &self.user.name, address: &self.user.email, not_you: Some(not_you) }
    }

    /// The page that asks for the first proof.
    fn page(
        &self,
        visit: &Visit,
        prepared: &Prepared,
        problem: Option<Problem>,
    ) -> Result<Response, AuthError> {
        let (csrf, not_you, account) = (visit.csrf(), visit.not_you(), self.user.id.to_string());
        let hidden = [("account", account.as_str())];
        let (form, who) = (visit.form(PATH, &csrf, &hidden), self.person(&not_you));
        let others = self.others(prepared.method());
        let look = &visit.look;
        Ok(visit.finish(match &prepared.shown {
            Shown::Authenticator(secret) => {
                let shown = totp::describe(&visit.call.app, &self.user.email, secret.clone())?;
                let (qr_code, secret) = (&shown.qr_code, &shown.base32);
                let others = &others;
                answer::form(problem, &Enrol { look, form, who, qr_code, secret, others, problem })
            }
            Shown::Passkey(options) => {
                let others = &others;
                answer::form(problem, &EnrolPasskey { look, form, who, options, others, problem })
            }
            Shown::Sent { method, to, .. } => {
                let (method, sent_to, others) = (*method, to, &others);
                answer::form(
                    problem,
                    &EnrolSent { look, form, who, method, sent_to, others, problem },
                )
            }
        }))
    }

    /// The page that asks for a number.
    fn ask_for_number(
        &self,
        visit: &Visit,
        phone: &str,
        problems: &[FieldProblem],
        problem: Option<Problem>,
    ) -> Response {
        let (csrf, not_you, account) = (visit.csrf(), visit.not_you(), self.user.id.to_string());
        let own = sms::proved(&self.user).map(|number| number.masked()).unwrap_or_default();
        let view = EnrolPhone {
            look: &visit.look,
            form: visit.form(PATH, &csrf, &[("account", account.as_str())]),
            who: self.person(&not_you),
            phone,
            own: &own,
            problems,
            others: &self.others(Method::Sms),
            problem,
        };
        visit.finish(match problems {
            [] => answer::form(problem, &view),
            _ => answer::page(answer::status_of(problems), &view),
        })
    }
}

/// GET /mfa/enrol
async fn show(call: Call) -> Response {
    end(Visit::shown(call).await, shown).await
}

async fn shown(mut visit: Visit) -> Paged {
    let Some(asked) = Asked::of(&mut visit).await? else { return visit.go_on().await };
    let chosen = visit.params.get("method").map(str::to_owned);
    let prepared = Prepared::read(&visit, asked.user.id).await?;
    let problem = visit.params.get("failed").map(|kind| match kind {
        "model" => Problem::WrongModel,
        _ => Problem::WrongPasskey,
    });
    // What waits for its first proof is what the page is about, until another is chosen.
    if let Some(prepared) = prepared
        && chosen.as_deref().is_none_or(|chosen| chosen == prepared.method().as_str())
    {
        return Ok(asked.page(&visit, &prepared, problem)?);
    }
    match asked.method(chosen.as_deref()) {
        None => visit.go_on().await,
        Some(Method::Sms) => Ok(asked.ask_for_number(&visit, "", &[], None)),
        Some(method) => {
            let prepared = Prepared::anew(&mut visit, &asked, Wanted::of(method)).await?;
            Ok(asked.page(&visit, &prepared, problem)?)
        }
    }
}

/// POST /mfa/enrol: the first proof; a method, or a number; or the way on from the backup codes.
async fn submit(call: Call) -> Response {
    end(Visit::submitted(call).await, submitted).await
}

async fn submitted(mut visit: Visit) -> Paged {
    if visit.params.get("cancel").is_some() {
        return visit.cancel();
    }
    let param = |name: &str| visit.params.get(name).map(str::to_owned);
    let (proof, method, phone) =
        (param("credential").or_else(|| param("code")), param("method"), param("phone"));
    let is_anew = visit.params.get("anew").is_some();
    if proof.is_none() && method.is_none() && !is_anew {
        codes::kept(&mut visit);
        return visit.go_on().await;
    }
    let Some(asked) = Asked::of(&mut visit).await? else { return visit.go_on().await };
    let user_id = asked.user.id;
    let is_theirs = visit.params.get("account") == Some(user_id.to_string().as_str());
    let prepared = Prepared::read(&visit, user_id).await?.filter(|_| is_theirs);
    if let (Some(proof), Some(prepared)) = (&proof, &prepared) {
        return confirm(visit, asked, prepared, proof).await;
    }
    if is_theirs && is_anew {
        Prepared::forget(&mut visit, user_id);
        return Ok(redirect(&visit, Method::Sms));
    }
    let chosen = method.as_deref().and_then(|_| asked.method(method.as_deref()));
    let Some(chosen) = chosen.filter(|_| is_theirs && proof.is_none()) else {
        // Somebody else signed in in another tab, or another one was set up elsewhere.
        let link = visit.link(PATH);
        return Ok(visit.redirect(&link));
    };
    // Once more to where one went before, unless a number came with it.
    let before = prepared.and_then(|prepared| match prepared.shown {
        Shown::Sent { method, phone, .. } if method == chosen => Some(phone),
        _ => None,
    });
    match (chosen, phone, before) {
        (Method::Sms, Some(typed), _) => {
            let typed = Some(typed.trim()).filter(|typed| !typed.is_empty());
            set_up(visit, &asked, Wanted { phone: typed, ..Wanted::of(chosen) }).await
        }
        (_, None, Some(phone)) => {
            set_up(visit, &asked, Wanted { phone: phone.as_deref(), ..Wanted::of(chosen) }).await
        }
        // Its page shows it, or asks for what is missing.
        _ => Ok(redirect(&visit, chosen)),
    }
}

/// The page of a method.
fn redirect(visit: &Visit, method: Method) -> Response {
    visit.redirect(&visit.link_with(PATH, "method", method.as_str()))
}

/// Sets a factor up whose first code is sent, and asks for that.
async fn set_up(mut visit: Visit, asked: &Asked, wanted: Wanted<'_>) -> Paged {
    let typed = wanted.phone.unwrap_or_default();
    match Prepared::anew(&mut visit, asked, wanted).await {
        Ok(_) => Ok(redirect(&visit, wanted.method)),
        Err(AuthError::Invalid(problems)) => {
            Ok(asked.ask_for_number(&visit, typed, &problems, None))
        }
        Err(reason) if wanted.method == Method::Sms => match Problem::of(&reason) {
            Some(problem) => Ok(asked.ask_for_number(&visit, typed, &[], Some(problem))),
            None => Err(reason.into()),
        },
        Err(reason) => Err(reason.into()),
    }
}

async fn confirm(mut visit: Visit, asked: Asked, prepared: &Prepared, proof: &str) -> Paged {
    let credential: Value;
    let given = if prepared.method() == Method::Hardware {
        credential = serde_json::from_str(proof).unwrap_or_default();
        Given::Credential(&credential)
    } else {
        Given::Code(proof)
    };
    let name = visit.params.get("name").map(str::to_owned);
    let confirmation = Confirmation {
        factor_id: Some(prepared.factor_id),
        method: prepared.method(),
        given,
        name: name.as_deref(),
        site_key: asked.site_key.as_deref(),
        trust_device: false,
        browser: Some(&visit.browser),
    };
    let (call, standing) = (&visit.call, asked.standing.clone());
    match enrol::confirm(&call.app, &call.origin, standing, confirmation).await {
        Ok(enrolled) => {
            if let Some(held) = enrolled.held {
                visit.sign_in(held.browser()?, None).await?;
            }
            Prepared::forget(&mut visit, asked.user.id);
            if visit.account_page().is_some() {
                return Ok(codes::added(visit, &asked.user, &prepared.backup_codes)?);
            }
            if prepared.backup_codes.is_empty() {
                return visit.go_on().await;
            }
            codes::keep(&mut visit, asked.user.id, &prepared.backup_codes)?;
            let csrf = visit.csrf();
            let view = EnrolDone {
                look: &visit.look,
                form: visit.form(PATH, &csrf, &[]),
                address: &asked.user.email,
                method: prepared.method(),
                codes: &prepared.backup_codes,
            };
            Ok(visit.finish(answer::page(StatusCode::OK, &view)))
        }
        // Sent twice, or from another tab: what was to be done is done, or begins anew.
        Err(AuthError::InvalidToken | AuthError::NotFound | AuthError::Conflict(_)) => {
            Prepared::forget(&mut visit, asked.user.id);
            visit.go_on().await
        }
        // Its challenge is spent: another one is set up.
        Err(AuthError::WrongCode) if prepared.method() == Method::Hardware => {
            Prepared::forget(&mut visit, asked.user.id);
            Ok(again(&visit, "answer"))
        }
        Err(AuthError::Invalid(problems)) if is_about_credential(&problems) => {
            Prepared::forget(&mut visit, asked.user.id);
            Ok(again(&visit, "model"))
        }
        Err(reason) => match Problem::of(&reason) {
            Some(problem) => Ok(asked.page(&visit, prepared, Some(problem))?),
            None => Err(reason.into()),
        },
    }
}

fn is_about_credential(problems: &[FieldProblem]) -> bool {
    problems.iter().any(|problem| problem.field == "credential")
}

/// The page of passkeys, which says what was wrong with the one that was to be set up.
fn again(visit: &Visit, failed: &str) -> Response {
    let page = visit.link_with(PATH, "method", Method::Hardware.as_str());
    visit.redirect(&format!("{page}&failed={failed}"))
}
