//! Invitations into a tenant: mailed to an address, good once, for three days. Whoever holds one
//! reads the mail of its address, so accepting it proves the address.

use std::time::Duration;

use jwks::Time;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{
    errands,
    error::{AuthError, AuthResult, FieldProblem},
    origin::Origin,
    password::judge_aside,
    registration::{judge_name, new_user},
    throttle,
};
use crate::{
    app::App,
    clock::{new_id, random},
    domain::{
        audit::{Action, Event},
        login::Address,
        one_time::{OneTime, Purpose},
        secret::{OpaqueToken, SecretHash, TokenKind},
        tenant::{Membership, Tenant},
        user::{ADMIN_ROLE, User, UserStatus},
    },
    letters,
    store::identity::{Created, Invited, Joined, NewPassword},
};

/// Life of an invitation.
pub const INVITATION_TTL: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// How often the account may change under an acceptance before it gives up.
const TRIES: usize = 3;

/// Who is invited, and to be what: what the token is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The address it was mailed to: good for no other.
    pub address: Address,
    /// Into which tenant.
    pub tenant_id: String,
    /// Roles there.
    pub roles: Vec<String>,
    /// How the inviter calls the person; may be empty.
    pub name: String,
}

impl Terms {
    /// One invitation for an address and a tenant: a newer one takes the older one's place.
    fn owner(&self) -> Uuid {
        SecretHash::of(&format!("{}\n{}", self.tenant_id, self.address.key)).to_id()
    }
}

/// An invitation that is good at this moment.
pub struct Invitation {
    /// What it says.
    pub terms: Terms,
    /// Into what.
    pub tenant: Tenant,
    /// Who would accept it.
    pub guest: Guest,
    token: OpaqueToken,
}

/// What there is at the address of an invitation. Whoever is at home in its tenant already is no
/// guest, and an invitation that brought somebody home is worth nothing any more.
pub enum Guest {
    /// No account.
    Nobody,
    /// An account whose address nobody has proved: its password is worth nothing (rule 28).
    Pending(Box<User>),
    /// An account in use. It keeps its password, name and factors.
    Member(Box<User>),
}

/// Invites somebody: the link, mailed as well.
///
/// # Errors
/// When a store fails.
pub async fn invite(
    app: &App,
    terms: &Terms,
    tenant: &Tenant,
    event: &Event,
    now: Time,
) -> AuthResult<String> {
    let token = OpaqueToken::new(TokenKind::OneTime, &[terms.owner()], random());
    let expires_at = now.plus(INVITATION_TTL);
    let bound_to =
        serde_json::to_string(terms).map_err(|error| AuthError::Internal(error.to_string()))?;
    let one_time = OneTime {
        purpose: Purpose::Invitation,
        owner: terms.owner(),
        hash: token.hash(),
        bound_to,
        expires_at,
    };
    app.identity.append_event(event).await?;
    app.sessions.put_one_time(&one_time).await?;
    let link = app.link(&format!("/invitation?token={}", token.as_str()));
    let letter = letters::invitation(app, &terms.address.display, &tenant.name, &link, expires_at);
    errands::send(app, letter, now).await?;
    Ok(link)
}

/// The invitation of a token. Looks, and consumes nothing.
///
/// # Errors
/// [`AuthError::InvalidToken`] for one that is unknown, spent, too old or overtaken, for somebody
/// who may not sign in, and for somebody who is at home in its tenant.
pub async fn find(app: &App, token: &str) -> AuthResult<Invitation> {
    let now = app.clock.now();
    let token = OpaqueToken::parse(TokenKind::OneTime, token).ok_or(AuthError::InvalidToken)?;
    let &[owner] = token.names() else {
        return Err(AuthError::InvalidToken);
    };
    let one_time =
        app.sessions.find_one_time(Purpose::Invitation, owner, &token.hash(), now).await?;
    let terms = one_time.and_then(|found| serde_json::from_str::<Terms>(&found.bound_to).ok());
    let terms = terms.ok_or(AuthError::InvalidToken)?;
    let tenant = app.identity.find_tenant(&terms.tenant_id).await?;
    let tenant = tenant.ok_or(AuthError::InvalidToken)?;
    let guest = guest(app, &terms).await?;
    Ok(Invitation { terms, tenant, guest, token })
}

async fn guest(app: &App, terms: &Terms) -> AuthResult<Guest> {
    let user = app.identity.find_user_by_login(&terms.address.key).await?;
    match user.filter(|user| user.email_key == terms.address.key) {
        None => Ok(Guest::Nobody),
        Some(user) => match user.status {
            UserStatus::Pending => Ok(Guest::Pending(Box::new(user))),
            UserStatus::Active if user.tenant_id == terms.tenant_id => Err(AuthError::InvalidToken),
            UserStatus::Active => Ok(Guest::Member(Box::new(user))),
            UserStatus::Disabled | UserStatus::Blocked => Err(AuthError::InvalidToken),
        },
    }
}

/// Accepts an invitation from its page, where nobody types an address: name and password count
/// only from whoever has no account in use.
///
/// # Errors
/// [`AuthError::Invalid`] for a name or password that cannot be taken: the invitation stays good.
/// As [`find`] and [`take`].
pub async fn accept(
    app: &App,
    origin: &Origin,
    token: &str,
    name: &str,
    password: &str,
) -> AuthResult<()> {
    let now = app.clock.now();
    throttle::count_registration(app, origin, now).await?;
    let invitation = find(app, token).await?;
    let name = name.trim();
    if !matches!(invitation.guest, Guest::Member(_)) {
        let mut problems: Vec<FieldProblem> = judge_name(name).err().into_iter().collect();
        let inputs = [invitation.terms.address.display.as_str(), name];
        if let Err(problem) = judge_aside(app, password, &inputs).await? {
            problems.push(FieldProblem::new("password", problem.to_string()));
        }
        if !problems.is_empty() {
            return Err(AuthError::Invalid(problems));
        }
    }
    take(app, origin, invitation, name, password, now).await
}

