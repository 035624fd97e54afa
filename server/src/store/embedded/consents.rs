//! Consents.

use std::collections::BTreeSet;

use jwks::cutoff::CutOff;
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::{
    audit,
    cached::{Cached, json, time},
    cut_offs, errands,
    fault::Fault,
    writer::Tx,
};
use crate::domain::{audit::Event, consent::Consent};

/// The columns of a consent, in the order [`read`] takes them.
macro_rules! columns {
    () => {
        "user_id, client_id, scopes, claims, resources, created_at, granted_at"
    };
}

/// What this person allowed this client.
pub(super) fn find(
    connection: &Connection,
    user_id: Uuid,
    client_id: &str,
) -> Result<Option<Consent>, Fault> {
    let sql =
        concat!("SELECT ", columns!(), " FROM consents WHERE user_id = ?1 AND client_id = ?2");
    Ok(connection.one(sql, params![user_id, client_id], read)?)
}

/// What this person allowed clients.
pub(super) fn list(connection: &Connection, user_id: Uuid) -> Result<Vec<Consent>, Fault> {
    let sql =
        concat!("SELECT ", columns!(), " FROM consents WHERE user_id = ?1 ORDER BY client_id");
    Ok(connection.all(sql, [user_id], read)?)
}

/// Forgets what this person allowed this client, and ends what came of it.
pub(super) fn withdraw(
    tx: &Tx<'_>,
    user_id: Uuid,
    client_id: &str,
    cut_offs: &[CutOff],
    told: &[Uuid],
    event: &Event,
) -> Result<(), Fault> {
    let sql = "DELETE FROM consents WHERE user_id = ?1 AND client_id = ?2";
    tx.run(sql, params![user_id, client_id])?;
    for errand in told {
        errands::wake(tx, *errand, event.at)?;
    }
    cut_offs::put(tx, cut_offs, event)
}

/// Adds a consent to what was given before, if there are such a person and such a client.
pub(super) fn grant(tx: &Tx<'_>, consent: &Consent, event: &Event) -> Result<bool, Fault> {
    let mut whole = consent.clone();
    if let Some(held) = find(tx, consent.user_id, &consent.client_id)? {
        whole.scopes.extend(held.scopes);
        whole.claims.extend(held.claims);
        whole.resources.extend(held.resources);
        whole.granted_at = whole.granted_at.max(held.granted_at);
    }
    let granted = tx.run(
        "INSERT INTO consents
             (user_id, client_id, scopes, claims, resources, created_at, granted_at)
         SELECT users.id, clients.client_id, ?3, ?4, ?5, ?6, ?7 FROM users, clients
         WHERE users.id = ?1 AND clients.client_id = ?2 AND clients.body IS NOT NULL
         ON CONFLICT (user_id, client_id) DO UPDATE SET scopes = excluded.scopes,
             claims = excluded.claims, resources = excluded.resources,
             granted_at = excluded.granted_at",
        params![
            whole.user_id,
            whole.client_id,
            sorted(whole.scopes)?,
            sorted(whole.claims)?,
            sorted(whole.resources)?,
            whole.created_at.millis(),
            whole.granted_at.millis(),
        ],
    )?;
    if granted == 1 {
        audit::append(tx, event)?;
    }
    Ok(granted == 1)
}

/// Each once, in order, as it is stored.
fn sorted(names: Vec<String>) -> Result<String, Fault> {
    Ok(serde_json::to_string(&names.into_iter().collect::<BTreeSet<_>>())?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Consent> {
    Ok(Consent {
        user_id: row.get(0)?,
        client_id: row.get(1)?,
        scopes: json(row, 2)?,
        claims: json(row, 3)?,
        resources: json(row, 4)?,
        created_at: time(row, 5)?,
        granted_at: time(row, 6)?,
    })
}
