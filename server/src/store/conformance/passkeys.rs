//! Passkeys and security keys.

use jwks::policy::Method;
use uuid::Uuid;

use super::{
    Pair,
    samples::{at, confirmation, create, event, factor, passkey, stored_factor, user, written},
};
use crate::{
    domain::{
        audit::Action,
        factor::Factor,
        passkey::{Passkey, PasskeyUse},
    },
    store::{
        IdentityStore,
        identity::{Confirmation, Confirmed, Consumed, FactorChange},
    },
};

/// A factor of somebody new that waits for its passkey.
async fn waiting(store: &dyn IdentityStore, name: &str) -> Factor {
    let person = user(name);
    create(store, &person).await;
    let factor = factor(person.id, Method::Hardware);
    store.enrol_factors(person.id, std::slice::from_ref(&factor), &[]).await.unwrap();
    factor
}

async fn confirm(store: &dyn IdentityStore, factor: &Factor, passkey: &Passkey) -> Confirmed {
    let confirmation = Confirmation { passkey: Some(passkey.clone()), ..confirmation(factor) };
    store.confirm_factor(&confirmation, at(20), &event(Action::MfaEnabled)).await.unwrap()
}

pub(super) async fn a_passkey_comes_back_whole_with_its_confirmation(pair: &Pair) {
    let store = &*pair.identity;
    let (hers, his) = (waiting(store, "ada").await, waiting(store, "bob").await);
    let bare = Passkey {
        model: None,
        backup_eligible: false,
        backed_up: false,
        discoverable: None,
        user_verified: false,
        counter: 0,
        ..passkey(&his)
    };
    let full = Passkey { discoverable: Some(false), counter: u32::MAX, ..passkey(&hers) };
    assert_eq!(confirm(store, &hers, &full).await, Confirmed::Confirmed);
    assert_eq!(confirm(store, &his, &bare).await, Confirmed::Confirmed);
    assert_eq!(stored_factor(store, &hers).await.confirmed_at, Some(at(20)));
    for passkey in [&full, &bare] {
        let found = store.find_passkey(&passkey.credential_id).await.unwrap();
        assert_eq!(found.as_ref(), Some(passkey));
        let listed = store.list_passkeys(passkey.user_id).await.unwrap();
        assert_eq!(listed, std::slice::from_ref(passkey));
    }
    assert_eq!(store.find_passkey(&full.credential_id[1..]).await.unwrap(), None);
    assert_eq!(store.list_passkeys(Uuid::new_v4()).await.unwrap(), []);
}

pub(super) async fn a_passkey_is_kept_only_with_its_confirmation(pair: &Pair) {
    let store = &*pair.identity;
    let factor = waiting(store, "ada").await;
    let passkey = passkey(&factor);
    let overtaken = Confirmation {
        expected_epoch: confirmation(&factor).expected_epoch + 1,
        passkey: Some(passkey.clone()),
        ..confirmation(&factor)
    };
    let act = event(Action::MfaEnabled);
    let refused = store.confirm_factor(&overtaken, at(20), &act).await.unwrap();
    assert_eq!(refused, Confirmed::Overtaken);
    assert_eq!(store.list_passkeys(factor.user_id).await.unwrap(), []);
    assert_eq!(confirm(store, &factor, &passkey).await, Confirmed::Confirmed);
    let other = Passkey { credential_id: vec![9], ..passkey.clone() };
    assert_eq!(confirm(store, &factor, &other).await, Confirmed::Already);
    assert_eq!(store.list_passkeys(factor.user_id).await.unwrap(), [passkey]);
}

