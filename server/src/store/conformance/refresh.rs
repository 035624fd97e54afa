//! Refresh families: rotation is one atomic act, and at most one token of a family is live.

use std::time::Duration;

use jwks::Time;
use uuid::Uuid;

use super::{
    Pair,
    samples::{SESSION_LIFE, TOKEN_LIFE, WINDOW, at, family, hash, rotation, secs, session},
};
use crate::{
    clock::new_id,
    domain::session::{
        FamilyAdded, FoundRefresh, NewFamily, RefreshedSession, Rotated, Rotation, Session,
    },
    store::SessionStore,
};

const MILLISECOND: Duration = Duration::from_millis(1);

/// A session with one family, whose live token is `t0`.
struct Signed<'s> {
    store: &'s dyn SessionStore,
    session: Session,
    family: NewFamily,
}

impl<'s> Signed<'s> {
    async fn in_to(pair: &'s Pair) -> Self {
        let signed =
            Self { store: &*pair.sessions, session: session(Uuid::new_v4()), family: family("t0") };
        signed.store.open_session(&signed.session, Some(&signed.family), 100).await.unwrap();
        signed
    }

    fn rotation(&self, presented: &str, successor: &str) -> Rotation {
        rotation(&self.session, &self.family, presented, successor)
    }

    /// Adds a family; else those that are to make room for it.
    async fn add(&self, family: &NewFamily, keep: u32, now: Time) -> Result<(), Vec<Uuid>> {
        let Session { user_id, sid, .. } = self.session;
        match self.store.add_family(user_id, sid, family, keep, now).await.unwrap() {
            FamilyAdded::Added(session) => {
                assert_eq!(session.sid, sid);
                Ok(())
            }
            FamilyAdded::Full(first) => Err(first),
            FamilyAdded::NoSession => panic!("there is no session"),
        }
    }

    async fn rotate(&self, presented: &str, successor: &str, now: Time) -> Rotated {
        self.store.rotate_refresh(&self.rotation(presented, successor), now).await.unwrap()
    }

    /// What a rotation at `now` gives.
    fn refreshed(&self, now: Time) -> RefreshedSession {
        RefreshedSession {
            session: Session { last_active_at: now, ..self.session.clone() },
            scope: self.family.scope.clone(),
            granted: self.family.granted.clone(),
            expires_at: now.plus(TOKEN_LIFE),
        }
    }

    async fn is_open(&self, now: Time) -> bool {
        let Session { user_id, sid, .. } = self.session;
        self.store.find_session(user_id, sid, now).await.unwrap().is_some()
    }
}

pub(super) async fn a_live_token_is_rotated_again_and_again(pair: &Pair) {
    let signed = Signed::in_to(pair).await;
    for (moment, (presented, successor)) in
        (1..).zip([("t0", "t1"), ("t1", "t2"), ("t2", "t3"), ("t3", "t4")])
    {
        let now = at(0).plus(secs(3600 * moment));
        let rotated = signed.rotate(presented, successor, now).await;
        assert_eq!(rotated, Rotated::Fresh(signed.refreshed(now)));
        let Session { user_id, sid, .. } = signed.session;
        let stored = signed.store.find_session(user_id, sid, now).await.unwrap();
        assert_eq!(stored, Some(signed.refreshed(now).session));
    }
}

pub(super) async fn a_successor_lives_its_span_but_not_beyond_the_session(pair: &Pair) {
    let signed = Signed::in_to(pair).await;
    let mut short = signed.rotation("t0", "t1");
    short.ttl = secs(10);
    let now = at(1000);
    let rotated = signed.store.rotate_refresh(&short, now).await.unwrap();
    let expected = RefreshedSession { expires_at: now.plus(secs(10)), ..signed.refreshed(now) };
    assert_eq!(rotated, Rotated::Fresh(expected));

    let mut long = signed.rotation("t1", "t2");
    long.ttl = SESSION_LIFE;
    let now = now.plus(secs(10)).minus(MILLISECOND);
    let rotated = signed.store.rotate_refresh(&long, now).await.unwrap();
    let end = signed.session.expires_at;
    let expected = RefreshedSession { expires_at: end, ..signed.refreshed(now) };
    assert_eq!(rotated, Rotated::Fresh(expected));

    let last = end.minus(MILLISECOND);
    let rotated = signed.rotate("t2", "t3", last).await;
    let expected = RefreshedSession { expires_at: end, ..signed.refreshed(last) };
    assert_eq!(rotated, Rotated::Fresh(expected));
    assert_eq!(signed.rotate("t3", "t4", end).await, Rotated::Unknown);
}

