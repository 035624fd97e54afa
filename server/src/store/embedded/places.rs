//! Where people sign in from.

use jwks::Time;
use rusqlite::params;

use super::{cached::Cached, fault::Fault, writer::Tx};
use crate::domain::place::Place;

/// Notes a place; whether it is a new one.
pub(super) fn note(tx: &Tx<'_>, place: &Place, keep: u32, now: Time) -> Result<bool, Fault> {
    let Place { user_id, agent, network } = place;
    let seen = tx.run(
        "UPDATE places SET last_at = max(last_at, ?4)
         WHERE user_id = ?1 AND agent = ?2 AND network = ?3",
        params![user_id, agent, network, now.millis()],
    )?;
    if seen == 1 {
        return Ok(false);
    }
    tx.run(
        "DELETE FROM places WHERE user_id = ?1 AND (agent, network) IN
             (SELECT agent, network FROM places WHERE user_id = ?1
              ORDER BY last_at DESC, agent, network LIMIT -1 OFFSET ?2)",
        params![user_id, keep.saturating_sub(1)],
    )?;
    tx.run(
        "INSERT INTO places (user_id, agent, network, last_at) VALUES (?1, ?2, ?3, ?4)",
        params![user_id, agent, network, now.millis()],
    )?;
    Ok(true)
}
