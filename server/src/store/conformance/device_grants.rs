//! Devices that ask to be let in.

use std::time::Duration;

use uuid::Uuid;

use super::{
    Pair,
    samples::{allowed, at, device_grant, family, hash, secs, session},
};
use crate::{
    domain::{
        device_grant::{DeviceDecision, DeviceGrant, Polled},
        session::Session,
    },
    store::SessionStore,
};

const INTERVAL: Duration = secs(5);

async fn opened(store: &dyn SessionStore) -> Session {
    let session = session(Uuid::new_v4());
    store.open_session(&session, Some(&family("token")), 100).await.unwrap();
    session
}

async fn poll(store: &dyn SessionStore, device_code: &str, now: u64) -> Polled {
    store.poll_device(&hash(device_code), "tv", INTERVAL, at(now)).await.unwrap()
}

pub(super) async fn a_device_that_asks_comes_back_whole(pair: &Pair) {
    let store = &*pair.sessions;
    let session = opened(store).await;
    let whole = device_grant("whole", "BCDFGHJK");
    let bare = DeviceGrant {
        scope: String::new(),
        resource: Vec::new(),
        ..device_grant("bare", "LMNPQRST")
    };
    for device in [&whole, &bare] {
        assert_eq!(store.find_device(&device.user_code, at(1)).await.unwrap(), None);
        assert!(store.begin_device(device).await.unwrap());
        let found = store.find_device(&device.user_code, at(1)).await.unwrap();
        assert_eq!(found.as_ref(), Some(device));
    }
    for (name, device) in [("whole", whole), ("bare", bare)] {
        let decision = allowed(&session);
        assert!(store.decide_device(&device.user_code, &decision, at(2)).await.unwrap());
        assert_eq!(poll(store, name, 3).await, Polled::Allowed(Box::new(device), decision));
    }
}

pub(super) async fn a_user_code_is_one_devices_while_that_lives(pair: &Pair) {
    let store = &*pair.sessions;
    let first = DeviceGrant { expires_at: at(100), ..device_grant("first", "BCDFGHJK") };
    let at_moment =
        |name: &str, now| DeviceGrant { created_at: at(now), ..device_grant(name, "BCDFGHJK") };
    assert!(store.begin_device(&first).await.unwrap());
    assert!(!store.begin_device(&at_moment("second", 99)).await.unwrap());
    assert_eq!(store.find_device("BCDFGHJK", at(99)).await.unwrap().as_ref(), Some(&first));
    assert_eq!(poll(store, "second", 99).await, Polled::Unknown);
    // Decided or not, it is not another's before its end.
    assert!(store.decide_device("BCDFGHJK", &DeviceDecision::Denied, at(99)).await.unwrap());
    assert!(!store.begin_device(&at_moment("second", 99)).await.unwrap());
    let third = at_moment("third", 100);
    assert!(store.begin_device(&third).await.unwrap());
    assert_eq!(store.find_device("BCDFGHJK", at(100)).await.unwrap(), Some(third));
    // The first one is told what became of it all the same.
    assert_eq!(poll(store, "first", 101).await, Polled::Expired);
    assert_eq!(poll(store, "third", 101).await, Polled::Pending);
}

pub(super) async fn a_device_hears_what_the_person_said(pair: &Pair) {
    let store = &*pair.sessions;
    let session = opened(store).await;
    for (name, user_code) in [("yes", "BBBBBBBB"), ("no", "CCCCCCCC")] {
        assert!(store.begin_device(&device_grant(name, user_code)).await.unwrap());
        assert_eq!(poll(store, name, 1).await, Polled::Pending);
    }
    let yes = allowed(&session);
    assert!(store.decide_device("BBBBBBBB", &yes, at(2)).await.unwrap());
    assert!(store.decide_device("CCCCCCCC", &DeviceDecision::Denied, at(2)).await.unwrap());
    // However soon it asks: what was said is said.
    let device = Box::new(device_grant("yes", "BBBBBBBB"));
    assert_eq!(poll(store, "yes", 3).await, Polled::Allowed(device, yes));
    assert_eq!(poll(store, "yes", 4).await, Polled::Unknown);
    assert_eq!(poll(store, "no", 3).await, Polled::Denied);
    assert_eq!(poll(store, "no", 4).await, Polled::Denied);
    assert_eq!(poll(store, "nobody", 4).await, Polled::Unknown);
    // What was taken frees its user code.
    assert!(store.begin_device(&device_grant("next", "BBBBBBBB")).await.unwrap());
    assert_eq!(poll(store, "next", 5).await, Polled::Pending);
    assert_eq!(poll(store, "yes", 5).await, Polled::Unknown);
}

