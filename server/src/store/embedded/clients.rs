//! Clients, and the tokens with which they register themselves.

use std::time::Duration;

use jwks::{Time, cutoff::CutOff};
use rusqlite::{Connection, params};

use super::{
    audit,
    cached::{Cached, hash, json, number, time},
    cut_offs,
    fault::Fault,
    writer::Tx,
};
use crate::{
    domain::{
        audit::Event,
        client::{Client, InitialAccess},
        secret::SecretHash,
    },
    store::identity::ClientChanged,
};

/// Registers a client, if its id was never given before.
pub(super) fn create(tx: &Tx<'_>, client: &Client, event: &Event) -> Result<bool, Fault> {
    let made = tx.run(
        "INSERT INTO clients (client_id, body, updated_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (client_id) DO NOTHING",
        params![client.client_id, serde_json::to_string(client)?, client.updated_at.millis()],
    )?;
    if made == 1 {
        audit::append(tx, event)?;
    }
    Ok(made == 1)
}

/// The client of this id.
pub(super) fn find(connection: &Connection, client_id: &str) -> Result<Option<Client>, Fault> {
    let sql = "SELECT body FROM clients WHERE client_id = ?1 AND body IS NOT NULL";
    Ok(connection.one(sql, [client_id], |row| json(row, 0))?)
}

/// Clients after an id, in order.
pub(super) fn list(connection: &Connection, after: &str, limit: u32) -> Result<Vec<Client>, Fault> {
    let sql = "SELECT body FROM clients WHERE client_id > ?1 AND body IS NOT NULL
         ORDER BY client_id LIMIT ?2";
    Ok(connection.all(sql, params![after, limit], |row| json(row, 0))?)
}

/// How many there are.
pub(super) fn count(connection: &Connection) -> Result<u64, Fault> {
    let sql = "SELECT count(*) FROM clients WHERE body IS NOT NULL";
    let count = connection.one(sql, [], |row| number(row, 0))?;
    Ok(count.unwrap_or_default())
}

/// Puts a client in the place of the version it was made of.
pub(super) fn replace(
    tx: &Tx<'_>,
    client: &Client,
    expected: Time,
    cut_offs: &[CutOff],
    event: &Event,
) -> Result<ClientChanged, Fault> {
    let Some(held) = find(tx, &client.client_id)? else { return Ok(ClientChanged::Gone) };
    if held.updated_at != expected {
        return Ok(ClientChanged::Overtaken);
    }
    let client = Client {
        created_at: held.created_at,
        updated_at: client.updated_at.max(expected.plus(Duration::from_millis(1))),
        ..client.clone()
    };
    tx.run(
        "UPDATE clients SET body = ?2, updated_at = ?3 WHERE client_id = ?1",
        params![client.client_id, serde_json::to_string(&client)?, client.updated_at.millis()],
    )?;
    changed(tx, cut_offs, event)
}

/// Removes a client with its consents; of the client its id stays.
pub(super) fn remove(
    tx: &Tx<'_>,
    client_id: &str,
    cut_offs: &[CutOff],
    event: &Event,
) -> Result<ClientChanged, Fault> {
    let sql = "UPDATE clients SET body = NULL, updated_at = NULL
         WHERE client_id = ?1 AND body IS NOT NULL";
    if tx.run(sql, [client_id])? == 0 {
        return Ok(ClientChanged::Gone);
    }
    tx.run("DELETE FROM consents WHERE client_id = ?1", [client_id])?;
    changed(tx, cut_offs, event)
}

/// What every change of a client ends with. Whoever follows the feed looks again, even where it
/// says nothing new.
fn changed(tx: &Tx<'_>, cut_offs: &[CutOff], event: &Event) -> Result<ClientChanged, Fault> {
    cut_offs::put(tx, cut_offs, event)?;
    tx.feed_grew();
    Ok(ClientChanged::Changed)
}

/// Keeps an initial access token.
pub(super) fn create_initial_access(
    tx: &Tx<'_>,
    access: &InitialAccess,
    event: &Event,
) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO initial_access_tokens (hash, name, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4)",
        params![
            access.hash.as_bytes(),
            access.name,
            access.created_at.millis(),
            access.expires_at.millis(),
        ],
    )?;
    audit::append(tx, event)
}

/// The initial access token of this hash that is alive.
pub(super) fn find_initial_access(
    connection: &Connection,
    presented: &SecretHash,
    now: Time,
) -> Result<Option<InitialAccess>, Fault> {
    let sql = "SELECT hash, name, created_at, expires_at FROM initial_access_tokens
         WHERE hash = ?1 AND expires_at > ?2";
    Ok(connection.one(sql, params![presented.as_bytes(), now.millis()], |row| {
        Ok(InitialAccess {
            hash: hash(row, 0)?,
            name: row.get(1)?,
            created_at: time(row, 2)?,
            expires_at: time(row, 3)?,
        })
    })?)
}
