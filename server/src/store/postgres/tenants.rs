//! Tenants, and who was invited into them.

use uuid::Uuid;

use super::{Postgres, cells::Cells};
use crate::{
    domain::{
        audit::Event,
        tenant::{Membership, Tenant},
    },
    store::{StoreResult, identity::Joined},
};

pub(super) async fn create(store: &Postgres, tenant: &Tenant, event: &Event) -> StoreResult<bool> {
    let mut act = store.transaction().await?;
    let made = act
        .change(
            "INSERT INTO tenants (id, name, created_at) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO NOTHING",
            &[&tenant.id, &tenant.name, &tenant.created_at.millis()],
        )
        .await?;
    if made == 0 {
        act.roll_back().await?;
        return Ok(false);
    }
    store.commit_with(act, &[], event).await?;
    Ok(true)
}

pub(super) async fn find(store: &Postgres, id: &str) -> StoreResult<Option<Tenant>> {
    let sql = "SELECT id, name, created_at FROM tenants WHERE id = $1";
    let row = store.act().await?.row(sql, &[&id]).await?;
    row.map(|row| read(&Cells(&row))).transpose()
}

pub(super) async fn list(store: &Postgres) -> StoreResult<Vec<Tenant>> {
    let sql = "SELECT id, name, created_at FROM tenants ORDER BY id";
    let rows = store.act().await?.rows(sql, &[]).await?;
    rows.iter().map(|row| read(&Cells(row))).collect()
}

pub(super) async fn join(
    store: &Postgres,
    membership: &Membership,
    event: &Event,
) -> StoreResult<Joined> {
    let Membership { user_id, tenant_id, roles, created_at } = membership;
    let mut act = store.transaction().await?;
    let made = act
        .change(
            "INSERT INTO memberships (user_id, tenant_id, roles, created_at)
             SELECT users.id, tenants.id, $3, $4 FROM users, tenants
             WHERE users.id = $1 AND tenants.id = $2 AND users.tenant_id <> tenants.id
             ON CONFLICT (user_id, tenant_id) DO NOTHING",
            &[user_id, tenant_id, roles, &created_at.millis()],
        )
        .await?;
    let joined = if made == 1 {
        Joined::Joined
    } else {
        let sql = "UPDATE memberships SET roles = $3 WHERE user_id = $1 AND tenant_id = $2";
        if act.change(sql, &[user_id, tenant_id, roles]).await? == 0 {
            act.roll_back().await?;
            return Ok(Joined::Gone);
        }
        Joined::Already
    };
    store.commit_with(act, &[], event).await?;
    Ok(joined)
}

pub(super) async fn list_memberships(
    store: &Postgres,
    user_id: Uuid,
) -> StoreResult<Vec<Membership>> {
    let sql = "SELECT tenant_id, roles, created_at FROM memberships WHERE user_id = $1
         ORDER BY tenant_id";
    let rows = store.act().await?.rows(sql, &[&user_id]).await?;
    rows.iter()
        .map(|row| {
            let cells = Cells(row);
            Ok(Membership {
                user_id,
                tenant_id: cells.get("tenant_id")?,
                roles: cells.get("roles")?,
                created_at: cells.time("created_at")?,
            })
        })
        .collect()
}

fn read(cells: &Cells<'_>) -> StoreResult<Tenant> {
    Ok(Tenant {
        id: cells.get("id")?,
        name: cells.get("name")?,
        created_at: cells.time("created_at")?,
    })
}
