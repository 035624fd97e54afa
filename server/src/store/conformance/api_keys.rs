//! Personal API keys.

use std::time::Duration;

use jwks::{
    api_key::KeyHolder,
    cutoff::CutOffKind,
    feed::{Change, Entry},
};
use uuid::Uuid;

use super::{
    Pair,
    samples::{api_key, at, create, cut_off, event, hash, secs, user, whole_log, written},
};
use crate::{
    domain::{
        api_key::{ApiKey, without_keys},
        audit::{Action, Event},
        user::{User, UserStatus},
    },
    store::{
        IdentityStore,
        identity::{ApiKeyMade, EXPIRED_KEYS_KEPT, ProfileChanged},
    },
};

/// Above what any case makes.
const MANY: u32 = 100;

async fn person(store: &dyn IdentityStore, name: &str) -> User {
    let person = user(name);
    create(store, &person).await;
    person
}

async fn make(store: &dyn IdentityStore, owner: &User, key: &ApiKey, most: u32) -> ApiKeyMade {
    let act = event(Action::ApiKeyCreated);
    store.create_api_key(key, owner.factor_epoch, None, most, &act).await.unwrap()
}

/// What edges are told of a person and these keys of theirs, in the order of their ids.
fn holder(owner: &User, keys: &[&ApiKey]) -> KeyHolder {
    let mut keys: Vec<_> = keys.iter().map(|key| key.record()).collect();
    keys.sort_by_key(|key| key.id);
    KeyHolder {
        user_id: owner.id,
        email: owner.email.clone(),
        name: owner.name.clone(),
        roles: owner.roles.clone(),
        tenant_id: owner.tenant_id.clone(),
        active: owner.status == UserStatus::Active,
        keys,
    }
}

fn ids(keys: &[ApiKey]) -> Vec<Uuid> {
    keys.iter().map(|key| key.id).collect()
}

pub(super) async fn an_api_key_comes_back_whole_and_only_to_its_owner(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (person(store, "ada").await, person(store, "bob").await);
    let key = api_key(ada.id);
    let (_, before) = store.feed_head().await.unwrap();
    let act = event(Action::ApiKeyCreated);
    let made = store.create_api_key(&key, ada.factor_epoch, None, 1, &act).await.unwrap();
    assert_eq!(made, ApiKeyMade::Made);
    assert_eq!(whole_log(store).await.pop().unwrap().event, act);
    let told = Change::KeyHolder(Box::new(holder(&ada, &[&key])));
    let told = Entry { seq: before + 1, at: act.at, change: told };
    assert_eq!(store.list_feed(before, 10).await.unwrap(), [told]);
    assert_eq!(store.find_api_key(key.id).await.unwrap().as_ref(), Some(&key));
    assert_eq!(store.list_api_keys(ada.id).await.unwrap(), [key]);
    assert_eq!(store.list_api_keys(bob.id).await.unwrap(), []);
    assert_eq!(store.find_api_key(Uuid::now_v7()).await.unwrap(), None);

    let bare = ApiKey {
        id: Uuid::now_v7(),
        scopes: Vec::new(),
        sites: Vec::new(),
        networks: Vec::new(),
        last_used_at: None,
        ..api_key(bob.id)
    };
    assert_eq!(make(store, &bob, &bare, 1).await, ApiKeyMade::Made);
    assert_eq!(store.find_api_key(bare.id).await.unwrap(), Some(bare));
}

pub(super) async fn api_keys_are_listed_newest_first(pair: &Pair) {
    let store = &*pair.identity;
    let ada = person(store, "ada").await;
    let mut keys = [20, 0, 30].map(|moment| ApiKey { created_at: at(moment), ..api_key(ada.id) });
    for key in &keys {
        assert_eq!(make(store, &ada, key, MANY).await, ApiKeyMade::Made);
    }
    keys.sort_by_key(|key| std::cmp::Reverse(key.created_at));
    assert_eq!(store.list_api_keys(ada.id).await.unwrap(), keys);
}

