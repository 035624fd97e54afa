//! Secrets of clients: what the store keeps of them, and how guesses are counted.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jwks::Time;

use super::{OAuthResult, site_client};
use crate::{
    app::App,
    auth::{AuthError, origin::Origin, throttle},
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

/// Where chosen secrets were wrong lately, and how often. A right secret costs no look at the store
/// until as many were wrong here as may be; from then on tries are counted before they are judged, by
/// all servers together. What this server has not seen of the others' is at most one guess more than
/// the budget, for each of its threads.
#[derive(Default)]
pub struct Failures(Mutex<HashMap<String, Failed>>);

struct Failed {
    times: u32,
    until: Time,
}

impl Failures {
    fn are_too_many(&self, key: &str, now: Time) -> bool {
        let held = self.held();
        let most = throttle::CLIENT_SECRETS;
        // With no room for a failure, everybody is counted.
        held.len() >= REMEMBERED
            || held.get(key).is_some_and(|failed| now < failed.until && failed.times >= most)
    }

    /// Notes `times` failures at once.
    fn note(&self, key: &str, times: u32, now: Time) {
        let mut held = self.held();
        if held.len() >= REMEMBERED {
            held.retain(|_, failed| now < failed.until);
        }
        if held.len() < REMEMBERED {
            let failed = held.entry(key.to_owned()).or_insert(Failed { times: 0, until: now });
            // What the window has left behind counts no more.
            let before = if now < failed.until { failed.times } else { 0 };
            failed.times = before.saturating_add(times);
            failed.until = now.plus(throttle::WINDOW);
        }
    }

    fn forget(&self, key: &str) {
        self.held().remove(key);
    }

    /// No code of ours panics under the lock; if it did, the map would still be whole.
    fn held(&self) -> MutexGuard<'_, HashMap<String, Failed>> {
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
    if site_client::is(client) {
        // Nobody guesses one, whose 256 bits are random: nothing is counted.
        return Ok(site_client::shows_credential(app, presented).await?);
    }
    let judge = || client.secret == Some(secret_mac(app, &client.client_id, presented));
    // Nobody guesses one of ours, whose 256 bits are random; so nobody who sits in its client's
    // network, and shows wrong ones there, shuts it out.
    if OpaqueToken::parse(TokenKind::ClientSecret, presented).is_some() {
        return Ok(judge());
    }
    let key = throttle::client_secret_key(&client.client_id, origin);
    let failures = &app.client_failures;
    if failures.are_too_many(&key, now) {
        let counted = throttle::count_client_secret(app, key.clone(), now).await?;
        let matches = judge();
        if matches {
            counted.forgive(app).await?;
            failures.forget(&key);
        }
        return Ok(matches);
    }
    let matches = judge();
    if !matches {
        // Before anything is awaited: guesses that come at the same time find it.
        failures.note(&key, 1, now);
        let counted = throttle::count_client_secret(app, key.clone(), now).await;
        if let Err(AuthError::TooMany { .. }) = counted {
            failures.note(&key, throttle::CLIENT_SECRETS, now);
        }
        counted?;
    }
    Ok(matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_remembered_for_the_window_and_too_many_make_everybody_counted() {
        let failures = Failures::default();
        let now = Time::from_secs(1_000);
        for _ in 0..throttle::CLIENT_SECRETS {
            assert!(!failures.are_too_many("one", now));
            failures.note("one", 1, now);
        }
        assert!(failures.are_too_many("one", now) && !failures.are_too_many("two", now));
        assert!(!failures.are_too_many("one", now.plus(throttle::WINDOW)));
        failures.forget("one");
        assert!(!failures.are_too_many("one", now));
        for number in 0..REMEMBERED {
            failures.note(&number.to_string(), 1, now);
        }
        assert!(failures.are_too_many("never seen", now));
        let later = now.plus(throttle::WINDOW);
        failures.note("later", throttle::CLIENT_SECRETS, later);
        assert!(!failures.are_too_many("never seen", later));
        assert!(failures.are_too_many("later", later));
    }
}
