//! The feed: what edges follow.

use std::{sync::Arc, time::Duration};

use jwks::{
    Algorithm,
    cutoff::CutOffKind,
    feed::{Change, Entry, Snapshot},
    view::View,
};
use uuid::Uuid;

use super::{
    Pair,
    samples::{at, cut_off, event, key, site},
};
use crate::{domain::audit::Action, store::IdentityStore};

const ISSUER: &str = "https://issuer.example";
/// How many write at once, and how often each.
const WRITERS: usize = 32;
const WRITES: usize = 8;

pub(super) async fn an_empty_feed_has_an_epoch_and_ends_at_nought(pair: &Pair) {
    let store = &*pair.identity;
    let (epoch, seq) = store.feed_head().await.unwrap();
    assert_eq!(seq, 0);
    assert_ne!(epoch.parse::<Uuid>().unwrap(), Uuid::nil());
    assert_eq!(store.feed_head().await.unwrap(), (epoch.clone(), 0));
    assert_eq!(store.list_feed(0, 10).await.unwrap(), []);
    let snapshot = store.snapshot(ISSUER, 100_000, at(0)).await.unwrap();
    assert_eq!((snapshot.seq, &snapshot.epoch, snapshot.issuer.as_str()), (0, &epoch, ISSUER));
    assert!(snapshot.keys.keys.is_empty());
    assert_eq!((snapshot.sites, snapshot.cut_offs), (vec![], vec![]));
}

pub(super) async fn entries_are_numbered_without_gaps_and_read_in_pages(pair: &Pair) {
    let store = &*pair.identity;
    write_some(store).await;
    let feed = store.list_feed(0, 100).await.unwrap();
    let numbers: Vec<u64> = feed.iter().map(|entry| entry.seq).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(store.feed_head().await.unwrap().1, 5);
    assert_eq!(store.list_feed(0, 2).await.unwrap(), feed[..2]);
    assert_eq!(store.list_feed(2, 2).await.unwrap(), feed[2..4]);
    assert_eq!(store.list_feed(4, 2).await.unwrap(), feed[4..]);
    assert_eq!(store.list_feed(5, 2).await.unwrap(), []);
    assert_eq!(store.list_feed(0, 0).await.unwrap(), []);
    assert!(matches!(feed[0].change, Change::Keys(_)));
    assert!(matches!(&feed[1].change, Change::Site(site) if site.site_key == "shop"));
    assert!(matches!(&feed[2].change, Change::CutOff(cut) if cut.id == "one"));
    assert!(matches!(&feed[3].change, Change::CutOff(cut) if cut.id == "two"));
    assert_eq!(feed[4].change, Change::SiteRemoved("shop".to_owned()));
}

pub(super) async fn a_snapshot_says_everything_as_of_one_number(pair: &Pair) {
    let store = &*pair.identity;
    write_some(store).await;
    let desk = site("desk", &["desk.example"]);
    store.put_site(&desk, true, &event(Action::PolicyUpdated)).await.unwrap();
    let snapshot = store.snapshot(ISSUER, 100_000, at(0)).await.unwrap();
    assert_eq!((snapshot.epoch, snapshot.seq), store.feed_head().await.unwrap());
    assert_eq!(snapshot.keys.keys.len(), 1);
    assert_eq!(snapshot.sites, store.list_sites().await.unwrap());
    let mut ids: Vec<&str> = snapshot.cut_offs.iter().map(|cut| cut.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["one", "two"]);
}

pub(super) async fn a_follower_is_told_when_the_feed_grows(pair: &Pair) {
    let store = &*pair.identity;
    let mut changes = store.feed_changes();
    for number in 1..=3 {
        changes.mark_unchanged();
        let cut = cut_off(CutOffKind::Client, &format!("client {number}"), at(1), at(100));
        store.cut_off(&[cut], &event(Action::SessionRevoked)).await.unwrap();
        tokio::time::timeout(Duration::from_secs(10), changes.changed())
            .await
            .expect("nobody was told")
            .unwrap();
        assert_eq!(store.feed_head().await.unwrap().1, number);
    }
}

pub(super) async fn a_follower_misses_nothing_while_many_write(pair: &Pair) {
    let writers = start_writers(&pair.identity);
    let all = WRITERS * WRITES;
    let mut seen: Vec<Entry> = Vec::new();
    while seen.len() < all {
        let after = seen.last().map_or(0, |entry| entry.seq);
        for entry in pair.identity.list_feed(after, 7).await.unwrap() {
            assert_eq!(entry.seq, seen.len() as u64 + 1, "a number was not visible in its turn");
            seen.push(entry);
        }
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(pair.identity.list_feed(0, 10_000).await.unwrap(), seen);
    let mut ids: Vec<String> = seen
        .into_iter()
        .map(|entry| match entry.change {
            Change::CutOff(cut) => cut.id,
            other => panic!("{other:?} was written by nobody"),
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

pub(super) async fn a_snapshot_and_the_entries_after_it_give_the_whole(pair: &Pair) {
    let store = &pair.identity;
    let writers = start_writers(store);
    let mut snapshots: Vec<Snapshot> = Vec::new();
    while snapshots.last().is_none_or(|last| last.seq < (WRITERS * WRITES) as u64) {
        snapshots.push(store.snapshot(ISSUER, 100_000, at(0)).await.unwrap());
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let whole = sorted(store.snapshot(ISSUER, 100_000, at(0)).await.unwrap());
    for snapshot in snapshots {
        let from = snapshot.seq;
        let mut view = View::from_snapshot(snapshot);
        view.apply(&store.list_feed(from, 10_000).await.unwrap(), at(0));
        let written = serde_json::to_value(&view).unwrap();
        assert_eq!(sorted(serde_json::from_value(written).unwrap()), whole, "from {from}");
    }
}

fn sorted(mut snapshot: Snapshot) -> Snapshot {
    snapshot.cut_offs.sort_by(|one, other| one.id.cmp(&other.id));
    snapshot
}

/// Five entries: keys, a site, two endings, and the removal of the site.
async fn write_some(store: &dyn IdentityStore) {
    let key = key("k1", Algorithm::ES256, at(0));
    store.add_signing_key(&key, None, None, &event(Action::KeyRotated)).await.unwrap();
    let shop = site("shop", &["shop.example"]);
    store.put_site(&shop, true, &event(Action::PolicyUpdated)).await.unwrap();
    let cuts = ["one", "two"].map(|id| cut_off(CutOffKind::Client, id, at(1), at(100)));
    store.cut_off(&cuts, &event(Action::SessionRevoked)).await.unwrap();
    store.remove_site("shop", 1, &event(Action::PolicyUpdated)).await.unwrap();
}

/// Many who write endings, each entry of another one.
fn start_writers(store: &Arc<dyn IdentityStore>) -> Vec<tokio::task::JoinHandle<()>> {
    (0..WRITERS)
        .map(|writer| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                for write in 0..WRITES {
                    let id = format!("client {writer}-{write}");
                    let cut = cut_off(CutOffKind::Client, &id, at(1), at(100));
                    store.cut_off(&[cut], &event(Action::SessionRevoked)).await.unwrap();
                }
            })
        })
        .collect()
}