pub(super) async fn the_api_keys_of_everybody_are_listed_in_pages(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (person(store, "ada").await, person(store, "bob").await);
    let mut keys = Vec::new();
    for owner in [&ada, &bob, &ada, &bob, &ada] {
        let key = api_key(owner.id);
        assert_eq!(make(store, owner, &key, MANY).await, ApiKeyMade::Made);
        keys.push(key);
    }
    keys.sort_by_key(|key| std::cmp::Reverse(key.id));
    let list = async |owner, after, skip, limit| {
        store.page_api_keys(owner, after, skip, limit).await.unwrap()
    };
    let count = async |owner, after| store.count_api_keys(owner, after).await.unwrap();
    assert_eq!(list(None, None, 0, 10).await, keys);
    assert_eq!(list(None, None, 1, 2).await, keys[1..3]);
    assert_eq!(list(None, Some(keys[1].id), 0, 2).await, keys[2..4]);
    assert_eq!((count(None, None).await, count(None, Some(keys[1].id)).await), (5, 3));
    let bobs: Vec<ApiKey> = keys.iter().filter(|key| key.user_id == bob.id).cloned().collect();
    assert_eq!(list(Some(bob.id), None, 0, 10).await, bobs);
    assert_eq!(list(Some(bob.id), Some(bobs[0].id), 0, 10).await, bobs[1..]);
    assert_eq!(
        (count(Some(bob.id), None).await, count(Some(bob.id), Some(bobs[1].id)).await),
        (2, 0)
    );
    assert_eq!(count(Some(Uuid::new_v4()), None).await, 0);
}

pub(super) async fn an_api_key_is_made_only_for_whom_it_was_judged_for(pair: &Pair) {
    let store = &*pair.identity;
    let ada = person(store, "ada").await;
    let disabled = User { status: UserStatus::Disabled, ..user("bob") };
    create(store, &disabled).await;
    let before = written(store).await;
    let (overtaken, nobody) =
        (User { factor_epoch: ada.factor_epoch + 1, ..ada.clone() }, user("carl"));
    for owner in [&overtaken, &disabled, &nobody] {
        let key = api_key(owner.id);
        assert_eq!(make(store, owner, &key, MANY).await, ApiKeyMade::Overtaken);
        // That is asked before how many there are.
        assert_eq!(make(store, owner, &key, 0).await, ApiKeyMade::Overtaken);
        assert_eq!(store.find_api_key(key.id).await.unwrap(), None);
    }
    assert_eq!(written(store).await, before);
}

pub(super) async fn nobody_has_more_api_keys_than_may_be(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (person(store, "ada").await, person(store, "bob").await);
    assert_eq!(make(store, &bob, &api_key(bob.id), 2).await, ApiKeyMade::Made);
    let over = ApiKey { created_at: at(0), expires_at: at(50), ..api_key(ada.id) };
    let dead = ApiKey { created_at: at(10), expires_at: at(900), ..api_key(ada.id) };
    let good = ApiKey { created_at: at(11), expires_at: at(51), ..api_key(ada.id) };
    for key in [&over, &dead, &good] {
        assert_eq!(make(store, &ada, key, MANY).await, ApiKeyMade::Made);
    }
    let new = ApiKey { created_at: at(50), expires_at: at(900), ..api_key(ada.id) };
    let add = async |key: &ApiKey, dead_until, most| {
        let act = event(Action::ApiKeyCreated);
        store.create_api_key(key, ada.factor_epoch, dead_until, most, &act).await.unwrap()
    };
    let before = written(store).await;
    // The one that is over does not count, and stays where nothing is made.
    assert_eq!(add(&new, None, 2).await, ApiKeyMade::TooMany);
    assert_eq!(add(&new, Some(at(9)), 2).await, ApiKeyMade::TooMany);
    assert_eq!(add(&new, Some(at(10)), 1).await, ApiKeyMade::TooMany);
    assert_eq!(add(&new, Some(at(10)), 0).await, ApiKeyMade::TooMany);
    assert_eq!(written(store).await, before);
    assert_eq!(store.list_api_keys(ada.id).await.unwrap().len(), 3);
    // Nor does one that was ended with everything.
    assert_eq!(add(&new, Some(at(10)), 2).await, ApiKeyMade::Made);
    assert_eq!(ids(&store.list_api_keys(ada.id).await.unwrap()), ids(&[new, good]));
    assert_eq!(store.list_api_keys(bob.id).await.unwrap().len(), 1);
}

