//! Another mail address, another telephone number.

use jwks::{
    cutoff::{CutOff, CutOffKind},
    feed::Change,
    policy::Method,
};
use uuid::Uuid;

use super::{
    Pair,
    samples::{
        at, bare_user, confirmation, create, cut_off, event, factor, pending_user, user, whole_log,
        written,
    },
};
use crate::{
    domain::{
        audit::Action,
        login::Address,
        user::{User, UserStatus},
    },
    store::{
        IdentityStore,
        identity::{AddressChanged, Confirmation, Confirmed, NewAddress, NewPhone},
    },
};

/// The address of a person of this name, as another person's from now on.
fn new_address(person: &User, name: &str) -> NewAddress {
    NewAddress {
        user_id: person.id,
        expected_epoch: person.factor_epoch,
        address: Address {
            display: format!("{name}@Example.Com"),
            key: format!("{name}@example.com"),
        },
        displaces: None,
    }
}

/// The person after the change at `at(50)`.
fn moved(person: &User, new: &NewAddress) -> User {
    User {
        email: new.address.display.clone(),
        email_key: new.address.key.clone(),
        email_verified_at: Some(at(50)),
        updated_at: at(50),
        factor_epoch: person.factor_epoch + 1,
        ..person.clone()
    }
}

async fn change(store: &dyn IdentityStore, new: &NewAddress) -> AddressChanged {
    store.change_address(new, &[], at(50), &event(Action::EmailChanged)).await.unwrap()
}

fn new_phone(person: &User, phone: Option<&str>) -> NewPhone {
    NewPhone {
        user_id: person.id,
        expected_epoch: person.factor_epoch,
        phone: phone.map(str::to_owned),
    }
}

pub(super) async fn a_new_address_is_the_persons_with_its_endings_and_its_event(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (user("ada"), user("bob"));
    for person in [&ada, &bob] {
        create(store, person).await;
    }
    let ends: [CutOff; 1] =
        [cut_off(CutOffKind::Session, &Uuid::now_v7().to_string(), at(50), at(1001))];
    let (new, act) = (new_address(&ada, "lovelace"), event(Action::EmailChanged));
    let changed = store.change_address(&new, &ends, at(50), &act).await.unwrap();
    assert_eq!(changed, AddressChanged::Changed);
    let expected = moved(&ada, &new);
    assert_eq!(store.find_user(ada.id).await.unwrap().as_ref(), Some(&expected));
    let found = store.find_user_by_login("lovelace@example.com").await.unwrap();
    assert_eq!(found.as_ref(), Some(&expected));
    assert_eq!(store.find_user_by_login("ada@example.com").await.unwrap(), None);
    assert_eq!(store.find_user(bob.id).await.unwrap(), Some(bob));
    assert_eq!(whole_log(store).await.last().unwrap().event, act);
    let feed = store.list_feed(0, 10).await.unwrap();
    let told: Vec<_> = feed.into_iter().map(|entry| (entry.at, entry.change)).collect();
    assert_eq!(told, ends.map(|end| (act.at, Change::CutOff(end))));
    // What was theirs is anybody's now, and theirs may be written otherwise.
    let cy = user("cy");
    create(store, &cy).await;
    assert_eq!(change(store, &new_address(&cy, "ada")).await, AddressChanged::Changed);
    let again = NewAddress {
        expected_epoch: expected.factor_epoch,
        address: Address { display: "LOVELACE@example.com".to_owned(), ..new.address },
        ..new
    };
    assert_eq!(change(store, &again).await, AddressChanged::Changed);
    let found = store.find_user(ada.id).await.unwrap().unwrap();
    assert_eq!(found, moved(&expected, &again));
}

pub(super) async fn an_address_that_is_taken_stays_its_owners(pair: &Pair) {
    let store = &*pair.identity;
    let ada = user("ada");
    create(store, &ada).await;
    let with_roles = User { roles: vec!["editor".to_owned()], ..pending_user("dee") };
    let without_password =
        User { status: UserStatus::Pending, email_verified_at: None, ..bare_user("eve") };
    let owners = [
        user("bob"),
        User { status: UserStatus::Disabled, ..user("cy") },
        with_roles,
        without_password,
        User { status: UserStatus::Blocked, ..user("fay") },
        pending_user("gus"),
    ];
    for (owner, name) in owners.iter().zip(["bob", "cy", "dee", "eve", "fay", "gus"]) {
        create(store, owner).await;
        let before = written(store).await;
        let new = new_address(&ada, name);
        assert_eq!(change(store, &new).await, AddressChanged::Taken, "{name}");
        // Whoever it names, only a registration that nobody proved makes way, and of this address.
        for other in &owners[..owners.len() - 1] {
            let new = NewAddress { displaces: Some(other.id), ..new.clone() };
            assert_eq!(change(store, &new).await, AddressChanged::Taken, "{name}");
        }
        assert_eq!(store.find_user(owner.id).await.unwrap().as_ref(), Some(owner));
        assert_eq!(written(store).await, before);
    }
    assert_eq!(store.find_user(ada.id).await.unwrap(), Some(ada));
}

