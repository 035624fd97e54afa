//! Consents.

use jwks::{
    cutoff::CutOffKind,
    feed::{Change, Entry},
    grant::consent_id,
};
use uuid::Uuid;

use super::{
    Pair,
    samples::{
        at, client, consent, create, cut_off, errand, event, register, user, whole_log, written,
    },
};
use crate::domain::{
    audit::{Action, Event},
    consent::Consent,
    errand::ErrandRow,
};

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub(super) async fn a_consent_comes_back_whole(pair: &Pair) {
    let (store, ada, bob) = (&*pair.identity, user("ada"), user("bob"));
    for person in [&ada, &bob] {
        create(store, person).await;
    }
    for id in ["shop", "other"] {
        register(store, &client(id)).await;
    }
    let given = consent(ada.id, "shop");
    let act = event(Action::ConsentGranted);
    assert!(store.grant_consent(&given, &act).await.unwrap());
    assert_eq!(store.find_consent(ada.id, "shop").await.unwrap(), Some(given));
    assert_eq!(whole_log(store).await.pop().unwrap().event, act);
    assert_eq!(store.find_consent(ada.id, "other").await.unwrap(), None);
    assert_eq!(store.find_consent(bob.id, "shop").await.unwrap(), None);

    let bare = Consent {
        scopes: Vec::new(),
        claims: Vec::new(),
        resources: Vec::new(),
        ..consent(bob.id, "other")
    };
    assert!(store.grant_consent(&bare, &event(Action::ConsentGranted)).await.unwrap());
    assert_eq!(store.find_consent(bob.id, "other").await.unwrap(), Some(bare));
}

pub(super) async fn a_consent_is_added_to_what_was_given_before(pair: &Pair) {
    let (store, person) = (&*pair.identity, user("ada"));
    create(store, &person).await;
    register(store, &client("shop")).await;
    let first = consent(person.id, "shop");
    let second = Consent {
        scopes: texts(&["profile", "email", "Zeta"]),
        claims: texts(&["address", "address"]),
        resources: Vec::new(),
        created_at: at(90),
        granted_at: at(100),
        ..first.clone()
    };
    for consent in [&first, &second] {
        assert!(store.grant_consent(consent, &event(Action::ConsentGranted)).await.unwrap());
    }
    let whole = Consent {
        scopes: texts(&["Zeta", "email", "openid", "profile"]),
        claims: texts(&["address", "birthdate", "zoneinfo"]),
        granted_at: at(100),
        ..first.clone()
    };
    assert_eq!(store.find_consent(person.id, "shop").await.unwrap().as_ref(), Some(&whole));
    // One that comes late takes nothing back.
    assert!(store.grant_consent(&first, &event(Action::ConsentGranted)).await.unwrap());
    assert_eq!(store.find_consent(person.id, "shop").await.unwrap(), Some(whole));
}

pub(super) async fn a_consent_needs_a_person_and_a_client(pair: &Pair) {
    let (store, person) = (&*pair.identity, user("ada"));
    create(store, &person).await;
    register(store, &client("shop")).await;
    let before = written(store).await;
    for lost in [consent(person.id, "nobody"), consent(Uuid::new_v4(), "shop")] {
        assert!(!store.grant_consent(&lost, &event(Action::ConsentGranted)).await.unwrap());
        assert_eq!(store.find_consent(lost.user_id, &lost.client_id).await.unwrap(), None);
    }
    assert_eq!(written(store).await, before);
}

