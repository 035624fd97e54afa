//! Many want what one can have: sessions.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::{
    Pair, RACERS, count, race,
    samples::{at, family, hash, login, one_time, rotation, secs, session},
};
use crate::domain::{
    one_time::Purpose,
    session::{Rotated, Session},
};

/// The successor of racer `number` dies at `at(0)` plus this; each at another instant.
fn life(number: usize) -> Duration {
    secs(1000 + number as u64)
}

pub(super) async fn a_rotated_token_leaves_one_live_leaf(pair: &Pair) {
    let store = &pair.sessions;
    let (session, family) = (session(Uuid::new_v4()), family("token"));
    store.open_session(&session, Some(&family), 100).await.unwrap();
    let got = race(|number| {
        let store = Arc::clone(store);
        let mut rotation = rotation(&session, &family, "token", &format!("successor {number}"));
        rotation.ttl = life(number);
        async move { store.rotate_refresh(&rotation, at(0)).await.unwrap() }
    })
    .await;
    let fresh = got.iter().filter(|one| matches!(one, Rotated::Fresh(_))).count();
    let retried = got.iter().filter(|one| matches!(one, Rotated::Retried(_))).count();
    assert_eq!((fresh, retried), (1, RACERS - 1));

    // Every successor is presented just before it would die, the one that would live longest
    // first. Until the live one has its turn, the family is over by then, and nothing changes.
    let mut leaves = 0;
    for number in (0..RACERS).rev() {
        let now = at(0).plus(life(number)).minus(Duration::from_millis(1));
        let rotation = rotation(&session, &family, &format!("successor {number}"), "next");
        match store.rotate_refresh(&rotation, now).await.unwrap() {
            Rotated::Fresh(_) => leaves += 1,
            Rotated::Unknown => {}
            Rotated::Reused => assert_eq!(leaves, 1, "successor {number} was not the leaf"),
            other => panic!("successor {number}: {other:?}"),
        }
    }
    assert_eq!(leaves, 1);
}

pub(super) async fn a_session_closed_while_it_is_refreshed_stays_closed(pair: &Pair) {
    let store = &pair.sessions;
    let (session, family) = (session(Uuid::new_v4()), family("token"));
    store.open_session(&session, Some(&family), 100).await.unwrap();
    let closed = race(|number| {
        let (store, session) = (Arc::clone(store), session.clone());
        let rotation = rotation(&session, &family, "token", &format!("successor {number}"));
        async move {
            if number % 4 == 0 {
                return store.close_session(session.user_id, session.sid).await.unwrap();
            }
            store.rotate_refresh(&rotation, at(0)).await.unwrap();
            store.touch_session(session.user_id, session.sid, at(1)).await.unwrap();
            let (proof, family) = (&session.proof, super::samples::family("raised"));
            store.raise_session(session.user_id, session.sid, proof, &family, at(1)).await.unwrap();
            false
        }
    })
    .await;
    assert_eq!(count(&closed, &true), 1);
    assert_eq!(store.find_session(session.user_id, session.sid, at(2)).await.unwrap(), None);
    assert_eq!(store.list_sessions(session.user_id, at(2)).await.unwrap(), []);
    for number in 0..RACERS {
        let rotation = rotation(&session, &family, &format!("successor {number}"), "next");
        assert_eq!(store.rotate_refresh(&rotation, at(2)).await.unwrap(), Rotated::Unknown);
    }
}

pub(super) async fn half_a_sign_in_is_consumed_by_one(pair: &Pair) {
    let login = login(Uuid::new_v4());
    pair.sessions.begin_login(&hash("token"), &login).await.unwrap();
    let got = race(|_| {
        let store = Arc::clone(&pair.sessions);
        async move { store.consume_login(&hash("token"), at(1)).await.unwrap() }
    })
    .await;
    assert_eq!(count(&got, &Some(login)), 1);
    assert_eq!(count(&got, &None), RACERS - 1);
}

pub(super) async fn a_one_time_token_is_consumed_by_one(pair: &Pair) {
    let one = one_time(Purpose::ResetPassword, Uuid::new_v4(), "token");
    pair.sessions.put_one_time(&one).await.unwrap();
    let got =
        race(|_| {
            let (store, one) = (Arc::clone(&pair.sessions), one.clone());
            async move {
                store.consume_one_time(one.purpose, one.owner, &one.hash, at(1)).await.unwrap()
            }
        })
        .await;
    assert_eq!(count(&got, &Some(one)), 1);
    assert_eq!(count(&got, &None), RACERS - 1);
}

pub(super) async fn no_more_tries_are_counted_than_allowed(pair: &Pair) {
    let got = race(|number| {
        let store = Arc::clone(&pair.sessions);
        async move { store.count_try("key", 10, secs(60), at(number as u64 % 8)).await.unwrap() }
    })
    .await;
    let mut remaining: Vec<u32> =
        got.iter().filter(|budget| budget.allowed).map(|budget| budget.remaining).collect();
    remaining.sort_unstable();
    assert_eq!(remaining, (0..10).collect::<Vec<_>>());
    assert!(got.iter().all(|budget| budget.allowed || budget.remaining == 0));
}

pub(super) async fn no_more_sessions_live_than_are_kept(pair: &Pair) {
    const KEPT: usize = 10;
    let owner = Uuid::new_v4();
    let got =
        race(|number| {
            let store = Arc::clone(&pair.sessions);
            let session = Session { created_at: at(number as u64), ..session(owner) };
            async move {
                store.open_session(&session, Some(&family("token")), KEPT as u32).await.unwrap()
            }
        })
        .await;
    let mut closed: Vec<Uuid> = got.into_iter().flatten().collect();
    let told = closed.len();
    closed.sort();
    closed.dedup();
    assert_eq!((closed.len(), told), (RACERS - KEPT, RACERS - KEPT));
    let living = pair.sessions.list_sessions(owner, at(100)).await.unwrap();
    assert_eq!(living.len(), KEPT);
    assert!(living.iter().all(|session| !closed.contains(&session.sid)));
}
