//! Second factors, guesses, and the codes that count once.

use jwks::{cutoff::CutOffKind, feed::Change, policy::Method};
use uuid::Uuid;

use super::{
    Pair,
    samples::{
        at, code, confirmation, create, cut_off, event, factor, stored_factor, user, whole_log,
        written,
    },
};
use crate::{
    domain::{
        audit::Action,
        factor::{BackupCode, Factor},
        user::User,
    },
    store::{
        IdentityStore,
        identity::{Confirmation, Confirmed, Consumed, FactorEdit, Guess},
    },
};

async fn somebody(store: &dyn IdentityStore, name: &str) -> User {
    let person = user(name);
    create(store, &person).await;
    person
}

async fn enrolled(store: &dyn IdentityStore, name: &str, method: Method) -> Factor {
    let person = somebody(store, name).await;
    let factor = factor(person.id, method);
    store.enrol_factors(person.id, std::slice::from_ref(&factor), &[]).await.unwrap();
    factor
}

pub(super) async fn factors_come_back_whole_and_oldest_first(pair: &Pair) {
    let store = &*pair.identity;
    let (person, other) = (somebody(store, "ada").await, somebody(store, "bob").await);
    let mut factors: Vec<Factor> =
        Method::ALL.into_iter().map(|method| factor(person.id, method)).collect();
    for (age, factor) in (0..).zip(factors.iter_mut()) {
        factor.created_at = at(100 - age);
    }
    store.enrol_factors(person.id, &factors, &[]).await.unwrap();
    factors.reverse();
    assert_eq!(store.list_factors(person.id).await.unwrap(), factors);
    assert_eq!(store.list_factors(other.id).await.unwrap(), []);
}

pub(super) async fn enrolling_takes_the_place_of_what_was_unconfirmed(pair: &Pair) {
    let store = &*pair.identity;
    let person = somebody(store, "ada").await;
    let (other, theirs) = {
        let theirs = enrolled(store, "bob", Method::Totp).await;
        (theirs.user_id, theirs)
    };
    let confirmed = factor(person.id, Method::Totp);
    store.enrol_factors(person.id, std::slice::from_ref(&confirmed), &[]).await.unwrap();
    let act = event(Action::MfaEnabled);
    store.confirm_factor(&confirmation(&confirmed), at(20), &act).await.unwrap();

    let ids = async || {
        let factors = store.list_factors(person.id).await.unwrap();
        let mut ids: Vec<Uuid> = factors.iter().map(|factor| factor.id).collect();
        ids.sort();
        ids
    };
    let sorted = |mut ids: Vec<Uuid>| {
        ids.sort();
        ids
    };

    let (first, mail) = (factor(person.id, Method::Totp), factor(person.id, Method::EmailOtp));
    let first_codes = factor(person.id, Method::BackupCode);
    let code_of_first = code(first_codes.id, "aaaa");
    store
        .enrol_factors(
            person.id,
            &[first.clone(), mail.clone(), first_codes.clone()],
            std::slice::from_ref(&code_of_first),
        )
        .await
        .unwrap();

    // Without codes: of the same method. With them: of every method.
    let alone = factor(person.id, Method::Totp);
    store.enrol_factors(person.id, std::slice::from_ref(&alone), &[]).await.unwrap();
    assert_eq!(ids().await, sorted(vec![confirmed.id, mail.id, alone.id, first_codes.id]));

    let (second, second_codes) =
        (factor(person.id, Method::Totp), factor(person.id, Method::BackupCode));
    let code_of_second = code(second_codes.id, "aaaa");
    store
        .enrol_factors(
            person.id,
            &[second.clone(), second_codes.clone()],
            std::slice::from_ref(&code_of_second),
        )
        .await
        .unwrap();

    assert_eq!(ids().await, sorted(vec![confirmed.id, second.id, second_codes.id]));
    assert_eq!(store.find_backup_code(first_codes.id, "aaaa").await.unwrap(), None);
    let found = store.find_backup_code(second_codes.id, "aaaa").await.unwrap();
    assert_eq!(found, Some(code_of_second));
    assert_eq!(store.list_factors(other).await.unwrap(), [theirs]);
}

