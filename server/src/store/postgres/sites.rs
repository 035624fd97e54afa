//! Sites. They change seldom, so one lock for all of them keeps hosts unique without more ado.

use jwks::{feed::Change, site::Site};
use tokio_postgres::types::Json;

use super::{
    Postgres,
    act::Act,
    cells::{Cells, stored},
};
use crate::{
    domain::audit::Event,
    store::{
        StoreResult,
        identity::{SitePut, SiteWanted},
    },
};

pub(super) async fn put(
    store: &Postgres,
    site: &Site,
    wanted: SiteWanted,
    event: &Event,
) -> StoreResult<SitePut> {
    let mut act = changing(store).await?;
    let old = one(&mut act, &site.site_key).await?;
    if wanted == SiteWanted::New && old.is_some() {
        act.roll_back().await?;
        return Ok(SitePut::Exists);
    }
    if let SiteWanted::InPlaceOf(version) = wanted
        && old.as_ref().is_none_or(|old| old.version != version)
    {
        act.roll_back().await?;
        return Ok(SitePut::Overtaken);
    }
    let version = old.as_ref().map_or(0, |old| old.version);
    if old.is_some_and(|old| old == Site { version, ..site.clone() }) {
        act.roll_back().await?;
        return Ok(SitePut::Unchanged(version));
    }
    let site = Site { version: version + 1, ..site.clone() };
    act.change(
        "INSERT INTO sites (site_key, version, document) VALUES ($1, $2, $3)
         ON CONFLICT (site_key) DO UPDATE SET
             version = excluded.version, document = excluded.document",
        &[&site.site_key, &stored(site.version), &Json(&site)],
    )
    .await?;
    act.change("DELETE FROM site_hosts WHERE site_key = $1", &[&site.site_key]).await?;
    let taken = act
        .rows(
            "WITH given AS (SELECT DISTINCT unnest($2::text[]) AS host), written AS (
                 INSERT INTO site_hosts (host, site_key) SELECT host, $1 FROM given
                 ON CONFLICT (host) DO NOTHING RETURNING host
             )
             SELECT host FROM given WHERE host NOT IN (SELECT host FROM written)",
            &[&site.site_key, &site.hosts],
        )
        .await?;
    if !taken.is_empty() {
        act.roll_back().await?;
        return Ok(SitePut::HostTaken);
    }
    let version = site.version;
    store.commit_with(act, &[Change::Site(Box::new(site))], event).await?;
    Ok(SitePut::Stored(version))
}

pub(super) async fn remove(
    store: &Postgres,
    site_key: &str,
    version: u64,
    event: &Event,
) -> StoreResult<bool> {
    let mut act = changing(store).await?;
    if one(&mut act, site_key).await?.is_none_or(|held| held.version != version) {
        act.roll_back().await?;
        return Ok(false);
    }
    act.change("DELETE FROM sites WHERE site_key = $1", &[&site_key]).await?;
    store.commit_with(act, &[Change::SiteRemoved(site_key.to_owned())], event).await?;
    Ok(true)
}

pub(super) async fn find(store: &Postgres, site_key: &str) -> StoreResult<Option<Site>> {
    one(&mut store.act().await?, site_key).await
}

pub(super) async fn list(act: &mut Act) -> StoreResult<Vec<Site>> {
    let rows = act.rows("SELECT document FROM sites ORDER BY site_key", &[]).await?;
    rows.iter().map(|row| read(&Cells(row))).collect()
}

async fn changing(store: &Postgres) -> StoreResult<Act> {
    let mut act = store.transaction().await?;
    act.rows("SELECT pg_advisory_xact_lock(hashtext('sites'))", &[]).await?;
    Ok(act)
}

async fn one(act: &mut Act, site_key: &str) -> StoreResult<Option<Site>> {
    let row = act.row("SELECT document FROM sites WHERE site_key = $1", &[&site_key]).await?;
    row.map(|row| read(&Cells(&row))).transpose()
}

fn read(cells: &Cells<'_>) -> StoreResult<Site> {
    Ok(cells.get::<Json<Site>>("document")?.0)
}
