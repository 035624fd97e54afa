//! `/account/devices`: what stands in for the second step, and how to end that.

use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use super::member::{self, Member};
use crate::{
    auth::{AuthError, devices},
    domain::device::TrustedDevice,
    http::{
        cookies,
        oauth::call::Call,
        pages::{
            views::account::{DeviceRow, Devices, Notice, Section, When},
            visit::Paged,
        },
        route::{Credential, Route, get, post},
    },
};

const PATH: &str = Section::Devices.path();

/// The rows.
pub fn routes() -> Vec<Route> {
    vec![get(PATH, Credential::Browser, show), post(PATH, Credential::Browser, submit)]
}

/// GET /account/devices
async fn show(call: Call) -> Response {
    member::shown(call, shown).await
}

async fn shown(member: Member) -> Paged {
    let (app, caller) = (member.app(), &member.caller);
    let presented = member.visit.cookie(cookies::DEVICE);
    let own = devices::recognise(app, Some(&caller.user), presented).await?;
    let listed = devices::list(app, caller).await?;
    let when = |at| When::of(&member.visit.look, at, member.now);
    let row = |device: &TrustedDevice| DeviceRow {
        id: device.id.to_string(),
        is_current: own.as_ref().is_some_and(|own| own.id == device.id),
        name: device.name.clone(),
        ip: device.ip.clone(),
        since: when(device.created_at),
        used: when(device.last_used_at),
        until: when(device.expires_at),
    };
    let view = Devices {
        look: &member.visit.look,
        shell: member.shell(Section::Devices),
        devices: listed.iter().map(row).collect(),
    };
    Ok(member.page(StatusCode::OK, &view))
}

/// POST /account/devices
async fn submit(call: Call) -> Response {
    member::submitted(call, submitted).await
}

async fn submitted(member: Member) -> Paged {
    let (app, origin, caller) = (member.app(), &member.visit.call.origin, &member.caller);
    let wanted = member.given("end").unwrap_or_default();
    if wanted == "all" {
        devices::revoke_all(app, origin, caller).await?;
        return Ok(member.done(Notice::DevicesEnded, PATH));
    }
    let came = match Uuid::parse_str(wanted) {
        Ok(id) => devices::revoke(app, origin, caller, id).await,
        Err(_) => Err(AuthError::NotFound),
    };
    member.after(came).await?;
    Ok(member.done(Notice::DeviceEnded, PATH))
}
