//! Requests that may be sent again.

use std::{sync::Arc, time::Duration};

use jwks::Time;

use super::{
    Pair, RACERS, count, race,
    samples::{at, hash, secs},
};
use crate::store::{SessionStore, sessions::Repeat};

const ANSWER: &str = "{\"ok\": true, \"name\": \"„ü“\\n\"} %1 $2";

async fn begin(store: &dyn SessionStore, key: &str, now: Time) -> Repeat {
    store.begin_request(&hash(key), at(1000), now).await.unwrap()
}

async fn finish(store: &dyn SessionStore, key: &str, answer: &str) {
    let ends = at(0).plus(secs(3600));
    store.finish_request(&hash(key), &hash("mark"), answer, ends).await.unwrap();
}

fn done(answer: &str) -> Repeat {
    Repeat::Done { mark: hash("mark"), answer: answer.to_owned() }
}

pub(super) async fn a_request_is_carried_out_once_and_its_answer_is_kept(pair: &Pair) {
    let store = &*pair.sessions;
    assert_eq!(begin(store, "key", at(0)).await, Repeat::First);
    assert_eq!(begin(store, "key", at(1)).await, Repeat::UnderWay);
    assert_eq!(begin(store, "other", at(1)).await, Repeat::First);
    finish(store, "key", ANSWER).await;
    for moment in [2, 1000, 2000] {
        assert_eq!(begin(store, "key", at(moment)).await, done(ANSWER));
    }
    assert_eq!(begin(store, "other", at(2)).await, Repeat::UnderWay);
    finish(store, "other", "").await;
    assert_eq!(begin(store, "other", at(3)).await, done(""));
}

pub(super) async fn a_claim_lapses(pair: &Pair) {
    let store = &*pair.sessions;
    let claim = async |until: u64, now: u64| {
        store.begin_request(&hash("key"), at(until), at(now)).await.unwrap()
    };
    assert_eq!(claim(100, 0).await, Repeat::First);
    assert_eq!(claim(300, 99).await, Repeat::UnderWay);
    assert_eq!(claim(200, 100).await, Repeat::First);
    assert_eq!(claim(300, 199).await, Repeat::UnderWay);
    assert_eq!(claim(300, 250).await, Repeat::First);
    // Whoever was slow has carried it out all the same.
    finish(store, "key", ANSWER).await;
    assert_eq!(claim(400, 260).await, done(ANSWER));
}

pub(super) async fn a_claim_that_was_given_up_is_anybodys_and_an_answer_stays(pair: &Pair) {
    let store = &*pair.sessions;
    store.drop_request(&hash("key")).await.unwrap();
    assert_eq!(begin(store, "key", at(0)).await, Repeat::First);
    assert_eq!(begin(store, "other", at(0)).await, Repeat::First);
    store.drop_request(&hash("key")).await.unwrap();
    assert_eq!(begin(store, "key", at(1)).await, Repeat::First);
    assert_eq!(begin(store, "other", at(1)).await, Repeat::UnderWay);
    finish(store, "key", ANSWER).await;
    store.drop_request(&hash("key")).await.unwrap();
    assert_eq!(begin(store, "key", at(2)).await, done(ANSWER));
}

pub(super) async fn an_answer_is_forgotten_at_its_end(pair: &Pair) {
    let store = &*pair.sessions;
    assert_eq!(begin(store, "key", at(0)).await, Repeat::First);
    finish(store, "key", ANSWER).await;
    let end = at(0).plus(secs(3600));
    let claimed_until = end.plus(secs(60));
    let again = async |now| store.begin_request(&hash("key"), claimed_until, now).await.unwrap();
    assert_eq!(again(end.minus(Duration::from_millis(1))).await, done(ANSWER));
    assert_eq!(again(end).await, Repeat::First);
    assert_eq!(again(end.plus(secs(1))).await, Repeat::UnderWay);
}

pub(super) async fn a_request_is_claimed_by_one(pair: &Pair) {
    for moment in [0, 1000] {
        let got = race(|_| {
            let store = Arc::clone(&pair.sessions);
            let until = at(moment + 1000);
            async move { store.begin_request(&hash("key"), until, at(moment)).await.unwrap() }
        })
        .await;
        assert_eq!(count(&got, &Repeat::First), 1, "at {moment}");
        assert_eq!(count(&got, &Repeat::UnderWay), RACERS - 1);
    }
}
