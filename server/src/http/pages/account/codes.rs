//! `/account/security/backup-codes`: new ones, shown once: on a page that can be printed, and as a
//! file. Until they are kept, and at most for a few minutes, the browser carries them, sealed: no
//! store has them in plain text.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use uuid::Uuid;

use super::{
    member::{self, Member},
    security,
};
use crate::{
    auth::{AuthError, mfa::manage},
    domain::user::User,
    http::{
        oauth::call::Call,
        pages::{
            carried::Carried,
            views::account::{NewCodes, Notice, Section},
            visit::{Paged, Visit},
        },
        route::{Credential, Route, get, post},
    },
};

/// Where they are shown.
pub const PATH: &str = "/account/security/backup-codes";
const FILE: &str = "/account/security/backup-codes/file";
/// What carries the codes.
const CODES: Carried = Carried::new("sb_codes", "codes-page");
const TTL: Duration = Duration::from_secs(300);

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![
        get(PATH, Credential::Browser, show),
        post(PATH, Credential::Browser, submit),
        get(FILE, Credential::Browser, file),
    ]
}

/// Has the browser carry them to the page that shows them, and to the file of them.
///
/// # Errors
/// When sealing fails.
pub fn keep(visit: &mut Visit, user_id: Uuid, codes: &[String]) -> Result<(), AuthError> {
    CODES.keep(visit, user_id, codes.join("\n").as_bytes(), TTL)
}

/// They are kept elsewhere now.
pub fn kept(visit: &mut Visit) {
    if let Some(user_id) = visit.browser.current().map(|held| held.user.id) {
        CODES.forget(visit, user_id);
    }
}

/// Goes on from a factor that was added: to the backup codes that came with it, if it was the first.
///
/// # Errors
/// When sealing fails.
pub fn added(mut visit: Visit, user: &User, codes: &[String]) -> Result<Response, AuthError> {
    if codes.is_empty() {
        return Ok(member::done(&visit, user.id, Notice::FactorAdded, security::PATH));
    }
    keep(&mut visit, user.id, codes)?;
    Ok(member::done(&visit, user.id, Notice::FactorAdded, PATH))
}

/// What the browser carries of them, if it does.
fn carried(member: &Member) -> Option<Vec<String>> {
    let text = String::from_utf8(CODES.read(&member.visit, member.caller.user.id)?).ok()?;
    Some(text.lines().map(ToOwned::to_owned).collect())
}

/// GET /account/security/backup-codes
async fn show(call: Call) -> Response {
    member::shown(call, shown).await
}

async fn shown(member: Member) -> Paged {
    let Some(codes) = carried(&member) else { return Ok(member.visit.redirect(security::PATH)) };
    let view = NewCodes {
        look: &member.visit.look,
        shell: member.shell(Section::Security),
        codes: &codes,
    };
    Ok(member.page(StatusCode::OK, &view))
}

/// GET /account/security/backup-codes/file
async fn file(call: Call) -> Response {
    member::shown(call, filed).await
}

async fn filed(member: Member) -> Paged {
    let Some(codes) = carried(&member) else { return Ok(member.visit.redirect(security::PATH)) };
    let numbered = codes.iter().enumerate().map(|(at, code)| format!("{:>2}. {code}\n", at + 1));
    let (user, look) = (&member.caller.user, &member.visit.look);
    let text = format!(
        "{} {}\n{}\n\n{}\n{}\n",
        look.name(),
        member.app().issuer,
        user.email,
        numbered.collect::<String>(),
        look.text("codes-file-why"),
    );
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"backup-codes.txt\""),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    Ok(member.visit.finish((headers, text).into_response()))
}

/// POST /account/security/backup-codes: new ones; or the way on from those that were shown.
async fn submit(call: Call) -> Response {
    member::submitted(call, submitted).await
}

async fn submitted(mut member: Member) -> Paged {
    if member.given("act") == Some("renew") {
        let origin = &member.visit.call.origin;
        let came = manage::renew_backup_codes(member.app(), origin, &member.caller).await;
        let codes = match came {
            // Said where the button is.
            Err(AuthError::Conflict(_) | AuthError::MethodNotOffered(_)) => {
                return Ok(member.done(Notice::Overtaken, security::PATH));
            }
            came => member.after(came).await?,
        };
        keep(&mut member.visit, member.caller.user.id, &codes)?;
        return Ok(member.visit.redirect(PATH));
    }
    kept(&mut member.visit);
    Ok(member.done(Notice::CodesKept, security::PATH))
}
