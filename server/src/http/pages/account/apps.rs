//! `/account/apps`: whom somebody has let in, and how to take that back.

use axum::response::Response;
use http::StatusCode;

use super::member::{self, Member};
use crate::{
    http::{
        logo_path,
        oauth::call::Call,
        pages::{
            views::{
                ClientCard,
                account::{AppRow, Apps, Notice, Section, When},
            },
            visit::Paged,
        },
        route::{Credential, Route, get, post},
    },
    oauth::connected_apps::{self, ConnectedApp},
};

const PATH: &str = Section::Apps.path();

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![get(PATH, Credential::Browser, show), post(PATH, Credential::Browser, submit)]
}

/// GET /account/apps
async fn show(call: Call) -> Response {
    member::shown(call, shown).await
}

async fn shown(member: Member) -> Paged {
    let listed = connected_apps::list(member.app(), &member.caller).await?;
    let view = Apps {
        look: &member.visit.look,
        shell: member.shell(Section::Apps),
        apps: listed.into_iter().map(|app| row(&member, app)).collect(),
    };
    Ok(member.page(StatusCode::OK, &view))
}

fn row(member: &Member, app: ConnectedApp) -> AppRow {
    let when = |at| When::of(&member.visit.look, at, member.now);
    let ConnectedApp { client, scopes, since, last_used_at } = app;
    AppRow {
        id: client.client_id.clone(),
        name: client.name().to_owned(),
        logo: logo_path(&client),
        initial: ClientCard::of(&client).initial(),
        is_first_party: client.metadata.first_party,
        scopes,
        since: when(since),
        used: last_used_at.map(when),
    }
}

/// POST /account/apps
async fn submit(call: Call) -> Response {
    member::submitted(call, submitted).await
}

async fn submitted(member: Member) -> Paged {
    let (app, origin, caller) = (member.app(), &member.visit.call.origin, &member.caller);
    let wanted = member.given("end").unwrap_or_default();
    member.after(connected_apps::revoke(app, origin, caller, wanted).await).await?;
    Ok(member.done(Notice::AppEnded, PATH))
}
