//! The factors that somebody has: list, remove, renew the backup codes. Every call asks for a
//! fresh proof of them, and every change tells the owner (rule 24).

use jwks::{cutoff::CutOff, policy::Method};
use serde_json::json;
use uuid::Uuid;

use super::{backup, require_proof};
use crate::{
    app::App,
    auth::{
        bearer::Caller,
        error::{AuthError, AuthResult},
        login::usable_methods,
        origin::Origin,
        sessions, throttle, warnings,
    },
    domain::{audit::Action, factor::Factor},
    letters::news,
    store::identity::FactorChange,
};

/// A confirmed factor, as its owner sees it.
pub struct Listed {
    /// The factor.
    pub factor: Factor,
    /// Whether it is the one to begin with at sign-in.
    pub is_default: bool,
    /// Backup codes: how many are left.
    pub remaining: Option<u32>,
}

/// The caller's factors, oldest first, backup codes last.
///
/// # Errors
/// [`AuthError::StepUpRequired`].
pub async fn list(app: &App, caller: &Caller) -> AuthResult<Vec<Listed>> {
    let factors = require_proof(app, caller, app.clock.now()).await?;
    let first = usable_methods(&factors).first().copied();
    let mut listed = Vec::new();
    let mut has_default = false;
    for factor in factors.into_iter().filter(Factor::is_confirmed) {
        let is_default = !has_default && Some(factor.method) == first;
        has_default |= is_default;
        let remaining = match factor.method {
            Method::BackupCode => Some(app.identity.count_backup_codes(factor.id).await?),
            _ => None,
        };
        listed.push(Listed { factor, is_default, remaining });
    }
    // The codes that stand in for the others are as old as the first of them.
    listed.sort_by_key(|listed| listed.remaining.is_some());
    Ok(listed)
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
    let left: Vec<Factor> = factors.iter().filter(|other| other.id != id).cloned().collect();
    let mut remove = vec![id];
    if usable_methods(&left).is_empty() {
        let codes = left.iter().filter(|other| other.method == Method::BackupCode);
        remove.extend(codes.map(|codes| codes.id));
    }
    let own = Some(caller.session.sid);
    let ending = sessions::endings(app, user.id, own, now).await?;
    let (sids, ends): (Vec<Uuid>, Vec<CutOff>) = ending.iter().cloned().unzip();
    let change = FactorChange {
        user_id: user.id,
        expected_epoch: user.factor_epoch,
        remove,
        add: Vec::new(),
        codes: Vec::new(),
    };
    let method = factor.method.as_str();
    let details = json!({ "factor": id, "method": method, "sids": sids });
    let event = origin.event(Action::MfaDisabled, Some(user), now, details);
    if !app.identity.change_factors(&change, &ends, now, &event).await? {
        return Err(AuthError::Conflict("the factors or the password changed meanwhile"));
    }
    sessions::end_all(app, origin, user.id, own, &ending, now).await?;
    warnings::tell(app, news::factor_removed(user, method), now).await
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
    let id = factor.id;
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
        return Err(AuthError::Conflict("the factors or the password changed meanwhile"));
    }
    warnings::tell(app, news::backup_codes_renewed(user, id), now).await?;
    Ok(new.shown)
}
