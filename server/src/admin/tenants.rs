use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    AdminError, AdminResult, event, rfc3339,
    users::{judge_roles, text},
};
use crate::{
    app::App,
    auth::{
        invitations::{INVITATION_TTL, Terms, invite},
        registration::NAME_LIMIT,
    },
    domain::{
        audit::Action,
        login::normalise_address,
        tenant::{Tenant, is_tenant_id},
        user::{ADMIN_ROLE, DEFAULT_TENANT, UserStatus},
    },
};

/// Somebody to be invited.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewInvitation {
    /// The mail address.
    pub email: String,
    /// Into which tenant; `None`: the default one.
    pub tenant: Option<String>,
    /// Roles there.
    pub roles: Vec<String>,
    /// The whole name, which the person may change.
    pub name: Option<String>,
}

/// Makes a tenant.
pub(super) async fn create(app: &Arc<App>, id: &str, name: &str) -> AdminResult<Value> {
    if !is_tenant_id(id) {
        return Err(AdminError::invalid("--id", "1 to 64 of a-z, 0-9 and `-`, such as acme"));
    }
    let now = app.clock.now();
    let name = text("--name", name, NAME_LIMIT)?;
    let tenant = Tenant { id: id.to_owned(), name, created_at: now };
    let event = event(Action::TenantCreated, now, json!({ "tenant": id }));
    if !app.identity.create_tenant(&tenant, &event).await? {
        return Err(AdminError::Taken { argument: "--id", name: tenant.id });
    }
    Ok(show(&tenant))
}

/// Every tenant, by id.
pub(super) async fn list(app: &Arc<App>) -> AdminResult<Value> {
    Ok(app.identity.list_tenants().await?.iter().map(show).collect())
}

/// The tenant of this id.
pub(super) async fn find(app: &App, id: &str) -> AdminResult<Tenant> {
    app.identity.find_tenant(id).await?.ok_or_else(|| {
        AdminError::invalid("--tenant", "no such tenant (see: signalbox admin list-tenants)")
    })
}

/// Invites somebody: prints the link, and mails it.
pub(super) async fn send_invitation(app: &Arc<App>, new: NewInvitation) -> AdminResult<Value> {
    let address = normalise_address(&new.email).ok_or_else(|| {
        AdminError::invalid(
            "--email",
            "not an address that mail can be sent to, such as ada@example.com",
        )
    })?;
    let tenant_id = new.tenant.unwrap_or_else(|| DEFAULT_TENANT.to_owned());
    let tenant = find(app, &tenant_id).await?;
    let roles = judge_roles(new.roles, &tenant.id)?;
    let user = app.identity.find_user_by_login(&address.key).await?;
    if let Some(user) = user.filter(|user| user.status != UserStatus::Pending) {
        if user.status != UserStatus::Active {
            return Err(AdminError::invalid("--email", "belongs to an account that is closed"));
        }
        if user.tenant_id == tenant.id {
            return Err(AdminError::invalid("--email", "belongs to somebody of that tenant"));
        }
        if roles.iter().any(|role| role == ADMIN_ROLE) {
            return Err(AdminError::invalid(
                "--role",
                "`admin` is for people of the default tenant, and this person is of another",
            ));
        }
    }
    let name = new.name.map(|name| text("--name", &name, NAME_LIMIT)).transpose()?;
    let now = app.clock.now();
    let terms =
        Terms { address, tenant_id: tenant.id.clone(), roles, name: name.unwrap_or_default() };
    let details = json!({
        "email": terms.address.display, "tenant": terms.tenant_id, "roles": terms.roles,
    });
    let event = event(Action::UserInvited, now, details);
    let link = invite(app, &terms, &tenant, &event, now).await?;
    Ok(json!({
        "email": terms.address.display,
        "tenantId": terms.tenant_id,
        "roles": terms.roles,
        "link": link,
        "expiresAt": rfc3339(now.plus(INVITATION_TTL)),
    }))
}

fn show(tenant: &Tenant) -> Value {
    json!({ "id": tenant.id, "name": tenant.name, "createdAt": rfc3339(tenant.created_at) })
}
