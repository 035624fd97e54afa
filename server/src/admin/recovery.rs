//! Links with which somebody who has lost every second factor sets up a new one.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{AdminError, AdminResult, event, rfc3339, users};
use crate::{
    app::App,
    auth::{login::usable_methods, mfa::recovery},
    domain::{
        audit::{Action, Event},
        user::UserStatus,
    },
};

/// A one-time link for somebody who has lost every second factor, who is told of it. An earlier
/// one dies.
pub(super) async fn issue(app: &Arc<App>, email: &str) -> AdminResult<Value> {
    let now = app.clock.now();
    let user = users::find(app, email).await?;
    match user.status {
        UserStatus::Active => {}
        UserStatus::Blocked => {
            return Err(AdminError::invalid(
                "--email",
                "its owner has blocked this account: they choose a new password first, by \
                 \u{201c}Forgot password\u{201d}",
            ));
        }
        UserStatus::Pending | UserStatus::Disabled => {
            return Err(AdminError::invalid("--email", "belongs to an account that is closed"));
        }
    }
    if user.password_hash.is_none() {
        return Err(AdminError::invalid(
            "--email",
            "this account has no password, which the link asks for; its owner chooses one first, \
             by \u{201c}Forgot password\u{201d}",
        ));
    }
    if usable_methods(&app.identity.list_factors(user.id).await?).is_empty() {
        return Err(AdminError::invalid("--email", "this account has no second factor to lose"));
    }
    let details = json!({ "opens_after": app.config.policy.recovery_delay });
    let event = Event { user_id: Some(user.id), ..event(Action::RecoveryIssued, now, details) };
    let issued = recovery::issue(app, &user, &event, now).await?;
    Ok(json!({
        "email": user.email,
        "link": issued.link,
        "opensAt": rfc3339(issued.opens_at),
        "expiresAt": rfc3339(issued.expires_at),
    }))
}
