//! What can go wrong with the database, before it is known which store it is told as.

use rusqlite::ErrorCode;

use crate::store::StoreError;

/// Why an act or a read failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite says so.
    Sqlite(rusqlite::Error),
    /// A row holds what this program cannot read.
    Unreadable(String),
    /// The work was given up; another try may succeed.
    Lost(String),
}

impl Fault {
    /// As the store of this name tells it.
    pub(super) fn of(self, store: &'static str) -> StoreError {
        let passing = match &self {
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::DatabaseBusy
                        | ErrorCode::DatabaseLocked
                        | ErrorCode::DiskFull
                        | ErrorCode::SystemIoFailure
                        | ErrorCode::CannotOpen
                        | ErrorCode::OutOfMemory
                        | ErrorCode::OperationInterrupted
                )
            ),
            Self::Unreadable(_) => false,
            Self::Lost(_) => true,
        };
        let cause = match self {
            Self::Sqlite(error) => error.to_string(),
            Self::Unreadable(cause) | Self::Lost(cause) => cause,
        };
        if passing {
            StoreError::Unavailable { store, cause }
        } else {
            StoreError::Broken { store, cause }
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}
