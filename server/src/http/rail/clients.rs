//! `/api/v1/oauth2/clients`: clients as admins register and list them, in the envelope of the Auth
//! Rail.

use axum::{extract::Path, response::Response};
use http::StatusCode;
use jwks::policy::Level;
use serde_json::{Map, Value, json};

use super::{
    answer::{self, RailError},
    call::Call,
    refusals::*,
    rfc3339,
    routes::with_what_follows,
};
use crate::{
    admin::{self, AdminError},
    auth::{
        AuthError,
        bearer::{Caller, Place},
    },
    domain::{
        audit::Action,
        client::Client,
        user::{ADMIN_ROLE, DEFAULT_TENANT},
    },
    http::route::{
        Credential::Admin, Field, Shape, Surface, always, delete, get, instant, list, object,
        one_of, post, shape, text,
    },
    oauth::grants,
};

/// The surface.
pub fn surface() -> Surface {
    let created = {
        let secret = text("clientSecret", "Shown this once; a public client has none.");
        let mut created = fields();
        created.push(secret.like("sbs_…").optional());
        shape("NewClient", created)
    };
    let routes = vec![
        post("/clients", Admin, create)
            .does(
                "Register a client",
                "For admins, with a second factor. A confidential client gets a secret, and \
                must show a code challenge as a public one must.",
            )
            .takes([
                name(),
                kind(),
                redirect_uris().optional(),
                allowed_scopes().optional(),
                grants().optional(),
            ])
            .answers(201, created)
            .refuses([STEP_UP_REQUIRED]),
        get("/clients", Admin, list_page)
            .does("List the clients", "For admins, with a second factor; by `clientId`.")
            .lists(client())
            .refuses([STEP_UP_REQUIRED]),
        get("/clients/{clientId}", Admin, show)
            .does("Show a client", "For admins, with a second factor.")
            .answers(200, client())
            .refuses([STEP_UP_REQUIRED, NOT_FOUND]),
        delete("/clients/{clientId}", Admin, remove)
            .does(
                "Remove a client",
                "For admins, with a second factor. Ends whatever was issued to it, everywhere; \
                its `clientId` is never given again.",
            )
            .answers(
                200,
                object([
                    text("clientId", "The client.").like("wiki"),
                    always("removed", true, "It is gone."),
                ]),
            )
            .ends()
            .refuses([STEP_UP_REQUIRED, NOT_FOUND]),
    ];
    Surface {
        name: "OAuth clients",
        base: "/api/v1/oauth2",
        envelope: true,
        routes: routes.into_iter().map(with_what_follows).collect(),
        finish: super::finish,
    }
}

fn name() -> Field {
    text("name", "Its name for people.").like("Wiki")
}

fn kind() -> Field {
    one_of("type", &["CONFIDENTIAL", "PUBLIC"], "Whether it can keep a secret.")
}

fn redirect_uris() -> Field {
    let item = text("", "").like("https://wiki.example.com/cb");
    list("redirectUris", item, "Where answers may go: compared byte for byte.")
}

fn allowed_scopes() -> Field {
    let about = "The scopes it may ask for; empty: those of OpenID Connect.";
    list("allowedScopes", text("", "").like("openid"), about)
}

fn grants() -> Field {
    let names: Vec<&str> = grants::names().collect();
    let item = one_of("", &names, "");
    list("grantTypes", item, "The grants it may use.")
}

fn fields() -> Vec<Field> {
    vec![
        text("clientId", "Its name for programs.").like("wiki"),
        name(),
        kind(),
        redirect_uris(),
        allowed_scopes(),
        grants(),
        instant("createdAt", "When it was registered."),
    ]
}

fn client() -> Shape {
    shape("Client", fields())
}

/// What the use case calls a field, and what it is called here.
const NAMES: [(&str, &str); 4] = [
    ("client_name", "name"),
    ("redirect_uris", "redirect_uris"),
    ("scope", "allowed_scopes"),
    ("grant_types", "grant_types"),
];

impl From<AdminError> for RailError {
    fn from(error: AdminError) -> Self {
        let told = |name: &str| NAMES.iter().find(|(own, _)| *own == name).map(|(_, told)| *told);
        let error = match error {
            AdminError::Invalid { argument, what } => {
                let field = told(argument).unwrap_or(argument);
                AuthError::field(field, what)
            }
            AdminError::Store(error) => AuthError::Store(error),
            AdminError::Busy => AuthError::Busy,
            other => AuthError::Internal(other.to_string()),
        };
        error.into()
    }
}