pub(super) async fn confirming_a_factor_spends_its_step_and_confirms_the_backup_codes(pair: &Pair) {
    let store = &*pair.identity;
    let person = somebody(store, "ada").await;
    let (totp, mail) = (factor(person.id, Method::Totp), factor(person.id, Method::EmailOtp));
    let codes = factor(person.id, Method::BackupCode);
    store
        .enrol_factors(
            person.id,
            &[totp.clone(), mail.clone(), codes.clone()],
            &[code(codes.id, "aaaa")],
        )
        .await
        .unwrap();
    assert_eq!(store.count_guess(totp.id, false, 10).await.unwrap(), Guess::Counted(1));

    let act = event(Action::MfaEnabled);
    let with_code =
        Confirmation { name: Some("Phone".to_owned()), step: Some(1000), ..confirmation(&totp) };
    let confirmed = store.confirm_factor(&with_code, at(20), &act).await.unwrap();
    assert_eq!(confirmed, Confirmed::Confirmed);
    assert_eq!(
        stored_factor(store, &totp).await,
        Factor {
            name: "Phone".to_owned(),
            confirmed_at: Some(at(20)),
            last_used_at: Some(at(20)),
            last_step: Some(1000),
            ..totp.clone()
        }
    );
    let codes_now = stored_factor(store, &codes).await;
    assert_eq!(codes_now, Factor { confirmed_at: Some(at(20)), ..codes });
    assert_eq!(stored_factor(store, &mail).await, mail);
    let person_now = store.find_user(person.id).await.unwrap().unwrap();
    let raised = User { factor_epoch: person.factor_epoch + 1, updated_at: at(20), ..person };
    assert_eq!(person_now, raised);
    assert_eq!(whole_log(store).await.last().unwrap().event, act);
    assert_eq!(store.consume_totp_step(totp.id, 1000, at(21)).await.unwrap(), Consumed::Replayed);
}

pub(super) async fn backup_codes_of_a_set_up_that_came_too_late_never_count(pair: &Pair) {
    let store = &*pair.identity;
    let totp = enrolled(store, "ada", Method::Totp).await;
    let confirm = async |factor: &Factor, ahead: u64| {
        let act = event(Action::MfaEnabled);
        let mut confirmation = confirmation(factor);
        confirmation.expected_epoch += ahead;
        store.confirm_factor(&confirmation, at(20), &act).await.unwrap()
    };
    assert_eq!(confirm(&totp, 0).await, Confirmed::Confirmed);
    // Somebody who began while there was no factor yet ends after there is one.
    let late = [factor(totp.user_id, Method::Totp), factor(totp.user_id, Method::BackupCode)];
    store.enrol_factors(totp.user_id, &late, &[code(late[1].id, "aaaa")]).await.unwrap();
    // The owner adds another authenticator.
    let second = factor(totp.user_id, Method::Totp);
    store.enrol_factors(totp.user_id, std::slice::from_ref(&second), &[]).await.unwrap();
    assert_eq!(confirm(&second, 1).await, Confirmed::Confirmed);
    assert_eq!(stored_factor(store, &late[1]).await.confirmed_at, None);
}

pub(super) async fn backup_codes_of_another_set_up_never_count(pair: &Pair) {
    let store = &*pair.identity;
    let totp = enrolled(store, "ada", Method::Totp).await;
    let codes = Factor { created_at: at(11), ..factor(totp.user_id, Method::BackupCode) };
    store.enrol_factors(totp.user_id, std::slice::from_ref(&codes), &[]).await.unwrap();
    let act = event(Action::MfaEnabled);
    let confirmed = store.confirm_factor(&confirmation(&totp), at(20), &act).await.unwrap();
    assert_eq!(confirmed, Confirmed::Confirmed);
    assert_eq!(stored_factor(store, &codes).await, codes);
}

