//! What becomes of accounts that there are: name, roles, tenant, status.

use jwks::{Time, cutoff::CutOff};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    AdminError, AdminResult, tenants,
    users::{judge_roles, text},
};
use crate::{
    app::App,
    auth::{
        registration::NAME_LIMIT,
        sessions::{end_all_by, endings, user_end},
    },
    domain::{
        audit::{Action, Event},
        user::{User, UserStatus},
    },
    store::identity::{AccountChange, AccountChanged},
};

/// What an admin wants of an account; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountEdit {
    /// Whole name.
    pub name: Option<String>,
    /// Roles at home.
    pub roles: Option<Vec<String>>,
    /// Where the person is at home.
    pub tenant: Option<String>,
    /// Where the account stands.
    pub status: Option<UserStatus>,
}

/// Makes of an account what an admin wants, if it is still as `held`. Where it may not sign in any more,
/// everything of its owner ends, API keys too; where a role is taken away, or they are at home elsewhere, every
/// session does, and with them what was granted in them. No device is trusted after either.
/// `event`: what the log says, of this act and of what ends after it.
///
/// # Errors
/// [`AdminError::Invalid`] names what cannot be taken; or a store fails.
pub async fn change_account(
    app: &App,
    held: &User,
    edit: AccountEdit,
    event: impl Fn(Action, Time, Value) -> Event,
) -> AdminResult<AccountChanged> {
    let now = app.clock.now();
    let new = edited(held, edit)?;
    if new.tenant_id != held.tenant_id {
        tenants::find(app, &new.tenant_id).await?;
    }
    let Consequences { changed, stops, ends } = Consequences::of(held, &new);
    if changed.is_empty() {
        return Ok(AccountChanged::Changed);
    }
    let known: Vec<(Uuid, CutOff)> =
        if ends { endings(app, held.id, None, now).await? } else { Vec::new() };
    // Everything begun before, by one stroke; and each session by its name, for what a replica
    // issues whose clock is ahead.
    let cut_offs: Vec<CutOff> = stops
        .then(|| user_end(app, held.id, now))
        .into_iter()
        .chain(known.iter().map(|(_, end)| end.clone()))
        .collect();
    let sids: Vec<Uuid> = known.iter().map(|(sid, _)| *sid).collect();
    // Of names which, and not what: the log is kept when the person is gone.
    let details = json!({
        "changed": changed, "before": standing(held), "after": standing(&new), "sids": sids,
    });
    let change = AccountChange {
        user_id: held.id,
        expected: held.updated_at,
        name: new.name,
        roles: new.roles,
        tenant_id: new.tenant_id,
        status: new.status,
        ends,
    };
    let opens = changed == ["status"] && change.status == UserStatus::Active;
    let action = if opens { Action::AccountUnblocked } else { Action::UserUpdated };
    let act = event(action, now, details);
    let done = app.identity.change_account(&change, &cut_offs, now, &act).await?;
    if ends && done == AccountChanged::Changed {
        let late = |details| event(Action::SessionRevoked, now, details);
        end_all_by(app, held.id, None, &known, late, now).await?;
    }
    Ok(done)
}

fn standing(user: &User) -> Value {
    json!({ "roles": user.roles, "tenant": user.tenant_id, "status": user.status.as_str() })
}

/// What a change of an account changes, and what ends by it.
#[derive(Debug, PartialEq, Eq)]
struct Consequences {
    /// Which members.
    changed: Vec<&'static str>,
    /// Whether its owner may not sign in any more.
    stops: bool,
    /// Whether their sessions end.
    ends: bool,
}

impl Consequences {
    /// PURE: of making `new` of `held`.
    fn of(held: &User, new: &User) -> Self {
        let members = [
            ("name", held.name != new.name),
            ("roles", held.roles != new.roles),
            ("tenant", held.tenant_id != new.tenant_id),
            ("status", held.status != new.status),
        ];
        let stops = held.status == UserStatus::Active && new.status != UserStatus::Active;
        let loses = held.roles.iter().any(|role| !new.roles.contains(role));
        Self {
            changed: members.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect(),
            stops,
            ends: stops || loses || held.tenant_id != new.tenant_id,
        }
    }
}

/// PURE: the account as it is wanted.
fn edited(held: &User, edit: AccountEdit) -> AdminResult<User> {
    let mut new = held.clone();
    if let Some(name) = edit.name {
        new.name = text("--name", &name, NAME_LIMIT)?;
    }
    let is_moved = edit.tenant.is_some();
    if let Some(tenant) = edit.tenant {
        new.tenant_id = tenant;
    }
    if edit.roles.is_some() || is_moved {
        let roles = edit.roles.unwrap_or_else(|| held.roles.clone());
        new.roles = judge_roles(roles, &new.tenant_id)?;
    }
    if let Some(status) = edit.status {
        judge_status(held, status)?;
        new.status = status;
    }
    Ok(new)
}

