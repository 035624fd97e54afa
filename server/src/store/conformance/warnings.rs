//! What people were told, and what becomes of an account whose owner denies it.

use jwks::{
    cutoff::{CutOff, CutOffKind},
    feed::Change,
    policy::Method,
};
use uuid::Uuid;

use super::{
    Pair,
    samples::{
        at, create, cut_off, denial, device, event, factor, hash, pending_user, user, warning,
        whole_log, written,
    },
};
use crate::{
    domain::{
        audit::Action,
        login::Address,
        place::Place,
        user::{User, UserStatus},
        warning::{Denial, Warning},
    },
    store::{IdentityStore, identity::Denied},
};

async fn told(store: &dyn IdentityStore, person: &User) -> Warning {
    let warning = Warning { used_at: None, ..warning(person) };
    store.put_warning(&warning).await.unwrap();
    warning
}

async fn deny(store: &dyn IdentityStore, denial: &Denial) -> Denied {
    store.deny(denial, &[], at(50), &event(Action::AccountBlocked)).await.unwrap()
}

pub(super) async fn a_warning_comes_back_whole_until_it_is_over(pair: &Pair) {
    let store = &*pair.identity;
    let person = user("ada");
    create(store, &person).await;
    let whole = Warning { hash: hash("one"), ..warning(&person) };
    let bare = Warning { lost_factor: false, used_at: None, ..warning(&person) };
    for warning in [whole, bare] {
        store.put_warning(&warning).await.unwrap();
        let find = async |now| store.find_warning(warning.id, at(now)).await.unwrap();
        assert_eq!(find(999).await, Some(warning.clone()));
        assert_eq!(find(1000).await, None);
    }
    assert_eq!(store.find_warning(Uuid::new_v4(), at(0)).await.unwrap(), None);
    let nobodys = Warning { user_id: Uuid::new_v4(), ..warning(&user("eve")) };
    assert!(store.put_warning(&nobodys).await.is_err());
}

pub(super) async fn a_loss_is_known_while_its_warning_is_not_over(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (user("ada"), user("bob"));
    for person in [&ada, &bob] {
        create(store, person).await;
    }
    let lost = async |person: &User, now| store.has_lost_factor(person.id, at(now)).await.unwrap();
    let other = Warning { lost_factor: false, ..warning(&ada) };
    store.put_warning(&other).await.unwrap();
    store.put_warning(&warning(&bob)).await.unwrap();
    assert!(!lost(&ada, 0).await);
    store.put_warning(&warning(&ada)).await.unwrap();
    assert!(lost(&ada, 999).await);
    assert!(!lost(&ada, 1000).await);
}

