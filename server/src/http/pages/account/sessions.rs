//! `/account/sessions`: where somebody is signed in, and how to end that.

use std::collections::{BTreeSet, HashMap};

use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use super::member::{self, Member};
use crate::{
    auth::{AuthError, origin::RAIL, sessions},
    domain::session::Session,
    http::{
        oauth::call::Call,
        pages::{
            PAGES,
            views::account::{Notice, Opener, Section, SessionRow, Sessions, When},
            visit::{Paged, Stop},
        },
        route::{Credential, Route, get, post},
    },
    oauth::clients,
};

const PATH: &str = Section::Sessions.path();

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![get(PATH, Credential::Browser, show), post(PATH, Credential::Browser, submit)]
}

/// GET /account/sessions
async fn show(call: Call) -> Response {
    member::shown(call, shown).await
}

async fn shown(member: Member) -> Paged {
    let listed = sessions::list(member.app(), &member.caller).await?;
    let names = names(&member, &listed).await?;
    let rows = listed.iter().map(|session| row(&member, session, &names));
    let view = Sessions {
        look: &member.visit.look,
        shell: member.shell(Section::Sessions),
        sessions: rows.collect(),
    };
    Ok(member.page(StatusCode::OK, &view))
}

fn row(member: &Member, session: &Session, names: &HashMap<String, String>) -> SessionRow {
    let when = |at| When::of(&member.visit.look, at, member.now);
    let named = |client_id: &String| names.get(client_id).unwrap_or(client_id).clone();
    SessionRow {
        id: session.sid.to_string(),
        is_current: session.sid == member.caller.session.sid,
        what: match session.client_id.as_str() {
            PAGES => Opener::Browser,
            RAIL => Opener::Api,
            _ => Opener::App(named(&session.client_id)),
        },
        device: session.device.clone(),
        ip: session.ip.clone(),
        since: when(session.created_at),
        active: when(session.last_active_at),
        until: when(session.expires_at),
        apps: session.clients.iter().map(named).collect(),
    }
}

/// What the clients of these sessions are called.
async fn names(member: &Member, sessions: &[Session]) -> Result<HashMap<String, String>, Stop> {
    let clients = sessions.iter().flat_map(|one| one.clients.iter().chain([&one.client_id]));
    let clients = clients.filter(|client_id| ![PAGES, RAIL].contains(&client_id.as_str()));
    let clients: BTreeSet<&String> = clients.collect();
    let mut names = HashMap::new();
    for client_id in clients {
        let client = clients::find(member.app(), client_id).await.map_err(AuthError::from)?;
        if let Some(client) = client {
            names.insert(client_id.clone(), client.name().to_owned());
        }
    }
    Ok(names)
}

/// POST /account/sessions
async fn submit(call: Call) -> Response {
    member::submitted(call, submitted).await
}

async fn submitted(member: Member) -> Paged {
    let (app, origin, caller) = (member.app(), &member.visit.call.origin, &member.caller);
    let wanted = member.given("end").unwrap_or_default();
    if wanted == "others" {
        sessions::revoke_others(app, origin, caller).await?;
        return Ok(member.done(Notice::SessionsEnded, PATH));
    }
    // The present one is ended by signing out, which tells the browser as well.
    let sid = Uuid::parse_str(wanted).ok().filter(|sid| *sid != caller.session.sid);
    let came = match sid {
        Some(sid) => sessions::revoke(app, origin, caller, sid).await,
        None => Err(AuthError::NotFound),
    };
    member.after(came).await?;
    Ok(member.done(Notice::SessionEnded, PATH))
}
