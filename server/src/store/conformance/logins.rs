//! Half sign-ins.

use uuid::Uuid;

use super::{
    Pair,
    samples::{at, hash, login, secs},
};
use crate::domain::login::{Outstanding, PendingLogin};

pub(super) async fn half_a_sign_in_comes_back_whole(pair: &Pair) {
    let store = &*pair.sessions;
    let full = login(Uuid::new_v4());
    let bare = PendingLogin {
        outstanding: Outstanding::Verify,
        site_key: None,
        methods: Vec::new(),
        remember: false,
        ..login(Uuid::new_v4())
    };
    store.begin_login(&hash("full"), &full).await.unwrap();
    store.begin_login(&hash("bare"), &bare).await.unwrap();
    for _ in 0..2 {
        assert_eq!(store.find_login(&hash("full"), at(1)).await.unwrap().as_ref(), Some(&full));
        assert_eq!(store.find_login(&hash("bare"), at(1)).await.unwrap().as_ref(), Some(&bare));
    }
    assert_eq!(store.find_login(&hash("other"), at(1)).await.unwrap(), None);
}

pub(super) async fn half_a_sign_in_is_consumed_once(pair: &Pair) {
    let store = &*pair.sessions;
    let (one, other) = (login(Uuid::new_v4()), login(Uuid::new_v4()));
    store.begin_login(&hash("one"), &one).await.unwrap();
    store.begin_login(&hash("other"), &other).await.unwrap();
    assert_eq!(store.consume_login(&hash("one"), at(1)).await.unwrap(), Some(one));
    assert_eq!(store.consume_login(&hash("one"), at(1)).await.unwrap(), None);
    assert_eq!(store.find_login(&hash("one"), at(1)).await.unwrap(), None);
    assert_eq!(store.find_login(&hash("other"), at(1)).await.unwrap(), Some(other));
    assert_eq!(store.consume_login(&hash("unknown"), at(1)).await.unwrap(), None);
}

pub(super) async fn half_a_sign_in_does_not_exist_from_its_end_on(pair: &Pair) {
    let store = &*pair.sessions;
    let login = login(Uuid::new_v4());
    let end = login.expires_at;
    store.begin_login(&hash("token"), &login).await.unwrap();
    let just_before = end.minus(std::time::Duration::from_millis(1));
    assert_eq!(store.find_login(&hash("token"), just_before).await.unwrap(), Some(login));
    for now in [end, end.plus(secs(1))] {
        assert_eq!(store.find_login(&hash("token"), now).await.unwrap(), None);
        assert_eq!(store.consume_login(&hash("token"), now).await.unwrap(), None);
    }
}
