//! Many want what one can have: identity.

use std::sync::Arc;

use jwks::{Algorithm, cutoff::CutOffKind, feed::Change, policy::Method};
use uuid::Uuid;

use super::{
    Pair, RACERS, count,
    log::assert_chained,
    people::{admin, set},
    race,
    samples::{
        api_key, at, client, code, confirmation, consent, create, cut_off, denial, device, event,
        factor, key, membership, passkey, pending_user, register, site, stored_factor, tenant,
        user, warning, whole_log, written,
    },
};
use crate::{
    domain::{
        api_key::ApiKey,
        audit::Action,
        client::Client,
        consent::Consent,
        device::TrustedDevice,
        login::normalise_address,
        passkey::{Passkey, PasskeyUse},
        place::Place,
        tenant::Membership,
        user::{ADMIN_ROLE, User, UserStatus},
        warning::Warning,
    },
    store::{
        IdentityStore,
        identity::{
            AccountChanged, AddressChanged, ApiKeyMade, ClientChanged, Confirmation, Confirmed,
            Consumed, Created, Denied, FactorChange, Guess, Joined, KeyAdded, NewAddress,
            NewPassword, Registered, SitePut,
        },
    },
};

/// A case's store, and a person with an unconfirmed factor in it.
async fn enrolled(
    pair: &Pair,
    method: Method,
) -> (Arc<dyn IdentityStore>, crate::domain::factor::Factor) {
    let person = user("ada");
    create(&*pair.identity, &person).await;
    let factor = factor(person.id, method);
    let codes = match method {
        Method::BackupCode => vec![code(factor.id, "aaaa")],
        _ => Vec::new(),
    };
    let factors = std::slice::from_ref(&factor);
    pair.identity.enrol_factors(person.id, factors, &codes).await.unwrap();
    (Arc::clone(&pair.identity), factor)
}

pub(super) async fn one_address_is_registered_once(pair: &Pair) {
    let store = &pair.identity;
    let got = race(|_| {
        let store = Arc::clone(store);
        async move {
            let person = User { username: None, username_key: None, ..pending_user("ada") };
            (person.id, store.register_user(&person, &event(Action::UserCreated)).await.unwrap())
        }
    })
    .await;
    let created: Vec<Uuid> =
        got.iter().filter(|one| one.1 == Registered::Created).map(|one| one.0).collect();
    let [owner] = created[..] else { panic!("{} accounts of one address", created.len()) };
    let outcomes: Vec<_> = got.into_iter().map(|one| one.1).collect();
    assert_eq!(count(&outcomes, &Registered::Renewed(owner)), RACERS - 1);
    let found = store.find_user_by_login("ada@example.com").await.unwrap();
    assert_eq!(found.map(|found| found.id), Some(owner));
    let log = whole_log(&**store).await;
    assert_eq!(log.len(), RACERS);
    assert!(log.iter().all(|row| row.event.user_id == Some(owner)));
}

/// Lets many make an account each; the outcomes.
async fn make_accounts(
    pair: &Pair,
    first_admin: bool,
    person: impl Fn(usize) -> User,
) -> Vec<Created> {
    race(|number| {
        let (store, person) = (Arc::clone(&pair.identity), person(number));
        async move {
            let act = event(Action::UserCreated);
            store.create_user(&person, &[], &[], first_admin, &act).await.unwrap()
        }
    })
    .await
}

pub(super) async fn one_account_is_made_of_one_address(pair: &Pair) {
    let got = make_accounts(pair, false, |number| User {
        username_key: Some(format!("name {number}")),
        ..user("ada")
    })
    .await;
    assert_eq!(count(&got, &Created::Created), 1);
    assert_eq!(count(&got, &Created::AddressTaken), RACERS - 1);
    assert_eq!(written(&*pair.identity).await.0, 1);
}

pub(super) async fn one_account_is_made_of_one_user_name(pair: &Pair) {
    let got = make_accounts(pair, false, |number| User {
        username_key: Some("ada".to_owned()),
        ..user(&format!("person{number}"))
    })
    .await;
    assert_eq!(count(&got, &Created::Created), 1);
    assert_eq!(count(&got, &Created::UsernameTaken), RACERS - 1);
    assert_eq!(written(&*pair.identity).await.0, 1);
}

