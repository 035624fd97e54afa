//! New passwords.

use jwks::{
    cutoff::{CutOff, CutOffKind},
    feed::Change,
};
use uuid::Uuid;

use super::{
    Pair,
    samples::{at, bare_user, create, cut_off, event, pending_user, user, whole_log, written},
};
use crate::{
    domain::{
        audit::Action,
        user::{ADMIN_ROLE, User, UserStatus},
    },
    store::{
        IdentityStore,
        identity::{Invited, NewPassword},
    },
};

/// A new password of the person, as they stand.
fn of(person: &User) -> NewPassword {
    NewPassword {
        user_id: person.id,
        hash: "$argon2id$new".to_owned(),
        expected_epoch: person.factor_epoch,
        proves_address: None,
        invited: None,
    }
}

/// The same, chosen by a mailed link.
fn by_link(person: &User) -> NewPassword {
    NewPassword { proves_address: Some(person.email_key.clone()), ..of(person) }
}

/// The person after the change at `at(50)`.
fn changed(person: &User) -> User {
    User {
        password_hash: Some("$argon2id$new".to_owned()),
        password_changed_at: Some(at(50)),
        updated_at: at(50),
        factor_epoch: person.factor_epoch + 1,
        ..person.clone()
    }
}

pub(super) async fn an_invitation_says_what_an_account_that_was_nobodys_is(pair: &Pair) {
    let store = &*pair.identity;
    let nobodys = User { status: UserStatus::Pending, roles: Vec::new(), ..user("ada") };
    create(store, &nobodys).await;
    let invited = Invited {
        tenant_id: "guests".to_owned(),
        roles: vec![ADMIN_ROLE.to_owned(), "clerk".to_owned()],
        name: "Ada Invited".to_owned(),
    };
    let password = NewPassword { invited: Some(invited.clone()), ..by_link(&nobodys) };
    let stale = NewPassword { expected_epoch: nobodys.factor_epoch + 1, ..password.clone() };
    assert!(!change(store, &stale).await);
    assert_eq!(store.find_user(nobodys.id).await.unwrap(), Some(nobodys.clone()));
    assert!(change(store, &password).await);
    let expected = User {
        status: UserStatus::Active,
        email_verified_at: nobodys.email_verified_at.or(Some(at(50))),
        tenant_id: invited.tenant_id,
        roles: invited.roles,
        name: invited.name,
        ..changed(&nobodys)
    };
    assert_eq!(store.find_user(nobodys.id).await.unwrap(), Some(expected));
    assert!(store.has_admin().await.unwrap());
}

/// An ending of everything of the person, and of one session of theirs.
fn endings(person: &User) -> [CutOff; 2] {
    [
        cut_off(CutOffKind::User, &person.id.to_string(), at(50), at(1000)),
        cut_off(CutOffKind::Session, &Uuid::now_v7().to_string(), at(50), at(1001)),
    ]
}

async fn change(store: &dyn IdentityStore, password: &NewPassword) -> bool {
    store.change_password(password, &[], at(50), &event(Action::PasswordChanged)).await.unwrap()
}

pub(super) async fn a_new_password_is_set_with_its_endings_and_its_event(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (user("ada"), user("bob"));
    for person in [&ada, &bob] {
        create(store, person).await;
    }
    let (ends, act) = (endings(&ada), event(Action::PasswordChanged));
    assert!(store.change_password(&of(&ada), &ends, at(50), &act).await.unwrap());
    assert_eq!(store.find_user(ada.id).await.unwrap(), Some(changed(&ada)));
    assert_eq!(store.find_user(bob.id).await.unwrap(), Some(bob));
    assert_eq!(whole_log(store).await.last().unwrap().event, act);
    let feed = store.list_feed(0, 10).await.unwrap();
    let told: Vec<_> = feed.into_iter().map(|entry| (entry.at, entry.change)).collect();
    assert_eq!(told, ends.clone().map(|end| (act.at, Change::CutOff(end))));
    let subject = store.find_subject(ada.id, ends[1].id.parse().unwrap()).await.unwrap().unwrap();
    let [everything, session] = ends.map(Some);
    assert_eq!((subject.user_cut_off, subject.session_cut_off), (everything, session));
}

pub(super) async fn a_first_password_is_set_like_any_other(pair: &Pair) {
    let store = &*pair.identity;
    let person = bare_user("ada");
    create(store, &person).await;
    assert!(change(store, &of(&person)).await);
    assert_eq!(store.find_user(person.id).await.unwrap(), Some(changed(&person)));
}

pub(super) async fn a_link_that_was_mailed_proves_the_address(pair: &Pair) {
    let store = &*pair.identity;
    let pending = pending_user("ada");
    let bare = User { status: UserStatus::Pending, ..bare_user("bob") };
    let unproved = bare_user("cy");
    let proved = user("dee");
    for person in [&pending, &bare, &unproved, &proved] {
        create(store, person).await;
        assert!(change(store, &by_link(person)).await);
        let active = User {
            status: UserStatus::Active,
            email_verified_at: person.email_verified_at.or(Some(at(50))),
            ..changed(person)
        };
        assert_eq!(store.find_user(person.id).await.unwrap(), Some(active));
    }
    assert_eq!(proved.email_verified_at, Some(at(1)));
}

pub(super) async fn a_link_that_was_mailed_opens_a_blocked_account(pair: &Pair) {
    let store = &*pair.identity;
    let blocked = User { status: UserStatus::Blocked, ..user("ada") };
    create(store, &blocked).await;
    assert!(change(store, &by_link(&blocked)).await);
    let open = User { status: UserStatus::Active, ..changed(&blocked) };
    assert_eq!(store.find_user(blocked.id).await.unwrap(), Some(open));
}

pub(super) async fn a_password_stays_where_what_has_to_be_so_is_not(pair: &Pair) {
    let store = &*pair.identity;
    let (active, pending) = (user("ada"), pending_user("bob"));
    let disabled = User { status: UserStatus::Disabled, ..user("cy") };
    let blocked = User { status: UserStatus::Blocked, ..user("dee") };
    for person in [&active, &pending, &disabled, &blocked] {
        create(store, person).await;
    }
    let before = written(store).await;
    let elsewhere = Some("eve@example.com".to_owned());
    for password in [
        NewPassword { expected_epoch: active.factor_epoch - 1, ..of(&active) },
        NewPassword { expected_epoch: active.factor_epoch + 1, ..of(&active) },
        NewPassword { expected_epoch: active.factor_epoch + 1, ..by_link(&active) },
        NewPassword { proves_address: elsewhere.clone(), ..of(&active) },
        NewPassword { proves_address: Some(pending.email_key.clone()), ..of(&active) },
        NewPassword { proves_address: Some(String::new()), ..of(&active) },
        NewPassword { user_id: Uuid::now_v7(), ..of(&active) },
        of(&pending),
        NewPassword { proves_address: elsewhere, ..of(&pending) },
        of(&disabled),
        by_link(&disabled),
        of(&blocked),
    ] {
        let act = event(Action::PasswordChanged);
        let ends = endings(&active);
        let taken = store.change_password(&password, &ends, at(50), &act).await.unwrap();
        assert!(!taken, "{password:?}");
    }
    for person in [active, pending, disabled, blocked] {
        assert_eq!(store.find_user(person.id).await.unwrap(), Some(person));
    }
    assert_eq!(written(store).await, before);
}
