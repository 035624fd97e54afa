//! Signing keys.

use jwks::{
    Algorithm, Time,
    feed::{Change, Entry},
};
use serde_json::Value;

use super::{
    Pair,
    samples::{at, event, key, secs, whole_log, written},
};
use crate::{
    domain::{audit::Action, key::KeyRow},
    store::{IdentityStore, identity::KeyAdded},
};

async fn add(
    store: &dyn IdentityStore,
    key: &KeyRow,
    expected: Option<&str>,
    predecessor_expires_at: Option<Time>,
) -> KeyAdded {
    let act = event(Action::KeyRotated);
    store.add_signing_key(key, expected, predecessor_expires_at, &act).await.unwrap()
}

/// The names of the keys a feed entry carries.
fn kids(entry: &Entry) -> Vec<String> {
    let Change::Keys(set) = &entry.change else { panic!("{entry:?} carries no keys") };
    let set = serde_json::to_value(set).unwrap();
    let keys = set["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

pub(super) async fn a_signing_key_comes_back_whole(pair: &Pair) {
    let store = &*pair.identity;
    assert_eq!(store.list_signing_keys(at(0)).await.unwrap(), []);
    let mut expected = Vec::new();
    for (moment, algorithm) in (0..).zip(Algorithm::ALL) {
        let mut key = key(&format!("key-{algorithm}"), algorithm, at(moment));
        key.expires_at = Some(at(5000));
        let act = event(Action::KeyRotated);
        let added = store.add_signing_key(&key, None, None, &act).await.unwrap();
        assert_eq!(added, KeyAdded::Added);
        assert_eq!(whole_log(store).await.last().unwrap().event, act);
        expected.push(key);
        assert_eq!(store.list_signing_keys(at(10)).await.unwrap(), expected);
    }
    let snapshot = store.snapshot("https://issuer.example", 100_000, at(10)).await.unwrap();
    let published = serde_json::to_value(&snapshot.keys).unwrap();
    let expected: Vec<Value> =
        expected.iter().map(|key| serde_json::from_str(&key.public_jwk).unwrap()).collect();
    assert_eq!(published["keys"], Value::Array(expected));
}

pub(super) async fn a_key_is_added_only_after_the_expected_one(pair: &Pair) {
    let store = &*pair.identity;
    let es256 = |kid, moment| key(kid, Algorithm::ES256, at(moment));
    assert_eq!(add(store, &es256("k1", 0), Some("k0"), None).await, KeyAdded::Raced);
    assert_eq!(add(store, &es256("k1", 0), None, None).await, KeyAdded::Added);
    let before = written(store).await;
    for expected in [None, Some("k0"), Some("")] {
        let raced = add(store, &es256("k2", 1), expected, Some(at(1))).await;
        assert_eq!(raced, KeyAdded::Raced, "{expected:?}");
    }
    assert_eq!(store.list_signing_keys(at(5)).await.unwrap(), [es256("k1", 0)]);
    assert_eq!(written(store).await, before);
    assert_eq!(add(store, &es256("k2", 1), Some("k1"), None).await, KeyAdded::Added);
    assert_eq!(add(store, &es256("k3", 2), Some("k1"), None).await, KeyAdded::Raced);
}

pub(super) async fn a_predecessor_is_given_its_end_and_leaves_the_set_then(pair: &Pair) {
    let store = &*pair.identity;
    let first = key("k1", Algorithm::ES256, at(0));
    let second = key("k2", Algorithm::ES256, at(100));
    add(store, &first, None, None).await;
    add(store, &second, Some("k1"), Some(at(500))).await;
    let ended = KeyRow { expires_at: Some(at(500)), ..first };
    for (now, expected) in [
        (499, vec![ended.clone(), second.clone()]),
        (500, vec![second.clone()]),
        (501, vec![second.clone()]),
    ] {
        assert_eq!(store.list_signing_keys(at(now)).await.unwrap(), expected, "at {now}");
        let snapshot = store.snapshot("https://issuer.example", 100_000, at(now)).await.unwrap();
        assert_eq!(snapshot.keys.keys.len(), expected.len(), "at {now}");
    }
}

pub(super) async fn every_algorithm_has_a_line_of_keys_of_its_own(pair: &Pair) {
    let store = &*pair.identity;
    add(store, &key("e1", Algorithm::ES256, at(0)), None, None).await;
    assert_eq!(add(store, &key("r1", Algorithm::RS256, at(1)), None, None).await, KeyAdded::Added);
    let raced = add(store, &key("r2", Algorithm::RS256, at(2)), Some("e1"), None).await;
    assert_eq!(raced, KeyAdded::Raced);
    let added = add(store, &key("e2", Algorithm::ES256, at(3)), Some("e1"), Some(at(900))).await;
    assert_eq!(added, KeyAdded::Added);
    let ends: Vec<_> = store
        .list_signing_keys(at(4))
        .await
        .unwrap()
        .into_iter()
        .map(|key| (key.kid, key.expires_at))
        .collect();
    let expected = [("e1", Some(at(900))), ("r1", None), ("e2", None)];
    assert_eq!(ends, expected.map(|(kid, end)| (kid.to_owned(), end)));
}

pub(super) async fn the_feed_carries_the_keys_of_the_moment_of_publication(pair: &Pair) {
    let store = &*pair.identity;
    let minute = |count: u64| at(0).plus(secs(60 * count));
    add(store, &key("k1", Algorithm::ES256, minute(0)), None, None).await;
    add(store, &key("k2", Algorithm::ES256, minute(1)), Some("k1"), Some(minute(3))).await;
    add(store, &key("k3", Algorithm::ES256, minute(2)), Some("k2"), Some(minute(9))).await;
    add(store, &key("k4", Algorithm::ES256, minute(3)), Some("k3"), Some(minute(10))).await;
    // The end of a predecessor may lie before the publication of its successor.
    add(store, &key("k5", Algorithm::ES256, minute(4)), Some("k4"), Some(minute(4))).await;
    let feed = store.list_feed(0, 10).await.unwrap();
    let carried: Vec<Vec<String>> = feed.iter().map(kids).collect();
    assert_eq!(
        carried,
        [
            vec!["k1"],
            vec!["k1", "k2"],
            vec!["k1", "k2", "k3"],
            vec!["k2", "k3", "k4"],
            vec!["k2", "k3", "k5"],
        ]
    );
}