pub(super) async fn a_spent_token_is_good_once_more_within_the_window(pair: &Pair) {
    let signed = Signed::in_to(pair).await;
    assert!(matches!(signed.rotate("t0", "lost", at(0)).await, Rotated::Fresh(_)));
    let now = at(0).plus(WINDOW).minus(MILLISECOND);
    let retried = signed.rotate("t0", "found", now).await;
    assert_eq!(retried, Rotated::Retried(signed.refreshed(now)));
    let now = now.plus(secs(3600));
    let rotated = signed.rotate("found", "next", now).await;
    assert_eq!(rotated, Rotated::Fresh(signed.refreshed(now)));
}

pub(super) async fn the_window_counts_from_the_first_rotation(pair: &Pair) {
    let signed = Signed::in_to(pair).await;
    let first = at(1000);
    assert!(matches!(signed.rotate("t0", "s1", first).await, Rotated::Fresh(_)));
    for (successor, after) in [("s2", secs(20)), ("s3", secs(40)), ("s4", WINDOW - MILLISECOND)] {
        let retried = signed.rotate("t0", successor, first.plus(after)).await;
        assert!(matches!(retried, Rotated::Retried(_)), "{successor}: {retried:?}");
    }
    assert_eq!(signed.rotate("t0", "s5", first.plus(WINDOW)).await, Rotated::Reused);
}

pub(super) async fn the_successor_that_a_retry_replaced_is_dead(pair: &Pair) {
    let signed = Signed::in_to(pair).await;
    signed.rotate("t0", "replaced", at(0)).await;
    assert!(matches!(signed.rotate("t0", "live", at(1)).await, Rotated::Retried(_)));
    assert_eq!(signed.rotate("replaced", "x", at(2)).await, Rotated::Reused);
    assert!(matches!(signed.rotate("live", "y", at(3)).await, Rotated::Fresh(_)));
}

pub(super) async fn a_spent_token_is_reused_once_its_successor_was_used(pair: &Pair) {
    let signed = Signed::in_to(pair).await;
    signed.rotate("t0", "t1", at(0)).await;
    assert!(matches!(signed.rotate("t0", "t1b", at(1)).await, Rotated::Retried(_)));
    assert!(matches!(signed.rotate("t1b", "t2", at(2)).await, Rotated::Fresh(_)));
    assert_eq!(signed.rotate("t0", "x", at(3)).await, Rotated::Reused);
}

pub(super) async fn a_token_of_two_rotations_ago_is_reused(pair: &Pair) {
    let signed = Signed::in_to(pair).await;
    signed.rotate("t0", "t1", at(0)).await;
    signed.rotate("t1", "t2", at(1)).await;
    signed.rotate("t2", "t3", at(2)).await;
    assert_eq!(signed.rotate("t1", "x", at(3)).await, Rotated::Reused);
}

pub(super) async fn a_token_never_issued_in_a_known_family_is_reused(pair: &Pair) {
    let signed = Signed::in_to(pair).await;
    assert_eq!(signed.rotate("never issued", "x", at(1)).await, Rotated::Reused);
}

pub(super) async fn reuse_is_told_as_often_as_it_happens_and_changes_nothing(pair: &Pair) {
    let signed = Signed::in_to(pair).await;
    signed.rotate("t0", "t1", at(2)).await;
    let late = at(2).plus(WINDOW);
    let before = signed.store.list_sessions(signed.session.user_id, late).await.unwrap();
    for _ in 0..3 {
        assert_eq!(signed.rotate("t0", "x", late).await, Rotated::Reused);
    }
    let after = signed.store.list_sessions(signed.session.user_id, late).await.unwrap();
    assert_eq!(before, after);
    assert!(matches!(signed.rotate("t1", "t2", late).await, Rotated::Fresh(_)));
}

pub(super) async fn a_closed_session_takes_every_family_with_it_and_no_other_session(pair: &Pair) {
    let signed = Signed::in_to(pair).await;
    let Session { user_id, sid, .. } = signed.session;
    let second = family("u0");
    assert!(signed.add(&second, 100, at(1)).await.is_ok());
    let elsewhere = session(user_id);
    let third = family("v0");
    signed.store.open_session(&elsewhere, Some(&third), 100).await.unwrap();

    assert!(signed.store.close_session(user_id, sid).await.unwrap());
    assert_eq!(signed.rotate("t0", "x", at(2)).await, Rotated::Unknown);
    let of_second = rotation(&signed.session, &second, "u0", "u1");
    assert_eq!(signed.store.rotate_refresh(&of_second, at(2)).await.unwrap(), Rotated::Unknown);
    assert_eq!(
        signed.store.list_sessions(user_id, at(2)).await.unwrap(),
        std::slice::from_ref(&elsewhere)
    );
    let of_third = rotation(&elsewhere, &third, "v0", "v1");
    let rotated = signed.store.rotate_refresh(&of_third, at(2)).await.unwrap();
    assert!(matches!(rotated, Rotated::Fresh(_)));
}