pub(super) async fn a_device_code_is_its_clients_alone(pair: &Pair) {
    let store = &*pair.sessions;
    let session = opened(store).await;
    assert!(store.begin_device(&device_grant("device", "BCDFGHJK")).await.unwrap());
    let thief =
        async |now| store.poll_device(&hash("device"), "thief", INTERVAL, at(now)).await.unwrap();
    assert_eq!(thief(1).await, Polled::Unknown);
    // It counts as no poll of the device.
    assert_eq!(poll(store, "device", 2).await, Polled::Pending);
    assert!(store.decide_device("BCDFGHJK", &allowed(&session), at(3)).await.unwrap());
    assert_eq!(thief(4).await, Polled::Unknown);
    assert!(matches!(poll(store, "device", 5).await, Polled::Allowed(..)));
    assert!(store.begin_device(&device_grant("another", "LMNPQRST")).await.unwrap());
    let over = store.poll_device(&hash("another"), "thief", INTERVAL, at(600_000)).await.unwrap();
    assert_eq!(over, Polled::Unknown);
}

pub(super) async fn the_client_takes_part_in_the_session_of_whoever_said_yes(pair: &Pair) {
    let store = &*pair.sessions;
    let session = opened(store).await;
    for (number, user_code) in ["BBBBBBBB", "CCCCCCCC", "DDDDDDDD"].into_iter().enumerate() {
        assert!(store.begin_device(&device_grant(&format!("{number}"), user_code)).await.unwrap());
    }
    let clients = async || {
        store.find_session(session.user_id, session.sid, at(9)).await.unwrap().unwrap().clients
    };
    assert!(store.decide_device("BBBBBBBB", &DeviceDecision::Denied, at(7)).await.unwrap());
    assert_eq!(clients().await, session.clients);
    for (user_code, now) in [("CCCCCCCC", 7), ("DDDDDDDD", 8)] {
        assert!(store.decide_device(user_code, &allowed(&session), at(now)).await.unwrap());
        let mut expected = Session { last_active_at: at(now), ..session.clone() };
        expected.clients.push("tv".to_owned());
        let found = store.find_session(session.user_id, session.sid, at(9)).await.unwrap();
        assert_eq!(found, Some(expected));
    }
}

pub(super) async fn a_device_is_decided_about_once_and_in_time(pair: &Pair) {
    let store = &*pair.sessions;
    let session = opened(store).await;
    let yes = allowed(&session);
    let decide = async |user_code: &str, decision: &DeviceDecision, now| {
        store.decide_device(user_code, decision, now).await.unwrap()
    };
    assert!(!decide("NOBODYSX", &yes, at(1)).await);
    assert!(store.begin_device(&device_grant("device", "BCDFGHJK")).await.unwrap());
    for (user_id, sid) in [(Uuid::new_v4(), session.sid), (session.user_id, Uuid::now_v7())] {
        let lost = allowed(&Session { user_id, sid, ..session.clone() });
        assert!(!decide("BCDFGHJK", &lost, at(1)).await);
    }
    let whole = store.find_session(session.user_id, session.sid, at(1)).await.unwrap();
    assert_eq!(whole.as_ref(), Some(&session));
    assert_eq!(poll(store, "device", 1).await, Polled::Pending);
    assert!(decide("BCDFGHJK", &DeviceDecision::Denied, at(2)).await);
    assert_eq!(store.find_device("BCDFGHJK", at(2)).await.unwrap(), None);
    assert!(!decide("BCDFGHJK", &yes, at(3)).await);
    assert_eq!(poll(store, "device", 4).await, Polled::Denied);

    let brief = DeviceGrant { expires_at: at(100), ..device_grant("brief", "LMNPQRST") };
    assert!(store.begin_device(&brief).await.unwrap());
    assert_eq!(store.find_device("LMNPQRST", at(99)).await.unwrap(), Some(brief));
    assert_eq!(store.find_device("LMNPQRST", at(100)).await.unwrap(), None);
    assert!(!decide("LMNPQRST", &yes, at(100)).await);
}

pub(super) async fn a_device_that_polls_too_soon_has_to_wait_longer(pair: &Pair) {
    let store = &*pair.sessions;
    assert!(store.begin_device(&device_grant("device", "BCDFGHJK")).await.unwrap());
    for (now, polled) in [
        (1_000, Polled::Pending),
        (5_999, Polled::TooFast),
        // Ten seconds from now on, since the last poll.
        (15_999, Polled::Pending),
        (25_998, Polled::TooFast),
        (40_997, Polled::TooFast),
        (60_997, Polled::Pending),
        (80_997, Polled::Pending),
    ] {
        assert_eq!(poll(store, "device", now).await, polled, "at {now}");
    }
}

pub(super) async fn a_device_is_told_that_its_time_is_over(pair: &Pair) {
    let store = &*pair.sessions;
    let session = opened(store).await;
    let decisions = [None, Some(allowed(&session)), Some(DeviceDecision::Denied)];
    for (number, decision) in decisions.into_iter().enumerate() {
        let (name, user_code) = (format!("device {number}"), "BCDFGHJK".repeat(number + 1));
        let device = DeviceGrant {
            created_at: at(100),
            expires_at: at(400),
            ..device_grant(&name, &user_code)
        };
        assert!(store.begin_device(&device).await.unwrap());
        if let Some(decision) = decision {
            assert!(store.decide_device(&user_code, &decision, at(399)).await.unwrap());
        }
        for (now, polled) in
            [(400, Polled::Expired), (699, Polled::Expired), (700, Polled::Unknown)]
        {
            assert_eq!(poll(store, &name, now).await, polled, "{name} at {now}");
        }
    }
}
