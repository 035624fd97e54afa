//! The mail address and the telephone number of an account: each is changed in two steps, and is what
//! it was until the second one.
//!
//! A code goes to the new address or number, bound to the session that asks, and to the password,
//! factors and address that the account has. Whether an address is somebody's shows in no answer: who
//! has it is found out when nobody waits, and is told by mail. The present address is told at once,
//! and again when it is the account's no more.
//!
//! A new address is where a new password would be mailed to, and where codes by mail go from then on:
//! so it ends what the removal of a factor ends.

use jwks::{Time, cutoff::CutOff, policy::Method};
use serde_json::json;
use uuid::Uuid;

use super::{
    errands,
    error::{ACCOUNT_CHANGED, AuthError, AuthResult},
    mfa::{Standing, sms},
    origin::Origin,
    registration::read_address,
    sent_code::{Ask, Destination, LIFE, Sent, require_sms},
    sessions::{end_all, endings},
    throttle, warnings,
};
use crate::{
    app::App,
    domain::{
        audit::Action,
        errand::{Errand, Letter},
        factor::Factor,
        login::{Address, masked_address, normalise_address},
        one_time::Purpose,
        phone::PhoneNumber,
        user::{User, UserStatus},
    },
    letters::{self, news},
    store::identity::{AddressChanged, NewAddress, NewPhone},
};

/// Sends a code to the address that is to take the place of the present one. The answer is the same
/// if it belongs to somebody, who gets a mail then.
///
/// # Errors
/// [`AuthError::StepUpRequired`] without a proof of the present second factor (or, having none, of
/// the password) at most five minutes old; [`AuthError::Invalid`] for what is no address, or is theirs
/// already; [`AuthError::TooMany`] when too many codes were sent.
pub async fn begin_email(
    app: &App,
    origin: &Origin,
    standing: &Standing,
    typed: &str,
) -> AuthResult<Sent> {
    let now = app.clock.now();
    let (user, _) = standing.proved(app, now).await?;
    let address = read_address(typed)?;
    if address.key == user.email_key && user.email_verified_at.is_some() {
        return Err(invalid("email", "is the address of this account already"));
    }
    throttle::count_sent_code(app, origin, &user, now).await?;
    throttle::count_new_address(app, &address.key, now).await?;
    let sent_to = masked_address(&address.display);
    let details = json!({ "to": sent_to });
    let event = origin.event(Action::EmailChangeRequested, Some(&user), now, details);
    app.identity.append_event(&event).await?;
    let bound_to = format!("{} {}", user.binding(), address.display);
    let code = ask(Purpose::NewAddress, standing, &user).make(app, bound_to, now).await?;
    if address.key != user.email_key {
        warnings::tell(app, news::address_asked(&user, &sent_to), now).await?;
    }
    let until = now.plus(LIFE);
    let errand = Errand::ProveAddress { user_id: user.id, address, code, until };
    errands::queue(app, &errand, now).await?;
    Ok(Sent::to(sent_to))
}

/// The letter that ends in: a code for whoever reads mail at this address; or, where it is somebody
/// else's, what was tried with it.
///
/// # Errors
/// When a store fails.
pub(super) async fn letter(
    app: &App,
    user_id: Uuid,
    address: &Address,
    code: &str,
    until: Time,
    now: Time,
) -> AuthResult<Option<Letter>> {
    Ok(Some(match holder(app, user_id, address).await? {
        Some(holder) if !is_displaced(&holder) => letters::address_taken(app, &holder, now),
        _ => letters::prove_address(app, &address.display, code, until),
    }))
}

/// Makes the address that the code was mailed to the account's. Ends every other session of the
/// person, every trusted device, and every link that was mailed to the address before. Gives the
/// person as they are then.
///
/// # Errors
/// [`AuthError::StepUpRequired`] as [`begin_email`]; [`AuthError::WrongCode`], counted as every other
/// guess at what waits to be proved; [`AuthError::Conflict`] when the address has become somebody's,
/// or the account was changed at this very moment.
pub async fn confirm_email(
    app: &App,
    origin: &Origin,
    standing: &Standing,
    code: &str,
) -> AuthResult<User> {
    let now = app.clock.now();
    let (user, _) = standing.proved(app, now).await?;
    let counted = throttle::count_confirmation(app, user.id, now).await?;
    let bound_to = ask(Purpose::NewAddress, standing, &user).consume(app, code, now).await?;
    let address = bound_to.as_deref().and_then(|bound_to| of_state(bound_to, &user));
    let address = address.and_then(normalise_address).ok_or(AuthError::WrongCode)?;
    let displaces = holder(app, user.id, &address).await?.filter(is_displaced);
    let displaces = displaces.map(|holder| holder.id);
    let own = standing.session().map(|session| session.sid);
    let ending = endings(app, user.id, own, now).await?;
    let (sids, ends): (Vec<Uuid>, Vec<CutOff>) = ending.iter().cloned().unzip();
    let (from, to) = (masked_address(&user.email), masked_address(&address.display));
    let details = json!({ "from": from, "to": to, "sids": sids, "displaced": displaces });
    let event = origin.event(Action::EmailChanged, Some(&user), now, details);
    let expected_epoch = user.factor_epoch;
    let new = NewAddress { user_id: user.id, expected_epoch, address, displaces };
    match app.identity.change_address(&new, &ends, now, &event).await? {
        AddressChanged::Changed => {}
        AddressChanged::Taken => {
            return Err(AuthError::Conflict("the address has become that of another account"));
        }
        AddressChanged::Overtaken => return Err(overtaken()),
    }
    counted.forgive(app).await?;
    end_all(app, origin, user.id, own, &ending, now).await?;
    let Address { display, key } = new.address;
    if key != user.email_key {
        warnings::tell(app, news::address_changed(&user, &to), now).await?;
    }
    Ok(User {
        email: display,
        email_key: key,
        email_verified_at: Some(now),
        factor_epoch: expected_epoch + 1,
        updated_at: now,
        ..user
    })
}

