//! What somebody says of themselves: the standard claims that nobody has to prove.

use serde_json::json;

use super::{
    bearer::Caller,
    error::{ACCOUNT_CHANGED, AuthError, AuthResult, FieldProblem},
    mfa::require_proof,
    origin::Origin,
    throttle,
};
use crate::{
    app::App,
    domain::{
        audit::Action,
        profile::{Change, Field, changed, difference},
        user::User,
    },
    store::identity::ProfileChanged,
};

/// Changes what the caller says of themselves. A user name is what people sign in with: so this asks
/// for a fresh proof, as every change of an account does. The person as they are then.
///
/// # Errors
/// [`AuthError::StepUpRequired`]; [`AuthError::Invalid`] for what cannot be taken;
/// [`AuthError::Conflict`] when the account was changed meanwhile.
pub async fn change(
    app: &App,
    origin: &Origin,
    caller: &Caller,
    changes: &[Change],
) -> AuthResult<User> {
    let now = app.clock.now();
    let user = &caller.user;
    require_proof(app, caller, now).await?;
    throttle::count_profile(app, user.id, now).await?;
    let new = changed(user, changes, now).map_err(|problems| {
        let problems = problems.into_iter();
        AuthError::Invalid(problems.map(|(field, what)| problem(field, what)).collect())
    })?;
    let fields: Vec<&str> = difference(user, &new).into_iter().map(path).collect();
    if fields.is_empty() {
        return Ok(new);
    }
    // Which, and not what: the log is kept when the person is gone.
    let details = json!({ "fields": fields });
    let event = origin.event(Action::ProfileUpdated, Some(user), now, details);
    match app.identity.change_profile(&new, user.updated_at, now, &event).await? {
        ProfileChanged::Changed => {
            let updated_at = now.max(user.updated_at.plus(std::time::Duration::from_millis(1)));
            Ok(User { updated_at, ..new })
        }
        ProfileChanged::UsernameTaken => {
            let taken = problem(Field::PreferredUsername, "is taken".to_owned());
            Err(AuthError::Invalid(vec![taken]))
        }
        ProfileChanged::Overtaken => Err(AuthError::Conflict(ACCOUNT_CHANGED)),
    }
}

fn problem(field: Field, what: String) -> FieldProblem {
    FieldProblem::new(path(field), what)
}

/// What a field is called in what is wrong with it.
#[must_use]
pub const fn path(field: Field) -> &'static str {
    match field {
        Field::Formatted => "address.formatted",
        Field::StreetAddress => "address.street_address",
        Field::Locality => "address.locality",
        Field::Region => "address.region",
        Field::PostalCode => "address.postal_code",
        Field::Country => "address.country",
        other => other.claim(),
    }
}
