//! Why a form is shown again.

use std::time::Duration;

use http::StatusCode;

use super::Look;
use crate::{auth::AuthError, store::StoreError};

/// What is wrong with what was sent, for the person who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Wrong name or password; nobody is told which.
    WrongCredentials,
    /// The right password of an account whose address nobody has proved.
    AddressNotVerified,
    /// A wrong, spent or expired code.
    WrongCode,
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

    /// The status of the page that shows it.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    /// In words.
    #[must_use]
    pub fn text(self, look: &Look) -> String {
        match self {
            Self::WrongCredentials => look.text("problem-wrong-credentials"),
            Self::AddressNotVerified => look.text("problem-address-not-verified"),
            Self::WrongCode => look.text("problem-wrong-code"),
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
