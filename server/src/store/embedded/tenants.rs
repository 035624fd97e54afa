//! Tenants, and who was invited into them.

use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::{
    audit,
    cached::{Cached, json, time},
    fault::Fault,
    writer::Tx,
};
use crate::{
    domain::{
        audit::Event,
        tenant::{Membership, Tenant},
    },
    store::identity::Joined,
};

/// Makes a tenant, unless the id is taken.
pub(super) fn create(tx: &Tx<'_>, tenant: &Tenant, event: &Event) -> Result<bool, Fault> {
    let made = tx.run(
        "INSERT INTO tenants (id, name, created_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (id) DO NOTHING",
        params![tenant.id, tenant.name, tenant.created_at.millis()],
    )?;
    if made == 0 {
        return Ok(false);
    }
    audit::append(tx, event)?;
    Ok(true)
}

/// The tenant of this id.
pub(super) fn find(connection: &Connection, id: &str) -> Result<Option<Tenant>, Fault> {
    let sql = "SELECT id, name, created_at FROM tenants WHERE id = ?1";
    Ok(connection.one(sql, [id], read)?)
}

/// Every tenant, by id.
pub(super) fn list(connection: &Connection) -> Result<Vec<Tenant>, Fault> {
    Ok(connection.all("SELECT id, name, created_at FROM tenants ORDER BY id", [], read)?)
}

/// Makes a person a member of a tenant that is not their own.
pub(super) fn join(tx: &Tx<'_>, membership: &Membership, event: &Event) -> Result<Joined, Fault> {
    let Membership { user_id, tenant_id, roles, created_at } = membership;
    let roles = serde_json::to_string(roles)?;
    let known = tx.run(
        "UPDATE memberships SET roles = ?3 WHERE user_id = ?1 AND tenant_id = ?2",
        params![user_id, tenant_id, roles],
    )?;
    let joined = if known == 1 {
        Joined::Already
    } else {
        let made = tx.run(
            "INSERT INTO memberships (user_id, tenant_id, roles, created_at)
             SELECT u.id, t.id, ?3, ?4 FROM users u, tenants t
             WHERE u.id = ?1 AND t.id = ?2 AND u.tenant_id <> t.id",
            params![user_id, tenant_id, roles, created_at.millis()],
        )?;
        if made == 0 {
            return Ok(Joined::Gone);
        }
        Joined::Joined
    };
    audit::append(tx, event)?;
    Ok(joined)
}

/// The memberships of a person, by tenant.
pub(super) fn list_memberships(
    connection: &Connection,
    user_id: Uuid,
) -> Result<Vec<Membership>, Fault> {
    let sql = "SELECT tenant_id, roles, created_at FROM memberships WHERE user_id = ?1
         ORDER BY tenant_id";
    Ok(connection.all(sql, [user_id], |row| read_membership(row, 0, user_id))?)
}

/// The membership of that person whose tenant, roles and instant begin at column `first`.
pub(super) fn read_membership(
    row: &Row<'_>,
    first: usize,
    user_id: Uuid,
) -> rusqlite::Result<Membership> {
    Ok(Membership {
        user_id,
        tenant_id: row.get(first)?,
        roles: json(row, first + 1)?,
        created_at: time(row, first + 2)?,
    })
}

fn read(row: &Row<'_>) -> rusqlite::Result<Tenant> {
    Ok(Tenant { id: row.get(0)?, name: row.get(1)?, created_at: time(row, 2)? })
}
