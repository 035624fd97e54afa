//! The grid: two contracts, two pairs of implementations, one conformance suite.
//!
//! One method is one atomic act, named by intent. Not found is `Option`; a lost race or a replay
//! is an outcome; [`StoreError`] means that the store itself failed. No clock: `now` is an
//! argument, and a TTL is garbage collection, never the truth. The store sees hashes of secrets
//! and sealed secrets, nothing more, and holds no rule.

pub mod embedded;
pub mod identity;
pub mod patience;
pub mod postgres;
pub mod redis;
pub mod sessions;

#[cfg(test)]
pub(crate) mod conformance;

pub use identity::IdentityStore;
pub use sessions::SessionStore;

/// The store itself failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or gave up; another try may succeed.
    #[error("the {store} store is unavailable: {cause}")]
    Unavailable {
        /// `identity` or `session`.
        store: &'static str,
        /// For the log alone.
        cause: String,
    },
    /// It holds what this program cannot read, or refuses what it asks.
    #[error("the {store} store is broken: {cause}")]
    Broken {
        /// `identity` or `session`.
        store: &'static str,
        /// For the log alone.
        cause: String,
    },
}

/// What an act of a store gives.
pub type StoreResult<T> = Result<T, StoreError>;