pub(super) async fn one_first_admin_is_made(pair: &Pair) {
    let got = make_accounts(pair, true, |number| User {
        roles: vec![ADMIN_ROLE.to_owned()],
        ..user(&format!("admin{number}"))
    })
    .await;
    assert_eq!(count(&got, &Created::Created), 1);
    assert_eq!(count(&got, &Created::AdminExists), RACERS - 1);
    assert_eq!(written(&*pair.identity).await.0, 1);
}

pub(super) async fn of_admins_who_close_their_accounts_at_once_one_stays(pair: &Pair) {
    let admins: Vec<User> = (0..RACERS).map(|number| admin(&format!("admin{number}"))).collect();
    for admin in &admins {
        create(&*pair.identity, admin).await;
    }
    let got = race(|number| {
        let (store, admin) = (Arc::clone(&pair.identity), admins[number].clone());
        async move {
            let (change, act) = (set(&admin, UserStatus::Disabled), event(Action::UserUpdated));
            store.change_account(&change, &[], at(50), &act).await.unwrap()
        }
    })
    .await;
    assert_eq!(count(&got, &AccountChanged::LastAdmin), 1);
    assert_eq!(count(&got, &AccountChanged::Changed), RACERS - 1);
    assert!(pair.identity.has_admin().await.unwrap());
}

pub(super) async fn an_account_is_activated_by_one(pair: &Pair) {
    let person = pending_user("ada");
    create(&*pair.identity, &person).await;
    let got = race(|_| {
        let (store, person) = (Arc::clone(&pair.identity), person.clone());
        async move {
            let (key, changed) = (&person.email_key, person.password_changed_at);
            let act = event(Action::EmailVerified);
            store.activate_user(person.id, key, changed, at(50), &act).await.unwrap()
        }
    })
    .await;
    assert_eq!(count(&got, &true), 1);
    assert_eq!(written(&*pair.identity).await.0, 2);
}

pub(super) async fn one_enrolment_remains(pair: &Pair) {
    let person = user("ada");
    create(&*pair.identity, &person).await;
    race(|_| {
        let (store, user_id) = (Arc::clone(&pair.identity), person.id);
        async move {
            let factors = [factor(user_id, Method::Totp), factor(user_id, Method::BackupCode)];
            let codes = [code(factors[1].id, "aaaa")];
            store.enrol_factors(user_id, &factors, &codes).await.unwrap();
        }
    })
    .await;
    let mut methods: Vec<Method> = pair
        .identity
        .list_factors(person.id)
        .await
        .unwrap()
        .into_iter()
        .map(|factor| factor.method)
        .collect();
    methods.sort();
    assert_eq!(methods, [Method::Totp, Method::BackupCode]);
}

pub(super) async fn a_factor_is_confirmed_by_one(pair: &Pair) {
    let (store, totp) = enrolled(pair, Method::Totp).await;
    let got = race(|_| {
        let (store, confirmation) = (Arc::clone(&store), confirmation(&totp));
        async move {
            let act = event(Action::MfaEnabled);
            store.confirm_factor(&confirmation, at(20), &act).await.unwrap()
        }
    })
    .await;
    assert_eq!(count(&got, &Confirmed::Confirmed), 1);
    assert_eq!(count(&got, &Confirmed::Already), RACERS - 1);
    let person = store.find_user(totp.user_id).await.unwrap().unwrap();
    assert_eq!(person.factor_epoch, user("ada").factor_epoch + 1);
    assert_eq!(written(&*store).await.0, 2);
}

pub(super) async fn no_more_guesses_are_counted_than_allowed(pair: &Pair) {
    let (store, totp) = enrolled(pair, Method::Totp).await;
    let got = race(|_| {
        let (store, id) = (Arc::clone(&store), totp.id);
        async move { store.count_guess(id, false, 10).await.unwrap() }
    })
    .await;
    for guess in 1..=10 {
        assert_eq!(count(&got, &Guess::Counted(guess)), 1, "guess {guess}");
    }
    assert_eq!(count(&got, &Guess::Locked), RACERS - 10);
    assert_eq!(stored_factor(&*store, &totp).await.guesses_in_a_row, 10);
}

