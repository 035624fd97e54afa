//! Secrets of clients: what the store keeps of them, and how guesses are counted.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jwks::Time;

use super::OAuthResult;
use crate::{
    app::App,
    auth::{origin::Origin, throttle},
    domain::{
        client::Client,
        secret::{OpaqueToken, SecretHash, TokenKind},
    },
};

/// The most failures that are remembered at once.
const REMEMBERED: usize = 10_000;

/// What is stored of the `secret` of `client_id`: its HMAC under the sealing key. Operators choose
/// secrets that can be guessed; whoever copies the store cannot try guesses against this.
#[must_use]
pub fn secret_mac(app: &App, client_id: &str, secret: &str) -> SecretHash {
    app.sealer.digest(&format!("client-secret:{client_id}"), secret.as_bytes())
}

/// Where a secret was wrong lately. A right secret costs no look at the store; from where one was
/// wrong within the window, tries are counted before they are judged, by all servers together.
/// What this server has not seen is at most one guess more than the budget, for each of its threads.
#[derive(Default)]
pub struct Failures(Mutex<HashMap<String, Time>>);

impl Failures {
    fn is_suspected(&self, key: &str, now: Time) -> bool {
        let held = self.held();
        // With no room for a failure, everybody is counted.
        held.len() >= REMEMBERED || held.get(key).is_some_and(|until| now < *until)
    }

    fn note(&self, key: &str, now: Time) {
        let mut held = self.held();
        if held.len() >= REMEMBERED {
            held.retain(|_, until| now < *until);
        }
        if held.len() < REMEMBERED {
            held.insert(key.to_owned(), now.plus(throttle::WINDOW));
        }
    }

    /// No code of ours panics under the lock; if it did, the map would still be whole.
    fn held(&self) -> MutexGuard<'_, HashMap<String, Time>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `presented` is the client's secret. Wrong ones that somebody may have chosen are counted
/// for each client and network.
///
/// # Errors
/// [`super::OAuthError::TooMany`] when the budget is used up, or when a store fails.
pub async fn verify(
    app: &App,
    origin: &Origin,
    client: &Client,
    presented: &str,
    now: Time,
) -> OAuthResult<bool> {
    let judge = || client.secret == Some(secret_mac(app, &client.client_id, presented));
    // Nobody guesses one of ours, whose 256 bits are random; so nobody who sits in its client's
    // network, and shows wrong ones there, shuts it out.
    if OpaqueToken::parse(TokenKind::ClientSecret, presented).is_some() {
        return Ok(judge());
    }
    let key = throttle::client_secret_key(&client.client_id, origin);
    if app.client_failures.is_suspected(&key, now) {
        let counted = throttle::count_client_secret(app, key, now).await?;
        let matches = judge();
        if matches {
            counted.forgive(app).await?;
        }
        return Ok(matches);
    }
    let matches = judge();
    if !matches {
        app.client_failures.note(&key, now);
        throttle::count_client_secret(app, key, now).await?;
    }
    Ok(matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_remembered_for_the_window_and_too_many_make_everybody_counted() {
        let failures = Failures::default();
        let now = Time::from_secs(1_000);
        failures.note("one", now);
        assert!(failures.is_suspected("one", now) && !failures.is_suspected("two", now));
        assert!(!failures.is_suspected("one", now.plus(throttle::WINDOW)));
        for number in 0..REMEMBERED {
            failures.note(&number.to_string(), now);
        }
        assert!(failures.is_suspected("never seen", now));
        let later = now.plus(throttle::WINDOW);
        failures.note("later", later);
        assert!(!failures.is_suspected("never seen", later));
        assert!(failures.is_suspected("later", later));
    }
}
