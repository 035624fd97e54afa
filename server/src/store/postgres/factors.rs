//! Second factors and backup codes.

use jwks::{Time, cutoff::CutOff, policy::Method};
use uuid::Uuid;

use super::{
    Postgres,
    act::Act,
    cells::{Cells, millis, stored},
    feed, passkeys,
    users::lock_person,
};
use crate::{
    domain::{
        audit::Event,
        factor::{BackupCode, Factor},
    },
    store::{
        StoreResult,
        identity::{Confirmation, Confirmed, Consumed, FactorChange, FactorEdit, Guess},
    },
};

pub(super) async fn list(store: &Postgres, user_id: Uuid) -> StoreResult<Vec<Factor>> {
    let rows = store
        .act()
        .await?
        .rows(
            "SELECT id, user_id, method, name, sealed_secret, confirmed_at, created_at,
                 last_used_at, last_step, guesses_in_a_row
             FROM factors WHERE user_id = $1 ORDER BY is_preferred DESC, created_at, id",
            &[&user_id],
        )
        .await?;
    rows.iter().map(|row| read(&Cells(row))).collect()
}

pub(super) async fn enrol(
    store: &Postgres,
    user_id: Uuid,
    factors: &[Factor],
    codes: &[BackupCode],
) -> StoreResult<()> {
    let methods: Vec<&str> = factors.iter().map(|factor| factor.method.as_str()).collect();
    let mut act = store.transaction().await?;
    lock_person(&mut act, user_id).await?;
    act.change(
        "DELETE FROM factors
         WHERE user_id = $1 AND confirmed_at IS NULL AND (method = ANY ($2) OR $3)",
        &[&user_id, &methods, &!codes.is_empty()],
    )
    .await?;
    insert(&mut act, factors, codes).await?;
    act.commit().await
}

pub(super) async fn insert(
    act: &mut Act,
    factors: &[Factor],
    codes: &[BackupCode],
) -> StoreResult<()> {
    for factor in factors {
        act.change(
            "INSERT INTO factors (id, user_id, method, name, sealed_secret, confirmed_at,
                 created_at, last_used_at, last_step, guesses_in_a_row)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            &[
                &factor.id,
                &factor.user_id,
                &factor.method.as_str(),
                &factor.name,
                &factor.sealed_secret,
                &millis(factor.confirmed_at),
                &factor.created_at.millis(),
                &millis(factor.last_used_at),
                &factor.last_step.map(stored),
                &i64::from(factor.guesses_in_a_row),
            ],
        )
        .await?;
    }
    for code in codes {
        act.change(
            "INSERT INTO backup_codes (factor_id, prefix, hash, used_at) VALUES ($1, $2, $3, $4)",
            &[&code.factor_id, &code.prefix, &code.hash, &millis(code.used_at)],
        )
        .await?;
    }
    Ok(())
}

pub(super) async fn confirm(
    store: &Postgres,
    confirmation: &Confirmation,
    now: Time,
    event: &Event,
) -> StoreResult<Confirmed> {
    let Confirmation {
        user_id,
        id,
        expected_epoch,
        name,
        step,
        replaces,
        proves_phone,
        passkey,
        cut_offs,
    } = confirmation;
    let mut act = store.transaction().await?;
    let raised = act
        .change(
            "UPDATE users SET factor_epoch = factor_epoch + 1, updated_at = $3,
                 phone_verified_at = CASE WHEN phone = $4::text THEN coalesce(phone_verified_at, $3)
                     ELSE phone_verified_at END
             WHERE id = $1 AND factor_epoch = $2",
            &[user_id, &stored(*expected_epoch), &now.millis(), proves_phone],
        )
        .await?;
    let waiting = act
        .row(
            "SELECT confirmed_at IS NULL AS waiting FROM factors WHERE id = $1 AND user_id = $2",
            &[id, user_id],
        )
        .await?;
    let waiting: Option<bool> = waiting.map(|row| Cells(&row).get("waiting")).transpose()?;
    let refused = match waiting {
        None => Some(Confirmed::Gone),
        Some(false) => Some(Confirmed::Already),
        Some(true) if raised == 0 => Some(Confirmed::Overtaken),
        Some(true) => None,
    };
    if let Some(refused) = refused {
        act.roll_back().await?;
        return Ok(refused);
    }
    if let Some(passkey) = passkey
        && !passkeys::insert(&mut act, passkey).await?
    {
        act.roll_back().await?;
        return Ok(Confirmed::Taken);
    }
    if *replaces {
        // Codes before their factor, as whoever spends a code locks them.
        act.change(
            "DELETE FROM backup_codes WHERE factor_id IN
                 (SELECT id FROM factors WHERE user_id = $1 AND confirmed_at IS NOT NULL)",
            &[user_id],
        )
        .await?;
        let lost = "DELETE FROM factors WHERE user_id = $1 AND confirmed_at IS NOT NULL";
        act.change(lost, &[user_id]).await?;
    }
    act.change(
        "UPDATE factors SET confirmed_at = $2, last_used_at = $2, guesses_in_a_row = 0,
                 name = coalesce($3, name), last_step = coalesce($4, last_step)
             WHERE id = $1",
        &[id, &now.millis(), name, &step.map(stored)],
    )
    .await?;
    // Codes come with a person's first factor, and were made with it. What lies here unconfirmed
    // of another time, or beside a factor that counts already, is of another set-up, and may not
    // have been shown to who confirms now.
    act.change(
        "UPDATE factors SET confirmed_at = $3
         WHERE user_id = $1 AND method = $2 AND confirmed_at IS NULL
             AND created_at = (SELECT created_at FROM factors WHERE id = $4) AND NOT EXISTS
             (SELECT 1 FROM factors f WHERE f.user_id = $1 AND f.id <> $4 AND f.method <> $2
                 AND f.confirmed_at IS NOT NULL)",
        &[user_id, &Method::BackupCode.as_str(), &now.millis(), id],
    )
    .await?;
    let changes = feed::write_cut_offs(&mut act, cut_offs, event).await?;
    store.commit_with(act, &changes, event).await?;
    Ok(Confirmed::Confirmed)
}

