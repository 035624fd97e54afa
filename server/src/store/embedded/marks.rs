//! What counts once.

use jwks::Time;
use rusqlite::params;

use super::{cached::Cached, fault::Fault, writer::Tx};
use crate::{domain::secret::SecretHash, store::sessions::Marked};

/// Notes that it came. What was noted is on the disk, so this memory has no beginning: it is never
/// [`Marked::BeforeMemory`].
pub(super) fn once(tx: &Tx<'_>, key: &SecretHash, until: Time, now: Time) -> Result<Marked, Fault> {
    let first = tx.run(
        "INSERT INTO marks (key, expires_at) VALUES (?1, ?2)
         ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at
         WHERE marks.expires_at <= ?3",
        params![key.as_bytes(), until.millis(), now.millis()],
    )?;
    Ok(if first == 1 { Marked::First } else { Marked::Again })
}
