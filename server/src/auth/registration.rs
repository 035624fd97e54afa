//! Registration and the proof of a mail address. Whether an address is known shows in no answer.

use std::time::Duration;

use jwks::Time;
use serde_json::json;
use uuid::Uuid;

use super::{
    error::{AuthError, AuthResult, FieldProblem},
    origin::Origin,
    password::{PasswordProblem, judge_password},
    throttle,
};
use crate::{
    app::App,
    clock::{new_id, random},
    domain::{
        audit::Action,
        login::{Address, normalise_address},
        one_time::{OneTime, Purpose},
        secret::{OpaqueToken, TokenKind, sha256_hex},
        user::{DEFAULT_TENANT, User, UserStatus},
    },
    letters,
    store::identity::Registered,
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
}

/// Registers an account, pending until its address is proved. The answer is the same for a known
/// address; its owner gets a mail.
///
/// # Errors
/// [`AuthError::Invalid`] with every field that cannot be taken.
pub async fn register(app: &App, origin: &Origin, request: Registration) -> AuthResult<Address> {
    let now = app.clock.now();
    // Before anything is judged: weighing a password is dear, and anybody may ask for it.
    throttle::count_registration(app, origin, now).await?;
    let mut problems = Vec::new();
    let address = normalise_address(&request.email);
    if address.is_none() {
        problems.push(FieldProblem::new("email", "must be a mail address, like ada@example.com"));
    }
    let name = request.name.trim();
    if let Err(problem) = judge_name(name) {
        problems.push(problem);
    }
    if let Err(problem) = judge_aside(app, &request, name).await? {
        problems.push(FieldProblem::new("password", problem.to_string()));
    }
    if request.tenant_id.as_deref().is_some_and(|tenant| tenant != DEFAULT_TENANT) {
        problems.push(FieldProblem::new("tenant_id", "needs an invitation; leave it out"));
    }
    let Some(address) = address.filter(|_| problems.is_empty()) else {
        return Err(AuthError::Invalid(problems));
    };
    let hash = app.hasher.hash(&request.password).await?;
    let user = new_user(address.clone(), name, Some(hash), now);
    let event = origin.event(Action::UserCreated, Some(&user), now, json!({ "by": "register" }));
    match app.identity.register_user(&user, &event).await? {
        Registered::Created => send_link(app, &address, Some(&user), now).await?,
        Registered::Renewed(id) => {
            // The newer password is in the row; the newer link takes the older one's place.
            send_link(app, &address, Some(&User { id, ..user }), now).await?;
        }
        Registered::Taken(owner) => {
            let details = json!({ "reason": "address_taken" });
            let event =
                origin.event_of(new_id(now), Action::RegisterRefused, Some(owner), now, details);
            app.identity.append_event(&event).await?;
            send_link(app, &address, None, now).await?;
        }
    }
    Ok(address)
}

/// Judges the password on a thread where nobody else waits.
async fn judge_aside(
    app: &App,
    request: &Registration,
    name: &str,
) -> AuthResult<Result<(), PasswordProblem>> {
    let rules = app.config.password.clone();
    let (password, email) = (request.password.clone(), request.email.clone());
    let name = name.to_owned();
    tokio::task::spawn_blocking(move || judge_password(&rules, &password, &[&email, &name]))
        .await
        .map_err(|error| AuthError::Internal(error.to_string()))
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
/// if not.
///
/// # Errors
/// When a store fails.
pub async fn resend_verification(app: &App, origin: &Origin, email: &str) -> AuthResult<()> {
    let now = app.clock.now();
    let Some(address) = normalise_address(email) else {
        return Err(AuthError::Invalid(vec![FieldProblem::new(
            "email",
            "must be a mail address, like ada@example.com",
        )]));
    };
    throttle::count_registration(app, origin, now).await?;
    let user = app.identity.find_user_by_login(&address.key).await?;
    let pending =
        user.filter(|user| user.status == UserStatus::Pending && user.email_key == address.key);
    // Nobody is written to who has nothing to verify: a resend tells less than a registration.
    match pending {
        Some(user) => send_link(app, &address, Some(&user), now).await,
        None => keep_decoy(app, &address, now).await,
    }
}

/// Mails a verification link to the owner of a pending account, or else the news that somebody
/// tried to register their address again. Both ways write as much to the stores, so that the time
/// of the answer tells nothing.
async fn send_link(
    app: &App,
    address: &Address,
    pending: Option<&User>,
    now: Time,
) -> AuthResult<()> {
    let Some(user) = pending else {
        if keep_decoy_if_mailable(app, address, now).await? {
            app.mailer.send(letters::already_registered(app, &address.display));
        }
        return Ok(());
    };
    if !throttle::may_mail(app, &user.email_key, now).await? {
        return Ok(());
    }
    let token = OpaqueToken::new(TokenKind::OneTime, &[user.id], random());
    app.sessions.put_one_time(&verification(&token, user.id, binding(user), now)).await?;
    app.mailer.send(letters::verify_email(app, user, &token));
    Ok(())
}

async fn keep_decoy(app: &App, address: &Address, now: Time) -> AuthResult<()> {
    keep_decoy_if_mailable(app, address, now).await.map(drop)
}

/// Does to the stores what a real link does, for a token that nobody will ever hold.
async fn keep_decoy_if_mailable(app: &App, address: &Address, now: Time) -> AuthResult<bool> {
    let mailable = throttle::may_mail(app, &address.key, now).await?;
    if mailable {
        let nobody = new_id(now);
        let token = OpaqueToken::new(TokenKind::OneTime, &[nobody], random());
        let decoy = verification(&token, nobody, format!("0:{}", address.key), now);
        app.sessions.put_one_time(&decoy).await?;
    }
    Ok(mailable)
}

fn verification(token: &OpaqueToken, owner: Uuid, bound_to: String, now: Time) -> OneTime {
    OneTime {
        purpose: Purpose::VerifyEmail,
        owner,
        hash: token.hash(),
        bound_to,
        expires_at: now.plus(LINK_TTL),
    }
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
        uuid::Builder::from_random_bytes(first_16(hash.as_bytes())).into_uuid(),
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

fn first_16(bytes: &[u8; 32]) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&bytes[..16]);
    first
}
