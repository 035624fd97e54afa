//! Sites and their hosts.

use jwks::{
    feed::Change,
    policy::Policy,
    site::{Branding, Site, SiteStatus},
};

use super::{
    Pair,
    samples::{event, site, whole_log, written},
};
use crate::{
    domain::audit::Action,
    store::{IdentityStore, identity::SitePut},
};

async fn put(store: &dyn IdentityStore, site: &Site) -> SitePut {
    store.put_site(site, false, &event(Action::PolicyUpdated)).await.unwrap()
}

pub(super) async fn a_site_comes_back_whole(pair: &Pair) {
    let store = &*pair.identity;
    let full = Site { version: 77, ..site("shop", &["shop.example", "www.shop.example"]) };
    let plain = Site {
        site_key: "plain".to_owned(),
        name: String::new(),
        base_url: String::new(),
        hosts: Vec::new(),
        upstreams: Vec::new(),
        status: SiteStatus::Active,
        branding: Branding::default(),
        policy: Policy::default(),
        version: 0,
        forwarding: jwks::forwarding::Forwarding::default(),
        forward_credentials: false,
    };
    for (number, site) in (0..).zip([full, plain]) {
        let act = event(Action::PolicyUpdated);
        assert_eq!(store.put_site(&site, true, &act).await.unwrap(), SitePut::Stored(1));
        let stored = Site { version: 1, ..site };
        let found = store.find_site(&stored.site_key).await.unwrap();
        assert_eq!(found.as_ref(), Some(&stored));
        let entries = store.list_feed(number, 10).await.unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].seq, entries[0].at), (number + 1, act.at));
        assert_eq!(entries[0].change, Change::Site(Box::new(stored)));
        assert_eq!(whole_log(store).await.last().unwrap().event, act);
    }
    assert_eq!(store.find_site("other").await.unwrap(), None);
}

pub(super) async fn a_changed_site_takes_the_next_version_and_an_unchanged_one_keeps_it(
    pair: &Pair,
) {
    let store = &*pair.identity;
    let mut shop = site("shop", &["shop.example"]);
    assert_eq!(put(store, &shop).await, SitePut::Stored(1));
    let before = written(store).await;
    assert_eq!(put(store, &shop).await, SitePut::Unchanged(1));
    assert_eq!(put(store, &Site { version: 9, ..shop.clone() }).await, SitePut::Unchanged(1));
    assert_eq!(written(store).await, before);

    shop.name = "Another name".to_owned();
    assert_eq!(put(store, &shop).await, SitePut::Stored(2));
    shop.policy.rules.clear();
    assert_eq!(put(store, &Site { version: 1, ..shop.clone() }).await, SitePut::Stored(3));
    let stored = Site { version: 3, ..shop };
    assert_eq!(store.find_site("shop").await.unwrap().as_ref(), Some(&stored));
    let entries = store.list_feed(before.1, 10).await.unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1].change, Change::Site(Box::new(stored)));
}

pub(super) async fn a_new_site_is_refused_where_its_key_is_in_use(pair: &Pair) {
    let store = &*pair.identity;
    put(store, &site("shop", &["shop.example"])).await;
    put(store, &site("desk", &["desk.example"])).await;
    let before = written(store).await;
    for again in [
        site("shop", &["shop.example"]),
        site("shop", &["other.example"]),
        site("shop", &["desk.example"]),
    ] {
        let act = event(Action::PolicyUpdated);
        assert_eq!(store.put_site(&again, true, &act).await.unwrap(), SitePut::Exists);
    }
    assert_eq!(written(store).await, before);
    let found = store.find_site("shop").await.unwrap().unwrap();
    assert_eq!(found.hosts, ["shop.example"]);
}

