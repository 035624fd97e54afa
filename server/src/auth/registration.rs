//! Registration and the proof of a mail address. Whether an address is known shows in no answer.

use std::time::Duration;

use jwks::Time;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    errands,
    error::{AuthError, AuthResult, FieldProblem},
    invitations,
    origin::Origin,
    password::judge_aside,
    repeats::{self, Repeatable},
    throttle,
};
use crate::{
    app::App,
    clock::{new_id, random},
    domain::{
        audit::Action,
        errand::{Errand, Letter},
        login::{Address, normalise_address},
        one_time::{OneTime, Purpose},
        secret::{OpaqueToken, TokenKind, sha256_hex},
        user::{DEFAULT_TENANT, User, UserStatus},
    },
    letters, store,
};

/// Life of a verification link.
pub const LINK_TTL: Duration = Duration::from_secs(30 * 60);
/// Most characters of a name.
pub const NAME_LIMIT: usize = 200;

/// What somebody registers with.
pub struct Registration {
    /// Mail address, as typed.
    pub email: String,
    /// Password, as typed.
    pub password: String,
    /// Whole name, as typed.
    pub name: String,
    /// A tenant other than the default needs an invitation.
    pub tenant_id: Option<String>,
    /// The token of an invitation.
    pub invitation: Option<String>,
    /// What the caller calls this request, to send it again if need be.
    pub repeatable: Option<Repeatable>,
}

/// How a registration went.
#[derive(Serialize, Deserialize)]
pub struct Registered {
    /// The address, as typed.
    pub email: String,
    /// Whether it is proved already: by an invitation that was mailed there.
    pub proved: bool,
}

/// Registers an account, pending until its address is proved. The answer is the same for a known
/// address; its owner gets a mail. With an invitation the account is active at once, or the one
/// there is joins the tenant.
///
/// # Errors
/// [`AuthError::Invalid`] with every field that cannot be taken: an invitation stays good then.
/// As [`repeats::once`].
pub async fn register(app: &App, origin: &Origin, request: Registration) -> AuthResult<Registered> {
    let now = app.clock.now();
    // Before anything is judged: weighing a password is dear, and anybody may ask for it.
    throttle::count_registration(app, origin, now).await?;
    let address = normalise_address(&request.email);
    let subject = address.map_or_else(|| request.email.clone(), |address| address.key);
    let work = register_once(app, origin, &request, now);
    repeats::once(app, "register", &subject, request.repeatable.as_ref(), work).await
}

async fn register_once(
    app: &App,
    origin: &Origin,
    request: &Registration,
    now: Time,
) -> AuthResult<Registered> {
    let mut problems = Vec::new();
    let address = match read_address(&request.email) {
        Ok(address) => Some(address),
        Err(AuthError::Invalid(wrong)) => {
            problems.extend(wrong);
            None
        }
        Err(error) => return Err(error),
    };
    let name = request.name.trim();
    problems.extend(judge_name(name).err());
    if let Err(problem) = judge_aside(app, &request.password, &[&request.email, name]).await? {
        problems.push(FieldProblem::new("password", problem.to_string()));
    }
    let invitation = match &request.invitation {
        Some(token) => match invitations::find(app, token).await {
            Ok(invitation) => Some(invitation),
            Err(AuthError::InvalidToken) => {
                problems.push(bad_invitation());
                None
            }
            Err(error) => return Err(error),
        },
        None => None,
    };
    let tenant_id = request.tenant_id.as_deref();
    if let Some(invitation) = &invitation {
        let terms = &invitation.terms;
        if address.as_ref().is_some_and(|address| address.key != terms.address.key) {
            problems.push(FieldProblem::new("invitation", "is for another address"));
        }
        if tenant_id.is_some_and(|tenant| tenant != terms.tenant_id) {
            problems.push(FieldProblem::new("tenant_id", "is not the one of the invitation"));
        }
    } else if request.invitation.is_none()
        && tenant_id.is_some_and(|tenant| tenant != DEFAULT_TENANT)
    {
        problems.push(FieldProblem::new("tenant_id", "needs an invitation; leave it out"));
    }
    let Some(address) = address.filter(|_| problems.is_empty()) else {
        return Err(AuthError::Invalid(problems));
    };
    let email = address.display.clone();
    if let Some(invitation) = invitation {
        let taken = invitations::take(app, origin, invitation, name, &request.password, now).await;
        return match taken {
            Ok(()) => Ok(Registered { email, proved: true }),
            // Somebody was faster.
            Err(AuthError::InvalidToken) => Err(AuthError::Invalid(vec![bad_invitation()])),
            Err(error) => Err(error),
        };
    }
    let hash = app.hasher.hash(&request.password).await?;
    let user = new_user(address.clone(), name, Some(hash), now);
    let event = origin.event(Action::UserCreated, Some(&user), now, json!({ "by": "register" }));
    match app.identity.register_user(&user, &event).await? {
        store::identity::Registered::Created | store::identity::Registered::Renewed(_) => {
            leave(app, address, Errand::VerifyEmail, now).await?;
        }
        store::identity::Registered::Taken(owner) => {
            let details = json!({ "reason": "address_taken" });
            let event =
                origin.event_of(new_id(now), Action::RegisterRefused, Some(owner), now, details);
            app.identity.append_event(&event).await?;
            leave(app, address, Errand::AlreadyRegistered, now).await?;
        }
    }
    Ok(Registered { email, proved: false })
}

fn bad_invitation() -> FieldProblem {
    FieldProblem::new("invitation", "is unknown, spent or expired")
}

