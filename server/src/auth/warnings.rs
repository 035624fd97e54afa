//! What owners are told of their accounts, and "this wasn't me": the link of such a letter ends
//! everything of theirs and blocks the account, until they choose a new password by mail.

use jwks::{Time, cutoff::CutOff, policy::Method};
use serde_json::json;
use uuid::Uuid;

use super::{
    account_address::is_displaced,
    errands,
    error::{AuthError, AuthResult},
    login::usable_methods,
    origin::Origin,
    registration::leave,
    sessions::{end_all, endings, user_end},
};
use crate::{
    app::App,
    clock::{new_id, random},
    domain::{
        audit::Action,
        errand::Errand,
        factor::Factor,
        login::Address,
        secret::{OpaqueToken, TokenKind},
        user::{User, UserStatus},
        warning::{Denial, LIFE, Warning},
    },
    letters::news::News,
    store::identity::Denied,
};

/// How often a denial is decided anew where the account changes meanwhile.
const TRIES: usize = 8;

/// Tells the owner of an account what happened to it, with a link for whoever did not do it.
///
/// # Errors
/// When the store fails.
pub async fn tell(app: &App, news: News, now: Time) -> AuthResult<()> {
    let id = new_id(now);
    let token = OpaqueToken::new(TokenKind::OneTime, &[id], random());
    let warning = Warning {
        id,
        user_id: news.user_id,
        hash: token.hash(),
        address: news.address.clone(),
        factor_id: news.factor_id,
        created_at: now,
        expires_at: now.plus(LIFE),
        used_at: None,
    };
    app.identity.put_warning(&warning).await?;
    let link = app.link(&format!("/not-me?token={}", token.as_str()));
    errands::send(app, news.letter(app, &link, now), now).await
}

/// The warning of a link. Looks, and uses nothing: it may have been used before.
///
/// # Errors
/// [`AuthError::InvalidToken`] for a link that is unknown, too old or overtaken.
pub async fn find(app: &App, token: &str) -> AuthResult<Warning> {
    let token = OpaqueToken::parse(TokenKind::OneTime, token).ok_or(AuthError::InvalidToken)?;
    let &[id] = token.names() else {
        return Err(AuthError::InvalidToken);
    };
    let warning = app.identity.find_warning(id, app.clock.now()).await?;
    warning.filter(|warning| warning.hash == token.hash()).ok_or(AuthError::InvalidToken)
}

/// Ends everything of the person whom the link's letter told, and blocks their account: their
/// sessions and whatever was granted in them, API keys, trusted devices, the factor that was new, and
/// a telephone number that was proved since. They have the address again that the letter went to,
/// and a link to choose a new password is mailed there. Where the account stands then: blocked, or
/// disabled, where that address belongs to another account by now and only an operator can tell
/// whose is whose.
///
/// # Errors
/// As [`find`]; [`AuthError::Conflict`] when the link was used before.
pub async fn deny(app: &App, origin: &Origin, token: &str) -> AuthResult<UserStatus> {
    let now = app.clock.now();
    for _ in 0..TRIES {
        let warning = find(app, token).await?;
        if warning.used_at.is_some() {
            break;
        }
        let user = app.identity.find_user(warning.user_id).await?;
        let user = user.ok_or(AuthError::InvalidToken)?;
        let factors = app.identity.list_factors(user.id).await?;
        let holder = app.identity.find_user_by_login(&warning.address.key).await?;
        let holder = holder.filter(|holder| holder.email_key == warning.address.key);
        let denial = judge(&warning, &user, &factors, holder.as_ref());
        let known = endings(app, user.id, None, now).await?;
        // Everything begun before, by one stroke; and each session by its name, for what a replica
        // issues whose clock is ahead.
        let cut_offs: Vec<CutOff> = std::iter::once(user_end(app, user.id, now))
            .chain(known.iter().map(|(_, end)| end.clone()))
            .collect();
        let sids: Vec<Uuid> = known.iter().map(|(sid, _)| *sid).collect();
        let details = json!({
            "by": "owner",
            "factors": denial.remove,
            "address_restored": denial.restored.is_some(),
            "status": denial.status.as_str(),
            "sids": sids,
        });
        let action = Action::AccountBlocked;
        let event = origin.event_of(warning.id, action, Some(user.id), now, details);
        match app.identity.deny(&denial, &cut_offs, now, &event).await? {
            Denied::Denied => {
                end_all(app, origin, user.id, None, &known, now).await?;
                if denial.status == UserStatus::Blocked {
                    let details = json!({ "by": "not_me" });
                    let event = origin.event(Action::ResetRequested, None, now, details);
                    let event = Box::new(event);
                    let reset = |address: Address| Errand::ResetPassword { address, event };
                    leave(app, warning.address, reset, now).await?;
                }
                return Ok(denial.status);
            }
            Denied::Spent => break,
            Denied::Overtaken => {}
        }
    }
    Err(AuthError::Conflict("the link was used already"))
}

