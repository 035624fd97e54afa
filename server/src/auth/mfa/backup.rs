//! Backup codes: ten, each good once. Four characters select the row and are no secret; the eight
//! after them carry 40 bits and are hashed like a password (rule 23).

use jwks::{Time, policy::Method};
use uuid::Uuid;

use crate::{
    app::App,
    auth::error::AuthResult,
    clock::{new_id, random},
    domain::factor::{BackupCode, Factor},
};

/// How many codes a person gets.
pub const COUNT: usize = 10;
const PREFIX: usize = 4;
const SECRET: usize = 8;
/// Thirty-two characters that nobody mistakes for one another.
const ALPHABET: &[u8; 32] = b"23456789abcdefghjkmnpqrstuvwxyz0";

/// New backup codes, unconfirmed: what the store keeps, and what the person is shown.
pub struct NewCodes {
    /// The factor they belong to.
    pub factor: Factor,
    /// The rows.
    pub rows: Vec<BackupCode>,
    /// The codes, `xxxx-xxxx-xxxx`.
    pub shown: Vec<String>,
}

/// Makes ten codes for a person.
///
/// # Errors
/// [`crate::auth::AuthError::Busy`] when too many hashes are waiting.
pub async fn generate(app: &App, user_id: Uuid, now: Time) -> AuthResult<NewCodes> {
    let factor = Factor {
        id: new_id(now),
        user_id,
        method: Method::BackupCode,
        name: "Backup codes".to_owned(),
        sealed_secret: Vec::new(),
        confirmed_at: None,
        created_at: now,
        last_used_at: None,
        last_step: None,
        guesses_in_a_row: 0,
    };
    let mut rows: Vec<BackupCode> = Vec::with_capacity(COUNT);
    let mut shown = Vec::with_capacity(COUNT);
    while rows.len() < COUNT {
        let code: String = random::<{ PREFIX + SECRET }>()
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
            .collect();
        let prefix = code[..PREFIX].to_owned();
        if rows.iter().any(|row| row.prefix == prefix) {
            continue;
        }
        let hash = app.hasher.hash(&code).await?;
        rows.push(BackupCode { factor_id: factor.id, prefix, hash, used_at: None });
        shown.push(format!("{}-{}-{}", &code[..4], &code[4..8], &code[8..]));
    }
    Ok(NewCodes { factor, rows, shown })
}

/// A typed code without blanks and dashes, in lower case, and its prefix; `None` when it cannot
/// be one.
#[must_use]
pub fn read(typed: &str) -> Option<(String, String)> {
    let code: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let known = code.bytes().all(|byte| ALPHABET.contains(&byte));
    (code.len() == PREFIX + SECRET && known).then(|| (code[..PREFIX].to_owned(), code.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_written() {
        let (prefix, code) = read(" 2345-6789-ABCD ").unwrap();
        assert_eq!((prefix.as_str(), code.as_str()), ("2345", "23456789abcd"));
        for bad in ["", "2345", "2345-6789-abci", "2345-6789-abcdé", "123456"] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