pub(super) async fn a_registration_that_nobody_proved_makes_way(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, squatter) = (user("ada"), pending_user("bob"));
    create(store, &ada).await;
    create(store, &squatter).await;
    let theirs = factor(squatter.id, Method::Totp);
    store.enrol_factors(squatter.id, std::slice::from_ref(&theirs), &[]).await.unwrap();
    let new = NewAddress { displaces: Some(squatter.id), ..new_address(&ada, "bob") };
    // Of somebody who was faster, nothing goes.
    let late = NewAddress { expected_epoch: ada.factor_epoch + 1, ..new.clone() };
    assert_eq!(change(store, &late).await, AddressChanged::Overtaken);
    assert_eq!(store.find_user(squatter.id).await.unwrap().as_ref(), Some(&squatter));
    assert_eq!(change(store, &new).await, AddressChanged::Changed);
    assert_eq!(store.find_user(squatter.id).await.unwrap(), None);
    assert_eq!(store.list_factors(squatter.id).await.unwrap(), []);
    assert_eq!(store.find_user(ada.id).await.unwrap(), Some(moved(&ada, &new)));
}

pub(super) async fn an_address_stays_where_what_has_to_be_so_is_not(pair: &Pair) {
    let store = &*pair.identity;
    let people = [
        user("ada"),
        pending_user("bob"),
        User { status: UserStatus::Disabled, ..user("cy") },
        User { status: UserStatus::Blocked, ..user("dee") },
    ];
    for person in &people {
        create(store, person).await;
    }
    let [ada, pending, disabled, blocked] = &people;
    let before = written(store).await;
    for new in [
        NewAddress { expected_epoch: ada.factor_epoch - 1, ..new_address(ada, "new") },
        NewAddress { expected_epoch: ada.factor_epoch + 1, ..new_address(ada, "new") },
        // What has to be so is asked first.
        NewAddress { expected_epoch: ada.factor_epoch + 1, ..new_address(ada, "cy") },
        NewAddress { user_id: Uuid::now_v7(), ..new_address(ada, "new") },
        new_address(pending, "new"),
        new_address(disabled, "new"),
        new_address(blocked, "new"),
    ] {
        assert_eq!(change(store, &new).await, AddressChanged::Overtaken, "{new:?}");
    }
    for person in people {
        assert_eq!(store.find_user(person.id).await.unwrap(), Some(person));
    }
    assert_eq!(written(store).await, before);
}

pub(super) async fn a_number_comes_and_goes(pair: &Pair) {
    let store = &*pair.identity;
    let ada = bare_user("ada");
    create(store, &ada).await;
    let act = event(Action::PhoneChanged);
    let new = new_phone(&ada, Some("+4915123456789"));
    assert!(store.change_phone(&new, at(50), &act).await.unwrap());
    let with = User {
        phone: Some("+4915123456789".to_owned()),
        phone_verified_at: Some(at(50)),
        updated_at: at(50),
        ..ada.clone()
    };
    assert_eq!(store.find_user(ada.id).await.unwrap().as_ref(), Some(&with));
    assert_eq!(whole_log(store).await.last().unwrap().event, act);
    let gone = new_phone(&ada, None);
    assert!(store.change_phone(&gone, at(60), &event(Action::PhoneChanged)).await.unwrap());
    let without = User { updated_at: at(60), ..ada.clone() };
    assert_eq!(store.find_user(ada.id).await.unwrap(), Some(without));
}

pub(super) async fn a_number_stays_where_what_has_to_be_so_is_not(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, pending) = (user("ada"), pending_user("bob"));
    let disabled = User { status: UserStatus::Disabled, ..user("cy") };
    for person in [&ada, &pending, &disabled] {
        create(store, person).await;
    }
    let before = written(store).await;
    for new in [
        NewPhone { expected_epoch: ada.factor_epoch + 1, ..new_phone(&ada, Some("+1")) },
        NewPhone { user_id: Uuid::now_v7(), ..new_phone(&ada, None) },
        new_phone(&pending, Some("+1")),
        new_phone(&disabled, None),
    ] {
        let act = event(Action::PhoneChanged);
        assert!(!store.change_phone(&new, at(50), &act).await.unwrap(), "{new:?}");
    }
    for person in [ada, pending, disabled] {
        assert_eq!(store.find_user(person.id).await.unwrap(), Some(person));
    }
    assert_eq!(written(store).await, before);
}

pub(super) async fn a_code_that_confirms_a_factor_proves_the_number_it_was_sent_to(pair: &Pair) {
    let store = &*pair.identity;
    let number = "+31201234567";
    for (name, has, sent_to, proved_at) in [
        ("ada", Some(number), Some(number), Some(at(20))),
        ("bob", Some(number), Some("+4915123456789"), None),
        ("cy", Some(number), None, None),
        ("dee", None, Some(number), None),
    ] {
        let person = User { phone: has.map(str::to_owned), phone_verified_at: None, ..user(name) };
        create(store, &person).await;
        let sms = factor(person.id, Method::Sms);
        store.enrol_factors(person.id, std::slice::from_ref(&sms), &[]).await.unwrap();
        let confirmation =
            Confirmation { proves_phone: sent_to.map(str::to_owned), ..confirmation(&sms) };
        let act = event(Action::MfaEnabled);
        let confirmed = store.confirm_factor(&confirmation, at(20), &act).await.unwrap();
        assert_eq!(confirmed, Confirmed::Confirmed);
        let found = store.find_user(person.id).await.unwrap().unwrap();
        assert_eq!((found.phone, found.phone_verified_at), (person.phone, proved_at), "{name}");
    }
    // What was proved before stays proved since then.
    let person = user("eve");
    create(store, &person).await;
    let sms = factor(person.id, Method::Sms);
    store.enrol_factors(person.id, std::slice::from_ref(&sms), &[]).await.unwrap();
    let confirmation = Confirmation { proves_phone: person.phone.clone(), ..confirmation(&sms) };
    store.confirm_factor(&confirmation, at(20), &event(Action::MfaEnabled)).await.unwrap();
    let found = store.find_user(person.id).await.unwrap().unwrap();
    assert_eq!(found.phone_verified_at, person.phone_verified_at);
}
