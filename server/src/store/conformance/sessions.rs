//! Sessions.

use jwks::policy::Level;
use uuid::Uuid;

use super::{
    Pair,
    samples::{SESSION_LIFE, at, family, hash, rotation, secs, session},
};
use crate::{
    domain::session::{FamilyAdded, NewFamily, Proof, Rotated, Session},
    store::SessionStore,
};

async fn open(store: &dyn SessionStore, session: &Session) {
    store.open_session(session, Some(&family("token")), 100).await.unwrap();
}

pub(super) async fn a_session_comes_back_whole(pair: &Pair) {
    let store = &*pair.sessions;
    let owner = Uuid::new_v4();
    for acr in [Level::OneFactor, Level::TwoFactor, Level::PhishingResistant] {
        let mut session = session(owner);
        session.proof.acr = acr;
        open(store, &session).await;
        let found = store.find_session(owner, session.sid, at(2)).await.unwrap();
        assert_eq!(found, Some(session));
    }
}

pub(super) async fn a_session_with_nothing_optional_comes_back_whole(pair: &Pair) {
    let store = &*pair.sessions;
    let full = session(Uuid::new_v4());
    let session = Session {
        site_key: None,
        proof: Proof { amr: Vec::new(), device_at: None, model: None, ..full.proof.clone() },
        remember: false,
        ip: String::new(),
        user_agent: String::new(),
        device: String::new(),
        ..full
    };
    open(store, &session).await;
    let found = store.find_session(session.user_id, session.sid, at(2)).await.unwrap();
    assert_eq!(found.as_ref(), Some(&session));
    assert_eq!(store.list_sessions(session.user_id, at(2)).await.unwrap(), [session]);
}

pub(super) async fn a_session_is_found_only_under_its_owner(pair: &Pair) {
    let store = &*pair.sessions;
    let session = session(Uuid::new_v4());
    let (stranger, sid) = (Uuid::new_v4(), session.sid);
    open(store, &session).await;
    assert_eq!(store.find_session(stranger, sid, at(2)).await.unwrap(), None);
    assert_eq!(store.find_session(session.user_id, Uuid::now_v7(), at(2)).await.unwrap(), None);
    assert_eq!(store.list_sessions(stranger, at(2)).await.unwrap(), []);
    assert!(!store.touch_session(stranger, sid, at(2)).await.unwrap());
    let family = family("x");
    let raised = store.raise_session(stranger, sid, &session.proof, &family, at(2)).await.unwrap();
    assert_eq!(raised, None);
    let added = store.add_family(stranger, sid, &family, 100, at(2)).await.unwrap();
    assert_eq!(added, FamilyAdded::NoSession);
    assert!(!store.close_session(stranger, sid).await.unwrap());
    assert_eq!(store.close_sessions(stranger, None).await.unwrap(), Vec::<Uuid>::new());
    assert_eq!(store.find_session(session.user_id, sid, at(2)).await.unwrap(), Some(session));
}

pub(super) async fn sessions_are_listed_newest_first(pair: &Pair) {
    let store = &*pair.sessions;
    let owner = Uuid::new_v4();
    let mut opened = Vec::new();
    for moment in [20, 0, 30, 10] {
        let session = Session { created_at: at(moment), ..session(owner) };
        open(store, &session).await;
        opened.push(session);
    }
    open(store, &session(Uuid::new_v4())).await;
    opened.sort_by_key(|session| std::cmp::Reverse(session.created_at));
    assert_eq!(store.list_sessions(owner, at(40)).await.unwrap(), opened);
}

pub(super) async fn activity_is_noted(pair: &Pair) {
    let store = &*pair.sessions;
    let (session, other) = (session(Uuid::new_v4()), session(Uuid::new_v4()));
    open(store, &session).await;
    open(store, &other).await;
    assert!(store.touch_session(session.user_id, session.sid, at(500)).await.unwrap());
    let active = Session { last_active_at: at(500), ..session.clone() };
    let found = store.find_session(session.user_id, session.sid, at(501)).await.unwrap();
    assert_eq!(found.as_ref(), Some(&active));
    assert_eq!(store.list_sessions(session.user_id, at(501)).await.unwrap(), [active]);
    let found = store.find_session(other.user_id, other.sid, at(501)).await.unwrap();
    assert_eq!(found, Some(other));
    assert!(!store.touch_session(session.user_id, Uuid::now_v7(), at(502)).await.unwrap());
}

