//! The first admin: made through a one-time link, with a password and an authenticator at once.
//! There is no default password anywhere (rule 30).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jwks::policy::Method;
use serde_json::json;
use uuid::Uuid;

use super::{
    error::{AuthError, AuthResult, FieldProblem},
    mfa::{backup, totp},
    origin::Origin,
    password::judge_password,
    registration::{judge_name, new_user},
};
use crate::{
    app::App,
    clock::new_id,
    domain::{
        audit::Action,
        factor::Factor,
        login::normalise_address,
        one_time::Purpose,
        secret::{OpaqueToken, TokenKind},
        user::{ADMIN_ROLE, UserStatus},
    },
    store::identity::Created,
};

/// The name under which the secret of an unfinished form is sealed.
const FORM: &str = "first-admin-form";

/// The form to be filled in: an authenticator's secret, and the same sealed for the way back.
pub struct Form {
    /// What the authenticator takes.
    pub totp: totp::NewTotp,
    /// The secret, sealed: a hidden field.
    pub sealed: String,
}

/// The form, filled in.
pub struct FilledIn {
    /// The token of the link.
    pub token: String,
    /// Mail address.
    pub email: String,
    /// Whole name.
    pub name: String,
    /// Password.
    pub password: String,
    /// [`Form::sealed`].
    pub sealed: String,
    /// The authenticator's code.
    pub code: String,
}

/// The form for the holder of a valid link. With `sealed`, the one given out before: the
/// authenticator has been set up already.
///
/// # Errors
/// [`AuthError::InvalidToken`] for a link that is unknown, spent or too old.
pub async fn form(app: &App, token: &str, sealed: Option<&str>) -> AuthResult<Form> {
    check_token(app, token).await?;
    let account = "admin";
    let totp = match sealed {
        Some(sealed) => totp::describe(app, account, open(app, sealed)?)?,
        None => totp::generate(app, account)?,
    };
    let sealed = URL_SAFE_NO_PAD.encode(app.sealer.seal(FORM, &totp.secret)?);
    Ok(Form { totp, sealed })
}

/// Makes the first admin: active, with password, authenticator and backup codes. Gives the codes.
///
/// # Errors
/// [`AuthError::Invalid`] with every field that cannot be taken: the link stays good.
/// [`AuthError::InvalidToken`] for a bad link, [`AuthError::Conflict`] when there is an admin.
pub async fn create(app: &App, origin: &Origin, form: FilledIn) -> AuthResult<Vec<String>> {
    let now = app.clock.now();
    let token = check_token(app, &form.token).await?;
    let secret = open(app, &form.sealed)?;
    let mut problems = Vec::new();
    let name = form.name.trim();
    let address = normalise_address(&form.email);
    match &address {
        None => problems
            .push(FieldProblem::new("email", "must be a mail address, like ada@example.com")),
        Some(address) => {
            if app.identity.find_user_by_login(&address.key).await?.is_some() {
                problems.push(FieldProblem::new("email", "belongs to an account already"));
            }
        }
    }
    problems.extend(judge_name(name).err());
    if let Err(problem) = judge_password(&app.config.password, &form.password, &[&form.email, name])
    {
        problems.push(FieldProblem::new("password", problem.to_string()));
    }
    let step = totp::matching_step(&secret, &form.code, now);
    if step.is_none() {
        problems.push(FieldProblem::new("code", "is not the authenticator's present code"));
    }
    let Some(address) = address.filter(|_| problems.is_empty()) else {
        return Err(AuthError::Invalid(problems));
    };

    let hash = app.hasher.hash(&form.password).await?;
    let mut user = new_user(address, name, Some(hash), now);
    user.status = UserStatus::Active;
    user.email_verified_at = Some(now);
    user.roles = vec![ADMIN_ROLE.to_owned()];
    user.factor_epoch = 1;
    let mut factor = Factor {
        id: new_id(now),
        user_id: user.id,
        method: Method::Totp,
        name: "Authenticator app".to_owned(),
        sealed_secret: Vec::new(),
        confirmed_at: Some(now),
        created_at: now,
        last_used_at: Some(now),
        last_step: step,
        guesses_in_a_row: 0,
    };
    factor.sealed_secret = app.sealer.seal(&totp::sealed_name(&factor), &secret)?;
    let codes = backup::generate(app, user.id, now).await?;
    let code_factor = Factor { confirmed_at: Some(now), ..codes.factor };

    let event = origin.event(Action::UserCreated, Some(&user), now, json!({ "by": "setup" }));
    let factors = [factor, code_factor];
    match app.identity.create_user(&user, &factors, &codes.rows, true, &event).await? {
        Created::Created => {
            // The link is worth nothing where there is an admin. Taken away before, it would be
            // lost whenever the making fails.
            let (purpose, hash) = (Purpose::FirstAdmin, token.hash());
            let taken = app.sessions.consume_one_time(purpose, Uuid::nil(), &hash, now).await;
            if let Err(error) = taken {
                tracing::warn!(%error, "a spent setup link could not be taken away");
            }
            Ok(codes.shown)
        }
        Created::AdminExists => Err(AuthError::Conflict("there is an admin already")),
        Created::AddressTaken | Created::UsernameTaken => {
            Err(AuthError::Conflict("the address belongs to an account already"))
        }
    }
}

async fn check_token(app: &App, token: &str) -> AuthResult<OpaqueToken> {
    let token = OpaqueToken::parse(TokenKind::OneTime, token).ok_or(AuthError::InvalidToken)?;
    let now = app.clock.now();
    app.sessions
        .find_one_time(Purpose::FirstAdmin, Uuid::nil(), &token.hash(), now)
        .await?
        .ok_or(AuthError::InvalidToken)?;
    Ok(token)
}

fn open(app: &App, sealed: &str) -> AuthResult<Vec<u8>> {
    let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| AuthError::InvalidToken)?;
    app.sealer.open(FORM, &sealed).map_err(|_| AuthError::InvalidToken)
}
