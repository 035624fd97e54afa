use std::sync::Arc;

use serde_json::{Value, json};

use super::{AdminError, AdminResult, event, rfc3339};
use crate::{
    app::App,
    auth::{AuthError, login::usable_methods, mfa::recovery},
    domain::{
        audit::{Action, Event},
        login::normalise_address,
        user::{User, UserStatus},
    },
};

/// A one-time link for somebody who has lost every second factor, who is told of it. An earlier
/// one dies.
pub(super) async fn issue(app: &Arc<App>, email: &str) -> AdminResult<Value> {
    let now = app.clock.now();
    let user = find(app, email).await?;
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
    let issued = recovery::issue(app, &user, &event, now).await.map_err(|error| match error {
        AuthError::Store(error) => AdminError::Store(error),
        other => AdminError::Failed(other.to_string()),
    })?;
    Ok(json!({
        "email": user.email,
        "link": issued.link,
        "opensAt": rfc3339(issued.opens_at),
        "expiresAt": rfc3339(issued.expires_at),
    }))
}

/// Opens an account that its owner has blocked, or that is disabled. Its password stays what it was.
pub(super) async fn unblock(app: &Arc<App>, email: &str) -> AdminResult<Value> {
    let now = app.clock.now();
    let user = find(app, email).await?;
    let event = Event { user_id: Some(user.id), ..event(Action::AccountUnblocked, now, json!({})) };
    if !app.identity.unblock_user(user.id, now, &event).await? {
        return Err(AdminError::invalid("--email", "this account is neither blocked nor disabled"));
    }
    Ok(json!({ "email": user.email, "status": UserStatus::Active.as_str() }))
}

async fn find(app: &Arc<App>, email: &str) -> AdminResult<User> {
    let address = normalise_address(email)
        .ok_or_else(|| AdminError::invalid("--email", "not a mail address"))?;
    let user = app.identity.find_user_by_login(&address.key).await?;
    user.filter(|user| user.email_key == address.key)
        .ok_or_else(|| AdminError::invalid("--email", "belongs to no account"))
}
