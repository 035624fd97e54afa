//! Passwords chosen anew: by a link that was mailed, or by somebody who knows the present one.
//!
//! Neither signs anybody in, and neither says anything about a second factor (rule 25). A link also
//! opens an account that its owner had blocked ([`super::warnings`]). Both raise
//! `factor_epoch`, and with that end the trust in every device; both end sessions as
//! [`super::sessions::look_again`] tells.

use std::time::Duration;

use jwks::{Time, cutoff::CutOff, policy::Level};
use serde_json::json;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use super::{
    bearer::{Caller, FRESH},
    error::{ACCOUNT_CHANGED, AuthError, AuthResult},
    login::usable_methods,
    origin::Origin,
    password::{self, judge_aside},
    registration::{LINK_TTL, leave, read_address},
    sessions::{end_all, endings, user_end},
    throttle, warnings,
};
use crate::{
    app::App,
    clock::{new_id, random},
    domain::{
        audit::{Action, Event},
        errand::{Errand, Letter},
        login::Address,
        one_time::{OneTime, Purpose},
        secret::{OpaqueToken, TokenKind},
        user::{User, UserStatus},
    },
    letters::{self, news},
    store::identity::NewPassword,
};

/// Life of a link.
pub const RESET_TTL: Duration = LINK_TTL;

/// Has a link mailed to the owner of an address, if there is one. The answer is the same if not,
/// and the same is written to the stores.
///
/// # Errors
/// [`AuthError::Invalid`] for what is no address; [`AuthError::TooMany`] for one network.
pub async fn forgot(app: &App, origin: &Origin, email: &str) -> AuthResult<()> {
    let now = app.clock.now();
    throttle::count_registration(app, origin, now).await?;
    let address = read_address(email)?;
    // Whose address it is, is found out when the errand is carried out, and logged then.
    let event = Box::new(origin.event(Action::ResetRequested, None, now, json!({})));
    leave(app, address, |address| Errand::ResetPassword { address, event }, now).await
}

/// The letter with a link for the owner of this address. The link proves the address, so it is
/// for pending accounts as well, and for those that their owners have blocked; for nobody else who
/// may not sign in.
///
/// # Errors
/// When a store fails.
pub(super) async fn reset_letter(
    app: &App,
    address: &Address,
    event: Event,
    now: Time,
) -> AuthResult<Option<Letter>> {
    let user = app.identity.find_user_by_login(&address.key).await?;
    let Some(user) = user.filter(|user| user.email_key == address.key) else {
        return Ok(None);
    };
    app.identity.append_event(&Event { user_id: Some(user.id), ..event }).await?;
    if !may_reset(&user) {
        return Ok(None);
    }
    let token = OpaqueToken::new(TokenKind::OneTime, &[user.id], random());
    let expires_at = now.plus(RESET_TTL);
    let one_time = OneTime {
        purpose: Purpose::ResetPassword,
        owner: user.id,
        hash: token.hash(),
        bound_to: user.binding(),
        expires_at,
    };
    app.sessions.put_one_time(&one_time).await?;
    Ok(Some(letters::reset_password(app, &user, &token, expires_at)))
}

const fn may_reset(user: &User) -> bool {
    !matches!(user.status, UserStatus::Disabled)
}

/// Whose password a link would set. Looks, and consumes nothing.
///
/// # Errors
/// [`AuthError::InvalidToken`] for a link that is unknown, spent, too old or overtaken.
pub async fn find_link(app: &App, token: &str) -> AuthResult<(OpaqueToken, User)> {
    let now = app.clock.now();
    let token = OpaqueToken::parse(TokenKind::OneTime, token).ok_or(AuthError::InvalidToken)?;
    let &[owner] = token.names() else {
        return Err(AuthError::InvalidToken);
    };
    let purpose = Purpose::ResetPassword;
    let one_time = app.sessions.find_one_time(purpose, owner, &token.hash(), now).await?;
    let one_time = one_time.ok_or(AuthError::InvalidToken)?;
    let user = app.identity.find_user(owner).await?;
    let user = user.filter(|user| may_reset(user) && one_time.bound_to == user.binding());
    Ok((token, user.ok_or(AuthError::InvalidToken)?))
}