pub(super) async fn a_totp_step_is_consumed_by_one(pair: &Pair) {
    let (store, totp) = enrolled(pair, Method::Totp).await;
    let got = race(|_| {
        let (store, id) = (Arc::clone(&store), totp.id);
        async move { store.consume_totp_step(id, 1000, at(30)).await.unwrap() }
    })
    .await;
    assert_eq!(count(&got, &Consumed::Consumed), 1);
    assert_eq!(count(&got, &Consumed::Replayed), RACERS - 1);
}

pub(super) async fn a_count_of_a_passkey_is_used_by_one(pair: &Pair) {
    let (store, factor) = enrolled(pair, Method::Hardware).await;
    let confirmation = Confirmation { passkey: Some(passkey(&factor)), ..confirmation(&factor) };
    store.confirm_factor(&confirmation, at(20), &event(Action::MfaEnabled)).await.unwrap();
    let got = race(|_| {
        let (store, id) = (Arc::clone(&store), factor.id);
        let used = PasskeyUse { counter: 8, backed_up: true };
        async move { store.use_passkey(id, used, at(30)).await.unwrap() }
    })
    .await;
    assert_eq!(count(&got, &Consumed::Consumed), 1);
    assert_eq!(count(&got, &Consumed::Replayed), RACERS - 1);
}

pub(super) async fn a_name_of_a_passkey_is_given_to_one(pair: &Pair) {
    let store = &pair.identity;
    let mut waiting = Vec::new();
    for number in 0..RACERS {
        let person = user(&format!("p{number}"));
        create(&**store, &person).await;
        let factor = factor(person.id, Method::Hardware);
        store.enrol_factors(person.id, std::slice::from_ref(&factor), &[]).await.unwrap();
        waiting.push(factor);
    }
    let got = race(|number| {
        let store = Arc::clone(store);
        let passkey = Passkey { credential_id: vec![1, 2, 3], ..passkey(&waiting[number]) };
        let confirmation =
            Confirmation { passkey: Some(passkey), ..confirmation(&waiting[number]) };
        async move {
            let act = event(Action::MfaEnabled);
            store.confirm_factor(&confirmation, at(20), &act).await.unwrap()
        }
    })
    .await;
    assert_eq!(count(&got, &Confirmed::Confirmed), 1);
    assert_eq!(count(&got, &Confirmed::Taken), RACERS - 1);
}

pub(super) async fn a_backup_code_is_consumed_by_one(pair: &Pair) {
    let (store, codes) = enrolled(pair, Method::BackupCode).await;
    let got = race(|_| {
        let (store, id) = (Arc::clone(&store), codes.id);
        async move { store.consume_backup_code(id, "aaaa", at(30)).await.unwrap() }
    })
    .await;
    assert_eq!(count(&got, &Consumed::Consumed), 1);
    assert_eq!(count(&got, &Consumed::Replayed), RACERS - 1);
}

pub(super) async fn a_signing_key_is_added_by_one(pair: &Pair) {
    let store = &*pair.identity;
    for expected in [None, Some("first")] {
        let got = race(|number| {
            let store = Arc::clone(&pair.identity);
            async move {
                // The winner's name is the same whoever wins, so that the next round expects it.
                let (kid, moment) = match expected {
                    None => ("first".to_owned(), at(0)),
                    Some(_) => (format!("second {number}"), at(1000)),
                };
                let key = key(&kid, Algorithm::ES256, moment);
                let act = event(Action::KeyRotated);
                store.add_signing_key(&key, expected, Some(at(5000)), &act).await.unwrap()
            }
        })
        .await;
        assert_eq!(count(&got, &KeyAdded::Added), 1);
        assert_eq!(count(&got, &KeyAdded::Raced), RACERS - 1);
    }
    let keys = store.list_signing_keys(at(1000)).await.unwrap();
    assert_eq!(keys.len(), 2);
    assert_eq!((keys[0].expires_at, keys[1].expires_at), (Some(at(5000)), None));
    assert_eq!(written(store).await, (2, 2));
}

