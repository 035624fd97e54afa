//! Devices that have signed in before: each has a budget of its own for wrong passwords, so that
//! a flood of them does not shut an owner out (rule 22). It is a credential of no kind.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jwks::Time;
use uuid::Uuid;

use super::{error::AuthResult, throttle::account_name};
use crate::{app::App, auth::origin::Origin, clock::random, domain::user::User};

/// How long a device is known that does not sign in again.
pub const LIFE: Duration = Duration::from_secs(365 * 24 * 3600);
/// The name under which its mark is sealed.
const SEALED_AS: &str = "known-device";

/// A device, and the account that it has signed in to. A device that has signed in with a password
/// that is the account's no more is as unknown as any other: whoever held that one may hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownDevice {
    /// The account, as budgets call it.
    pub account: String,
    /// The device.
    pub id: Uuid,
    /// When the password was set that it signed in with.
    pub password_changed_at: Option<Time>,
}

impl KnownDevice {
    /// The device `id` of `user`.
    #[must_use]
    pub fn of(user: &User, id: Uuid) -> Self {
        let account = account_name(&user.email_key);
        Self { account, id, password_changed_at: user.password_changed_at }
    }

    /// Whether it has signed in to the account of `user` with the password they have now.
    #[must_use]
    pub fn is_of(&self, user: &User) -> bool {
        *self == Self::of(user, self.id)
    }
}

/// The mark by which a device that has just signed `user` in is known from then on: sealed, and
/// kept by nobody but the device.
///
/// # Errors
/// When sealing fails.
pub fn mark(app: &App, origin: &Origin, user: &User, now: Time) -> AuthResult<String> {
    let account = account_name(&user.email_key);
    // A device stays the one it was: signing in again gives no further budget.
    let known = origin.known.as_ref().filter(|known| known.account == account);
    let id = known.map_or_else(|| Uuid::from_bytes(random()), |known| known.id);
    let password = user.password_changed_at.map_or(String::new(), |at| at.millis().to_string());
    let text = format!("{account} {id} {} {password}", now.millis());
    Ok(URL_SAFE_NO_PAD.encode(app.sealer.seal(SEALED_AS, text.as_bytes())?))
}

/// The device of a mark at `now`; `None` for anything that is no mark of ours, or too old.
#[must_use]
pub fn read(app: &App, mark: &str, now: Time) -> Option<KnownDevice> {
    let sealed = URL_SAFE_NO_PAD.decode(mark).ok()?;
    let text = String::from_utf8(app.sealer.open(SEALED_AS, &sealed).ok()?).ok()?;
    let mut parts = text.split(' ');
    let account = parts.next()?.to_owned();
    let id = Uuid::parse_str(parts.next()?).ok()?;
    let marked_at = Time::from_millis(parts.next()?.parse().ok()?);
    let password_changed_at = match parts.next()? {
        "" => None,
        millis => Some(Time::from_millis(millis.parse().ok()?)),
    };
    let known = KnownDevice { account, id, password_changed_at };
    (now.since(marked_at) < LIFE).then_some(known)
}
