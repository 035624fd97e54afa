//! Changes of a person's factors.

use jwks::{cutoff::CutOffKind, feed::Change, policy::Method};
use uuid::Uuid;

use super::{
    Pair,
    samples::{at, code, cut_off, event, factor, user, whole_log, written},
};
use crate::{
    domain::{
        audit::Action,
        factor::{BackupCode, Factor},
        user::User,
    },
    store::{
        IdentityStore,
        identity::{Consumed, FactorChange},
    },
};

/// A person with a confirmed TOTP factor and backup codes.
async fn equipped(store: &dyn IdentityStore, name: &str) -> (User, Factor, Factor) {
    let person = user(name);
    let confirmed = |method| Factor { confirmed_at: Some(at(12)), ..factor(person.id, method) };
    let (totp, backup) = (confirmed(Method::Totp), confirmed(Method::BackupCode));
    let backup = Factor { created_at: at(11), ..backup };
    let codes = [code(backup.id, "aaaa"), code(backup.id, "bbbb")];
    let act = event(Action::UserCreated);
    let factors = [totp.clone(), backup.clone()];
    store.create_user(&person, &factors, &codes, false, &act).await.unwrap();
    (person, totp, backup)
}

fn nothing(person: &User) -> FactorChange {
    FactorChange {
        user_id: person.id,
        expected_epoch: person.factor_epoch,
        remove: Vec::new(),
        add: Vec::new(),
        codes: Vec::new(),
    }
}

async fn change(store: &dyn IdentityStore, change: &FactorChange) -> bool {
    store.change_factors(change, &[], at(50), &event(Action::MfaDisabled)).await.unwrap()
}

pub(super) async fn factors_come_and_go_in_one_act_with_endings_and_event(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, totp, backup) = equipped(store, "ada").await;
    let (bob, other_totp, other_backup) = equipped(store, "bob").await;
    let added = Factor {
        confirmed_at: Some(at(50)),
        created_at: at(49),
        last_used_at: Some(at(48)),
        last_step: Some(7),
        guesses_in_a_row: 2,
        ..factor(ada.id, Method::BackupCode)
    };
    let codes =
        [code(added.id, "aaaa"), BackupCode { used_at: Some(at(47)), ..code(added.id, "cccc") }];
    let change = FactorChange {
        remove: vec![backup.id],
        add: vec![added.clone()],
        codes: codes.to_vec(),
        ..nothing(&ada)
    };
    let ended = cut_off(CutOffKind::User, &ada.id.to_string(), at(50), at(1000));
    let act = event(Action::MfaDisabled);
    let ends = std::slice::from_ref(&ended);
    assert!(store.change_factors(&change, ends, at(50), &act).await.unwrap());

    assert_eq!(store.list_factors(ada.id).await.unwrap(), [totp, added.clone()]);
    assert_eq!(store.find_backup_code(backup.id, "aaaa").await.unwrap(), None);
    for code in codes {
        let found = store.find_backup_code(added.id, &code.prefix).await.unwrap();
        assert_eq!(found, Some(code));
    }
    let held = User { factor_epoch: ada.factor_epoch + 1, updated_at: at(50), ..ada.clone() };
    assert_eq!(store.find_user(ada.id).await.unwrap(), Some(held));
    assert_eq!(whole_log(store).await.last().unwrap().event, act);
    let feed = store.list_feed(0, 10).await.unwrap();
    assert_eq!(feed.len(), 1);
    assert_eq!((feed[0].at, &feed[0].change), (act.at, &Change::CutOff(ended.clone())));
    let subject = store.find_subject(ada.id, Uuid::nil()).await.unwrap().unwrap();
    assert_eq!(subject.user_cut_off, Some(ended));

    let mut others = store.list_factors(bob.id).await.unwrap();
    others.sort_by_key(|factor| factor.method);
    assert_eq!(others, [other_totp, other_backup.clone()]);
    assert_eq!(store.count_backup_codes(other_backup.id).await.unwrap(), 2);
    assert_eq!(store.find_user(bob.id).await.unwrap(), Some(bob));
}

pub(super) async fn every_factor_can_go_and_none_has_to(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, totp, backup) = equipped(store, "ada").await;
    let all = FactorChange { remove: vec![totp.id, backup.id, totp.id], ..nothing(&ada) };
    assert!(change(store, &all).await);
    assert_eq!(store.list_factors(ada.id).await.unwrap(), []);
    for prefix in ["aaaa", "bbbb"] {
        assert_eq!(store.find_backup_code(backup.id, prefix).await.unwrap(), None);
    }
    assert_eq!(store.consume_backup_code(backup.id, "aaaa", at(51)).await.unwrap(), Consumed::Gone);
    let again = FactorChange { expected_epoch: ada.factor_epoch + 1, ..nothing(&ada) };
    assert!(change(store, &again).await);
    let epoch = store.find_user(ada.id).await.unwrap().unwrap().factor_epoch;
    assert_eq!(epoch, ada.factor_epoch + 2);
}

pub(super) async fn a_change_made_for_other_factors_changes_nothing(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, totp, backup) = equipped(store, "ada").await;
    let (_, other, _) = equipped(store, "bob").await;
    let before = (written(store).await, store.list_factors(ada.id).await.unwrap());
    let add = vec![factor(ada.id, Method::Hardware)];
    let good = FactorChange { remove: vec![totp.id], add, ..nothing(&ada) };
    for bad in [
        FactorChange { expected_epoch: ada.factor_epoch - 1, ..good.clone() },
        FactorChange { expected_epoch: ada.factor_epoch + 1, ..good.clone() },
        FactorChange { remove: vec![totp.id, Uuid::new_v4()], ..good.clone() },
        FactorChange { remove: vec![totp.id, other.id], ..good.clone() },
        FactorChange { user_id: Uuid::now_v7(), remove: Vec::new(), ..good.clone() },
    ] {
        let ended = cut_off(CutOffKind::User, &ada.id.to_string(), at(50), at(1000));
        let act = event(Action::MfaDisabled);
        assert!(!store.change_factors(&bad, &[ended], at(50), &act).await.unwrap(), "{bad:?}");
    }
    assert_eq!((written(store).await, store.list_factors(ada.id).await.unwrap()), before);
    assert_eq!(store.count_backup_codes(backup.id).await.unwrap(), 2);
    assert_eq!(store.find_user(ada.id).await.unwrap(), Some(ada));
    assert!(change(store, &good).await);
}

pub(super) async fn the_unused_codes_of_a_factor_are_counted(pair: &Pair) {
    let store = &*pair.identity;
    let (_, totp, backup) = equipped(store, "ada").await;
    let _other = equipped(store, "bob").await;
    assert_eq!(store.count_backup_codes(backup.id).await.unwrap(), 2);
    store.consume_backup_code(backup.id, "aaaa", at(20)).await.unwrap();
    assert_eq!(store.count_backup_codes(backup.id).await.unwrap(), 1);
    store.consume_backup_code(backup.id, "bbbb", at(21)).await.unwrap();
    for none in [backup.id, totp.id, Uuid::new_v4()] {
        assert_eq!(store.count_backup_codes(none).await.unwrap(), 0);
    }
}