pub(super) async fn count_guess(
    store: &Postgres,
    id: Uuid,
    known: bool,
    limit: u32,
) -> StoreResult<Guess> {
    let sql = match known {
        true => {
            "UPDATE factors SET known_guesses_in_a_row = known_guesses_in_a_row + 1
             WHERE id = $1 AND known_guesses_in_a_row < $2
             RETURNING known_guesses_in_a_row AS guesses"
        }
        false => {
            "UPDATE factors SET guesses_in_a_row = guesses_in_a_row + 1
             WHERE id = $1 AND guesses_in_a_row < $2 RETURNING guesses_in_a_row AS guesses"
        }
    };
    let mut act = store.act().await?;
    if let Some(row) = act.row(sql, &[&id, &i64::from(limit)]).await? {
        return Ok(Guess::Counted(Cells(&row).count("guesses")?));
    }
    Ok(if is_there(&mut act, id).await? { Guess::Locked } else { Guess::Gone })
}

pub(super) async fn forgive_guess(store: &Postgres, id: Uuid, known: bool) -> StoreResult<()> {
    let sql = match known {
        true => {
            "UPDATE factors SET known_guesses_in_a_row = known_guesses_in_a_row - 1
             WHERE id = $1 AND known_guesses_in_a_row > 0"
        }
        false => {
            "UPDATE factors SET guesses_in_a_row = guesses_in_a_row - 1
             WHERE id = $1 AND guesses_in_a_row > 0"
        }
    };
    store.act().await?.change(sql, &[&id]).await.map(drop)
}

pub(super) async fn use_factor(store: &Postgres, id: Uuid, now: Time) -> StoreResult<()> {
    proved(&mut store.act().await?, id, now).await.map(drop)
}

/// Notes that a factor was proved. Says whether it is there.
pub(super) async fn proved(act: &mut Act, id: Uuid, now: Time) -> StoreResult<bool> {
    let sql = "UPDATE factors SET last_used_at = $2, guesses_in_a_row = 0,
             known_guesses_in_a_row = 0 WHERE id = $1";
    Ok(act.change(sql, &[&id, &now.millis()]).await? > 0)
}

pub(super) async fn consume_totp_step(
    store: &Postgres,
    id: Uuid,
    step: u64,
    now: Time,
) -> StoreResult<Consumed> {
    let mut act = store.act().await?;
    let consumed = act
        .change(
            "UPDATE factors SET last_step = $2, last_used_at = $3, guesses_in_a_row = 0,
                 known_guesses_in_a_row = 0
             WHERE id = $1 AND (last_step IS NULL OR last_step < $2)",
            &[&id, &stored(step), &now.millis()],
        )
        .await?;
    if consumed == 1 {
        return Ok(Consumed::Consumed);
    }
    Ok(if is_there(&mut act, id).await? { Consumed::Replayed } else { Consumed::Gone })
}

