//! Statements are parsed once for each connection, and columns are read as what they are.

use jwks::Time;
use rusqlite::{
    Connection, Params, Row,
    types::{Type, ValueRef},
};
use serde::de::DeserializeOwned;

use crate::domain::secret::SecretHash;

/// What a connection does with a statement it has very likely seen before.
pub(super) trait Cached {
    /// Carries a statement out; how many rows it changed.
    fn run(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize>;

    /// The first row, if there is one.
    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        row: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>>;

    /// Every row.
    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>>;

    /// Whether there is any row.
    fn any(&self, sql: &str, params: impl Params) -> rusqlite::Result<bool> {
        Ok(self.one(sql, params, |_| Ok(()))?.is_some())
    }
}

impl Cached for Connection {
    fn run(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.prepare_cached(sql)?.execute(params)
    }

    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        row: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        let mut statement = self.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        let Some(first) = rows.next()? else { return Ok(None) };
        let first = row(first)?;
        // A statement that writes and returns rows has done its work only when it has ended.
        while rows.next()?.is_some() {}
        Ok(Some(first))
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.prepare_cached(sql)?.query_map(params, row)?.collect()
    }
}

/// An instant.
pub(super) fn time(row: &Row<'_>, at: usize) -> rusqlite::Result<Time> {
    row.get(at).map(Time::from_millis)
}

/// An instant that may be missing.
pub(super) fn time_opt(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Time>> {
    Ok(row.get::<_, Option<i64>>(at)?.map(Time::from_millis))
}

/// A count, a sequence number or a version.
pub(super) fn number(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(at)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(at, value))
}

/// A count, a sequence number or a version that may be missing.
pub(super) fn number_opt(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<u64>> {
    if row.get_ref(at)? == ValueRef::Null { Ok(None) } else { number(row, at).map(Some) }
}

/// As SQLite stores a number. It knows none beyond `i64::MAX`, and nothing counts that far.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A list or an object.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(at)?.as_str()?;
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(at, Type::Text, Box::new(error)))
}

/// A list or an object that may be missing.
pub(super) fn json_opt<T: DeserializeOwned>(
    row: &Row<'_>,
    at: usize,
) -> rusqlite::Result<Option<T>> {
    if row.get_ref(at)? == ValueRef::Null { Ok(None) } else { json(row, at).map(Some) }
}

/// One of a closed set of names.
pub(super) fn named<T>(
    row: &Row<'_>,
    at: usize,
    parse: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let name = row.get_ref(at)?.as_str()?;
    parse(name).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(
            at,
            Type::Text,
            format!("`{name}` is not a name this program knows").into(),
        )
    })
}

/// The hash of a secret that may be missing.
pub(super) fn hash_opt(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<SecretHash>> {
    if row.get_ref(at)? == ValueRef::Null { Ok(None) } else { hash(row, at).map(Some) }
}

/// The hash of a secret.
pub(super) fn hash(row: &Row<'_>, at: usize) -> rusqlite::Result<SecretHash> {
    let bytes = row.get_ref(at)?.as_blob()?;
    SecretHash::from_slice(bytes).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(at, Type::Blob, "not 32 bytes".into())
    })
}
