//! Accounts that are closed, and opened again.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{AccountEdit, AdminError, AdminResult, change_account, event, users};
use crate::{
    app::App,
    domain::{audit::Event, user::UserStatus},
    store::identity::AccountChanged,
};

/// Opens an account that its owner has blocked, or that is disabled. Its password stays what it was.
pub(super) async fn unblock(app: &Arc<App>, email: &str) -> AdminResult<Value> {
    let user = users::find(app, email).await?;
    if !matches!(user.status, UserStatus::Blocked | UserStatus::Disabled) {
        return Err(AdminError::invalid("--email", "this account is neither blocked nor disabled"));
    }
    let edit = AccountEdit { status: Some(UserStatus::Active), ..AccountEdit::default() };
    let act =
        |action, now, details| Event { user_id: Some(user.id), ..event(action, now, details) };
    match change_account(app, &user, edit, act).await? {
        AccountChanged::Changed => {
            Ok(json!({ "email": user.email, "status": UserStatus::Active.as_str() }))
        }
        AccountChanged::Overtaken | AccountChanged::LastAdmin => Err(AdminError::Failed(
            "the account was changed at this very moment; try again".to_owned(),
        )),
    }
}
