//! What the edge knows: one immutable value, swapped whole.

use std::{collections::HashMap, sync::Arc};

use crate::{
    Time,
    cutoff::{CutOff, CutOffKind},
    feed::{Change, Entry, Snapshot},
    key_set::KeySet,
    site::Site,
};

/// Everything the edge holds, as of one sequence number. Cheap to clone; parts are shared.
#[derive(Clone, Debug)]
pub struct View {
    /// The last change that is in it.
    pub seq: u64,
    /// Which sequence `seq` belongs to.
    pub epoch: Arc<str>,
    /// The issuer (`iss`).
    pub issuer: Arc<str>,
    /// The issuer's public keys.
    pub keys: Arc<KeySet>,
    sites: Arc<HashMap<Box<str>, Arc<Site>>>,
    hosts: Arc<HashMap<Box<str>, Arc<Site>>>,
    cut_offs: Arc<HashMap<(CutOffKind, Box<str>), CutOff>>,
}

impl View {
    /// The view a snapshot gives. Keys that cannot be read are left out.
    #[must_use]
    pub fn from_snapshot(snapshot: &Snapshot) -> Self {
        let mut view = Self {
            seq: snapshot.seq,
            epoch: snapshot.epoch.as_str().into(),
            issuer: snapshot.issuer.as_str().into(),
            keys: Arc::new(KeySet::from_jwks(&snapshot.keys)),
            sites: Arc::default(),
            hosts: Arc::default(),
            cut_offs: Arc::new(
                snapshot
                    .cut_offs
                    .iter()
                    .map(|cut| ((cut.kind, cut.id.as_str().into()), cut.clone()))
                    .collect(),
            ),
        };
        view.set_sites(
            snapshot
                .sites
                .iter()
                .map(|site| (site.site_key.as_str().into(), Arc::new(site.clone())))
                .collect(),
        );
        view
    }

    /// The snapshot that gives this view.
    #[must_use]
    pub fn to_snapshot(&self) -> Snapshot {
        let mut sites: Vec<Site> = self.sites.values().map(|site| (**site).clone()).collect();
        sites.sort_by(|one, other| one.site_key.cmp(&other.site_key));
        Snapshot {
            seq: self.seq,
            epoch: self.epoch.to_string(),
            issuer: self.issuer.to_string(),
            keys: self.keys.to_jwks(),
            sites,
            cut_offs: self.cut_offs.values().cloned().collect(),
        }
    }

    /// Takes in `entries`, in order; those already in it change nothing. Forgets endings that
    /// can kill nothing any more at `now`.
    pub fn apply(&mut self, entries: &[Entry], now: Time) {
        let mut cut_offs = None;
        for entry in entries {
            if entry.seq <= self.seq {
                continue;
            }
            match &entry.change {
                Change::Keys(keys) => self.keys = Arc::new(KeySet::from_jwks(keys)),
                Change::Site(site) => {
                    let mut sites = (*self.sites).clone();
                    sites.insert(site.site_key.as_str().into(), Arc::new((**site).clone()));
                    self.set_sites(sites);
                }
                Change::SiteRemoved(key) => {
                    let mut sites = (*self.sites).clone();
                    sites.remove(key.as_str());
                    self.set_sites(sites);
                }
                Change::CutOff(cut) => {
                    let map = cut_offs.get_or_insert_with(|| {
                        let mut map = (*self.cut_offs).clone();
                        map.retain(|_, cut| cut.until > now);
                        map
                    });
                    let held = map
                        .entry((cut.kind, cut.id.as_str().into()))
                        .or_insert_with(|| cut.clone());
                    held.at = held.at.max(cut.at);
                    held.until = held.until.max(cut.until);
                }
            }
            self.seq = entry.seq;
        }
        if let Some(map) = cut_offs {
            self.cut_offs = Arc::new(map);
        }
    }

    /// The site that answers to `host` (lower case, without port).
    #[must_use]
    pub fn site_by_host(&self, host: &str) -> Option<&Arc<Site>> {
        self.hosts.get(host)
    }

    /// Every site, in no order.
    pub fn sites(&self) -> impl Iterator<Item = &Arc<Site>> {
        self.sites.values()
    }

    /// Whether something of `kind` and `id` that was issued at `issued_at` has been ended.
    #[must_use]
    pub fn is_cut_off(&self, kind: CutOffKind, id: &str, issued_at: Time) -> bool {
        // The key is only built when there is anything to compare with.
        !self.cut_offs.is_empty()
            && self
                .cut_offs
                .get(&(kind, Box::from(id)))
                .is_some_and(|cut| issued_at <= cut.at)
    }

    fn set_sites(&mut self, sites: HashMap<Box<str>, Arc<Site>>) {
        self.hosts = Arc::new(
            sites
                .values()
                .flat_map(|site| {
                    site.hosts
                        .iter()
                        .map(|host| (host.as_str().into(), site.clone()))
                })
                .collect(),
        );
        self.sites = Arc::new(sites);
    }
}
