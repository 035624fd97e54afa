//! Codes that are sent, by mail or by SMS: six digits, bound to what they were asked for, good for
//! ten minutes and once (rule 23).

use std::time::Duration;

use jwks::{Time, policy::Method};
use uuid::Uuid;

use super::{
    errands,
    error::{AuthError, AuthResult},
    mfa::works_here,
};
use crate::{
    app::App,
    clock::random,
    domain::{
        errand::Errand,
        login::masked_address,
        one_time::{OneTime, Purpose},
        phone::PhoneNumber,
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
    /// The address or number, masked, so that its owner knows it and nobody else does.
    pub sent_to: String,
    /// How long the code is good, seconds.
    pub expires_in: u64,
}

impl Sent {
    /// A code on its way to what is masked so.
    #[must_use]
    pub const fn to(sent_to: String) -> Self {
        Self { sent_to, expires_in: LIFE.as_secs() }
    }
}

/// Where a code goes.
pub enum Destination {
    /// The person's own mail address, which was proved.
    Mail,
    /// A telephone number.
    Phone(PhoneNumber),
}

/// What a code is asked for. No code of another purpose or name is ever compared with it.
pub struct Ask {
    /// What it is to prove.
    pub purpose: Purpose,
    /// What it is kept under: of an owner there is one code for each purpose.
    pub owner: Uuid,
    /// What it is sealed with: whose, of which factor, for which challenge.
    pub name: String,
}

impl Ask {
    /// A code that is the only one of its purpose and name.
    #[must_use]
    pub fn named(purpose: Purpose, name: String) -> Self {
        Self { purpose, owner: SecretHash::of(&name).to_id(), name }
    }

    /// Makes a code, which ends the one made for this before. What `bound_to` says is to be so still
    /// when it comes back.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn make(&self, app: &App, bound_to: String, now: Time) -> AuthResult<String> {
        let code = new_code();
        app.sessions
            .put_one_time(&OneTime {
                purpose: self.purpose,
                owner: self.owner,
                hash: self.hash(app, &code),
                bound_to,
                expires_at: now.plus(LIFE),
            })
            .await?;
        Ok(code)
    }

    /// What the code was bound to, if `typed` is it. It is consumed by that: exactly one caller gets
    /// this.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn consume(&self, app: &App, typed: &str, now: Time) -> AuthResult<Option<String>> {
        let code: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
        if code.len() != DIGITS || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(None);
        }
        let hash = self.hash(app, &code);
        let sent = app.sessions.consume_one_time(self.purpose, self.owner, &hash, now).await?;
        Ok(sent.map(|sent| sent.bound_to))
    }

    fn hash(&self, app: &App, code: &str) -> SecretHash {
        app.sealer.digest(&self.name, code.as_bytes())
    }
}

impl Destination {
    /// What a code that goes there is bound to.
    #[must_use]
    pub fn binding(&self, user: &User) -> String {
        match self {
            Self::Mail => user.email_key.clone(),
            Self::Phone(number) => number.as_str().to_owned(),
        }
    }

    /// Sends a code on its way.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn send(self, app: &App, user: &User, code: &str, now: Time) -> AuthResult<Sent> {
        let until = now.plus(LIFE);
        Ok(Sent::to(match self {
            Self::Mail => {
                errands::send(app, letters::code(app, user, code, until), now).await?;
                masked_address(&user.email)
            }
            Self::Phone(number) => {
                let text = letters::code_by_sms(app, user, &number, code, until);
                errands::queue(app, &Errand::Text(text), now).await?;
                number.masked()
            }
        }))
    }
}

/// Whether messages to telephones leave from here.
///
/// # Errors
/// [`AuthError::MethodNotOffered`] when they do not.
pub fn require_sms(app: &App) -> AuthResult<()> {
    match works_here(app, Method::Sms) {
        true => Ok(()),
        false => Err(AuthError::MethodNotOffered(Vec::new())),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_six_digits_of_every_kind() {
        let codes: Vec<String> = (0..500).map(|_| new_code()).collect();
        assert!(codes.iter().all(|code| code.len() == 6 && code.parse::<u32>().is_ok()));
        for digit in '0'..='9' {
            assert!(codes.iter().any(|code| code.starts_with(digit)), "{digit}");
            assert!(codes.iter().any(|code| code.ends_with(digit)), "{digit}");
        }
    }
}
