//! `/apps`: the clients that somebody has let in.

use axum::{extract::Path, response::Response};
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    auth::bearer::Place,
    http::{
        logo_path,
        rail::{
            answer::{self, RailError},
            call::Call,
            refusals::NOT_FOUND,
            rfc3339,
        },
        route::{
            Credential::Bearer, Route, always, delete, flag, get, instant, list, object, shape,
            text,
        },
    },
    oauth::connected_apps::{self, ConnectedApp},
};

/// The rows.
pub fn routes() -> Vec<Route> {
    let app = shape(
        "ConnectedApp",
        [
            text("clientId", "Its name for programs.").like("wiki"),
            text("name", "Its name for people.").like("Wiki"),
            text("logo", "Its picture, as this server serves it; null without one.")
                .like("https://id.example.com/clients/wiki/logo")
                .nullable(),
            flag("firstParty", "Whether the operator let it in for everybody."),
            list("scopes", text("", "").like("openid"), "What it may."),
            instant("since", "Since when."),
            instant("lastUsedAt", "When it last got tokens anew, as far as is known.").nullable(),
        ],
    );
    vec![
        get("/apps", Bearer, list_page)
            .does("List connected apps", "The clients that the caller has let in, by name.")
            .lists(app),
        delete("/apps/{clientId}", Bearer, revoke)
            .does(
                "Disconnect an app",
                "Takes back what the caller allowed the client, and ends every token of it that \
                speaks for them, everywhere.",
            )
            .answers(
                200,
                object([
                    text("clientId", "The client.").like("wiki"),
                    always("revoked", true, "It is let in no more."),
                ]),
            )
            .ends()
            .refuses([NOT_FOUND]),
    ]
}

/// GET /apps
async fn list_page(call: Call) -> Response {
    let result = try_list(&call).await;
    call.end(result)
}

async fn try_list(call: &Call) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    let (page, per_page) = call.page()?;
    let apps = connected_apps::list(&call.app, &caller).await?;
    let items = apps.iter().map(|app| shown(call, app)).collect();
    Ok(answer::list(&call.origin.request_id, items, page, per_page))
}

fn shown(call: &Call, connected: &ConnectedApp) -> Value {
    let client = &connected.client;
    json!({
        "clientId": client.client_id,
        "name": client.name(),
        "logo": logo_path(client).map(|path| call.app.link(&path)),
        "firstParty": client.metadata.first_party,
        "scopes": connected.scopes,
        "since": rfc3339(connected.since),
        "lastUsedAt": connected.last_used_at.map(rfc3339),
    })
}

/// DELETE /apps/{clientId}
async fn revoke(path: Path<String>, call: Call) -> Response {
    let result = try_revoke(&call, &path.0).await;
    call.end(result)
}

async fn try_revoke(call: &Call, client_id: &str) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    connected_apps::revoke(&call.app, &call.origin, &caller, client_id).await?;
    Ok(call.answer(StatusCode::OK, json!({ "clientId": client_id, "revoked": true })))
}
