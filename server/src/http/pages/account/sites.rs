//! `/account/sites`: the sites behind the edge that somebody may open.

use axum::response::Response;
use http::StatusCode;

use super::member::{self, Member};
use crate::{
    auth::sites::{self, OpenSite},
    http::{
        oauth::call::Call,
        pages::{
            views::account::{Section, SiteRow, Sites},
            visit::Paged,
        },
        route::{Credential, Route, get},
    },
};

const PATH: &str = Section::Sites.path();

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![get(PATH, Credential::Browser, show)]
}

/// GET /account/sites
async fn show(call: Call) -> Response {
    member::shown(call, shown).await
}

async fn shown(member: Member) -> Paged {
    let ip = member.visit.call.origin.ip;
    let open = sites::list(member.app(), &member.caller, ip).await?;
    let view = Sites {
        look: &member.visit.look,
        shell: member.shell(Section::Sites),
        sites: open.into_iter().map(row).collect(),
    };
    Ok(member.page(StatusCode::OK, &view))
}

fn row(open: OpenSite) -> SiteRow {
    let OpenSite { site, asks_more } = open;
    let name = if site.name.is_empty() { site.site_key } else { site.name };
    let initial = name.chars().next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    SiteRow { name, address: site.base_url, initial, asks_more }
}
