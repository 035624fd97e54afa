//! What was shown of a factor, and what a session is worth with it.

use jwks::{
    Time,
    effective::Effective,
    policy::{Level, Method, Require},
};
use uuid::Uuid;

use crate::domain::{passkey::Passkey, session::Proof};

/// What passkeys are named by, and the verification of their owner.
const OF_PASSKEYS: [&str; 3] = ["hwk", "swk", "user"];

/// What somebody showed of one of their factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Its method.
    pub method: Method,
    /// Of a passkey: what it showed.
    passkey: Option<Shown>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    model: Option<Uuid>,
    is_synced: bool,
    user_verified: bool,
}

impl Evidence {
    /// A code.
    #[must_use]
    pub const fn of_code(method: Method) -> Self {
        Self { method, passkey: None }
    }

    /// A passkey or security key, which has verified its owner or not.
    #[must_use]
    pub const fn of_passkey(passkey: &Passkey, user_verified: bool) -> Self {
        let Passkey { model, backup_eligible: is_synced, .. } = *passkey;
        let shown = Shown { model, is_synced, user_verified };
        Self { method: Method::Hardware, passkey: Some(shown) }
    }

    /// Whether it is enough where this is asked.
    #[must_use]
    pub fn is_enough(&self, asked: &Effective<'_>) -> bool {
        let counts_passkey = |shown: Shown| {
            asked.counts_model(shown.model)
                && (shown.user_verified || !asked.webauthn.user_verification)
        };
        asked.counts(self.method) && self.passkey.is_none_or(counts_passkey)
    }

    /// How it is named (RFC 8176): of a passkey, whether its key may leave the device (`swk`) or not
    /// (`hwk`), and whether it has verified its owner (`user`).
    #[must_use]
    pub fn amr(&self) -> Vec<&'static str> {
        match self.passkey {
            Some(shown) => {
                let key = if shown.is_synced { "swk" } else { "hwk" };
                [Some(key), shown.user_verified.then_some("user")].into_iter().flatten().collect()
            }
            None => self.method.amr().first().copied().into_iter().collect(),
        }
    }

    /// The proof of somebody who showed `before` (amr values), and now this. What another passkey
    /// showed before is no word of this one: it may have verified its owner, and this one nobody.
    #[must_use]
    pub fn beside(&self, before: &[String], now: Time) -> Proof {
        let shown = self.amr();
        let kept = before.iter().map(String::as_str);
        let is_replaced = |value: &str| self.passkey.is_some() && OF_PASSKEYS.contains(&value);
        let amr =
            kept.filter(|value| *value != "mfa" && !shown.contains(value) && !is_replaced(value));
        let amr: Vec<&str> = amr.chain(shown.iter().copied()).chain(["mfa"]).collect();
        Proof {
            acr: match self.method {
                Method::Hardware => Level::PhishingResistant,
                _ => Level::TwoFactor,
            },
            amr: amr.into_iter().map(ToOwned::to_owned).collect(),
            auth_time: now,
            device_at: None,
            model: self.passkey.and_then(|shown| shown.model),
        }
    }

    /// The proof of somebody who showed nothing else; `None`: it is not enough by itself. A passkey
    /// that verified its owner is two factors: what they have, and what they know or are.
    #[must_use]
    pub fn alone(&self, now: Time) -> Option<Proof> {
        let is_both = self.passkey.is_some_and(|shown| shown.user_verified);
        is_both.then(|| self.beside(&[], now))
    }
}

/// Whether a factor that counts is among what a proof rests on, where two are asked for.
#[must_use]
pub fn counts_factor(asked: &Effective<'_>, proof: &Proof) -> bool {
    let is_shown = |value: &str| proof.amr.iter().any(|shown| shown == value);
    asked.counts_shown(is_shown, proof.model)
}

/// Whether a proof is enough where this is asked, but for its age.
#[must_use]
pub fn is_met(asked: &Effective<'_>, proof: &Proof, now: Time) -> bool {
    let on_device = proof.device_at.map(|at| asked.counts_device(at, now));
    if on_device == Some(true) {
        return true;
    }
    let Some(level) = asked.require.level().filter(|level| *level >= Level::TwoFactor) else {
        // Whoever has a factor proves it, but for a device that counts here.
        return on_device.is_none();
    };
    proof.acr >= level && counts_factor(asked, proof)
}

