//! What counts once.

use super::{
    Pair,
    samples::{at, hash},
};
use crate::store::sessions::Marked;

pub(super) async fn what_was_marked_comes_again_until_it_is_forgotten(pair: &Pair) {
    let store = &*pair.sessions;
    let mark = async |key: &str, until, now| {
        store.mark_once(&hash(key), at(1), at(until), at(now)).await.unwrap()
    };
    assert_eq!(mark("one", 100, 10).await, Marked::First);
    assert_eq!(mark("other", 100, 10).await, Marked::First);
    // When it comes again does not make it last longer.
    for now in [10, 11, 99] {
        assert_eq!(mark("one", 500, now).await, Marked::Again);
    }
    assert_eq!(mark("one", 200, 100).await, Marked::First);
    assert_eq!(mark("one", 200, 199).await, Marked::Again);
}

pub(super) async fn what_is_over_when_it_is_marked_is_not_remembered(pair: &Pair) {
    let store = &*pair.sessions;
    for _ in 0..2 {
        let marked = store.mark_once(&hash("late"), at(1), at(50), at(50)).await.unwrap();
        assert_eq!(marked, Marked::First);
    }
}
