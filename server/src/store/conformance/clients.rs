//! Clients, and the tokens with which they register themselves.

use std::time::Duration;

use jwks::{
    cutoff::{CutOff, CutOffKind},
    feed::Change,
};

use super::{
    Pair,
    samples::{
        at, client, consent, create, cut_off, event, hash, register, secs, user, whole_log, written,
    },
};
use crate::{
    domain::{
        audit::Action,
        client::{Client, InitialAccess, Metadata, Registrar},
    },
    store::{IdentityStore, identity::ClientChanged},
};

const MILLISECOND: Duration = Duration::from_millis(1);

/// An ending of everything of client `shop`.
fn end_of_shop() -> CutOff {
    cut_off(CutOffKind::Client, "shop", at(30), at(1000))
}

async fn ids(store: &dyn IdentityStore, after: &str, limit: u32) -> Vec<String> {
    let clients = store.list_clients(after, limit).await.unwrap();
    clients.into_iter().map(|client| client.client_id).collect()
}

pub(super) async fn a_client_comes_back_whole(pair: &Pair) {
    let store = &*pair.identity;
    assert_eq!(store.find_client("shop").await.unwrap(), None);
    let whole = client("shop");
    let bare = Client {
        client_id: "bare".to_owned(),
        secret: None,
        registration_token: None,
        registrar: Registrar::Operator,
        metadata: Metadata::default(),
        ..whole.clone()
    };
    for client in [&whole, &bare] {
        let act = event(Action::ClientCreated);
        assert!(store.create_client(client, &act).await.unwrap());
        let found = store.find_client(&client.client_id).await.unwrap();
        assert_eq!(found.as_ref(), Some(client));
        assert_eq!(whole_log(store).await.pop().unwrap().event, act);
    }
    assert_eq!(store.list_clients("", 10).await.unwrap(), [bare, whole]);
    for unknown in ["SHOP", "", "shop\0", "\u{1f511}"] {
        assert_eq!(store.find_client(unknown).await.unwrap(), None);
    }
}

pub(super) async fn clients_are_listed_by_id_in_pages_and_counted(pair: &Pair) {
    let store = &*pair.identity;
    assert_eq!(store.count_clients().await.unwrap(), 0);
    for id in ["b", "Z", "a-b", "é", "ab", "a"] {
        register(store, &client(id)).await;
    }
    assert_eq!(store.count_clients().await.unwrap(), 6);
    assert_eq!(ids(store, "", 10).await, ["Z", "a", "a-b", "ab", "b", "é"]);
    assert_eq!(ids(store, "", 2).await, ["Z", "a"]);
    assert_eq!(ids(store, "a", 2).await, ["a-b", "ab"]);
    // Whether the last one seen is there still does not matter.
    assert_eq!(ids(store, "a\0z", 2).await, ["a-b", "ab"]);
    assert_eq!(ids(store, "az", 10).await, ["b", "é"]);
    assert_eq!(ids(store, "é", 10).await, Vec::<String>::new());
}

pub(super) async fn an_id_of_a_client_is_given_once_for_ever(pair: &Pair) {
    let store = &*pair.identity;
    let first = client("shop");
    register(store, &first).await;
    let again = Client { secret: None, ..first.clone() };
    let before = written(store).await;
    assert!(!store.create_client(&again, &event(Action::ClientCreated)).await.unwrap());
    assert_eq!(written(store).await, before);
    assert_eq!(store.find_client("shop").await.unwrap(), Some(first));
    store.remove_client("shop", &[], &event(Action::ClientRemoved)).await.unwrap();
    let before = written(store).await;
    assert!(!store.create_client(&again, &event(Action::ClientCreated)).await.unwrap());
    assert_eq!(written(store).await, before);
    assert_eq!(store.find_client("shop").await.unwrap(), None);
    assert_eq!(store.count_clients().await.unwrap(), 0);
}

pub(super) async fn a_client_is_replaced_from_the_version_it_was_judged_by(pair: &Pair) {
    let store = &*pair.identity;
    let old = client("shop");
    register(store, &old).await;
    let new = Client {
        secret: Some(hash("another")),
        registration_token: None,
        registrar: Registrar::Operator,
        metadata: Metadata { client_name: Some("new".to_owned()), ..Metadata::default() },
        created_at: at(500),
        updated_at: at(600),
        ..old.clone()
    };
    let act = event(Action::ClientUpdated);
    let cuts = [end_of_shop()];
    for wrong in [at(20), at(22), at(600)] {
        let before = written(store).await;
        let changed = store.replace_client(&new, wrong, &cuts, &act).await.unwrap();
        assert_eq!(changed, ClientChanged::Overtaken);
        assert_eq!(written(store).await, before);
        assert_eq!(store.find_client("shop").await.unwrap().as_ref(), Some(&old));
    }
    let changed = store.replace_client(&new, old.updated_at, &cuts, &act).await.unwrap();
    assert_eq!(changed, ClientChanged::Changed);
    let new = Client { created_at: old.created_at, ..new };
    assert_eq!(store.find_client("shop").await.unwrap().as_ref(), Some(&new));
    assert_eq!(whole_log(store).await.pop().unwrap().event, act);
    let entry = store.list_feed(0, 10).await.unwrap().pop().unwrap();
    assert_eq!((entry.at, entry.change), (act.at, Change::CutOff(end_of_shop())));

    let nobody = client("nobody");
    let before = written(store).await;
    let changed = store.replace_client(&nobody, nobody.updated_at, &cuts, &act).await.unwrap();
    assert_eq!(changed, ClientChanged::Gone);
    assert_eq!(store.find_client("nobody").await.unwrap(), None);
    assert_eq!(written(store).await, before);
}