pub(super) async fn another_clients_token_changes_nothing(pair: &Pair) {
    let signed = Signed::in_to(pair).await;
    let Session { user_id, sid, .. } = signed.session;
    let thief = async |presented: &str, now| {
        let mut rotation = signed.rotation(presented, "stolen");
        rotation.client_id = "auth2:other".to_owned();
        signed.store.rotate_refresh(&rotation, now).await.unwrap()
    };
    assert_eq!(thief("t0", at(1)).await, Rotated::WrongClient);
    let stored = signed.store.find_session(user_id, sid, at(1)).await.unwrap();
    assert_eq!(stored.as_ref(), Some(&signed.session));
    assert!(matches!(signed.rotate("t0", "t1", at(2)).await, Rotated::Fresh(_)));
    assert_eq!(thief("t0", at(3)).await, Rotated::WrongClient);
    assert_eq!(thief("t0", at(2).plus(WINDOW)).await, Rotated::WrongClient);
    assert_eq!(thief("never issued", at(4)).await, Rotated::WrongClient);
    assert!(matches!(signed.rotate("t0", "t1b", at(5)).await, Rotated::Retried(_)));
    assert!(matches!(signed.rotate("t1b", "t2", at(6)).await, Rotated::Fresh(_)));
}

pub(super) async fn a_token_whose_life_is_over_is_unknown_and_changes_nothing(pair: &Pair) {
    let signed = Signed::in_to(pair).await;
    let Session { user_id, sid, .. } = signed.session;
    let end = signed.family.expires_at;
    assert_eq!(signed.rotate("t0", "x", end).await, Rotated::Unknown);
    assert_eq!(signed.rotate("never issued", "x", end).await, Rotated::Unknown);
    let stored = signed.store.find_session(user_id, sid, end).await.unwrap();
    assert_eq!(stored.as_ref(), Some(&signed.session));

    let just_before = end.minus(MILLISECOND);
    assert!(matches!(signed.rotate("t0", "t1", just_before).await, Rotated::Fresh(_)));
    // The spent token is judged by the life of its family now.
    assert!(matches!(signed.rotate("t0", "t1b", end).await, Rotated::Retried(_)));
    let end = end.plus(TOKEN_LIFE);
    assert_eq!(signed.rotate("t0", "x", end).await, Rotated::Unknown);
    assert_eq!(signed.rotate("t1b", "x", end).await, Rotated::Unknown);
    assert!(signed.is_open(end).await);
}

pub(super) async fn an_unknown_person_session_or_family_is_unknown(pair: &Pair) {
    let signed = Signed::in_to(pair).await;
    let right = signed.rotation("t0", "t1");
    for wrong in [
        Rotation { user_id: Uuid::new_v4(), ..right.clone() },
        Rotation { sid: Uuid::now_v7(), ..right.clone() },
        Rotation { family_id: Uuid::new_v4(), ..right.clone() },
        Rotation { family_id: Uuid::new_v4(), presented: hash("never issued"), ..right.clone() },
    ] {
        let rotated = signed.store.rotate_refresh(&wrong, at(1)).await.unwrap();
        assert_eq!(rotated, Rotated::Unknown);
    }
    let rotated = signed.store.rotate_refresh(&right, at(2)).await.unwrap();
    assert_eq!(rotated, Rotated::Fresh(signed.refreshed(at(2))));
}

pub(super) async fn the_families_of_a_session_live_side_by_side(pair: &Pair) {
    let signed = Signed::in_to(pair).await;

    let second = NewFamily {
        client_id: "auth2:shop".to_owned(),
        scope: String::new(),
        expires_at: at(0).plus(secs(100)),
        ..family("u0")
    };
    assert!(signed.add(&second, 100, at(1)).await.is_ok());
    let rotate_second = async |presented: &str, successor: &str, now| {
        let rotation = rotation(&signed.session, &second, presented, successor);
        signed.store.rotate_refresh(&rotation, now).await.unwrap()
    };
    assert!(matches!(signed.rotate("t0", "t1", at(2)).await, Rotated::Fresh(_)));
    let expected = RefreshedSession { scope: String::new(), ..signed.refreshed(at(3)) };
    assert_eq!(rotate_second("u0", "u1", at(3)).await, Rotated::Fresh(expected));
    assert!(matches!(signed.rotate("t1", "t2", at(4)).await, Rotated::Fresh(_)));
    assert!(matches!(rotate_second("u1", "u2", at(5)).await, Rotated::Fresh(_)));
    // A token of one family is no token of the other.
    assert_eq!(rotate_second("t2", "x", at(6)).await, Rotated::Reused);
}

