//! Forgetting what is over.

use std::time::Duration;

use jwks::{Time, cutoff::CutOffKind, view::View};

use super::{
    Pair,
    samples::{at, create, cut_off, event, secs, user, warning},
};
use crate::{
    domain::audit::{Action, Event},
    store::{
        IdentityStore,
        identity::{ENDINGS_KEPT, FEED_KEPT, SWEPT_AT_ONCE},
    },
};

const ISSUER: &str = "https://issuer.example";

/// Ends a client that can matter until `until`; the feed hears of it at `now`.
async fn end(store: &dyn IdentityStore, id: &str, until: Time, now: Time) {
    let event = Event { at: now, ..event(Action::SessionRevoked) };
    store.cut_off(&[cut_off(CutOffKind::Client, id, at(0), until)], &event).await.unwrap();
}

async fn numbers(store: &dyn IdentityStore) -> Vec<u64> {
    store.list_feed(0, 10_000).await.unwrap().iter().map(|entry| entry.seq).collect()
}

pub(super) async fn an_ending_is_kept_for_as_long_as_a_session_may_last(pair: &Pair) {
    let store = &*pair.identity;
    let person = user("ada");
    create(store, &person).await;
    let cut = cut_off(CutOffKind::User, &person.id.to_string(), at(0), at(1000));
    let act = event(Action::SessionRevoked);
    store.cut_off(std::slice::from_ref(&cut), &act).await.unwrap();
    let over = at(1000).plus(ENDINGS_KEPT);
    for (now, gone, kept) in
        [(over.minus(Duration::from_millis(1)), 0, Some(cut)), (over, 1, None), (over, 0, None)]
    {
        assert_eq!(store.sweep(now).await.unwrap(), gone);
        let subject = store.find_subject(person.id, uuid::Uuid::nil()).await.unwrap().unwrap();
        assert_eq!(subject.user_cut_off, kept);
    }
}

pub(super) async fn the_feed_forgets_its_oldest_entries_and_goes_on_from_its_newest(pair: &Pair) {
    let store = &*pair.identity;
    assert_eq!(store.sweep(at(0)).await.unwrap(), 0);
    for (number, moment) in [10, 20, 30, 40].into_iter().enumerate() {
        end(store, &format!("client {number}"), at(0).plus(FEED_KEPT * 4), at(moment)).await;
    }
    let (epoch, _) = store.feed_head().await.unwrap();
    for (now, gone, left) in
        [(9, 0, &[1, 2, 3, 4][..]), (20, 2, &[3, 4]), (29, 0, &[3, 4]), (60, 1, &[4])]
    {
        assert_eq!(store.sweep(at(now).plus(FEED_KEPT)).await.unwrap(), gone);
        assert_eq!(numbers(store).await, left);
        assert_eq!(store.feed_head().await.unwrap(), (epoch.clone(), 4));
    }
    assert_eq!(store.sweep(at(60).plus(FEED_KEPT * 2)).await.unwrap(), 0);
    let now = at(0).plus(FEED_KEPT * 3);
    end(store, "a later one", now.plus(secs(60)), now).await;
    assert_eq!(numbers(store).await, [4, 5]);
    // Whoever comes now still learns of everything that matters.
    let snapshot = store.snapshot(ISSUER, 100_000, now).await.unwrap();
    assert_eq!((snapshot.seq, snapshot.cut_offs.len()), (5, 5));
}

pub(super) async fn an_entry_of_a_clock_that_was_behind_leaves_no_gap(pair: &Pair) {
    let store = &*pair.identity;
    for (id, moment) in [("one", 10), ("two", 30), ("three", 20), ("four", 40)] {
        end(store, id, at(1000), at(moment)).await;
    }
    assert_eq!(store.sweep(at(20).plus(FEED_KEPT)).await.unwrap(), 1);
    assert_eq!(numbers(store).await, [2, 3, 4]);
    assert_eq!(store.sweep(at(30).plus(FEED_KEPT)).await.unwrap(), 2);
    assert_eq!(numbers(store).await, [4]);
}

pub(super) async fn one_sweep_takes_no_more_than_its_share(pair: &Pair) {
    let store = &*pair.identity;
    let share = u64::from(SWEPT_AT_ONCE);
    let cuts: Vec<_> = (0..share + 5)
        .map(|number| cut_off(CutOffKind::Client, &format!("client {number}"), at(0), at(1)))
        .collect();
    let event = Event { at: at(0), ..event(Action::SessionRevoked) };
    store.cut_off(&cuts, &event).await.unwrap();
    let now = at(1).plus(ENDINGS_KEPT);
    assert_eq!(store.sweep(now).await.unwrap(), 2 * share);
    assert_eq!(numbers(store).await, [share + 1, share + 2, share + 3, share + 4, share + 5]);
    assert_eq!(store.sweep(now).await.unwrap(), 5 + 4);
    assert_eq!(store.sweep(now).await.unwrap(), 0);
    assert_eq!(numbers(store).await, [share + 5]);
    let snapshot = store.snapshot(ISSUER, 100_000, at(0)).await.unwrap();
    assert_eq!((snapshot.seq, snapshot.cut_offs.len()), (share + 5, 0));
    assert_eq!(View::from_snapshot(snapshot).seq, share + 5);
}

pub(super) async fn a_warning_is_forgotten_when_it_is_over(pair: &Pair) {
    let store = &*pair.identity;
    let person = user("ada");
    create(store, &person).await;
    let warning = warning(&person);
    store.put_warning(&warning).await.unwrap();
    let moment = Duration::from_millis(1);
    assert_eq!(store.sweep(warning.expires_at.minus(moment)).await.unwrap(), 0);
    let found = store.find_warning(warning.id, at(0)).await.unwrap();
    assert_eq!(found.as_ref(), Some(&warning));
    assert_eq!(store.sweep(warning.expires_at).await.unwrap(), 1);
    assert_eq!(store.find_warning(warning.id, at(0)).await.unwrap(), None);
}
