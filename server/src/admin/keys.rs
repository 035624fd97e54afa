use std::sync::Arc;

use jwks::{Algorithm, Time};
use serde_json::{Value, json};

use super::{AdminError, AdminResult, event, rfc3339};
use crate::{
    app::App,
    domain::{audit::Action, key::KeyRow},
    keyring::{self, Due},
};

/// The keys that are not expired, oldest first.
pub(super) async fn list(app: &Arc<App>) -> AdminResult<Value> {
    let now = app.clock.now();
    let rows = app.identity.list_signing_keys(now).await?;
    Ok(rows.iter().map(|row| describe(row, &rows, now)).collect())
}

/// Publishes a new key. It signs after `tokens.key_lead`, when every edge has long heard of it.
pub(super) async fn rotate(app: &Arc<App>, algorithm: Option<Algorithm>) -> AdminResult<Value> {
    let now = app.clock.now();
    let algorithm = algorithm.unwrap_or(app.config.tokens.algorithm);
    let added = keyring::add_key(
        &*app.identity,
        &app.sealer,
        &app.config.tokens,
        algorithm,
        Due::Now,
        now,
        |row| {
            let details = json!({ "kid": row.kid, "algorithm": algorithm.as_str() });
            event(Action::KeyRotated, now, details)
        },
    )
    .await?
    .ok_or(AdminError::Raced)?;
    let rows = app.identity.list_signing_keys(now).await?;
    Ok(describe(&added, &rows, now))
}

fn describe(row: &KeyRow, rows: &[KeyRow], now: Time) -> Value {
    json!({
        "kid": row.kid,
        "algorithm": row.algorithm.as_str(),
        "state": standing(row, rows, now),
        "publishedAt": rfc3339(row.published_at),
        "activeAt": rfc3339(row.active_at),
        "expiresAt": row.expires_at.map(rfc3339),
    })
}

/// Where a key stands, by the times in the rows alone: `published` until it signs, `active` while
/// it is the newest of its algorithm that does, `retired` afterwards.
fn standing(row: &KeyRow, rows: &[KeyRow], now: Time) -> &'static str {
    let succeeds = |other: &KeyRow| {
        other.algorithm == row.algorithm
            && other.active_at <= now
            && other.published_at > row.published_at
    };
    if row.active_at > now {
        "published"
    } else if rows.iter().any(succeeds) {
        "retired"
    } else {
        "active"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(algorithm: Algorithm, published_at: i64, active_at: i64) -> KeyRow {
        KeyRow {
            kid: format!("{algorithm}-{published_at}"),
            algorithm,
            sealed: Vec::new(),
            public_jwk: String::new(),
            published_at: Time::from_secs(published_at),
            active_at: Time::from_secs(active_at),
            expires_at: None,
        }
    }

    #[test]
    fn a_key_is_published_then_active_then_retired() {
        let rows = [
            row(Algorithm::ES256, 0, 0),
            row(Algorithm::RS256, 5, 5),
            row(Algorithm::ES256, 10, 20),
        ];
        let at = |secs| rows.each_ref().map(|row| standing(row, &rows, Time::from_secs(secs)));
        assert_eq!(at(15), ["active", "active", "published"]);
        assert_eq!(at(20), ["retired", "active", "active"]);
    }
}
