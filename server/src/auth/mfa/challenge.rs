//! Challenges: what has to be sent or shown before a factor can be proved. An authenticator app
//! and backup codes need nothing.

use jwks::policy::Method;

use super::Standing;
use crate::{
    app::App,
    auth::{
        error::{AuthError, AuthResult},
        login::usable_methods,
    },
    domain::login::Outstanding,
};

/// Begins a challenge of `method`.
///
/// # Errors
/// [`AuthError::MethodNotOffered`] with the methods this person can prove.
pub async fn challenge(app: &App, standing: &Standing, method: Method) -> AuthResult<()> {
    let user_id = match standing {
        Standing::Half(_, login) if login.outstanding == Outstanding::Enrol => {
            return Err(AuthError::MethodNotOffered(Vec::new()));
        }
        Standing::Half(_, login) => login.user_id,
        Standing::Full(caller) => caller.user.id,
    };
    let usable = usable_methods(&app.identity.list_factors(user_id).await?);
    if usable.contains(&method) { Ok(()) } else { Err(AuthError::MethodNotOffered(usable)) }
}
