//! Errands.

use std::{collections::BTreeSet, sync::Arc};

use jwks::cutoff::CutOffKind;
use uuid::Uuid;

use super::{
    Pair, RACERS, race,
    samples::{at, client, create, cut_off, errand, event, register, user},
};
use crate::{
    domain::{
        audit::{Action, Event},
        errand::ErrandRow,
        login::normalise_address,
    },
    store::{
        IdentityStore,
        identity::{AddressChanged, Backlog, FactorChange, NewAddress, NewPassword},
    },
};

async fn queue(store: &dyn IdentityStore, errands: &[&ErrandRow]) {
    for errand in errands {
        store.queue_errand(errand).await.unwrap();
    }
}

async fn claim(store: &dyn IdentityStore, now: u64, lease_end: u64) -> Vec<ErrandRow> {
    store.claim_errands(at(now), at(lease_end), 10).await.unwrap()
}

/// As it stands once it was claimed until `lease_end`.
fn claimed(errand: &ErrandRow, lease_end: u64) -> ErrandRow {
    ErrandRow { attempts: errand.attempts + 1, due_at: at(lease_end), ..errand.clone() }
}

pub(super) async fn an_errand_comes_back_whole(pair: &Pair) {
    let store = &*pair.identity;
    assert_eq!(claim(store, 100, 200).await, []);
    for sealed in [Vec::new(), vec![0], (0..=255).collect(), vec![7; 40_000]] {
        let errand = ErrandRow { sealed, attempts: 3, ..errand(1, 5) };
        queue(store, &[&errand]).await;
        assert_eq!(claim(store, 100, 200).await, [claimed(&errand, 200)]);
        store.finish_errand(errand.id).await.unwrap();
    }
}

pub(super) async fn what_is_not_due_is_not_claimed(pair: &Pair) {
    let store = &*pair.identity;
    let (early, late) = (errand(1, 10), errand(2, 20));
    queue(store, &[&late, &early]).await;
    assert_eq!(claim(store, 9, 100).await, []);
    assert_eq!(claim(store, 10, 100).await, [claimed(&early, 100)]);
    assert_eq!(claim(store, 20, 100).await, [claimed(&late, 100)]);
}

pub(super) async fn errands_are_claimed_longest_due_first_and_told_in_order(pair: &Pair) {
    let store = &*pair.identity;
    let [first, second, third] = [errand(1, 30), errand(2, 10), errand(3, 20)];
    queue(store, &[&third, &first, &second]).await;
    let two = store.claim_errands(at(50), at(100), 2).await.unwrap();
    assert_eq!(two, [claimed(&second, 100), claimed(&third, 100)]);
    assert_eq!(claim(store, 50, 100).await, [claimed(&first, 100)]);
}

pub(super) async fn a_claim_lasts_until_its_end(pair: &Pair) {
    let store = &*pair.identity;
    let errand = errand(1, 1);
    queue(store, &[&errand]).await;
    assert_eq!(claim(store, 10, 100).await, [claimed(&errand, 100)]);
    assert_eq!(claim(store, 99, 200).await, []);
    let twice = claimed(&claimed(&errand, 100), 200);
    assert_eq!(claim(store, 100, 200).await, [twice]);
}

pub(super) async fn a_deferred_errand_is_due_again_then(pair: &Pair) {
    let store = &*pair.identity;
    let errand = errand(1, 1);
    queue(store, &[&errand]).await;
    claim(store, 10, 100).await;
    assert!(store.defer_errand(errand.id, 1, at(50)).await.unwrap());
    assert_eq!(claim(store, 49, 200).await, []);
    let again = ErrandRow { attempts: 2, due_at: at(200), ..errand };
    assert_eq!(claim(store, 50, 200).await, [again]);
}

