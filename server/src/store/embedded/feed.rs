//! The feed. The one writer gives the numbers, so they become visible in order.

use jwks::{
    Time,
    feed::{Change, Entry, Snapshot},
};
use rusqlite::{Connection, params};

use super::{
    api_keys,
    cached::{Cached, json, number, stored, time},
    cut_offs,
    fault::Fault,
    keys, sites,
    writer::Tx,
};

/// Appends a change.
pub(super) fn append(tx: &Tx<'_>, at: Time, change: &Change) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO feed (seq, at, body)
         SELECT coalesce(max(seq), 0) + 1, ?1, ?2 FROM feed",
        params![at.millis(), serde_json::to_string(change)?],
    )?;
    tx.feed_grew();
    Ok(())
}

/// Entries after `seq`, in order.
pub(super) fn list(connection: &Connection, after: u64, limit: u32) -> Result<Vec<Entry>, Fault> {
    let sql = "SELECT seq, at, body FROM feed WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    Ok(connection.all(sql, params![stored(after), limit], |row| {
        Ok(Entry { seq: number(row, 0)?, at: time(row, 1)?, change: json(row, 2)? })
    })?)
}

/// The epoch and the newest number.
pub(super) fn head(connection: &Connection) -> Result<(String, u64), Fault> {
    connection
        .one(
            "SELECT value, (SELECT coalesce(max(seq), 0) FROM feed) FROM meta
             WHERE name = 'feed_epoch'",
            [],
            |row| Ok((row.get(0)?, number(row, 1)?)),
        )?
        .ok_or_else(|| Fault::Unreadable("the feed has no epoch".to_owned()))
}

/// Everything as of one number: read in one transaction.
pub(super) fn snapshot(
    connection: &Connection,
    issuer: &str,
    most_keys: u32,
    now: Time,
) -> Result<Snapshot, Fault> {
    let moment = connection.unchecked_transaction()?;
    let (epoch, seq) = head(&moment)?;
    let (key_holders, more_keys) = api_keys::holders(&moment, most_keys, now)?;
    Ok(Snapshot {
        seq,
        epoch,
        issuer: issuer.to_owned(),
        keys: serde_json::from_str(&keys::public_set(&moment, now)?)?,
        sites: sites::list(&moment)?,
        cut_offs: cut_offs::list(&moment, now)?,
        key_holders,
        more_keys,
    })
}
