use std::{sync::Arc, time::Duration};

use jwks::Time;
use serde_json::{Map, Value, json};

use super::{AdminError, AdminResult, event, rfc3339, users::text};
use crate::{
    app::App,
    auth::registration::NAME_LIMIT,
    clock::random,
    domain::{
        audit::{Action, Event},
        client::{Client, InitialAccess, Registrar},
        secret::{OpaqueToken, TokenKind},
    },
    oauth::{
        client_secret::secret_mac,
        clients::{ID_LIMIT, client_end},
        metadata::{self, MetadataError},
        registration::{described, has_secret, new_client_id, new_secret},
    },
    store::identity::ClientChanged,
};

/// What tokens of other surfaces have in the place of a client.
const RESERVED: [&str; 8] =
    ["rail", "rual", "auth2", "cli", "oauth", "pages", "console", jwks::site_session::CLIENT_ID];
/// The longest secret that can be chosen.
const SECRET_LIMIT: usize = 256;
/// How many clients are read at once.
const BATCH: u32 = 100;
/// The longest life of an initial access token, days.
const MOST_DAYS: u32 = 366;

impl From<MetadataError> for AdminError {
    fn from(error: MetadataError) -> Self {
        Self::Invalid { argument: error.member, what: error.what }
    }
}

/// Registers a client as `members` describe it: the metadata of RFC 7591, what operators alone may
/// say, and, where they are chosen, `client_id` and `client_secret`. The client, and its secret.
///
/// # Errors
/// [`AdminError::Invalid`] and [`AdminError::Taken`] name the member.
pub async fn create_client(
    app: &App,
    members: &Map<String, Value>,
    event: impl FnOnce(&Client) -> Event,
) -> AdminResult<(Client, Option<String>)> {
    let now = app.clock.now();
    let metadata = metadata::judge(members, Registrar::Operator)?;
    let client_id = match chosen(members, "client_id")? {
        Some(client_id) => judge_client_id(client_id)?.to_owned(),
        None => new_client_id(now),
    };
    let needed = has_secret(metadata.token_endpoint_auth_method);
    let secret = match chosen(members, "client_secret")? {
        Some(_) if !needed => {
            let what = "goes with client_secret_basic or client_secret_post";
            return Err(AdminError::invalid("client_secret", what));
        }
        Some(secret) => Some(judge_secret(secret)?.to_owned()),
        None => needed.then(new_secret),
    };
    let client = Client {
        secret: secret.as_deref().map(|secret| secret_mac(app, &client_id, secret)),
        client_id,
        registration_token: None,
        registrar: Registrar::Operator,
        metadata,
        created_at: now,
        updated_at: now,
    };
    if !app.identity.create_client(&client, &event(&client)).await? {
        return Err(AdminError::Taken { argument: "client_id", name: client.client_id });
    }
    Ok((client, secret))
}

/// Which of these `members` say nothing of a client: what is misspelt is not to be missed.
#[must_use]
pub fn ignored_members(members: &Map<String, Value>) -> Vec<&str> {
    let mut ignored = metadata::ignored(members, Registrar::Operator);
    ignored.retain(|member| !["client_id", "client_secret"].contains(member));
    ignored
}

fn chosen<'m>(members: &'m Map<String, Value>, name: &'static str) -> AdminResult<Option<&'m str>> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(AdminError::invalid(name, "must be a string")),
    }
}

/// A name for a client that no token of another surface or of a person has.
fn judge_client_id(client_id: &str) -> AdminResult<&str> {
    // RFC 6749 appendix A.1, without what would have to be escaped wherever it is quoted.
    let plain = |byte: u8| (b' '..=b'~').contains(&byte) && !b"\"\\<>".contains(&byte);
    let is_trimmed = client_id.trim() == client_id;
    let length = client_id.len();
    if !(1..=ID_LIMIT).contains(&length) || !is_trimmed || !client_id.bytes().all(plain) {
        let what = format!("1 to {ID_LIMIT} printable ASCII characters, such as wiki");
        return Err(AdminError::invalid("client_id", what));
    }
    let begins = client_id.split(':').next().unwrap_or_default().to_ascii_lowercase();
    if RESERVED.contains(&begins.as_str()) || uuid::Uuid::parse_str(client_id).is_ok() {
        let what = format!("{} and UUIDs are kept for the server's own", RESERVED.join(", "));
        return Err(AdminError::invalid("client_id", what));
    }
    Ok(client_id)
}

/// What can be sent as a secret: of RFC 6749 appendix A.2, and beyond it what its percent-encoding
/// carries.
fn judge_secret(secret: &str) -> AdminResult<&str> {
    if secret.is_empty() || secret.len() > SECRET_LIMIT || secret.chars().any(char::is_control) {
        let what = format!("1 to {SECRET_LIMIT} bytes without control characters");
        return Err(AdminError::invalid("client_secret", what));
    }
    Ok(secret)
}