pub(super) async fn a_confirmation_that_was_overtaken_changes_nothing(pair: &Pair) {
    let store = &*pair.identity;
    let totp = enrolled(store, "ada", Method::Totp).await;
    let other = Factor { created_at: at(11), ..factor(totp.user_id, Method::EmailOtp) };
    let codes = factor(totp.user_id, Method::BackupCode);
    let both = [other.clone(), codes.clone()];
    store.enrol_factors(totp.user_id, &both, &[]).await.unwrap();
    let act = event(Action::MfaEnabled);
    let first = confirmation(&other);
    assert_eq!(store.confirm_factor(&first, at(20), &act).await.unwrap(), Confirmed::Confirmed);
    let before = written(store).await;
    let person = store.find_user(totp.user_id).await.unwrap();

    for ahead in [0, 2] {
        let act = event(Action::MfaEnabled);
        let mut late =
            Confirmation { name: Some("late".to_owned()), step: Some(1), ..confirmation(&totp) };
        late.expected_epoch += ahead;
        let confirmed = store.confirm_factor(&late, at(30), &act).await.unwrap();
        assert_eq!(confirmed, Confirmed::Overtaken, "{ahead}");
    }
    assert_eq!(stored_factor(store, &totp).await, totp);
    assert_eq!(stored_factor(store, &codes).await, codes);
    assert_eq!(store.find_user(totp.user_id).await.unwrap(), person);
    assert_eq!(written(store).await, before);

    let gone = Confirmation { id: Uuid::new_v4(), ..first.clone() };
    let confirm = async |confirmation| {
        let act = event(Action::MfaEnabled);
        store.confirm_factor(confirmation, at(30), &act).await.unwrap()
    };
    assert_eq!(confirm(&first).await, Confirmed::Already);
    assert_eq!(confirm(&gone).await, Confirmed::Gone);
    let now = Confirmation { expected_epoch: first.expected_epoch + 1, ..confirmation(&totp) };
    assert_eq!(confirm(&now).await, Confirmed::Confirmed);
}

pub(super) async fn confirming_without_name_and_step_leaves_them(pair: &Pair) {
    let store = &*pair.identity;
    let mail = enrolled(store, "ada", Method::EmailOtp).await;
    let act = event(Action::MfaEnabled);
    store.confirm_factor(&confirmation(&mail), at(20), &act).await.unwrap();
    assert_eq!(
        stored_factor(store, &mail).await,
        Factor { confirmed_at: Some(at(20)), last_used_at: Some(at(20)), ..mail }
    );
}

pub(super) async fn a_factor_is_confirmed_once_and_only_for_its_owner(pair: &Pair) {
    let store = &*pair.identity;
    let totp = enrolled(store, "ada", Method::Totp).await;
    let stranger = somebody(store, "eve").await;
    let confirm = async |user_id: Uuid, id: Uuid| {
        let act = event(Action::MfaEnabled);
        let name = Some("x".to_owned());
        let one = Confirmation { user_id, id, name, step: Some(1), ..confirmation(&totp) };
        store.confirm_factor(&one, at(20), &act).await.unwrap()
    };
    let before = written(store).await;
    assert_eq!(confirm(stranger.id, totp.id).await, Confirmed::Gone);
    assert_eq!(confirm(totp.user_id, Uuid::new_v4()).await, Confirmed::Gone);
    assert_eq!(stored_factor(store, &totp).await, totp);
    assert_eq!(written(store).await, before);

    assert_eq!(confirm(totp.user_id, totp.id).await, Confirmed::Confirmed);
    let (after, factor_after) = (written(store).await, stored_factor(store, &totp).await);
    let person_after = store.find_user(totp.user_id).await.unwrap();
    assert_eq!(confirm(totp.user_id, totp.id).await, Confirmed::Already);
    assert_eq!(confirm(stranger.id, totp.id).await, Confirmed::Gone);
    assert_eq!(written(store).await, after);
    assert_eq!(stored_factor(store, &totp).await, factor_after);
    assert_eq!(store.find_user(totp.user_id).await.unwrap(), person_after);
}

pub(super) async fn guesses_are_counted_up_to_the_limit_in_a_row(pair: &Pair) {
    let store = &*pair.identity;
    let totp = enrolled(store, "ada", Method::Totp).await;
    let other = enrolled(store, "bob", Method::Totp).await;
    for guess in 1..=3 {
        assert_eq!(store.count_guess(totp.id, false, 3).await.unwrap(), Guess::Counted(guess));
    }
    for _ in 0..2 {
        assert_eq!(store.count_guess(totp.id, false, 3).await.unwrap(), Guess::Locked);
    }
    assert_eq!(stored_factor(store, &totp).await.guesses_in_a_row, 3);
    assert_eq!(store.count_guess(totp.id, false, 4).await.unwrap(), Guess::Counted(4));
    assert_eq!(store.count_guess(other.id, false, 3).await.unwrap(), Guess::Counted(1));
    assert_eq!(store.count_guess(other.id, false, 0).await.unwrap(), Guess::Locked);
    assert_eq!(store.count_guess(Uuid::new_v4(), false, 3).await.unwrap(), Guess::Gone);

    assert_eq!(store.consume_totp_step(totp.id, 5, at(30)).await.unwrap(), Consumed::Consumed);
    assert_eq!(store.count_guess(totp.id, false, 3).await.unwrap(), Guess::Counted(1));
}

