//! `/account/activity`: what happened lately.

use axum::response::Response;
use http::StatusCode;

use super::member::{self, Member};
use crate::{
    auth::activity::{self, Activity, By, Named},
    http::{
        oauth::call::Call,
        pages::{
            views::account::{ActivityPage, EventRow, Section, When},
            visit::Paged,
        },
        route::{Credential, Route, get},
    },
};

const PATH: &str = Section::Activity.path();
/// How much is shown at once.
const SHOWN: u32 = 25;

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![get(PATH, Credential::Browser, show)]
}

/// GET /account/activity
async fn show(call: Call) -> Response {
    member::shown(call, shown).await
}

async fn shown(member: Member) -> Paged {
    let after = member.given("after").and_then(|place| place.parse().ok());
    let mut found = activity::list(member.app(), &member.caller, after, SHOWN + 1).await?;
    let has_more = found.len() > SHOWN as usize;
    found.truncate(SHOWN as usize);
    let last = found.last().map(|activity| activity.cursor.to_string());
    let view = ActivityPage {
        look: &member.visit.look,
        shell: member.shell(Section::Activity),
        older: last.filter(|_| has_more),
        is_newest: after.is_none(),
        events: found.into_iter().map(|activity| row(&member, activity)).collect(),
    };
    Ok(member.page(StatusCode::OK, &view))
}

fn row(member: &Member, activity: Activity) -> EventRow {
    let (device, ip) = activity.from.map(|from| (from.device, from.ip)).unwrap_or_default();
    EventRow {
        event: activity.action.name(),
        is_of_admin: activity.by == By::Other,
        when: When::of(&member.visit.look, activity.at, member.now),
        device,
        ip,
        client: activity.client.map(|Named { id, name }| name.unwrap_or(id)),
        method: activity.method,
        name: activity.name,
        reason: activity.reason,
    }
}
