//! Forgetting what is over.

use jwks::Time;

use super::Postgres;
use crate::store::{
    StoreResult,
    identity::{ENDINGS_KEPT, EXPIRED_KEYS_KEPT, FEED_KEPT, SWEPT_AT_ONCE},
};

pub(super) async fn sweep(store: &Postgres, now: Time) -> StoreResult<u64> {
    let mut act = store.transaction().await?;
    // One replica sweeps at a time: what two took of the feed could leave a gap until both have
    // committed.
    let alone = act.row("SELECT 1 WHERE pg_try_advisory_xact_lock(hashtext('sweep'))", &[]).await?;
    if alone.is_none() {
        act.roll_back().await?;
        return Ok(0);
    }
    // An ending that somebody is just renewing is not over, and nobody waits for another here.
    let endings = act
        .change(
            "DELETE FROM cut_offs WHERE (kind, id) IN
                 (SELECT kind, id FROM cut_offs WHERE until_at <= $1 LIMIT $2
                  FOR UPDATE SKIP LOCKED)",
            &[&now.minus(ENDINGS_KEPT).millis(), &i64::from(SWEPT_AT_ONCE)],
        )
        .await?;
    let entries = act
        .change(
            "DELETE FROM feed
             WHERE seq < (SELECT max(seq) FROM feed) AND seq < coalesce(
                 (SELECT seq FROM feed WHERE seq < (SELECT min(seq) FROM feed) + $2 AND at > $1
                  ORDER BY seq LIMIT 1),
                 (SELECT min(seq) FROM feed) + $2)",
            &[&now.minus(FEED_KEPT).millis(), &i64::from(SWEPT_AT_ONCE)],
        )
        .await?;
    let tokens = act
        .change(
            "DELETE FROM initial_access_tokens WHERE hash IN
                 (SELECT hash FROM initial_access_tokens WHERE expires_at <= $1 LIMIT $2)",
            &[&now.millis(), &i64::from(SWEPT_AT_ONCE)],
        )
        .await?;
    let api_keys = act
        .change(
            "DELETE FROM api_keys WHERE id IN
                 (SELECT id FROM api_keys WHERE expires_at <= $1 LIMIT $2
                  FOR UPDATE SKIP LOCKED)",
            &[&now.minus(EXPIRED_KEYS_KEPT).millis(), &i64::from(SWEPT_AT_ONCE)],
        )
        .await?;
    let warnings = act
        .change(
            "DELETE FROM warnings WHERE id IN
                 (SELECT id FROM warnings WHERE expires_at <= $1 LIMIT $2)",
            &[&now.millis(), &i64::from(SWEPT_AT_ONCE)],
        )
        .await?;
    act.commit().await?;
    Ok(endings + entries + tokens + api_keys + warnings)
}