pub(super) async fn a_new_site_is_made_by_one(pair: &Pair) {
    let got = race(|number| {
        let store = Arc::clone(&pair.identity);
        async move {
            let site = site("shop", &[&format!("shop{number}.example")]);
            store.put_site(&site, true, &event(Action::PolicyUpdated)).await.unwrap()
        }
    })
    .await;
    assert_eq!(count(&got, &SitePut::Stored(1)), 1);
    assert_eq!(count(&got, &SitePut::Exists), RACERS - 1);
    assert_eq!(written(&*pair.identity).await, (1, 1));
}

pub(super) async fn a_host_is_given_to_one(pair: &Pair) {
    let got = race(|number| {
        let store = Arc::clone(&pair.identity);
        async move {
            let (before, after) = (format!("a{number}.example"), format!("z{number}.example"));
            let site = site(&format!("site{number}"), &[&before, "shop.example", &after]);
            store.put_site(&site, true, &event(Action::PolicyUpdated)).await.unwrap()
        }
    })
    .await;
    assert_eq!(count(&got, &SitePut::Stored(1)), 1);
    assert_eq!(count(&got, &SitePut::HostTaken), RACERS - 1);
    assert_eq!(pair.identity.list_sites().await.unwrap().len(), 1);
    assert_eq!(written(&*pair.identity).await, (1, 1));
}

pub(super) async fn the_latest_ending_wins(pair: &Pair) {
    race(|number| {
        let store = Arc::clone(&pair.identity);
        async move {
            let number = number as u64;
            let cut = cut_off(CutOffKind::Client, "rail", at(number), at(10_000 - number));
            store.cut_off(&[cut], &event(Action::SessionRevoked)).await.unwrap();
        }
    })
    .await;
    let latest = cut_off(CutOffKind::Client, "rail", at(RACERS as u64 - 1), at(10_000));
    let snapshot = pair.identity.snapshot("https://issuer.example", 100_000, at(0)).await.unwrap();
    assert_eq!(snapshot.cut_offs, std::slice::from_ref(&latest));
    let feed = pair.identity.list_feed(0, 1000).await.unwrap();
    assert_eq!(feed.len(), RACERS);
    let mut told = Vec::new();
    for entry in &feed {
        let Change::CutOff(cut) = &entry.change else { panic!("{entry:?} is no ending") };
        told.push((cut.at, cut.until));
    }
    assert!(told.is_sorted(), "an ending went back: {told:?}");
    assert_eq!(told.last(), Some(&(latest.at, latest.until)));
}

pub(super) async fn the_log_stays_chained(pair: &Pair) {
    race(|number| {
        let store = Arc::clone(&pair.identity);
        async move {
            if number % 2 == 0 {
                store.append_event(&event(Action::LoginFailed)).await.unwrap();
            } else {
                create(&*store, &user(&format!("person{number}"))).await;
            }
        }
    })
    .await;
    let log = whole_log(&*pair.identity).await;
    assert_eq!(log.len(), RACERS);
    assert_chained(&log);
}

pub(super) async fn one_event_is_written_once(pair: &Pair) {
    let person = user("ada");
    create(&*pair.identity, &person).await;
    let act = event(Action::LoginSuccess);
    race(|number| {
        let (store, act, id) = (Arc::clone(&pair.identity), act.clone(), person.id);
        async move {
            if number % 2 == 0 {
                store.append_event(&act).await.unwrap();
            } else {
                store.record_login(id, at(60), &act).await.unwrap();
            }
        }
    })
    .await;
    let log = whole_log(&*pair.identity).await;
    assert_eq!(log.len(), 2);
    assert_eq!(log[1].event, act);
    assert_chained(&log);
}

