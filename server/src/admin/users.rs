use std::sync::Arc;

use jwks::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{AdminError, AdminResult, event, is_plain_name, rfc3339, tenants};
use crate::{
    app::App,
    auth::{
        invitations::{INVITATION_TTL, Terms, invite},
        password::judge_aside,
        registration::{NAME_LIMIT, new_user},
    },
    domain::{
        audit::{Action, Event},
        login::{Address, normalise_address, username_key},
        user::{ADMIN_ROLE, DEFAULT_TENANT, User, UserStatus},
    },
    store::identity::Created,
};

/// An account as an operator describes it.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewUser {
    /// The mail address.
    pub email: String,
    /// A user name.
    pub username: Option<String>,
    /// The whole name; else the one of the claims, else what stands before the `@`.
    pub name: Option<String>,
    /// Roles.
    pub roles: Vec<String>,
    /// The tenant they are at home in; `None`: the default one.
    pub tenant: Option<String>,
    /// The password; `None`: none, and nobody signs in with one.
    pub password: Option<String>,
    /// Whether the address counts as proved and the account may sign in at once.
    pub active: bool,
    /// Standard claims (OpenID Connect Core section 5.1).
    pub claims: Map<String, Value>,
}

/// The most roles of one person: they stand in every token.
const MOST_ROLES: usize = 32;

/// Claims that are kept as they are, each a string.
const TEXT_CLAIMS: [&str; 9] = [
    "middle_name",
    "nickname",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "preferred_username",
];

/// `create-user`.
pub(super) async fn create(app: &Arc<App>, new: NewUser) -> AdminResult<Value> {
    let told = |user: &User| Event {
        user_id: Some(user.id),
        ..event(Action::UserCreated, user.created_at, json!({ "roles": user.roles }))
    };
    Ok(show(&create_user(app, &new, told).await?))
}

/// Makes an account. `event`: what the log says of it.
///
/// # Errors
/// [`AdminError::Invalid`] and [`AdminError::Taken`] name what is in the way, as the command line calls it; or
/// the store fails.
pub async fn create_user(
    app: &App,
    new: &NewUser,
    event: impl FnOnce(&User) -> Event,
) -> AdminResult<User> {
    let now = app.clock.now();
    let mut user = describe(new, now)?;
    tenants::find(app, &user.tenant_id).await?;
    if let Some(password) = &new.password {
        judge_aside(app, password, &[&user.email, &user.name])
            .await?
            .map_err(|problem| AdminError::invalid("--password-stdin", problem))?;
        user.password_hash = Some(app.hasher.hash(password).await?);
        user.password_changed_at = Some(now);
    }
    let event = event(&user);
    match app.identity.create_user(&user, &[], &[], false, &event).await? {
        Created::Created => Ok(user),
        Created::AddressTaken => Err(AdminError::Taken { argument: "--email", name: user.email }),
        Created::UsernameTaken => Err(AdminError::Taken {
            argument: "--username",
            name: user.username.unwrap_or_default(),
        }),
        Created::AdminExists => Err(AdminError::AdminExists { sign_in: app.link("/login") }),
    }
}

/// Mails whom an account was made for a link with which they choose a password, which proves the address.
/// Until when it is good.
///
/// # Errors
/// [`AdminError::Invalid`] where the tenant is gone; or a store fails.
pub async fn invite_user(app: &App, user: &User, event: &Event) -> AdminResult<Time> {
    let tenant = tenants::find(app, &user.tenant_id).await?;
    let terms = Terms {
        address: Address { display: user.email.clone(), key: user.email_key.clone() },
        tenant_id: user.tenant_id.clone(),
        roles: user.roles.clone(),
        name: user.name.clone(),
    };
    let now = event.at;
    invite(app, &terms, &tenant, event, now).await?;
    Ok(now.plus(INVITATION_TTL))
}