pub(super) async fn a_new_proof_takes_the_place_of_the_old_one(pair: &Pair) {
    let store = &*pair.sessions;
    let session = session(Uuid::new_v4());
    open(store, &session).await;
    let proof = Proof {
        acr: Level::PhishingResistant,
        amr: vec!["hwk".to_owned(), "a \"quoted\" ü".to_owned()],
        auth_time: at(700),
        device_at: Some(at(600)),
        model: Some(Uuid::new_v4()),
    };
    let (user_id, sid, family) = (session.user_id, session.sid, family("raised"));
    let raised = store.raise_session(user_id, sid, &proof, &family, at(701)).await.unwrap();
    let expected = Session { proof: proof.clone(), last_active_at: at(701), ..session.clone() };
    assert_eq!(raised.as_ref(), Some(&expected));
    assert_eq!(store.find_session(user_id, sid, at(702)).await.unwrap(), Some(expected));
    let nobody = store.raise_session(user_id, Uuid::now_v7(), &proof, &family, at(703)).await;
    assert_eq!(nobody.unwrap(), None);
}

pub(super) async fn a_new_proof_replaces_the_families_of_its_client(pair: &Pair) {
    let store = &*pair.sessions;
    let (session, elsewhere) = (session(Uuid::new_v4()), session(Uuid::new_v4()));
    let (user_id, sid) = (session.user_id, session.sid);
    let (first, second, raised) = (family("first"), family("second"), family("raised"));
    let other = NewFamily { client_id: "auth2:shop".to_owned(), ..family("other") };
    store.open_session(&session, Some(&first), 100).await.unwrap();
    for family in [&second, &other] {
        let added = store.add_family(user_id, sid, family, 100, at(1)).await.unwrap();
        assert!(matches!(added, FamilyAdded::Added(_)));
    }
    open(store, &elsewhere).await;
    let proof = &session.proof;
    let stranger = elsewhere.user_id;
    assert_eq!(store.raise_session(stranger, sid, proof, &raised, at(2)).await.unwrap(), None);
    assert!(store.raise_session(user_id, sid, proof, &raised, at(2)).await.unwrap().is_some());

    let rotate = async |family: &NewFamily, presented: &str, successor: &str| {
        let rotation = rotation(&session, family, presented, successor);
        store.rotate_refresh(&rotation, at(3)).await.unwrap()
    };
    assert_eq!(rotate(&first, "first", "x").await, Rotated::Unknown);
    assert_eq!(rotate(&second, "second", "x").await, Rotated::Unknown);
    assert!(matches!(rotate(&other, "other", "next other").await, Rotated::Fresh(_)));
    assert!(matches!(rotate(&raised, "raised", "next").await, Rotated::Fresh(_)));
    assert!(matches!(rotate(&raised, "next", "next but one").await, Rotated::Fresh(_)));
}

pub(super) async fn a_closed_session_is_gone_and_others_stay(pair: &Pair) {
    let store = &*pair.sessions;
    let owner = Uuid::new_v4();
    let (session, other) = (session(owner), session(owner));
    let family = family("token");
    store.open_session(&session, Some(&family), 100).await.unwrap();
    open(store, &other).await;
    assert!(store.close_session(owner, session.sid).await.unwrap());
    assert!(!store.close_session(owner, session.sid).await.unwrap());
    assert_eq!(store.find_session(owner, session.sid, at(2)).await.unwrap(), None);
    assert!(!store.touch_session(owner, session.sid, at(2)).await.unwrap());
    let raised = store.raise_session(owner, session.sid, &other.proof, &family, at(2)).await;
    assert_eq!(raised.unwrap(), None);
    let refresh = rotation(&session, &family, "token", "next");
    assert_eq!(store.rotate_refresh(&refresh, at(2)).await.unwrap(), Rotated::Unknown);
    assert_eq!(store.list_sessions(owner, at(2)).await.unwrap(), [other]);
}

