//! `/account/security/factors/{id}`: one factor, to be renamed, put first, or removed.

use axum::{extract::Path, response::Response};
use jwks::policy::Method;
use uuid::Uuid;

use super::{
    member::{self, Member},
    security,
};
use crate::{
    auth::{
        AuthError,
        error::FieldProblem,
        mfa::manage::{self, Listed},
    },
    http::{
        oauth::call::Call,
        pages::{
            answer,
            views::account::{FactorPage, Notice, Section},
            visit::{Paged, Stop},
        },
        route::{Credential, Route, get, post},
    },
};

const PATH: &str = "/account/security/factors/{factorId}";

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![get(PATH, Credential::Browser, show), post(PATH, Credential::Browser, submit)]
}

/// GET /account/security/factors/{factorId}
async fn show(id: Path<String>, call: Call) -> Response {
    member::shown(call, |member| async move {
        let listed = list(&member).await?;
        match find(&listed, &id.0) {
            Some(found) => Ok(page(&member, &listed, found, None, &[])),
            None => Ok(member.done(Notice::Gone, security::PATH)),
        }
    })
    .await
}

async fn list(member: &Member) -> Result<Vec<Listed>, Stop> {
    member.after(manage::list(member.app(), &member.caller).await).await
}

/// One of theirs; backup codes are no factor to be managed by itself.
fn find<'l>(listed: &'l [Listed], id: &str) -> Option<&'l Listed> {
    let id = Uuid::parse_str(id).ok()?;
    listed.iter().find(|listed| listed.factor.id == id && listed.remaining.is_none())
}

fn page(
    member: &Member,
    listed: &[Listed],
    found: &Listed,
    name: Option<&str>,
    problems: &[FieldProblem],
) -> Response {
    let others = listed.iter().filter(|one| one.factor.method != Method::BackupCode);
    let view = FactorPage {
        look: &member.visit.look,
        shell: member.shell(Section::Security),
        factor: security::row(member, found),
        is_last: others.count() == 1,
        name: name.unwrap_or(&found.factor.name),
        problems,
    };
    member.page(answer::status_of(problems), &view)
}

/// POST /account/security/factors/{factorId}
async fn submit(id: Path<String>, call: Call) -> Response {
    member::submitted(call, |member| async move { submitted(member, &id.0).await }).await
}

async fn submitted(member: Member, id: &str) -> Paged {
    let (app, origin, caller) = (member.app(), &member.visit.call.origin, &member.caller);
    let listed = list(&member).await?;
    let Some(found) = find(&listed, id) else {
        return Ok(member.done(Notice::Gone, security::PATH));
    };
    let (id, path) = (found.factor.id, member.visit.call.path.as_str());
    match member.given("act") {
        Some("prefer") => {
            member.after(manage::edit(app, origin, caller, id, None, true).await).await?;
            Ok(member.done(Notice::FactorPreferred, path))
        }
        Some("remove") => {
            member.after(manage::remove(app, origin, caller, id).await).await?;
            Ok(member.done(Notice::FactorRemoved, security::PATH))
        }
        Some("rename") => {
            let name = member.given("name").unwrap_or_default();
            match manage::edit(app, origin, caller, id, Some(name), false).await {
                Err(AuthError::Invalid(problems)) => {
                    Ok(page(&member, &listed, found, Some(name), &problems))
                }
                came => {
                    member.after(came).await?;
                    Ok(member.done(Notice::FactorRenamed, path))
                }
            }
        }
        _ => Ok(member.visit.redirect(path)),
    }
}