/// A mail address as typed.
///
/// # Errors
/// [`AuthError::Invalid`] with the problem of field `email`.
pub fn read_address(typed: &str) -> AuthResult<Address> {
    normalise_address(typed).ok_or_else(|| {
        let message = "must be a mail address, like ada@example.com";
        AuthError::field("email", message)
    })
}

/// Judges a whole name.
///
/// # Errors
/// The problem of field `name`.
pub fn judge_name(name: &str) -> Result<(), FieldProblem> {
    if name.is_empty() || name.chars().count() > NAME_LIMIT {
        Err(FieldProblem::new("name", format!("must have 1 to {NAME_LIMIT} characters")))
    } else if name.chars().any(char::is_control) {
        Err(FieldProblem::new("name", "must not contain control characters"))
    } else {
        Ok(())
    }
}

/// A new, pending person of the default tenant.
#[must_use]
pub fn new_user(address: Address, name: &str, password_hash: Option<String>, now: Time) -> User {
    let id = new_id(now);
    User {
        id,
        tenant_id: DEFAULT_TENANT.to_owned(),
        status: UserStatus::Pending,
        email: address.display,
        email_key: address.key,
        email_verified_at: None,
        username: None,
        username_key: None,
        name: name.to_owned(),
        given_name: None,
        family_name: None,
        backup_email: None,
        locale: None,
        phone: None,
        phone_verified_at: None,
        rual_code: None,
        guid: sha256_hex(&random::<32>()),
        roles: Vec::new(),
        claims: serde_json::Map::new(),
        password_changed_at: password_hash.as_ref().map(|_| now),
        password_hash,
        factor_epoch: 0,
        created_at: now,
        updated_at: now,
        last_login_at: None,
    }
}

/// Sends another verification link, if the address has a pending account. The answer is the same
/// if not, and nobody is written to who has nothing to verify: a resend tells less than a
/// registration.
///
/// # Errors
/// When a store fails.
pub async fn resend_verification(app: &App, origin: &Origin, email: &str) -> AuthResult<()> {
    let now = app.clock.now();
    throttle::count_registration(app, origin, now).await?;
    let address = read_address(email)?;
    leave(app, address, Errand::VerifyEmail, now).await
}

/// Leaves an errand to be done for an address, unless too many mails went there. Known or not, the
/// same is written to the stores: the time of the answer tells nothing.
pub(super) async fn leave(
    app: &App,
    address: Address,
    errand: impl FnOnce(Address) -> Errand,
    now: Time,
) -> AuthResult<()> {
    if throttle::may_mail(app, &address.key, now).await? {
        errands::queue(app, &errand(address), now).await?;
    }
    Ok(())
}

/// The letter with a verification link for the pending account of this address, if there is one.
///
/// # Errors
/// When a store fails.
pub(super) async fn verification(
    app: &App,
    address: &Address,
    now: Time,
) -> AuthResult<Option<Letter>> {
    let user = app.identity.find_user_by_login(&address.key).await?;
    let pending =
        user.filter(|user| user.status == UserStatus::Pending && user.email_key == address.key);
    let Some(user) = pending else { return Ok(None) };
    let token = OpaqueToken::new(TokenKind::OneTime, &[user.id], random());
    let expires_at = now.plus(LINK_TTL);
    let one_time = OneTime {
        purpose: Purpose::VerifyEmail,
        owner: user.id,
        hash: token.hash(),
        bound_to: binding(&user),
        expires_at,
    };
    app.sessions.put_one_time(&one_time).await?;
    Ok(Some(letters::verify_email(app, &user, &token, expires_at)))
}

/// What a verification link is bound to: the address, and the password chosen with it.
fn binding(user: &User) -> String {
    let password = user.password_changed_at.map_or(0, Time::millis);
    format!("{password}:{}", user.email_key)
}

/// Proves a mail address by the token that was mailed there, and activates the account.
///
/// # Errors
/// [`AuthError::InvalidToken`] for a token that is unknown, spent, too old or overtaken.
pub async fn verify_email(app: &App, origin: &Origin, token: &str) -> AuthResult<User> {
    let now = app.clock.now();
    let token = OpaqueToken::parse(TokenKind::OneTime, token).ok_or(AuthError::InvalidToken)?;
    let &[owner] = token.names() else {
        return Err(AuthError::InvalidToken);
    };
    let hash = token.hash();
    let one_time = app.sessions.find_one_time(Purpose::VerifyEmail, owner, &hash, now).await?;
    let one_time = one_time.ok_or(AuthError::InvalidToken)?;
    let user = app.identity.find_user(owner).await?.ok_or(AuthError::InvalidToken)?;
    if one_time.bound_to != binding(&user) {
        return Err(AuthError::InvalidToken);
    }
    let event = origin.event_of(
        // The token names the act: two who consume it at once are one act.
        hash.to_id(),
        Action::EmailVerified,
        Some(user.id),
        now,
        json!({}),
    );
    let activated = app
        .identity
        .activate_user(user.id, &user.email_key, user.password_changed_at, now, &event)
        .await?;
    if !activated {
        return Err(AuthError::InvalidToken);
    }
    // The account has changed, and with it what the token is bound to: it is dead already. Taken
    // away before, it would be lost whenever the activation fails, and the owner with a dead link.
    let taken = app.sessions.consume_one_time(Purpose::VerifyEmail, owner, &hash, now).await;
    if let Err(error) = taken {
        tracing::warn!(%error, "a spent verification token could not be taken away");
    }
    Ok(user)
}
