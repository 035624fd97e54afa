//! `/api-keys`: personal API keys.

use axum::{extract::Path, response::Response};
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    auth::{
        AuthError,
        api_keys::{self, Wanted},
        bearer::Place,
    },
    domain::api_key::ApiKey,
    http::{
        rail::{
            answer::{self, RailError},
            call::Call,
            refusals::{CONFLICT, NOT_FOUND},
            rfc3339,
        },
        route::{
            Credential::Bearer, Field, Route, always, delete, get, id, instant, list, object, post,
            shape, text,
        },
    },
};

/// The rows.
pub fn routes() -> Vec<Route> {
    let made = shape(
        "NewApiKey",
        [text("apiKey", "The key: shown this once.").like("sbk_0199a1b2…_…")]
            .into_iter()
            .chain(fields()),
    );
    vec![
        get("/api-keys", Bearer, list_page)
            .does(
                "List API keys",
                "The caller's own, newest first. One that expired is listed for 30 days more.",
            )
            .lists(shape("ApiKey", fields())),
        post("/api-keys", Bearer, create)
            .does(
                "Make an API key",
                "It acts for the caller at the sites it names, with its scopes, until it expires or \
                is revoked; at no endpoint of an account or an admin. Tells the caller by a letter.",
            )
            .takes([
                text("name", "What to call it.").like("Nightly export"),
                scopes().optional(),
                sites(),
                networks().optional(),
                instant("expiresAt", "Left out: as late as may be.").optional(),
            ])
            .answers(201, made)
            .refuses([CONFLICT])
            .fresh()
            .limited(),
        delete("/api-keys/{keyId}", Bearer, revoke)
            .does("Revoke an API key", "One of the caller's: it is good nowhere any more.")
            .answers(
                200,
                object([id("id", "The key."), always("revoked", true, "It is gone.")]),
            )
            .ends()
            .refuses([NOT_FOUND]),
    ]
}

pub(crate) fn scopes() -> Field {
    list("scopes", text("", "").like("read"), "What it may do, as sites name it.")
}

pub(crate) fn sites() -> Field {
    list("sites", text("", "").like("demo"), "The sites it is good at, by their keys.")
}

pub(crate) fn networks() -> Field {
    list(
        "networks",
        text("", "").like("192.0.2.0/24"),
        "The networks it is good from, IPv4 and IPv6, 16 at most; a bare address is a network of its own. \
        None: from wherever the sites let callers in.",
    )
}

pub(crate) fn fields() -> [Field; 8] {
    [
        id("id", "The key: stands in the key itself, too."),
        text("name", "What its owner calls it.").like("Nightly export"),
        scopes(),
        sites(),
        networks(),
        instant("createdAt", "When it was made."),
        instant("expiresAt", "When it is over."),
        instant("lastUsedAt", "When it was last used, as far as is known.").nullable(),
    ]
}

pub(crate) fn shown(key: &ApiKey) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "scopes": key.scopes,
        "sites": key.sites,
        "networks": key.networks,
        "createdAt": rfc3339(key.created_at),
        "expiresAt": rfc3339(key.expires_at),
        "lastUsedAt": key.last_used_at.map(rfc3339),
    })
}

/// GET /api-keys
async fn list_page(call: Call) -> Response {
    let result = try_list(&call).await;
    call.end(result)
}

async fn try_list(call: &Call) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    let (page, per_page) = call.page()?;
    let keys = api_keys::list(&call.app, &caller).await?;
    let items = keys.iter().map(shown).collect();
    Ok(answer::list(&call.origin.request_id, items, page, per_page))
}

/// POST /api-keys
async fn create(call: Call) -> Response {
    let result = try_create(&call).await;
    call.end(result)
}

async fn try_create(call: &Call) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    let mut body = call.body()?;
    let wanted = Wanted {
        name: body.string("name"),
        scopes: body.optional_strings("scopes").unwrap_or_default(),
        sites: body.strings("sites"),
        networks: body.optional_strings("networks").unwrap_or_default(),
        expires_at: body.optional_instant("expiresAt"),
    };
    body.finish()?;
    let made = api_keys::create(&call.app, &call.origin, &caller, wanted).await?;
    let mut answer = shown(&made.key);
    answer["apiKey"] = made.presented.as_str().into();
    Ok(call.answer(StatusCode::CREATED, answer))
}

/// DELETE /api-keys/{keyId}
async fn revoke(path: Path<String>, call: Call) -> Response {
    let result = try_revoke(&call, &path.0).await;
    call.end(result)
}

async fn try_revoke(call: &Call, id: &str) -> Result<Response, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    let id = Uuid::parse_str(id).map_err(|_| AuthError::NotFound)?;
    api_keys::revoke(&call.app, &call.origin, &caller, id).await?;
    Ok(call.answer(StatusCode::OK, json!({ "id": id, "revoked": true })))
}