pub(super) async fn two_changes_of_one_instant_are_two_versions(pair: &Pair) {
    let store = &*pair.identity;
    let mut client = client("shop");
    register(store, &client).await;
    // The clock may even have gone back.
    for (updated_at, version) in [(21, 22), (20, 23), (24, 24)] {
        let change = Client { updated_at: at(updated_at), ..client.clone() };
        let act = event(Action::ClientUpdated);
        let changed = store.replace_client(&change, client.updated_at, &[], &act).await.unwrap();
        assert_eq!(changed, ClientChanged::Changed);
        let late = store.replace_client(&change, client.updated_at, &[], &act).await.unwrap();
        assert_eq!(late, ClientChanged::Overtaken);
        client = store.find_client("shop").await.unwrap().unwrap();
        assert_eq!(client.updated_at, at(version));
    }
}

pub(super) async fn a_removed_client_is_gone_with_its_consents(pair: &Pair) {
    let (store, person) = (&*pair.identity, user("ada"));
    create(store, &person).await;
    for id in ["shop", "other"] {
        register(store, &client(id)).await;
        let consent = consent(person.id, id);
        assert!(store.grant_consent(&consent, &event(Action::ConsentGranted)).await.unwrap());
    }
    let act = event(Action::ClientRemoved);
    let removed = store.remove_client("shop", &[end_of_shop()], &act).await.unwrap();
    assert_eq!(removed, ClientChanged::Changed);
    assert_eq!(store.find_client("shop").await.unwrap(), None);
    assert_eq!(store.find_consent(person.id, "shop").await.unwrap(), None);
    assert!(store.find_consent(person.id, "other").await.unwrap().is_some());
    assert_eq!(ids(store, "", 10).await, ["other"]);
    let entry = store.list_feed(0, 10).await.unwrap().pop().unwrap();
    assert_eq!((entry.at, entry.change), (act.at, Change::CutOff(end_of_shop())));
    assert_eq!(whole_log(store).await.pop().unwrap().event, act);
    let before = written(store).await;
    for gone in ["shop", "nobody", "no\0body"] {
        let cuts = [end_of_shop()];
        let act = event(Action::ClientRemoved);
        let removed = store.remove_client(gone, &cuts, &act).await.unwrap();
        assert_eq!(removed, ClientChanged::Gone);
    }
    assert_eq!(written(store).await, before);
}

pub(super) async fn a_follower_is_woken_when_a_client_changes(pair: &Pair) {
    let store = &*pair.identity;
    register(store, &client("shop")).await;
    let version = client("shop").updated_at;
    let mut follower = store.feed_changes();
    // What came before may still be on its way.
    let woken = async |follower: &mut tokio::sync::watch::Receiver<u64>| {
        tokio::time::timeout(secs(5), follower.changed()).await.unwrap().unwrap();
    };
    follower.mark_unchanged();
    let act = event(Action::ClientUpdated);
    store.replace_client(&client("shop"), version, &[], &act).await.unwrap();
    woken(&mut follower).await;
    follower.mark_unchanged();
    store.remove_client("shop", &[], &event(Action::ClientRemoved)).await.unwrap();
    woken(&mut follower).await;
    assert_eq!(store.feed_head().await.unwrap().1, 0);
}

pub(super) async fn an_initial_access_token_lives_until_its_end(pair: &Pair) {
    let store = &*pair.identity;
    let access = InitialAccess {
        hash: hash("access"),
        name: "for „ü“ \"partners\"".to_owned(),
        created_at: at(3),
        expires_at: at(100),
    };
    let other = InitialAccess { hash: hash("other"), expires_at: at(200), ..access.clone() };
    let act = event(Action::InitialAccessCreated);
    store.create_initial_access(&access, &act).await.unwrap();
    assert_eq!(whole_log(store).await.pop().unwrap().event, act);
    store.create_initial_access(&other, &event(Action::InitialAccessCreated)).await.unwrap();
    let find = async |token: &str, now| store.find_initial_access(&hash(token), at(now)).await;
    assert_eq!(find("unknown", 4).await.unwrap(), None);
    assert_eq!(find("access", 99).await.unwrap().as_ref(), Some(&access));
    assert_eq!(find("access", 100).await.unwrap(), None);
    assert_eq!(find("other", 100).await.unwrap().as_ref(), Some(&other));
    assert_eq!(store.sweep(at(100).minus(MILLISECOND)).await.unwrap(), 0);
    assert_eq!(store.sweep(at(100)).await.unwrap(), 1);
    assert_eq!(find("access", 99).await.unwrap(), None);
    assert_eq!(find("other", 99).await.unwrap(), Some(other));
}
