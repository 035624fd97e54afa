//! The feed, and the endings that go through it.

use jwks::{
    Time,
    cutoff::{CutOff, CutOffKind},
    feed::{Change, Entry, Snapshot},
};
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    Postgres,
    act::Act,
    api_keys, broken,
    cells::{Cells, stored},
    errands, keys, sites,
    users::lock_person,
};
use crate::{domain::audit::Event, store::StoreResult};

pub(super) async fn cut_off(
    store: &Postgres,
    cut_offs: &[CutOff],
    event: &Event,
) -> StoreResult<()> {
    let mut act = store.transaction().await?;
    let changes = write_cut_offs(&mut act, cut_offs, event).await?;
    store.commit_with(act, &changes, event).await
}

/// Writes endings, and makes what waits for the end of a session due; what the feed is to say of
/// them.
pub(super) async fn write_cut_offs(
    act: &mut Act,
    cut_offs: &[CutOff],
    event: &Event,
) -> StoreResult<Vec<Change>> {
    // Nobody makes an API key meanwhile of a person who is ended.
    let mut people = of_kind(cut_offs, CutOffKind::User);
    people.sort_unstable();
    for person in people {
        lock_person(act, person).await?;
    }
    let mut ended = of_kind(cut_offs, CutOffKind::Session);
    ended.sort_unstable();
    errands::hold(act, &ended).await?;
    let mut changes = Vec::with_capacity(cut_offs.len());
    for cut_off in cut_offs {
        let row = act
            .row(
                "INSERT INTO cut_offs AS old (kind, id, at, until_at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (kind, id) DO UPDATE SET
                     at = greatest(old.at, excluded.at),
                     until_at = greatest(old.until_at, excluded.until_at)
                 RETURNING kind, id, at, until_at",
                &[
                    &cut_off.kind.as_str(),
                    &cut_off.id,
                    &cut_off.at.millis(),
                    &cut_off.until.millis(),
                ],
            )
            .await?
            .ok_or_else(|| broken("an ending was not written"))?;
        let held = read_cut_off(&Cells(&row))?;
        if held.kind == CutOffKind::User
            && let Ok(user_id) = Uuid::parse_str(&held.id)
        {
            api_keys::remove_dead(act, user_id, held.at).await?;
        }
        changes.push(Change::CutOff(held));
    }
    errands::release(act, &ended, event.at).await?;
    Ok(changes)
}

fn of_kind(cut_offs: &[CutOff], kind: CutOffKind) -> Vec<Uuid> {
    let named = cut_offs.iter().filter(|cut_off| cut_off.kind == kind);
    named.filter_map(|cut_off| Uuid::parse_str(&cut_off.id).ok()).collect()
}

pub(super) async fn find_cut_offs(
    store: &Postgres,
    named: &[(CutOffKind, String)],
) -> StoreResult<Vec<CutOff>> {
    let mut act = store.act().await?;
    let mut found = Vec::new();
    for named in named.chunks(NAMED_AT_ONCE) {
        let asking = Named::of(named);
        found.extend(asking.read(&act.rows(&asking.sql, &asking.params()).await?)?);
    }
    Ok(found)
}

/// The most endings that one statement asks for.
const NAMED_AT_ONCE: usize = 8;

/// A statement for the endings of these names: an arm for each, because what is asked for by an array
/// is planned anew each time, or read from end to end.
pub(super) struct Named<'n> {
    named: &'n [(CutOffKind, String)],
    kinds: Vec<&'static str>,
    pub(super) sql: String,
}

impl<'n> Named<'n> {
    pub(super) fn of(named: &'n [(CutOffKind, String)]) -> Self {
        let arm = |place: usize| {
            format!(
                "SELECT kind, id, at, until_at FROM cut_offs WHERE kind = ${} AND id = ${}",
                2 * place + 1,
                2 * place + 2
            )
        };
        let arms: Vec<String> = (0..named.len()).map(arm).collect();
        let kinds = named.iter().map(|(kind, _)| kind.as_str()).collect();
        Self { named, kinds, sql: arms.join(" UNION ALL ") }
    }

    pub(super) fn params(&self) -> Vec<&(dyn ToSql + Sync)> {
        let both = self.kinds.iter().zip(self.named);
        both.flat_map(|(kind, (_, id))| [kind as &(dyn ToSql + Sync), id]).collect()
    }

    /// What was found, in the order it is named.
    pub(super) fn read(&self, rows: &[Row]) -> StoreResult<Vec<CutOff>> {
        let found: Vec<CutOff> =
            rows.iter().map(|row| read_cut_off(&Cells(row))).collect::<StoreResult<_>>()?;
        let of = |(kind, id): &(CutOffKind, String)| {
            found.iter().find(|cut_off| cut_off.kind == *kind && cut_off.id == *id).cloned()
        };
        Ok(self.named.iter().filter_map(of).collect())
    }
}

pub(super) async fn snapshot(
    store: &Postgres,
    issuer: &str,
    most_keys: u32,
    now: Time,
) -> StoreResult<Snapshot> {
    let mut act = store.still_picture().await?;
    let (epoch, seq) = head(&mut act).await?;
    let keys = keys::public_set(&keys::list(&mut act, now).await?)?;
    let sites = sites::list(&mut act).await?;
    let cut_offs = act
        .rows(
            "SELECT kind, id, at, until_at FROM cut_offs WHERE until_at > $1
             ORDER BY kind COLLATE \"C\", id COLLATE \"C\"",
            &[&now.minus(CutOff::KEPT_BEYOND).millis()],
        )
        .await?
        .iter()
        .map(|row| read_cut_off(&Cells(row)))
        .collect::<StoreResult<_>>()?;
    let (key_holders, more_keys) = api_keys::holders(&mut act, most_keys, now).await?;
    act.commit().await?;
    let issuer = issuer.to_owned();
    Ok(Snapshot { seq, epoch, issuer, keys, sites, cut_offs, key_holders, more_keys })
}

pub(super) async fn list(store: &Postgres, after: u64, limit: u32) -> StoreResult<Vec<Entry>> {
    let rows = store
        .act()
        .await?
        .rows(
            "SELECT seq, at, change FROM feed WHERE seq > $1 ORDER BY seq LIMIT $2",
            &[&stored(after), &i64::from(limit)],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let cells = Cells(row);
            Ok(Entry {
                seq: cells.count("seq")?,
                at: cells.time("at")?,
                change: cells.json("change")?,
            })
        })
        .collect()
}

pub(super) async fn head(act: &mut Act) -> StoreResult<(String, u64)> {
    let row = act
        .row("SELECT epoch, feed_seq FROM head", &[])
        .await?
        .ok_or_else(|| broken("the head of the sequences is missing"))?;
    let cells = Cells(&row);
    Ok((cells.get("epoch")?, cells.count("feed_seq")?))
}

pub(super) fn read_cut_off(cells: &Cells<'_>) -> StoreResult<CutOff> {
    Ok(CutOff {
        kind: cells.named("kind", CutOffKind::parse)?,
        id: cells.get("id")?,
        at: cells.time("at")?,
        until: cells.time("until_at")?,
    })
}