/// The row that `new` describes, without its password.
fn describe(new: &NewUser, now: Time) -> AdminResult<User> {
    let address = normalise_address(&new.email).ok_or_else(|| {
        AdminError::invalid(
            "--email",
            "not an address that mail can be sent to, such as ada@example.com",
        )
    })?;
    let tenant_id = new.tenant.clone().unwrap_or_else(|| DEFAULT_TENANT.to_owned());
    let roles = judge_roles(new.roles.clone(), &tenant_id)?;
    let local_part = address.display.split('@').next().unwrap_or_default().to_owned();
    let mut user = User { tenant_id, roles, ..new_user(address, "", None, now) };
    if new.active {
        user.status = UserStatus::Active;
        user.email_verified_at = Some(now);
    }
    for (claim, value) in &new.claims {
        take_claim(&mut user, claim, value, now)?;
    }
    if let Some(name) = &new.name {
        user.name = text("--name", name, NAME_LIMIT)?;
    }
    if user.name.is_empty() {
        user.name = local_part;
    }
    if let Some(username) = &new.username {
        user.username = Some(judge_username(username)?);
        user.username_key = Some(username_key(username));
    }
    Ok(user)
}

/// PURE: roles at home in a tenant, each once and in order.
pub(super) fn judge_roles(mut roles: Vec<String>, tenant_id: &str) -> AdminResult<Vec<String>> {
    roles.sort();
    roles.dedup();
    if roles.len() > MOST_ROLES {
        return Err(AdminError::invalid("--role", format!("{MOST_ROLES} at most")));
    }
    if let Some(role) = roles.iter().find(|role| !is_plain_name(role)) {
        let rule = "1 to 64 letters, digits, `-`, `_`, `.` and `:`";
        return Err(AdminError::invalid("--role", format!("`{role}`: {rule}")));
    }
    if tenant_id != DEFAULT_TENANT && roles.iter().any(|role| role == ADMIN_ROLE) {
        return Err(AdminError::invalid(
            "--role",
            "`admin` is a role of the default tenant; choose another for this one",
        ));
    }
    Ok(roles)
}

fn judge_username(username: &str) -> AdminResult<String> {
    let username = text("--username", username, 64)?;
    // With an `@` it could be taken for somebody's address.
    if username.contains(['@', ' ']) {
        return Err(AdminError::invalid("--username", "must contain no `@` and no blank"));
    }
    Ok(username)
}

fn take_claim(user: &mut User, claim: &str, value: &Value, now: Time) -> AdminResult<()> {
    const FILE: &str = "--claims-json";
    let as_text = || {
        let value = value
            .as_str()
            .ok_or_else(|| AdminError::invalid(FILE, format!("`{claim}` must be a string")))?;
        text(FILE, value, 1024)
    };
    let as_switch = || {
        value
            .as_bool()
            .ok_or_else(|| AdminError::invalid(FILE, format!("`{claim}` must be true or false")))
    };
    match claim {
        "name" => user.name = as_text()?,
        "given_name" => user.given_name = Some(as_text()?),
        "family_name" => user.family_name = Some(as_text()?),
        "locale" => user.locale = Some(as_text()?),
        "phone_number" => user.phone = Some(as_text()?),
        "phone_number_verified" => user.phone_verified_at = as_switch()?.then_some(now),
        "email_verified" => user.email_verified_at = as_switch()?.then_some(now),
        "address" if value.is_object() => {
            user.claims.insert(claim.to_owned(), value.clone());
        }
        "address" => return Err(AdminError::invalid(FILE, "`address` must be an object")),
        _ if TEXT_CLAIMS.contains(&claim) => {
            user.claims.insert(claim.to_owned(), Value::from(as_text()?));
        }
        "sub" | "email" | "updated_at" => {
            return Err(AdminError::invalid(
                FILE,
                format!("`{claim}` cannot be given: it follows from the account"),
            ));
        }
        _ => {
            return Err(AdminError::invalid(
                FILE,
                format!("`{claim}` is not a standard claim (OpenID Connect Core section 5.1)"),
            ));
        }
    }
    Ok(())
}

