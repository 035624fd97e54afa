//! Edges and their credentials.

use jwks::record::Refused;
use serde_json::json;
use uuid::Uuid;

use super::{
    Pair,
    samples::{at, edge, event, hash, whole_log, written},
};
use crate::{
    domain::{
        audit::Action,
        edge::{EdgeKey, EdgeRow},
    },
    store::identity::{EDGE_KEYS_KEPT, REFUSALS_KEPT},
};

pub(super) async fn an_edge_is_found_by_its_credential_alone(pair: &Pair) {
    let store = &*pair.identity;
    let (north, south) = (edge("north \"ü\"", "n"), edge("south", "s"));
    for edge in [&north, &south] {
        let act = event(Action::EdgeCreated);
        assert!(store.create_edge(edge, &act).await.unwrap());
        assert_eq!(whole_log(store).await.last().unwrap().event, act);
    }
    assert_eq!(store.find_edge(&hash("n")).await.unwrap(), Some(north));
    assert_eq!(store.find_edge(&hash("s")).await.unwrap(), Some(south));
    assert_eq!(store.find_edge(&hash("x")).await.unwrap(), None);
}

pub(super) async fn a_name_belongs_to_one_edge(pair: &Pair) {
    let store = &*pair.identity;
    let north = edge("north", "n");
    assert!(store.create_edge(&north, &event(Action::EdgeCreated)).await.unwrap());
    let before = written(store).await;
    let again = edge("north", "other");
    assert!(!store.create_edge(&again, &event(Action::EdgeCreated)).await.unwrap());
    assert_eq!(store.find_edge(&hash("n")).await.unwrap(), Some(north));
    assert_eq!(store.find_edge(&hash("other")).await.unwrap(), None);
    assert_eq!(written(store).await, before);
}

pub(super) async fn a_renewed_credential_takes_the_place_of_the_old_one(pair: &Pair) {
    let store = &*pair.identity;
    let (north, south) = (edge("north", "n"), edge("south", "s"));
    store.create_edge(&north, &event(Action::EdgeCreated)).await.unwrap();
    let renewal = EdgeRow { id: Uuid::new_v4(), created_at: at(99), ..edge("north", "renewed") };
    let act = event(Action::EdgeCreated);
    store.renew_edge(&renewal, &act).await.unwrap();
    assert_eq!(whole_log(store).await.last().unwrap().event, act);
    assert_eq!(store.find_edge(&hash("n")).await.unwrap(), None);
    let renewed = EdgeRow { hash: hash("renewed"), ..north };
    assert_eq!(store.find_edge(&hash("renewed")).await.unwrap(), Some(renewed));
    store.renew_edge(&south, &event(Action::EdgeCreated)).await.unwrap();
    assert_eq!(store.find_edge(&hash("s")).await.unwrap(), Some(south));
}

fn key(edge: &EdgeRow, kid: &str, told_at: u64) -> EdgeKey {
    let jwk = json!({ "kid": kid, "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": "AA" });
    EdgeKey {
        edge_id: edge.id,
        kid: kid.to_owned(),
        jwk: serde_json::from_value(jwk).unwrap(),
        told_at: at(told_at),
    }
}

pub(super) async fn a_removed_edge_is_gone_with_what_it_told(pair: &Pair) {
    let store = &*pair.identity;
    let (north, south) = (edge("north", "n"), edge("south", "s"));
    for (edge, kid) in [(&north, "n1"), (&south, "s1")] {
        store.create_edge(edge, &event(Action::EdgeCreated)).await.unwrap();
        assert!(store.put_edge_key(&key(edge, kid, 10)).await.unwrap());
        store.keep_refusals(edge.id, &[refused(kid, 1, true)], at(0)).await.unwrap();
    }
    let before = written(store).await;
    assert!(!store.remove_edge("east", &event(Action::EdgeRemoved)).await.unwrap());
    assert_eq!(written(store).await, before);
    let act = event(Action::EdgeRemoved);
    assert!(store.remove_edge("north", &act).await.unwrap());
    assert_eq!(whole_log(store).await.last().unwrap().event, act);
    assert_eq!(store.find_edge(&hash("n")).await.unwrap(), None);
    assert_eq!(store.find_edge(&hash("s")).await.unwrap(), Some(south.clone()));
    assert_eq!(store.list_edge_keys(at(0)).await.unwrap(), [key(&south, "s1", 10)]);
    assert_eq!(store.find_refusal("n1", at(0)).await.unwrap(), None);
    assert!(store.find_refusal("s1", at(0)).await.unwrap().is_some());
    // Its name is free.
    assert!(store.create_edge(&edge("north", "m"), &event(Action::EdgeCreated)).await.unwrap());
}

pub(super) async fn a_key_belongs_to_one_edge(pair: &Pair) {
    let store = &*pair.identity;
    let (north, south) = (edge("north", "n"), edge("south", "s"));
    for edge in [&north, &south] {
        store.create_edge(edge, &event(Action::EdgeCreated)).await.unwrap();
    }
    assert!(store.put_edge_key(&key(&north, "k", 10)).await.unwrap());
    assert!(!store.put_edge_key(&key(&south, "k", 20)).await.unwrap());
    assert_eq!(store.list_edge_keys(at(0)).await.unwrap(), [key(&north, "k", 10)]);
    // With a new credential the edge has told nothing.
    store.renew_edge(&edge("north", "renewed"), &event(Action::EdgeCreated)).await.unwrap();
    assert_eq!(store.list_edge_keys(at(0)).await.unwrap(), []);
    assert!(store.put_edge_key(&key(&south, "k", 30)).await.unwrap());
    store.renew_edge(&edge("east", "e"), &event(Action::EdgeCreated)).await.unwrap();
    assert_eq!(store.list_edge_keys(at(0)).await.unwrap(), [key(&south, "k", 30)]);
}

