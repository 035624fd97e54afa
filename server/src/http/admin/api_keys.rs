//! `/api-keys`: personal API keys of everybody.

use axum::{extract::Path, response::Response};
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    auth::{
        AuthError,
        api_keys::{self, Wanted},
    },
    domain::api_key::ApiKey,
    http::{
        account::api_keys::{self as own, networks, scopes, sites},
        rail::{
            admin as authenticate,
            answer::{self, RailError},
            call::Call,
            refusals::{CONFLICT, NOT_FOUND, STEP_UP_REQUIRED},
        },
        route::{
            Credential::Admin, Field, Route, always, delete, get, id, instant, object, post, shape,
            text,
        },
    },
};

/// The rows.
pub fn routes() -> Vec<Route> {
    let key = text("apiKey", "The key: shown this once.").like("sbk_0199a1b2…_…");
    vec![
        get("/api-keys", Admin, list_page)
            .does(
                "List API keys of people",
                "For admins, with a second factor; newest first. One that expired is listed for 30 days more. \
                A list goes on after the last one of a page with `after`; `pagination` is of what comes after \
                it then.",
            )
            .takes([
                id("userId", "Whose.").optional(),
                id("after", "The key after which the list goes on.").optional(),
            ])
            .lists(shape("ApiKeyOfUser", fields()))
            .refuses([STEP_UP_REQUIRED]),
        post("/api-keys", Admin, create)
            .does(
                "Make an API key for somebody",
                "For admins, with a proof of their second factor of the last five minutes. It acts for its \
                owner, at sites that let them in and take keys. Tells the owner by a letter.",
            )
            .takes([
                owner(),
                text("name", "What to call it.").like("Nightly export"),
                scopes().optional(),
                sites(),
                networks().optional(),
                instant("expiresAt", "Left out: as late as may be.").optional(),
            ])
            .answers(201, shape("NewApiKeyOfUser", [key].into_iter().chain(fields())))
            .refuses([CONFLICT])
            .fresh()
            .limited(),
        delete("/api-keys/{keyId}", Admin, revoke)
            .does(
                "Revoke an API key of somebody",
                "For admins, with a second factor. It is good nowhere any more.",
            )
            .answers(
                200,
                object([id("id", "The key."), always("revoked", true, "It is gone.")]),
            )
            .ends()
            .refuses([STEP_UP_REQUIRED, NOT_FOUND]),
    ]
}

fn owner() -> Field {
    id("userId", "Whose it is.")
}

fn fields() -> impl Iterator<Item = Field> {
    own::fields().into_iter().chain([owner()])
}

fn described(key: &ApiKey) -> Value {
    let mut described = own::shown(key);
    described["userId"] = json!(key.user_id);
    described
}

/// GET /api-keys
async fn list_page(call: Call) -> Response {
    let result = try_list(&call).await;
    call.end(result)
}

async fn try_list(call: &Call) -> Result<Response, RailError> {
    authenticate(call).await?;
    let (page, per_page) = call.page()?;
    let (owner, after) = (call.query_id("userId")?, call.query_id("after")?);
    let store = &call.app.identity;
    let total = store.count_api_keys(owner, after).await.map_err(AuthError::Store)?;
    let skip = u64::try_from((page - 1).saturating_mul(per_page)).unwrap_or(u64::MAX);
    let limit = u32::try_from(per_page).unwrap_or(u32::MAX);
    let keys = store.page_api_keys(owner, after, skip, limit).await.map_err(AuthError::Store)?;
    let items = keys.iter().map(described).collect();
    let total = usize::try_from(total).unwrap_or(usize::MAX);
    Ok(answer::page(&call.origin.request_id, items, page, per_page, total))
}

/// POST /api-keys
async fn create(call: Call) -> Response {
    let result = try_create(&call).await;
    call.end(result)
}

async fn try_create(call: &Call) -> Result<Response, RailError> {
    let caller = authenticate(call).await?;
    let mut body = call.body()?;
    let owner = body.string("userId");
    let wanted = Wanted {
        name: body.string("name"),
        scopes: body.optional_strings("scopes").unwrap_or_default(),
        sites: body.strings("sites"),
        networks: body.optional_strings("networks").unwrap_or_default(),
        expires_at: body.optional_instant("expiresAt"),
    };
    let owner = Uuid::parse_str(&owner).unwrap_or_else(|_| {
        body.problem("userId", "must be an id");
        Uuid::nil()
    });
    body.finish()?;
    let made = api_keys::create_for(&call.app, &call.origin, &caller, owner, wanted).await?;
    let mut answer = described(&made.key);
    answer["apiKey"] = made.presented.as_str().into();
    Ok(call.answer(StatusCode::CREATED, answer))
}

/// DELETE /api-keys/{keyId}
async fn revoke(path: Path<String>, call: Call) -> Response {
    let result = try_revoke(&call, &path.0).await;
    call.end(result)
}

async fn try_revoke(call: &Call, id: &str) -> Result<Response, RailError> {
    let caller = authenticate(call).await?;
    let id = Uuid::parse_str(id).map_err(|_| AuthError::NotFound)?;
    api_keys::revoke_for(&call.app, &call.origin, &caller, id).await?;
    Ok(call.answer(StatusCode::OK, json!({ "id": id, "revoked": true })))
}
