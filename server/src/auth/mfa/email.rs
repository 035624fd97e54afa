//! Codes by mail: six digits, bound to the challenge they were sent for, good for ten minutes and
//! once (rule 23).

use std::time::Duration;

use jwks::Time;
use uuid::Uuid;

use crate::{
    app::App,
    auth::{errands, error::AuthResult, origin::Origin, throttle},
    clock::random,
    domain::{
        one_time::{OneTime, Purpose},
        secret::SecretHash,
        user::User,
    },
    letters,
};

/// How long a code is good.
pub const LIFE: Duration = Duration::from_secs(600);
const DIGITS: usize = 6;
const CODES: u32 = 1_000_000;

/// A code that is on its way.
pub struct Sent {
    /// The address, so that its owner knows it and nobody else does.
    pub sent_to: String,
    /// How long the code is good, seconds.
    pub expires_in: u64,
}

/// Sends a code of `factor_id` for `challenge`; the one sent for it before is dead.
///
/// # Errors
/// [`crate::auth::AuthError::TooMany`] when too many were sent.
pub async fn send(
    app: &App,
    origin: &Origin,
    user: &User,
    factor_id: Uuid,
    challenge: &str,
    now: Time,
) -> AuthResult<Sent> {
    throttle::count_sent_code(app, origin, user.id, now).await?;
    let code = new_code();
    let name = name(factor_id, challenge);
    app.sessions
        .put_one_time(&OneTime {
            purpose: Purpose::MailedCode,
            owner: owner(&name),
            hash: app.sealer.digest(&name, code.as_bytes()),
            bound_to: user.email_key.clone(),
            expires_at: now.plus(LIFE),
        })
        .await?;
    errands::send(app, letters::code(app, user, &code, now.plus(LIFE)), now).await?;
    Ok(Sent { sent_to: masked(&user.email), expires_in: LIFE.as_secs() })
}

/// Whether `typed` is the code of `factor_id` for `challenge`, which is consumed by that.
///
/// # Errors
/// When the store fails.
pub async fn consume(
    app: &App,
    user: &User,
    factor_id: Uuid,
    challenge: &str,
    typed: &str,
    now: Time,
) -> AuthResult<bool> {
    let code: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    if code.len() != DIGITS || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(false);
    }
    let name = name(factor_id, challenge);
    let hash = app.sealer.digest(&name, code.as_bytes());
    let sent = app.sessions.consume_one_time(Purpose::MailedCode, owner(&name), &hash, now).await?;
    Ok(sent.is_some_and(|sent| sent.bound_to == user.email_key))
}

/// What a code is sealed with and kept under: no code of another factor, session or half sign-in
/// is ever compared with it.
fn name(factor_id: Uuid, challenge: &str) -> String {
    format!("mailed-code:{factor_id}:{challenge}")
}

fn owner(name: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&SecretHash::of(name).as_bytes()[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

fn new_code() -> String {
    // Drawn again where the last, incomplete million would favour the small ones.
    let drawn = loop {
        let drawn = u32::from_be_bytes(random());
        if drawn < u32::MAX - u32::MAX % CODES {
            break drawn;
        }
    };
    format!("{:06}", drawn % CODES)
}

/// An address with so much left that its owner knows it: `a•••@e•••.com`.
fn masked(address: &str) -> String {
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let top = domain.rsplit_once('.').map_or_else(String::new, |(_, top)| format!(".{top}"));
    format!("{}•••@{}•••{top}", first(local), first(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_to_those_who_know_it() {
        assert_eq!(masked("ada@example.com"), "a•••@e•••.com");
        assert_eq!(masked("ü@bücher.co.uk"), "ü•••@b•••.uk");
        assert_eq!(masked("root@localhost"), "r•••@l•••");
    }

    #[test]
    fn a_code_has_six_digits_of_every_kind() {
        let codes: Vec<String> = (0..500).map(|_| new_code()).collect();
        assert!(codes.iter().all(|code| code.len() == 6 && code.parse::<u32>().is_ok()));
        for digit in '0'..='9' {
            assert!(codes.iter().any(|code| code.starts_with(digit)), "{digit}");
            assert!(codes.iter().any(|code| code.ends_with(digit)), "{digit}");
        }
    }

    #[test]
    fn no_two_challenges_share_a_place() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let places = [
            owner(&name(one, "session:a")),
            owner(&name(one, "session:b")),
            owner(&name(one, "login:a")),
            owner(&name(other, "session:a")),
        ];
        for (at, place) in places.iter().enumerate() {
            assert!(!places[..at].contains(place));
        }
    }
}
