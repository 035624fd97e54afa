//! People: accounts, registration, activation, sign-ins.

use jwks::{
    cutoff::CutOffKind,
    feed::{Change, Entry},
    policy::Method,
};
use uuid::Uuid;

use super::{
    Pair,
    samples::{
        api_key, at, bare_user, code, confirmation, create, cut_off, event, factor, membership,
        pending_user, tenant, user, whole_log, written,
    },
};
use crate::{
    domain::{
        audit::{Action, Event},
        user::{ADMIN_ROLE, DEFAULT_TENANT, User, UserStatus},
    },
    store::{
        IdentityStore,
        identity::{
            AccountChange, AccountChanged, Created, PeopleWanted, ProfileChanged, Registered,
        },
    },
};

pub(super) async fn a_person_comes_back_whole(pair: &Pair) {
    let store = &*pair.identity;
    for (name, status) in [
        ("ada", UserStatus::Active),
        ("bob", UserStatus::Pending),
        ("cy", UserStatus::Disabled),
        ("dee", UserStatus::Blocked),
    ] {
        let person = User { status, ..user(name) };
        create(store, &person).await;
        assert_eq!(store.find_user(person.id).await.unwrap().as_ref(), Some(&person));
        for key in [&person.email_key, person.username_key.as_ref().unwrap()] {
            assert_eq!(store.find_user_by_login(key).await.unwrap().as_ref(), Some(&person));
        }
    }
}

pub(super) async fn a_person_with_nothing_optional_comes_back_whole(pair: &Pair) {
    let store = &*pair.identity;
    for name in ["ada", "bob"] {
        let person = bare_user(name);
        create(store, &person).await;
        assert_eq!(store.find_user(person.id).await.unwrap().as_ref(), Some(&person));
    }
}

pub(super) async fn nobody_is_found_by_a_name_that_nobody_has(pair: &Pair) {
    let store = &*pair.identity;
    create(store, &user("ada")).await;
    create(store, &bare_user("bob")).await;
    assert_eq!(store.find_user(Uuid::new_v4()).await.unwrap(), None);
    assert_eq!(store.find_subject(Uuid::new_v4(), Uuid::new_v4()).await.unwrap(), None);
    for key in ["", "eve", "eve@example.com", "ADA@EXAMPLE.COM", "ada@example.com ", "%", "_da"] {
        assert_eq!(store.find_user_by_login(key).await.unwrap(), None, "{key:?}");
    }
}

pub(super) async fn an_address_names_its_owner_before_a_user_name_does(pair: &Pair) {
    let store = &*pair.identity;
    let owner = user("ada");
    let squatter = User { username_key: Some(owner.email_key.clone()), ..user("eve") };
    create(store, &squatter).await;
    let found = store.find_user_by_login(&owner.email_key).await.unwrap();
    assert_eq!(found.map(|found| found.id), Some(squatter.id));
    create(store, &owner).await;
    let found = store.find_user_by_login(&owner.email_key).await.unwrap();
    assert_eq!(found.map(|found| found.id), Some(owner.id));
}

pub(super) async fn registering_makes_a_pending_account_and_its_event(pair: &Pair) {
    let store = &*pair.identity;
    let (person, act) = (pending_user("ada"), event(Action::UserCreated));
    assert_eq!(store.register_user(&person, &act).await.unwrap(), Registered::Created);
    assert_eq!(store.find_user(person.id).await.unwrap().as_ref(), Some(&person));
    let log = whole_log(store).await;
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].event, Event { user_id: Some(person.id), ..act });
}

