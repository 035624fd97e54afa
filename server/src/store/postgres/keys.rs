//! Signing keys.

use jwks::{Algorithm, Time, feed::Change};
use serde::de::DeserializeOwned;

use super::{
    Postgres,
    act::Act,
    broken,
    cells::{Cells, millis},
};
use crate::{
    domain::{audit::Event, key::KeyRow},
    store::{StoreResult, identity::KeyAdded},
};

pub(super) async fn add(
    store: &Postgres,
    key: &KeyRow,
    expected: Option<&str>,
    predecessor_expires_at: Option<Time>,
    event: &Event,
) -> StoreResult<KeyAdded> {
    let mut act = store.transaction().await?;
    // There may be no row yet to compete for.
    act.rows("SELECT pg_advisory_xact_lock(hashtext('signing_keys'))", &[]).await?;
    let newest = act
        .row(
            "SELECT kid FROM signing_keys WHERE algorithm = $1
             ORDER BY published_at DESC, place DESC LIMIT 1",
            &[&key.algorithm.as_str()],
        )
        .await?;
    let newest: Option<String> = newest.map(|row| Cells(&row).get("kid")).transpose()?;
    if newest.as_deref() != expected {
        act.roll_back().await?;
        return Ok(KeyAdded::Raced);
    }
    act.change(
        "UPDATE signing_keys SET expires_at = $2 WHERE kid = $1",
        &[&newest, &millis(predecessor_expires_at)],
    )
    .await?;
    act.change(
        "INSERT INTO signing_keys
             (kid, algorithm, sealed, public_jwk, published_at, active_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            &key.kid,
            &key.algorithm.as_str(),
            &key.sealed,
            &key.public_jwk,
            &key.published_at.millis(),
            &key.active_at.millis(),
            &millis(key.expires_at),
        ],
    )
    .await?;
    let living = list(&mut act, key.published_at).await?;
    let change = Change::Keys(public_set(&living)?);
    store.commit_with(act, &[change], event).await?;
    Ok(KeyAdded::Added)
}

pub(super) async fn list(act: &mut Act, now: Time) -> StoreResult<Vec<KeyRow>> {
    let rows = act
        .rows(
            "SELECT kid, algorithm, sealed, public_jwk, published_at, active_at, expires_at
             FROM signing_keys WHERE expires_at IS NULL OR expires_at > $1
             ORDER BY published_at, place",
            &[&now.millis()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let cells = Cells(row);
            Ok(KeyRow {
                kid: cells.get("kid")?,
                algorithm: cells.named("algorithm", |name| name.parse::<Algorithm>().ok())?,
                sealed: cells.get("sealed")?,
                public_jwk: cells.get("public_jwk")?,
                published_at: cells.time("published_at")?,
                active_at: cells.time("active_at")?,
                expires_at: cells.time_if_any("expires_at")?,
            })
        })
        .collect()
}

/// The public halves as one JWK set. Its type is the feed's, whose maker is not named here.
pub(super) fn public_set<Set: DeserializeOwned>(keys: &[KeyRow]) -> StoreResult<Set> {
    let jwks: Vec<&str> = keys.iter().map(|key| key.public_jwk.as_str()).collect();
    serde_json::from_str(&format!(r#"{{"keys":[{}]}}"#, jwks.join(","))).map_err(broken)
}
