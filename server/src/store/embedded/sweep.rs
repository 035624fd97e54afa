//! Clearing away what is over. Never a matter of correctness: what is past its end does not exist
//! for any act, whether or not it is still stored.

use std::time::Duration;

use jwks::Time;
use rusqlite::{Connection, named_params};

use super::cached::Cached;

/// How often there is a look at what is over.
const EVERY: Duration = Duration::from_secs(60);
/// The most rows of a kind that go at once, so that no act waits long behind a sweep.
const AT_ONCE: i64 = 200;
/// How much longer an ending is kept than the access tokens it can kill live: as long as any
/// session may last (`tokens.session_ttl`), and a day. An ending is durable before its session is
/// closed; where that second act was cut short, the ending alone keeps the refresh tokens dead.
/// And a clock that jumped ahead and was put right again must not have brought the ended back.
const ENDINGS_KEPT: Duration = Duration::from_secs(367 * 24 * 60 * 60);

/// What goes when it is over. Families go with their session.
const OVER: [&str; 4] = [
    "DELETE FROM sessions WHERE rowid IN
        (SELECT rowid FROM sessions WHERE expires_at <= :now LIMIT :limit)",
    "DELETE FROM pending_logins WHERE hash IN
        (SELECT hash FROM pending_logins WHERE expires_at <= :now LIMIT :limit)",
    "DELETE FROM one_time_tokens WHERE (purpose, owner) IN
        (SELECT purpose, owner FROM one_time_tokens WHERE expires_at <= :now LIMIT :limit)",
    "DELETE FROM tries WHERE key IN
        (SELECT key FROM tries WHERE expires_at <= :now LIMIT :limit)",
];
const ENDINGS_OVER: &str = "DELETE FROM cut_offs WHERE (kind, id) IN
    (SELECT kind, id FROM cut_offs WHERE until <= :now LIMIT :limit)";

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
        let params = named_params! { ":now": now.minus(ENDINGS_KEPT).millis(), ":limit": AT_ONCE };
        all_gone &= connection.run(ENDINGS_OVER, params)? < limit;
        self.due = Some(if all_gone { now.plus(EVERY) } else { now });
        Ok(())
    }
}
