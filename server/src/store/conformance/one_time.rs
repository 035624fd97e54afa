//! One-time tokens.

use uuid::Uuid;

use super::{
    Pair,
    samples::{at, hash, one_time, secs},
};
use crate::{
    domain::one_time::{OneTime, Purpose},
    store::SessionStore,
};

async fn find(store: &dyn SessionStore, of: &OneTime, token: &str) -> Option<OneTime> {
    store.find_one_time(of.purpose, of.owner, &hash(token), at(1)).await.unwrap()
}

async fn consume(store: &dyn SessionStore, of: &OneTime, token: &str) -> Option<OneTime> {
    store.consume_one_time(of.purpose, of.owner, &hash(token), at(1)).await.unwrap()
}

pub(super) async fn a_one_time_token_comes_back_whole_for_every_purpose(pair: &Pair) {
    let store = &*pair.sessions;
    for purpose in Purpose::ALL {
        let owner = if purpose == Purpose::FirstAdmin { Uuid::nil() } else { Uuid::new_v4() };
        for bound_to in ["", "ada@example.com \"ü\"\n$1"] {
            let one = OneTime { bound_to: bound_to.to_owned(), ..one_time(purpose, owner, "t") };
            store.put_one_time(&one).await.unwrap();
            assert_eq!(find(store, &one, "t").await.as_ref(), Some(&one));
        }
    }
}

pub(super) async fn a_one_time_token_is_consumed_once_and_only_by_itself(pair: &Pair) {
    let store = &*pair.sessions;
    let one = one_time(Purpose::ResetPassword, Uuid::new_v4(), "token");
    store.put_one_time(&one).await.unwrap();
    assert_eq!(find(store, &one, "guess").await, None);
    assert_eq!(consume(store, &one, "guess").await, None);
    assert_eq!(consume(store, &one, "token").await, Some(one.clone()));
    assert_eq!(consume(store, &one, "token").await, None);
    assert_eq!(find(store, &one, "token").await, None);
}

pub(super) async fn a_newer_token_takes_the_place_of_the_older_one(pair: &Pair) {
    let store = &*pair.sessions;
    let owner = Uuid::new_v4();
    let older = one_time(Purpose::VerifyEmail, owner, "older");
    let newer = OneTime {
        bound_to: "newer@example.com".to_owned(),
        expires_at: at(0).plus(secs(60)),
        ..one_time(Purpose::VerifyEmail, owner, "newer")
    };
    store.put_one_time(&older).await.unwrap();
    store.put_one_time(&newer).await.unwrap();
    assert_eq!(find(store, &older, "older").await, None);
    assert_eq!(consume(store, &older, "older").await, None);
    assert_eq!(consume(store, &newer, "newer").await, Some(newer));
}

pub(super) async fn a_token_of_one_purpose_or_owner_is_none_of_another(pair: &Pair) {
    let store = &*pair.sessions;
    let owner = Uuid::new_v4();
    let one = one_time(Purpose::VerifyEmail, owner, "token");
    let other = one_time(Purpose::ResetPassword, owner, "other");
    store.put_one_time(&one).await.unwrap();
    store.put_one_time(&other).await.unwrap();
    for purpose in [Purpose::ResetPassword, Purpose::Invitation, Purpose::FirstAdmin] {
        assert_eq!(consume(store, &OneTime { purpose, ..one.clone() }, "token").await, None);
    }
    let stranger = OneTime { owner: Uuid::new_v4(), ..one.clone() };
    assert_eq!(find(store, &stranger, "token").await, None);
    assert_eq!(consume(store, &stranger, "token").await, None);
    assert_eq!(consume(store, &one, "token").await, Some(one.clone()));
    assert_eq!(consume(store, &other, "other").await, Some(other.clone()));
}

pub(super) async fn a_one_time_token_does_not_exist_from_its_end_on(pair: &Pair) {
    let store = &*pair.sessions;
    let one = one_time(Purpose::Invitation, Uuid::new_v4(), "token");
    let (purpose, owner, hash, end) = (one.purpose, one.owner, one.hash, one.expires_at);
    store.put_one_time(&one).await.unwrap();
    let just_before = end.minus(std::time::Duration::from_millis(1));
    let found = store.find_one_time(purpose, owner, &hash, just_before).await.unwrap();
    assert_eq!(found, Some(one));
    for now in [end, end.plus(secs(1))] {
        assert_eq!(store.find_one_time(purpose, owner, &hash, now).await.unwrap(), None);
        assert_eq!(store.consume_one_time(purpose, owner, &hash, now).await.unwrap(), None);
    }
}