pub(super) async fn registering_again_renews_a_pending_account_and_keeps_its_id(pair: &Pair) {
    let store = &*pair.identity;
    let first = pending_user("ada");
    store.register_user(&first, &event(Action::UserCreated)).await.unwrap();
    let second = User {
        email: "ADA@example.com".to_owned(),
        username: None,
        username_key: None,
        name: "Ada the Second".to_owned(),
        given_name: None,
        family_name: Some("Second".to_owned()),
        backup_email: None,
        locale: Some("fr".to_owned()),
        guid: "7a".repeat(32),
        roles: vec![ADMIN_ROLE.to_owned()],
        password_hash: Some("$argon2id$second".to_owned()),
        password_changed_at: Some(at(103)),
        factor_epoch: 0,
        created_at: at(104),
        updated_at: at(105),
        ..pending_user("ada")
    };
    let act = event(Action::UserCreated);
    assert_eq!(store.register_user(&second, &act).await.unwrap(), Registered::Renewed(first.id));
    let renewed = User {
        email: second.email.clone(),
        name: second.name.clone(),
        given_name: second.given_name.clone(),
        family_name: second.family_name.clone(),
        password_hash: second.password_hash.clone(),
        password_changed_at: second.password_changed_at,
        created_at: second.created_at,
        updated_at: second.updated_at,
        ..first.clone()
    };
    assert_eq!(store.find_user(first.id).await.unwrap(), Some(renewed));
    assert_eq!(store.find_user(second.id).await.unwrap(), None);
    assert!(!store.has_admin().await.unwrap());
    let log = whole_log(store).await;
    assert_eq!(log.len(), 2);
    assert_eq!(log[1].event, Event { user_id: Some(first.id), ..act });
}

pub(super) async fn registering_an_address_that_is_taken_changes_nothing(pair: &Pair) {
    let store = &*pair.identity;
    for (name, status) in
        [("ada", UserStatus::Active), ("bob", UserStatus::Disabled), ("cy", UserStatus::Blocked)]
    {
        let owner = User { status, ..user(name) };
        create(store, &owner).await;
        let before = written(store).await;
        let late = User { username: None, username_key: None, ..pending_user(name) };
        let registered = store.register_user(&late, &event(Action::UserCreated)).await.unwrap();
        assert_eq!(registered, Registered::Taken(owner.id));
        assert_eq!(store.find_user(owner.id).await.unwrap(), Some(owner));
        assert_eq!(written(store).await, before);
    }
}

pub(super) async fn a_pending_account_that_an_admin_made_is_nobodys_to_register(pair: &Pair) {
    let store = &*pair.identity;
    let with_roles = User { roles: vec![ADMIN_ROLE.to_owned()], ..pending_user("ada") };
    let without_password =
        User { password_hash: None, password_changed_at: None, ..pending_user("bob") };
    for owner in [with_roles, without_password] {
        create(store, &owner).await;
        let stranger =
            User { id: Uuid::new_v4(), username: None, username_key: None, ..owner.clone() };
        let stranger = User { password_hash: Some("$argon2id$theirs".to_owned()), ..stranger };
        let registered = store.register_user(&stranger, &event(Action::UserCreated)).await.unwrap();
        assert_eq!(registered, Registered::Taken(owner.id));
        assert_eq!(store.find_user(owner.id).await.unwrap(), Some(owner));
    }
}

pub(super) async fn an_account_is_made_with_its_factors_and_codes(pair: &Pair) {
    let store = &*pair.identity;
    let person = user("ada");
    let mut totp = factor(person.id, Method::Totp);
    totp.confirmed_at = Some(at(20));
    totp.last_used_at = Some(at(21));
    totp.last_step = Some(63_333_333);
    totp.guesses_in_a_row = 3;
    let mut backup = factor(person.id, Method::BackupCode);
    backup.created_at = at(11);
    backup.sealed_secret = Vec::new();
    let mut used = code(backup.id, "bbbb");
    used.used_at = Some(at(22));
    let codes = [code(backup.id, "aaaa"), used];
    let factors = [totp, backup];
    let act = event(Action::UserCreated);
    let made = store.create_user(&person, &factors, &codes, false, &act).await.unwrap();
    assert_eq!(made, Created::Created);
    assert_eq!(store.list_factors(person.id).await.unwrap(), factors);
    for code in &codes {
        let found = store.find_backup_code(code.factor_id, &code.prefix).await.unwrap();
        assert_eq!(found.as_ref(), Some(code));
    }
    let log = whole_log(store).await;
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].event, act);
}