pub(super) async fn guesses_of_known_devices_are_a_row_of_their_own(pair: &Pair) {
    let store = &*pair.identity;
    let totp = enrolled(store, "ada", Method::Totp).await;
    for guess in 1..=3 {
        assert_eq!(store.count_guess(totp.id, false, 3).await.unwrap(), Guess::Counted(guess));
    }
    assert_eq!(store.count_guess(totp.id, false, 3).await.unwrap(), Guess::Locked);
    for guess in 1..=3 {
        assert_eq!(store.count_guess(totp.id, true, 3).await.unwrap(), Guess::Counted(guess));
    }
    assert_eq!(store.count_guess(totp.id, true, 3).await.unwrap(), Guess::Locked);
    assert_eq!(stored_factor(store, &totp).await.guesses_in_a_row, 3);
    store.forgive_guess(totp.id, true).await.unwrap();
    assert_eq!(store.count_guess(totp.id, false, 3).await.unwrap(), Guess::Locked);
    assert_eq!(store.count_guess(totp.id, true, 3).await.unwrap(), Guess::Counted(3));
    // A right code ends both.
    store.use_factor(totp.id, at(40)).await.unwrap();
    for known in [false, true] {
        assert_eq!(store.count_guess(totp.id, known, 3).await.unwrap(), Guess::Counted(1));
    }
    store.consume_totp_step(totp.id, 7, at(50)).await.unwrap();
    for known in [false, true] {
        assert_eq!(store.count_guess(totp.id, known, 3).await.unwrap(), Guess::Counted(1));
    }
    let codes = factor(totp.user_id, Method::BackupCode);
    let one = code(codes.id, "aaaa");
    store.enrol_factors(totp.user_id, std::slice::from_ref(&codes), &[one]).await.unwrap();
    store.count_guess(codes.id, true, 3).await.unwrap();
    store.consume_backup_code(codes.id, "aaaa", at(60)).await.unwrap();
    assert_eq!(store.count_guess(codes.id, true, 3).await.unwrap(), Guess::Counted(1));
}

pub(super) async fn a_factor_that_replaces_the_lost_ones_is_the_only_one_from_then_on(pair: &Pair) {
    let store = &*pair.identity;
    let old = enrolled(store, "ada", Method::Totp).await;
    let theirs = enrolled(store, "bob", Method::Totp).await;
    let act = || event(Action::MfaEnabled);
    for factor in [&old, &theirs] {
        store.confirm_factor(&confirmation(factor), at(20), &act()).await.unwrap();
    }
    let mut old_codes = factor(old.user_id, Method::BackupCode);
    old_codes.confirmed_at = Some(at(20));
    let (new, mut codes) =
        (factor(old.user_id, Method::Totp), factor(old.user_id, Method::BackupCode));
    codes.created_at = new.created_at;
    store
        .enrol_factors(old.user_id, &[old_codes.clone()], &[code(old_codes.id, "aaaa")])
        .await
        .unwrap();
    store
        .enrol_factors(old.user_id, &[new.clone(), codes.clone()], &[code(codes.id, "bbbb")])
        .await
        .unwrap();
    let replacing = Confirmation {
        expected_epoch: confirmation(&new).expected_epoch + 1,
        replaces: true,
        cut_offs: vec![cut_off(CutOffKind::Session, &Uuid::now_v7().to_string(), at(30), at(99))],
        ..confirmation(&new)
    };
    let late = Confirmation { expected_epoch: 0, ..replacing.clone() };
    let overtaken = store.confirm_factor(&late, at(30), &act()).await.unwrap();
    assert_eq!(overtaken, Confirmed::Overtaken);
    assert_eq!(store.list_factors(old.user_id).await.unwrap().len(), 4);
    assert_eq!(store.list_feed(0, 10).await.unwrap(), []);
    let confirmed = store.confirm_factor(&replacing, at(30), &act()).await.unwrap();
    assert_eq!(confirmed, Confirmed::Confirmed);
    let left = store.list_factors(old.user_id).await.unwrap();
    let mut left: Vec<_> = left.iter().map(|factor| (factor.id, factor.confirmed_at)).collect();
    left.sort();
    let mut wanted = [(new.id, Some(at(30))), (codes.id, Some(at(30)))];
    wanted.sort();
    assert_eq!(left, wanted);
    assert_eq!(store.find_backup_code(old_codes.id, "aaaa").await.unwrap(), None);
    assert_eq!(store.list_factors(theirs.user_id).await.unwrap().len(), 1);
    // What ends by it has ended in the same act.
    let feed = store.list_feed(0, 10).await.unwrap();
    let heard: Vec<Change> = feed.into_iter().map(|entry| entry.change).collect();
    let ended: Vec<Change> = replacing.cut_offs.into_iter().map(Change::CutOff).collect();
    assert_eq!(heard, ended);
}

