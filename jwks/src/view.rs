//! What the edge knows: one immutable value, swapped whole.

use std::{collections::HashMap, sync::Arc};

use serde::{Serialize, Serializer, ser::SerializeStruct};
use uuid::Uuid;

use crate::{
    Time,
    api_key::HeldKey,
    cutoff::{CutOff, CutOffKind, CutOffs},
    feed::{Change, Entry, Snapshot},
    key_holders::KeyHolders,
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
    key_holders: KeyHolders,
    more_keys: bool,
}

impl View {
    /// The view a snapshot gives. Keys that cannot be read are left out.
    #[must_use]
    pub fn from_snapshot(snapshot: Snapshot) -> Self {
        let mut view = Self {
            seq: snapshot.seq,
            epoch: snapshot.epoch.into(),
            issuer: snapshot.issuer.into(),
            keys: Arc::new(KeySet::from_jwks(&snapshot.keys)),
            sites: Arc::default(),
            hosts: Arc::default(),
            cut_offs: snapshot.cut_offs.iter().collect(),
            key_holders: snapshot.key_holders.into_iter().collect(),
            more_keys: snapshot.more_keys,
        };
        let sites = snapshot.sites.into_iter();
        view.set_sites(sites.map(|site| (site.site_key.as_str().into(), Arc::new(site))).collect());
        view
    }

    /// Takes in `entries`, in order; those already in it change nothing. It stops before a gap in
    /// the sequence, because an ending could be missing: [`View::seq`] then stays where it was
    /// whole, and the reader must ask for the tail or a snapshot. Forgets endings that could kill
    /// nothing any more for [`CutOff::KEPT_BEYOND`] at `now`.
    pub fn apply(&mut self, entries: &[Entry], now: Time) {
        let mut ended = false;
        for entry in entries {
            if entry.seq <= self.seq {
                continue;
            }
            if entry.seq != self.seq.saturating_add(1) {
                break;
            }
            ended |= matches!(entry.change, Change::CutOff(_));
            self.take_in(&entry.change);
            self.seq = entry.seq;
        }
        if ended {
            self.cut_offs.forget_before(now.minus(CutOff::KEPT_BEYOND));
        }
    }

    fn take_in(&mut self, change: &Change) {
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
                self.key_holders.end(cut);
                self.cut_offs.insert(cut);
            }
            Change::KeyHolder(holder) => self.key_holders.put((**holder).clone()),
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
        self.cut_off_at(kind, id).is_some_and(|at| issued_at <= at)
    }

    /// What `kind` and `id` name and was issued at or before this has been ended; `None`: nothing has.
    #[must_use]
    pub fn cut_off_at(&self, kind: CutOffKind, id: &str) -> Option<Time> {
        self.cut_offs.at(kind, id)
    }

    /// The API key of this id, and whose it is.
    #[must_use]
    pub fn api_key(&self, id: Uuid) -> Option<&HeldKey> {
        self.key_holders.find(id)
    }

    /// Whether the server knows API keys that are not in it.
    #[must_use]
    pub const fn more_keys(&self) -> bool {
        self.more_keys
    }

    fn sorted_sites(&self) -> Vec<&Site> {
        let mut sites: Vec<&Site> = self.sites.values().map(|site| &**site).collect();
        sites.sort_by(|one, other| one.site_key.cmp(&other.site_key));
        sites
    }

    fn set_sites(&mut self, sites: HashMap<Box<str>, Arc<Site>>) {
        let mut hosts: HashMap<Box<str>, Arc<Site>> = HashMap::new();
        for site in sites.values() {
            for host in &site.hosts {
                // The server lets no two sites have one host. If it ever did, every edge and
                // every start would still have to choose the same one.
                let held = hosts.entry(host.as_str().into()).or_insert_with(|| site.clone());
                if site.site_key < held.site_key {
                    *held = site.clone();
                }
            }
        }
        self.hosts = Arc::new(hosts);
        self.sites = Arc::new(sites);
    }
}

