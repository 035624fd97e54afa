//! Codes by SMS: the number of a factor, which it keeps for itself. It is sealed, as an
//! authenticator's secret is: whoever copies the store learns nobody's number by it.

use crate::{
    app::App,
    auth::error::{AuthError, AuthResult},
    domain::{factor::Factor, phone::PhoneNumber, user::User},
};

/// Gives a new factor its number.
///
/// # Errors
/// When the library fails.
pub fn keep(app: &App, factor: &mut Factor, number: &PhoneNumber) -> AuthResult<()> {
    factor.name = format!("SMS {}", number.masked());
    factor.sealed_secret = app.sealer.seal(&sealed_name(factor), number.as_str().as_bytes())?;
    Ok(())
}

/// The number of a factor.
///
/// # Errors
/// When it was sealed with another key.
pub fn number(app: &App, factor: &Factor) -> AuthResult<PhoneNumber> {
    let kept = app.sealer.open(&sealed_name(factor), &factor.sealed_secret)?;
    let text = String::from_utf8(kept);
    text.map(PhoneNumber::kept).map_err(|_| AuthError::Internal("a number is no text".to_owned()))
}

/// The number that somebody types, or where they type none, the one of theirs that they have proved.
///
/// # Errors
/// [`AuthError::Invalid`] with the problem of field `phone`.
pub fn read(app: &App, user: &User, typed: Option<&str>) -> AuthResult<PhoneNumber> {
    let invalid = |message| AuthError::field("phone", message);
    let country = app.config.sms.country.as_deref();
    match typed {
        Some(typed) => PhoneNumber::read(typed, country)
            .ok_or_else(|| invalid("must be a telephone number, like +49 1512 3456789")),
        None => proved(user).ok_or_else(|| invalid("is missing")),
    }
}

/// The number of a person's own that they have proved.
#[must_use]
pub fn proved(user: &User) -> Option<PhoneNumber> {
    user.phone_verified_at?;
    // It may have come with the account, in whatever form.
    PhoneNumber::read(user.phone.as_deref()?, None)
}

fn sealed_name(factor: &Factor) -> String {
    format!("phone:{}:{}", factor.id, factor.user_id)
}