pub(super) async fn every_session_but_one_is_closed(pair: &Pair) {
    let store = &*pair.sessions;
    let (owner, family) = (Uuid::new_v4(), family("token"));
    let sessions = [session(owner), session(owner), session(owner)];
    for session in &sessions {
        store.open_session(session, Some(&family), 100).await.unwrap();
    }
    let stranger = session(Uuid::new_v4());
    open(store, &stranger).await;

    let mut closed = store.close_sessions(owner, Some(sessions[1].sid)).await.unwrap();
    let mut expected = vec![sessions[0].sid, sessions[2].sid];
    closed.sort();
    expected.sort();
    assert_eq!(closed, expected);
    assert_eq!(store.list_sessions(owner, at(2)).await.unwrap(), [sessions[1].clone()]);
    let refresh = rotation(&sessions[0], &family, "token", "next");
    assert_eq!(store.rotate_refresh(&refresh, at(2)).await.unwrap(), Rotated::Unknown);

    let all = store.close_sessions(owner, Some(Uuid::now_v7())).await.unwrap();
    assert_eq!(all, [sessions[1].sid]);
    assert_eq!(store.close_sessions(owner, None).await.unwrap(), Vec::<Uuid>::new());
    assert_eq!(store.list_sessions(owner, at(2)).await.unwrap(), []);
    assert_eq!(store.list_sessions(stranger.user_id, at(2)).await.unwrap(), [stranger]);
}

pub(super) async fn a_session_does_not_exist_from_its_end_on(pair: &Pair) {
    let store = &*pair.sessions;
    let session = session(Uuid::new_v4());
    let (owner, sid) = (session.user_id, session.sid);
    // A token that would outlive its session.
    let mut family = family("token");
    family.expires_at = at(0).plus(SESSION_LIFE).plus(secs(3600));
    store.open_session(&session, Some(&family), 100).await.unwrap();
    let end = session.expires_at;
    let just_before = end.minus(std::time::Duration::from_millis(1));

    assert_eq!(store.find_session(owner, sid, just_before).await.unwrap().as_ref(), Some(&session));
    assert_eq!(
        store.list_sessions(owner, just_before).await.unwrap(),
        std::slice::from_ref(&session)
    );
    assert!(store.touch_session(owner, sid, just_before).await.unwrap());
    for now in [end, end.plus(secs(3600))] {
        assert_eq!(store.find_session(owner, sid, now).await.unwrap(), None);
        assert_eq!(store.list_sessions(owner, now).await.unwrap(), []);
        assert!(!store.touch_session(owner, sid, now).await.unwrap());
        let raised = store.raise_session(owner, sid, &session.proof, &family, now).await.unwrap();
        assert_eq!(raised, None);
        let added = store.add_family(owner, sid, &family, 100, now).await.unwrap();
        assert_eq!(added, FamilyAdded::NoSession);
        let refresh = rotation(&session, &family, "token", "next");
        assert_eq!(store.rotate_refresh(&refresh, now).await.unwrap(), Rotated::Unknown);
    }
}

/// A session of the person that begins at that moment.
fn begun(owner: Uuid, moment: u64) -> Session {
    Session { created_at: at(moment), last_active_at: at(moment), ..session(owner) }
}

async fn open_of(store: &dyn SessionStore, session: &Session, keep: u32) -> Vec<Uuid> {
    store.open_session(session, Some(&family("token")), keep).await.unwrap()
}

async fn living(store: &dyn SessionStore, owner: Uuid, moment: u64) -> Vec<Uuid> {
    let sessions = store.list_sessions(owner, at(moment)).await.unwrap();
    sessions.into_iter().map(|session| session.sid).collect()
}

