//! Challenges to passkeys: kept here for five minutes, and gone before their answer is judged
//! (rule 27). Each is kept for one purpose of one who was asked, and found by no one else.

use jwks::Time;
use serde_json::Value;
use uuid::Uuid;

use super::webauthn::{self, Asked};
use crate::{
    app::App,
    auth::error::AuthResult,
    domain::{
        one_time::{OneTime, Purpose},
        secret::SecretHash,
    },
};

/// What a challenge is for, and who was asked.
#[derive(Clone, Copy, Debug)]
pub enum Ceremony<'c> {
    /// A factor that is being set up, of a person before a standing's challenge.
    SetUp(Uuid, &'c str, Uuid),
    /// A factor that is to be proved, of a person before a standing's challenge. A newer one takes its
    /// place.
    Proof(Uuid, &'c str),
    /// A sign-in of nobody in particular, by what it is bound to besides: whatever names the browser,
    /// or nothing. Whoever knows the challenge was asked: it has 256 bits.
    SignIn(&'c str),
}

impl Ceremony<'_> {
    /// What it is kept under.
    fn owner(self, challenge: &str) -> Uuid {
        let name = match self {
            Self::SetUp(user_id, standing, factor_id) => {
                format!("set-up:{user_id}:{factor_id}:{standing}")
            }
            Self::Proof(user_id, standing) => format!("proof:{user_id}:{standing}"),
            Self::SignIn(browser) => format!("sign-in:{challenge}:{browser}"),
        };
        SecretHash::of(&name).to_id()
    }

    /// Keeps a challenge.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn begin(self, app: &App, asked: &Asked, now: Time) -> AuthResult<()> {
        let one_time = OneTime {
            purpose: Purpose::PasskeyChallenge,
            owner: self.owner(&asked.challenge),
            hash: SecretHash::of(&asked.challenge),
            bound_to: asked.state.clone(),
            expires_at: now.plus(webauthn::LIFE),
        };
        Ok(app.sessions.put_one_time(&one_time).await?)
    }

    /// Takes away the challenge that is answered here, and gives what its answer is judged by; `None`:
    /// it was not given, was answered before, or is too old.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn finish(self, app: &App, answer: &Value, now: Time) -> AuthResult<Option<String>> {
        let Some(challenge) = webauthn::challenge_of(answer) else { return Ok(None) };
        let (purpose, hash) = (Purpose::PasskeyChallenge, SecretHash::of(&challenge));
        let owner = self.owner(&challenge);
        let kept = app.sessions.consume_one_time(purpose, owner, &hash, now).await?;
        Ok(kept.map(|kept| kept.bound_to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_that_were_asked_share_a_place() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let places = [
            Ceremony::SetUp(one, "session:a", other).owner("x"),
            Ceremony::SetUp(one, "session:a", one).owner("x"),
            Ceremony::SetUp(other, "session:a", other).owner("x"),
            Ceremony::SetUp(one, "session:b", other).owner("x"),
            Ceremony::Proof(one, "session:a").owner("x"),
            Ceremony::Proof(other, "session:a").owner("x"),
            Ceremony::Proof(one, "login:a").owner("x"),
            Ceremony::SignIn("").owner("x"),
            Ceremony::SignIn("browser").owner("x"),
            Ceremony::SignIn("").owner("y"),
        ];
        for (at, place) in places.iter().enumerate() {
            assert!(!places[..at].contains(place), "{at}");
        }
        // Whoever is known is asked one thing at a time.
        assert_eq!(Ceremony::Proof(one, "session:a").owner("y"), places[4]);
    }
}
