//! Why a form is shown again.

use std::time::Duration;

use http::StatusCode;

use super::Look;
use crate::{
    auth::{AuthError, error::FieldProblem},
    store::StoreError,
};

/// When a store is looked for again.
pub const SOON: Duration = Duration::from_secs(1);

/// What is wrong with what was sent, for the person who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Wrong name or password; nobody is told which.
    WrongCredentials,
    /// A wrong password of somebody who is signed in.
    WrongPassword,
    /// The right password of an account whose address nobody has proved.
    AddressNotVerified,
    /// A wrong, spent or expired code.
    WrongCode,
    /// A passkey that did not answer rightly.
    WrongPasskey,
    /// A passkey of a model that does not count where somebody is on their way to.
    WrongModel,
    /// A factor with too many wrong codes in a row.
    FactorLocked,
    /// The half sign-in is over: the password is asked for again.
    SignInOver,
    /// A code of a device that there is not, or not any more.
    UnknownDevice,
    /// Counted too often.
    TooMany {
        /// When one more try fits, counted from now.
        retry_after: Duration,
    },
    /// Too much to do, or a store is away.
    Busy,
}

impl Problem {
    /// What a reason is on a form; `None`: it is no matter of the form, but of an error page.
    #[must_use]
    pub fn of(reason: &AuthError) -> Option<Self> {
        match reason {
            AuthError::WrongCredentials => Some(Self::WrongCredentials),
            AuthError::AddressNotVerified => Some(Self::AddressNotVerified),
            AuthError::WrongCode => Some(Self::WrongCode),
            AuthError::FactorLocked => Some(Self::FactorLocked),
            AuthError::TooMany { retry_after, .. } => {
                Some(Self::TooMany { retry_after: *retry_after })
            }
            AuthError::Busy | AuthError::Store(StoreError::Unavailable { .. }) => Some(Self::Busy),
            _ => None,
        }
    }

    /// The same where a passkey was to answer.
    #[must_use]
    pub fn of_passkey(reason: &AuthError) -> Option<Self> {
        match reason {
            AuthError::WrongCredentials | AuthError::WrongCode => Some(Self::WrongPasskey),
            other => Self::of(other),
        }
    }

    /// The status of the page that shows it.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    /// When to try again, where that is a matter of time.
    #[must_use]
    pub const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::TooMany { retry_after } => Some(retry_after),
            Self::Busy => Some(SOON),
            _ => None,
        }
    }

    /// In words.
    #[must_use]
    pub fn text(self, look: &Look) -> String {
        match self {
            Self::WrongCredentials => look.text("problem-wrong-credentials"),
            Self::WrongPassword => look.text("problem-wrong-password"),
            Self::AddressNotVerified => look.text("problem-address-not-verified"),
            Self::WrongCode => look.text("problem-wrong-code"),
            Self::WrongPasskey => look.text("problem-passkey"),
            Self::WrongModel => look.text("problem-passkey-model"),
            Self::FactorLocked => look.text("problem-factor-locked"),
            Self::SignInOver => look.text("problem-sign-in-over"),
            Self::UnknownDevice => look.text("problem-unknown-device"),
            Self::TooMany { retry_after } => {
                let minutes = retry_after.as_secs().div_ceil(60).max(1);
                look.count("problem-too-many", "minutes", minutes)
            }
            Self::Busy => look.text("problem-busy"),
        }
    }
}

/// What is wrong with a field, in the page's language; "" where nothing is. Use cases say it in
/// English, and those very words name the text: numbers as `n`, all that is no letter as `-`.
pub fn field_problem(look: &Look, problems: &[FieldProblem], field: &str) -> String {
    let Some(problem) = problems.iter().find(|problem| problem.field == field) else {
        return String::new();
    };
    let mut key = String::from("field");
    let mut n = 0;
    let words = problem.message.split(|c: char| !c.is_ascii_alphanumeric());
    for word in words.filter(|word| !word.is_empty()) {
        key.push('-');
        if let Ok(number) = word.parse() {
            n = number;
            key.push('n');
        } else {
            key.push_str(&word.to_ascii_lowercase());
        }
    }
    look.find(&key, n).unwrap_or_else(|| problem.message.clone())
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::auth::password::PasswordProblem;

    #[test]
    fn what_is_wrong_with_a_field_is_said_in_the_language_of_the_page() {
        let german = Look::of(&HeaderMap::new(), &["de".to_owned()]);
        let said = |message: String| {
            field_problem(&german, &[FieldProblem::new("password", message)], "password")
        };
        let problems = [
            PasswordProblem::TooShort(9),
            PasswordProblem::TooLong(128),
            PasswordProblem::Common,
            PasswordProblem::Weak,
            PasswordProblem::Control,
        ];
        for problem in problems {
            assert_ne!(said(problem.to_string()), problem.to_string());
        }
        assert!(said(PasswordProblem::TooShort(9).to_string()).contains("mindestens \u{2068}9"));
        assert_eq!(said("is of a new kind".to_owned()), "is of a new kind");
        assert_eq!(field_problem(&german, &[], "password"), "");
    }
}