pub(super) async fn an_address_or_user_name_that_is_taken_makes_no_account(pair: &Pair) {
    let store = &*pair.identity;
    let owner = user("ada");
    create(store, &owner).await;
    let before = written(store).await;
    let same_address = User { email_key: owner.email_key.clone(), ..user("bob") };
    let same_name = User { username_key: owner.username_key.clone(), ..user("cy") };
    let same_both = User { username_key: owner.username_key.clone(), ..same_address.clone() };
    for (person, outcome) in [
        (same_address, Created::AddressTaken),
        (same_name, Created::UsernameTaken),
        (same_both, Created::AddressTaken),
    ] {
        let factors = [factor(person.id, Method::Totp)];
        let act = event(Action::UserCreated);
        let made = store.create_user(&person, &factors, &[], false, &act).await.unwrap();
        assert_eq!(made, outcome);
        assert_eq!(store.find_user(person.id).await.unwrap(), None);
        assert_eq!(store.list_factors(person.id).await.unwrap(), []);
    }
    assert_eq!(written(store).await, before);
}

pub(super) async fn the_first_admin_is_made_only_while_there_is_none(pair: &Pair) {
    let store = &*pair.identity;
    let admin =
        |name: &str| User { roles: vec!["editor".to_owned(), ADMIN_ROLE.to_owned()], ..user(name) };
    create(store, &user("editor")).await;
    let (first, second) = (admin("ada"), admin("bob"));
    let act = event(Action::UserCreated);
    assert_eq!(store.create_user(&first, &[], &[], true, &act).await.unwrap(), Created::Created);
    let before = written(store).await;
    for late in [&second, &User { id: Uuid::new_v4(), ..first.clone() }] {
        let made = store.create_user(late, &[], &[], true, &event(Action::UserCreated)).await;
        assert_eq!(made.unwrap(), Created::AdminExists);
    }
    assert_eq!(written(store).await, before);
    create(store, &second).await;
}

pub(super) async fn a_pending_account_is_activated_once(pair: &Pair) {
    let store = &*pair.identity;
    for person in [
        pending_user("ada"),
        User { password_hash: None, password_changed_at: None, ..pending_user("bob") },
    ] {
        create(store, &person).await;
        let act = event(Action::EmailVerified);
        let activate = || {
            let (key, changed) = (&person.email_key, person.password_changed_at);
            store.activate_user(person.id, key, changed, at(50), &act)
        };
        let before = written(store).await.0;
        assert!(activate().await.unwrap());
        let active = User {
            status: UserStatus::Active,
            email_verified_at: Some(at(50)),
            updated_at: at(50),
            ..person.clone()
        };
        assert_eq!(store.find_user(person.id).await.unwrap().as_ref(), Some(&active));
        assert_eq!(whole_log(store).await.last().unwrap().event, act);
        assert!(!activate().await.unwrap());
        assert_eq!(store.find_user(person.id).await.unwrap(), Some(active));
        assert_eq!(written(store).await.0, before + 1);
    }
}

pub(super) async fn an_account_is_activated_only_as_it_was_when_the_mail_was_sent(pair: &Pair) {
    let store = &*pair.identity;
    let ada = pending_user("ada");
    let bob = User { password_changed_at: None, ..pending_user("bob") };
    let blocked = User { status: UserStatus::Blocked, ..user("cy") };
    for person in [&ada, &bob, &blocked] {
        create(store, person).await;
    }
    let before = written(store).await;
    for (person, email_key, password_changed_at) in [
        (&ada, "eve@example.com", ada.password_changed_at),
        (&ada, ada.email_key.as_str(), Some(at(4))),
        (&ada, ada.email_key.as_str(), None),
        (&bob, bob.email_key.as_str(), Some(at(3))),
        (&blocked, blocked.email_key.as_str(), blocked.password_changed_at),
    ] {
        let act = event(Action::EmailVerified);
        let activated =
            store.activate_user(person.id, email_key, password_changed_at, at(50), &act).await;
        assert!(!activated.unwrap(), "{email_key} {password_changed_at:?}");
        assert_eq!(store.find_user(person.id).await.unwrap().as_ref(), Some(person));
    }
    let nobody = store
        .activate_user(Uuid::new_v4(), &ada.email_key, None, at(50), &event(Action::EmailVerified))
        .await;
    assert!(!nobody.unwrap());
    assert_eq!(written(store).await, before);
}