/// PURE: whether an admin may say that an account stands so. Nobody but its owner proves an address: what
/// somebody registered and never proved is opened by nobody else.
fn judge_status(held: &User, status: UserStatus) -> AdminResult<()> {
    let is_proved = held.email_verified_at.is_some();
    let why = match status {
        _ if status == held.status => return Ok(()),
        UserStatus::Disabled => return Ok(()),
        UserStatus::Active | UserStatus::Blocked if is_proved => return Ok(()),
        UserStatus::Pending if !is_proved => return Ok(()),
        UserStatus::Active | UserStatus::Blocked => {
            "nobody has proved the mail address yet, which its owner does by a link; `pending` or `disabled`"
        }
        UserStatus::Pending => "the mail address is proved; `active`, `disabled` or `blocked`",
    };
    Err(AdminError::invalid("--status", why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::samples::{pending_user, user};

    fn wrong(held: &User, edit: AccountEdit) -> &'static str {
        match edited(held, edit) {
            Err(AdminError::Invalid { argument, .. }) => argument,
            other => panic!("{other:?}"),
        }
    }

    fn consequences(
        held: &User,
        change: impl FnOnce(&mut User),
    ) -> (Vec<&'static str>, bool, bool) {
        let mut new = held.clone();
        change(&mut new);
        let Consequences { changed, stops, ends } = Consequences::of(held, &new);
        (changed, stops, ends)
    }

    #[test]
    fn what_is_taken_away_ends_what_rested_on_it_and_what_is_added_ends_nothing() {
        let ada = user("ada");
        let roles = ada.roles.clone();
        assert_eq!(consequences(&ada, |_| {}), (vec![], false, false));
        assert_eq!(
            consequences(&ada, |new| new.name = "Ada".to_owned()),
            (vec!["name"], false, false)
        );
        assert_eq!(
            consequences(&ada, |new| new.roles.push("clerk".to_owned())),
            (vec!["roles"], false, false)
        );
        assert_eq!(
            consequences(&ada, |new| new.roles = roles[1..].to_vec()),
            (vec!["roles"], false, true)
        );
        assert_eq!(
            consequences(&ada, |new| new.tenant_id = "other".to_owned()),
            (vec!["tenant"], false, true)
        );
        for status in [UserStatus::Disabled, UserStatus::Blocked] {
            assert_eq!(consequences(&ada, |new| new.status = status), (vec!["status"], true, true));
            let closed = User { status, ..ada.clone() };
            let opened = consequences(&closed, |new| new.status = UserStatus::Active);
            assert_eq!(opened, (vec!["status"], false, false));
        }
    }

    #[test]
    fn an_address_that_nobody_proved_is_proved_by_no_admin() {
        let (proved, unproved) = (user("ada"), pending_user("bob"));
        let set = |status| AccountEdit { status: Some(status), ..AccountEdit::default() };
        for status in [UserStatus::Active, UserStatus::Disabled, UserStatus::Blocked] {
            assert_eq!(edited(&proved, set(status)).unwrap().status, status);
        }
        for status in [UserStatus::Pending, UserStatus::Disabled] {
            assert_eq!(edited(&unproved, set(status)).unwrap().status, status);
        }
        assert_eq!(wrong(&proved, set(UserStatus::Pending)), "--status");
        assert_eq!(wrong(&unproved, set(UserStatus::Active)), "--status");
        assert_eq!(wrong(&unproved, set(UserStatus::Blocked)), "--status");
        let disabled = User { status: UserStatus::Disabled, ..unproved };
        assert_eq!(wrong(&disabled, set(UserStatus::Active)), "--status");
        assert_eq!(
            edited(&disabled, set(UserStatus::Pending)).unwrap().status,
            UserStatus::Pending
        );
    }

    #[test]
    fn an_admin_stays_at_home_in_the_default_tenant() {
        let admin = User {
            tenant_id: "default".to_owned(),
            roles: vec!["admin".to_owned()],
            ..user("ada")
        };
        let to = |tenant: &str, roles| AccountEdit {
            tenant: Some(tenant.to_owned()),
            roles,
            ..AccountEdit::default()
        };
        assert_eq!(wrong(&admin, to("acme", None)), "--role");
        assert_eq!(wrong(&admin, to("acme", Some(vec!["admin".to_owned()]))), "--role");
        let moved = edited(&admin, to("acme", Some(vec![]))).unwrap();
        assert_eq!((moved.tenant_id.as_str(), moved.roles.len()), ("acme", 0));
        let name =
            |name: &str| AccountEdit { name: Some(name.to_owned()), ..AccountEdit::default() };
        assert_eq!(wrong(&admin, name(" ")), "--name");
        assert_eq!(edited(&admin, name(" Ada ")).unwrap().name, "Ada");
    }
}
