//! `/mfa/enrol`: an authenticator for somebody who must have a second factor and has none.

use std::time::Duration;

use axum::response::Response;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use jwks::policy::Method;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    account::{codes, member},
    answer,
    views::{Enrol, EnrolDone, Person, Problem},
    visit::{Paged, Stop, Visit, end},
};
use crate::{
    auth::{
        AuthError,
        mfa::{
            Standing,
            enrol::{self, Confirmation, Source},
            totp,
        },
    },
    domain::{login::Outstanding, secret::SecretHash, user::User},
    http::{
        oauth::call::Call,
        route::{Credential, Route, get, post},
    },
    oauth::authorize::Step,
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
    secret: Vec<u8>,
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

    /// What the browser carries of it, if that waits for its code still.
    async fn read(visit: &Visit, user_id: Uuid) -> Result<Option<Self>, AuthError> {
        let app = &visit.call.app;
        let carried = visit.cookie(&Self::cookie(user_id));
        let sealed = carried.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let opened = sealed.and_then(|it| app.sealer.open(&Self::name(user_id), &it).ok());
        let read: Option<Self> = opened.and_then(|json| serde_json::from_slice(&json).ok());
        let Some(read) = read else { return Ok(None) };
        let waits = enrol::waits(app, user_id, Method::Totp, read.factor_id).await?;
        Ok(Some(read).filter(|_| waits))
    }

    /// Sets up an authenticator in the place of any that waits.
    async fn anew(visit: &mut Visit, standing: &Standing, user_id: Uuid) -> Result<Self, Stop> {
        let call = &visit.call;
        let new = enrol::set_up(&call.app, &call.origin, standing, Method::Totp).await?;
        let Source::Authenticator(totp) = new.source else {
            return Err(AuthError::Internal("no authenticator was set up".to_owned()).into());
        };
        let backup_codes = new.backup_codes.unwrap_or_default();
        let prepared = Self { factor_id: new.factor_id, secret: totp.secret, backup_codes };
        prepared.keep(visit, user_id)?;
        Ok(prepared)
    }

    fn keep(&self, visit: &mut Visit, user_id: Uuid) -> Result<(), AuthError> {
        let json =
            serde_json::to_vec(self).map_err(|error| AuthError::Internal(error.to_string()))?;
        let sealed = visit.call.app.sealer.seal(&Self::name(user_id), &json)?;
        let sealed = URL_SAFE_NO_PAD.encode(sealed);
        visit.set_cookie(&Self::cookie(user_id), &sealed, PREPARED_TTL);
        Ok(())
    }

    fn forget(visit: &mut Visit, user_id: Uuid) {
        visit.set_cookie(&Self::cookie(user_id), "", Duration::ZERO);
    }

    fn page(
        &self,
        visit: &Visit,
        user: &User,
        problem: Option<Problem>,
    ) -> Result<Response, AuthError> {
        let shown = totp::describe(&visit.call.app, &user.email, self.secret.clone())?;
        let (csrf, not_you, account) = (visit.csrf(), visit.not_you(), user.id.to_string());
        let view = Enrol {
            look: &visit.look,
            form: visit.form(PATH, &csrf, &[("account", &account)]),
            who: Person { name: &user.name, address: &user.email, not_you: Some(&not_you) },
            qr_code: &shown.qr_code,
            secret: &shown.base32,
            problem,
        };
        Ok(visit.finish(answer::form(problem, &view)))
    }
}

/// Who sets up a factor here: half signed in and asked to, signed in and asked to, or signed in and
/// on the way back to their account.
async fn standing(visit: &mut Visit) -> Result<Option<Standing>, Stop> {
    let judgement = visit.judge().await?;
    visit.brand(judgement.as_ref());
    if let Some(half) = visit.half(Outstanding::Enrol).await? {
        return Ok(Some(half));
    }
    let Some(Step::Enrol(sid)) = judgement.map(|judgement| judgement.step) else {
        return member::adding(visit).await;
    };
    Ok(visit.browser.find(sid).map(|held| Standing::Browser(Box::new(held.clone()))))
}

/// GET /mfa/enrol
async fn show(call: Call) -> Response {
    end(Visit::shown(call).await, shown).await
}

async fn shown(mut visit: Visit) -> Paged {
    let Some(standing) = standing(&mut visit).await? else { return visit.go_on().await };
    let user = standing.person(&visit.call.app).await?;
    let prepared = match Prepared::read(&visit, user.id).await? {
        Some(prepared) => prepared,
        None => Prepared::anew(&mut visit, &standing, user.id).await?,
    };
    Ok(prepared.page(&visit, &user, None)?)
}

/// POST /mfa/enrol: the first code; or the way on from the backup codes.
async fn submit(call: Call) -> Response {
    end(Visit::submitted(call).await, submitted).await
}

async fn submitted(mut visit: Visit) -> Paged {
    if visit.params.get("cancel").is_some() {
        return visit.cancel();
    }
    let Some(code) = visit.params.get("code").map(str::to_owned) else {
        return visit.go_on().await;
    };
    let Some(standing) = standing(&mut visit).await? else { return visit.go_on().await };
    let user = standing.person(&visit.call.app).await?;
    let is_theirs = visit.params.get("account") == Some(user.id.to_string().as_str());
    let Some(prepared) = Prepared::read(&visit, user.id).await?.filter(|_| is_theirs) else {
        // Somebody else signed in in another tab, or another one was set up elsewhere.
        let link = visit.link(PATH);
        return Ok(visit.redirect(&link));
    };
    let confirmation = Confirmation {
        factor_id: Some(prepared.factor_id),
        method: Method::Totp,
        code: &code,
        name: None,
        trust_device: false,
        browser: Some(&visit.browser),
    };
    let call = &visit.call;
    match enrol::confirm(&call.app, &call.origin, standing, confirmation).await {
        Ok(enrolled) => {
            if let Some(held) = enrolled.held {
                visit.sign_in(held.browser()?, None).await?;
            }
            Prepared::forget(&mut visit, user.id);
            if visit.account_page().is_some() {
                return Ok(codes::added(visit, &user, &prepared.backup_codes)?);
            }
            if prepared.backup_codes.is_empty() {
                return visit.go_on().await;
            }
            let csrf = visit.csrf();
            let view = EnrolDone {
                look: &visit.look,
                form: visit.form(PATH, &csrf, &[]),
                codes: &prepared.backup_codes,
            };
            Ok(visit.finish(answer::page(StatusCode::OK, &view)))
        }
        // Sent twice, or from another tab: what was to be done is done, or begins anew.
        Err(AuthError::InvalidToken | AuthError::NotFound | AuthError::Conflict(_)) => {
            Prepared::forget(&mut visit, user.id);
            visit.go_on().await
        }
        Err(reason) => match Problem::of(&reason) {
            Some(problem) => Ok(prepared.page(&visit, &user, Some(problem))?),
            None => Err(reason.into()),
        },
    }
}