pub(super) async fn a_password_hash_is_renewed_only_from_the_stored_one(pair: &Pair) {
    let store = &*pair.identity;
    let (person, bare) = (user("ada"), bare_user("bob"));
    create(store, &person).await;
    create(store, &bare).await;
    let old = person.password_hash.clone().unwrap();
    assert!(store.renew_password_hash(person.id, &old, "$new").await.unwrap());
    let renewed = User { password_hash: Some("$new".to_owned()), ..person.clone() };
    assert_eq!(store.find_user(person.id).await.unwrap().as_ref(), Some(&renewed));
    assert!(!store.renew_password_hash(person.id, &old, "$newer").await.unwrap());
    assert!(!store.renew_password_hash(bare.id, "", "$newer").await.unwrap());
    assert!(!store.renew_password_hash(Uuid::new_v4(), &old, "$newer").await.unwrap());
    assert_eq!(store.find_user(person.id).await.unwrap(), Some(renewed));
    assert_eq!(store.find_user(bare.id).await.unwrap(), Some(bare));
}

pub(super) async fn a_profile_is_changed_as_a_whole_and_only_from_the_version_it_was_read_in(
    pair: &Pair,
) {
    let store = &*pair.identity;
    let (person, other) = (user("ada"), bare_user("bob"));
    create(store, &person).await;
    create(store, &other).await;
    // Whatever else differs is none of the profile.
    let said = User {
        username: None,
        username_key: None,
        name: "Ada".to_owned(),
        given_name: None,
        family_name: Some("King".to_owned()),
        locale: None,
        claims: serde_json::json!({ "gender": "female" }).as_object().cloned().unwrap(),
        ..person.clone()
    };
    let sent = User {
        roles: vec![ADMIN_ROLE.to_owned()],
        status: UserStatus::Disabled,
        email: "mallory@example.com".to_owned(),
        phone: None,
        password_hash: None,
        factor_epoch: 99,
        ..said.clone()
    };
    let act = event(Action::ProfileUpdated);
    let changed = store.change_profile(&sent, person.updated_at, at(60), &act).await.unwrap();
    assert_eq!(changed, ProfileChanged::Changed);
    let said = User { updated_at: at(60), ..said };
    assert_eq!(store.find_user(person.id).await.unwrap().as_ref(), Some(&said));
    assert_eq!(whole_log(store).await.last().unwrap().event, act);
    // From the same moment on it is of another version.
    let again = User { name: "Ada once more".to_owned(), ..said.clone() };
    let act = event(Action::ProfileUpdated);
    let changed = store.change_profile(&again, at(60), at(60), &act).await.unwrap();
    assert_eq!(changed, ProfileChanged::Changed);
    let held = User { updated_at: at(61), ..again };
    assert_eq!(store.find_user(person.id).await.unwrap().as_ref(), Some(&held));
    let before = written(store).await;
    for (user, expected) in [(&said, at(60)), (&said, at(62)), (&user("nobody"), at(5))] {
        let act = event(Action::ProfileUpdated);
        let changed = store.change_profile(user, expected, at(70), &act).await.unwrap();
        assert_eq!(changed, ProfileChanged::Overtaken);
    }
    assert_eq!(written(store).await, before);
    assert_eq!(store.find_user(person.id).await.unwrap(), Some(held));
    assert_eq!(store.find_user(other.id).await.unwrap(), Some(other));
}

pub(super) async fn a_user_name_that_is_taken_changes_no_profile(pair: &Pair) {
    let store = &*pair.identity;
    let (person, other) = (user("ada"), bare_user("bob"));
    create(store, &person).await;
    create(store, &other).await;
    let before = written(store).await;
    let taken = User {
        username: person.username.clone(),
        username_key: person.username_key.clone(),
        name: "Bob".to_owned(),
        ..other.clone()
    };
    let act = event(Action::ProfileUpdated);
    let changed = store.change_profile(&taken, other.updated_at, at(60), &act).await.unwrap();
    assert_eq!(changed, ProfileChanged::UsernameTaken);
    // Which version it is of is asked first.
    let changed = store.change_profile(&taken, at(1), at(60), &act).await.unwrap();
    assert_eq!(changed, ProfileChanged::Overtaken);
    assert_eq!(written(store).await, before);
    assert_eq!(store.find_user(other.id).await.unwrap(), Some(other));
    // One's own is not taken.
    let act = event(Action::ProfileUpdated);
    let changed = store.change_profile(&person, person.updated_at, at(60), &act).await.unwrap();
    assert_eq!(changed, ProfileChanged::Changed);
}

