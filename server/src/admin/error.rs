use crate::{
    auth::{AuthError, hasher::Busy},
    keyring::KeyError,
    store::StoreError,
};

/// Why a command was not carried out. Its text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// An argument that cannot be taken.
    #[error("{argument}: {what}")]
    Invalid {
        /// The argument, as it is typed.
        argument: &'static str,
        /// What is wrong with it, and the remedy.
        what: String,
    },
    /// The name belongs to something that exists.
    #[error("{argument}: `{name}` is taken; choose another")]
    Taken {
        /// The argument, as it is typed.
        argument: &'static str,
        /// Its value.
        name: String,
    },
    /// There is an admin already.
    #[error(
        "there is an admin already, who signs in at {sign_in}; setup-link is for the first one"
    )]
    AdminExists {
        /// Where.
        sign_in: String,
    },
    /// Another process rotated the keys of this algorithm at this very moment.
    #[error("another process has just rotated this key; see: signalbox keys list")]
    Raced,
    /// Too many passwords are being hashed.
    #[error("the server is busy hashing passwords; try again")]
    Busy,
    /// Something that cannot happen did.
    #[error("{0}")]
    Failed(String),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key cannot be made or sealed.
    #[error(transparent)]
    Key(KeyError),
}

/// What a command gives.
pub type AdminResult<T> = Result<T, AdminError>;

impl AdminError {
    /// A problem of one argument.
    pub(super) fn invalid(argument: &'static str, what: impl ToString) -> Self {
        Self::Invalid { argument, what: what.to_string() }
    }

    /// Whether the command itself was wrong, and not the state of things.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::Invalid { .. })
    }
}

impl From<Busy> for AdminError {
    fn from(_: Busy) -> Self {
        Self::Busy
    }
}

impl From<AuthError> for AdminError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Store(error) => Self::Store(error),
            AuthError::Busy => Self::Busy,
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<KeyError> for AdminError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(error) => Self::Store(error),
            other => Self::Key(other),
        }
    }
}
