//! Tenants, and who was invited into them.

use uuid::Uuid;

use super::{
    Pair,
    samples::{at, create, event, membership, tenant, user, whole_log, written},
};
use crate::{
    domain::{
        audit::Action,
        tenant::{Membership, Tenant},
        user::DEFAULT_TENANT,
    },
    store::{IdentityStore, identity::Joined},
};

/// Makes a tenant of this id.
async fn make(store: &dyn IdentityStore, id: &str) -> Tenant {
    let tenant = tenant(id);
    assert!(store.create_tenant(&tenant, &event(Action::TenantCreated)).await.unwrap());
    tenant
}

async fn join(store: &dyn IdentityStore, membership: &Membership) -> Joined {
    store.join_tenant(membership, &event(Action::TenantJoined)).await.unwrap()
}

pub(super) async fn the_tenant_of_everybody_is_there_from_the_beginning(pair: &Pair) {
    let store = &*pair.identity;
    let tenants = store.list_tenants().await.unwrap();
    let [tenant] = &tenants[..] else { panic!("{tenants:?}") };
    assert_eq!((tenant.id.as_str(), tenant.name.as_str()), (DEFAULT_TENANT, "Default"));
    assert_eq!(store.find_tenant(DEFAULT_TENANT).await.unwrap().as_ref(), Some(tenant));
    assert_eq!(written(store).await, (0, 0));
}

pub(super) async fn a_tenant_comes_back_whole(pair: &Pair) {
    let store = &*pair.identity;
    let (tenant, act) = (tenant("acme"), event(Action::TenantCreated));
    assert!(store.create_tenant(&tenant, &act).await.unwrap());
    assert_eq!(store.find_tenant("acme").await.unwrap(), Some(tenant));
    assert_eq!(whole_log(store).await.last().unwrap().event, act);
    for unknown in ["", "ACME", "acme ", "acm"] {
        assert_eq!(store.find_tenant(unknown).await.unwrap(), None, "{unknown:?}");
    }
}

pub(super) async fn a_taken_id_makes_no_tenant(pair: &Pair) {
    let store = &*pair.identity;
    let tenant = make(store, "acme").await;
    let before = written(store).await;
    let again = Tenant { name: "Another".to_owned(), created_at: at(99), ..tenant.clone() };
    assert!(!store.create_tenant(&again, &event(Action::TenantCreated)).await.unwrap());
    assert_eq!(store.find_tenant("acme").await.unwrap(), Some(tenant));
    assert_eq!(written(store).await, before);
}

pub(super) async fn tenants_are_listed_by_id_byte_for_byte(pair: &Pair) {
    let store = &*pair.identity;
    for id in ["b", "a-b", "ab", "a", "a0", "z"] {
        make(store, id).await;
    }
    let tenants = store.list_tenants().await.unwrap();
    let ids: Vec<&str> = tenants.iter().map(|tenant| tenant.id.as_str()).collect();
    assert_eq!(ids, ["a", "a-b", "a0", "ab", "b", DEFAULT_TENANT, "z"]);
}

pub(super) async fn a_membership_comes_back_whole_with_the_person(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (user("ada"), user("bob"));
    for person in [&ada, &bob] {
        create(store, person).await;
    }
    for id in ["shop", "desk", "sh-op"] {
        make(store, id).await;
    }
    let nothing: Vec<String> = Vec::new();
    let shop = membership(ada.id, "shop");
    let desk = Membership { roles: nothing, ..membership(ada.id, "desk") };
    let dashed = membership(ada.id, "sh-op");
    for membership in [&shop, &dashed, &desk] {
        let act = event(Action::TenantJoined);
        assert_eq!(store.join_tenant(membership, &act).await.unwrap(), Joined::Joined);
        assert_eq!(whole_log(store).await.last().unwrap().event, act);
    }
    let places = [desk, dashed, shop];
    assert_eq!(store.list_memberships(ada.id).await.unwrap(), places);
    assert_eq!(store.list_memberships(bob.id).await.unwrap(), []);
    let subject = store.find_subject(ada.id, Uuid::new_v4()).await.unwrap().unwrap();
    assert_eq!((subject.user, &subject.memberships[..]), (ada, &places[..]));
    let subject = store.find_subject(bob.id, Uuid::new_v4()).await.unwrap().unwrap();
    assert_eq!((subject.user, subject.memberships), (bob, vec![]));
}

pub(super) async fn who_joins_again_has_the_new_roles_since_the_first_time(pair: &Pair) {
    let store = &*pair.identity;
    let ada = user("ada");
    create(store, &ada).await;
    make(store, "shop").await;
    let first = membership(ada.id, "shop");
    assert_eq!(join(store, &first).await, Joined::Joined);
    let again = Membership { roles: vec!["owner".to_owned()], created_at: at(99), ..first.clone() };
    let act = event(Action::TenantJoined);
    assert_eq!(store.join_tenant(&again, &act).await.unwrap(), Joined::Already);
    assert_eq!(whole_log(store).await.last().unwrap().event, act);
    let held = Membership { created_at: first.created_at, ..again };
    assert_eq!(store.list_memberships(ada.id).await.unwrap(), [held]);
}

pub(super) async fn nobody_joins_what_is_not_there_or_is_their_own(pair: &Pair) {
    let store = &*pair.identity;
    let ada = user("ada");
    create(store, &ada).await;
    make(store, &ada.tenant_id).await;
    make(store, "shop").await;
    let before = written(store).await;
    for membership in [
        membership(ada.id, "desk"),
        membership(Uuid::now_v7(), "shop"),
        membership(ada.id, &ada.tenant_id),
    ] {
        assert_eq!(join(store, &membership).await, Joined::Gone, "{membership:?}");
        assert_eq!(store.list_memberships(membership.user_id).await.unwrap(), []);
    }
    assert_eq!(written(store).await, before);
}