pub(super) async fn a_denial_blocks_and_ends_everything_in_one_act(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (user("ada"), user("bob"));
    for person in [&ada, &bob] {
        create(store, person).await;
        store.trust_device(&device(person.id), 9).await.unwrap();
        let place = Place { user_id: person.id, agent: "a".into(), network: "n".into() };
        assert!(store.note_place(&place, 9, at(1)).await.unwrap());
    }
    let (kept, gone) = (factor(ada.id, Method::Totp), factor(ada.id, Method::EmailOtp));
    let theirs = factor(bob.id, Method::Totp);
    store.enrol_factors(ada.id, &[kept.clone(), gone.clone()], &[]).await.unwrap();
    store.enrol_factors(bob.id, std::slice::from_ref(&theirs), &[]).await.unwrap();
    let warning = told(store, &ada).await;
    let denied = Denial {
        // One that is gone already, and one of somebody else's, are in nobody's way.
        remove: vec![gone.id, Uuid::new_v4(), theirs.id],
        ..denial(&warning, &ada)
    };
    let ends: [CutOff; 2] = [
        cut_off(CutOffKind::User, &ada.id.to_string(), at(50), at(1000)),
        cut_off(CutOffKind::Session, &Uuid::now_v7().to_string(), at(50), at(1001)),
    ];
    let act = event(Action::AccountBlocked);
    assert_eq!(store.deny(&denied, &ends, at(50), &act).await.unwrap(), Denied::Denied);

    let blocked = User {
        status: UserStatus::Blocked,
        factor_epoch: ada.factor_epoch + 1,
        updated_at: at(50),
        ..ada.clone()
    };
    assert_eq!(store.find_user(ada.id).await.unwrap(), Some(blocked));
    assert_eq!(store.list_factors(ada.id).await.unwrap(), [kept]);
    assert_eq!(store.list_devices(ada.id).await.unwrap(), []);
    let used = Warning { used_at: Some(at(50)), ..warning.clone() };
    assert_eq!(store.find_warning(warning.id, at(51)).await.unwrap(), Some(used));
    assert_eq!(whole_log(store).await.last().unwrap().event, act);
    let feed = store.list_feed(0, 10).await.unwrap();
    let heard: Vec<_> = feed.into_iter().map(|entry| (entry.at, entry.change)).collect();
    assert_eq!(heard, ends.map(|end| (act.at, Change::CutOff(end))));
    // Whoever signed in before is told anew.
    let place = Place { user_id: ada.id, agent: "a".into(), network: "n".into() };
    assert!(store.note_place(&place, 9, at(60)).await.unwrap());

    assert_eq!(store.find_user(bob.id).await.unwrap(), Some(bob.clone()));
    assert_eq!(store.list_factors(bob.id).await.unwrap(), [theirs]);
    assert_eq!(store.list_devices(bob.id).await.unwrap().len(), 1);
    let place = Place { user_id: bob.id, ..place };
    assert!(!store.note_place(&place, 9, at(60)).await.unwrap());

    // Once; and another one goes on from there.
    let again = Denial { expected_epoch: ada.factor_epoch + 1, ..denied };
    assert_eq!(deny(store, &again).await, Denied::Spent);
    let other = told(store, &ada).await;
    let disabled = Denial { warning_id: other.id, status: UserStatus::Disabled, ..again };
    assert_eq!(deny(store, &disabled).await, Denied::Denied);
    let status = store.find_user(ada.id).await.unwrap().unwrap().status;
    assert_eq!(status, UserStatus::Disabled);
}

pub(super) async fn a_denial_takes_away_a_number_that_is_as_young_as_a_letter(pair: &Pair) {
    let store = &*pair.identity;
    let number = Some("+31201234567".to_owned());
    let cases = [
        (Some(at(40)), number.clone()),
        // Nobody ever proved it: an operator said so.
        (None, number.clone()),
        (Some(at(41)), None),
        (Some(at(50)), None),
    ];
    for (case, (proved, left)) in cases.into_iter().enumerate() {
        let person = User {
            phone: number.clone(),
            phone_verified_at: proved,
            ..user(&format!("person{case}"))
        };
        create(store, &person).await;
        let denied = denial(&told(store, &person).await, &person);
        assert_eq!(deny(store, &denied).await, Denied::Denied);
        let found = store.find_user(person.id).await.unwrap().unwrap();
        let proved = proved.filter(|_| left.is_some());
        assert_eq!((found.phone, found.phone_verified_at), (left, proved), "{case}");
    }
}

fn address(key: &str) -> Address {
    Address { display: key.to_uppercase(), key: key.to_owned() }
}

