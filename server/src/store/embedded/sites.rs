//! Sites, and the hosts they answer to.

use jwks::{feed::Change, site::Site};
use rusqlite::{Connection, params};

use super::{
    audit,
    cached::{Cached, json, stored},
    fault::Fault,
    feed,
    writer::Tx,
};
use crate::{
    domain::audit::Event,
    store::identity::{SitePut, SiteWanted},
};

/// Stores a site with the version after the stored one.
pub(super) fn put(
    tx: &Tx<'_>,
    site: &Site,
    wanted: SiteWanted,
    event: &Event,
) -> Result<SitePut, Fault> {
    let held = find(tx, &site.site_key)?;
    let mut site = site.clone();
    if let SiteWanted::InPlaceOf(version) = wanted
        && held.as_ref().is_none_or(|held| held.version != version)
    {
        return Ok(SitePut::Overtaken);
    }
    if let Some(held) = held {
        if wanted == SiteWanted::New {
            return Ok(SitePut::Exists);
        }
        site.version = held.version;
        if site == held {
            return Ok(SitePut::Unchanged(held.version));
        }
        site.version += 1;
    } else {
        site.version = 1;
    }
    for host in &site.hosts {
        let sql = "SELECT 1 FROM site_hosts WHERE host = ?1 AND site_key <> ?2";
        if tx.any(sql, [host, &site.site_key])? {
            return Ok(SitePut::HostTaken);
        }
    }
    tx.run(
        "INSERT INTO sites (site_key, version, body) VALUES (?1, ?2, ?3)
         ON CONFLICT (site_key) DO UPDATE SET version = excluded.version, body = excluded.body",
        params![site.site_key, stored(site.version), serde_json::to_string(&site)?],
    )?;
    tx.run("DELETE FROM site_hosts WHERE site_key = ?1", [&site.site_key])?;
    for host in &site.hosts {
        tx.run(
            "INSERT INTO site_hosts (host, site_key) VALUES (?1, ?2) ON CONFLICT (host) DO NOTHING",
            [host, &site.site_key],
        )?;
    }
    let version = site.version;
    feed::append(tx, event.at, &Change::Site(Box::new(site)))?;
    audit::append(tx, event)?;
    Ok(SitePut::Stored(version))
}

/// Removes a site; its hosts go with it.
pub(super) fn remove(
    tx: &Tx<'_>,
    site_key: &str,
    version: u64,
    event: &Event,
) -> Result<bool, Fault> {
    if find(tx, site_key)?.is_none_or(|held| held.version != version) {
        return Ok(false);
    }
    tx.run("DELETE FROM sites WHERE site_key = ?1", [site_key])?;
    feed::append(tx, event.at, &Change::SiteRemoved(site_key.to_owned()))?;
    audit::append(tx, event)?;
    Ok(true)
}

/// The site of this key.
pub(super) fn find(connection: &Connection, site_key: &str) -> Result<Option<Site>, Fault> {
    let sql = "SELECT body FROM sites WHERE site_key = ?1";
    Ok(connection.one(sql, [site_key], |row| json(row, 0))?)
}

/// Every site, by key.
pub(super) fn list(connection: &Connection) -> Result<Vec<Site>, Fault> {
    Ok(connection.all("SELECT body FROM sites ORDER BY site_key", [], |row| json(row, 0))?)
}
