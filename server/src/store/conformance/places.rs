//! Where people sign in from.

use uuid::Uuid;

use super::{
    Pair,
    samples::{at, create, user},
};
use crate::domain::place::Place;

fn place(user_id: Uuid, agent: &str, network: &str) -> Place {
    Place { user_id, agent: agent.to_owned(), network: network.to_owned() }
}

pub(super) async fn a_place_is_new_once(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (user("ada"), user("bob"));
    for person in [&ada, &bob] {
        create(store, person).await;
    }
    let one = place(ada.id, "Firefox on Linux", "192.0.2.0/24");
    assert!(store.note_place(&one, 9, at(10)).await.unwrap());
    assert!(!store.note_place(&one, 9, at(20)).await.unwrap());
    for other in [
        place(ada.id, "Firefox on macOS", "192.0.2.0/24"),
        place(ada.id, "Firefox on Linux", "198.51.100.0/24"),
        place(ada.id, "", "192.0.2.0/24"),
        place(bob.id, "Firefox on Linux", "192.0.2.0/24"),
    ] {
        assert!(store.note_place(&other, 9, at(30)).await.unwrap(), "{other:?}");
        assert!(!store.note_place(&other, 9, at(30)).await.unwrap(), "{other:?}");
    }
    assert!(store.note_place(&place(Uuid::new_v4(), "a", "b"), 9, at(30)).await.is_err());
}

pub(super) async fn one_place_too_many_takes_the_one_used_longest_ago(pair: &Pair) {
    let store = &*pair.identity;
    let ada = user("ada");
    create(store, &ada).await;
    let note = async |agent: &str, now| {
        store.note_place(&place(ada.id, agent, "192.0.2.0/24"), 3, at(now)).await.unwrap()
    };
    for (agent, now) in [("a", 10), ("b", 20), ("c", 30)] {
        assert!(note(agent, now).await);
    }
    // Used again, and by a clock that is behind: that makes it no older.
    assert!(!note("a", 40).await && !note("a", 5).await);
    assert!(note("d", 50).await);
    for kept in ["a", "c", "d"] {
        assert!(!note(kept, 60).await, "{kept}");
    }
    assert!(note("b", 70).await);
}