pub(super) async fn a_name_of_a_passkey_is_one_factors(pair: &Pair) {
    let store = &*pair.identity;
    let (hers, his) = (waiting(store, "ada").await, waiting(store, "bob").await);
    let first = passkey(&hers);
    confirm(store, &hers, &first).await;
    let before = written(store).await;
    let person = store.find_user(his.user_id).await.unwrap();
    let second = Passkey { credential_id: first.credential_id.clone(), ..passkey(&his) };
    assert_eq!(confirm(store, &his, &second).await, Confirmed::Taken);
    assert_eq!(written(store).await, before);
    assert_eq!(stored_factor(store, &his).await, his);
    assert_eq!(store.find_user(his.user_id).await.unwrap(), person);
    assert_eq!(store.find_passkey(&first.credential_id).await.unwrap(), Some(first));
    assert_eq!(confirm(store, &his, &passkey(&his)).await, Confirmed::Confirmed);
}

pub(super) async fn a_passkey_goes_with_its_factor(pair: &Pair) {
    let store = &*pair.identity;
    let factor = waiting(store, "ada").await;
    let passkey = passkey(&factor);
    confirm(store, &factor, &passkey).await;
    let change = FactorChange {
        user_id: factor.user_id,
        expected_epoch: confirmation(&factor).expected_epoch + 1,
        remove: vec![factor.id],
        add: Vec::new(),
        codes: Vec::new(),
    };
    assert!(store.change_factors(&change, &[], at(30), &event(Action::MfaDisabled)).await.unwrap());
    assert_eq!(store.find_passkey(&passkey.credential_id).await.unwrap(), None);
    assert_eq!(store.list_passkeys(factor.user_id).await.unwrap(), []);
    let used = PasskeyUse { counter: 9, backed_up: true };
    assert_eq!(store.use_passkey(factor.id, used, at(31)).await.unwrap(), Consumed::Gone);
}

pub(super) async fn a_counter_goes_up_or_stays_nought(pair: &Pair) {
    let store = &*pair.identity;
    let (counting, silent) = (waiting(store, "ada").await, waiting(store, "bob").await);
    confirm(store, &counting, &passkey(&counting)).await;
    confirm(store, &silent, &Passkey { counter: 0, ..passkey(&silent) }).await;
    let used = async |factor: &Factor, counter, backed_up, millis| {
        let used = PasskeyUse { counter, backed_up };
        store.use_passkey(factor.id, used, at(millis)).await.unwrap()
    };
    let stored = async |factor: &Factor| {
        let passkey = store.list_passkeys(factor.user_id).await.unwrap().remove(0);
        (passkey.counter, passkey.backed_up)
    };

    store.count_guess(counting.id, false, 10).await.unwrap();
    assert_eq!(used(&counting, 8, false, 30).await, Consumed::Consumed);
    assert_eq!(stored(&counting).await, (8, false));
    let factor = stored_factor(store, &counting).await;
    assert_eq!((factor.last_used_at, factor.guesses_in_a_row), (Some(at(30)), 0));
    store.count_guess(counting.id, false, 10).await.unwrap();
    let before = stored_factor(store, &counting).await;
    for behind in [8, 7, 1, 0] {
        assert_eq!(used(&counting, behind, true, 31).await, Consumed::Replayed, "{behind}");
    }
    assert_eq!(stored(&counting).await, (8, false));
    assert_eq!(stored_factor(store, &counting).await, before);
    assert_eq!(used(&counting, u32::MAX, true, 32).await, Consumed::Consumed);

    for millis in 30..32 {
        assert_eq!(used(&silent, 0, true, millis).await, Consumed::Consumed);
    }
    assert_eq!(used(&silent, 1, true, 33).await, Consumed::Consumed);
    assert_eq!(used(&silent, 0, true, 34).await, Consumed::Replayed);
    let other = factor_of_nobody();
    assert_eq!(used(&other, 9, true, 35).await, Consumed::Gone);
    // A factor of another method has none.
    let totp = {
        let person = user("eve");
        create(store, &person).await;
        let totp = super::samples::factor(person.id, Method::Totp);
        store.enrol_factors(person.id, std::slice::from_ref(&totp), &[]).await.unwrap();
        totp
    };
    assert_eq!(used(&totp, 9, true, 36).await, Consumed::Gone);
    assert_eq!(stored_factor(store, &totp).await, totp);
}

fn factor_of_nobody() -> Factor {
    factor(Uuid::new_v4(), Method::Hardware)
}
