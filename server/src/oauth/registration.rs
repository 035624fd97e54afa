//! Clients that register themselves (RFC 7591, OpenID Connect Dynamic Client Registration), and
//! manage that (RFC 7592).

use std::sync::Arc;

use jwks::Time;
use serde_json::{Map, Value, json};

use super::{
    OAuthError, OAuthResult,
    client_secret::secret_mac,
    clients::client_end,
    metadata::{self, MetadataError},
};
use crate::{
    app::App,
    auth::{origin::Origin, throttle},
    clock::{new_id, random},
    config::RegistrationMode,
    domain::{
        audit::{Action, Event},
        client::{Client, ClientAuthMethod, Registrar},
        secret::{OpaqueToken, TokenKind},
    },
    store::identity::ClientChanged,
};

/// What only an answer holds (RFC 7592 section 2.2).
const NEVER_SENT: [&str; 4] = [
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
];

/// A client as it is shown to itself.
pub struct Shown {
    /// The client.
    pub client: Arc<Client>,
    /// Its secret, where one was made: this once.
    pub secret: Option<String>,
    /// With which it manages itself.
    pub token: String,
}

/// Whether a client of this method has a secret.
#[must_use]
pub const fn has_secret(method: ClientAuthMethod) -> bool {
    match method {
        ClientAuthMethod::ClientSecretBasic | ClientAuthMethod::ClientSecretPost => true,
        ClientAuthMethod::None | ClientAuthMethod::PrivateKeyJwt => false,
    }
}

/// A new secret.
#[must_use]
pub fn new_secret() -> String {
    OpaqueToken::new(TokenKind::ClientSecret, &[], random()).as_str().to_owned()
}

/// A name for a new client. It is no UUID: no client is taken for a person.
#[must_use]
pub fn new_client_id(now: Time) -> String {
    format!("c-{}", new_id(now).simple())
}

/// Registers a client. `bearer`: an initial access token, where one is asked for.
///
/// # Errors
/// [`OAuthError::NotFound`] where nobody may, [`OAuthError::InvalidToken`],
/// [`OAuthError::TooMany`], and what is wrong with the metadata.
pub async fn register(
    app: &App,
    origin: &Origin,
    bearer: Option<&str>,
    members: OAuthResult<Map<String, Value>>,
) -> OAuthResult<Shown> {
    let now = app.clock.now();
    let by = admit(app, origin, bearer, now).await?;
    let metadata = metadata::judge(&members?, Registrar::Itself)?;
    let secret = has_secret(metadata.token_endpoint_auth_method).then(new_secret);
    let token = OpaqueToken::new(TokenKind::Registration, &[], random());
    let client_id = new_client_id(now);
    let client = Client {
        secret: secret.as_deref().map(|secret| secret_mac(app, &client_id, secret)),
        client_id,
        registration_token: Some(token.hash()),
        registrar: Registrar::Itself,
        metadata,
        created_at: now,
        updated_at: now,
    };
    let event = event(origin, Action::ClientCreated, &client, json!({ "initial_access": by }), now);
    if !app.identity.create_client(&client, &event).await? {
        return Err(OAuthError::Internal("a new client's id was given before".to_owned()));
    }
    Ok(Shown { client: Arc::new(client), secret, token: token.as_str().to_owned() })
}

/// Whether somebody may register a client: the name of the initial access token, where one is asked
/// for.
async fn admit(
    app: &App,
    origin: &Origin,
    bearer: Option<&str>,
    now: Time,
) -> OAuthResult<Option<String>> {
    match app.config.registration.mode {
        RegistrationMode::Off => Err(OAuthError::NotFound),
        RegistrationMode::Open => {
            throttle::count_client_registration(app, origin, now).await?;
            Ok(None)
        }
        RegistrationMode::Token => {
            let token = bearer.ok_or(OAuthError::InvalidToken(None))?;
            let unknown = || OAuthError::InvalidToken(Some("not an initial access token".into()));
            let token = OpaqueToken::parse(TokenKind::InitialAccess, token).ok_or_else(unknown)?;
            let known = app.identity.find_initial_access(&token.hash(), now).await?;
            let name = known.ok_or_else(unknown)?.name;
            throttle::count_initial_access(app, &name, now).await?;
            Ok(Some(name))
        }
    }
}

/// What is registered of a client (RFC 7592 section 2.1).
///
/// # Errors
/// [`OAuthError::InvalidToken`].
pub async fn read(app: &App, client_id: &str, bearer: Option<&str>) -> OAuthResult<Shown> {
    let (client, token) = manage(app, client_id, bearer).await?;
    Ok(Shown { client: Arc::new(client), secret: None, token })
}