pub(super) async fn a_revoked_api_key_is_gone_and_the_feed_says_so(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (person(store, "ada").await, person(store, "bob").await);
    let (key, other) = (api_key(ada.id), api_key(ada.id));
    for key in [&key, &other] {
        assert_eq!(make(store, &ada, key, MANY).await, ApiKeyMade::Made);
    }
    let end = cut_off(CutOffKind::ApiKey, &key.id.to_string(), at(60), at(90));
    let act = Event { at: at(55), ..event(Action::ApiKeyRevoked) };
    let revoke = async |owner: Uuid, id: Uuid| {
        store.revoke_api_key(owner, id, std::slice::from_ref(&end), &act).await.unwrap()
    };
    let before = written(store).await;
    assert!(!revoke(bob.id, key.id).await);
    assert!(!revoke(ada.id, Uuid::now_v7()).await);
    assert_eq!(written(store).await, before);
    assert!(revoke(ada.id, key.id).await);
    assert_eq!(store.find_api_key(key.id).await.unwrap(), None);
    assert_eq!(store.list_api_keys(ada.id).await.unwrap(), std::slice::from_ref(&other));
    assert_eq!(whole_log(store).await.pop().unwrap().event, act);
    let feed = store.list_feed(before.1, 10).await.unwrap();
    let told = |place, change| Entry { seq: before.1 + place, at: at(55), change };
    let left = Change::KeyHolder(Box::new(holder(&ada, &[&other])));
    assert_eq!(feed, [told(1, Change::CutOff(end.clone())), told(2, left)]);
    let written_since = written(store).await;
    assert!(!revoke(ada.id, key.id).await);
    assert_eq!(written(store).await, written_since);
}

pub(super) async fn what_becomes_of_the_owner_of_api_keys_is_told(pair: &Pair) {
    let store = &*pair.identity;
    let (ada, bob) = (person(store, "ada").await, person(store, "bob").await);
    let key = api_key(ada.id);
    let over = ApiKey { expires_at: at(1), ..api_key(ada.id) };
    for key in [&key, &over] {
        assert_eq!(make(store, &ada, key, MANY).await, ApiKeyMade::Made);
    }
    let rename = async |person: &User| {
        let before = store.feed_head().await.unwrap().1;
        let renamed = User { name: "Countess".to_owned(), ..person.clone() };
        let act = event(Action::ProfileUpdated);
        let changed = store.change_profile(&renamed, person.updated_at, at(60), &act).await;
        assert_eq!(changed.unwrap(), ProfileChanged::Changed);
        let told = store.list_feed(before, 10).await.unwrap();
        (renamed, told.into_iter().map(|entry| entry.change).collect::<Vec<_>>())
    };
    // Nobody needs to know of those who have no keys, nor of keys that are over.
    assert_eq!(rename(&bob).await.1, []);
    let (ada, told) = rename(&ada).await;
    let now = holder(&ada, &[&key]);
    assert_eq!(told, [Change::KeyHolder(Box::new(now.clone()))]);
    let snapshot = async || store.snapshot("https://issuer.example", 100_000, at(7)).await.unwrap();
    assert_eq!(snapshot().await.key_holders, [now]);
    let (old, again) = (
        ApiKey { created_at: at(1), ..api_key(bob.id) },
        ApiKey { created_at: at(5001), ..api_key(bob.id) },
    );
    for key in [&old, &again] {
        assert_eq!(make(store, &bob, key, MANY).await, ApiKeyMade::Made);
    }
    let bob = store.find_user(bob.id).await.unwrap().unwrap();
    let all = snapshot().await;
    assert_eq!((all.key_holders.len(), all.more_keys), (2, false));
    // What there is no room for is found when somebody asks.
    for (most, more) in [(0, true), (2, true), (3, false)] {
        let some = store.snapshot("https://issuer.example", most, at(7)).await.unwrap();
        let told: usize = some.key_holders.iter().map(|holder| holder.keys.len()).sum();
        assert_eq!((told, some.more_keys), (most as usize, more));
    }
    let found = async |key| store.find_key_holder(key, at(7)).await.unwrap();
    assert_eq!(found(again.id).await, Some(holder(&bob, &[&old, &again])));
    assert_eq!(found(Uuid::now_v7()).await, None);
    // What everything's end leaves dead is gone for good, and what was made later is not.
    let end = cut_off(CutOffKind::User, &bob.id.to_string(), at(4000), at(9000));
    store.cut_off(&[end], &event(Action::SessionRevoked)).await.unwrap();
    assert_eq!(ids(&store.list_api_keys(bob.id).await.unwrap()), [again.id]);
    let held = snapshot().await.key_holders;
    assert!(held.contains(&holder(&bob, &[&again])), "{held:?}");
    // The last one that is taken away leaves nothing to tell.
    let end = cut_off(CutOffKind::ApiKey, &again.id.to_string(), at(9000), at(9000));
    let before = store.feed_head().await.unwrap().1;
    let act = event(Action::ApiKeyRevoked);
    assert!(store.revoke_api_key(bob.id, again.id, &[end], &act).await.unwrap());
    let told = store.list_feed(before, 10).await.unwrap().pop().unwrap().change;
    assert_eq!(told, Change::KeyHolder(Box::new(without_keys(bob.id))));
    let later =
        store.snapshot("https://issuer.example", 100_000, key.expires_at.plus(secs(1))).await;
    assert_eq!(later.unwrap().key_holders, []);
}