pub(super) async fn a_sign_in_is_noted_with_its_event(pair: &Pair) {
    let store = &*pair.identity;
    let (person, other) = (user("ada"), bare_user("bob"));
    create(store, &person).await;
    create(store, &other).await;
    let act = event(Action::LoginSuccess);
    store.record_login(person.id, at(60), &act).await.unwrap();
    let noted = User { last_login_at: Some(at(60)), ..person.clone() };
    assert_eq!(store.find_user(person.id).await.unwrap(), Some(noted));
    assert_eq!(store.find_user(other.id).await.unwrap(), Some(other));
    assert_eq!(whole_log(store).await.last().unwrap().event, act);
}

pub(super) async fn only_an_admin_who_is_active_or_pending_counts(pair: &Pair) {
    let store = &*pair.identity;
    let admin =
        |name: &str, status| User { status, roles: vec![ADMIN_ROLE.to_owned()], ..user(name) };
    let unlike =
        User { roles: vec!["administrator".to_owned(), "not admin".to_owned()], ..user("eve") };
    for person in [unlike, admin("ada", UserStatus::Disabled), admin("bob", UserStatus::Blocked)] {
        create(store, &person).await;
        assert!(!store.has_admin().await.unwrap());
    }
    let pending = admin("cy", UserStatus::Pending);
    create(store, &pending).await;
    assert!(store.has_admin().await.unwrap());
    let activated = store
        .activate_user(
            pending.id,
            &pending.email_key,
            pending.password_changed_at,
            at(50),
            &event(Action::EmailVerified),
        )
        .await;
    assert!(activated.unwrap());
    assert!(store.has_admin().await.unwrap());
}

pub(super) async fn an_admin_is_without_a_factor_until_one_is_confirmed(pair: &Pair) {
    let store = &*pair.identity;
    let bare = || async { store.count_admins_without_factor().await.unwrap() };
    let roles = vec![ADMIN_ROLE.to_owned()];
    create(store, &user("eve")).await;
    create(store, &User { status: UserStatus::Disabled, roles: roles.clone(), ..user("bob") })
        .await;
    assert_eq!(bare().await, 0);
    let (ada, cy) = (User { roles: roles.clone(), ..user("ada") }, User { roles, ..user("cy") });
    create(store, &ada).await;
    create(store, &User { status: UserStatus::Pending, ..cy }).await;
    assert_eq!(bare().await, 2);
    let totp = factor(ada.id, Method::Totp);
    store.enrol_factors(ada.id, std::slice::from_ref(&totp), &[]).await.unwrap();
    assert_eq!(bare().await, 2);
    let act = event(Action::MfaEnabled);
    store.confirm_factor(&confirmation(&totp), at(50), &act).await.unwrap();
    assert_eq!(bare().await, 1);
}

/// What leaves an account as it is.
fn as_held(user: &User) -> AccountChange {
    AccountChange {
        user_id: user.id,
        expected: user.updated_at,
        name: user.name.clone(),
        roles: user.roles.clone(),
        tenant_id: user.tenant_id.clone(),
        status: user.status,
        ends: false,
    }
}

/// Somebody who may do what admins do.
pub(super) fn admin(name: &str) -> User {
    User { tenant_id: DEFAULT_TENANT.to_owned(), roles: vec![ADMIN_ROLE.to_owned()], ..user(name) }
}

/// What makes an account stand so.
pub(super) fn set(user: &User, status: UserStatus) -> AccountChange {
    AccountChange { status, ..as_held(user) }
}

async fn change(store: &dyn IdentityStore, change: &AccountChange) -> AccountChanged {
    store.change_account(change, &[], at(80), &event(Action::UserUpdated)).await.unwrap()
}