pub(super) async fn a_rewritten_errand_has_its_new_content_and_end(pair: &Pair) {
    let store = &*pair.identity;
    let errand = errand(1, 1);
    queue(store, &[&errand]).await;
    claim(store, 10, 100).await;
    assert!(store.rewrite_errand(errand.id, 1, b"a letter", at(77)).await.unwrap());
    let sealed = b"a letter".to_vec();
    let rewritten =
        ErrandRow { sealed, expires_at: at(77), attempts: 2, due_at: at(200), ..errand };
    assert_eq!(claim(store, 100, 200).await, [rewritten]);
}

pub(super) async fn whoever_has_lost_a_claim_changes_nothing(pair: &Pair) {
    let store = &*pair.identity;
    let errand = errand(1, 1);
    queue(store, &[&errand]).await;
    claim(store, 10, 100).await;
    let second = claim(store, 100, 200).await;
    assert_eq!(second[0].attempts, 2);
    assert!(!store.defer_errand(errand.id, 1, at(120)).await.unwrap());
    assert!(!store.rewrite_errand(errand.id, 1, b"late", at(77)).await.unwrap());
    assert_eq!(claim(store, 199, 300).await, []);
    assert_eq!(claim(store, 200, 300).await, [claimed(&second[0], 300)]);
    for nobodys in [Uuid::new_v4(), Uuid::nil()] {
        assert!(!store.defer_errand(nobodys, 1, at(120)).await.unwrap());
        assert!(!store.rewrite_errand(nobodys, 1, b"late", at(77)).await.unwrap());
    }
}

pub(super) async fn a_finished_errand_is_gone(pair: &Pair) {
    let store = &*pair.identity;
    let (one, other) = (errand(1, 1), errand(2, 1));
    queue(store, &[&one, &other]).await;
    claim(store, 10, 100).await;
    for _ in 0..2 {
        store.finish_errand(one.id).await.unwrap();
    }
    assert!(!store.defer_errand(one.id, 1, at(20)).await.unwrap());
    assert!(!store.rewrite_errand(one.id, 1, b"late", at(77)).await.unwrap());
    let left = claim(store, 100, 200).await;
    assert_eq!(left.iter().map(|errand| errand.id).collect::<Vec<_>>(), [other.id]);
}

pub(super) async fn the_backlog_counts_what_is_not_finished(pair: &Pair) {
    let store = &*pair.identity;
    let backlog = async || store.errand_backlog().await.unwrap();
    assert_eq!(backlog().await, Backlog::default());
    let (one, other) = (errand(7, 10), errand(5, 90));
    queue(store, &[&one, &other]).await;
    claim(store, 20, 100).await;
    assert_eq!(backlog().await, Backlog { waiting: 2, oldest: Some(at(5)) });
    store.finish_errand(other.id).await.unwrap();
    assert_eq!(backlog().await, Backlog { waiting: 1, oldest: Some(at(7)) });
    store.finish_errand(one.id).await.unwrap();
    assert_eq!(backlog().await, Backlog::default());
}

pub(super) async fn each_errand_is_claimed_by_one(pair: &Pair) {
    let store = &pair.identity;
    let mut wanted = BTreeSet::new();
    for number in 0..3 * RACERS as u64 {
        let errand = errand(number, 1);
        wanted.insert(errand.id);
        queue(&**store, &[&errand]).await;
    }
    let got = race(|number| {
        let store = Arc::clone(store);
        async move {
            let mut mine = Vec::new();
            loop {
                let limit = 1 + number as u32 % 5;
                let claimed = store.claim_errands(at(10), at(100), limit).await.unwrap();
                assert!(claimed.len() <= limit as usize);
                if claimed.is_empty() {
                    return mine;
                }
                mine.extend(claimed);
            }
        }
    })
    .await;
    let got: Vec<ErrandRow> = got.into_iter().flatten().collect();
    // What another one was claiming is passed over, and may be left.
    let left = store.claim_errands(at(10), at(100), 1000).await.unwrap();
    let all: Vec<ErrandRow> = got.into_iter().chain(left).collect();
    assert!(all.iter().all(|errand| errand.attempts == 1));
    assert_eq!(all.len(), wanted.len());
    assert_eq!(all.iter().map(|errand| errand.id).collect::<BTreeSet<_>>(), wanted);
}