pub(super) async fn the_use_of_api_keys_is_noted_together_and_never_goes_back(pair: &Pair) {
    let store = &*pair.identity;
    let ada = person(store, "ada").await;
    let keys = [None, Some(at(40)), Some(at(40))]
        .map(|last_used_at| ApiKey { last_used_at, ..api_key(ada.id) });
    for key in &keys {
        assert_eq!(make(store, &ada, key, MANY).await, ApiKeyMade::Made);
    }
    let before = written(store).await;
    let [one, two, three] = [keys[0].id, keys[1].id, keys[2].id];
    store
        .note_key_uses(&[
            (one, at(7)),
            (Uuid::now_v7(), at(9)),
            (two, at(50)),
            (one, at(5)),
            (three, at(30)),
        ])
        .await
        .unwrap();
    store.note_key_uses(&[]).await.unwrap();
    let used = async |id| store.find_api_key(id).await.unwrap().unwrap().last_used_at;
    assert_eq!(used(one).await, Some(at(7)));
    assert_eq!(used(two).await, Some(at(50)));
    assert_eq!(used(three).await, Some(at(40)));
    assert_eq!(written(store).await, before);
}

pub(super) async fn an_api_key_that_expired_is_kept_for_a_while(pair: &Pair) {
    let store = &*pair.identity;
    let ada = person(store, "ada").await;
    let key = ApiKey { expires_at: at(100), ..api_key(ada.id) };
    let later = ApiKey { expires_at: at(101), ..api_key(ada.id) };
    for key in [&key, &later] {
        assert_eq!(make(store, &ada, key, MANY).await, ApiKeyMade::Made);
    }
    let over = at(100).plus(EXPIRED_KEYS_KEPT);
    // What the feed said of them is over by then; its newest entry stays.
    assert_eq!(store.sweep(over.minus(secs(1))).await.unwrap(), 1);
    for (now, gone) in [(over.minus(Duration::from_millis(1)), 0), (over, 1), (over, 0)] {
        assert_eq!(store.sweep(now).await.unwrap(), gone);
    }
    assert_eq!(ids(&store.list_api_keys(ada.id).await.unwrap()), [later.id]);
    assert_eq!(later.hash, hash("api key"));
}
