//! `/account`: how things stand. Tells numbers alone: what there is in full is on the pages that ask
//! for a proof first.

use axum::response::Response;
use http::StatusCode;
use jwks::policy::Method;

use super::member::{self, Member};
use crate::{
    auth::{AuthError, devices, sessions},
    domain::factor::Factor,
    http::{
        oauth::call::Call,
        pages::{
            views::account::{Advice, Overview, Section, When},
            visit::Paged,
        },
        route::{Credential, Route, get},
    },
};

/// So few backup codes are a reason to make new ones.
const FEW: u64 = 3;

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![get("/account", Credential::Browser, show)]
}

/// GET /account
async fn show(call: Call) -> Response {
    member::shown(call, shown).await
}

async fn shown(member: Member) -> Paged {
    let (app, caller, look) = (member.app(), &member.caller, &member.visit.look);
    let user = &caller.user;
    let listed = app.identity.list_factors(user.id).await.map_err(AuthError::from)?;
    let (codes, factors): (Vec<Factor>, Vec<Factor>) = listed
        .into_iter()
        .filter(Factor::is_confirmed)
        .partition(|factor| factor.method == Method::BackupCode);
    let mut codes_left = 0;
    for factor in &codes {
        let left = app.identity.count_backup_codes(factor.id).await.map_err(AuthError::from)?;
        codes_left += u64::from(left);
    }
    let codes_left = Some(codes_left).filter(|_| !factors.is_empty());
    let mut advice = Vec::new();
    match codes_left {
        None => advice.push(Advice::SecondFactor),
        Some(left) if left <= FEW => advice.push(Advice::BackupCodes(left)),
        Some(_) => {}
    }
    let password_set = user.password_hash.as_ref().and(user.password_changed_at);
    let view = Overview {
        look,
        shell: member.shell(Section::Overview),
        is_verified: user.email_verified_at.is_some(),
        advice,
        password_set: password_set.map(|at| When::of(look, at, member.now)),
        factors: factors.len() as u64,
        codes_left,
        sessions: sessions::list(app, caller).await?.len() as u64,
        devices: devices::list(app, caller).await?.len() as u64,
        since: When::of(look, user.created_at, member.now),
    };
    Ok(member.page(StatusCode::OK, &view))
}
