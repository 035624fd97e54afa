//! Tenants, and who belongs to them.

use jwks::Time;
use uuid::Uuid;

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its name for programs: 1 to 64 of `a-z 0-9 -`.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// When it was made.
    pub created_at: Time,
}

/// A person's place in a tenant that is not their own. In their own
/// ([`crate::domain::user::User::tenant_id`]) their roles are those of their row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Who.
    pub user_id: Uuid,
    /// Where.
    pub tenant_id: String,
    /// Their roles there, and nowhere else.
    pub roles: Vec<String>,
    /// Since when.
    pub created_at: Time,
}
