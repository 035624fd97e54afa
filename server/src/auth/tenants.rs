//! Which tenant somebody acts in.

use super::{
    bearer::Caller,
    error::{AuthError, AuthResult},
};
use crate::{
    app::App,
    domain::{
        tenant::{Tenant, in_tenant},
        user::User,
    },
};

/// A tenant somebody belongs to, and their roles there.
pub struct Belongs {
    /// The tenant.
    pub tenant: Tenant,
    /// What they may do there.
    pub roles: Vec<String>,
}

/// The person as they stand in the tenant they name, or in their own.
///
/// # Errors
/// [`AuthError::Forbidden`] when they do not belong to it.
pub async fn enter(app: &App, user: &User, tenant_id: Option<&str>) -> AuthResult<User> {
    let tenant_id = tenant_id.unwrap_or(&user.tenant_id);
    let memberships = if tenant_id == user.tenant_id {
        Vec::new()
    } else {
        app.identity.list_memberships(user.id).await?
    };
    in_tenant(user, &memberships, tenant_id).ok_or(AuthError::Forbidden)
}

/// The tenants the caller belongs to: their own first, then the others by name.
///
/// # Errors
/// [`AuthError::InvalidToken`] when the caller is gone meanwhile; when the store fails.
pub async fn of(app: &App, caller: &Caller) -> AuthResult<Vec<Belongs>> {
    // The caller's own row: `caller.user` is what they are in the tenant of this session.
    let user = app.identity.find_user(caller.user.id).await?.ok_or(AuthError::InvalidToken)?;
    let memberships = app.identity.list_memberships(user.id).await?;
    let others = memberships.iter().map(|place| &place.tenant_id);
    let mut belongs = Vec::new();
    for id in std::iter::once(&user.tenant_id).chain(others) {
        let Some(standing) = in_tenant(&user, &memberships, id) else { continue };
        if let Some(tenant) = app.identity.find_tenant(id).await? {
            belongs.push(Belongs { tenant, roles: standing.roles });
        }
    }
    Ok(belongs)
}