pub(super) async fn people_are_listed_newest_first_in_pages(pair: &Pair) {
    let store = &*pair.identity;
    let mut people = Vec::new();
    for (place, name) in (1_u128..).zip(["ada", "bob", "cy", "dee", "eve"]) {
        let status = if place % 2 == 0 { UserStatus::Blocked } else { UserStatus::Active };
        let person = User { id: Uuid::from_u128(place), status, ..user(name) };
        create(store, &person).await;
        people.insert(0, person);
    }
    let list = async |wanted: &PeopleWanted, skip, limit| {
        store.list_users(wanted, skip, limit).await.unwrap()
    };
    let all = PeopleWanted::default();
    assert_eq!(list(&all, 0, 10).await, people);
    assert_eq!(list(&all, 1, 2).await, people[1..3]);
    assert_eq!(list(&all, 5, 2).await, []);
    assert_eq!(store.count_users(&all).await.unwrap(), 5);
    let rest = PeopleWanted { after: Some(people[1].id), ..all.clone() };
    assert_eq!(list(&rest, 0, 2).await, people[2..4]);
    assert_eq!(list(&rest, 1, 10).await, people[3..]);
    assert_eq!(store.count_users(&rest).await.unwrap(), 3);
    let blocked = PeopleWanted { status: Some(UserStatus::Blocked), ..all.clone() };
    assert_eq!(list(&blocked, 0, 10).await, [people[1].clone(), people[3].clone()]);
    assert_eq!(store.count_users(&blocked).await.unwrap(), 2);
    let last = PeopleWanted { after: Some(people[1].id), ..blocked };
    assert_eq!(list(&last, 0, 10).await, [people[3].clone()]);
}

pub(super) async fn people_are_found_by_a_part_of_what_they_are_called(pair: &Pair) {
    let store = &*pair.identity;
    let ada = User { name: "Ada ÉCOLE 100%_\\".to_owned(), ..user("ada") };
    let bob = User { name: "Bob".to_owned(), ..bare_user("bob") };
    create(store, &ada).await;
    create(store, &bob).await;
    for (search, found) in [
        ("ada@ex", vec![&ada]),
        ("ADA@EX", vec![&ada]),
        ("example.com", vec![&ada, &bob]),
        // Of the user name, and of the name.
        ("da's n", vec![&ada]),
        ("0%_\\", vec![&ada]),
        ("A ÉCole", vec![&ada]),
        ("a école", vec![]),
        ("bOB", vec![&bob]),
        // What means something elsewhere means nothing here.
        ("%", vec![&ada]),
        ("a_a", vec![]),
        ("*", vec![]),
        ("'", vec![&ada]),
        ("eve", vec![]),
    ] {
        let wanted = PeopleWanted { search: Some(search.to_owned()), ..PeopleWanted::default() };
        let mut ids: Vec<Uuid> = found.iter().map(|user| user.id).collect();
        ids.sort_by_key(|id| std::cmp::Reverse(*id));
        let listed = store.list_users(&wanted, 0, 10).await.unwrap();
        assert_eq!(listed.iter().map(|user| user.id).collect::<Vec<_>>(), ids, "{search}");
        assert_eq!(store.count_users(&wanted).await.unwrap(), ids.len() as u64, "{search}");
    }
}

