//! Accounts that are closed, and opened again.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{AdminError, AdminResult, event, users};
use crate::{
    app::App,
    domain::{
        audit::{Action, Event},
        user::UserStatus,
    },
};

/// Opens an account that its owner has blocked, or that is disabled. Its password stays what it was.
pub(super) async fn unblock(app: &Arc<App>, email: &str) -> AdminResult<Value> {
    let now = app.clock.now();
    let user = users::find(app, email).await?;
    let event = Event { user_id: Some(user.id), ..event(Action::AccountUnblocked, now, json!({})) };
    if !app.identity.unblock_user(user.id, now, &event).await? {
        return Err(AdminError::invalid("--email", "this account is neither blocked nor disabled"));
    }
    Ok(json!({ "email": user.email, "status": UserStatus::Active.as_str() }))
}