pub(super) async fn one_session_too_many_closes_the_one_begun_first(pair: &Pair) {
    let store = &*pair.sessions;
    let (owner, family) = (Uuid::new_v4(), family("token"));
    let [third, first, second, fourth, fifth] =
        [30, 10, 20, 40, 50].map(|moment| begun(owner, moment));
    for session in [&third, &first, &second] {
        assert_eq!(
            store.open_session(session, Some(&family), 3).await.unwrap(),
            Vec::<Uuid>::new()
        );
    }
    // What it did since does not make it a later one.
    assert!(store.touch_session(owner, first.sid, at(39)).await.unwrap());
    assert_eq!(open_of(store, &fourth, 3).await, [first.sid]);
    assert_eq!(living(store, owner, 41).await, [fourth.sid, third.sid, second.sid]);
    assert_eq!(store.find_session(owner, first.sid, at(41)).await.unwrap(), None);
    let refresh = rotation(&first, &family, "token", "next");
    assert_eq!(store.rotate_refresh(&refresh, at(41)).await.unwrap(), Rotated::Unknown);
    let refresh = rotation(&second, &family, "token", "next");
    assert!(matches!(store.rotate_refresh(&refresh, at(41)).await.unwrap(), Rotated::Fresh(_)));

    let mut closed = open_of(store, &fifth, 1).await;
    closed.sort();
    let mut others = [second.sid, third.sid, fourth.sid];
    others.sort();
    assert_eq!(closed, others);
    assert_eq!(living(store, owner, 51).await, [fifth.sid]);
}

pub(super) async fn sessions_of_one_client_make_room_for_none_of_another(pair: &Pair) {
    let store = &*pair.sessions;
    let owner = Uuid::new_v4();
    let of = |client: &str, moment| {
        let session = Session { browser: None, ..begun(owner, moment) };
        Session { client_id: client.to_owned(), ..session }
    };
    let [rail, pages, app] = [of("rail", 1), of("pages", 2), of("app", 3)];
    for session in [&rail, &pages, &app] {
        assert_eq!(open_of(store, session, 1).await, Vec::<Uuid>::new());
    }
    let mut last = app.sid;
    for moment in 4..20 {
        let next = of("app", moment);
        assert_eq!(open_of(store, &next, 1).await, [last]);
        last = next.sid;
    }
    assert_eq!(living(store, owner, 20).await, [last, pages.sid, rail.sid]);
    let again = of("rail", 20);
    assert_eq!(open_of(store, &again, 1).await, [rail.sid]);
    assert_eq!(living(store, owner, 21).await, [again.sid, last, pages.sid]);
}

pub(super) async fn sessions_that_are_over_or_of_others_are_not_counted(pair: &Pair) {
    let store = &*pair.sessions;
    let (owner, stranger) = (Uuid::new_v4(), Uuid::new_v4());
    let over = Session { expires_at: at(100), ..begun(owner, 10) };
    let (early, late, closed) = (begun(owner, 20), begun(owner, 100), begun(owner, 30));
    for session in [&over, &early, &closed, &begun(stranger, 0), &begun(stranger, 1)] {
        assert_eq!(open_of(store, session, 3).await, Vec::<Uuid>::new());
    }
    assert!(store.close_session(owner, closed.sid).await.unwrap());
    assert_eq!(open_of(store, &late, 2).await, Vec::<Uuid>::new());
    assert_eq!(living(store, owner, 101).await, [late.sid, early.sid]);
    assert_eq!(open_of(store, &begun(owner, 102), 2).await, [early.sid]);
    assert_eq!(living(store, stranger, 101).await.len(), 2);
}

pub(super) async fn a_session_that_begins_behind_the_others_is_opened_all_the_same(pair: &Pair) {
    let store = &*pair.sessions;
    let owner = Uuid::new_v4();
    let (one, two, behind) = (begun(owner, 20), begun(owner, 30), begun(owner, 10));
    for session in [&one, &two] {
        assert_eq!(open_of(store, session, 2).await, Vec::<Uuid>::new());
    }
    assert_eq!(open_of(store, &behind, 2).await, [one.sid]);
    assert_eq!(living(store, owner, 40).await, [two.sid, behind.sid]);
    assert_eq!(open_of(store, &begun(owner, 50), 0).await.len(), 2);
    assert_eq!(living(store, owner, 60).await.len(), 1);
}