pub(super) async fn consents_are_listed_by_client_byte_for_byte(pair: &Pair) {
    let (store, ada, bob) = (&*pair.identity, user("ada"), user("bob"));
    for person in [&ada, &bob] {
        create(store, person).await;
    }
    let ids = ["shop", "Shop", "a shop", "shöp"];
    for id in ids {
        register(store, &client(id)).await;
        let given = consent(ada.id, id);
        assert!(store.grant_consent(&given, &event(Action::ConsentGranted)).await.unwrap());
    }
    let other = consent(bob.id, "shop");
    assert!(store.grant_consent(&other, &event(Action::ConsentGranted)).await.unwrap());
    let mut sorted = ids.map(|id| consent(ada.id, id));
    sorted.sort_by(|one, other| one.client_id.cmp(&other.client_id));
    assert_eq!(store.list_consents(ada.id).await.unwrap(), sorted);
    assert_eq!(store.list_consents(bob.id).await.unwrap(), [other]);
    assert_eq!(store.list_consents(Uuid::new_v4()).await.unwrap(), []);
}

pub(super) async fn a_consent_is_withdrawn_with_what_came_of_it(pair: &Pair) {
    let (store, ada, bob) = (&*pair.identity, user("ada"), user("bob"));
    for person in [&ada, &bob] {
        create(store, person).await;
    }
    let kept = [(ada.id, "other"), (bob.id, "shop")];
    for id in ["shop", "other"] {
        register(store, &client(id)).await;
    }
    for (person, client) in kept.into_iter().chain([(ada.id, "shop")]) {
        let given = consent(person, client);
        assert!(store.grant_consent(&given, &event(Action::ConsentGranted)).await.unwrap());
    }
    let end = cut_off(CutOffKind::Consent, &consent_id(ada.id, "shop"), at(60), at(90));
    // Whether or not there is one: a client may have got something without.
    for round in 0..2 {
        let before = written(store).await;
        let act = Event { at: at(55 + round), ..event(Action::ConsentRevoked) };
        let ends = std::slice::from_ref(&end);
        store.withdraw_consent(ada.id, "shop", ends, &[], &act).await.unwrap();
        assert_eq!(store.find_consent(ada.id, "shop").await.unwrap(), None);
        assert_eq!(whole_log(store).await.pop().unwrap().event, act);
        let feed = store.list_feed(before.1, 10).await.unwrap();
        let change = Change::CutOff(end.clone());
        assert_eq!(feed, [Entry { seq: before.1 + 1, at: act.at, change }]);
    }
    for (person, client) in kept {
        assert!(store.find_consent(person, client).await.unwrap().is_some());
    }
    let named = [(CutOffKind::Consent, consent_id(ada.id, "shop"))];
    assert_eq!(store.find_cut_offs(&named).await.unwrap(), [end]);
}

pub(super) async fn who_waits_for_the_end_of_a_session_is_told_when_a_consent_is_withdrawn(
    pair: &Pair,
) {
    let (store, person) = (&*pair.identity, user("ada"));
    create(store, &person).await;
    let waiting =
        [1, 2, 3].map(|_| ErrandRow { waits_for: Some(Uuid::now_v7()), ..errand(1, 1000) });
    let at_once = errand(1, 400);
    for errand in waiting.iter().chain([&at_once]) {
        store.queue_errand(errand).await.unwrap();
    }
    let [told, ended, other] = &waiting;
    let end = ended.waits_for.unwrap().to_string();
    let end = cut_off(CutOffKind::Session, &end, at(60), at(90));
    let act = Event { at: at(55), ..event(Action::ConsentRevoked) };
    // One that waits for nothing goes on as it was.
    let named = [told.id, Uuid::now_v7(), at_once.id];
    store.withdraw_consent(person.id, "shop", &[end], &named, &act).await.unwrap();
    let due = store.claim_errands(at(55), at(2000), 10).await.unwrap();
    let ids: Vec<Uuid> = due.iter().map(|errand| errand.id).collect();
    let mut expected = [told.id, ended.id];
    expected.sort_unstable();
    assert_eq!(ids, expected);
    let later = store.claim_errands(at(400), at(2000), 10).await.unwrap();
    assert_eq!(later.iter().map(|errand| errand.id).collect::<Vec<_>>(), [at_once.id]);
    let last = store.claim_errands(at(1000), at(2000), 10).await.unwrap();
    assert_eq!(last.iter().map(|errand| errand.id).collect::<Vec<_>>(), [other.id]);
}