pub(super) async fn a_family_needs_a_session(pair: &Pair) {
    let signed = Signed::in_to(pair).await;
    let Session { user_id, sid, .. } = signed.session;
    let lost = family("u0");
    let add = async |sid| signed.store.add_family(user_id, sid, &lost, 100, at(1)).await.unwrap();
    assert_eq!(add(Uuid::now_v7()).await, FamilyAdded::NoSession);
    signed.store.close_session(user_id, sid).await.unwrap();
    assert_eq!(add(sid).await, FamilyAdded::NoSession);
    let of_lost = rotation(&signed.session, &lost, "u0", "u1");
    assert_eq!(signed.store.rotate_refresh(&of_lost, at(2)).await.unwrap(), Rotated::Unknown);
}

pub(super) async fn a_client_has_so_many_families_and_the_one_used_longest_ago_is_to_go(
    pair: &Pair,
) {
    let signed = Signed::in_to(pair).await;
    let Session { user_id, sid, .. } = signed.session;
    let shop = |token: &str, begun, ends| NewFamily {
        id: new_id(begun),
        client_id: "shop".to_owned(),
        expires_at: ends,
        ..family(token)
    };
    let last = at(0).plus(TOKEN_LIFE);
    let [first, second, third] =
        [("a0", at(1)), ("b0", at(2)), ("c0", at(3))].map(|(token, at)| shop(token, at, last));
    for family in [&first, &second] {
        signed.add(family, 2, at(3)).await.unwrap();
    }
    // Those of others are not counted, nor do they make room; and nothing changed.
    for _ in 0..2 {
        assert_eq!(signed.add(&third, 2, at(3)).await, Err(vec![first.id]));
    }
    assert_eq!(signed.add(&third, 1, at(3)).await, Err(vec![first.id, second.id]));
    assert_eq!(signed.add(&third, 0, at(3)).await, Err(vec![first.id, second.id]));
    let rotate = async |family: &NewFamily, presented: &str, successor: &str, now| {
        let rotation = rotation(&signed.session, family, presented, successor);
        signed.store.rotate_refresh(&rotation, now).await.unwrap()
    };
    // What is used goes behind what is not.
    assert!(matches!(rotate(&first, "a0", "a1", at(4)).await, Rotated::Fresh(_)));
    assert_eq!(signed.add(&third, 2, at(5)).await, Err(vec![second.id]));
    assert!(signed.store.remove_family(user_id, sid, second.id).await.unwrap());
    signed.add(&third, 2, at(5)).await.unwrap();
    for (family, presented) in [(&first, "a1"), (&third, "c0")] {
        let rotated = rotate(family, presented, "next", at(6)).await;
        assert!(matches!(rotated, Rotated::Fresh(_)));
    }
    assert!(matches!(signed.rotate("t0", "t1", at(6)).await, Rotated::Fresh(_)));

    // One whose name tells nothing was used before all others; one whose life is over is none.
    let bare = NewFamily { id: Uuid::new_v4(), ..shop("d0", at(7), at(20)) };
    signed.add(&bare, 3, at(7)).await.unwrap();
    let next = shop("e0", at(8), last);
    assert_eq!(signed.add(&next, 3, at(20).minus(MILLISECOND)).await, Err(vec![bare.id]));
    signed.add(&next, 3, at(20)).await.unwrap();
}

