//! Tenants, and who belongs to them.

use jwks::Time;
use uuid::Uuid;

use super::user::{ADMIN_ROLE, DEFAULT_TENANT, User};

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

/// Whether `id` can name a tenant.
#[must_use]
pub fn is_tenant_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The person as they stand in a tenant: `tenant_id` is that one and `roles` are their roles
/// there. `None`: they do not belong to it. Whoever acts for a session works with what this gives,
/// so that roles of one tenant are never seen in another; and as the admin surface is everybody's,
/// its role counts only where the operator's own people are: at home in the default tenant.
#[must_use]
pub fn in_tenant(user: &User, memberships: &[Membership], tenant_id: &str) -> Option<User> {
    let mut standing = user.clone();
    let at_home = user.tenant_id == tenant_id;
    if !at_home {
        let place = memberships
            .iter()
            .find(|place| place.user_id == user.id && place.tenant_id == tenant_id)?;
        standing.tenant_id.clone_from(&place.tenant_id);
        standing.roles.clone_from(&place.roles);
    }
    if !at_home || tenant_id != DEFAULT_TENANT {
        standing.roles.retain(|role| role != ADMIN_ROLE);
    }
    Some(standing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{auth::registration::new_user, domain::login::normalise_address};

    fn person(tenant_id: &str) -> User {
        let address = normalise_address("ada@example.com").unwrap();
        let user = new_user(address, "Ada", None, Time::from_secs(1));
        User {
            tenant_id: tenant_id.to_owned(),
            roles: vec![ADMIN_ROLE.to_owned(), "clerk".to_owned()],
            ..user
        }
    }

    fn place(user: &User, tenant_id: &str) -> Membership {
        Membership {
            user_id: user.id,
            tenant_id: tenant_id.to_owned(),
            roles: vec!["guest".to_owned(), ADMIN_ROLE.to_owned()],
            created_at: Time::from_secs(1),
        }
    }

    fn roles(user: &User, memberships: &[Membership], tenant_id: &str) -> Option<Vec<String>> {
        let standing = in_tenant(user, memberships, tenant_id)?;
        assert_eq!(standing.tenant_id, tenant_id);
        Some(standing.roles)
    }

    #[test]
    fn roles_are_those_of_the_tenant_and_admin_only_of_the_default_one() {
        let ada = person(DEFAULT_TENANT);
        let places = [place(&ada, "acme")];
        assert_eq!(roles(&ada, &places, DEFAULT_TENANT).unwrap(), [ADMIN_ROLE, "clerk"]);
        assert_eq!(roles(&ada, &places, "acme").unwrap(), ["guest"]);
        assert_eq!(roles(&ada, &places, "other"), None);
        let guest = person("acme");
        let places = [place(&guest, DEFAULT_TENANT)];
        assert_eq!(roles(&guest, &places, "acme").unwrap(), ["clerk"]);
        assert_eq!(roles(&guest, &places, DEFAULT_TENANT).unwrap(), ["guest"]);
        assert_eq!(roles(&guest, &[place(&ada, "other")], "other"), None);
    }

    #[test]
    fn the_name_of_a_tenant_is_plain() {
        for good in ["a", "acme-2", &"a".repeat(64)] {
            assert!(is_tenant_id(good), "{good}");
        }
        for bad in ["", "Acme", "a b", "a/b", "a_b", "ä", &"a".repeat(65)] {
            assert!(!is_tenant_id(bad), "{bad}");
        }
    }
}
