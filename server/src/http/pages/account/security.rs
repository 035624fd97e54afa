//! `/account/security`: what guards the account, and the ways to add to it.

use axum::{extract::Path, response::Response};
use http::StatusCode;
use url::form_urlencoded;

use super::member::{self, Member};
use crate::{
    auth::{
        AuthError,
        mfa::{
            manage::{self, Listed},
            offered_here,
            sent::is_sent,
        },
    },
    http::{
        oauth::call::Call,
        pages::{
            views::account::{FactorRow, Section, Security, When},
            visit::Paged,
        },
        route::{Credential, Route, get},
    },
};

pub(super) const PATH: &str = Section::Security.path();

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![
        get(PATH, Credential::Browser, show),
        get("/account/security/add/{method}", Credential::Browser, add),
    ]
}

/// GET /account/security
async fn show(call: Call) -> Response {
    member::shown(call, shown).await
}

async fn shown(member: Member) -> Paged {
    let user = &member.caller.user;
    let listed = member.after(manage::list(member.app(), &member.caller).await).await?;
    let (codes, factors): (Vec<Listed>, Vec<Listed>) =
        listed.into_iter().partition(|listed| listed.remaining.is_some());
    let has = |method| factors.iter().any(|listed| listed.factor.method == method);
    let offers = offered_here(member.app()).into_iter();
    // Of what is sent there is one of a kind.
    let offers = offers.filter(|method| !is_sent(*method) || !has(*method));
    let password_set = user.password_hash.as_ref().and(user.password_changed_at);
    let view = Security {
        look: &member.visit.look,
        shell: member.shell(Section::Security),
        password_set: password_set.map(|at| When::of(&member.visit.look, at, member.now)),
        factors: factors.iter().map(|listed| row(&member, listed)).collect(),
        offers: offers.collect(),
        codes_left: match codes.first() {
            Some(codes) => codes.remaining,
            None => Some(0).filter(|_| !factors.is_empty()),
        },
    };
    Ok(member.page(StatusCode::OK, &view))
}

/// A factor, as it is shown.
pub(super) fn row(member: &Member, listed: &Listed) -> FactorRow {
    let Listed { factor, is_default, passkey, .. } = listed;
    let when = |at| When::of(&member.visit.look, at, member.now);
    FactorRow {
        id: factor.id.to_string(),
        method: factor.method,
        name: factor.name.clone(),
        is_default: *is_default,
        is_synced: passkey.as_ref().map(|passkey| passkey.backup_eligible),
        since: when(factor.confirmed_at.unwrap_or(factor.created_at)),
        used: factor.last_used_at.map(when),
    }
}

/// GET /account/security/add/{method}: to where that one is set up, once they have proved who they
/// are.
async fn add(method: Path<String>, call: Call) -> Response {
    member::shown(call, |member| async move {
        member.prove().await?;
        let offered = offered_here(member.app());
        let chosen = offered.iter().find(|one| one.as_str() == method.0).copied();
        let method = chosen.ok_or(AuthError::MethodNotOffered(offered))?;
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("to", PATH)
            .append_pair("method", method.as_str())
            .finish();
        Ok(member.visit.redirect(&format!("/mfa/enrol?{query}")))
    })
    .await
}
