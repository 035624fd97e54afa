//! What owners are told of their accounts, and "this wasn't me": the link of such a letter ends
//! everything of theirs and blocks the account, until they choose a new password by mail.

use jwks::{Time, cutoff::CutOff};
use serde_json::json;
use uuid::Uuid;

use super::{
    account_address::is_displaced,
    errands,
    error::{AuthError, AuthResult},
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
        factor::{Factor, going_with},
        login::Address,
        secret::{OpaqueToken, TokenKind},
        user::{User, UserStatus},
        warning::{Denial, LIFE, Warning, is_new},
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
        lost_factor: news.lost_factor,
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
/// sessions and whatever was granted in them, API keys, trusted devices, and every factor and proved
/// number that is younger than the oldest letter that can be denied: whichever of them somebody else
/// set up. They have the address again that the letter went to, and a link to choose a new password
/// is mailed there.
/// Where the account stands then: blocked; or disabled, where only an operator can tell whose it is:
/// that address belongs to another account by now, or no factor is left where there was one for
/// long, so that a mailbox alone would open what had asked for more (rule 25).
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
        let lost = app.identity.has_lost_factor(user.id, now).await?;
        let denial = judge(&warning, &user, &factors, lost, holder.as_ref(), now);
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

/// PURE: what a denial makes of the account of `user`. `lost`: whether a factor went this week that
/// they had for long. `holder`: who has the address now that the letter went to.
fn judge(
    warning: &Warning,
    user: &User,
    factors: &[Factor],
    lost: bool,
    holder: Option<&User>,
    now: Time,
) -> Denial {
    let is_elsewhere = user.email_key != warning.address.key;
    let holder = holder.filter(|holder| holder.id != user.id);
    // Nobody ever proved it: it is nobody's.
    let gives_way = holder.filter(|holder| is_displaced(holder));
    let is_taken = holder.is_some() && gives_way.is_none();
    let new = factors.iter().filter(|factor| is_new(factor, now));
    let remove = going_with(factors, &new.map(|factor| factor.id).collect::<Vec<_>>());
    let stays = |factor: &Factor| !remove.contains(&factor.id);
    let is_bare = !factors.iter().any(|factor| factor.counts_by_itself() && stays(factor));
    let status = match user.status {
        // Whoever reads the mail of the address that it has now could open it again.
        UserStatus::Active | UserStatus::Blocked if is_elsewhere && is_taken || lost && is_bare => {
            UserStatus::Disabled
        }
        UserStatus::Active | UserStatus::Blocked => UserStatus::Blocked,
        other @ (UserStatus::Pending | UserStatus::Disabled) => other,
    };
    Denial {
        warning_id: warning.id,
        user_id: user.id,
        expected_epoch: user.factor_epoch,
        status,
        restored: (is_elsewhere && !is_taken).then(|| warning.address.clone()),
        gives_way: gives_way.filter(|_| is_elsewhere).map(|holder| holder.id),
        remove,
        numbers_after: now.minus(LIFE),
    }
}

#[cfg(test)]
mod tests {
    use jwks::policy::Method;

    use super::*;
    use crate::store::conformance::samples::{at, factor, pending_user, user, warning};

    fn told(user: &User) -> Warning {
        Warning { lost_factor: false, used_at: None, ..warning(user) }
    }

    /// When every denial here is made; what was set up at `at(1)` is older than any letter.
    fn now() -> Time {
        at(1).plus(LIFE)
    }

    fn old(user: &User, method: Method) -> Factor {
        Factor { confirmed_at: Some(at(1)), ..factor(user.id, method) }
    }

    fn new(user: &User, method: Method) -> Factor {
        Factor { confirmed_at: Some(at(2)), ..factor(user.id, method) }
    }

    #[test]
    fn a_denial_blocks_and_leaves_alone_what_is_older_than_any_letter() {
        let ada = user("ada");
        let factors = [old(&ada, Method::Totp), old(&ada, Method::BackupCode)];
        let warning = told(&ada);
        let denial = judge(&warning, &ada, &factors, false, Some(&ada), now());
        assert_eq!((denial.status, denial.remove), (UserStatus::Blocked, Vec::new()));
        assert_eq!((denial.restored, denial.gives_way), (None, None));
        for (status, then) in [
            (UserStatus::Blocked, UserStatus::Blocked),
            (UserStatus::Disabled, UserStatus::Disabled),
            (UserStatus::Pending, UserStatus::Pending),
        ] {
            let ada = User { status, ..ada.clone() };
            let denial = judge(&warning, &ada, &factors, true, Some(&ada), now());
            assert_eq!(denial.status, then);
        }
    }

    #[test]
    fn whatever_is_new_goes_and_the_last_factor_takes_the_backup_codes_along() {
        let ada = user("ada");
        let of = |factors: &[&Factor]| {
            let factors: Vec<Factor> = factors.iter().map(|factor| (*factor).clone()).collect();
            judge(&told(&ada), &ada, &factors, false, None, now()).remove
        };
        let (totp, codes) = (old(&ada, Method::Totp), old(&ada, Method::BackupCode));
        let (key, mail) = (new(&ada, Method::Hardware), new(&ada, Method::EmailOtp));
        assert_eq!(of(&[&totp, &key, &mail, &codes]), [key.id, mail.id]);
        assert_eq!(of(&[&key, &codes]), [key.id, codes.id]);
        let fresh = new(&ada, Method::BackupCode);
        assert_eq!(of(&[&totp, &fresh]), [fresh.id]);
        let waiting = Factor { confirmed_at: None, ..key };
        assert_eq!(of(&[&totp, &waiting]), [waiting.id]);
    }

    #[test]
    fn a_mailbox_does_not_open_what_had_asked_for_more_for_long() {
        let ada = user("ada");
        let status =
            |factors: &[Factor], lost| judge(&told(&ada), &ada, factors, lost, None, now()).status;
        let (own, theirs) = (old(&ada, Method::Totp), new(&ada, Method::Hardware));
        assert_eq!(status(std::slice::from_ref(&theirs), true), UserStatus::Disabled);
        assert_eq!(status(&[], true), UserStatus::Disabled);
        assert_eq!(status(&[own, theirs.clone()], true), UserStatus::Blocked);
        // The first factor that an account ever had is as young as the letters.
        assert_eq!(status(&[theirs], false), UserStatus::Blocked);
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
        let free = judge(&warning, &moved, &[], false, None, now());
        assert_eq!(free.restored.as_ref(), Some(&warning.address));
        assert_eq!((free.status, free.gives_way), (UserStatus::Blocked, None));
        // Whoever took it may have registered it anew, so that it cannot be given back.
        let squatter = pending_user("home");
        let squatted = judge(&warning, &moved, &[], false, Some(&squatter), now());
        assert_eq!(squatted.restored.as_ref(), Some(&warning.address));
        assert_eq!((squatted.status, squatted.gives_way), (UserStatus::Blocked, Some(squatter.id)));
        // Somebody has proved it since: then nobody opens this account by the mail it has now.
        let owner = user("home");
        let taken = judge(&warning, &moved, &[], false, Some(&owner), now());
        assert_eq!((taken.status, taken.gives_way), (UserStatus::Disabled, None));
        assert_eq!(taken.restored, None);
    }
}