pub(super) async fn a_guess_that_was_none_is_taken_back(pair: &Pair) {
    let store = &*pair.identity;
    let totp = enrolled(store, "ada", Method::Totp).await;
    for _ in 0..2 {
        store.count_guess(totp.id, false, 3).await.unwrap();
    }
    store.forgive_guess(totp.id, false).await.unwrap();
    assert_eq!(store.count_guess(totp.id, false, 3).await.unwrap(), Guess::Counted(2));
    for _ in 0..5 {
        store.forgive_guess(totp.id, false).await.unwrap();
    }
    assert_eq!(store.count_guess(totp.id, false, 3).await.unwrap(), Guess::Counted(1));
    store.forgive_guess(Uuid::new_v4(), false).await.unwrap();
    store.count_guess(totp.id, false, 3).await.unwrap();
    store.use_factor(totp.id, at(40)).await.unwrap();
    let used = stored_factor(store, &totp).await;
    assert_eq!((used.last_used_at, used.guesses_in_a_row), (Some(at(40)), 0));
    assert_eq!(used.last_step, totp.last_step);
    store.use_factor(Uuid::new_v4(), at(41)).await.unwrap();
}

pub(super) async fn a_step_is_spent_once_with_every_older_one(pair: &Pair) {
    let store = &*pair.identity;
    let totp = enrolled(store, "ada", Method::Totp).await;
    let other = enrolled(store, "bob", Method::Totp).await;
    store.count_guess(totp.id, false, 10).await.unwrap();
    let consume =
        async |step, millis| store.consume_totp_step(totp.id, step, at(millis)).await.unwrap();
    assert_eq!(consume(1000, 30).await, Consumed::Consumed);
    let spent = Factor { last_step: Some(1000), last_used_at: Some(at(30)), ..totp.clone() };
    assert_eq!(stored_factor(store, &totp).await, spent);
    store.count_guess(totp.id, false, 10).await.unwrap();
    for step in [1000, 999, 0] {
        assert_eq!(consume(step, 31).await, Consumed::Replayed, "{step}");
    }
    assert_eq!(stored_factor(store, &totp).await, Factor { guesses_in_a_row: 1, ..spent });
    assert_eq!(consume(1001, 32).await, Consumed::Consumed);
    assert_eq!(consume(1003, 33).await, Consumed::Consumed);
    assert_eq!(consume(1002, 34).await, Consumed::Replayed);
    assert_eq!(store.consume_totp_step(other.id, 1000, at(35)).await.unwrap(), Consumed::Consumed);
    let gone = store.consume_totp_step(Uuid::new_v4(), 1, at(36)).await.unwrap();
    assert_eq!(gone, Consumed::Gone);
}

pub(super) async fn a_backup_code_is_spent_once(pair: &Pair) {
    let store = &*pair.identity;
    let person = somebody(store, "ada").await;
    let factor = factor(person.id, Method::BackupCode);
    let (first, second) = (code(factor.id, "aaaa"), code(factor.id, "bbbb"));
    let codes = [first.clone(), second.clone()];
    store.enrol_factors(person.id, std::slice::from_ref(&factor), &codes).await.unwrap();
    store.count_guess(factor.id, false, 10).await.unwrap();
    let consume = async |prefix: &str, millis| {
        store.consume_backup_code(factor.id, prefix, at(millis)).await.unwrap()
    };
    let find = async |prefix: &str| store.find_backup_code(factor.id, prefix).await.unwrap();

    assert_eq!(find("aaaa").await, Some(first.clone()));
    assert_eq!(consume("aaaa", 30).await, Consumed::Consumed);
    let used = BackupCode { used_at: Some(at(30)), ..first };
    assert_eq!(find("aaaa").await.as_ref(), Some(&used));
    let used_factor = Factor { last_used_at: Some(at(30)), ..factor.clone() };
    assert_eq!(stored_factor(store, &factor).await, used_factor);
    store.count_guess(factor.id, false, 10).await.unwrap();
    assert_eq!(consume("aaaa", 31).await, Consumed::Replayed);
    assert_eq!(find("aaaa").await, Some(used));
    assert_eq!(stored_factor(store, &factor).await, Factor { guesses_in_a_row: 1, ..used_factor });
    assert_eq!(find("bbbb").await, Some(second));
    assert_eq!(consume("cccc", 32).await, Consumed::Gone);
    assert_eq!(find("cccc").await, None);
    let other = store.consume_backup_code(Uuid::new_v4(), "bbbb", at(33)).await.unwrap();
    assert_eq!(other, Consumed::Gone);
    assert_eq!(consume("bbbb", 34).await, Consumed::Consumed);
}