pub(super) async fn a_password_is_changed_by_one(pair: &Pair) {
    let person = user("ada");
    create(&*pair.identity, &person).await;
    let got = race(|number| {
        let store = Arc::clone(&pair.identity);
        // Half of them come by a link that was mailed.
        let password = NewPassword {
            user_id: person.id,
            hash: format!("hash {number}"),
            expected_epoch: person.factor_epoch,
            proves_address: (number % 2 == 0).then(|| person.email_key.clone()),
            invited: None,
        };
        async move {
            let id = password.user_id.to_string();
            let ended = cut_off(CutOffKind::User, &id, at(number as u64), at(1000));
            let act = event(Action::PasswordChanged);
            let taken = store.change_password(&password, &[ended], at(50), &act).await.unwrap();
            (taken, password.hash)
        }
    })
    .await;
    let winners: Vec<_> = got.into_iter().filter(|(taken, _)| *taken).collect();
    let [(_, hash)] = &winners[..] else { panic!("{} passwords were taken", winners.len()) };
    let held = pair.identity.find_user(person.id).await.unwrap().unwrap();
    assert_eq!(held.password_hash.as_ref(), Some(hash));
    assert_eq!(held.factor_epoch, person.factor_epoch + 1);
    assert_eq!(written(&*pair.identity).await, (2, 1));
}

pub(super) async fn a_warning_is_used_by_one(pair: &Pair) {
    let person = user("ada");
    create(&*pair.identity, &person).await;
    let warning = Warning { used_at: None, ..warning(&person) };
    pair.identity.put_warning(&warning).await.unwrap();
    let got = race(|_| {
        let (store, denial) = (Arc::clone(&pair.identity), denial(&warning, &person));
        async move {
            let act = event(Action::AccountBlocked);
            store.deny(&denial, &[], at(50), &act).await.unwrap()
        }
    })
    .await;
    assert_eq!(count(&got, &Denied::Denied), 1);
    assert_eq!(count(&got, &Denied::Spent), RACERS - 1);
    let held = pair.identity.find_user(person.id).await.unwrap().unwrap();
    assert_eq!(held.factor_epoch, person.factor_epoch + 1);
    assert_eq!(written(&*pair.identity).await, (2, 0));
}

pub(super) async fn a_place_is_new_to_one(pair: &Pair) {
    let person = user("ada");
    create(&*pair.identity, &person).await;
    let got = race(|_| {
        let store = Arc::clone(&pair.identity);
        let place = Place { user_id: person.id, agent: "a".into(), network: "n".into() };
        async move { store.note_place(&place, 9, at(50)).await.unwrap() }
    })
    .await;
    assert_eq!(count(&got, &true), 1);
}

pub(super) async fn one_address_is_given_to_one(pair: &Pair) {
    let people: Vec<_> = (0..RACERS).map(|number| user(&format!("person{number}"))).collect();
    for person in &people {
        create(&*pair.identity, person).await;
    }
    let got = race(|number| {
        let (store, new) = (Arc::clone(&pair.identity), new_address(&people[number]));
        async move {
            store.change_address(&new, &[], at(50), &event(Action::EmailChanged)).await.unwrap()
        }
    })
    .await;
    assert_eq!(count(&got, &AddressChanged::Changed), 1);
    assert_eq!(count(&got, &AddressChanged::Taken), RACERS - 1);
    let owner = pair.identity.find_user_by_login("wanted@example.com").await.unwrap().unwrap();
    assert_eq!(owner.factor_epoch, people[0].factor_epoch + 1);
    assert_eq!(written(&*pair.identity).await.0, RACERS + 1);
}

pub(super) async fn an_address_is_registered_or_given_to_one(pair: &Pair) {
    let people: Vec<_> = (0..RACERS).map(|number| user(&format!("person{number}"))).collect();
    for person in people.iter().step_by(2) {
        create(&*pair.identity, person).await;
    }
    let got = race(|number| {
        let (store, new) = (Arc::clone(&pair.identity), new_address(&people[number]));
        let stranger = User { username: None, username_key: None, ..pending_user("wanted") };
        async move {
            if number % 2 == 0 {
                let act = event(Action::EmailChanged);
                let changed = store.change_address(&new, &[], at(50), &act).await.unwrap();
                changed == AddressChanged::Changed
            } else {
                let act = event(Action::UserCreated);
                store.register_user(&stranger, &act).await.unwrap() == Registered::Created
            }
        }
    })
    .await;
    assert_eq!(count(&got, &true), 1);
}

