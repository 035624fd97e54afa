//! Where people sign in from.

use jwks::Time;

use super::{Postgres, users::lock_person};
use crate::{domain::place::Place, store::StoreResult};

pub(super) async fn note(
    store: &Postgres,
    place: &Place,
    keep: u32,
    now: Time,
) -> StoreResult<bool> {
    let Place { user_id, agent, network } = place;
    let mut act = store.transaction().await?;
    lock_person(&mut act, *user_id).await?;
    let seen = act
        .change(
            "UPDATE places SET last_at = greatest(last_at, $4)
             WHERE user_id = $1 AND agent = $2 AND network = $3",
            &[user_id, agent, network, &now.millis()],
        )
        .await?;
    if seen == 0 {
        act.change(
            "DELETE FROM places WHERE user_id = $1 AND (agent, network) IN
                 (SELECT agent, network FROM places WHERE user_id = $1
                  ORDER BY last_at DESC, agent, network OFFSET $2)",
            &[user_id, &i64::from(keep.saturating_sub(1))],
        )
        .await?;
        act.change(
            "INSERT INTO places (user_id, agent, network, last_at) VALUES ($1, $2, $3, $4)",
            &[user_id, agent, network, &now.millis()],
        )
        .await?;
    }
    act.commit().await?;
    Ok(seen == 0)
}
