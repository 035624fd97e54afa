use std::sync::Arc;

use serde_json::{Value, json};

use super::{AdminError, AdminResult, event, users};
use crate::{
    app::App,
    auth::{AuthError, devices},
    domain::audit::Event,
};

/// Trusts no device of an account any more, and ends the sessions that rest on one.
pub(super) async fn revoke(app: &Arc<App>, email: &str) -> AdminResult<Value> {
    let now = app.clock.now();
    let user = users::find(app, email).await?;
    let act = |action, details| Event { user_id: Some(user.id), ..event(action, now, details) };
    let revoked = devices::forget_all(app, &user, act, now).await.map_err(|error| match error {
        AuthError::Store(error) => AdminError::Store(error),
        other => AdminError::Failed(other.to_string()),
    })?;
    Ok(json!({ "email": user.email, "revoked": revoked }))
}
