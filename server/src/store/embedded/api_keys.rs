//! Personal API keys.

use jwks::{Time, api_key::KeyHolder, cutoff::CutOff, feed::Change};
use rusqlite::{Connection, Row, named_params, params};
use uuid::Uuid;

use super::{
    audit,
    cached::{Cached, hash, json, stored, time, time_opt},
    cut_offs,
    fault::Fault,
    feed,
    writer::Tx,
};
use crate::{
    domain::{
        api_key::{ApiKey, by_person, without_keys},
        audit::Event,
    },
    store::identity::ApiKeyMade,
};

/// The columns of a key, in the order [`read`] takes them.
macro_rules! columns {
    () => {
        "id, user_id, hash, name, scopes, sites, networks, created_at, expires_at, last_used_at"
    };
}

/// Keys with their owners, in the order [`read_holder`] takes them.
macro_rules! holders {
    () => {
        "SELECT k.id, k.user_id, k.hash, k.name, k.scopes, k.sites, k.networks, k.created_at,
             k.expires_at, k.last_used_at, u.email, u.name, u.roles, u.tenant_id, u.status = 'active'
         FROM api_keys k JOIN users u ON u.id = k.user_id"
    };
}

/// Makes a key, unless its owner is not who they were or has too many; what is over of theirs goes.
pub(super) fn create(
    tx: &Tx<'_>,
    key: &ApiKey,
    expected_epoch: u64,
    dead_until: Option<Time>,
    most: u32,
    event: &Event,
) -> Result<ApiKeyMade, Fault> {
    let sql = "SELECT 1 FROM users WHERE id = ?1 AND status = 'active' AND factor_epoch = ?2";
    if !tx.any(sql, params![key.user_id, stored(expected_epoch)])? {
        return Ok(ApiKeyMade::Overtaken);
    }
    let (now, dead) = (key.created_at.millis(), dead_until.map(Time::millis));
    let full = "SELECT 1 FROM api_keys
         WHERE user_id = ?1 AND expires_at > ?2 AND created_at > coalesce(?3, created_at - 1)
         LIMIT 1 OFFSET ?4";
    if most == 0 || tx.any(full, params![key.user_id, now, dead, most - 1])? {
        return Ok(ApiKeyMade::TooMany);
    }
    tx.run(
        "DELETE FROM api_keys WHERE user_id = ?1 AND (expires_at <= ?2 OR created_at <= ?3)",
        params![key.user_id, now, dead],
    )?;
    tx.run(
        concat!(
            "INSERT INTO api_keys (",
            columns!(),
            ") VALUES (:id, :user_id, :hash, :name, :scopes, :sites, :networks, :created_at,
                 :expires_at, :last_used_at)"
        ),
        named_params! {
            ":id": key.id,
            ":user_id": key.user_id,
            ":hash": key.hash.as_bytes(),
            ":name": key.name,
            ":scopes": serde_json::to_string(&key.scopes)?,
            ":sites": serde_json::to_string(&key.sites)?,
            ":networks": serde_json::to_string(&key.networks)?,
            ":created_at": key.created_at.millis(),
            ":expires_at": key.expires_at.millis(),
            ":last_used_at": key.last_used_at.map(Time::millis),
        },
    )?;
    tell(tx, key.user_id, event.at)?;
    audit::append(tx, event)?;
    Ok(ApiKeyMade::Made)
}

/// The key of this id.
pub(super) fn find(connection: &Connection, id: Uuid) -> Result<Option<ApiKey>, Fault> {
    let sql = concat!("SELECT ", columns!(), " FROM api_keys WHERE id = ?1");
    Ok(connection.one(sql, [id], read)?)
}

/// Every key of a person, newest first.
pub(super) fn list(connection: &Connection, user_id: Uuid) -> Result<Vec<ApiKey>, Fault> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM api_keys WHERE user_id = ?1 ORDER BY created_at DESC, id DESC"
    );
    Ok(connection.all(sql, [user_id], read)?)
}

/// Keys of a person or of everybody, by id, newest first.
pub(super) fn page(
    connection: &Connection,
    owner: Option<Uuid>,
    after: Option<Uuid>,
    skip: u64,
    limit: u32,
) -> Result<Vec<ApiKey>, Fault> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM api_keys WHERE user_id = coalesce(?1, user_id) AND id < ?2
         ORDER BY id DESC LIMIT ?3 OFFSET ?4"
    );
    let after = after.unwrap_or(Uuid::max());
    Ok(connection.all(sql, params![owner, after, limit, stored(skip)], read)?)
}

