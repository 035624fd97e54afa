//! News of an account for its owner. Each says what happened, and is sent with a link for whoever
//! did not do it: see [`tell`](crate::auth::warnings::tell), the one way in which it leaves.

use std::net::IpAddr;

use jwks::Time;
use uuid::Uuid;

use super::letter;
use crate::{
    app::App,
    domain::{
        api_key::ApiKey,
        errand::{Letter, NEWS_TTL},
        factor::Factor,
        login::Address,
        user::User,
        warning,
    },
};

/// What happened to an account, in words for its owner. It is no letter yet: it lacks the link.
pub struct News {
    /// Whose account.
    pub user_id: Uuid,
    /// Where they are told. Whoever reads that mailbox may deny it, and have the account back at
    /// this address.
    pub address: Address,
    /// Whether a factor went that they had for longer than letters can be denied.
    pub lost_factor: bool,
    name: String,
    title: &'static str,
    what: String,
    /// What else a denial does.
    undone: &'static str,
}

impl News {
    /// For the owner of an account at the address that it has. `what` goes on after "Hello NAME,".
    #[must_use]
    pub fn of(user: &User, title: &'static str, what: impl Into<String>) -> Self {
        Self {
            user_id: user.id,
            address: Address { display: user.email.clone(), key: user.email_key.clone() },
            lost_factor: false,
            name: user.name.clone(),
            title,
            what: what.into(),
            undone: "",
        }
    }

    /// Of a loss: `gone` are the factors that went at `now`.
    #[must_use]
    fn losing<'f>(self, gone: impl IntoIterator<Item = &'f Factor>, now: Time) -> Self {
        let lost_factor = gone.into_iter().any(|factor| !warning::is_new(factor, now));
        Self { lost_factor, ..self }
    }

    /// The letter. `link` is for whoever did not do it.
    #[must_use]
    pub fn letter(&self, app: &App, link: &str, now: Time) -> Letter {
        let days = warning::LIFE.as_secs() / (24 * 60 * 60);
        let undone = self.undone;
        let denied = format!(
            "If it was not you, say so within {days} days: that signs you out everywhere, removes \
             every second factor of the last {days} days{undone} and closes the account, until you \
             have it back by a link that is mailed to you, or by an administrator."
        );
        letter(
            &self.address.display,
            self.title,
            &[&format!("Hello {},", self.name), &self.what, &denied],
            Some(("This wasn\u{2019}t me", link)),
            now.plus(NEWS_TTL),
            app,
        )
    }
}

/// A second factor was added.
#[must_use]
pub fn factor_added(user: &User, method: &str) -> News {
    let what = format!("a second factor ({method}) was added to your account.");
    News::of(user, "A second factor was added", what)
}

/// A factor was removed.
#[must_use]
pub fn factor_removed(user: &User, factor: &Factor, now: Time) -> News {
    let method = factor.method.as_str();
    let what = format!(
        "a second factor ({method}) was removed from your account. Every other session was \
         signed out, and no device is trusted any more."
    );
    News::of(user, "A second factor was removed", what).losing([factor], now)
}

/// A new factor took the place of all others, by a link that an operator made.
#[must_use]
pub fn factors_recovered(user: &User, gone: &[Factor], now: Time) -> News {
    let what = "every second factor that your account had was removed: a new one took their place, \
                by a link that an administrator made and with your password. You were signed out \
                everywhere, and no device is trusted any more.";
    News::of(user, "Your second factors were removed", what).losing(gone, now)
}

/// A factor is locked.
#[must_use]
pub fn factor_locked(user: &User, method: &str) -> News {
    let what = format!(
        "a second factor of yours ({method}) was locked after too many wrong codes. Whoever typed \
         them knows your password: if it was not you, it is time for another one."
    );
    News::of(user, "A second factor was locked", what)
}

/// There are new backup codes.
#[must_use]
pub fn backup_codes_renewed(user: &User) -> News {
    let what = "new backup codes were made for your account. The old ones are good for nothing, \
                and no device is trusted any more.";
    News::of(user, "New backup codes were made", what)
}

/// A backup code was used.
#[must_use]
pub fn backup_code_used(user: &User) -> News {
    let what = "one of your backup codes was used to sign in.";
    News::of(user, "A backup code was used", what)
}