/// An errand that waits for the end of session `sid`, due by itself at `due_at`.
fn waiting(sid: Uuid, queued_at: u64, due_at: u64) -> ErrandRow {
    ErrandRow { waits_for: Some(sid), ..errand(queued_at, due_at) }
}

/// Ends these sessions at `now`.
async fn end(store: &dyn IdentityStore, sids: &[Uuid], now: u64) {
    let cuts: Vec<_> = sids
        .iter()
        .map(|sid| cut_off(CutOffKind::Session, &sid.to_string(), at(now), at(5000)))
        .collect();
    let event = Event { at: at(now), ..event(Action::SessionRevoked) };
    store.cut_off(&cuts, &event).await.unwrap();
}

pub(super) async fn an_errand_queued_again_stays_as_it_is(pair: &Pair) {
    let store = &*pair.identity;
    let first = errand(1, 10);
    let again = ErrandRow {
        sealed: b"another".to_vec(),
        queued_at: at(2),
        due_at: at(5),
        attempts: 7,
        expires_at: at(77),
        waits_for: Some(Uuid::now_v7()),
        ..first.clone()
    };
    queue(store, &[&first, &again]).await;
    assert_eq!(claim(store, 9, 100).await, []);
    assert_eq!(claim(store, 10, 100).await, [claimed(&first, 100)]);
    queue(store, &[&again]).await;
    assert_eq!(claim(store, 99, 200).await, []);
}

pub(super) async fn an_errand_waits_for_the_end_of_its_session(pair: &Pair) {
    let store = &*pair.identity;
    let [mine, others, unasked] = [(); 3].map(|()| Uuid::now_v7());
    let (first, second) = (waiting(mine, 1, 1000), waiting(mine, 2, 1000));
    let other = waiting(others, 3, 1000);
    queue(store, &[&first, &second, &other]).await;
    assert_eq!(store.errand_backlog().await.unwrap(), Backlog::default());
    end(store, &[unasked], 50).await;
    // Another kind of the same id is no session's end.
    let person = cut_off(CutOffKind::User, &mine.to_string(), at(1), at(5000));
    store.cut_off(&[person], &event(Action::PasswordChanged)).await.unwrap();
    assert_eq!(claim(store, 99, 200).await, []);
    end(store, &[mine], 100).await;
    assert_eq!(store.errand_backlog().await.unwrap(), Backlog { waiting: 2, oldest: Some(at(1)) });
    assert_eq!(claim(store, 99, 200).await, []);
    let free = [first, second].map(|errand| ErrandRow { waits_for: None, ..errand });
    assert_eq!(claim(store, 100, 200).await, free.map(|errand| claimed(&errand, 200)));
    // The end that is written again does not make it due again.
    end(store, &[mine], 110).await;
    assert_eq!(claim(store, 199, 300).await, []);
}

pub(super) async fn an_errand_that_waits_is_due_at_its_own_time_too(pair: &Pair) {
    let store = &*pair.identity;
    let sid = Uuid::now_v7();
    let errand = waiting(sid, 1, 50);
    queue(store, &[&errand]).await;
    assert_eq!(claim(store, 49, 100).await, []);
    // Whoever claims it has it: it waits for nothing from then on.
    let mine = ErrandRow { waits_for: None, ..claimed(&errand, 100) };
    assert_eq!(claim(store, 50, 100).await, std::slice::from_ref(&mine));
    assert_eq!(store.errand_backlog().await.unwrap(), Backlog { waiting: 1, oldest: Some(at(1)) });
    end(store, &[sid], 60).await;
    assert_eq!(claim(store, 99, 200).await, []);
    assert_eq!(claim(store, 100, 200).await, [claimed(&mine, 200)]);
}

