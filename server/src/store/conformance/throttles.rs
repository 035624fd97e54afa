//! Throttles: a sliding window.

use std::time::Duration;

use jwks::Time;

use super::{Pair, samples::at};
use crate::store::{SessionStore, sessions::Budget};

const WINDOW: Duration = Duration::from_millis(1000);
const LIMIT: u32 = 3;

async fn count(store: &dyn SessionStore, key: &str, now: Time) -> Budget {
    store.count_try(key, LIMIT, WINDOW, now).await.unwrap()
}

fn allowed(remaining: u32, reset_at: Time) -> Budget {
    Budget { allowed: true, remaining, reset_at }
}

fn refused(reset_at: Time) -> Budget {
    Budget { allowed: false, remaining: 0, reset_at }
}

pub(super) async fn tries_are_counted_up_to_the_limit(pair: &Pair) {
    let store = &*pair.sessions;
    assert_eq!(count(store, "k", at(0)).await, allowed(2, at(1000)));
    assert_eq!(count(store, "k", at(10)).await, allowed(1, at(1000)));
    assert_eq!(count(store, "k", at(20)).await, allowed(0, at(1000)));
    assert_eq!(count(store, "k", at(30)).await, refused(at(1000)));
    assert_eq!(count(store, "k", at(999)).await, refused(at(1000)));
}

pub(super) async fn a_try_leaves_the_window_when_its_length_has_passed(pair: &Pair) {
    let store = &*pair.sessions;
    for now in [0, 10, 500] {
        assert!(count(store, "k", at(now)).await.allowed);
    }
    assert_eq!(count(store, "k", at(1000)).await, allowed(0, at(1010)));
    assert_eq!(count(store, "k", at(1009)).await, refused(at(1010)));
    assert_eq!(count(store, "k", at(1010)).await, allowed(0, at(1500)));
    assert_eq!(count(store, "k", at(1499)).await, refused(at(1500)));
    assert_eq!(count(store, "k", at(9000)).await, allowed(2, at(10_000)));
}

pub(super) async fn a_refused_try_is_not_counted(pair: &Pair) {
    let store = &*pair.sessions;
    for now in [0, 1, 2] {
        assert!(count(store, "k", at(now)).await.allowed);
    }
    for now in 3..50 {
        assert_eq!(count(store, "k", at(now * 20)).await, refused(at(1000)));
    }
    assert_eq!(count(store, "k", at(1002)).await, allowed(2, at(2002)));
}

pub(super) async fn tries_of_one_instant_count_one_by_one(pair: &Pair) {
    let store = &*pair.sessions;
    for remaining in [2, 1, 0] {
        assert_eq!(count(store, "k", at(5)).await, allowed(remaining, at(1005)));
    }
    assert_eq!(count(store, "k", at(5)).await, refused(at(1005)));
    assert_eq!(count(store, "k", at(1005)).await, allowed(2, at(2005)));
}

pub(super) async fn a_forgiven_try_makes_room_for_one(pair: &Pair) {
    let store = &*pair.sessions;
    for now in [5, 5, 10] {
        assert!(count(store, "k", at(now)).await.allowed);
    }
    store.forgive_try("k", at(5)).await.unwrap();
    assert_eq!(count(store, "k", at(20)).await, allowed(0, at(1005)));
    store.forgive_try("k", at(20)).await.unwrap();
    assert_eq!(count(store, "k", at(20)).await, allowed(0, at(1005)));
    store.forgive_try("k", at(5)).await.unwrap();
    assert_eq!(count(store, "k", at(30)).await, allowed(0, at(1010)));
    assert_eq!(count(store, "k", at(40)).await, refused(at(1010)));

    assert!(count(store, "one", at(0)).await.allowed);
    store.forgive_try("one", at(0)).await.unwrap();
    assert_eq!(count(store, "one", at(7)).await, allowed(2, at(1007)));
    // Two of one instant, one forgiven: the third of that instant is counted beside the other.
    assert_eq!(count(store, "one", at(7)).await, allowed(1, at(1007)));
    store.forgive_try("one", at(7)).await.unwrap();
    assert_eq!(count(store, "one", at(7)).await, allowed(1, at(1007)));
    assert_eq!(count(store, "one", at(7)).await, allowed(0, at(1007)));
    assert_eq!(count(store, "one", at(7)).await, refused(at(1007)));
}

pub(super) async fn forgiving_what_was_not_counted_changes_nothing(pair: &Pair) {
    let store = &*pair.sessions;
    store.forgive_try("k", at(5)).await.unwrap();
    for now in [5, 6, 7] {
        assert!(count(store, "k", at(now)).await.allowed);
    }
    store.forgive_try("k", at(4)).await.unwrap();
    store.forgive_try("k", at(8)).await.unwrap();
    store.forgive_try("other", at(5)).await.unwrap();
    assert_eq!(count(store, "k", at(9)).await, refused(at(1005)));
}

pub(super) async fn keys_have_budgets_of_their_own(pair: &Pair) {
    let store = &*pair.sessions;
    for key in ["k", "K", "k:", "k:1", "k*", "{k}", "k "] {
        assert_eq!(count(store, key, at(0)).await, allowed(2, at(1000)), "{key:?}");
    }
    assert_eq!(count(store, "k", at(1)).await, allowed(1, at(1000)));
    let other_limit = store.count_try("k", 10, WINDOW, at(2)).await.unwrap();
    assert_eq!(other_limit, allowed(7, at(1000)));
}

pub(super) async fn a_key_of_any_printable_ascii_is_good(pair: &Pair) {
    let store = &*pair.sessions;
    let all: String = (' '..='~').collect();
    let longest = format!("{all}{}", "x".repeat(128 - all.len()));
    assert_eq!(longest.len(), 128);
    for key in [all.as_str(), &longest] {
        assert_eq!(count(store, key, at(0)).await, allowed(2, at(1000)));
        assert_eq!(count(store, key, at(1)).await, allowed(1, at(1000)));
    }
}