pub(super) async fn a_denial_gives_an_address_back_and_takes_it_from_nobody_but_the_unproved(
    pair: &Pair,
) {
    let store = &*pair.identity;
    let moved = User { email_verified_at: None, ..user("elsewhere") };
    let (nobodys, somebodys) = (pending_user("old"), user("taken"));
    for person in [&moved, &nobodys, &somebodys] {
        create(store, person).await;
    }
    let warning = told(store, &moved).await;
    let restoring = |key: &str, gives_way| Denial {
        restored: Some(address(key)),
        gives_way,
        ..denial(&warning, &moved)
    };
    for refused in [
        restoring("taken@example.com", None),
        restoring("taken@example.com", Some(somebodys.id)),
        restoring("old@example.com", None),
        restoring("old@example.com", Some(somebodys.id)),
    ] {
        assert_eq!(deny(store, &refused).await, Denied::Overtaken, "{refused:?}");
    }
    for person in [&moved, &nobodys, &somebodys] {
        assert_eq!(store.find_user(person.id).await.unwrap().as_ref(), Some(person));
    }
    let restored = restoring("old@example.com", Some(nobodys.id));
    assert_eq!(deny(store, &restored).await, Denied::Denied);
    let back = User {
        status: UserStatus::Blocked,
        email: "OLD@EXAMPLE.COM".to_owned(),
        email_key: "old@example.com".to_owned(),
        email_verified_at: Some(at(50)),
        factor_epoch: moved.factor_epoch + 1,
        updated_at: at(50),
        ..moved.clone()
    };
    assert_eq!(store.find_user_by_login("old@example.com").await.unwrap(), Some(back));
    assert_eq!(store.find_user(nobodys.id).await.unwrap(), None);
    assert_eq!(store.find_user_by_login("elsewhere@example.com").await.unwrap(), None);
}

pub(super) async fn a_denial_of_what_changed_meanwhile_changes_nothing(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (user("ada"), user("bob"));
    for person in [&ada, &bob] {
        create(store, person).await;
    }
    let warning = told(store, &ada).await;
    let before = written(store).await;
    let right = denial(&warning, &ada);
    for (wrong, outcome) in [
        (Denial { expected_epoch: ada.factor_epoch + 1, ..right.clone() }, Denied::Overtaken),
        (Denial { warning_id: Uuid::new_v4(), ..right.clone() }, Denied::Spent),
        (Denial { user_id: bob.id, ..right.clone() }, Denied::Spent),
    ] {
        assert_eq!(deny(store, &wrong).await, outcome, "{wrong:?}");
    }
    assert_eq!(store.find_user(ada.id).await.unwrap(), Some(ada));
    assert_eq!(store.find_user(bob.id).await.unwrap(), Some(bob));
    assert_eq!(store.find_warning(warning.id, at(50)).await.unwrap(), Some(warning));
    assert_eq!(written(store).await, before);
}

pub(super) async fn what_was_mailed_elsewhere_since_is_worth_nothing_once_an_address_is_restored(
    pair: &Pair,
) {
    let store = &*pair.identity;
    let (ada, bob) = (user("evil"), user("bob"));
    for person in [&ada, &bob] {
        create(store, person).await;
    }
    let at_home = |created| Warning {
        id: Uuid::new_v4(),
        used_at: None,
        address: address("home@example.com"),
        created_at: at(created),
        ..warning(&ada)
    };
    let elsewhere = |created| Warning { address: address("evil@example.com"), ..at_home(created) };
    let of_another = Warning { user_id: bob.id, ..elsewhere(31) };
    let (first, later) = (at_home(30), at_home(32));
    let (before, same, after) = (elsewhere(29), elsewhere(30), elsewhere(31));
    for warning in [&first, &later, &before, &same, &after, &of_another] {
        store.put_warning(warning).await.unwrap();
    }
    let blocking = denial(&first, &ada);
    let restoring = Denial { restored: Some(first.address.clone()), ..blocking };
    assert_eq!(deny(store, &restoring).await, Denied::Denied);
    let is_there =
        async |warning: &Warning| store.find_warning(warning.id, at(60)).await.unwrap().is_some();
    for kept in [&first, &later, &before, &of_another] {
        assert!(is_there(kept).await, "{kept:?}");
    }
    for gone in [&same, &after] {
        assert!(!is_there(gone).await, "{gone:?}");
    }
}