pub(super) async fn a_session_without_a_family_comes_back_whole(pair: &Pair) {
    let store = &*pair.sessions;
    let whole = session(Uuid::new_v4());
    let bare = Session { browser: None, clients: Vec::new(), ..session(whole.user_id) };
    for session in [&whole, &bare] {
        store.open_session(session, None, 100).await.unwrap();
        let found = store.find_session(session.user_id, session.sid, at(2)).await.unwrap();
        assert_eq!(found.as_ref(), Some(session));
    }
    // As with a family, there are no more than are kept.
    let third = Session { created_at: at(9), ..session(whole.user_id) };
    let closed = store.open_session(&third, None, 2).await.unwrap();
    assert_eq!(closed.len(), 1);
    assert_eq!(store.list_sessions(whole.user_id, at(10)).await.unwrap().len(), 2);
}

pub(super) async fn a_browser_holds_another_secret_after_a_new_proof(pair: &Pair) {
    let store = &*pair.sessions;
    let session = session(Uuid::new_v4());
    let (user_id, sid) = (session.user_id, session.sid);
    let family = family("token");
    store.open_session(&session, Some(&family), 100).await.unwrap();
    let proof = Proof {
        acr: Level::PhishingResistant,
        amr: vec!["hwk".to_owned(), "a \"quoted\" ü".to_owned()],
        auth_time: at(700),
        device_at: None,
        model: Some(Uuid::new_v4()),
    };
    let raise = async |presented: &str, proof: &Proof, renewed: &str, now| {
        let (presented, renewed) = (hash(presented), hash(renewed));
        store.raise_browser(user_id, sid, &presented, proof, &renewed, at(now)).await.unwrap()
    };
    assert_eq!(raise("another", &proof, "x", 701).await, None);
    let expected = Session {
        proof: proof.clone(),
        browser: Some(hash("second")),
        last_active_at: at(701),
        ..session.clone()
    };
    assert_eq!(raise("browser", &proof, "second", 701).await.as_ref(), Some(&expected));
    let found = store.find_session(user_id, sid, at(702)).await.unwrap();
    assert_eq!(found.as_ref(), Some(&expected));
    let listed = store.list_sessions(user_id, at(702)).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&expected));
    // What the browser held before is nothing any more.
    assert_eq!(raise("browser", &session.proof, "third", 703).await, None);
    assert_eq!(store.find_session(user_id, sid, at(704)).await.unwrap(), Some(expected));
    // Its families live on, and show the new proof.
    let rotated =
        store.rotate_refresh(&rotation(&session, &family, "token", "next"), at(705)).await;
    let Rotated::Fresh(refreshed) = rotated.unwrap() else { panic!("the family is gone") };
    assert_eq!((refreshed.session.proof, refreshed.session.browser), (proof, Some(hash("second"))));
}

pub(super) async fn only_the_browser_of_a_living_session_is_raised(pair: &Pair) {
    let store = &*pair.sessions;
    let held = session(Uuid::new_v4());
    let bare = Session { browser: None, ..session(held.user_id) };
    for session in [&held, &bare] {
        open(store, session).await;
    }
    let (presented, renewed) = (hash("browser"), hash("renewed"));
    let raise = async |user_id, sid, now| {
        let raised =
            store.raise_browser(user_id, sid, &presented, &held.proof, &renewed, now).await;
        raised.unwrap()
    };
    assert_eq!(raise(Uuid::new_v4(), held.sid, at(1)).await, None);
    assert_eq!(raise(held.user_id, Uuid::now_v7(), at(1)).await, None);
    assert_eq!(raise(held.user_id, bare.sid, at(1)).await, None);
    for session in [&held, &bare] {
        let found = store.find_session(session.user_id, session.sid, at(2)).await.unwrap();
        assert_eq!(found.as_ref(), Some(session));
    }
    assert_eq!(raise(held.user_id, held.sid, held.expires_at).await, None);
}