/// An admin who has shown a second factor (rule 30).
///
/// # Errors
/// Whoever is none, or has not.
pub async fn admin(call: &Call) -> Result<Caller, RailError> {
    let caller = call.caller(Place::Issuer).await?;
    let user = &caller.user;
    let is_admin = user.tenant_id == DEFAULT_TENANT && user.roles.iter().any(|r| r == ADMIN_ROLE);
    if !is_admin {
        return Err(AuthError::Forbidden.into());
    }
    let app = &call.app;
    caller.require(Level::TwoFactor, app.config.tokens.session_ttl, app.clock.now())?;
    Ok(caller)
}

/// POST /clients
pub async fn create(call: Call) -> Response {
    let result = try_create(&call).await;
    call.end(result)
}

async fn try_create(call: &Call) -> Result<Response, RailError> {
    let caller = admin(call).await?;
    let mut body = call.body()?;
    let name = body.string("name");
    let kind = body.string("type");
    let redirect_uris = body.optional_strings("redirectUris");
    let scopes = body.optional_strings("allowedScopes");
    let grants = body.optional_strings("grantTypes");
    let method = match kind.as_str() {
        "CONFIDENTIAL" => "client_secret_basic",
        "PUBLIC" => "none",
        _ => {
            body.problem("type", "must be CONFIDENTIAL or PUBLIC");
            ""
        }
    };
    body.finish()?;
    let members = json!({
        "client_name": name,
        "token_endpoint_auth_method": method,
        "redirect_uris": redirect_uris,
        "scope": scopes.map(|scopes| scopes.join(" ")),
        "grant_types": grants,
    });
    let members: Map<String, Value> = members.as_object().cloned().unwrap_or_default();
    let event = |client: &Client| {
        let details = json!({ "client": client.client_id });
        call.origin.event(Action::ClientCreated, Some(&caller.user), client.created_at, details)
    };
    let (client, secret) = admin::create_client(&call.app, &members, event).await?;
    let mut shown = describe(&client);
    if let Some(secret) = secret {
        shown["clientSecret"] = secret.into();
    }
    Ok(call.answer(StatusCode::CREATED, shown))
}

/// GET /clients
pub async fn list_page(call: Call) -> Response {
    let result = try_list_page(&call).await;
    call.end(result)
}

async fn try_list_page(call: &Call) -> Result<Response, RailError> {
    admin(call).await?;
    let (page, per_page) = call.page()?;
    let app = &call.app;
    let total = app.identity.count_clients().await.map_err(AuthError::Store)?;
    let total = usize::try_from(total).unwrap_or(usize::MAX);
    let skipped = (page - 1).saturating_mul(per_page);
    let clients = if skipped < total {
        admin::list_clients(app, skipped, per_page).await?
    } else {
        Vec::new()
    };
    let items = clients.iter().map(describe).collect();
    Ok(answer::page(&call.origin.request_id, items, page, per_page, total))
}

/// GET /clients/{clientId}
pub async fn show(path: Path<String>, call: Call) -> Response {
    let result = try_show(&call, &path.0).await;
    call.end(result)
}

async fn try_show(call: &Call, client_id: &str) -> Result<Response, RailError> {
    admin(call).await?;
    let client = call.app.identity.find_client(client_id).await.map_err(AuthError::Store)?;
    Ok(call.answer(StatusCode::OK, describe(&client.ok_or(AuthError::NotFound)?)))
}

/// DELETE /clients/{clientId}
pub async fn remove(path: Path<String>, call: Call) -> Response {
    let result = try_remove(&call, &path.0).await;
    call.end(result)
}

async fn try_remove(call: &Call, client_id: &str) -> Result<Response, RailError> {
    let caller = admin(call).await?;
    let now = call.app.clock.now();
    let details = json!({ "client": client_id });
    let event = call.origin.event(Action::ClientRemoved, Some(&caller.user), now, details);
    if !admin::remove_client(&call.app, client_id, &event).await? {
        return Err(AuthError::NotFound.into());
    }
    Ok(call.answer(StatusCode::OK, json!({ "clientId": client_id, "removed": true })))
}

fn describe(client: &Client) -> Value {
    let metadata = &client.metadata;
    let scopes = metadata.scope.as_deref().unwrap_or_default();
    json!({
        "clientId": client.client_id,
        "name": client.name(),
        "type": if client.is_public() { "PUBLIC" } else { "CONFIDENTIAL" },
        "redirectUris": metadata.redirect_uris,
        "allowedScopes": scopes.split(' ').filter(|name| !name.is_empty()).collect::<Vec<_>>(),
        "grantTypes": metadata.grant_types,
        "createdAt": rfc3339(client.created_at),
    })
}
