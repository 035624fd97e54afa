//! Why a use case said no: one closed list, which every surface answers in its own words.

use std::time::Duration;

use jwks::policy::{Level, Method};

use crate::{auth::hasher::Busy, seal::Unsealable, store::StoreError};

/// What is wrong with one field of a request. Names are the use cases' own; surfaces write them
/// as their wire does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it, and the remedy; for people.
    pub message: String,
}

impl FieldProblem {
    /// A problem of one field.
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

/// The reasons. Nothing in here is shown as it is but [`FieldProblem::message`].
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// Fields that cannot be taken.
    #[error("invalid fields")]
    Invalid(Vec<FieldProblem>),
    /// A factor method that is not offered here, and those that are.
    #[error("method not offered")]
    MethodNotOffered(Vec<Method>),
    /// Wrong name or password; or an account that may not sign in: nobody is told which.
    #[error("wrong credentials")]
    WrongCredentials,
    /// The right password of an account whose address nobody has proved.
    #[error("address not verified")]
    AddressNotVerified,
    /// No credential, or one of a kind that does not count here.
    #[error("no credential")]
    NoCredential,
    /// A token that does not count, or not any more.
    #[error("invalid token")]
    InvalidToken,
    /// A wrong, spent or expired code.
    #[error("wrong code")]
    WrongCode,
    /// A factor with too many wrong codes in a row.
    #[error("factor locked")]
    FactorLocked,
    /// Counted too often.
    #[error("too many tries")]
    TooMany {
        /// When one more fits, counted from now.
        retry_after: Duration,
        /// How many fit.
        limit: u32,
    },
    /// A valid credential that is too weak or too old for this call.
    #[error("step-up required")]
    StepUpRequired {
        /// The level to reach.
        acr: Level,
        /// How old the proof may be, seconds.
        max_age: u64,
    },
    /// A valid credential of somebody who may not do this.
    #[error("forbidden")]
    Forbidden,
    /// No such thing, or none that is the caller's.
    #[error("not found")]
    NotFound,
    /// It exists already, or has been done.
    #[error("conflict: {0}")]
    Conflict(&'static str),
    /// The same request is being carried out for somebody who sent it before.
    #[error("under way")]
    UnderWay,
    /// Too much to do at this moment.
    #[error("busy")]
    Busy,
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something that cannot happen did.
    #[error("internal: {0}")]
    Internal(String),
}

/// What a [`AuthError::Conflict`] says where a change was judged by an account that has changed since.
pub const ACCOUNT_CHANGED: &str = "the account was changed at this very moment";
/// The same, where the proof that the change rests on is gone.
pub const PROOF_CHANGED: &str = "the factors or the password changed meanwhile";
/// What it says of somebody for whom nothing is made while they may not sign in.
pub const NOT_ACTIVE: &str = "the account is not active";

impl AuthError {
    /// One field that cannot be taken.
    pub fn field(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldProblem::new(field, message)])
    }
}

impl From<Busy> for AuthError {
    fn from(_: Busy) -> Self {
        Self::Busy
    }
}

impl From<Unsealable> for AuthError {
    fn from(error: Unsealable) -> Self {
        Self::Internal(error.to_string())
    }
}

/// What a use case gives.
pub type AuthResult<T> = Result<T, AuthError>;