/// How many they are.
pub(super) fn count(
    connection: &Connection,
    owner: Option<Uuid>,
    after: Option<Uuid>,
) -> Result<u64, Fault> {
    let sql = "SELECT count(*) FROM api_keys WHERE user_id = coalesce(?1, user_id) AND id < ?2";
    let after = after.unwrap_or(Uuid::max());
    let count: i64 = connection.query_row(sql, params![owner, after], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Removes a key of a person, with the endings.
pub(super) fn revoke(
    tx: &Tx<'_>,
    user_id: Uuid,
    id: Uuid,
    cut_offs: &[CutOff],
    event: &Event,
) -> Result<bool, Fault> {
    if tx.run("DELETE FROM api_keys WHERE id = ?1 AND user_id = ?2", [id, user_id])? == 0 {
        return Ok(false);
    }
    cut_offs::put(tx, cut_offs, event)?;
    tell(tx, user_id, event.at)?;
    Ok(true)
}

/// Everybody with keys that are good at `now`, by person, up to so many keys; and whether there are
/// more.
pub(super) fn holders(
    connection: &Connection,
    most: u32,
    now: Time,
) -> Result<(Vec<KeyHolder>, bool), Fault> {
    let sql = concat!(holders!(), " WHERE k.expires_at > ?1 ORDER BY k.user_id, k.id LIMIT ?2");
    let mut rows = connection.all(sql, params![now.millis(), i64::from(most) + 1], read_holder)?;
    let more = rows.len() > most as usize;
    rows.truncate(most as usize);
    Ok((by_person(rows), more))
}

/// The person whose key this is, with those that are good at `now`.
pub(super) fn holder_of(
    connection: &Connection,
    key: Uuid,
    now: Time,
) -> Result<Option<KeyHolder>, Fault> {
    match find(connection, key)? {
        Some(found) => holder(connection, found.user_id, now),
        None => Ok(None),
    }
}

/// Tells the edges what is so now of a person and their keys.
fn tell(tx: &Tx<'_>, user_id: Uuid, at: Time) -> Result<(), Fault> {
    let holder = holder(tx, user_id, at)?.unwrap_or_else(|| without_keys(user_id));
    feed::append(tx, at, &Change::KeyHolder(Box::new(holder)))
}

/// Tells the edges what is so now of a person who has keys. What an edge is told of others would tell
/// it nothing.
pub(super) fn tell_if_any(tx: &Tx<'_>, user_id: Uuid, at: Time) -> Result<(), Fault> {
    match holder(tx, user_id, at)? {
        Some(holder) => feed::append(tx, at, &Change::KeyHolder(Box::new(holder))),
        None => Ok(()),
    }
}

/// A person with the keys that are good at `now`, if there are any.
pub(super) fn holder(
    connection: &Connection,
    user_id: Uuid,
    now: Time,
) -> Result<Option<KeyHolder>, Fault> {
    let sql = concat!(holders!(), " WHERE k.user_id = ?1 AND k.expires_at > ?2 ORDER BY k.id");
    let rows = connection.all(sql, params![user_id, now.millis()], read_holder)?;
    Ok(by_person(rows).pop())
}

/// Removes what an ending, at `ended_at`, of everything of a person leaves dead: it would come to life
/// again when the ending is forgotten.
pub(super) fn remove_dead(tx: &Tx<'_>, user_id: Uuid, ended_at: Time) -> Result<(), Fault> {
    let dead = jwks::api_key::dead_until(ended_at).millis();
    let sql = "DELETE FROM api_keys WHERE user_id = ?1 AND created_at <= ?2";
    tx.run(sql, params![user_id, dead])?;
    Ok(())
}

/// Notes when keys were used.
pub(super) fn note_uses(tx: &Tx<'_>, uses: &[(Uuid, Time)]) -> Result<(), Fault> {
    let sql =
        "UPDATE api_keys SET last_used_at = max(coalesce(last_used_at, ?2), ?2) WHERE id = ?1";
    for (id, at) in uses {
        tx.run(sql, params![id, at.millis()])?;
    }
    Ok(())
}

/// A row's person, with its key and no other.
fn read_holder(row: &Row<'_>) -> rusqlite::Result<KeyHolder> {
    let key = read(row)?;
    Ok(KeyHolder {
        user_id: key.user_id,
        email: row.get(10)?,
        name: row.get(11)?,
        roles: json(row, 12)?,
        tenant_id: row.get(13)?,
        active: row.get(14)?,
        keys: vec![key.record()],
    })
}

fn read(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    Ok(ApiKey {
        id: row.get(0)?,
        user_id: row.get(1)?,
        hash: hash(row, 2)?,
        name: row.get(3)?,
        scopes: json(row, 4)?,
        sites: json(row, 5)?,
        networks: json(row, 6)?,
        created_at: time(row, 7)?,
        expires_at: time(row, 8)?,
        last_used_at: time_opt(row, 9)?,
    })
}
