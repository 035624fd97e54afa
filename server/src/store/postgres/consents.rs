//! Consents.

use jwks::cutoff::CutOff;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Postgres, cells::Cells, errands, feed};
use crate::{
    domain::{audit::Event, consent::Consent},
    store::StoreResult,
};

/// The columns of a consent.
macro_rules! columns {
    () => {
        "user_id, client_id, scopes, claims, resources, created_at, granted_at"
    };
}

pub(super) async fn find(
    store: &Postgres,
    user_id: Uuid,
    client_id: &str,
) -> StoreResult<Option<Consent>> {
    let sql =
        concat!("SELECT ", columns!(), " FROM consents WHERE user_id = $1 AND client_id = $2");
    let row = store.act().await?.row(sql, &[&user_id, &client_id]).await?;
    row.as_ref().map(read).transpose()
}

pub(super) async fn list(store: &Postgres, user_id: Uuid) -> StoreResult<Vec<Consent>> {
    let sql =
        concat!("SELECT ", columns!(), " FROM consents WHERE user_id = $1 ORDER BY client_id");
    let rows = store.act().await?.rows(sql, &[&user_id]).await?;
    rows.iter().map(read).collect()
}

pub(super) async fn withdraw(
    store: &Postgres,
    user_id: Uuid,
    client_id: &str,
    cut_offs: &[CutOff],
    told: &[Uuid],
    event: &Event,
) -> StoreResult<()> {
    let mut act = store.transaction().await?;
    let sql = "DELETE FROM consents WHERE user_id = $1 AND client_id = $2";
    act.change(sql, &[&user_id, &client_id]).await?;
    let changes = feed::write_cut_offs(&mut act, cut_offs, event).await?;
    errands::wake(&mut act, told, event.at).await?;
    store.commit_with(act, &changes, event).await
}

/// The client is held as it is until the commit: none that is being removed is given anything.
pub(super) async fn grant(store: &Postgres, consent: &Consent, event: &Event) -> StoreResult<bool> {
    let mut act = store.transaction().await?;
    let held = act
        .row(
            "SELECT 1 FROM users, clients
             WHERE users.id = $1 AND clients.client_id = $2 AND clients.body IS NOT NULL
             FOR SHARE OF clients",
            &[&consent.user_id, &consent.client_id],
        )
        .await?;
    if held.is_none() {
        act.roll_back().await?;
        return Ok(false);
    }
    act.change(
        "INSERT INTO consents AS held
             (user_id, client_id, scopes, claims, resources, created_at, granted_at)
         VALUES ($1, $2,
             ARRAY(SELECT DISTINCT name COLLATE \"C\" FROM unnest($3::text[]) name ORDER BY 1),
             ARRAY(SELECT DISTINCT name COLLATE \"C\" FROM unnest($4::text[]) name ORDER BY 1),
             ARRAY(SELECT DISTINCT name COLLATE \"C\" FROM unnest($5::text[]) name ORDER BY 1),
             $6, $7)
         ON CONFLICT (user_id, client_id) DO UPDATE SET
             scopes = ARRAY(SELECT DISTINCT name COLLATE \"C\"
                 FROM unnest(held.scopes || excluded.scopes) name ORDER BY 1),
             claims = ARRAY(SELECT DISTINCT name COLLATE \"C\"
                 FROM unnest(held.claims || excluded.claims) name ORDER BY 1),
             resources = ARRAY(SELECT DISTINCT name COLLATE \"C\"
                 FROM unnest(held.resources || excluded.resources) name ORDER BY 1),
             granted_at = greatest(held.granted_at, excluded.granted_at)",
        &[
            &consent.user_id,
            &consent.client_id,
            &consent.scopes,
            &consent.claims,
            &consent.resources,
            &consent.created_at.millis(),
            &consent.granted_at.millis(),
        ],
    )
    .await?;
    store.commit_with(act, &[], event).await?;
    Ok(true)
}

fn read(row: &Row) -> StoreResult<Consent> {
    let cells = Cells(row);
    Ok(Consent {
        user_id: cells.get("user_id")?,
        client_id: cells.get("client_id")?,
        scopes: cells.get("scopes")?,
        claims: cells.get("claims")?,
        resources: cells.get("resources")?,
        created_at: cells.time("created_at")?,
        granted_at: cells.time("granted_at")?,
    })
}
