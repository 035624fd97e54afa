use std::sync::Arc;

use serde_json::{Value, json};

use super::{AdminError, AdminResult, event, is_plain_name, rfc3339};
use crate::{
    app::App,
    clock::{new_id, random},
    domain::{
        audit::{Action, Event},
        edge::EdgeRow,
        secret::{OpaqueToken, TokenKind},
    },
};

/// Registers an edge. Its credential is in the answer and nowhere else.
pub(super) async fn create(app: &Arc<App>, name: &str) -> AdminResult<Value> {
    if !is_plain_name(name) {
        return Err(AdminError::invalid(
            "--name",
            "1 to 64 letters, digits, `-`, `_`, `.` and `:`, such as edge-1",
        ));
    }
    let (edge, credential, event) = draft(app, name);
    if !app.identity.create_edge(&edge, &event).await? {
        return Err(AdminError::Taken { argument: "--name", name: name.to_owned() });
    }
    Ok(json!({
        "id": edge.id,
        "name": edge.name,
        "credential": credential.as_str(),
        "createdAt": rfc3339(edge.created_at),
    }))
}

/// A new credential for the edge called `name`, which is registered if need be. The old one is
/// dead, and with it the keys that were told with it.
///
/// # Errors
/// When the store fails.
pub async fn renew_edge(app: &Arc<App>, name: &str) -> AdminResult<OpaqueToken> {
    let (edge, credential, event) = draft(app, name);
    app.identity.renew_edge(&edge, &event).await?;
    Ok(credential)
}

/// Removes an edge: its credential is dead, the feed it follows ends, and its keys vouch for nothing.
pub(super) async fn remove(app: &Arc<App>, name: &str) -> AdminResult<Value> {
    let event = event(Action::EdgeRemoved, app.clock.now(), json!({ "edge": name }));
    if app.identity.remove_edge(name, &event).await? {
        Ok(json!({ "name": name, "removed": true }))
    } else {
        Err(AdminError::invalid("--name", "there is no edge of this name"))
    }
}

fn draft(app: &App, name: &str) -> (EdgeRow, OpaqueToken, Event) {
    let now = app.clock.now();
    let credential = OpaqueToken::new(TokenKind::Edge, &[], random());
    let edge = EdgeRow {
        id: new_id(now),
        name: name.to_owned(),
        hash: credential.hash(),
        created_at: now,
    };
    (edge, credential, event(Action::EdgeCreated, now, json!({ "edge": name })))
}
