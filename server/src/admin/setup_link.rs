use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use uuid::Uuid;

use super::{AdminError, AdminResult};
use crate::{
    app::App,
    clock::random,
    domain::{
        one_time::{OneTime, Purpose},
        secret::{OpaqueToken, TokenKind},
    },
};

/// How long the link is good.
const TTL: Duration = Duration::from_secs(30 * 60);

/// A one-time link to the page where the first admin is made. An earlier link dies.
pub(super) async fn issue(app: &Arc<App>) -> AdminResult<Value> {
    if app.identity.has_admin().await? {
        return Err(AdminError::AdminExists { sign_in: app.link("/login") });
    }
    let token = OpaqueToken::new(TokenKind::OneTime, &[Uuid::nil()], random());
    app.sessions
        .put_one_time(&OneTime {
            purpose: Purpose::FirstAdmin,
            owner: Uuid::nil(),
            hash: token.hash(),
            bound_to: String::new(),
            expires_at: app.clock.now().plus(TTL),
        })
        .await?;
    let url = app.link(&format!("/setup?token={}", token.as_str()));
    Ok(json!({ "url": url, "expiresIn": TTL.as_secs() }))
}