/// The address that everybody wants.
fn new_address(person: &User) -> NewAddress {
    let address = normalise_address("wanted@example.com").unwrap();
    let (user_id, expected_epoch) = (person.id, person.factor_epoch);
    NewAddress { user_id, expected_epoch, address, displaces: None }
}

pub(super) async fn factors_are_changed_by_one(pair: &Pair) {
    let (store, backup) = enrolled(pair, Method::BackupCode).await;
    let got = race(|_| {
        let (store, user_id, old) = (Arc::clone(&store), backup.user_id, backup.id);
        async move {
            let new = factor(user_id, Method::BackupCode);
            let change = FactorChange {
                user_id,
                expected_epoch: user("ada").factor_epoch,
                remove: vec![old],
                codes: vec![code(new.id, "aaaa")],
                add: vec![new.clone()],
            };
            let act = event(Action::MfaEnabled);
            (store.change_factors(&change, &[], at(50), &act).await.unwrap(), new)
        }
    })
    .await;
    let winners: Vec<_> = got.into_iter().filter(|(changed, _)| *changed).collect();
    let [(_, new)] = &winners[..] else { panic!("{} changes were made", winners.len()) };
    assert_eq!(store.list_factors(backup.user_id).await.unwrap(), std::slice::from_ref(new));
    assert_eq!(store.count_backup_codes(new.id).await.unwrap(), 1);
    let held = store.find_user(backup.user_id).await.unwrap().unwrap();
    assert_eq!(held.factor_epoch, user("ada").factor_epoch + 1);
    assert_eq!(written(&*store).await, (2, 0));
}

pub(super) async fn a_tenant_is_made_by_one(pair: &Pair) {
    let got = race(|_| {
        let store = Arc::clone(&pair.identity);
        let act = event(Action::TenantCreated);
        async move { store.create_tenant(&tenant("acme"), &act).await.unwrap() }
    })
    .await;
    assert_eq!(count(&got, &true), 1);
    assert_eq!(written(&*pair.identity).await, (1, 0));
}

pub(super) async fn a_tenant_is_joined_once(pair: &Pair) {
    let (store, person) = (&*pair.identity, user("ada"));
    create(store, &person).await;
    store.create_tenant(&tenant("shop"), &event(Action::TenantCreated)).await.unwrap();
    let got = race(|number| {
        let store = Arc::clone(&pair.identity);
        let roles = vec![format!("role {number}")];
        let place = Membership { roles, ..membership(person.id, "shop") };
        async move { store.join_tenant(&place, &event(Action::TenantJoined)).await.unwrap() }
    })
    .await;
    assert_eq!(count(&got, &Joined::Joined), 1);
    assert_eq!(count(&got, &Joined::Already), RACERS - 1);
    assert_eq!(store.list_memberships(person.id).await.unwrap().len(), 1);
    assert_eq!(written(store).await, (RACERS + 2, 0));
}

pub(super) async fn no_more_devices_are_trusted_than_kept(pair: &Pair) {
    let person = user("ada");
    create(&*pair.identity, &person).await;
    race(|number| {
        let store = Arc::clone(&pair.identity);
        let device = TrustedDevice { last_used_at: at(number as u64), ..device(person.id) };
        async move { store.trust_device(&device, 5).await.unwrap() }
    })
    .await;
    assert_eq!(pair.identity.list_devices(person.id).await.unwrap().len(), 5);
}

pub(super) async fn a_client_is_registered_by_one(pair: &Pair) {
    let got = race(|number| {
        let store = Arc::clone(&pair.identity);
        let client = Client { created_at: at(number as u64), ..client("shop") };
        async move { store.create_client(&client, &event(Action::ClientCreated)).await.unwrap() }
    })
    .await;
    assert_eq!(count(&got, &true), 1);
    assert_eq!(pair.identity.count_clients().await.unwrap(), 1);
    assert_eq!(written(&*pair.identity).await, (1, 0));
}