/// Whether a proof was by a passkey of a model that does not count where two factors are asked for.
#[must_use]
pub fn is_of_wrong_model(asked: &Effective<'_>, proof: &Proof) -> bool {
    asked.require >= Require::TwoFactor
        && !asked.counts_model(proof.model)
        && !counts_factor(asked, proof)
}

/// Of what was shown in a session, what its first factor was: what a further one stands beside.
#[must_use]
pub fn first_factor(amr: &[String]) -> Vec<String> {
    let first: &[&str] =
        if amr.iter().any(|value| value == "pwd") { &["pwd"] } else { &OF_PASSKEYS };
    amr.iter().filter(|value| first.contains(&value.as_str())).cloned().collect()
}

#[cfg(test)]
mod tests {
    use jwks::policy::{Policy, WebAuthn};

    use super::*;

    fn passkey(backup_eligible: bool) -> Passkey {
        Passkey {
            factor_id: Uuid::nil(),
            user_id: Uuid::nil(),
            credential_id: vec![1],
            record: String::new(),
            model: Some(Uuid::from_u128(1)),
            backup_eligible,
            backed_up: false,
            discoverable: Some(true),
            user_verified: true,
            counter: 0,
        }
    }

    #[test]
    fn a_passkey_is_worth_what_it_showed() {
        let now = Time::from_secs(1);
        let verified = Evidence::of_passkey(&passkey(true), true);
        let proof = verified.alone(now).unwrap();
        assert_eq!((proof.acr, proof.amr), (Level::PhishingResistant, texts("swk user mfa")));
        let present = Evidence::of_passkey(&passkey(false), false);
        assert_eq!(present.alone(now), None);
        let proof = present.beside(&texts("pwd"), now);
        assert_eq!((proof.acr, proof.amr), (Level::PhishingResistant, texts("pwd hwk mfa")));
        assert_eq!(Evidence::of_code(Method::Totp).alone(now), None);
        let proof = Evidence::of_code(Method::Totp).beside(&texts("swk user"), now);
        assert_eq!((proof.acr, proof.amr), (Level::TwoFactor, texts("swk user otp mfa")));
    }

    #[test]
    fn a_session_goes_on_from_its_first_factor() {
        assert_eq!(first_factor(&texts("pwd otp mfa")), texts("pwd"));
        assert_eq!(first_factor(&texts("pwd hwk user mfa")), texts("pwd"));
        assert_eq!(first_factor(&texts("hwk user mfa")), texts("hwk user"));
        let again = Evidence::of_passkey(&passkey(false), true);
        let proof = again.beside(&first_factor(&texts("hwk user mfa")), Time::from_secs(1));
        assert_eq!(proof.amr, texts("hwk user mfa"));
        // That one passkey has verified its owner says nothing of the next.
        let touched = Evidence::of_passkey(&passkey(true), false);
        let proof = touched.beside(&first_factor(&texts("hwk user mfa")), Time::from_secs(1));
        assert_eq!(proof.amr, texts("swk mfa"));
    }

    #[test]
    fn a_policy_says_which_passkeys_are_enough() {
        let shown = Evidence::of_passkey(&passkey(false), false);
        let is_enough = |webauthn| {
            let policy = Policy { require: Require::TwoFactor, webauthn, ..Policy::default() };
            shown.is_enough(&policy.without_rules())
        };
        assert!(is_enough(WebAuthn::default()));
        assert!(!is_enough(WebAuthn { user_verification: true, models: Vec::new() }));
        let of =
            |model| WebAuthn { user_verification: false, models: vec![Uuid::from_u128(model)] };
        assert!(is_enough(of(1)));
        assert!(!is_enough(of(2)));
    }

    fn texts(words: &str) -> Vec<String> {
        words.split(' ').map(ToOwned::to_owned).collect()
    }
}