/// PURE: what a denial makes of the account of `user`. `holder`: who has the address now that the
/// letter went to.
fn judge(warning: &Warning, user: &User, factors: &[Factor], holder: Option<&User>) -> Denial {
    let is_elsewhere = user.email_key != warning.address.key;
    let holder = holder.filter(|holder| holder.id != user.id);
    // Nobody ever proved it: it is nobody's.
    let gives_way = holder.filter(|holder| is_displaced(holder));
    let is_taken = holder.is_some() && gives_way.is_none();
    let status = match user.status {
        // Whoever reads the mail of the address that it has now could open it again.
        UserStatus::Active | UserStatus::Blocked if is_elsewhere && is_taken => {
            UserStatus::Disabled
        }
        UserStatus::Active | UserStatus::Blocked => UserStatus::Blocked,
        other @ (UserStatus::Pending | UserStatus::Disabled) => other,
    };
    let mut remove: Vec<Uuid> = factors
        .iter()
        .map(|factor| factor.id)
        .filter(|id| Some(*id) == warning.factor_id)
        .collect();
    let left: Vec<Factor> =
        factors.iter().filter(|factor| !remove.contains(&factor.id)).cloned().collect();
    if !remove.is_empty() && usable_methods(&left).is_empty() {
        let codes = left.iter().filter(|factor| factor.method == Method::BackupCode);
        remove.extend(codes.map(|codes| codes.id));
    }
    Denial {
        warning_id: warning.id,
        user_id: user.id,
        expected_epoch: user.factor_epoch,
        status,
        restored: (is_elsewhere && !is_taken).then(|| warning.address.clone()),
        gives_way: gives_way.filter(|_| is_elsewhere).map(|holder| holder.id),
        remove,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::samples::{at, factor, pending_user, user, warning};

    fn told(user: &User) -> Warning {
        Warning { factor_id: None, used_at: None, ..warning(user) }
    }

    #[test]
    fn a_denial_blocks_and_leaves_alone_what_it_was_not_told_of() {
        let ada = user("ada");
        let factors = [factor(ada.id, Method::Totp), factor(ada.id, Method::BackupCode)];
        let warning = told(&ada);
        let denial = judge(&warning, &ada, &factors, Some(&ada));
        assert_eq!((denial.status, denial.remove), (UserStatus::Blocked, Vec::new()));
        assert_eq!((denial.restored, denial.gives_way), (None, None));
        for (status, then) in [
            (UserStatus::Blocked, UserStatus::Blocked),
            (UserStatus::Disabled, UserStatus::Disabled),
            (UserStatus::Pending, UserStatus::Pending),
        ] {
            let ada = User { status, ..ada.clone() };
            assert_eq!(judge(&warning, &ada, &factors, Some(&ada)).status, then);
        }
    }

    #[test]
    fn the_last_factor_goes_with_the_backup_codes_and_any_other_without() {
        let ada = user("ada");
        let confirmed = |method| Factor { confirmed_at: Some(at(1)), ..factor(ada.id, method) };
        let (totp, mail) = (confirmed(Method::Totp), confirmed(Method::EmailOtp));
        let codes = confirmed(Method::BackupCode);
        let of = |told_of: &Factor, factors: &[&Factor]| {
            let warning = Warning { factor_id: Some(told_of.id), ..told(&ada) };
            let factors: Vec<Factor> = factors.iter().map(|factor| (*factor).clone()).collect();
            judge(&warning, &ada, &factors, None).remove
        };
        assert_eq!(of(&totp, &[&totp, &mail, &codes]), [totp.id]);
        assert_eq!(of(&totp, &[&totp, &codes]), [totp.id, codes.id]);
        assert_eq!(of(&codes, &[&totp, &codes]), [codes.id]);
        // It was removed since.
        assert!(of(&totp, &[&mail, &codes]).is_empty());
    }

    #[test]
    fn an_address_comes_back_to_whom_it_was_taken_from() {
        let home = user("home");
        let moved = User {
            email: "evil@x.example".into(),
            email_key: "evil@x.example".into(),
            ..home.clone()
        };
        let warning = told(&home);
        let free = judge(&warning, &moved, &[], None);
        assert_eq!(free.restored.as_ref(), Some(&warning.address));
        assert_eq!((free.status, free.gives_way), (UserStatus::Blocked, None));
        // Whoever took it may have registered it anew, so that it cannot be given back.
        let squatter = pending_user("home");
        let squatted = judge(&warning, &moved, &[], Some(&squatter));
        assert_eq!(squatted.restored.as_ref(), Some(&warning.address));
        assert_eq!((squatted.status, squatted.gives_way), (UserStatus::Blocked, Some(squatter.id)));
        // Somebody has proved it since: then nobody opens this account by the mail it has now.
        let owner = user("home");
        let taken = judge(&warning, &moved, &[], Some(&owner));
        assert_eq!((taken.status, taken.gives_way), (UserStatus::Disabled, None));
        assert_eq!(taken.restored, None);
    }
}