/// Sends a code to the number that is to be the account's.
///
/// # Errors
/// As [`begin_email`]; [`AuthError::Invalid`] for what is no number, or is theirs and proved already;
/// [`AuthError::MethodNotOffered`] where no messages to telephones leave.
pub async fn begin_phone(
    app: &App,
    origin: &Origin,
    standing: &Standing,
    typed: &str,
) -> AuthResult<Sent> {
    let now = app.clock.now();
    let (user, factors) = standing.proved(app, now).await?;
    require_sms(app)?;
    let number = sms::read(app, &user, Some(typed))?;
    if user.phone.as_deref() == Some(number.as_str()) && user.phone_verified_at.is_some() {
        return Err(invalid("phone", "is the number of this account already"));
    }
    throttle::count_sent_code(app, origin, &user, now).await?;
    let is_proved = is_factor(app, &factors, &number)?;
    throttle::count_sms(app, origin, &user, number.as_str(), is_proved, now).await?;
    let bound_to = format!("{} {}", user.binding(), number.as_str());
    let code = ask(Purpose::NewPhone, standing, &user).make(app, bound_to, now).await?;
    Destination::Phone(number).send(app, &user, &code, now).await
}

/// Makes the number that the code was sent to the account's, proved. Gives the person as they are
/// then.
///
/// # Errors
/// As [`confirm_email`].
pub async fn confirm_phone(
    app: &App,
    origin: &Origin,
    standing: &Standing,
    code: &str,
) -> AuthResult<User> {
    let now = app.clock.now();
    let (user, _) = standing.proved(app, now).await?;
    let counted = throttle::count_confirmation(app, user.id, now).await?;
    let bound_to = ask(Purpose::NewPhone, standing, &user).consume(app, code, now).await?;
    let number = bound_to.as_deref().and_then(|bound_to| of_state(bound_to, &user));
    let number = number.ok_or(AuthError::WrongCode)?.to_owned();
    let changed = set_phone(app, origin, &user, Some(number), now).await?;
    counted.forgive(app).await?;
    Ok(changed)
}

/// Takes the number from the account. A factor by SMS keeps its own.
///
/// # Errors
/// [`AuthError::StepUpRequired`] as [`begin_email`]; [`AuthError::NotFound`] where there is none;
/// [`AuthError::Conflict`] when the account was changed at this very moment.
pub async fn remove_phone(app: &App, origin: &Origin, standing: &Standing) -> AuthResult<User> {
    let now = app.clock.now();
    let (user, _) = standing.proved(app, now).await?;
    if user.phone.is_none() {
        return Err(AuthError::NotFound);
    }
    set_phone(app, origin, &user, None, now).await
}

async fn set_phone(
    app: &App,
    origin: &Origin,
    user: &User,
    phone: Option<String>,
    now: Time,
) -> AuthResult<User> {
    let masked = phone.clone().map(|number| PhoneNumber::kept(number).masked());
    let event = origin.event(Action::PhoneChanged, Some(user), now, json!({ "to": masked }));
    let new = NewPhone { user_id: user.id, expected_epoch: user.factor_epoch, phone };
    if !app.identity.change_phone(&new, now, &event).await? {
        return Err(overtaken());
    }
    warnings::tell(app, news::phone_changed(user, masked.as_deref()), now).await?;
    let phone_verified_at = new.phone.as_ref().map(|_| now);
    Ok(User { phone: new.phone, phone_verified_at, updated_at: now, ..user.clone() })
}

/// The account of somebody else that has this address.
async fn holder(app: &App, user_id: Uuid, address: &Address) -> AuthResult<Option<User>> {
    let holder = app.identity.find_user_by_login(&address.key).await?;
    Ok(holder.filter(|holder| holder.email_key == address.key && holder.id != user_id))
}

/// PURE: whether an account makes way for whoever proves its address: somebody registered it, and
/// nobody ever proved that they could (rule 28). One that an operator made is not anybody's to take.
pub(super) fn is_displaced(holder: &User) -> bool {
    holder.status == UserStatus::Pending
        && holder.password_hash.is_some()
        && holder.roles.is_empty()
}

fn is_factor(app: &App, factors: &[Factor], number: &PhoneNumber) -> AuthResult<bool> {
    for factor in factors.iter().filter(|it| it.method == Method::Sms && it.is_confirmed()) {
        if sms::number(app, factor)? == *number {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Of a person there is one at a time, whichever session asks; and it is good in that one alone.
fn ask(purpose: Purpose, standing: &Standing, user: &User) -> Ask {
    let name = format!("{}:{}:{}", purpose.as_str(), user.id, standing.challenge());
    Ask { purpose, owner: user.id, name }
}

/// What else a code was bound to, while the account is in the state that it was bound to.
fn of_state<'b>(bound_to: &'b str, user: &User) -> Option<&'b str> {
    let (bound, what) = bound_to.split_once(' ')?;
    (bound == user.binding()).then_some(what)
}

fn invalid(field: &'static str, message: &str) -> AuthError {
    AuthError::field(field, message)
}

const fn overtaken() -> AuthError {
    AuthError::Conflict(ACCOUNT_CHANGED)
}