pub(super) async fn a_site_is_replaced_only_in_the_version_that_was_read(pair: &Pair) {
    let store = &*pair.identity;
    let mut shop = site("shop", &["shop.example"]);
    put(store, &shop).await;
    put(store, &site("desk", &["desk.example"])).await;
    let replace = async |site: &Site, version| {
        store.replace_site(site, version, &event(Action::PolicyUpdated)).await.unwrap()
    };
    shop.name = "Another name".to_owned();
    let before = written(store).await;
    for version in [0, 2] {
        assert_eq!(replace(&shop, version).await, SitePut::Overtaken);
    }
    assert_eq!(replace(&site("new", &["new.example"]), 0).await, SitePut::Overtaken);
    let greedy = site("shop", &["desk.example"]);
    assert_eq!(replace(&greedy, 1).await, SitePut::HostTaken);
    assert_eq!(written(store).await, before);
    assert_eq!(replace(&shop, 1).await, SitePut::Stored(2));
    assert_eq!(replace(&shop, 1).await, SitePut::Overtaken);
    assert_eq!(replace(&shop, 2).await, SitePut::Unchanged(2));
    assert_eq!(store.find_site("shop").await.unwrap(), Some(Site { version: 2, ..shop }));
}

pub(super) async fn a_host_belongs_to_one_site_at_a_time(pair: &Pair) {
    let store = &*pair.identity;
    put(store, &site("shop", &["shop.example", "www.shop.example"])).await;
    put(store, &site("desk", &["desk.example"])).await;
    let before = written(store).await;
    let greedy = site("desk", &["desk.example", "www.shop.example"]);
    assert_eq!(put(store, &greedy).await, SitePut::HostTaken);
    let new = site("new", &["new.example", "desk.example"]);
    assert_eq!(put(store, &new).await, SitePut::HostTaken);
    assert_eq!(store.find_site("new").await.unwrap(), None);
    assert_eq!(store.find_site("desk").await.unwrap().unwrap().hosts, ["desk.example"]);
    assert_eq!(written(store).await, before);

    assert_eq!(put(store, &site("shop", &["shop.example"])).await, SitePut::Stored(2));
    assert_eq!(put(store, &greedy).await, SitePut::Stored(2));
    let back = site("shop", &["shop.example", "www.shop.example"]);
    assert_eq!(put(store, &back).await, SitePut::HostTaken);
}

pub(super) async fn a_removed_site_is_gone_with_its_hosts(pair: &Pair) {
    let store = &*pair.identity;
    put(store, &site("shop", &["shop.example"])).await;
    put(store, &site("desk", &["desk.example"])).await;
    let act = event(Action::PolicyUpdated);
    assert!(!store.remove_site("shop", 2, &act).await.unwrap(), "it has another version");
    assert!(store.remove_site("shop", 1, &act).await.unwrap());
    assert_eq!(store.find_site("shop").await.unwrap(), None);
    assert_eq!(store.list_sites().await.unwrap().len(), 1);
    let last = store.list_feed(2, 10).await.unwrap();
    assert_eq!(last.len(), 1);
    assert_eq!(last[0].change, Change::SiteRemoved("shop".to_owned()));
    assert_eq!(whole_log(store).await.last().unwrap().event, act);

    let before = written(store).await;
    assert!(!store.remove_site("shop", 1, &event(Action::PolicyUpdated)).await.unwrap());
    assert_eq!(written(store).await, before);
    assert_eq!(put(store, &site("heir", &["shop.example"])).await, SitePut::Stored(1));
    assert_eq!(put(store, &site("shop", &["shop2.example"])).await, SitePut::Stored(1));
}

pub(super) async fn sites_are_listed_by_key_byte_for_byte(pair: &Pair) {
    let store = &*pair.identity;
    assert_eq!(store.list_sites().await.unwrap(), []);
    let ordered = ["1", "a", "a-", "a-b", "a0", "a_", "a_b", "aa", "b"];
    for site_key in ["aa", "a_", "b", "a-b", "1", "a0", "a", "a_b", "a-"] {
        put(store, &site(site_key, &[])).await;
    }
    let listed = store.list_sites().await.unwrap();
    assert_eq!(listed.iter().map(|site| site.site_key.as_str()).collect::<Vec<_>>(), ordered);
    for listed in listed {
        let key = listed.site_key.clone();
        assert_eq!(listed, Site { version: 1, ..site(&key, &[]) });
    }
}
