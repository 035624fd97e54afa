//! Trusted devices.

use jwks::{Time, cutoff::CutOffKind};
use uuid::Uuid;

use super::{
    Pair,
    samples::{at, create, cut_off, device, event, secs, user, whole_log, written},
};
use crate::{
    domain::{audit::Action, device::TrustedDevice},
    store::IdentityStore,
};

/// Above what any case trusts.
const MANY: u32 = 100;

/// A person in the store.
async fn person(store: &dyn IdentityStore, name: &str) -> Uuid {
    let person = user(name);
    create(store, &person).await;
    person.id
}

/// A device of the person, trusted and last used at that moment.
fn used(user_id: Uuid, moment: u64) -> TrustedDevice {
    TrustedDevice { created_at: at(moment), last_used_at: at(moment), ..device(user_id) }
}

async fn trust(store: &dyn IdentityStore, device: &TrustedDevice) {
    store.trust_device(device, MANY).await.unwrap();
}

pub(super) async fn a_device_comes_back_whole_and_only_to_its_owner(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (person(store, "ada").await, person(store, "bob").await);
    let device = device(ada);
    let before = written(store).await;
    trust(store, &device).await;
    assert_eq!(store.find_device(ada, device.id).await.unwrap().as_ref(), Some(&device));
    assert_eq!(store.list_devices(ada).await.unwrap(), std::slice::from_ref(&device));
    assert_eq!(store.find_device(bob, device.id).await.unwrap(), None);
    assert_eq!(store.find_device(ada, Uuid::now_v7()).await.unwrap(), None);
    assert_eq!(store.list_devices(bob).await.unwrap(), []);
    assert_eq!(written(store).await, before);
}

pub(super) async fn devices_are_listed_last_used_first(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (person(store, "ada").await, person(store, "bob").await);
    let mut devices = [20, 0, 30, 10].map(|moment| used(ada, moment));
    for device in &devices {
        trust(store, device).await;
    }
    trust(store, &device(bob)).await;
    store.touch_device(ada, devices[1].id, at(25)).await.unwrap();
    devices[1].last_used_at = at(25);
    devices.sort_by_key(|device| std::cmp::Reverse(device.last_used_at));
    assert_eq!(store.list_devices(ada).await.unwrap(), devices);
}

pub(super) async fn the_use_of_a_device_is_noted_for_its_owner_alone_and_never_goes_back(
    pair: &Pair,
) {
    let store = &*pair.identity;
    let (ada, bob) = (person(store, "ada").await, person(store, "bob").await);
    let device = used(ada, 10);
    trust(store, &device).await;
    let noted = async |by: Uuid, now: Time| {
        store.touch_device(by, device.id, now).await.unwrap();
        store.find_device(ada, device.id).await.unwrap().unwrap().last_used_at
    };
    assert_eq!(noted(bob, at(40)).await, at(10));
    assert_eq!(noted(ada, at(30)).await, at(30));
    assert_eq!(noted(ada, at(20)).await, at(30));
    store.touch_device(ada, Uuid::now_v7(), at(50)).await.unwrap();
    assert_eq!(store.list_devices(ada).await.unwrap().len(), 1);
}

pub(super) async fn trusting_a_device_forgets_what_is_over_or_of_another_epoch(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (person(store, "ada").await, person(store, "bob").await);
    let over = TrustedDevice { expires_at: at(100), ..device(ada) };
    let living = TrustedDevice { expires_at: at(101), ..device(ada) };
    let other_epoch = TrustedDevice { factor_epoch: 8, ..device(bob) };
    let stays = TrustedDevice { expires_at: at(100), ..device(bob) };
    for device in [&over, &living] {
        trust(store, device).await;
    }
    for device in [&stays, &other_epoch] {
        store.trust_device(device, MANY).await.unwrap();
    }
    // Each is found for as long as it is stored, whatever has become of it.
    assert_eq!(store.find_device(ada, over.id).await.unwrap().as_ref(), Some(&over));
    assert_eq!(store.list_devices(bob).await.unwrap(), std::slice::from_ref(&other_epoch));

    let new = TrustedDevice { created_at: at(100), last_used_at: at(100), ..device(ada) };
    trust(store, &new).await;
    let mut left = store.list_devices(ada).await.unwrap();
    left.sort_by_key(|device| device.created_at);
    assert_eq!(left, [living, new.clone()]);
    let next = TrustedDevice { factor_epoch: new.factor_epoch + 1, ..new.clone() };
    let next = TrustedDevice { id: Uuid::now_v7(), ..next };
    trust(store, &next).await;
    assert_eq!(store.list_devices(ada).await.unwrap(), [next]);
    assert_eq!(store.list_devices(bob).await.unwrap(), [other_epoch]);
}