pub(super) async fn the_same_prefix_of_another_factor_is_another_code(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (somebody(store, "ada").await, somebody(store, "bob").await);
    let (hers, his) = (factor(ada.id, Method::BackupCode), factor(bob.id, Method::BackupCode));
    for factor in [&hers, &his] {
        let codes = [code(factor.id, "aaaa")];
        store.enrol_factors(factor.user_id, std::slice::from_ref(factor), &codes).await.unwrap();
    }
    let consumed = store.consume_backup_code(hers.id, "aaaa", at(30)).await.unwrap();
    assert_eq!(consumed, Consumed::Consumed);
    let found = store.find_backup_code(his.id, "aaaa").await.unwrap();
    assert_eq!(found, Some(code(his.id, "aaaa")));
}

pub(super) async fn a_factor_is_renamed_or_preferred_by_its_owner_alone(pair: &Pair) {
    let store = &*pair.identity;
    let (person, other) = (somebody(store, "ada").await, somebody(store, "bob").await);
    let mut factors = Vec::new();
    for (place, method) in (0..).zip([Method::Totp, Method::EmailOtp, Method::Hardware]) {
        let factor = Factor { created_at: at(10 + place), ..factor(person.id, method) };
        store.enrol_factors(person.id, std::slice::from_ref(&factor), &[]).await.unwrap();
        factors.push(factor);
    }
    for (place, factor) in factors.iter_mut().enumerate().take(2) {
        let epoch = person.factor_epoch + place as u64;
        let confirmation = Confirmation { expected_epoch: epoch, ..confirmation(factor) };
        let act = event(Action::MfaEnabled);
        let confirmed = store.confirm_factor(&confirmation, at(50), &act).await.unwrap();
        assert_eq!(confirmed, Confirmed::Confirmed);
        *factor = stored_factor(store, factor).await;
    }
    let edit = |factor: &Factor, name: Option<&str>, prefer| FactorEdit {
        user_id: person.id,
        id: factor.id,
        name: name.map(ToOwned::to_owned),
        prefer,
    };
    let listed = async || store.list_factors(person.id).await.unwrap();
    let [totp, mail, key] = &factors[..] else { unreachable!() };
    assert_eq!(listed().await, [totp.clone(), mail.clone(), key.clone()]);
    let act = event(Action::MfaUpdated);
    assert!(store.edit_factor(&edit(mail, Some("post"), true), &act).await.unwrap());
    let mail = Factor { name: "post".to_owned(), ..mail.clone() };
    assert_eq!(listed().await, [mail.clone(), totp.clone(), key.clone()]);
    assert_eq!(whole_log(store).await.last().unwrap().event, act);
    let changed = store.find_user(person.id).await.unwrap().unwrap();
    assert_eq!(changed.factor_epoch, person.factor_epoch + 2, "nothing that counts has changed");
    // One at a time.
    let act = event(Action::MfaUpdated);
    assert!(store.edit_factor(&edit(totp, None, true), &act).await.unwrap());
    assert_eq!(listed().await, [totp.clone(), mail.clone(), key.clone()]);
    let before = written(store).await;
    let theirs = FactorEdit { user_id: other.id, ..edit(totp, Some("mine"), true) };
    let unknown = FactorEdit { id: Uuid::new_v4(), ..edit(totp, None, true) };
    for refused in [edit(key, Some("waits"), true), theirs, unknown] {
        let act = event(Action::MfaUpdated);
        assert!(!store.edit_factor(&refused, &act).await.unwrap(), "{refused:?}");
    }
    assert_eq!(written(store).await, before);
    assert_eq!(listed().await, [totp.clone(), mail, key.clone()]);
}
