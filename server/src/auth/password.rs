//! Which passwords may be chosen: judged when one is chosen, never at sign-in (rule 20). And the proof of
//! one by somebody who is known already.

use jwks::Time;
use serde_json::json;
use unicode_normalization::UnicodeNormalization;

use super::{
    error::{AuthError, AuthResult},
    origin::Origin,
    throttle,
};
use crate::{
    app::App,
    config::PasswordSection,
    domain::{audit::Action, user::User},
};

/// Passwords of eight and more characters that leaks show most often, sorted.
const COMMON: &str = include_str!("common_passwords.txt");

/// How many characters are weighed. The time that takes grows with the cube of their number and
/// with the spellings they may stand for: 128 well chosen ones take seconds, and whoever sends
/// them need not be signed in. What is not strong in its first forty is asked for anew.
const WEIGHED: usize = 40;

/// Why a password may not be chosen. The text is for the person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordProblem {
    /// Fewer characters than asked for.
    #[error("must have at least {0} characters")]
    TooShort(usize),
    /// More characters than can be taken.
    #[error("must have at most {0} characters")]
    TooLong(usize),
    /// On the list of common ones.
    #[error("is one of the passwords that are tried first; choose another")]
    Common,
    /// Too easily guessed.
    #[error("is too easy to guess; use more words, or less common ones")]
    Weak,
    /// Holds a character that cannot be typed.
    #[error("must not contain control characters")]
    Control,
}

/// Judges a password to be chosen, which may take a tenth of a second of computing. `inputs` are words an attacker would try first: the address,
/// the name.
///
/// # Errors
/// The first [`PasswordProblem`] found.
pub fn judge_password(
    rules: &PasswordSection,
    password: &str,
    inputs: &[&str],
) -> Result<(), PasswordProblem> {
    let length = password.nfc().count();
    if length < rules.min_length {
        return Err(PasswordProblem::TooShort(rules.min_length));
    }
    if length > rules.max_length {
        return Err(PasswordProblem::TooLong(rules.max_length));
    }
    if password.chars().any(char::is_control) {
        return Err(PasswordProblem::Control);
    }
    if is_common(password) {
        return Err(PasswordProblem::Common);
    }
    if score(password, inputs) < rules.min_score {
        return Err(PasswordProblem::Weak);
    }
    Ok(())
}

fn score(password: &str, inputs: &[&str]) -> u8 {
    let weighed: String = password.chars().take(WEIGHED).collect();
    zxcvbn::zxcvbn(&weighed, inputs).score().into()
}

/// How hard a password is to guess, from 0 to 4, by the measure of [`judge_password`]: none that may
/// not be chosen has more than 1. On a thread where nobody else waits.
///
/// # Errors
/// When there is no such thread.
pub async fn weigh_aside(app: &App, password: &str, inputs: &[&str]) -> AuthResult<u8> {
    let (rules, password) = (app.config.password.clone(), password.to_owned());
    let inputs: Vec<String> = inputs.iter().map(|input| (*input).to_owned()).collect();
    let weigh = move || {
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let score = score(&password, &inputs);
        if judge_password(&rules, &password, &inputs).is_ok() { score } else { score.min(1) }
    };
    let weighed = tokio::task::spawn_blocking(weigh).await;
    weighed.map_err(|error| AuthError::Internal(error.to_string()))
}

/// [`judge_password`] by the settings, on a thread where nobody else waits.
///
/// # Errors
/// When there is no such thread.
pub async fn judge_aside(
    app: &App,
    password: &str,
    inputs: &[&str],
) -> AuthResult<Result<(), PasswordProblem>> {
    let (rules, password) = (app.config.password.clone(), password.to_owned());
    let inputs: Vec<String> = inputs.iter().map(|input| (*input).to_owned()).collect();
    let judge = move || {
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        judge_password(&rules, &password, &inputs)
    };
    let judged = tokio::task::spawn_blocking(judge).await;
    judged.map_err(|error| AuthError::Internal(error.to_string()))
}

/// Compares what was typed with the password of somebody who is known already, counted as every other
/// guess. `occasion`: what the log calls it.
///
/// # Errors
/// [`AuthError::WrongCredentials`] for a wrong one; [`AuthError::TooMany`]; [`AuthError::Busy`], which
/// costs no guess.
pub async fn prove(
    app: &App,
    origin: &Origin,
    user: &User,
    typed: &str,
    occasion: &str,
    now: Time,
) -> AuthResult<()> {
    let counted = throttle::count_password(app, origin, &user.email_key, Some(user), now).await?;
    let compared = app.hasher.compare(typed, user.password_hash.as_deref()).await;
    let is_wrong = matches!(&compared, Ok(compared) if !compared.matches);
    // What was not judged is no guess, and neither is what is right.
    if !is_wrong {
        throttle::forgive_all(app, counted).await?;
        return Ok(compared.map(drop)?);
    }
    let details = json!({ "reason": "password", occasion: true });
    let event = origin.event(Action::LoginFailed, Some(user), now, details);
    app.identity.append_event(&event).await?;
    Err(AuthError::WrongCredentials)
}

fn is_common(password: &str) -> bool {
    static SORTED: std::sync::LazyLock<Vec<&str>> =
        std::sync::LazyLock::new(|| COMMON.lines().collect());
    SORTED.binary_search(&password.to_lowercase().as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(password: &str) -> Result<(), PasswordProblem> {
        judge_password(&PasswordSection::default(), password, &["ada@example.com", "Ada"])
    }

    #[test]
    fn a_password_has_8_to_128_characters() {
        assert_eq!(judge("k7#Qz!p"), Err(PasswordProblem::TooShort(8)));
        assert_eq!(judge("k7#Qz!pL"), Ok(()));
        let long = "k7#Qz!pL".repeat(16);
        assert_eq!(judge(&long), Ok(()));
        assert_eq!(judge(&format!("{long}x")), Err(PasswordProblem::TooLong(128)));
    }

    #[test]
    fn characters_are_counted_and_not_bytes() {
        assert_eq!(judge("żółćęńś"), Err(PasswordProblem::TooShort(8)));
    }

    #[test]
    fn common_and_weak_passwords_are_refused() {
        assert_eq!(judge("password123"), Err(PasswordProblem::Common));
        assert_eq!(judge("PASSWORD123"), Err(PasswordProblem::Common));
        assert_eq!(judge("aaaaaaaaaaaab"), Err(PasswordProblem::Weak));
        assert_eq!(judge("ada@example.com"), Err(PasswordProblem::Weak));
    }

    #[test]
    fn a_long_password_is_weighed_by_its_beginning() {
        let strong = "k7#Qz!pLw2&Vx9";
        assert_eq!(judge(&format!("{strong}{}", "a".repeat(100))), Ok(()));
        let late = format!("{}{strong}", "a".repeat(WEIGHED));
        assert_eq!(judge(&late), Err(PasswordProblem::Weak));
    }

    #[test]
    fn what_may_not_be_chosen_is_shown_to_be_weak() {
        assert!(score("gravel lantern orbit", &[]) >= 3);
        assert!(score("password123", &[]) <= 1);
    }

    #[test]
    fn the_list_is_sorted_so_that_it_can_be_searched() {
        assert!(COMMON.lines().is_sorted());
        assert!(COMMON.lines().count() > 5000);
    }
}