pub(super) async fn an_errand_for_the_end_of_a_session_that_has_ended_is_due_at_once(pair: &Pair) {
    let store = &*pair.identity;
    let (ended, living) = (Uuid::now_v7(), Uuid::now_v7());
    end(store, &[ended], 10).await;
    let (late, early) = (waiting(ended, 20, 1000), waiting(ended, 30, 25));
    let other = waiting(living, 21, 1000);
    queue(store, &[&late, &other, &early]).await;
    assert_eq!(store.errand_backlog().await.unwrap(), Backlog { waiting: 2, oldest: Some(at(20)) });
    assert_eq!(claim(store, 19, 100).await, []);
    let free = |errand| ErrandRow { waits_for: None, ..errand };
    assert_eq!(claim(store, 20, 100).await, [claimed(&free(late), 100)]);
    assert_eq!(claim(store, 25, 100).await, [claimed(&free(early), 100)]);
    assert_eq!(claim(store, 99, 200).await, []);
}

pub(super) async fn every_act_that_ends_sessions_makes_what_waits_due(pair: &Pair) {
    let (store, person) = (&*pair.identity, user("ada"));
    create(store, &person).await;
    register(store, &client("shop")).await;
    let sids: [Uuid; 7] = std::array::from_fn(|_| Uuid::now_v7());
    let waiting: Vec<_> = sids.iter().map(|sid| waiting(*sid, 1, 1000)).collect();
    queue(store, &waiting.iter().collect::<Vec<_>>()).await;
    let mut ends = sids
        .into_iter()
        .map(|sid| [cut_off(CutOffKind::Session, &sid.to_string(), at(10), at(5000))]);
    let mut next = || ends.next().unwrap();
    let act = || event(Action::SessionRevoked);
    let epoch = person.factor_epoch;

    store.cut_off(&next(), &act()).await.unwrap();
    let password = NewPassword {
        user_id: person.id,
        hash: "hash".to_owned(),
        expected_epoch: epoch,
        proves_address: None,
        invited: None,
    };
    assert!(store.change_password(&password, &next(), at(10), &act()).await.unwrap());
    let change = FactorChange {
        user_id: person.id,
        expected_epoch: epoch + 1,
        remove: Vec::new(),
        add: Vec::new(),
        codes: Vec::new(),
    };
    assert!(store.change_factors(&change, &next(), at(10), &act()).await.unwrap());
    let address = NewAddress {
        user_id: person.id,
        expected_epoch: epoch + 2,
        address: normalise_address("new@example.com").unwrap(),
        displaces: None,
    };
    let changed = store.change_address(&address, &next(), at(10), &act()).await.unwrap();
    assert_eq!(changed, AddressChanged::Changed);
    store.remove_devices(person.id, &[], &next(), &act()).await.unwrap();
    let shop = client("shop");
    store.replace_client(&shop, shop.updated_at, &next(), &act()).await.unwrap();
    store.remove_client("shop", &next(), &act()).await.unwrap();

    let due = store.claim_errands(act().at, at(100), 10).await.unwrap();
    let ids =
        |errands: &[ErrandRow]| errands.iter().map(|errand| errand.id).collect::<BTreeSet<_>>();
    assert_eq!(ids(&due), ids(&waiting));
}

pub(super) async fn no_errand_misses_the_end_of_its_session(pair: &Pair) {
    let store = &pair.identity;
    let sids: Vec<Uuid> = (0..RACERS / 2).map(|_| Uuid::now_v7()).collect();
    race(|number| {
        let (store, sid) = (Arc::clone(store), sids[number / 2]);
        async move {
            if number % 2 == 0 {
                queue(&*store, &[&waiting(sid, 1, 1000)]).await;
            } else {
                end(&*store, &[sid], 10).await;
            }
        }
    })
    .await;
    let due = store.claim_errands(at(10), at(100), 1000).await.unwrap();
    assert_eq!(due.len(), sids.len());
}