pub(super) async fn the_live_token_and_the_one_spent_last_are_found_as_they_stand(pair: &Pair) {
    let signed = Signed::in_to(pair).await;
    let Session { user_id, sid, .. } = signed.session;
    let find = async |token: &str, now| {
        signed.store.find_refresh(user_id, sid, signed.family.id, &hash(token), now).await.unwrap()
    };
    let live = |now: Time, expires_at| FoundRefresh {
        session: Session { last_active_at: now, ..signed.session.clone() },
        client_id: signed.family.client_id.clone(),
        scope: signed.family.scope.clone(),
        granted: signed.family.granted.clone(),
        expires_at,
        spent_at: None,
    };
    let ends = signed.family.expires_at;
    // To look at it is no activity.
    for _ in 0..2 {
        assert_eq!(find("t0", at(9)).await, Some(live(at(1), ends)));
    }
    assert_eq!(find("never issued", at(9)).await, None);
    assert_eq!(find("t0", ends.minus(MILLISECOND)).await, Some(live(at(1), ends)));
    assert_eq!(find("t0", ends).await, None);
    assert!(matches!(signed.rotate("t0", "t1", at(10)).await, Rotated::Fresh(_)));
    let ends = at(10).plus(TOKEN_LIFE);
    let spent = |now| Some(FoundRefresh { spent_at: Some(at(10)), ..live(now, ends) });
    assert_eq!(find("t0", at(11)).await, spent(at(10)));
    assert_eq!(find("t0", ends).await, None);
    assert_eq!(find("t1", at(11)).await, Some(live(at(10), ends)));
    let (id, hash) = (signed.family.id, hash("t1"));
    for (user_id, sid, id) in
        [(Uuid::new_v4(), sid, id), (user_id, Uuid::now_v7(), id), (user_id, sid, Uuid::new_v4())]
    {
        let found = signed.store.find_refresh(user_id, sid, id, &hash, at(11)).await.unwrap();
        assert_eq!(found, None);
    }
    // A retry leaves the instant as it was; the successor that it took the place of is nothing.
    assert!(matches!(signed.rotate("t0", "t2", at(12)).await, Rotated::Retried(_)));
    let ends = at(12).plus(TOKEN_LIFE);
    let spent = Some(FoundRefresh { spent_at: Some(at(10)), ..live(at(12), ends) });
    assert_eq!(find("t0", at(13)).await, spent);
    assert_eq!(find("t1", at(13)).await, None);
    // The one spent before last is nothing either.
    assert!(matches!(signed.rotate("t2", "t3", at(14)).await, Rotated::Fresh(_)));
    assert_eq!(find("t0", at(15)).await, None);
    assert_eq!(find("t2", at(15)).await.and_then(|found| found.spent_at), Some(at(14)));
    signed.store.close_session(user_id, sid).await.unwrap();
    assert_eq!(find("t3", at(16)).await, None);
}

pub(super) async fn a_removed_family_is_gone_and_others_stay(pair: &Pair) {
    let signed = Signed::in_to(pair).await;
    let Session { user_id, sid, .. } = signed.session;
    // Of the same client, without scopes and without a grant.
    let bare = NewFamily { scope: String::new(), granted: None, ..family("u0") };
    assert!(signed.add(&bare, 100, at(1)).await.is_ok());
    let remove =
        async |user_id, sid, id| signed.store.remove_family(user_id, sid, id).await.unwrap();
    let id = signed.family.id;
    assert!(!remove(Uuid::new_v4(), sid, id).await);
    assert!(!remove(user_id, Uuid::now_v7(), id).await);
    assert!(!remove(user_id, sid, Uuid::new_v4()).await);
    assert!(matches!(signed.rotate("t0", "t1", at(2)).await, Rotated::Fresh(_)));
    assert!(remove(user_id, sid, id).await);
    assert!(!remove(user_id, sid, id).await);
    for token in ["t0", "t1", "never issued"] {
        assert_eq!(signed.rotate(token, "t2", at(3)).await, Rotated::Unknown);
    }
    assert!(signed.is_open(at(3)).await);
    let of_bare = rotation(&signed.session, &bare, "u0", "u1");
    let rotated = signed.store.rotate_refresh(&of_bare, at(3)).await.unwrap();
    let expected =
        RefreshedSession { scope: String::new(), granted: None, ..signed.refreshed(at(3)) };
    assert_eq!(rotated, Rotated::Fresh(expected));
}

pub(super) async fn a_family_in_the_place_of_another_has_what_was_granted_to_it(pair: &Pair) {
    let signed = Signed::in_to(pair).await;
    let Session { user_id, sid, ref proof, .. } = signed.session;
    // The same name: nothing of the old one is left in it.
    let bare = NewFamily { granted: None, ..signed.family.clone() };
    signed.store.raise_session(user_id, sid, proof, &bare, at(1)).await.unwrap();
    let expected = RefreshedSession { granted: None, ..signed.refreshed(at(2)) };
    assert_eq!(signed.rotate("t0", "t1", at(2)).await, Rotated::Fresh(expected));
    let granted = signed.family.granted.clone();
    let again = NewFamily { hash: hash("v0"), granted, ..bare };
    signed.store.raise_session(user_id, sid, proof, &again, at(3)).await.unwrap();
    assert_eq!(signed.rotate("v0", "v1", at(4)).await, Rotated::Fresh(signed.refreshed(at(4))));
}
