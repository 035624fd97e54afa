//! The factors that somebody has: list, rename, put first, remove, renew the backup codes. Every call asks for a
//! fresh proof of them, and every change of what counts tells the owner (rule 24).

use jwks::{cutoff::CutOff, policy::Method};
use serde_json::json;
use uuid::Uuid;

use super::{backup, enrol::judge_name, require_proof};
use crate::{
    app::App,
    auth::{
        bearer::Caller,
        error::{AuthError, AuthResult, PROOF_CHANGED},
        login::usable_methods,
        origin::Origin,
        sessions, throttle, warnings,
    },
    domain::{
        audit::Action,
        factor::{Factor, going_with},
        passkey::Passkey,
    },
    letters::news,
    store::identity::{FactorChange, FactorEdit},
};

/// A confirmed factor, as its owner sees it.
pub struct Listed {
    /// The factor.
    pub factor: Factor,
    /// Whether it is the one to begin with at sign-in.
    pub is_default: bool,
    /// Backup codes: how many are left.
    pub remaining: Option<u32>,
    /// Of a passkey or security key: what it left here.
    pub passkey: Option<Passkey>,
}

/// The caller's factors, oldest first, backup codes last.
///
/// # Errors
/// [`AuthError::StepUpRequired`].
pub async fn list(app: &App, caller: &Caller) -> AuthResult<Vec<Listed>> {
    let factors = require_proof(app, caller, app.clock.now()).await?;
    let mut listed = Vec::new();
    // The preferred one comes first, and without one the oldest is it.
    let begins = |factor: &&Factor| factor.is_confirmed() && factor.method != Method::BackupCode;
    let first = factors.iter().find(begins).map(|factor| factor.id);
    let mut passkeys = match factors.iter().any(|factor| factor.method == Method::Hardware) {
        true => app.identity.list_passkeys(caller.user.id).await?,
        false => Vec::new(),
    };
    for factor in factors.into_iter().filter(Factor::is_confirmed) {
        let is_default = first == Some(factor.id);
        let remaining = match factor.method {
            Method::BackupCode => Some(app.identity.count_backup_codes(factor.id).await?),
            _ => None,
        };
        let own = passkeys.iter().position(|passkey| passkey.factor_id == factor.id);
        let passkey = own.map(|own| passkeys.swap_remove(own));
        listed.push(Listed { factor, is_default, remaining, passkey });
    }
    // The codes that stand in for the others are as old as the first of them.
    listed.sort_by_key(|listed| (listed.remaining.is_some(), listed.factor.created_at));
    Ok(listed)
}

/// Renames one of the caller's factors, or makes it the one to begin with at sign-in. Neither changes
/// what counts: nothing ends by it.
///
/// # Errors
/// [`AuthError::StepUpRequired`]; [`AuthError::NotFound`] when it is none of theirs;
/// [`AuthError::Invalid`] for a name that cannot be taken, and for backup codes, which stand in for
/// the others and have no name of their own.
pub async fn edit(
    app: &App,
    origin: &Origin,
    caller: &Caller,
    id: Uuid,
    name: Option<&str>,
    prefer: bool,
) -> AuthResult<()> {
    let now = app.clock.now();
    let user = &caller.user;
    let factors = require_proof(app, caller, now).await?;
    let factor = factors.iter().find(|factor| factor.id == id && factor.is_confirmed());
    let factor = factor.ok_or(AuthError::NotFound)?;
    let is_backup = factor.method == Method::BackupCode;
    if is_backup && prefer {
        let text = "must be a factor; backup codes stand in for one";
        return Err(AuthError::field("default", text));
    }
    if is_backup && name.is_some() {
        let text = "cannot be given to backup codes";
        return Err(AuthError::field("name", text));
    }
    let name = match name {
        None => None,
        Some(name) => Some(
            judge_name(Some(name))?.ok_or_else(|| AuthError::field("name", "must not be empty"))?,
        ),
    };
    let edit = FactorEdit { user_id: user.id, id, name: name.map(ToOwned::to_owned), prefer };
    let details = json!({
        "factor": id, "method": factor.method.as_str(), "renamed": name.is_some(),
        "preferred": prefer,
    });
    let event = origin.event(Action::MfaUpdated, Some(user), now, details);
    match app.identity.edit_factor(&edit, &event).await? {
        true => Ok(()),
        false => Err(AuthError::NotFound),
    }
}

/// Removes a factor, with the backup codes when it was the last: that ends every other session of
/// the caller's, and every trusted device.
///
/// # Errors
/// [`AuthError::StepUpRequired`]; [`AuthError::NotFound`] when it is none of theirs;
/// [`AuthError::Conflict`] when their factors or password changed meanwhile.
pub async fn remove(app: &App, origin: &Origin, caller: &Caller, id: Uuid) -> AuthResult<()> {
    let now = app.clock.now();
    let user = &caller.user;
    let factors = require_proof(app, caller, now).await?;
    let factor = factors.iter().find(|factor| factor.id == id && factor.is_confirmed());
    let factor = factor.ok_or(AuthError::NotFound)?;
    let own = Some(caller.session.sid);
    let ending = sessions::endings(app, user.id, own, now).await?;
    let (sids, ends): (Vec<Uuid>, Vec<CutOff>) = ending.iter().cloned().unzip();
    let change = FactorChange {
        user_id: user.id,
        expected_epoch: user.factor_epoch,
        remove: going_with(&factors, &[id]),
        add: Vec::new(),
        codes: Vec::new(),
    };
    let method = factor.method.as_str();
    let details = json!({ "factor": id, "method": method, "sids": sids });
    let event = origin.event(Action::MfaDisabled, Some(user), now, details);
    if !app.identity.change_factors(&change, &ends, now, &event).await? {
        return Err(AuthError::Conflict(PROOF_CHANGED));
    }
    sessions::end_all(app, origin, user.id, own, &ending, now).await?;
    warnings::tell(app, news::factor_removed(user, factor, now), now).await
}

/// Makes ten new backup codes in the place of the old ones, and ends every trusted device.
///
/// # Errors
/// [`AuthError::StepUpRequired`]; [`AuthError::MethodNotOffered`] without a factor that they could
/// stand in for; [`AuthError::Conflict`] when their factors or password changed meanwhile.
pub async fn renew_backup_codes(
    app: &App,
    origin: &Origin,
    caller: &Caller,
) -> AuthResult<Vec<String>> {
    let now = app.clock.now();
    let user = &caller.user;
    let factors = require_proof(app, caller, now).await?;
    if usable_methods(&factors).is_empty() {
        return Err(AuthError::MethodNotOffered(Vec::new()));
    }
    throttle::count_enrolment(app, user.id, now).await?;
    let new = backup::generate(app, user.id, now).await?;
    let old = factors.iter().filter(|factor| factor.method == Method::BackupCode);
    let factor = Factor { confirmed_at: Some(now), ..new.factor };
    let details = json!({ "factor": factor.id, "method": factor.method.as_str(), "renewed": true });
    let event = origin.event_of(factor.id, Action::MfaEnabled, Some(user.id), now, details);
    let change = FactorChange {
        user_id: user.id,
        expected_epoch: user.factor_epoch,
        remove: old.map(|old| old.id).collect(),
        add: vec![factor],
        codes: new.rows,
    };
    if !app.identity.change_factors(&change, &[], now, &event).await? {
        return Err(AuthError::Conflict(PROOF_CHANGED));
    }
    warnings::tell(app, news::backup_codes_renewed(user), now).await?;
    Ok(new.shown)
}
