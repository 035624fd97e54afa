//! Passkeys and security keys as a second factor: asked for, and proved.

use jwks::{
    Time,
    effective::Effective,
    policy::{Method, WebAuthn},
};
use serde_json::{Value, json};

use super::{
    Standing,
    ceremony::Ceremony,
    evidence::Evidence,
    webauthn::{self, Judged, Wanted},
};
use crate::{
    app::App,
    auth::{
        error::{AuthError, AuthResult},
        origin::Origin,
        throttle, warnings,
    },
    domain::{audit::Action, factor::Factor, passkey::Passkey, user::User},
    letters::news,
    store::identity::Consumed,
};

/// Asks for one of the passkeys of `user` that count where this is asked, or where none does for any:
/// the options of `navigator.credentials.get`.
///
/// # Errors
/// When the store or the library fails.
pub async fn ask(
    app: &App,
    user: &User,
    standing: &str,
    asked: &Effective<'_>,
    now: Time,
) -> AuthResult<Value> {
    let mut passkeys = app.identity.list_passkeys(user.id).await?;
    let counts = |passkey: &Passkey| asked.counts_model(passkey.model);
    if passkeys.iter().any(counts) {
        passkeys.retain(counts);
    }
    let asked = app.relying_party.ask(&passkeys, asked.webauthn.user_verification)?;
    Ceremony::Proof(user.id, standing).begin(app, &asked, now).await?;
    Ok(asked.options)
}

/// Asks for a new one, for a factor that waits for it: the options of `navigator.credentials.create`.
///
/// # Errors
/// When the store or the library fails.
pub async fn ask_for_new(
    app: &App,
    user: &User,
    standing: &Standing,
    factor: &Factor,
    policy: &WebAuthn,
    now: Time,
) -> AuthResult<Value> {
    let known = app.identity.list_passkeys(user.id).await?;
    let wanted = Wanted { verified: policy.user_verification, attested: !policy.models.is_empty() };
    let asked = app.relying_party.ask_for_new(user, &known, wanted)?;
    let standing = standing.challenge();
    Ceremony::SetUp(user.id, &standing, factor.id).begin(app, &asked, now).await?;
    Ok(asked.options)
}

/// Judges the answer for a new one: it, and what it showed. Its challenge is gone by then.
///
/// # Errors
/// [`AuthError::WrongCode`]; [`AuthError::Invalid`] for one of a model that does not count where they
/// are on their way to.
pub async fn judge_new(
    app: &App,
    user: &User,
    standing: &Standing,
    factor: &Factor,
    answer: &Value,
    policy: &WebAuthn,
    now: Time,
) -> AuthResult<(Passkey, Evidence)> {
    let standing = standing.challenge();
    let ceremony = Ceremony::SetUp(user.id, &standing, factor.id);
    let state = ceremony.finish(app, answer, now).await?.ok_or(AuthError::WrongCode)?;
    let new = app.relying_party.judge_new(&state, answer, factor.id, user)?;
    let new = new.ok_or(AuthError::WrongCode)?;
    let counts = |model| policy.models.contains(&model);
    if !policy.models.is_empty() && !new.model.is_some_and(counts) {
        let text = "is of a model that does not count here; use another one";
        return Err(AuthError::field("credential", text));
    }
    let evidence = Evidence::of_passkey(&new, new.user_verified);
    Ok((new, evidence))
}

/// Proves one of them: counted, its challenge gone by then, and what it said kept.
///
/// As alone, wrong answers are counted by device or network, and never by factor: nobody guesses a
/// signature, and whoever knows the password keeps no owner from their key (rule 22).
///
/// # Errors
/// [`AuthError::WrongCode`], [`AuthError::TooMany`].
pub async fn prove(
    app: &App,
    origin: &Origin,
    user: &User,
    factors: &[Factor],
    standing: &str,
    answer: &Value,
    now: Time,
) -> AuthResult<Evidence> {
    let counted = throttle::count_passkey(app, origin, now).await?;
    let state = Ceremony::Proof(user.id, standing).finish(app, answer, now).await?;
    let state = state.ok_or(AuthError::WrongCode)?;
    let credential_id = webauthn::credential_id_of(answer).ok_or(AuthError::WrongCode)?;
    let passkey = app.identity.find_passkey(&credential_id).await?;
    let passkey = passkey.filter(|passkey| passkey.user_id == user.id);
    let passkey = passkey.ok_or(AuthError::WrongCode)?;
    let factor = factors.iter().find(|factor| factor.id == passkey.factor_id);
    factor.filter(|factor| factor.is_confirmed()).ok_or(AuthError::WrongCode)?;
    match judge(app, &state, answer, &passkey, now).await? {
        Ok(evidence) => {
            counted.forgive(app).await?;
            Ok(evidence)
        }
        Err(reason) => {
            let details = json!({ "reason": reason, "method": Method::Hardware.as_str() });
            let event = origin.event(Action::LoginFailed, Some(user), now, details);
            app.identity.append_event(&event).await?;
            Err(AuthError::WrongCode)
        }
    }
}

/// Judges whether `passkey` answered, and keeps what it said: the counter before anybody hears of it
/// (rule 27). Else why not, for the log.
///
/// # Errors
/// When the store or the library fails.
pub async fn judge(
    app: &App,
    state: &str,
    answer: &Value,
    passkey: &Passkey,
    now: Time,
) -> AuthResult<Result<Evidence, &'static str>> {
    // A passkey that names its owner names this one.
    if webauthn::owner_of(answer).is_some_and(|owner| owner != passkey.user_id) {
        return Ok(Err("passkey"));
    }
    let asserted = match app.relying_party.judge(state, answer, passkey)? {
        Judged::Right(asserted) => asserted,
        Judged::Behind => {
            tell_of_copy(app, passkey, now).await?;
            return Ok(Err("counter"));
        }
        Judged::Wrong => return Ok(Err("passkey")),
    };
    Ok(match app.identity.use_passkey(passkey.factor_id, asserted.used, now).await? {
        Consumed::Consumed => Ok(Evidence::of_passkey(passkey, asserted.user_verified)),
        // Another answer of it was faster, or it was removed meanwhile.
        Consumed::Replayed => Err("counter"),
        Consumed::Gone => Err("passkey"),
    })
}

/// Tells the owner that there may be a copy of a passkey: it signed, and had counted further before
/// (WebAuthn Level 3 section 6.1.1).
async fn tell_of_copy(app: &App, passkey: &Passkey, now: Time) -> AuthResult<()> {
    let user = app.identity.find_user(passkey.user_id).await?;
    let Some(user) = user else { return Ok(()) };
    if !throttle::may_tell_of_copy(app, user.id, now).await? {
        return Ok(());
    }
    let factors = app.identity.list_factors(user.id).await?;
    let factor = factors.iter().find(|factor| factor.id == passkey.factor_id);
    let name = factor.map_or("", |factor| factor.name.as_str());
    warnings::tell(app, news::passkey_copied(&user, name), now).await
}
