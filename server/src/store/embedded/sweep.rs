//! Clearing away what is over. Never a matter of correctness: what is past its end does not exist
//! for any act, whether or not it is still stored.
//!
//! Sessions and the like are swept beside the acts on them, as Redis forgets its keys by itself;
//! identity is swept when asked to, as it is on Postgres.

use std::time::Duration;

use jwks::Time;
use rusqlite::{Connection, named_params};

use super::{cached::Cached, fault::Fault, writer::Tx};
use crate::store::identity::{ENDINGS_KEPT, EXPIRED_KEYS_KEPT, FEED_KEPT, SWEPT_AT_ONCE};

/// How often there is a look at what is over.
const EVERY: Duration = Duration::from_secs(60);
/// The most rows of a kind that go at once, so that no act waits long behind a sweep.
const AT_ONCE: i64 = 200;
/// What goes when it is over. Families go with their session.
const OVER: [&str; 9] = [
    "DELETE FROM sessions WHERE rowid IN
        (SELECT rowid FROM sessions WHERE expires_at <= :now LIMIT :limit)",
    "DELETE FROM pending_logins WHERE hash IN
        (SELECT hash FROM pending_logins WHERE expires_at <= :now LIMIT :limit)",
    "DELETE FROM one_time_tokens WHERE (purpose, owner) IN
        (SELECT purpose, owner FROM one_time_tokens WHERE expires_at <= :now LIMIT :limit)",
    "DELETE FROM tries WHERE key IN
        (SELECT key FROM tries WHERE expires_at <= :now LIMIT :limit)",
    "DELETE FROM requests WHERE key IN
        (SELECT key FROM requests WHERE expires_at <= :now LIMIT :limit)",
    "DELETE FROM authorization_requests WHERE rowid IN
        (SELECT rowid FROM authorization_requests WHERE expires_at <= :now LIMIT :limit)",
    "DELETE FROM codes WHERE rowid IN
        (SELECT rowid FROM codes WHERE expires_at <= :now LIMIT :limit)",
    "DELETE FROM device_grants WHERE rowid IN
        (SELECT rowid FROM device_grants WHERE told_until <= :now LIMIT :limit)",
    "DELETE FROM marks WHERE key IN
        (SELECT key FROM marks WHERE expires_at <= :now LIMIT :limit)",
];

/// Endings that nothing lives any more for them to end.
const ENDINGS_OVER: &str = "DELETE FROM cut_offs WHERE (kind, id) IN
    (SELECT kind, id FROM cut_offs WHERE until <= :over LIMIT :limit)";
/// Entries from the oldest on, up to the first that is to be kept. The newest always is: the
/// numbers go on from it.
const ENTRIES_OVER: &str = "DELETE FROM feed
    WHERE seq < (SELECT max(seq) FROM feed) AND seq < coalesce(
        (SELECT seq FROM feed WHERE seq < (SELECT min(seq) FROM feed) + :limit AND at > :over
         ORDER BY seq LIMIT 1),
        (SELECT min(seq) FROM feed) + :limit)";

/// Tokens with which nobody can register any more.
const ACCESS_OVER: &str = "DELETE FROM initial_access_tokens WHERE hash IN
    (SELECT hash FROM initial_access_tokens WHERE expires_at <= :over LIMIT :limit)";

/// API keys whose owners have seen for long enough that they are over.
const API_KEYS_OVER: &str = "DELETE FROM api_keys WHERE id IN
    (SELECT id FROM api_keys WHERE expires_at <= :over LIMIT :limit)";

/// Links by which nobody can deny anything any more.
const WARNINGS_OVER: &str = "DELETE FROM warnings WHERE id IN
    (SELECT id FROM warnings WHERE expires_at <= :over LIMIT :limit)";

/// Sweeps identity once.
pub(super) fn identity(tx: &Tx<'_>, now: Time) -> Result<u64, Fault> {
    let mut gone = 0;
    for (sql, kept) in [
        (ENDINGS_OVER, ENDINGS_KEPT),
        (ENTRIES_OVER, FEED_KEPT),
        (ACCESS_OVER, Duration::ZERO),
        (API_KEYS_OVER, EXPIRED_KEYS_KEPT),
        (WARNINGS_OVER, Duration::ZERO),
    ] {
        let over = now.minus(kept).millis();
        gone += tx.run(sql, named_params! { ":over": over, ":limit": SWEPT_AT_ONCE })? as u64;
    }
    Ok(gone)
}

/// When the next look is due.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    due: Option<Time>,
}

impl Sweep {
    /// Sweeps if it is time, in the transaction of the acts that said it is `now`.
    pub(super) fn after_acts(
        &mut self,
        connection: &Connection,
        now: Time,
    ) -> rusqlite::Result<()> {
        if self.due.is_some_and(|due| now < due) {
            return Ok(());
        }
        let limit = usize::try_from(AT_ONCE).unwrap_or(usize::MAX);
        let mut all_gone = true;
        for sql in OVER {
            let params = named_params! { ":now": now.millis(), ":limit": AT_ONCE };
            all_gone &= connection.run(sql, params)? < limit;
        }
        self.due = Some(if all_gone { now.plus(EVERY) } else { now });
        Ok(())
    }
}
