//! The edges that follow the feed.

use super::{Pair, race, samples::at};
use crate::{domain::edge::Follower, store::SessionStore};

fn follower(name: &str, acknowledged: u64, until: u64) -> Follower {
    Follower { name: name.to_owned(), acknowledged, until: at(until) }
}

async fn note(store: &dyn SessionStore, followers: &[Follower], now: u64) {
    store.note_followers(followers, at(now)).await.unwrap();
}

async fn listed(store: &dyn SessionStore, now: u64) -> Vec<Follower> {
    store.list_followers(at(now)).await.unwrap()
}

pub(super) async fn a_follower_follows_until_it_says(pair: &Pair) {
    let store = &*pair.sessions;
    assert_eq!(listed(store, 0).await, []);
    let (north, south) =
        (follower("north \"ü\" 1", 9_007_199_254_740_991, 3000), follower("south", 0, 2000));
    note(store, &[south.clone(), north.clone()], 0).await;
    assert_eq!(listed(store, 1999).await, [north.clone(), south]);
    assert_eq!(listed(store, 2000).await, std::slice::from_ref(&north));
    assert_eq!(listed(store, 2999).await, [north]);
    assert_eq!(listed(store, 3000).await, []);
}

pub(super) async fn of_a_follower_the_higher_number_and_the_later_end_stay(pair: &Pair) {
    let store = &*pair.sessions;
    note(store, &[follower("north", 100, 3000)], 0).await;
    note(store, &[follower("north", 99, 3500)], 500).await;
    assert_eq!(listed(store, 500).await, [follower("north", 100, 3500)]);
    note(store, &[follower("north", 101, 3400)], 600).await;
    assert_eq!(listed(store, 600).await, [follower("north", 101, 3500)]);
    // In one act too, and none about nobody changes anything.
    note(store, &[follower("north", 103, 3600), follower("north", 102, 3700)], 700).await;
    note(store, &[], 700).await;
    assert_eq!(listed(store, 700).await, [follower("north", 103, 3700)]);
}

pub(super) async fn a_follower_that_comes_again_begins_anew(pair: &Pair) {
    let store = &*pair.sessions;
    note(store, &[follower("north", 100, 3000)], 0).await;
    note(store, &[follower("north", 5, 6000)], 3000).await;
    assert_eq!(listed(store, 3000).await, [follower("north", 5, 6000)]);
    // Whether or not somebody else was noted in between, and long after.
    note(store, &[follower("south", 7, 1_000_000)], 900_000).await;
    assert_eq!(listed(store, 900_000).await, [follower("south", 7, 1_000_000)]);
    note(store, &[follower("north", 6, 1_000_000)], 900_000).await;
    let both = [follower("north", 6, 1_000_000), follower("south", 7, 1_000_000)];
    assert_eq!(listed(store, 900_000).await, both);
}

pub(super) async fn many_followers_are_noted_together(pair: &Pair) {
    race(|number| {
        let store = pair.sessions.clone();
        async move {
            let own = follower(&format!("edge-{number:02}"), number as u64, 3000);
            note(&*store, &[own, follower("shared", number as u64, 3000)], 0).await;
        }
    })
    .await;
    let all = listed(&*pair.sessions, 0).await;
    assert_eq!(all.len(), super::RACERS + 1);
    let last = super::RACERS as u64 - 1;
    assert_eq!(all[super::RACERS - 1].acknowledged, last);
    assert_eq!(all[super::RACERS], follower("shared", last, 3000));
}
