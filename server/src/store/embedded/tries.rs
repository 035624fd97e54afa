//! Throttles: the times of the counted tries of a key, in one row.

use std::time::Duration;

use jwks::Time;
use rusqlite::params;

use super::{cached::Cached, fault::Fault, writer::Tx};
use crate::store::sessions::Budget;

/// Counts a try, if it fits into the window that ends at `now`.
pub(super) fn count(
    tx: &Tx<'_>,
    key: &str,
    limit: u32,
    window: Duration,
    now: Time,
) -> Result<Budget, Fault> {
    let mut times = read(tx, key)?;
    times.retain(|at| at.plus(window) > now);
    let allowed = times.len() < usize::try_from(limit).unwrap_or(usize::MAX);
    if allowed {
        let after = times.partition_point(|at| *at <= now);
        times.insert(after, now);
        write(tx, key, &times, now.plus(window))?;
    }
    let counted = u32::try_from(times.len()).unwrap_or(u32::MAX);
    Ok(Budget {
        allowed,
        remaining: limit.saturating_sub(counted),
        reset_at: times.first().copied().unwrap_or(now).plus(window),
    })
}

/// Takes back one try counted at exactly `at`.
pub(super) fn forgive(tx: &Tx<'_>, key: &str, at: Time) -> Result<(), Fault> {
    let mut times = read(tx, key)?;
    if let Some(place) = times.iter().rposition(|counted| *counted == at) {
        times.remove(place);
        let sql = "UPDATE tries SET times = ?2 WHERE key = ?1";
        tx.run(sql, params![key, to_bytes(&times)])?;
    }
    Ok(())
}

fn read(tx: &Tx<'_>, key: &str) -> Result<Vec<Time>, Fault> {
    let bytes: Option<Vec<u8>> =
        tx.one("SELECT times FROM tries WHERE key = ?1", [key], |row| row.get(0))?;
    let bytes = bytes.unwrap_or_default();
    let (times, rest) = bytes.as_chunks();
    if !rest.is_empty() {
        return Err(Fault::Unreadable(format!("the tries of `{key}` are cut short")));
    }
    Ok(times.iter().map(|time| Time::from_millis(i64::from_be_bytes(*time))).collect())
}

fn write(tx: &Tx<'_>, key: &str, times: &[Time], expires_at: Time) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO tries (key, times, expires_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (key) DO UPDATE
         SET times = excluded.times, expires_at = max(expires_at, excluded.expires_at)",
        params![key, to_bytes(times), expires_at.millis()],
    )?;
    Ok(())
}

fn to_bytes(times: &[Time]) -> Vec<u8> {
    times.iter().flat_map(|time| time.millis().to_be_bytes()).collect()
}