/// Removes a client, and ends whatever was issued to it. `false`: there is no such client.
///
/// # Errors
/// When the store fails.
pub async fn remove_client(app: &App, client_id: &str, event: &Event) -> AdminResult<bool> {
    let end = client_end(app, client_id, app.clock.now());
    let removed = app.identity.remove_client(client_id, &[end], event).await?;
    app.clients.forget();
    Ok(removed == ClientChanged::Changed)
}

/// Clients by id: `limit` of them after the first `skipped`.
///
/// # Errors
/// When the store fails.
pub async fn list_clients(app: &App, skipped: usize, limit: usize) -> AdminResult<Vec<Client>> {
    let (mut to_skip, mut after, mut found) = (skipped, String::new(), Vec::new());
    while found.len() < limit {
        let batch = app.identity.list_clients(&after, BATCH).await?;
        let Some(last) = batch.last() else { break };
        last.client_id.clone_into(&mut after);
        let passed = to_skip.min(batch.len());
        to_skip -= passed;
        found.extend(batch.into_iter().skip(passed));
    }
    found.truncate(limit);
    Ok(found)
}

/// The flags that say what a member says.
const FLAGS: [(&str, &str); 7] = [
    ("client_id", "--client-id"),
    ("client_name", "--name"),
    ("redirect_uris", "--redirect-uri"),
    ("post_logout_redirect_uris", "--post-logout-redirect-uri"),
    ("grant_types", "--grant"),
    ("scope", "--scope"),
    ("audiences", "--audience"),
];

fn by_flag(error: AdminError) -> AdminError {
    let flag = |member: &'static str| {
        FLAGS.iter().find(|(said, _)| *said == member).map_or(member, |(_, flag)| *flag)
    };
    match error {
        AdminError::Invalid { argument, what } => {
            AdminError::Invalid { argument: flag(argument), what }
        }
        AdminError::Taken { argument, name } => {
            AdminError::Taken { argument: flag(argument), name }
        }
        other => other,
    }
}

/// `create-client`.
pub(super) async fn create(
    app: &Arc<App>,
    members: &Map<String, Value>,
    by_flags: bool,
) -> AdminResult<Value> {
    let made = create_client(app, members, created).await;
    let (client, secret) = made.map_err(|e| if by_flags { by_flag(e) } else { e })?;
    Ok(described(&client, secret.as_deref()))
}

fn created(client: &Client) -> Event {
    let details = json!({ "client": client.client_id, "first_party": client.metadata.first_party });
    event(Action::ClientCreated, client.created_at, details)
}

/// `list-clients`.
pub(super) async fn list(app: &Arc<App>) -> AdminResult<Value> {
    let clients = list_clients(app, 0, usize::MAX).await?;
    Ok(clients.iter().map(|client| described(client, None)).collect())
}

/// `remove-client`.
pub(super) async fn remove(app: &Arc<App>, client_id: &str) -> AdminResult<Value> {
    let event = event(Action::ClientRemoved, app.clock.now(), json!({ "client": client_id }));
    if remove_client(app, client_id, &event).await? {
        Ok(json!({ "client_id": client_id, "removed": true }))
    } else {
        let what = "no such client (see: signalbox admin list-clients)";
        Err(AdminError::invalid("--client-id", what))
    }
}

/// `create-initial-access-token`.
pub(super) async fn create_initial_access(
    app: &Arc<App>,
    name: &str,
    days: u32,
) -> AdminResult<Value> {
    let name = text("--name", name, NAME_LIMIT)?;
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(AdminError::invalid("--days", format!("1 to {MOST_DAYS}")));
    }
    let now: Time = app.clock.now();
    let token = OpaqueToken::new(TokenKind::InitialAccess, &[], random());
    let expires_at = now.plus(Duration::from_secs(u64::from(days) * 24 * 60 * 60));
    let access = InitialAccess { hash: token.hash(), name, created_at: now, expires_at };
    let event = event(Action::InitialAccessCreated, now, json!({ "name": access.name }));
    app.identity.create_initial_access(&access, &event).await?;
    Ok(json!({
        "name": access.name,
        "token": token.as_str(),
        "registrationEndpoint": app.link("/register"),
        "expiresAt": rfc3339(expires_at),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_client_bears_the_name_of_a_surface_or_of_a_person() {
        for good in ["wiki", "bench-client", "https://client.example.com/", "a: b", "railway"] {
            assert!(judge_client_id(good).is_ok(), "{good}");
        }
        for bad in [
            "rail",
            "Rail",
            "auth2:wiki",
            "cli",
            "0199a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b",
            "0199a1b2c3d47e5f8a6b7c8d9e0f1a2b",
            "",
            " a",
            "a<b",
            "a\"b",
            "é",
            &"a".repeat(ID_LIMIT + 1),
        ] {
            assert!(judge_client_id(bad).is_err(), "{bad}");
        }
        assert!(uuid::Uuid::parse_str(&new_client_id(Time::from_secs(1))).is_err());
        assert!(judge_client_id(&new_client_id(Time::from_secs(1))).is_ok());
    }
}