pub(super) async fn the_keys_of_edges_are_those_told_of_lately(pair: &Pair) {
    let store = &*pair.identity;
    let (north, south) = (edge("north", "n"), edge("south", "s"));
    for edge in [&north, &south] {
        store.create_edge(edge, &event(Action::EdgeCreated)).await.unwrap();
    }
    let names = async |since: u64| {
        let keys = store.list_edge_keys(at(since)).await.unwrap();
        let mut names: Vec<_> = keys.into_iter().map(|key| key.kid).collect();
        names.sort();
        names
    };
    store.put_edge_key(&key(&north, "n1", 10)).await.unwrap();
    store.put_edge_key(&key(&south, "s1", 20)).await.unwrap();
    assert_eq!(store.list_edge_keys(at(10)).await.unwrap(), [key(&south, "s1", 20)]);
    // Told of again, it is as good as new; an older word takes nothing back.
    store.put_edge_key(&key(&north, "n1", 30)).await.unwrap();
    store.put_edge_key(&key(&north, "n1", 15)).await.unwrap();
    assert_eq!(names(20).await, ["n1"]);
    for number in 0..u64::from(EDGE_KEYS_KEPT) {
        store.put_edge_key(&key(&north, &format!("new{number}"), 40 + number)).await.unwrap();
    }
    let left = names(0).await;
    assert_eq!(left.len(), EDGE_KEYS_KEPT as usize + 1);
    assert!(!left.contains(&"n1".to_owned()) && left.contains(&"s1".to_owned()));
}

fn refused(id: &str, when: u64, is_known: bool) -> Refused {
    let claims = json!({ "iss": "i", "sub": "s", "aud": "a", "exp": 1, "iat": 1, "jti": "j",
        "client_id": "c" });
    let presented = match is_known {
        true => json!({ "kind": "bearer", "of": { "token": "good", "is": claims } }),
        false => json!({ "kind": "bearer", "of": { "token": "refused", "is": "bad_signature" } }),
    };
    let facts = json!({
        "host": "app.test", "method": "GET", "path": { "Err": "path" }, "peer": "192.0.2.1",
        "presented": presented, "navigation": true, "view_confirmed_at": 7,
    });
    Refused {
        id: id.to_owned(),
        at: at(when),
        site_key: Some("app".to_owned()),
        site_version: Some(2),
        status: 401,
        reason: "not_signed_in".to_owned(),
        facts: Some(serde_json::from_value(facts).unwrap()),
    }
}

pub(super) async fn what_edges_refused_is_found_by_its_id_for_a_while(pair: &Pair) {
    let store = &*pair.identity;
    let (north, south) = (edge("north", "n"), edge("south", "s"));
    for edge in [&north, &south] {
        store.create_edge(edge, &event(Action::EdgeCreated)).await.unwrap();
    }
    let (one, two) = (refused("d_1", 10, true), refused("d_2", 20, false));
    store.keep_refusals(north.id, &[one.clone(), two.clone()], at(0)).await.unwrap();
    let found = store.find_refusal("d_1", at(9)).await.unwrap().unwrap();
    assert_eq!((found.edge.as_str(), found.refused), ("north", one));
    assert_eq!(store.find_refusal("d_1", at(10)).await.unwrap(), None);
    assert_eq!(store.find_refusal("d_3", at(0)).await.unwrap(), None);
    // Nobody writes over it, and each edge forgets its own.
    store.keep_refusals(south.id, &[refused("d_2", 30, true)], at(25)).await.unwrap();
    assert_eq!(store.find_refusal("d_2", at(0)).await.unwrap().unwrap().refused, two);
    store.keep_refusals(north.id, &[], at(10)).await.unwrap();
    assert_eq!(store.find_refusal("d_1", at(0)).await.unwrap(), None);
    assert!(store.find_refusal("d_2", at(0)).await.unwrap().is_some());
}

pub(super) async fn of_too_many_refusals_those_of_nobody_go_first(pair: &Pair) {
    let store = &*pair.identity;
    let north = edge("north", "n");
    store.create_edge(&north, &event(Action::EdgeCreated)).await.unwrap();
    let known = refused("known", 1, true);
    store.keep_refusals(north.id, &[known, refused("first", 2, false)], at(0)).await.unwrap();
    let flood: Vec<Refused> = (0..u64::from(REFUSALS_KEPT) - 1)
        .map(|number| refused(&format!("d_{number}"), 10 + number, false))
        .collect();
    store.keep_refusals(north.id, &flood, at(0)).await.unwrap();
    for (id, is_there) in [("known", true), ("first", false), ("d_0", true)] {
        assert_eq!(store.find_refusal(id, at(0)).await.unwrap().is_some(), is_there, "{id}");
    }
}
