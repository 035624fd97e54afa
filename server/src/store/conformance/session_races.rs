//! Many want what one can have: sessions.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::{
    Pair, RACERS, count, race,
    samples::{
        allowed, at, authorization, authorization_code, device_grant, family, hash, login,
        one_time, rotation, secs, session,
    },
};
use crate::{
    domain::{
        authorization::{AuthorizationRequest, Done, Redeemed, RequestKind},
        device_grant::{DeviceDecision, Polled},
        one_time::Purpose,
        session::{Rotated, Session},
    },
    store::{SessionStore, sessions::Marked},
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

/// An open session.
async fn opened(store: &dyn SessionStore) -> Session {
    let session = session(Uuid::new_v4());
    store.open_session(&session, Some(&family("token")), 100).await.unwrap();
    session
}

pub(super) async fn an_authorization_request_is_consumed_by_one(pair: &Pair) {
    let store = &pair.sessions;
    let (kind, name) = (RequestKind::Pushed, hash("pushed"));
    store.keep_request(kind, &name, &authorization()).await.unwrap();
    let got = race(|_| {
        let store = Arc::clone(store);
        async move { store.consume_request(kind, &name, at(1)).await.unwrap() }
    })
    .await;
    assert_eq!(count(&got, &Some(authorization())), 1);
    assert_eq!(count(&got, &None), RACERS - 1);
}

pub(super) async fn nothing_that_was_noted_in_a_flow_is_lost(pair: &Pair) {
    let store = &pair.sessions;
    let (kind, name) = (RequestKind::Flow, hash("flow"));
    for round in 1..20 {
        let bare = AuthorizationRequest {
            chosen: None,
            signed_in: None,
            allowed: None,
            is_done: false,
            ..authorization()
        };
        store.keep_request(kind, &name, &bare).await.unwrap();
        let sid = Uuid::from_u128(round);
        let acts = [Done::SignedIn(sid), Done::Allowed(sid), Done::Answered, Done::Chosen(sid)];
        let noted = race(|racer| {
            let store = Arc::clone(store);
            async move { store.note_in_flow(&name, acts[racer % 4], at(1)).await.unwrap() }
        })
        .await;
        assert!(noted.iter().all(Option::is_some));
        let mut expected = bare;
        acts.into_iter().for_each(|done| expected.note(done));
        assert_eq!(store.find_request(kind, &name, at(1)).await.unwrap(), Some(expected));
    }
}

pub(super) async fn a_code_is_redeemed_by_one(pair: &Pair) {
    let store = &pair.sessions;
    let code = authorization_code(&opened(&**store).await, "shop");
    assert!(store.issue_code(&hash("code"), &code).await.unwrap());
    let got = race(|_| {
        let store = Arc::clone(store);
        async move { store.redeem_code(&hash("code"), at(90_000), at(6)).await.unwrap() }
    })
    .await;
    assert_eq!(count(&got, &Redeemed::Redeemed(Box::new(code.clone()))), 1);
    assert_eq!(count(&got, &Redeemed::Spent(Box::new(code))), RACERS - 1);
}

pub(super) async fn every_client_of_a_session_is_noted_once(pair: &Pair) {
    let store = &pair.sessions;
    let session = opened(&**store).await;
    race(|number| {
        let (store, name) = (Arc::clone(store), hash(&format!("code {number}")));
        let code = authorization_code(&session, &format!("client {}", number % 8));
        async move { assert!(store.issue_code(&name, &code).await.unwrap()) }
    })
    .await;
    let found = store.find_session(session.user_id, session.sid, at(6)).await.unwrap().unwrap();
    let mut noted = found.clients[session.clients.len()..].to_vec();
    noted.sort();
    assert_eq!(noted, (0..8).map(|number| format!("client {number}")).collect::<Vec<_>>());
}

pub(super) async fn a_user_code_is_given_to_one(pair: &Pair) {
    let got = race(|number| {
        let store = Arc::clone(&pair.sessions);
        let device = device_grant(&format!("device {number}"), "BCDFGHJK");
        async move { store.begin_device(&device).await.unwrap() }
    })
    .await;
    assert_eq!(count(&got, &true), 1);
}

pub(super) async fn a_device_is_decided_about_by_one(pair: &Pair) {
    let store = &pair.sessions;
    let session = opened(&**store).await;
    assert!(store.begin_device(&device_grant("device", "BCDFGHJK")).await.unwrap());
    let got = race(|number| {
        let store = Arc::clone(store);
        let decision = if number % 2 == 0 { allowed(&session) } else { DeviceDecision::Denied };
        async move { store.decide_device("BCDFGHJK", &decision, at(1)).await.unwrap() }
    })
    .await;
    assert_eq!(count(&got, &true), 1);
}

pub(super) async fn the_yes_to_a_device_is_heard_by_one(pair: &Pair) {
    let store = &pair.sessions;
    let session = opened(&**store).await;
    let device = device_grant("device", "BCDFGHJK");
    assert!(store.begin_device(&device).await.unwrap());
    assert!(store.decide_device("BCDFGHJK", &allowed(&session), at(1)).await.unwrap());
    let got = race(|_| {
        let (store, interval) = (Arc::clone(store), secs(5));
        async move { store.poll_device(&hash("device"), "tv", interval, at(2)).await.unwrap() }
    })
    .await;
    assert_eq!(count(&got, &Polled::Allowed(Box::new(device), allowed(&session))), 1);
    assert_eq!(count(&got, &Polled::Unknown), RACERS - 1);
}

pub(super) async fn what_counts_once_counts_for_one(pair: &Pair) {
    let got = race(|_| {
        let store = Arc::clone(&pair.sessions);
        async move { store.mark_once(&hash("assertion"), at(1), at(100), at(2)).await.unwrap() }
    })
    .await;
    assert_eq!(count(&got, &Marked::First), 1);
    assert_eq!(count(&got, &Marked::Again), RACERS - 1);
}

pub(super) async fn a_browser_is_raised_by_one(pair: &Pair) {
    let store = &pair.sessions;
    let session = opened(&**store).await;
    let got = race(|number| {
        let (store, session) = (Arc::clone(store), session.clone());
        let (presented, renewed) = (hash("browser"), hash(&format!("renewed {number}")));
        async move {
            let Session { user_id, sid, proof, .. } = session;
            store.raise_browser(user_id, sid, &presented, &proof, &renewed, at(2)).await.unwrap()
        }
    })
    .await;
    let raised: Vec<_> = got.into_iter().flatten().collect();
    let found = store.find_session(session.user_id, session.sid, at(3)).await.unwrap().unwrap();
    assert_eq!(raised, [found]);
}
