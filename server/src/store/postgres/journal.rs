//! The end of every act that appends to the feed or to the log.
//!
//! A bare sequence hands out numbers before they are visible. Here whoever appends locks the one
//! row that holds both newest places, and holds it through the commit: who has seen a place will
//! never find a new one below it, and the hash of a row covers the row before it.

use jwks::feed::Change;

use super::{
    Postgres,
    act::Act,
    broken,
    cells::{Cells, stored},
};
use crate::{
    domain::audit::{Event, chain},
    store::StoreResult,
};

/// What listeners are told when the feed has grown.
pub(super) const CHANNEL: &str = "signalbox_feed";

impl Postgres {
    /// Appends `changes` to the feed and `event` to the log, and commits `act` with them.
    pub(super) async fn commit_with(
        &self,
        mut act: Act,
        changes: &[Change],
        event: &Event,
    ) -> StoreResult<()> {
        let head = act
            .row("SELECT feed_seq, audit_seq, audit_hash FROM head FOR UPDATE", &[])
            .await?
            .ok_or_else(|| broken("the head of the sequences is missing"))?;
        let head = Cells(&head);
        append_event(&mut act, &head, event).await?;
        if !changes.is_empty() {
            append_changes(&mut act, &head, changes, event).await?;
        }
        act.commit().await?;
        if !changes.is_empty() {
            // Followers of this replica need not wait for the notice to come back.
            self.grown.send_modify(|times| *times += 1);
        }
        Ok(())
    }
}

/// Appends the event, unless one of its id is there.
async fn append_event(act: &mut Act, head: &Cells<'_>, event: &Event) -> StoreResult<()> {
    let seq = head.count::<u64>("audit_seq")? + 1;
    let hash = chain(head.get("audit_hash")?, seq, event);
    let text = serde_json::to_string(event).map_err(broken)?;
    act.change(
        "WITH written AS (
             INSERT INTO audit (seq, id, event, hash, user_id, at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (id) DO NOTHING RETURNING seq
         )
         UPDATE head SET audit_seq = $1, audit_hash = $4 FROM written",
        &[&stored(seq), &event.id, &text, &hash, &event.user_id, &event.at.millis()],
    )
    .await?;
    Ok(())
}

async fn append_changes(
    act: &mut Act,
    head: &Cells<'_>,
    changes: &[Change],
    event: &Event,
) -> StoreResult<()> {
    let newest: i64 = head.get("feed_seq")?;
    let texts = changes
        .iter()
        .map(|change| serde_json::to_string(change).map_err(broken))
        .collect::<StoreResult<Vec<_>>>()?;
    act.rows(
        "WITH written AS (
             INSERT INTO feed (seq, at, change)
             SELECT $1 + place, $2, change
             FROM unnest($3::text[]) WITH ORDINALITY AS given (change, place)
             RETURNING seq
         ), moved AS (
             UPDATE head SET feed_seq = (SELECT max(seq) FROM written)
         )
         SELECT pg_notify($4, '')",
        &[&newest, &event.at.millis(), &texts, &CHANNEL],
    )
    .await?;
    Ok(())
}