pub(super) async fn one_device_too_many_takes_the_one_used_longest_ago(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (person(store, "ada").await, person(store, "bob").await);
    trust(store, &used(bob, 0)).await;
    let mut devices = [10, 11, 12].map(|moment| used(ada, moment));
    for device in &devices {
        store.trust_device(device, 3).await.unwrap();
    }
    store.touch_device(ada, devices[0].id, at(20)).await.unwrap();
    devices[0].last_used_at = at(20);
    let new = used(ada, 30);
    store.trust_device(&new, 3).await.unwrap();
    let [first, _, third] = devices;
    assert_eq!(store.list_devices(ada).await.unwrap(), [new, first, third]);
    // However late it comes, the one that is being trusted stays.
    let late = used(ada, 1);
    store.trust_device(&late, 1).await.unwrap();
    assert_eq!(store.list_devices(ada).await.unwrap(), [late]);
    assert_eq!(store.list_devices(bob).await.unwrap().len(), 1);
}

pub(super) async fn the_removed_devices_are_the_persons_own(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (person(store, "ada").await, person(store, "bob").await);
    let [one, two, three] = [3, 2, 1].map(|moment| used(ada, moment));
    let other = device(bob);
    for device in [&one, &two, &three, &other] {
        trust(store, device).await;
    }
    let before = written(store).await;
    let unknown = [other.id, Uuid::now_v7()];
    let act = event(Action::DeviceRevoked);
    assert_eq!(store.remove_devices(ada, &unknown, &[], &act).await.unwrap(), 0);
    assert_eq!(store.remove_devices(ada, &[], &[], &act).await.unwrap(), 0);
    assert_eq!(written(store).await, before);

    let ids = [one.id, other.id, three.id, one.id];
    assert_eq!(store.remove_devices(ada, &ids, &[], &act).await.unwrap(), 2);
    assert_eq!(store.list_devices(ada).await.unwrap(), [two]);
    assert_eq!(store.list_devices(bob).await.unwrap(), [other]);
    assert_eq!(written(store).await, (before.0 + 1, before.1));
    assert_eq!(whole_log(store).await.last().unwrap().event, act);
}

pub(super) async fn what_rests_on_a_device_ends_in_the_act_that_removes_it(pair: &Pair) {
    let store = &*pair.identity;
    let ada = person(store, "ada").await;
    let device = device(ada);
    trust(store, &device).await;
    let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
    let end = |sid: Uuid| cut_off(CutOffKind::Session, &sid.to_string(), at(50), at(60));
    let before = written(store).await;
    let act = event(Action::DeviceRevoked);
    let removed = store.remove_devices(ada, &[device.id], &[end(one)], &act).await;
    assert_eq!(removed.unwrap(), 1);
    assert_eq!(written(store).await, (before.0 + 1, before.1 + 1));
    let ending = async |sid| {
        let subject = store.find_subject(ada, sid).await.unwrap().unwrap();
        subject.session_cut_off
    };
    assert_eq!(ending(one).await, Some(end(one)));
    // Where the device is gone already, what rested on it ends all the same.
    let act = event(Action::DeviceRevoked);
    let removed = store.remove_devices(ada, &[device.id], &[end(two)], &act).await;
    assert_eq!(removed.unwrap(), 0);
    assert_eq!(ending(two).await, Some(end(two)));
    assert_eq!(written(store).await, (before.0 + 2, before.1 + 2));
    assert_eq!(whole_log(store).await.last().unwrap().event, act);
}

pub(super) async fn a_device_lives_to_the_millisecond_it_says(pair: &Pair) {
    let store = &*pair.identity;
    let ada = person(store, "ada").await;
    let device = device(ada);
    trust(store, &device).await;
    let just_before = TrustedDevice {
        created_at: device.expires_at.minus(std::time::Duration::from_millis(1)),
        expires_at: device.expires_at.plus(secs(1)),
        ..super::samples::device(ada)
    };
    trust(store, &just_before).await;
    assert_eq!(store.list_devices(ada).await.unwrap().len(), 2);
    let at_the_end = TrustedDevice {
        created_at: device.expires_at,
        expires_at: device.expires_at.plus(secs(1)),
        ..super::samples::device(ada)
    };
    trust(store, &at_the_end).await;
    assert_eq!(store.find_device(ada, device.id).await.unwrap(), None);
    assert_eq!(store.list_devices(ada).await.unwrap().len(), 2);
}
