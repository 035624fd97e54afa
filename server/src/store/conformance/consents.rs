//! Consents.

use uuid::Uuid;

use super::{
    Pair,
    samples::{at, client, consent, create, event, register, user, whole_log, written},
};
use crate::domain::{audit::Action, consent::Consent};

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