pub(super) fn text(argument: &'static str, typed: &str, most: usize) -> AdminResult<String> {
    let typed = typed.trim();
    if typed.is_empty() || typed.chars().count() > most || typed.chars().any(char::is_control) {
        return Err(AdminError::invalid(
            argument,
            format!("must have 1 to {most} characters, none of them a control character"),
        ));
    }
    Ok(typed.to_owned())
}

/// The account of an address.
pub(super) async fn find(app: &App, email: &str) -> AdminResult<User> {
    let address = normalise_address(email)
        .ok_or_else(|| AdminError::invalid("--email", "not a mail address"))?;
    let user = app.identity.find_user_by_login(&address.key).await?;
    user.filter(|user| user.email_key == address.key)
        .ok_or_else(|| AdminError::invalid("--email", "belongs to no account"))
}

fn show(user: &User) -> Value {
    json!({
        "id": user.id,
        "email": user.email,
        "emailVerified": user.email_verified_at.is_some(),
        "username": user.username,
        "name": user.name,
        "status": user.status.as_str(),
        "tenantId": user.tenant_id,
        "roles": user.roles,
        "hasPassword": user.password_hash.is_some(),
        "createdAt": rfc3339(user.created_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> NewUser {
        NewUser { email: "Ada@Example.com".into(), ..NewUser::default() }
    }

    fn refused(new: &NewUser) -> &'static str {
        match describe(new, Time::from_secs(1)) {
            Err(AdminError::Invalid { argument, .. }) => argument,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_account_is_pending_until_somebody_proves_its_address() {
        let user = describe(&ada(), Time::from_secs(1)).unwrap();
        assert_eq!((user.status, user.email_verified_at), (UserStatus::Pending, None));
        assert_eq!(
            (user.name.as_str(), user.email_key.as_str()),
            ("Ada", "Ada@Example.com".to_lowercase().as_str())
        );
        let user = describe(&NewUser { active: true, ..ada() }, Time::from_secs(1)).unwrap();
        assert_eq!(
            (user.status, user.email_verified_at),
            (UserStatus::Active, Some(Time::from_secs(1)))
        );
    }

    #[test]
    fn a_wrong_argument_is_named() {
        assert_eq!(refused(&NewUser { email: "ada".into(), ..ada() }), "--email");
        assert_eq!(refused(&NewUser { roles: vec!["a b".into()], ..ada() }), "--role");
        let many = (0..33).map(|number| number.to_string()).collect();
        assert_eq!(refused(&NewUser { roles: many, ..ada() }), "--role");
        let elsewhere =
            NewUser { tenant: Some("acme".into()), roles: vec!["admin".into()], ..ada() };
        assert_eq!(refused(&elsewhere), "--role");
        assert_eq!(refused(&NewUser { username: Some("a@b.c".into()), ..ada() }), "--username");
        assert_eq!(refused(&NewUser { name: Some("\0".into()), ..ada() }), "--name");
        for claims in [
            json!({"sub": "1"}),
            json!({"shoe_size": 43}),
            json!({"nickname": 1}),
            json!({"address": "x"}),
        ] {
            let claims = claims.as_object().unwrap().clone();
            assert_eq!(refused(&NewUser { claims, ..ada() }), "--claims-json");
        }
    }

    #[test]
    fn claims_with_a_column_go_there_and_the_others_are_kept() {
        let claims = json!({"given_name": "Ada", "nickname": "A", "address": {"country": "GB"}, "phone_number": "+44123", "phone_number_verified": true});
        let new = NewUser { claims: claims.as_object().unwrap().clone(), ..ada() };
        let user = describe(&new, Time::from_secs(1)).unwrap();
        assert_eq!(user.given_name.as_deref(), Some("Ada"));
        assert_eq!(user.phone_verified_at, Some(Time::from_secs(1)));
        assert_eq!(
            Value::from(user.claims),
            json!({"nickname": "A", "address": {"country": "GB"}})
        );
    }
}