/// Makes of the guest of an invitation what it says, which spends it. Name and password are those
/// of a new account, judged already.
///
/// # Errors
/// [`AuthError::InvalidToken`] when somebody was faster; [`AuthError::Conflict`] when the account
/// keeps changing.
pub async fn take(
    app: &App,
    origin: &Origin,
    invitation: Invitation,
    name: &str,
    password: &str,
    now: Time,
) -> AuthResult<()> {
    let Invitation { terms, tenant, mut guest, token } = invitation;
    let hash = match guest {
        Guest::Member(_) => None,
        Guest::Nobody | Guest::Pending(_) => Some(app.hasher.hash(password).await?),
    };
    let arrival = Arrival { app, origin, terms: &terms, tenant: &tenant, act: token.hash(), now };
    for _ in 0..TRIES {
        let arrived = match (&guest, &hash) {
            (Guest::Nobody, Some(hash)) => arrival.create(name, hash).await?,
            (Guest::Pending(user), Some(hash)) => arrival.activate(user, name, hash).await?,
            (Guest::Member(user), _) => arrival.join(user).await?,
            (Guest::Nobody | Guest::Pending(_), None) => false,
        };
        if arrived {
            // Taken away before, it would be lost whenever the act fails. What is left behind gives
            // nobody more: who is at home is no guest, and a member becomes the same member again.
            let (purpose, spent) = (Purpose::Invitation, token.hash());
            return match app.sessions.consume_one_time(purpose, terms.owner(), &spent, now).await {
                Ok(None) if hash.is_none() => Err(AuthError::InvalidToken),
                Ok(_) => Ok(()),
                Err(error) => {
                    tracing::warn!(%error, "a spent invitation could not be taken away");
                    Ok(())
                }
            };
        }
        // Somebody registered, or proved the address, at this very moment.
        guest = self::guest(app, &terms).await?;
        if hash.is_some() && matches!(guest, Guest::Member(_)) {
            // This password is not the one that counts.
            return Err(AuthError::InvalidToken);
        }
    }
    Err(AuthError::Conflict("the account keeps changing; ask for another invitation"))
}

/// The ways in. Each says `false` when the account is not any more what it was taken for.
struct Arrival<'a> {
    app: &'a App,
    origin: &'a Origin,
    terms: &'a Terms,
    tenant: &'a Tenant,
    /// Names the act.
    act: SecretHash,
    now: Time,
}

impl Arrival<'_> {
    async fn create(&self, name: &str, hash: &str) -> AuthResult<bool> {
        let now = self.now;
        let user = User {
            tenant_id: self.terms.tenant_id.clone(),
            status: UserStatus::Active,
            email_verified_at: Some(now),
            roles: self.terms.roles.clone(),
            ..new_user(self.terms.address.clone(), name, Some(hash.to_owned()), now)
        };
        let event = self.event(Action::UserCreated, user.id);
        match self.app.identity.create_user(&user, &[], &[], false, &event).await? {
            Created::Created => Ok(true),
            Created::AddressTaken | Created::UsernameTaken | Created::AdminExists => Ok(false),
        }
    }

    async fn activate(&self, user: &User, name: &str, hash: &str) -> AuthResult<bool> {
        // What somebody registered who never proved the address is nobody's: it becomes what the
        // invitation says. What an admin made keeps its tenant and roles, and joins this one.
        let is_nobodys = user.password_hash.is_some() && user.roles.is_empty();
        let change = NewPassword {
            user_id: user.id,
            hash: hash.to_owned(),
            expected_epoch: user.factor_epoch,
            proves_address: Some(user.email_key.clone()),
            invited: is_nobodys.then(|| Invited {
                tenant_id: self.terms.tenant_id.clone(),
                roles: self.terms.roles.clone(),
                name: name.to_owned(),
            }),
        };
        let event = self.event(Action::EmailVerified, user.id);
        let activated = self.app.identity.change_password(&change, &[], self.now, &event).await?;
        if activated && !is_nobodys {
            return self.join(user).await;
        }
        Ok(activated)
    }

    async fn join(&self, user: &User) -> AuthResult<bool> {
        if user.tenant_id == self.terms.tenant_id {
            // At home already: what they may do there is not for an invitation to change.
            return Ok(true);
        }
        let mut roles = self.terms.roles.clone();
        roles.retain(|role| role != ADMIN_ROLE);
        let membership = Membership {
            user_id: user.id,
            tenant_id: self.terms.tenant_id.clone(),
            roles,
            created_at: self.now,
        };
        let event = Event { id: new_id(self.now), ..self.event(Action::TenantJoined, user.id) };
        match self.app.identity.join_tenant(&membership, &event).await? {
            Joined::Joined | Joined::Already => {
                let letter = letters::tenant_joined(self.app, user, &self.tenant.name, self.now);
                errands::send(self.app, letter, self.now).await?;
                Ok(true)
            }
            Joined::Gone => Ok(false),
        }
    }

    fn event(&self, action: Action, user_id: Uuid) -> Event {
        let details = json!({
            "by": "invitation",
            "tenant": self.terms.tenant_id,
            "roles": self.terms.roles,
        });
        self.origin.event_of(self.act.to_id(), action, Some(user_id), self.now, details)
    }
}