pub(super) async fn find_backup_code(
    store: &Postgres,
    factor_id: Uuid,
    prefix: &str,
) -> StoreResult<Option<BackupCode>> {
    let row = store
        .act()
        .await?
        .row(
            "SELECT factor_id, prefix, hash, used_at FROM backup_codes
             WHERE factor_id = $1 AND prefix = $2",
            &[&factor_id, &prefix],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let cells = Cells(&row);
    Ok(Some(BackupCode {
        factor_id: cells.get("factor_id")?,
        prefix: cells.get("prefix")?,
        hash: cells.get("hash")?,
        used_at: cells.time_if_any("used_at")?,
    }))
}

pub(super) async fn consume_backup_code(
    store: &Postgres,
    factor_id: Uuid,
    prefix: &str,
    now: Time,
) -> StoreResult<Consumed> {
    let mut act = store.act().await?;
    let consumed = act
        .change(
            "WITH spent AS (
                 UPDATE backup_codes SET used_at = $3
                 WHERE factor_id = $1 AND prefix = $2 AND used_at IS NULL RETURNING factor_id
             )
             UPDATE factors SET last_used_at = $3, guesses_in_a_row = 0,
                 known_guesses_in_a_row = 0
             FROM spent WHERE factors.id = spent.factor_id",
            &[&factor_id, &prefix, &now.millis()],
        )
        .await?;
    if consumed == 1 {
        return Ok(Consumed::Consumed);
    }
    let there = act
        .row(
            "SELECT 1 FROM backup_codes WHERE factor_id = $1 AND prefix = $2",
            &[&factor_id, &prefix],
        )
        .await?;
    Ok(if there.is_some() { Consumed::Replayed } else { Consumed::Gone })
}

pub(super) async fn change(
    store: &Postgres,
    change: &FactorChange,
    cut_offs: &[CutOff],
    now: Time,
    event: &Event,
) -> StoreResult<bool> {
    let mut act = store.transaction().await?;
    let changed = act
        .change(
            "UPDATE users SET factor_epoch = factor_epoch + 1, updated_at = $3
             WHERE id = $1 AND factor_epoch = $2",
            &[&change.user_id, &stored(change.expected_epoch), &now.millis()],
        )
        .await?;
    if changed == 0 || !remove(&mut act, change.user_id, &change.remove).await? {
        act.roll_back().await?;
        return Ok(false);
    }
    insert(&mut act, &change.add, &change.codes).await?;
    let changes = feed::write_cut_offs(&mut act, cut_offs, event).await?;
    store.commit_with(act, &changes, event).await?;
    Ok(true)
}

pub(super) async fn edit(store: &Postgres, edit: &FactorEdit, event: &Event) -> StoreResult<bool> {
    let mut act = store.transaction().await?;
    lock_person(&mut act, edit.user_id).await?;
    let renamed = act
        .change(
            "UPDATE factors SET name = coalesce($3, name)
             WHERE id = $1 AND user_id = $2 AND confirmed_at IS NOT NULL",
            &[&edit.id, &edit.user_id, &edit.name],
        )
        .await?;
    if renamed == 0 {
        act.roll_back().await?;
        return Ok(false);
    }
    if edit.prefer {
        let sql = "UPDATE factors SET is_preferred = (id = $1)
             WHERE user_id = $2 AND is_preferred <> (id = $1)";
        act.change(sql, &[&edit.id, &edit.user_id]).await?;
    }
    store.commit_with(act, &[], event).await?;
    Ok(true)
}

/// Whether all of these factors were there to be removed.
async fn remove(act: &mut Act, user_id: Uuid, ids: &[Uuid]) -> StoreResult<bool> {
    // Codes before their factor, as whoever spends a code locks them.
    act.change(
        "DELETE FROM backup_codes WHERE factor_id IN
             (SELECT id FROM factors WHERE user_id = $1 AND id = ANY ($2))",
        &[&user_id, &ids],
    )
    .await?;
    let missing = act
        .row(
            "WITH gone AS (
                 DELETE FROM factors WHERE user_id = $1 AND id = ANY ($2) RETURNING id
             )
             SELECT 1 FROM unnest($2) AS given (id) WHERE id NOT IN (SELECT id FROM gone) LIMIT 1",
            &[&user_id, &ids],
        )
        .await?;
    Ok(missing.is_none())
}

pub(super) async fn count_backup_codes(store: &Postgres, factor_id: Uuid) -> StoreResult<u32> {
    let sql = "SELECT count(*) AS unused FROM backup_codes
         WHERE factor_id = $1 AND used_at IS NULL";
    let row = store.act().await?.row(sql, &[&factor_id]).await?;
    row.map_or(Ok(0), |row| Cells(&row).count("unused"))
}

async fn is_there(act: &mut Act, id: Uuid) -> StoreResult<bool> {
    Ok(act.row("SELECT 1 FROM factors WHERE id = $1", &[&id]).await?.is_some())
}

fn read(cells: &Cells<'_>) -> StoreResult<Factor> {
    let last_step: Option<i64> = cells.get("last_step")?;
    Ok(Factor {
        id: cells.get("id")?,
        user_id: cells.get("user_id")?,
        method: cells.named("method", |name| {
            Method::ALL.into_iter().find(|method| method.as_str() == name)
        })?,
        name: cells.get("name")?,
        sealed_secret: cells.get("sealed_secret")?,
        confirmed_at: cells.time_if_any("confirmed_at")?,
        created_at: cells.time("created_at")?,
        last_used_at: cells.time_if_any("last_used_at")?,
        last_step: last_step.and_then(|step| u64::try_from(step).ok()),
        guesses_in_a_row: cells.count("guesses_in_a_row")?,
    })
}