pub(super) async fn an_account_is_changed_in_the_version_it_was_read_in(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (user("ada"), user("bob"));
    create(store, &ada).await;
    create(store, &bob).await;
    for id in ["other", "third"] {
        store.create_tenant(&tenant(id), &event(Action::TenantCreated)).await.unwrap();
        let place = membership(ada.id, id);
        store.join_tenant(&place, &event(Action::TenantJoined)).await.unwrap();
    }
    let key = api_key(ada.id);
    let made = event(Action::ApiKeyCreated);
    store.create_api_key(&key, ada.factor_epoch, None, 9, &made).await.unwrap();
    let (_, before) = store.feed_head().await.unwrap();
    let wanted = AccountChange {
        name: "Ada".to_owned(),
        roles: vec!["clerk".to_owned()],
        tenant_id: "other".to_owned(),
        status: UserStatus::Disabled,
        ends: true,
        ..as_held(&ada)
    };
    let end = cut_off(CutOffKind::Session, &Uuid::new_v4().to_string(), at(60), at(90));
    let act = Event { at: at(55), ..event(Action::UserUpdated) };
    let ends = std::slice::from_ref(&end);
    let done = store.change_account(&wanted, ends, at(70), &act).await.unwrap();
    assert_eq!(done, AccountChanged::Changed);
    let held = User {
        name: "Ada".to_owned(),
        roles: vec!["clerk".to_owned()],
        tenant_id: "other".to_owned(),
        status: UserStatus::Disabled,
        factor_epoch: ada.factor_epoch + 1,
        updated_at: at(70),
        ..ada.clone()
    };
    assert_eq!(store.find_user(ada.id).await.unwrap().as_ref(), Some(&held));
    // They are at home where they were a guest.
    assert_eq!(store.list_memberships(ada.id).await.unwrap(), [membership(ada.id, "third")]);
    assert_eq!(whole_log(store).await.pop().unwrap().event, act);
    let feed = store.list_feed(before, 10).await.unwrap();
    assert_eq!(feed[0], Entry { seq: before + 1, at: at(55), change: Change::CutOff(end) });
    match &feed[1].change {
        Change::KeyHolder(holder) => {
            assert_eq!((holder.active, holder.name.as_str()), (false, "Ada"));
            assert_eq!((&holder.roles, holder.tenant_id.as_str()), (&held.roles, "other"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(feed.len(), 2);

    // At the same moment again it is of another version; and nothing ends by it.
    let again = AccountChange { name: "Ada once more".to_owned(), ..as_held(&held) };
    let done = store.change_account(&again, &[], at(70), &event(Action::UserUpdated)).await;
    assert_eq!(done.unwrap(), AccountChanged::Changed);
    let held = User { name: "Ada once more".to_owned(), updated_at: at(71), ..held };
    assert_eq!(store.find_user(ada.id).await.unwrap().as_ref(), Some(&held));
    let before = written(store).await;
    for overtaken in [
        AccountChange { expected: at(70), ..as_held(&held) },
        AccountChange { expected: at(72), ..as_held(&held) },
        AccountChange { user_id: Uuid::new_v4(), ..as_held(&held) },
    ] {
        assert_eq!(change(store, &overtaken).await, AccountChanged::Overtaken);
    }
    assert_eq!(written(store).await, before);
    assert_eq!(store.find_user(ada.id).await.unwrap(), Some(held));
    assert_eq!(store.find_user(bob.id).await.unwrap(), Some(bob));
}

pub(super) async fn the_last_admin_who_may_sign_in_stays_one(pair: &Pair) {
    let store = &*pair.identity;
    let ada = admin("ada");
    create(store, &ada).await;
    // None of them may do what admins do.
    for other in [
        User { status: UserStatus::Pending, ..admin("bob") },
        User { status: UserStatus::Disabled, ..admin("cy") },
        User { tenant_id: "acme".to_owned(), ..admin("dee") },
        User { roles: vec!["clerk".to_owned()], ..admin("eve") },
    ] {
        create(store, &other).await;
    }
    let less = [
        set(&ada, UserStatus::Disabled),
        set(&ada, UserStatus::Blocked),
        AccountChange { roles: Vec::new(), ..as_held(&ada) },
        AccountChange { tenant_id: "acme".to_owned(), ..as_held(&ada) },
    ];
    let before = written(store).await;
    for less in &less {
        assert_eq!(change(store, less).await, AccountChanged::LastAdmin);
        // The version is judged first.
        let late = AccountChange { expected: at(99), ..less.clone() };
        assert_eq!(change(store, &late).await, AccountChanged::Overtaken);
    }
    assert_eq!(written(store).await, before);
    assert_eq!(store.find_user(ada.id).await.unwrap().as_ref(), Some(&ada));
    let renamed = AccountChange { name: "Ada".to_owned(), ..as_held(&ada) };
    assert_eq!(change(store, &renamed).await, AccountChanged::Changed);
    create(store, &admin("second")).await;
    let less = AccountChange { expected: at(80), ends: true, ..less[2].clone() };
    assert_eq!(change(store, &less).await, AccountChanged::Changed);
    assert_eq!(store.find_user(ada.id).await.unwrap().unwrap().roles, [""; 0]);
}