/// Sets a new password by a link, which is spent by that, and ends everything that was begun with
/// the old one.
///
/// # Errors
/// [`AuthError::Invalid`] for a password that cannot be taken: the link stays good.
/// [`AuthError::InvalidToken`] as [`find_link`], and when somebody was faster.
pub async fn reset(app: &App, origin: &Origin, token: &str, password: &str) -> AuthResult<()> {
    let now = app.clock.now();
    throttle::count_reset(app, origin, now).await?;
    let (token, user) = find_link(app, token).await?;
    let inputs = [user.email.as_str(), user.name.as_str()];
    if let Err(problem) = judge_aside(app, password, &inputs).await? {
        return Err(AuthError::field("password", problem.to_string()));
    }
    let change = NewPassword {
        user_id: user.id,
        hash: app.hasher.hash(password).await?,
        expected_epoch: user.factor_epoch,
        proves_address: Some(user.email_key.clone()),
        invited: None,
    };
    let known = endings(app, user.id, None, now).await?;
    // Everything begun before, by one stroke; and each session by its name, for what a replica
    // issues whose clock is ahead.
    let cut_offs: Vec<CutOff> = std::iter::once(user_end(app, user.id, now))
        .chain(known.iter().map(|(_, end)| end.clone()))
        .collect();
    let unblocks = user.status == UserStatus::Blocked;
    let details = json!({ "by": "reset", "unblocks": unblocks, "sids": sids(&known) });
    let hash = token.hash();
    let event = origin.event_of(hash.to_id(), Action::PasswordChanged, Some(user.id), now, details);
    // Exactly one of those who hold the link finds the state it is bound to.
    if !app.identity.change_password(&change, &cut_offs, now, &event).await? {
        return Err(AuthError::InvalidToken);
    }
    // That state is gone, and the link dead already. Taken away before, it would be lost whenever
    // the change fails, and the owner with a dead link and the old password.
    let purpose = Purpose::ResetPassword;
    if let Err(error) = app.sessions.consume_one_time(purpose, user.id, &hash, now).await {
        tracing::warn!(%error, "a spent reset token could not be taken away");
    }
    if user.status == UserStatus::Pending {
        let details = json!({ "by": "reset" });
        let event =
            origin.event_of(new_id(now), Action::EmailVerified, Some(user.id), now, details);
        app.identity.append_event(&event).await?;
    }
    end_all(app, origin, user.id, None, &known, now).await?;
    warnings::tell(app, news::password_changed(&user), now).await
}

/// Sets a new password for the caller, who knows the present one, and ends everything of theirs
/// but the session that asks.
///
/// # Errors
/// [`AuthError::StepUpRequired`] without a fresh proof of the second factor, from somebody who
/// has one; [`AuthError::WrongCredentials`] for a wrong present password, counted as every other
/// guess; [`AuthError::Invalid`] for a new one that cannot be taken; [`AuthError::Conflict`] when
/// the account was changed meanwhile.
pub async fn change(
    app: &App,
    origin: &Origin,
    caller: &Caller,
    current: &str,
    new: &str,
) -> AuthResult<()> {
    let now = app.clock.now();
    let user = &caller.user;
    if !usable_methods(&app.identity.list_factors(user.id).await?).is_empty() {
        caller.require(Level::TwoFactor, FRESH, now)?;
    }
    password::prove(app, origin, user, current, "change_password", now).await?;
    let problem = if new.nfc().eq(current.nfc()) {
        Some("must differ from the present one".to_owned())
    } else {
        let judged = judge_aside(app, new, &[&user.email, &user.name]).await?;
        judged.err().map(|problem| problem.to_string())
    };
    if let Some(problem) = problem {
        return Err(AuthError::field("new_password", problem));
    }
    let change = NewPassword {
        user_id: user.id,
        hash: app.hasher.hash(new).await?,
        expected_epoch: user.factor_epoch,
        proves_address: None,
        invited: None,
    };
    let kept = Some(caller.session.sid);
    let known = endings(app, user.id, kept, now).await?;
    let cut_offs: Vec<CutOff> = known.iter().map(|(_, end)| end.clone()).collect();
    let details = json!({ "by": "change", "sids": sids(&known) });
    let event = origin.event(Action::PasswordChanged, Some(user), now, details);
    if !app.identity.change_password(&change, &cut_offs, now, &event).await? {
        return Err(AuthError::Conflict(ACCOUNT_CHANGED));
    }
    end_all(app, origin, user.id, kept, &known, now).await?;
    warnings::tell(app, news::password_changed(user), now).await
}

fn sids(known: &[(Uuid, CutOff)]) -> Vec<Uuid> {
    known.iter().map(|(sid, _)| *sid).collect()
}