pub(super) async fn a_removed_client_is_not_registered_again(pair: &Pair) {
    let store = &*pair.identity;
    register(store, &client("shop")).await;
    let got = race(|number| {
        let store = Arc::clone(&pair.identity);
        async move {
            if number == 0 {
                store.remove_client("shop", &[], &event(Action::ClientRemoved)).await.unwrap();
                return false;
            }
            store.create_client(&client("shop"), &event(Action::ClientCreated)).await.unwrap()
        }
    })
    .await;
    assert_eq!(count(&got, &true), 0);
    assert_eq!(store.find_client("shop").await.unwrap(), None);
}

pub(super) async fn a_version_of_a_client_is_replaced_by_one(pair: &Pair) {
    let store = &*pair.identity;
    register(store, &client("shop")).await;
    let got = race(|number| {
        let store = Arc::clone(&pair.identity);
        let (mut new, expected) = (client("shop"), client("shop").updated_at);
        new.metadata.client_name = Some(format!("name {number}"));
        async move {
            let act = event(Action::ClientUpdated);
            store.replace_client(&new, expected, &[], &act).await.unwrap()
        }
    })
    .await;
    assert_eq!(count(&got, &ClientChanged::Changed), 1);
    assert_eq!(count(&got, &ClientChanged::Overtaken), RACERS - 1);
    assert_eq!(written(store).await, (2, 0));
}

pub(super) async fn no_consent_is_lost(pair: &Pair) {
    let (store, person) = (&*pair.identity, user("ada"));
    create(store, &person).await;
    register(store, &client("shop")).await;
    race(|number| {
        let store = Arc::clone(&pair.identity);
        let scopes = vec![format!("scope {number:02}")];
        let consent = Consent { scopes, ..consent(person.id, "shop") };
        async move { store.grant_consent(&consent, &event(Action::ConsentGranted)).await.unwrap() }
    })
    .await;
    let found = store.find_consent(person.id, "shop").await.unwrap().unwrap();
    let all: Vec<_> = (0..RACERS).map(|number| format!("scope {number:02}")).collect();
    assert_eq!(found.scopes, all);
}

pub(super) async fn no_more_api_keys_are_made_than_may_be(pair: &Pair) {
    const MOST: u32 = 5;
    let (store, person) = (&*pair.identity, user("ada"));
    create(store, &person).await;
    let over = ApiKey { expires_at: at(1), ..api_key(person.id) };
    let act = event(Action::ApiKeyCreated);
    store.create_api_key(&over, person.factor_epoch, None, MOST, &act).await.unwrap();
    let before = written(store).await.0;
    let got = race(|_| {
        let store = Arc::clone(&pair.identity);
        let (key, epoch) =
            (ApiKey { created_at: at(2), ..api_key(person.id) }, person.factor_epoch);
        async move {
            let act = event(Action::ApiKeyCreated);
            store.create_api_key(&key, epoch, None, MOST, &act).await.unwrap()
        }
    })
    .await;
    assert_eq!(count(&got, &ApiKeyMade::Made), MOST as usize);
    assert_eq!(count(&got, &ApiKeyMade::TooMany), RACERS - MOST as usize);
    assert_eq!(store.list_api_keys(person.id).await.unwrap().len(), MOST as usize);
    assert_eq!(written(store).await.0, before + MOST as usize);
}

pub(super) async fn an_api_key_is_revoked_by_one(pair: &Pair) {
    let (store, person) = (&*pair.identity, user("ada"));
    create(store, &person).await;
    let key = api_key(person.id);
    let act = event(Action::ApiKeyCreated);
    store.create_api_key(&key, person.factor_epoch, None, 9, &act).await.unwrap();
    let before = written(store).await;
    let got = race(|_| {
        let store = Arc::clone(&pair.identity);
        let (owner, id) = (person.id, key.id);
        async move {
            let end = cut_off(CutOffKind::ApiKey, &id.to_string(), at(1), at(2));
            let act = event(Action::ApiKeyRevoked);
            store.revoke_api_key(owner, id, &[end], &act).await.unwrap()
        }
    })
    .await;
    assert_eq!(count(&got, &true), 1);
    // The ending, and what keys are left.
    assert_eq!(written(store).await, (before.0 + 1, before.1 + 2));
}
