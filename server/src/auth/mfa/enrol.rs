//! Setting up a factor, and confirming it: only then does it count (rule 24).

use jwks::{
    Time,
    policy::{Level, Method},
};
use serde_json::json;

use super::{OFFERED, Standing, backup, half_signed_in_person, totp, verify::second_factor_proof};
use crate::{
    app::App,
    auth::{
        bearer::FRESH,
        errands,
        error::{AuthError, AuthResult, FieldProblem},
        login::{TokenSet, complete, find_site, usable_methods},
        origin::Origin,
        throttle,
    },
    clock::new_id,
    domain::{audit::Action, factor::Factor, login::Outstanding, user::User},
    letters,
    store::identity::Confirmed,
};

/// Most characters of a factor's name.
const NAME_LIMIT: usize = 64;

/// A factor to be confirmed.
pub struct SetUp {
    /// What the authenticator takes.
    pub totp: totp::NewTotp,
    /// With a person's first factor: backup codes, valid from its confirmation.
    pub backup_codes: Option<Vec<String>>,
}

/// How a confirmation ended.
pub enum Enrolled {
    /// The factor counts now.
    Enabled(Method),
    /// The factor counts now, and the sign-in that asked for it is complete.
    SignedIn(Method, Box<TokenSet>),
}

/// Sets up a factor, which counts only once it is confirmed.
///
/// # Errors
/// [`AuthError::StepUpRequired`] without a proof of the present second factor (or, having none,
/// of the password) at most five minutes old.
pub async fn set_up(app: &App, standing: &Standing, method: Method) -> AuthResult<SetUp> {
    let now = app.clock.now();
    let (user, factors) = owner(app, standing, now).await?;
    if !OFFERED.contains(&method) {
        return Err(AuthError::MethodNotOffered(OFFERED.to_vec()));
    }
    throttle::count_enrolment(app, user.id, now).await?;
    let new = totp::generate(app, &user.email)?;
    let mut factor = Factor {
        id: new_id(now),
        user_id: user.id,
        method,
        name: "Authenticator app".to_owned(),
        sealed_secret: Vec::new(),
        confirmed_at: None,
        created_at: now,
        last_used_at: None,
        last_step: None,
        guesses_in_a_row: 0,
    };
    factor.sealed_secret = app.sealer.seal(&totp::sealed_name(&factor), &new.secret)?;
    let first = usable_methods(&factors).is_empty();
    if first {
        let codes = backup::generate(app, user.id, now).await?;
        app.identity.enrol_factors(user.id, &[factor, codes.factor], &codes.rows).await?;
        Ok(SetUp { totp: new, backup_codes: Some(codes.shown) })
    } else {
        app.identity.enrol_factors(user.id, &[factor], &[]).await?;
        Ok(SetUp { totp: new, backup_codes: None })
    }
}

/// Confirms a factor by its code. A sign-in that was waiting for one is complete then.
///
/// # Errors
/// [`AuthError::WrongCode`], counted as every other guess; [`AuthError::NotFound`] when there is
/// nothing to confirm.
pub async fn confirm(
    app: &App,
    origin: &Origin,
    standing: Standing,
    method: Method,
    code: &str,
    name: Option<&str>,
) -> AuthResult<Enrolled> {
    let now = app.clock.now();
    let name = judge_name(name)?;
    let (user, factors) = owner(app, &standing, now).await?;
    if !OFFERED.contains(&method) {
        return Err(AuthError::MethodNotOffered(OFFERED.to_vec()));
    }
    let factor = factors
        .iter()
        .rev()
        .find(|factor| factor.method == method && !factor.is_confirmed())
        .ok_or(AuthError::NotFound)?;
    let counted = throttle::count_code(app, factor.id, now).await?;
    let secret = app.sealer.open(&totp::sealed_name(factor), &factor.sealed_secret)?;
    let step = totp::matching_step(&secret, code, now).ok_or(AuthError::WrongCode)?;
    let details = json!({ "factor": factor.id, "method": method.as_str() });
    // The factor names the act: a retried confirmation adds no second row.
    let event = origin.event_of(factor.id, Action::MfaEnabled, Some(user.id), now, details);
    match app.identity.confirm_factor(user.id, factor.id, name, Some(step), now, &event).await? {
        Confirmed::Confirmed => {}
        Confirmed::Already => return Err(AuthError::Conflict("the factor is confirmed already")),
        Confirmed::Gone => return Err(AuthError::NotFound),
    }
    counted.forgive(app).await?;
    errands::send(app, letters::factor_added(app, &user, method.as_str(), now), now).await?;
    match standing {
        Standing::Full(_) => Ok(Enrolled::Enabled(method)),
        Standing::Half(token, _) => {
            let login = app.sessions.consume_login(&token.hash(), now).await?;
            let login = login.ok_or(AuthError::InvalidToken)?;
            let site = find_site(app, login.site_key.as_deref()).await?;
            let proof = second_factor_proof(now);
            // The confirmation has raised it, and the session rests on that.
            let user = User { factor_epoch: user.factor_epoch + 1, ..user };
            let tokens =
                complete(app, origin, user, proof, login.remember, site.as_ref(), now).await?;
            Ok(Enrolled::SignedIn(method, Box::new(tokens)))
        }
    }
}

/// Who sets up a factor, if they may: half signed in and asked to, or signed in with a fresh proof
/// of what they have.
async fn owner(app: &App, standing: &Standing, now: Time) -> AuthResult<(User, Vec<Factor>)> {
    match standing {
        Standing::Half(_, login) => {
            let user = half_signed_in_person(app, login).await?;
            let factors = app.identity.list_factors(user.id).await?;
            // Whoever has a factor meanwhile proves it and sets up no other.
            if login.outstanding != Outstanding::Enrol || !usable_methods(&factors).is_empty() {
                return Err(AuthError::InvalidToken);
            }
            Ok((user, factors))
        }
        Standing::Full(caller) => {
            let factors = app.identity.list_factors(caller.user.id).await?;
            let level = if usable_methods(&factors).is_empty() {
                Level::OneFactor
            } else {
                Level::TwoFactor
            };
            caller.require(level, FRESH, now)?;
            Ok((caller.user.clone(), factors))
        }
    }
}

fn judge_name(name: Option<&str>) -> AuthResult<Option<&str>> {
    let name = name.map(str::trim).filter(|name| !name.is_empty());
    if name
        .is_some_and(|name| name.chars().count() > NAME_LIMIT || name.chars().any(char::is_control))
    {
        return Err(AuthError::Invalid(vec![FieldProblem::new(
            "name",
            format!("must have at most {NAME_LIMIT} characters, and no control characters"),
        )]));
    }
    Ok(name)
}