/// Puts other metadata in the place of what is registered (RFC 7592 section 2.2).
///
/// # Errors
/// [`OAuthError::InvalidToken`], [`OAuthError::TooMany`], and what is wrong with the metadata.
pub async fn replace(
    app: &App,
    origin: &Origin,
    client_id: &str,
    bearer: Option<&str>,
    members: OAuthResult<Map<String, Value>>,
) -> OAuthResult<Shown> {
    let (held, token) = manage(app, client_id, bearer).await?;
    let members = members?;
    judge_names(app, &held, &members)?;
    let metadata = metadata::judge(&members, Registrar::Itself)?;
    let now = app.clock.now();
    throttle::count_client_change(app, client_id, now).await?;
    // A secret stays while one is needed.
    let secret =
        (has_secret(metadata.token_endpoint_auth_method) && held.secret.is_none()).then(new_secret);
    let kept = held.secret.filter(|_| has_secret(metadata.token_endpoint_auth_method));
    let expected = held.updated_at;
    let client = Client {
        secret: secret.as_deref().map(|secret| secret_mac(app, client_id, secret)).or(kept),
        metadata,
        updated_at: now,
        ..held
    };
    let event = event(origin, Action::ClientUpdated, &client, json!({}), now);
    let changed = app.identity.replace_client(&client, expected, &[], &event).await?;
    app.clients.forget();
    match changed {
        ClientChanged::Changed => Ok(Shown { client: Arc::new(client), secret, token }),
        ClientChanged::Overtaken => {
            Err(OAuthError::Unavailable("the client was changed at the same time".to_owned()))
        }
        ClientChanged::Gone => Err(unknown_management()),
    }
}

/// Who a replacement says it is (RFC 7592 section 2.2).
fn judge_names(app: &App, held: &Client, members: &Map<String, Value>) -> OAuthResult<()> {
    let wrong = |member, what: &str| MetadataError { member, what: what.to_owned() };
    let sent = NEVER_SENT.into_iter().find(|member| members.contains_key(*member));
    if let Some(member) = sent {
        return Err(OAuthError::request(format!("{member} must not be sent")));
    }
    if members.get("client_id").and_then(Value::as_str) != Some(&held.client_id) {
        return Err(wrong("client_id", "must be the client's own").into());
    }
    let is_own = |secret: &str| held.secret == Some(secret_mac(app, &held.client_id, secret));
    match members.get("client_secret") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(secret)) if is_own(secret) => Ok(()),
        Some(_) => Err(wrong("client_secret", "must be the present one: it is not chosen").into()),
    }
}

/// Removes a client, and ends whatever was issued to it (RFC 7592 section 2.3).
///
/// # Errors
/// [`OAuthError::InvalidToken`].
pub async fn remove(
    app: &App,
    origin: &Origin,
    client_id: &str,
    bearer: Option<&str>,
) -> OAuthResult<()> {
    let (client, _) = manage(app, client_id, bearer).await?;
    let now = app.clock.now();
    let event = event(origin, Action::ClientRemoved, &client, json!({}), now);
    let end = client_end(app, client_id, now);
    let removed = app.identity.remove_client(client_id, &[end], &event).await?;
    app.clients.forget();
    match removed {
        ClientChanged::Changed => Ok(()),
        ClientChanged::Overtaken | ClientChanged::Gone => Err(unknown_management()),
    }
}

/// The client that this is the registration access token of. Read from the store: what is changed is
/// what stands there.
async fn manage(app: &App, client_id: &str, bearer: Option<&str>) -> OAuthResult<(Client, String)> {
    let token = bearer.ok_or(OAuthError::InvalidToken(None))?;
    let hash = OpaqueToken::parse(TokenKind::Registration, token).map(|token| token.hash());
    let hash = hash.ok_or_else(unknown_management)?;
    let client = app.identity.find_client(client_id).await?;
    client
        .filter(|client| client.registration_token == Some(hash))
        .map(|client| (client, token.to_owned()))
        .ok_or_else(unknown_management)
}

/// A client that is gone and a token of another's are answered alike (RFC 7592 section 2.1).
fn unknown_management() -> OAuthError {
    OAuthError::InvalidToken(Some("not the registration access token of this client".into()))
}

fn event(origin: &Origin, action: Action, client: &Client, more: Value, now: Time) -> Event {
    let mut event = origin.event_of(new_id(now), action, None, now, more);
    event.client_id = Some(client.client_id.clone());
    event.details["name"] = json!(client.metadata.client_name);
    event
}

/// What is registered of `client`, as RFC 7591 section 3.2.1 shows it. What only operators say is
/// shown to nobody else.
#[must_use]
pub fn described(client: &Client, secret: Option<&str>) -> Value {
    let mut shown = json!(client.metadata);
    if client.registrar == Registrar::Itself
        && let Some(members) = shown.as_object_mut()
    {
        members.remove("first_party");
        members.remove("require_pkce");
        members.remove("require_issuer_audience");
    }
    shown["client_id"] = json!(client.client_id);
    shown["client_id_issued_at"] = json!(client.created_at.secs());
    if let Some(secret) = secret {
        shown["client_secret"] = json!(secret);
    }
    if client.secret.is_some() {
        // Never.
        shown["client_secret_expires_at"] = json!(0);
    }
    shown
}
