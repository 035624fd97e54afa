//! Edges and their credentials.

use uuid::Uuid;

use super::{
    Pair,
    samples::{at, edge, event, hash, whole_log, written},
};
use crate::domain::{audit::Action, edge::EdgeRow};

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
