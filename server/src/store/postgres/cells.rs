//! Reading rows, and the forms in which values lie in them.

use jwks::Time;
use serde::de::DeserializeOwned;
use tokio_postgres::{Row, types::FromSql};

use super::broken;
use crate::store::StoreResult;

/// A row, read by the names of its columns.
pub(super) struct Cells<'a>(pub(super) &'a Row);

impl<'a> Cells<'a> {
    pub(super) fn get<T: FromSql<'a>>(&self, column: &str) -> StoreResult<T> {
        Ok(self.0.try_get(column)?)
    }

    pub(super) fn time(&self, column: &str) -> StoreResult<Time> {
        self.get(column).map(Time::from_millis)
    }

    pub(super) fn time_if_any(&self, column: &str) -> StoreResult<Option<Time>> {
        Ok(self.get::<Option<i64>>(column)?.map(Time::from_millis))
    }

    /// A number that is never negative.
    pub(super) fn count<T: TryFrom<i64>>(&self, column: &str) -> StoreResult<T> {
        let number: i64 = self.get(column)?;
        T::try_from(number).map_err(|_| broken(format!("{number} in column {column}")))
    }

    /// A value that is stored by its name.
    pub(super) fn named<T>(
        &self,
        column: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> StoreResult<T> {
        let name: &str = self.get(column)?;
        parse(name).ok_or_else(|| broken(format!("`{name}` in column {column}")))
    }

    /// A value that is stored as JSON text.
    pub(super) fn json<T: DeserializeOwned>(&self, column: &str) -> StoreResult<T> {
        serde_json::from_str(self.get(column)?).map_err(broken)
    }
}

/// An instant as it is stored.
pub(super) fn millis(at: Option<Time>) -> Option<i64> {
    at.map(Time::millis)
}

/// A count as it is stored; what does not fit is as large as can be.
pub(super) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