/// A passkey, as its owner calls it, had counted further before: it may have been copied.
#[must_use]
pub fn passkey_copied(user: &User, name: &str) -> News {
    let what = format!(
        "somebody, most likely you, was refused with a passkey of yours, \u{201c}{name}\u{201d}: it \
         has counted fewer signatures than it had before. So does a copy of it. If it was you, \
         and you do not know of a reason, remove it from your account and set up another one."
    );
    News::of(user, "A passkey of yours may have been copied", what)
}

/// The password was changed.
#[must_use]
pub fn password_changed(user: &User) -> News {
    let what = "the password of your account was changed. Wherever you were signed in with the \
                old one, you are asked to sign in again, and no device is trusted any more.";
    News::of(user, "Your password was changed", what)
}

/// Somebody signed in from where this person had not before: `device` is what their agent is, in a
/// few words.
#[must_use]
pub fn new_place(user: &User, device: &str, ip: IpAddr, at: Time) -> News {
    let device = if device.is_empty() { "an unknown program" } else { device };
    let what = format!(
        "somebody, most likely you, signed in to your account from a device that it does not \
         know: {device}, from {}, on {}.",
        ip.to_canonical(),
        in_words(at),
    );
    News::of(user, "A sign-in from a new device", what)
}

/// Somebody asked for another address, which is masked.
#[must_use]
pub fn address_asked(user: &User, to: &str) -> News {
    let what = format!(
        "somebody, most likely you, asked to change the mail address of your account to {to}. \
         Nothing has changed yet: this address stays until the other one is proved."
    );
    News::of(user, "Your mail address is about to change", what)
}

/// The address is another one now, which is masked. `user` is the person before: the letter goes to
/// the address that they had.
#[must_use]
pub fn address_changed(user: &User, to: &str) -> News {
    let what = format!(
        "the mail address of your account was changed to {to}; from now on mail goes there. Every \
         other session was signed out, and no device is trusted any more."
    );
    let news = News::of(user, "Your mail address was changed", what);
    News { undone: ", gives your account this address back", ..news }
}

/// The telephone number is another one now (masked), or none.
#[must_use]
pub fn phone_changed(user: &User, to: Option<&str>) -> News {
    let (what, undone) = match to {
        Some(to) => (
            format!("the telephone number of your account was changed to {to}."),
            ", removes that number",
        ),
        None => ("the telephone number was removed from your account.".to_owned(), ""),
    };
    News { undone, ..News::of(user, "Your telephone number was changed", what) }
}

/// An API key was made: what it is called, where it is good, and until when.
#[must_use]
pub fn api_key_created(user: &User, key: &ApiKey) -> News {
    let what = format!(
        "an API key called \u{201c}{}\u{201d} was made for your account. {}",
        key.name,
        good_for(key)
    );
    News::of(user, "An API key was made", what)
}

/// The same, where an admin made it.
#[must_use]
pub fn api_key_created_by_admin(user: &User, key: &ApiKey) -> News {
    let what = format!(
        "an administrator made an API key called \u{201c}{}\u{201d} for your account. {}",
        key.name,
        good_for(key)
    );
    News::of(user, "An administrator made an API key", what)
}

fn good_for(key: &ApiKey) -> String {
    let (sites, until) = (key.sites.join(", "), in_words(key.expires_at));
    let networks: Vec<String> = key.networks.iter().map(ToString::to_string).collect();
    let from = match networks.is_empty() {
        true => String::new(),
        false => format!(", from {} alone,", networks.join(", ")),
    };
    format!("Whoever holds it acts for you at {sites}{from} until {until}.")
}

/// An operator made a link with which somebody sets up a new factor in the place of all there are,
/// from `opens_at` on.
#[must_use]
pub fn recovery_issued(user: &User, opens_at: Time) -> News {
    let what = format!(
        "an administrator made a link with which whoever has it and knows your password removes \
         every second factor of your account and sets up a new one. It can be used from {} on. \
         Nobody should have it but you.",
        in_words(opens_at),
    );
    News::of(user, "A link to recover your account was made", what)
}

/// An instant as people read it.
fn in_words(at: Time) -> String {
    let stamp = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
    stamp.strftime("%-d %B %Y at %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_told_to_the_minute() {
        assert_eq!(in_words(Time::from_secs(1_900_000_000)), "17 March 2030 at 17:46 UTC");
    }
}