/// As the [`Snapshot`] that gives this view: 100,000 keys are written without a copy of them.
impl Serialize for View {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut snapshot = serializer.serialize_struct("Snapshot", 8)?;
        snapshot.serialize_field("seq", &self.seq)?;
        snapshot.serialize_field("epoch", &*self.epoch)?;
        snapshot.serialize_field("issuer", &*self.issuer)?;
        snapshot.serialize_field("keys", &self.keys.to_jwks())?;
        snapshot.serialize_field("sites", &self.sorted_sites())?;
        snapshot.serialize_field("cut_offs", &self.cut_offs.to_vec())?;
        snapshot.serialize_field("key_holders", &self.key_holders.sorted())?;
        snapshot.serialize_field("more_keys", &self.more_keys)?;
        snapshot.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Algorithm,
        api_key::{Digest, KeyHolder, KeyRecord},
        signing_key::SigningKey,
    };
    use jsonwebtoken::jwk::JwkSet;

    const NOW: Time = Time::from_secs(1_800_000_000);

    fn site(key: &str, hosts: &[&str]) -> Site {
        serde_json::from_value(serde_json::json!({
            "site_key": key,
            "base_url": format!("https://{}", hosts[0]),
            "hosts": hosts,
            "upstreams": ["http://127.0.0.1:9000"],
        }))
        .unwrap()
    }

    fn jwks() -> JwkSet {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        JwkSet { keys: vec![key.public_jwk().clone()] }
    }

    fn cut(kind: CutOffKind, id: &str, at: i64) -> CutOff {
        CutOff {
            kind,
            id: id.into(),
            at: Time::from_secs(at),
            until: NOW.plus(std::time::Duration::from_secs(3600)),
        }
    }

    fn snapshot() -> Snapshot {
        Snapshot {
            seq: 7,
            epoch: "one".into(),
            issuer: "https://id.example".into(),
            keys: jwks(),
            sites: vec![site("a", &["a.example"]), site("b", &["b.example", "bb.example"])],
            cut_offs: vec![cut(CutOffKind::Session, "s1", 100), cut(CutOffKind::User, "u1", 200)],
            key_holders: vec![holder()],
            more_keys: true,
        }
    }

    fn holder() -> KeyHolder {
        let key = KeyRecord {
            id: Uuid::from_u128(11),
            digest: Digest::of("key"),
            scopes: vec!["read".into()],
            sites: vec!["a".into()],
            networks: Box::default(),
            created_at: NOW,
            expires_at: NOW.plus(std::time::Duration::from_secs(3600)),
        };
        KeyHolder {
            user_id: Uuid::from_u128(1),
            email: "ada@example.test".into(),
            name: "Ada".into(),
            roles: vec!["ops".into()],
            tenant_id: "default".into(),
            active: true,
            keys: vec![key],
        }
    }

    fn written(view: &View) -> Snapshot {
        serde_json::from_value(serde_json::to_value(view).unwrap()).unwrap()
    }

    fn entry(seq: u64, change: Change) -> Entry {
        Entry { seq, at: NOW, change }
    }

    #[test]
    fn a_snapshot_gives_a_view_that_gives_the_snapshot() {
        let snapshot = snapshot();
        assert_eq!(written(&View::from_snapshot(snapshot.clone())), snapshot);
    }

    #[test]
    fn a_snapshot_survives_the_wire() {
        let message = crate::feed::Message::Snapshot(Box::new(snapshot()));
        let line = serde_json::to_string(&message).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<crate::feed::Message>(&line).unwrap(), message);
    }

    #[test]
    fn every_kind_of_entry_survives_the_wire() {
        for change in [
            Change::Keys(jwks()),
            Change::Site(Box::new(site("a", &["a.example"]))),
            Change::SiteRemoved("a".into()),
            Change::CutOff(cut(CutOffKind::ApiKey, "k", 1)),
            Change::KeyHolder(Box::new(holder())),
        ] {
            let message = crate::feed::Message::Entry(entry(8, change));
            let line = serde_json::to_string(&message).unwrap();
            assert_eq!(serde_json::from_str::<crate::feed::Message>(&line).unwrap(), message);
        }
    }

    #[test]
    fn hosts_follow_the_sites() {
        let mut view = View::from_snapshot(snapshot());
        assert_eq!(view.site_by_host("bb.example").unwrap().site_key, "b");
        assert!(view.site_by_host("BB.example").is_none());
        assert!(view.site_by_host("c.example").is_none());

        let moved = Change::Site(Box::new(site("b", &["c.example"])));
        let removed = Change::SiteRemoved("a".into());
        view.apply(&[entry(8, moved), entry(9, removed)], NOW);
        assert_eq!(view.seq, 9);
        assert_eq!(view.site_by_host("c.example").unwrap().site_key, "b");
        for gone in ["a.example", "b.example", "bb.example"] {
            assert!(view.site_by_host(gone).is_none(), "{gone}");
        }
        assert_eq!(view.sites().count(), 1);
    }

    #[test]
    fn of_two_sites_with_one_host_the_first_by_key_answers_in_every_view() {
        let mut snapshot = snapshot();
        snapshot.sites =
            (0..20).rev().map(|n| site(&format!("s{n:02}"), &["same.example"])).collect();
        let view = View::from_snapshot(snapshot);
        assert_eq!(view.site_by_host("same.example").unwrap().site_key, "s00");
    }

    #[test]
    fn entries_applied_twice_change_nothing_the_second_time() {
        let entries = [
            entry(8, Change::Keys(jwks())),
            entry(9, Change::CutOff(cut(CutOffKind::Client, "c", 300))),
            entry(10, Change::Site(Box::new(site("a", &["new.example"])))),
        ];
        let mut view = View::from_snapshot(snapshot());
        view.apply(&entries, NOW);
        let once = written(&view);
        assert_eq!(once.seq, 10);
        view.apply(&entries, NOW);
        view.apply(&entries[1..], NOW);
        assert_eq!(written(&view), once);
    }

    #[test]
    fn what_follows_a_gap_is_not_taken_in() {
        let mut view = View::from_snapshot(snapshot());
        let entries =
            [entry(8, Change::SiteRemoved("a".into())), entry(10, Change::SiteRemoved("b".into()))];
        view.apply(&entries, NOW);
        assert_eq!(view.seq, 8);
        assert!(view.site_by_host("a.example").is_none());
        assert!(view.site_by_host("b.example").is_some());
    }

    #[test]
    fn a_change_reaches_no_view_that_was_cloned_before_it() {
        let before = View::from_snapshot(snapshot());
        let mut after = before.clone();
        let ending = Change::CutOff(cut(CutOffKind::User, "u2", 300));
        after.apply(&[entry(8, ending)], NOW);
        let issued_at = Time::from_secs(1);
        assert!(after.is_cut_off(CutOffKind::User, "u2", issued_at));
        assert!(!before.is_cut_off(CutOffKind::User, "u2", issued_at));
    }

    #[test]
    fn an_ending_kills_what_was_issued_at_or_before_it_and_nothing_else() {
        let view = View::from_snapshot(snapshot());
        let at = Time::from_secs(200);
        let later = Time::from_millis(at.millis() + 1);
        assert!(view.is_cut_off(CutOffKind::User, "u1", at));
        assert!(!view.is_cut_off(CutOffKind::User, "u1", later));
        assert!(!view.is_cut_off(CutOffKind::User, "u", at));
        assert!(!view.is_cut_off(CutOffKind::Session, "u1", at));
    }

    #[test]
    fn an_older_ending_does_not_take_back_a_newer_one() {
        let mut view = View::from_snapshot(snapshot());
        let older = Change::CutOff(cut(CutOffKind::User, "u1", 150));
        view.apply(&[entry(8, older)], NOW);
        assert!(view.is_cut_off(CutOffKind::User, "u1", Time::from_secs(200)));
    }

    #[test]
    fn an_ending_is_forgotten_a_day_after_it_can_kill_nothing_any_more() {
        let mut view = View::from_snapshot(snapshot());
        let issued_at = Time::from_secs(1);
        let until = NOW.plus(std::time::Duration::from_secs(3600));
        let more = |seq| entry(seq, Change::CutOff(cut(CutOffKind::Client, "c", 1)));
        let over = until.plus(CutOff::KEPT_BEYOND);
        view.apply(&[more(8)], Time::from_millis(over.millis() - 1));
        assert!(view.is_cut_off(CutOffKind::User, "u1", issued_at));
        view.apply(&[more(9)], over);
        assert!(!view.is_cut_off(CutOffKind::User, "u1", issued_at));
    }

    #[test]
    fn an_ended_api_key_stays_dead_when_its_ending_is_forgotten() {
        let id = Uuid::from_u128(11);
        let mut view = View::from_snapshot(snapshot());
        assert_eq!(**view.api_key(id).unwrap().holder(), holder());
        let everything = cut(CutOffKind::User, &Uuid::from_u128(1).to_string(), NOW.secs());
        view.apply(&[entry(8, Change::CutOff(everything))], NOW);
        assert!(view.api_key(id).is_none());
        view.apply(&[entry(9, Change::KeyHolder(Box::new(holder())))], NOW);
        assert!(view.api_key(id).is_some());
        let gone = Change::KeyHolder(Box::new(KeyHolder { keys: vec![], ..holder() }));
        view.apply(&[entry(10, gone)], NOW);
        assert!(view.api_key(id).is_none());
        assert!(written(&view).key_holders.is_empty());
    }

    #[test]
    fn new_keys_make_a_new_set_and_other_changes_keep_it() {
        let mut view = View::from_snapshot(snapshot());
        let keys = view.keys.clone();
        view.apply(&[entry(8, Change::SiteRemoved("a".into()))], NOW);
        assert!(Arc::ptr_eq(&keys, &view.keys));
        view.apply(&[entry(9, Change::Keys(jwks()))], NOW);
        assert!(!view.keys.includes(&keys));
    }
}
