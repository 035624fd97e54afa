//! What the edge knows: one immutable value, swapped whole.

use std::{collections::HashMap, sync::Arc};

use crate::{
    Time,
    cutoff::{CutOffKind, CutOffs},
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
    cut_offs: CutOffs,
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
            cut_offs: snapshot.cut_offs.iter().collect(),
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
            cut_offs: self.cut_offs.to_vec(),
        }
    }

    /// Takes in `entries`, in order; those already in it change nothing. It stops before a gap in
    /// the sequence, because an ending could be missing: [`View::seq`] then stays where it was
    /// whole, and the reader must ask for the tail or a snapshot. Forgets endings that can kill
    /// nothing any more at `now`.
    pub fn apply(&mut self, entries: &[Entry], now: Time) {
        for entry in entries {
            if entry.seq <= self.seq {
                continue;
            }
            if entry.seq != self.seq.saturating_add(1) {
                return;
            }
            self.take_in(&entry.change, now);
            self.seq = entry.seq;
        }
    }

    fn take_in(&mut self, change: &Change, now: Time) {
        match change {
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
                self.cut_offs.insert(cut);
                self.cut_offs.forget_before(now);
            }
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
        self.cut_offs.kills(kind, id, issued_at)
    }

    fn set_sites(&mut self, sites: HashMap<Box<str>, Arc<Site>>) {
        let mut hosts: HashMap<Box<str>, Arc<Site>> = HashMap::new();
        for site in sites.values() {
            for host in &site.hosts {
                // The server lets no two sites have one host. If it ever did, every edge and
                // every start would still have to choose the same one.
                let held = hosts
                    .entry(host.as_str().into())
                    .or_insert_with(|| site.clone());
                if site.site_key < held.site_key {
                    *held = site.clone();
                }
            }
        }
        self.hosts = Arc::new(hosts);
        self.sites = Arc::new(sites);
    }
}
